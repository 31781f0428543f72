/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * From JSON text to the structs. yajl reads the text and calls us for each piece of it; we keep a
 * stack of where we are (struct frame), and the tables say what may come there. The document is
 * never held as a tree, so what a file can make us allocate is bounded by what the tables ask for,
 * and by OCI_MAX_MEMORY.
 */
#include "libocispec/parser.h"
#include "libocispec/validate.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yajl/yajl_parse.h>

/* ---- what may come ------------------------------------------------------------------------- */

/*
 * What may come at the present place: the kind of the field in an object, or of the elements in an
 * array or map. *known is false where anything may come since nobody looks at it.
 */
static enum oci_kind wanted(const struct parser *p, bool *known)
{
	const struct frame *f;

	*known = true;
	if (!p->depth)
		return OCI_OBJ;
	f = &p->stack[p->depth - 1];
	if (f->place == IN_SKIP || !f->field) {
		*known = false;
		return OCI_STR;
	}
	if (f->place == IN_OBJECT)
		return f->field->kind;
	switch (f->field->kind) {
	case OCI_U32S:
		return OCI_U32;
	case OCI_OBJS:
	case OCI_OBJMAP:
		return OCI_OBJ;
	default:
		return OCI_STR;
	}
}

/* ---- memory --------------------------------------------------------------------------------- */

/* realloc() on the document's account, from old to size bytes; the new ones are zeroed. */
static void *grow(struct parser *p, void *old_block, size_t old, size_t size)
{
	char *block;

	p->memory += size - old;
	if (p->memory > OCI_MAX_MEMORY) {
		parser_complain(p, -EFBIG, "the document needs more than %u MiB of memory",
			 OCI_MAX_MEMORY >> 20);
		return NULL;
	}
	block = realloc(old_block, size);
	if (!block) {
		parser_no_memory(p);
		return NULL;
	}
	memset(block + old, 0, size - old);
	return block;
}

/*
 * Makes sure that an array of n elements has room for one more and a zeroed one behind it. The
 * capacity is not stored: it is the power of two above n, so it has to grow when n + 1 is one.
 */
static int make_room(struct parser *p, void *array, size_t n, size_t element)
{
	void *block;

	if ((n & (n + 1)) != 0)
		return GO_ON;
	block = grow(p, *(void **)array, n ? (n + 1) * element : 0, 2 * (n + 1) * element);
	if (!block)
		return GIVE_UP;
	*(void **)array = block;
	return GO_ON;
}

static char *copy_string(struct parser *p, const unsigned char *s, size_t len)
{
	char *copy;

	if (len && memchr(s, 0, len)) {
		parser_complain(p, -EINVAL, "contains a NUL character");
		return NULL;
	}
	/* 16: what the allocator itself spends; it counts where short strings are many */
	p->memory += 16;
	copy = grow(p, NULL, 0, len + 1);
	if (copy && len)
		memcpy(copy, s, len);
	return copy;
}

/* ---- values --------------------------------------------------------------------------------- */

static struct frame *top(struct parser *p)
{
	return p->depth ? &p->stack[p->depth - 1] : NULL;
}

/* The value of the field that was named last is there. */
static void mark_filled(struct frame *f)
{
	if (f->place == IN_OBJECT && f->field)
		f->filled |= UINT64_C(1) << (f->field - f->object->fields);
}

static int on_null(void *ctx)
{
	struct parser *p = ctx;
	bool known;
	enum oci_kind kind = wanted(p, &known);

	/* As a field's value it means that the field is absent, as Go's encoders write it. */
	if (!known || (p->depth && top(p)->place == IN_OBJECT))
		return GO_ON;
	return parser_unexpected(p, kind, "null");
}

