/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The tables of tables.h as data, for the three that walk them: the parser, the writer and the
 * release function. Inside libocispec only.
 */
#ifndef OCISPEC_OBJECT_H
#define OCISPEC_OBJECT_H

#include <stdarg.h>

#include "libocispec/ocispec.h"

enum oci_kind {
	OCI_STR,
	OCI_STRS,
	OCI_BOOL,
	OCI_I32,
	OCI_I64,
	OCI_U16,
	OCI_U32,
	OCI_U64,
	OCI_U32S,
	OCI_OBJ,
	OCI_OBJS,
	OCI_MAP,
	OCI_OBJMAP,
	OCI_COUNT,
};

enum oci_need { OCI_OPT, OCI_REQ, OCI_DEF };

/* One row. The offsets are those of the members that the kind has (tables.h). */
struct oci_field {
	const char *json;
	enum oci_kind kind;
	enum oci_need need;
	unsigned short at;	/* the value, array or pointer */
	unsigned short size_at; /* has_X of a scalar, n_X of an array or map */
	unsigned short keys_at; /* X_keys of OBJMAP */
	const struct oci_object *(*object)(void);
};

struct oci_object {
	size_t size; /* of the struct, bytes */
	unsigned n_fields;
	const struct oci_field *fields;
};

/* oci_object_NAME() for each of OCI_OBJECTS. */
#define OCI_DECLARE(name, table) const struct oci_object *oci_object_##name(void);
OCI_OBJECTS(OCI_DECLARE)
#undef OCI_DECLARE

static inline void *oci_member(const void *base, unsigned short at)
{
	return (char *)base + at;
}

/* Releases everything inside the object at base, but not base itself. */
void oci_object_clear(const struct oci_object *object, void *base);

/*
 * Stores a formatted, malloc()ed sentence in *err, in the place of one that is there; err may be
 * NULL. Returns code.
 */
int oci_error(char **err, int code, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/*
 * Text for a message: s in double quotes, cut to about 60 bytes, control characters as '?', so that
 * a hostile config.json cannot send escape sequences to a terminal. buf is returned.
 */
#define OCI_QUOTED 80
const char *oci_quote(char buf[OCI_QUOTED], const char *s);

#endif
