/* SPDX-License-Identifier: GPL-2.0-or-later */
/* From the structs to JSON text. */
#include "libocispec/object.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

/*
 * The text grows in a memory stream, which remembers its first failure; so nothing in between has
 * to be checked.
 */
struct writer {
	FILE *out;
	bool pretty;
	unsigned depth;
};

static void line(struct writer *w)
{
	if (!w->pretty)
		return;
	putc('\n', w->out);
	for (unsigned i = 0; i < w->depth; i++)
		putc('\t', w->out);
}

static void open_bracket(struct writer *w, char c)
{
	putc(c, w->out);
	w->depth++;
}

/* n: how many things stand between the brackets; none and they close on the same line. */
static void close_bracket(struct writer *w, char c, size_t n)
{
	w->depth--;
	if (n)
		line(w);
	putc(c, w->out);
}

/* Before the nth element (from 0) of an array or object. */
static void separate(struct writer *w, size_t n)
{
	if (n)
		putc(',', w->out);
	line(w);
}

static void write_string(struct writer *w, const char *s)
{
	putc('"', w->out);
	for (; *s; s++) {
		unsigned char c = (unsigned char)*s;

		if (c == '"' || c == '\\')
			fprintf(w->out, "\\%c", c);
		else if (c == '\n')
			fputs("\\n", w->out);
		else if (c == '\t')
			fputs("\\t", w->out);
		else if (c == '\r')
			fputs("\\r", w->out);
		else if (c < 0x20 || c == 0x7f)
			fprintf(w->out, "\\u%04x", c);
		else
			putc(c, w->out);
	}
	putc('"', w->out);
}

static void write_name(struct writer *w, const char *name)
{
	write_string(w, name);
	fputs(w->pretty ? ": " : ":", w->out);
}

static void write_object(struct writer *w, const struct oci_object *object, const void *base);

static void write_array(struct writer *w, const struct oci_field *f, const void *base)
{
	size_t n = *(size_t *)oci_member(base, f->size_at);
	const void *array = *(void **)oci_member(base, f->at);

	open_bracket(w, '[');
	for (size_t i = 0; i < n; i++) {
		separate(w, i);
		if (f->kind == OCI_STRS)
			write_string(w, ((char *const *)array)[i]);
		else if (f->kind == OCI_U32S)
			fprintf(w->out, "%" PRIu32, ((const uint32_t *)array)[i]);
		else
			write_object(w, f->object(), (const char *)array + i * f->object()->size);
	}
	close_bracket(w, ']', n);
}

static void write_map(struct writer *w, const struct oci_map *map)
{
	open_bracket(w, '{');
	for (size_t i = 0; i < map->n; i++) {
		separate(w, i);
		write_name(w, map->keys[i]);
		write_string(w, map->values[i]);
	}
	close_bracket(w, '}', map->n);
}

static void write_objmap(struct writer *w, const struct oci_field *f, const void *base)
{
	size_t n = *(size_t *)oci_member(base, f->size_at);
	char **keys = *(char ***)oci_member(base, f->keys_at);
	const char *array = *(char **)oci_member(base, f->at);

	open_bracket(w, '{');
	for (size_t i = 0; i < n; i++) {
		separate(w, i);
		write_name(w, keys[i]);
		write_object(w, f->object(), array + i * f->object()->size);
	}
	close_bracket(w, '}', n);
}

static bool is_empty(const struct oci_object *object, const void *base);

/* Whether there is something to write for the field. */
static bool is_present(const struct oci_field *f, const void *base)
{
	const void *at = oci_member(base, f->at);

	switch (f->kind) {
	case OCI_STR:
		return *(void *const *)at;
	case OCI_OBJ:
		if (!*(void *const *)at)
			return false;
		return f->need != OCI_DEF || !is_empty(f->object(), *(void *const *)at);
	case OCI_STRS:
	case OCI_U32S:
	case OCI_OBJS:
	case OCI_OBJMAP:
		return *(size_t *)oci_member(base, f->size_at) > 0;
	case OCI_MAP:
		return ((const struct oci_map *)at)->n > 0;
	case OCI_BOOL:
	case OCI_I32:
	case OCI_I64:
	case OCI_U16:
	case OCI_U32:
	case OCI_U64:
		return f->need == OCI_REQ || *(bool *)oci_member(base, f->size_at);
	case OCI_COUNT:
		return false;
	}
	return false;
}

static bool is_empty(const struct oci_object *object, const void *base)
{
	for (unsigned i = 0; i < object->n_fields; i++)
		if (is_present(&object->fields[i], base))
			return false;
	return true;
}

static void write_value(struct writer *w, const struct oci_field *f, const void *base)
{
	const void *at = oci_member(base, f->at);

	switch (f->kind) {
	case OCI_STR:
		write_string(w, *(char *const *)at);
		break;
	case OCI_BOOL:
		fputs(*(const bool *)at ? "true" : "false", w->out);
		break;
	case OCI_I32:
		fprintf(w->out, "%" PRId32, *(const int32_t *)at);
		break;
	case OCI_I64:
		fprintf(w->out, "%" PRId64, *(const int64_t *)at);
		break;
	case OCI_U16:
		fprintf(w->out, "%" PRIu16, *(const uint16_t *)at);
		break;
	case OCI_U32:
		fprintf(w->out, "%" PRIu32, *(const uint32_t *)at);
		break;
	case OCI_U64:
		fprintf(w->out, "%" PRIu64, *(const uint64_t *)at);
		break;
	case OCI_OBJ:
		write_object(w, f->object(), *(void *const *)at);
		break;
	case OCI_STRS:
	case OCI_U32S:
	case OCI_OBJS:
		write_array(w, f, base);
		break;
	case OCI_MAP:
		write_map(w, at);
		break;
	case OCI_OBJMAP:
		write_objmap(w, f, base);
		break;
	case OCI_COUNT:
		break;
	}
}

static void write_object(struct writer *w, const struct oci_object *object, const void *base)
{
	size_t n = 0;

	open_bracket(w, '{');
	for (unsigned i = 0; i < object->n_fields; i++) {
		const struct oci_field *f = &object->fields[i];

		if (!is_present(f, base))
			continue;
		separate(w, n++);
		write_name(w, f->json);
		write_value(w, f, base);
	}
	close_bracket(w, '}', n);
}

static char *write_document(const struct oci_object *object, const void *base, bool pretty)
{
	struct writer w = {.pretty = pretty};
	char *text = NULL;
	size_t len;
	bool failed;

	w.out = open_memstream(&text, &len);
	if (!w.out)
		return NULL;
	write_object(&w, object, base);
	failed = ferror(w.out);
	if (fclose(w.out) != 0 || failed) {
		free(text);
		return NULL;
	}
	return text;
}

#define DEFINE_WRITE(X)                                                                            \
	char *oci_##X##_write(const struct oci_##X *x, bool pretty)                                \
	{                                                                                          \
		return write_document(oci_object_##X(), x, pretty);                                \
	}
DEFINE_WRITE(config)
DEFINE_WRITE(process)
DEFINE_WRITE(resources)
DEFINE_WRITE(state)
DEFINE_WRITE(features)