static int on_boolean(void *ctx, int value)
{
	struct parser *p = ctx;
	struct frame *f = top(p);
	bool known;
	enum oci_kind kind = wanted(p, &known);

	if (!known)
		return GO_ON;
	if (kind != OCI_BOOL)
		return parser_unexpected(p, kind, value ? "true" : "false");
	*(bool *)oci_member(f->base, f->field->at) = value;
	*(bool *)oci_member(f->base, f->field->size_at) = true;
	mark_filled(f);
	return GO_ON;
}

/*
 * Reads the JSON number text (len characters) as an integer of the kind; false: it is no integer,
 * or not in the kind's range. The bits are those of the value, two's complement.
 */
static bool read_integer(const char *text, size_t len, enum oci_kind kind, uint64_t *bits)
{
	char copy[24];
	char *end;
	bool negative = text[0] == '-';
	uint64_t u;
	int64_t i;

	if (len >= sizeof(copy))
		return false;
	memcpy(copy, text, len);
	copy[len] = 0;
	errno = 0;
	if (kind == OCI_I32 || kind == OCI_I64) {
		i = strtoll(copy, &end, 10);
		*bits = (uint64_t)i;
		return !*end && !errno && (kind == OCI_I64 || i == (int32_t)i);
	}
	u = strtoull(copy, &end, 10);
	*bits = u;
	if (*end || errno || (negative && u))
		return false;
	return kind == OCI_U64 || u <= (kind == OCI_U16 ? UINT16_MAX : UINT32_MAX);
}

static void store_integer(void *at, enum oci_kind kind, uint64_t bits)
{
	switch (kind) {
	case OCI_U16:
		*(uint16_t *)at = (uint16_t)bits;
		break;
	case OCI_I32:
	case OCI_U32:
		*(uint32_t *)at = (uint32_t)bits;
		break;
	default:
		*(uint64_t *)at = bits;
	}
}

static int on_number(void *ctx, const char *text, size_t len)
{
	struct parser *p = ctx;
	struct frame *f = top(p);
	bool known;
	enum oci_kind kind = wanted(p, &known);
	uint64_t bits;
	char found[48];
	size_t *n;

	if (!known)
		return GO_ON;
	if (kind < OCI_I32 || kind > OCI_U64)
		return parser_unexpected(p, kind, "a number");
	if (!read_integer(text, len, kind, &bits)) {
		snprintf(found, sizeof(found), "%.*s%s", (int)(len < 32 ? len : 32), text,
			 len > 32 ? "…" : "");
		return parser_unexpected(p, kind, found);
	}
	if (f->place == IN_ARRAY) {
		n = oci_member(f->base, f->field->size_at);
		if (!make_room(p, oci_member(f->base, f->field->at), *n, sizeof(uint32_t)))
			return GIVE_UP;
		(*(uint32_t **)oci_member(f->base, f->field->at))[(*n)++] = (uint32_t)bits;
		return GO_ON;
	}
	store_integer(oci_member(f->base, f->field->at), kind, bits);
	*(bool *)oci_member(f->base, f->field->size_at) = true;
	mark_filled(f);
	return GO_ON;
}

static int on_string(void *ctx, const unsigned char *s, size_t len)
{
	struct parser *p = ctx;
	struct frame *f = top(p);
	bool known;
	enum oci_kind kind = wanted(p, &known);
	char *copy;

	if (!known)
		return GO_ON;
	if (kind != OCI_STR)
		return parser_unexpected(p, kind, "a string");
	copy = copy_string(p, s, len);
	if (!copy)
		return GIVE_UP;
	if (f->place == IN_OBJECT) {
		*(char **)oci_member(f->base, f->field->at) = copy;
		mark_filled(f);
	} else if (f->place == IN_MAP) {
		struct oci_map *map = oci_member(f->base, f->field->at);

		map->values[map->n - 1] = copy;
	} else {
		size_t *n = oci_member(f->base, f->field->size_at);

		if (!make_room(p, oci_member(f->base, f->field->at), *n, sizeof(char *))) {
			free(copy);
			return GIVE_UP;
		}
		(*(char ***)oci_member(f->base, f->field->at))[(*n)++] = copy;
	}
	return GO_ON;
}

