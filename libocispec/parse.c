/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * From JSON text to the structs. yajl reads the text and calls us for each piece of it; we keep a
 * stack of where we are (struct frame), and the tables say what may come there. The document is
 * never held as a tree, so what a file can make us allocate is bounded by what the tables ask for,
 * and by OCI_MAX_MEMORY.
 */
#include "libocispec/object.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yajl/yajl_parse.h>

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
	void *result; /* the document's struct */
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

/* ---- errors --------------------------------------------------------------------------------- */

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
			/* Complete elements of strings are counted when they end, objects at once. */
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

static int complain(struct parser *p, int code, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* Gives up with "PLACE: message". */
static int complain(struct parser *p, int code, const char *fmt, ...)
{
	char place[1024], message[256];
	va_list ap;

	describe_place(p, place, sizeof(place));
	va_start(ap, fmt);
	vsnprintf(message, sizeof(message), fmt, ap);
	va_end(ap);
	p->code = oci_error(p->err, code, "%s: %s", place[0] ? place : "the document", message);
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

static int unexpected(struct parser *p, enum oci_kind kind, const char *found)
{
	return complain(p, -EINVAL, "expected %s, found %s", expectation(kind), found);
}

static int no_memory(struct parser *p)
{
	p->code = oci_error(p->err, -ENOMEM, "out of memory");
	return GIVE_UP;
}

/* ---- memory --------------------------------------------------------------------------------- */

/* realloc() on the document's account; from old to size bytes, what is new is zeroed. NULL: gave up. */
static void *grow(struct parser *p, void *old_block, size_t old, size_t size)
{
	char *block;

	p->memory += size - old;
	if (p->memory > OCI_MAX_MEMORY) {
		complain(p, -EFBIG, "the document needs more than %u MiB of memory",
			 OCI_MAX_MEMORY >> 20);
		return NULL;
	}
	block = realloc(old_block, size);
	if (!block) {
		no_memory(p);
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
		complain(p, -EINVAL, "contains a NUL character");
		return NULL;
	}
	/* 16: what the allocator itself spends, for the account's honesty with many short strings */
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
	return unexpected(p, kind, "null");
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
		return unexpected(p, kind, value ? "true" : "false");
	*(bool *)oci_member(f->base, f->field->at) = value;
	*(bool *)oci_member(f->base, f->field->size_at) = true;
	mark_filled(f);
	return GO_ON;
}

/*
 * Reads the JSON number text (len characters) as an integer of the kind; false: it is no integer, or
 * not in the kind's range. The bits are those of the value, two's complement.
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
		return unexpected(p, kind, "a number");
	if (!read_integer(text, len, kind, &bits)) {
		snprintf(found, sizeof(found), "%.*s%s", (int)(len < 32 ? len : 32), text,
			 len > 32 ? "…" : "");
		return unexpected(p, kind, found);
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
		return unexpected(p, kind, "a string");
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
		complain(p, -EFBIG, "nested deeper than %d levels", OCI_MAX_DEPTH);
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
	return unexpected(p, kind, "an object");
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
	return unexpected(p, kind, "an array");
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
			return complain(p, -EINVAL, "given twice");
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
		return no_memory(p);
	memcpy(sorted, keys, n * sizeof(*sorted));
	qsort(sorted, n, sizeof(*sorted), compare_names);
	for (size_t i = 1; i < n && !twice; i++)
		if (strcmp(sorted[i - 1], sorted[i]) == 0)
			twice = sorted[i];
	free(sorted);
	if (!twice)
		return GO_ON;
	p->depth--;
	return complain(p, -EINVAL, "%s given twice", oci_quote(quoted, twice));
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
			return complain(p, -EINVAL, "missing, but required");
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
		no_memory(p);
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

static int parse_document(const struct oci_object *document, const char *text, size_t len,
			  void **out, char **err)
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
	p->err = err;
	p->result = calloc(1, document->size);
	if (!p->result)
		no_memory(p);
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

static int no_rules(const void *x, char **err)
{
	return 0;
}

#define oci_state_validate no_rules
#define oci_features_validate no_rules

#define DEFINE_PARSE(X)                                                                            \
	int oci_##X##_parse(const char *text, size_t len, struct oci_##X **out, char **err)        \
	{                                                                                          \
		void *x = NULL;                                                                    \
		int r = parse_document(oci_object_##X(), text, len, &x, err);                      \
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
DEFINE_PARSE(config)
DEFINE_PARSE(process)
DEFINE_PARSE(state)
DEFINE_PARSE(features)
