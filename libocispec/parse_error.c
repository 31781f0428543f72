/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the parser says when a document is not as it should be. */
#include "libocispec/parser.h"

#include <errno.h>
#include <stdio.h>

/* The name of the place the parser is at: `linux.namespaces[2].type`. Long names are cut. */
static void describe_place(const struct parser *p, char *buf, size_t size)
{
	FILE *out = fmemopen(buf, size, "w");
	char quoted[OCI_QUOTED];

	buf[0] = 0;
	if (!out)
		return;
	for (unsigned i = 0; i < p->depth; i++) {
		const struct frame *f = &p->stack[i];
		size_t n;

		if (f->place == IN_OBJECT && f->field) {
			fprintf(out, "%s%s", i ? "." : "", f->field->json);
		} else if (f->place == IN_ARRAY) {
			/* A string is counted when it is complete, an object when it begins. */
			n = *(size_t *)oci_member(f->base, f->field->size_at);
			n -= f->field->kind == OCI_OBJS && i + 1 < p->depth;
			fprintf(out, "[%zu]", n);
		} else if (f->place == IN_MAP) {
			char **keys;

			if (f->field->kind == OCI_MAP) {
				const struct oci_map *map = oci_member(f->base, f->field->at);

				keys = map->keys;
				n = map->n;
			} else {
				keys = *(char ***)oci_member(f->base, f->field->keys_at);
				n = *(size_t *)oci_member(f->base, f->field->size_at);
			}
			if (n)
				fprintf(out, "[%s]", oci_quote(quoted, keys[n - 1]));
		}
	}
	fclose(out);
	buf[size - 1] = 0;
}

int parser_complain(struct parser *p, int code, const char *fmt, ...)
{
	char place[1024], message[256];
	va_list ap;

	describe_place(p, place, sizeof(place));
	va_start(ap, fmt);
	vsnprintf(message, sizeof(message), fmt, ap);
	va_end(ap);
	p->code = oci_error(p->err, code, "%s%s: %s", place[0] ? p->prefix : "",
			    place[0] ? place : "the document", message);
	return GIVE_UP;
}

static const char *expectation(enum oci_kind kind)
{
	switch (kind) {
	case OCI_STR:
		return "a string";
	case OCI_BOOL:
		return "true or false";
	case OCI_I32:
		return "an integer from -2147483648 to 2147483647";
	case OCI_I64:
		return "an integer from -9223372036854775808 to 9223372036854775807";
	case OCI_U16:
		return "an integer from 0 to 65535";
	case OCI_U32:
		return "an integer from 0 to 4294967295";
	case OCI_U64:
		return "an integer from 0 to 18446744073709551615";
	case OCI_STRS:
	case OCI_U32S:
	case OCI_OBJS:
		return "an array";
	case OCI_OBJ:
	case OCI_MAP:
	case OCI_OBJMAP:
	case OCI_COUNT:
		break;
	}
	return "an object";
}

int parser_unexpected(struct parser *p, enum oci_kind kind, const char *found)
{
	return parser_complain(p, -EINVAL, "expected %s, found %s", expectation(kind), found);
}

int parser_no_memory(struct parser *p)
{
	p->code = oci_error(p->err, -ENOMEM, "out of memory");
	return GIVE_UP;
}
