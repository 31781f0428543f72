/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * config.json, state.json and features.json of the OCI runtime specification (1.0 to 1.3) as C
 * structs. The structs are made from the tables in tables.h, where each object is described one
 * field a line; a JSON field `noNewPrivileges` of process is `has_no_new_privileges` and
 * `no_new_privileges` of struct oci_process. In short (tables.h says it per field):
 *
 *	strings			char *x;			NULL: absent
 *	numbers and booleans	bool has_x; T x;		x is 0 or false when absent
 *	objects			struct oci_T *x;		NULL: absent; config->linux and
 *								process->user never are
 *	arrays			T *x; size_t n_x;		strings: char **, NULL at the end
 *	name/string maps	struct oci_map x;
 *	name/object maps	struct oci_T *x; char **x_keys; size_t n_x;
 *
 * This library is a leaf: it knows nothing of husk and could be lifted out.
 */
#ifndef OCISPEC_OCISPEC_H
#define OCISPEC_OCISPEC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* GNU C predefines `linux` as 1, which would turn the field config->linux into nonsense. */
#undef linux

#include "libocispec/tables.h"

/* The version of the runtime specification that is implemented; fields of 1.3 are known as well. */
#define OCI_SPEC_VERSION "1.3.0"

/* No document may be larger (bytes), nor nest deeper, nor need more memory when parsed (bytes). */
#define OCI_MAX_TEXT (16u << 20)
#define OCI_MAX_DEPTH 64
#define OCI_MAX_MEMORY (128u << 20)

/* A JSON object with arbitrary names and string values, in the order of the file. */
struct oci_map {
	char **keys;
	char **values;
	size_t n;
};

#define OCI_FIELD(kind, object, need, field, json) OCI_FIELD_##kind(object, field)
#define OCI_FIELD_STR(object, field) char *field;
#define OCI_FIELD_STRS(object, field)                                                              \
	char **field;                                                                              \
	size_t n_##field;
#define OCI_FIELD_SCALAR(T, field)                                                                 \
	bool has_##field;                                                                          \
	T field;
#define OCI_FIELD_BOOL(object, field) OCI_FIELD_SCALAR(bool, field)
#define OCI_FIELD_I32(object, field) OCI_FIELD_SCALAR(int32_t, field)
#define OCI_FIELD_I64(object, field) OCI_FIELD_SCALAR(int64_t, field)
#define OCI_FIELD_U16(object, field) OCI_FIELD_SCALAR(uint16_t, field)
#define OCI_FIELD_U32(object, field) OCI_FIELD_SCALAR(uint32_t, field)
#define OCI_FIELD_U64(object, field) OCI_FIELD_SCALAR(uint64_t, field)
#define OCI_FIELD_U32S(object, field)                                                              \
	uint32_t *field;                                                                           \
	size_t n_##field;
#define OCI_FIELD_OBJ(object, field) struct oci_##object *field;
#define OCI_FIELD_OBJS(object, field)                                                              \
	struct oci_##object *field;                                                                \
	size_t n_##field;
#define OCI_FIELD_MAP(object, field) struct oci_map field;
#define OCI_FIELD_OBJMAP(object, field)                                                            \
	struct oci_##object *field;                                                                \
	char **field##_keys;                                                                       \
	size_t n_##field;
#define OCI_FIELD_COUNT(object, field) size_t field;

#define OCI_STRUCT(name, table)                                                                    \
	struct oci_##name {                                                                        \
		table(OCI_FIELD)                                                                   \
	};
OCI_OBJECTS(OCI_STRUCT)
#undef OCI_STRUCT

/*
 * oci_X_parse: makes *out from len bytes of JSON at text. Returns 0; or a negative errno and in
 * *err a malloc()ed sentence without newline, which names the place in the document, what was
 * expected and what was found ("process.args[1]: expected a string, found a number"):
 *	-EINVAL	not JSON, not what the tables say, or (config, process) against a rule of the spec
 *	-EFBIG	larger, deeper or more demanding than OCI_MAX_TEXT, _DEPTH or _MEMORY
 *	-ENOMEM
 * Fields the tables do not know are skipped, as the spec demands, and counted in n_unknown. A field
 * that is null counts as absent.
 *
 * oci_X_load: the same for a file; errors of open(2) and read(2) besides, and every sentence then
 * begins with the path.
 *
 * oci_X_free: releases the object and everything in it; NULL is allowed. Whatever a caller puts
 * into an object must therefore be malloc()ed.
 *
 * oci_X_write: the object as JSON text (malloc()ed, no newline at its end; NULL: no memory).
 * pretty: one field a line, indented with tabs. Absent fields are left out, and so are empty arrays and
 * maps. It has no opinion about what it writes: what was parsed is written as it was.
 */
#define OCI_DOCUMENT(X)                                                                            \
	int oci_##X##_parse(const char *text, size_t len, struct oci_##X **out, char **err);       \
	int oci_##X##_load(const char *path, struct oci_##X **out, char **err);                    \
	void oci_##X##_free(struct oci_##X *x);                                                    \
	char *oci_##X##_write(const struct oci_##X *x, bool pretty);

OCI_DOCUMENT(config)   /* config.json; includes oci_config_validate() */
OCI_DOCUMENT(process)  /* the process object alone; includes oci_process_validate() */
OCI_DOCUMENT(resources) /* linux.resources alone, as `update` reads it; includes its rules */
OCI_DOCUMENT(state)    /* the state object of runtime.md */
OCI_DOCUMENT(features) /* the features object of features.md */
#undef OCI_DOCUMENT

/*
 * The rules of the spec that types alone do not say: enumerations, absolute paths, duplicates,
 * ranges. Returns 0, or -EINVAL (-ENOMEM) with a sentence in *err. oci_X_parse() has called it
 * already; it is for objects that were changed or built by hand.
 */
int oci_config_validate(const struct oci_config *config, char **err);
int oci_process_validate(const struct oci_process *process, char **err);

/*
 * Lays `from` over `to`: what it has replaces what `to` had, objects field by field, maps name by name,
 * arrays whole. What is moved is no longer in `from`, which is still to be freed. 0 or -ENOMEM.
 */
int oci_resources_merge(struct oci_resources *to, struct oci_resources *from);

/* The value of a name in a map, or NULL. */
const char *oci_map_get(const struct oci_map *map, const char *key);

/* Adds or replaces a name in a map (copies both). 0 or -ENOMEM. */
int oci_map_set(struct oci_map *map, const char *key, const char *value);

/* Appends a copy of s to an array of strings as STRS keeps them. 0 or -ENOMEM. */
int oci_strs_append(char ***strs, size_t *n, const char *s);

/* The number of "CAP_…", or -1: capabilities that linux/capability.h names. */
int oci_capability_number(const char *name);
/* The name of a capability number, or NULL. */
const char *oci_capability_name(int number);
/* The RLIMIT_… number of "RLIMIT_…", or -1. */
int oci_rlimit_number(const char *name);
/* The policy number of "SCHED_…" (sched(7)), or -1. */
int oci_scheduler_policy(const char *name);

/* As many CPUs as Linux can be built for, and more than it knows memory nodes. */
#define OCI_LIST_MAX 8192
/*
 * A list of CPUs or nodes ("0-3,7") as bits: bit n % 8 of mask[n / 8], the rest cleared. size in
 * bytes. 0; -EINVAL: not a list; -ERANGE: a number that mask has no room for.
 */
int oci_list_parse(const char *list, unsigned char *mask, size_t size);

#endif