/* ---- objects and arrays --------------------------------------------------------------------- */

static struct frame *push(struct parser *p, enum place place)
{
	struct frame *f;

	if (p->depth == OCI_MAX_DEPTH) {
		parser_complain(p, -EFBIG, "nested deeper than %d levels", OCI_MAX_DEPTH);
		return NULL;
	}
	f = &p->stack[p->depth++];
	*f = (struct frame){.place = place};
	return f;
}

static int push_object(struct parser *p, const struct oci_object *object, void *base)
{
	struct frame *f = push(p, IN_OBJECT);

	if (!f)
		return GIVE_UP;
	f->object = object;
	f->base = base;
	return GO_ON;
}

/* An array or map that the tables know: its frame works on the same struct as the one below. */
static int push_collection(struct parser *p, enum place place)
{
	struct frame *below = top(p);
	struct frame *f;

	mark_filled(below);
	f = push(p, place);
	if (!f)
		return GIVE_UP;
	f->field = below->field;
	f->base = below->base;
	return GO_ON;
}

/* A brace where the tables want a struct: allocates it where it belongs and goes in. */
static int start_struct(struct parser *p)
{
	struct frame *f = top(p);
	const struct oci_object *object;
	void **at;
	size_t *n;

	if (!f)
		return push_object(p, p->document, p->result);
	object = f->field->object();
	at = oci_member(f->base, f->field->at);
	if (f->place == IN_OBJECT) {
		*at = grow(p, NULL, 0, object->size);
		if (!*at)
			return GIVE_UP;
		mark_filled(f);
		return push_object(p, object, *at);
	}
	n = oci_member(f->base, f->field->size_at);
	if (f->place == IN_MAP) /* on_map_key() has made the element */
		return push_object(p, object, (char *)*at + (*n - 1) * object->size);
	if (!make_room(p, at, *n, object->size))
		return GIVE_UP;
	(*n)++;
	return push_object(p, object, (char *)*at + (*n - 1) * object->size);
}

static int on_start_map(void *ctx)
{
	struct parser *p = ctx;
	bool known;
	enum oci_kind kind = wanted(p, &known);

	if (!known)
		return push(p, IN_SKIP) ? GO_ON : GIVE_UP;
	if (kind == OCI_OBJ)
		return start_struct(p);
	if (kind == OCI_MAP || kind == OCI_OBJMAP)
		return push_collection(p, IN_MAP);
	return parser_unexpected(p, kind, "an object");
}

static int on_start_array(void *ctx)
{
	struct parser *p = ctx;
	bool known;
	enum oci_kind kind = wanted(p, &known);

	if (!known)
		return push(p, IN_SKIP) ? GO_ON : GIVE_UP;
	if (kind == OCI_STRS || kind == OCI_U32S || kind == OCI_OBJS)
		return push_collection(p, IN_ARRAY);
	return parser_unexpected(p, kind, "an array");
}

static int on_end_array(void *ctx)
{
	struct parser *p = ctx;

	p->depth--;
	return GO_ON;
}

/* A name in a struct: finds its field. */
static int enter_field(struct parser *p, struct frame *f, const char *key, size_t len)
{
	const struct oci_object *o = f->object;

	f->field = NULL;
	for (unsigned i = 0; i < o->n_fields; i++) {
		const char *json = o->fields[i].json;

		if (!json || strlen(json) != len || memcmp(json, key, len) != 0)
			continue;
		f->field = &o->fields[i];
		if (f->named & UINT64_C(1) << i)
			return parser_complain(p, -EINVAL, "given twice");
		f->named |= UINT64_C(1) << i;
		return GO_ON;
	}
	p->n_unknown++;
	return GO_ON;
}

