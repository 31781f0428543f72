/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The parser's state, between parse.c, which reads, and parse_error.c, which complains. */
#ifndef OCISPEC_PARSER_H
#define OCISPEC_PARSER_H

#include "libocispec/object.h"

enum place {
	IN_OBJECT, /* of the tables: object, base; field is that of the name read last, or NULL */
	IN_ARRAY,  /* field's own array in the object at base; kind STRS, U32S or OBJS */
	IN_MAP,	   /* field's own map in the object at base; kind MAP or OBJMAP */
	IN_SKIP,   /* below a name that the tables do not know */
};

struct frame {
	enum place place;
	const struct oci_object *object;
	const struct oci_field *field;
	void *base;
	uint64_t named;	 /* IN_OBJECT: bit i is set when the name of field i was read */
	uint64_t filled; /* … and its value was not null */
};

struct parser {
	const struct oci_object *document;
	const char *prefix; /* what the names of places begin with: "process." or "" */
	void *result;	    /* the document's struct */
	struct frame stack[OCI_MAX_DEPTH];
	unsigned depth; /* frames in use; 0 before the document's brace and after its end */
	bool finished;	/* the document's closing brace was read */
	size_t memory;	/* bytes allocated */
	size_t n_unknown;
	int code; /* why a callback gave up */
	char **err;
};

/* What yajl wants to hear. */
#define GO_ON 1
#define GIVE_UP 0

/* Gives up with "PLACE: message", for the place in the document that the parser is at. */
int parser_complain(struct parser *p, int code, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* Gives up with "PLACE: expected …, found …"; kind is what should have come. */
int parser_unexpected(struct parser *p, enum oci_kind kind, const char *found);

int parser_no_memory(struct parser *p);

#endif