/* A name in a map: appends an entry, whose value comes next. */
static int enter_entry(struct parser *p, struct frame *f, const unsigned char *key, size_t len)
{
	bool strings = f->field->kind == OCI_MAP;
	struct oci_map *map = oci_member(f->base, f->field->at);
	size_t *n = strings ? &map->n : oci_member(f->base, f->field->size_at);
	void *keys = strings ? (void *)&map->keys : oci_member(f->base, f->field->keys_at);
	void *values = strings ? (void *)&map->values : oci_member(f->base, f->field->at);
	size_t element = strings ? sizeof(char *) : f->field->object()->size;
	char *copy = copy_string(p, key, len);

	if (!copy)
		return GIVE_UP;
	if (!make_room(p, keys, *n, sizeof(char *)) || !make_room(p, values, *n, element)) {
		free(copy);
		return GIVE_UP;
	}
	(*(char ***)keys)[(*n)++] = copy;
	return GO_ON;
}

static int on_map_key(void *ctx, const unsigned char *key, size_t len)
{
	struct parser *p = ctx;
	struct frame *f = top(p);

	if (f->place == IN_OBJECT)
		return enter_field(p, f, (const char *)key, len);
	if (f->place == IN_MAP)
		return enter_entry(p, f, key, len);
	return GO_ON;
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The end of a map: no name may be in it twice. Sorted copies, since it may be large. */
static int finish_map(struct parser *p, const struct frame *f)
{
	const struct oci_map *map = oci_member(f->base, f->field->at);
	bool strings = f->field->kind == OCI_MAP;
	size_t n = strings ? map->n : *(size_t *)oci_member(f->base, f->field->size_at);
	char **keys = strings ? map->keys : *(char ***)oci_member(f->base, f->field->keys_at);
	const char *twice = NULL;
	char quoted[OCI_QUOTED];
	char **sorted;

	if (n < 2)
		return GO_ON;
	sorted = malloc(n * sizeof(*sorted));
	if (!sorted)
		return parser_no_memory(p);
	memcpy(sorted, keys, n * sizeof(*sorted));
	qsort(sorted, n, sizeof(*sorted), compare_names);
	for (size_t i = 1; i < n && !twice; i++)
		if (strcmp(sorted[i - 1], sorted[i]) == 0)
			twice = sorted[i];
	free(sorted);
	if (!twice)
		return GO_ON;
	p->depth--;
	return parser_complain(p, -EINVAL, "%s given twice", oci_quote(quoted, twice));
}

/* The end of a struct: is what must be there, there? */
static int finish_struct(struct parser *p, struct frame *f)
{
	for (unsigned i = 0; i < f->object->n_fields; i++) {
		const struct oci_field *field = &f->object->fields[i];
		void **at = oci_member(f->base, field->at);

		if (f->filled & UINT64_C(1) << i)
			continue;
		f->field = field;
		if (field->need == OCI_REQ)
			return parser_complain(p, -EINVAL, "missing, but required");
		if (field->need == OCI_DEF) {
			*at = grow(p, NULL, 0, field->object()->size);
			if (!*at)
				return GIVE_UP;
		}
	}
	return GO_ON;
}

static int on_end_map(void *ctx)
{
	struct parser *p = ctx;
	struct frame *f = top(p);

	if (f->place == IN_OBJECT && !finish_struct(p, f))
		return GIVE_UP;
	if (f->place == IN_MAP && !finish_map(p, f))
		return GIVE_UP;
	p->depth--;
	p->finished = p->depth == 0;
	return GO_ON;
}

/* ---- the document --------------------------------------------------------------------------- */

static const yajl_callbacks callbacks = {
    .yajl_null = on_null,
    .yajl_boolean = on_boolean,
    .yajl_number = on_number,
    .yajl_string = on_string,
    .yajl_start_map = on_start_map,
    .yajl_map_key = on_map_key,
    .yajl_end_map = on_end_map,
    .yajl_start_array = on_start_array,
    .yajl_end_array = on_end_array,
};

/* The text is not JSON: says in which line, and what yajl thinks of it. */
static int syntax_error(struct parser *p, yajl_handle json, const char *text, size_t len)
{
	unsigned char *reason = yajl_get_error(json, 0, NULL, 0);
	size_t at = yajl_get_bytes_consumed(json);
	size_t line = 1;
	char *why = reason ? strstr((char *)reason, ": ") : NULL;
	const bool truncated = why && strncmp(why, ": premature EOF", 15) == 0;

	for (size_t i = 0; i < (truncated ? len : at) && i < len; i++)
		line += text[i] == '\n';
	if (why)
		why[strcspn(why, "\n.")] = 0;
	if (truncated)
		p->code = oci_error(p->err, -EINVAL, "line %zu: the document ends too early", line);
	else
		p->code = oci_error(p->err, -EINVAL, "line %zu: not JSON: %s", line,
				    why ? why + 2 : "not understood");
	if (reason)
		yajl_free_error(json, reason);
	return p->code;
}

static int read_document(struct parser *p, const char *text, size_t len)
{
	yajl_handle json = yajl_alloc(&callbacks, NULL, p);
	yajl_status status;

	if (!json) {
		parser_no_memory(p);
		return p->code;
	}
	status = yajl_parse(json, (const unsigned char *)text, len);
	if (status == yajl_status_ok)
		status = yajl_complete_parse(json);
	if (status == yajl_status_error)
		syntax_error(p, json, text, len);
	yajl_free(json);
	if (!p->code && !p->finished)
		p->code = oci_error(p->err, -EINVAL, "line 1: the document ends too early");
	return p->code;
}

static void note_unknown(const struct parser *p)
{
	for (unsigned i = 0; i < p->document->n_fields; i++)
		if (p->document->fields[i].kind == OCI_COUNT)
			*(size_t *)oci_member(p->result, p->document->fields[i].at) = p->n_unknown;
}

static int parse_document(const struct oci_object *document, const char *prefix, const char *text,
			  size_t len, void **out, char **err)
{
	struct parser *p;
	int code;

	if (err)
		*err = NULL;
	if (len > OCI_MAX_TEXT)
		return oci_error(err, -EFBIG, "larger than %u MiB", OCI_MAX_TEXT >> 20);
	p = calloc(1, sizeof(*p));
	if (!p)
		return oci_error(err, -ENOMEM, "out of memory");
	p->document = document;
	p->prefix = prefix;
	p->err = err;
	p->result = calloc(1, document->size);
	if (!p->result)
		parser_no_memory(p);
	else
		read_document(p, text, len);
	code = p->code;
	if (!code) {
		note_unknown(p);
		*out = p->result;
	} else if (p->result) {
		oci_object_clear(document, p->result);
		free(p->result);
	}
	free(p);
	return code;
}

/* Types are all there is to these two. */
static int no_rules(const void *x, char **err)
{
	return 0;
}

#define oci_state_validate no_rules
#define oci_features_validate no_rules

#define DEFINE_PARSE(X, prefix)                                                                    \
	int oci_##X##_parse(const char *text, size_t len, struct oci_##X **out, char **err)        \
	{                                                                                          \
		void *x = NULL;                                                                    \
		int r = parse_document(oci_object_##X(), prefix, text, len, &x, err);              \
                                                                                                   \
		if (!r)                                                                            \
			r = oci_##X##_validate(x, err);                                            \
		if (r) {                                                                           \
			oci_##X##_free(x);                                                         \
			x = NULL;                                                                  \
		}                                                                                  \
		*out = x;                                                                          \
		return r;                                                                          \
	}
DEFINE_PARSE(config, "")
DEFINE_PARSE(process, "process.")
DEFINE_PARSE(resources, "linux.resources.")
DEFINE_PARSE(state, "")
DEFINE_PARSE(features, "")
