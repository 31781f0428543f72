/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "libocispec/object.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/*
 * A row becomes one initializer. `self` is the struct at hand, a typedef of the function that
 * oci_object_NAME() is; that is why these are functions: offsetof needs the name of the struct,
 * and a row does not carry it.
 */
#define ROW(kind_, object_, need_, field, json_)                                                   \
	{                                                                                          \
		.json = json_, .kind = OCI_##kind_, .need = OCI_##need_,                           \
		.at = offsetof(self, field), AT_##kind_(object_, field)                            \
	},
#define AT_STR(object_, field)
#define AT_STRS(object_, field) .size_at = offsetof(self, n_##field)
#define AT_BOOL(object_, field) .size_at = offsetof(self, has_##field)
#define AT_I32(object_, field) .size_at = offsetof(self, has_##field)
#define AT_I64(object_, field) .size_at = offsetof(self, has_##field)
#define AT_U16(object_, field) .size_at = offsetof(self, has_##field)
#define AT_U32(object_, field) .size_at = offsetof(self, has_##field)
#define AT_U64(object_, field) .size_at = offsetof(self, has_##field)
#define AT_U32S(object_, field) .size_at = offsetof(self, n_##field)
#define AT_OBJ(object_, field) .object = oci_object_##object_
#define AT_OBJS(object_, field)                                                                    \
	.size_at = offsetof(self, n_##field), .object = oci_object_##object_
#define AT_MAP(object_, field)
#define AT_OBJMAP(object_, field)                                                                  \
	.size_at = offsetof(self, n_##field), .keys_at = offsetof(self, field##_keys),             \
	.object = oci_object_##object_
#define AT_COUNT(object_, field)

#define DEFINE(name, table)                                                                        \
	const struct oci_object *oci_object_##name(void)                                           \
	{                                                                                          \
		typedef struct oci_##name self;                                                    \
		static const struct oci_field fields[] = {table(ROW)};                             \
		static const struct oci_object object = {                                          \
		    .size = sizeof(self),                                                          \
		    .n_fields = sizeof(fields) / sizeof(fields[0]),                                \
		    .fields = fields,                                                              \
		};                                                                                 \
                                                                                                   \
		_Static_assert(sizeof(fields) / sizeof(fields[0]) <= 64, "the parser's bit set");  \
		return &object;                                                                    \
	}
OCI_OBJECTS(DEFINE)

static void clear_strings(char **strs, size_t n)
{
	for (size_t i = 0; i < n; i++)
		free(strs[i]);
	free(strs);
}

static void clear_objects(const struct oci_object *object, char *array, size_t n)
{
	for (size_t i = 0; i < n; i++)
		oci_object_clear(object, array + i * object->size);
	free(array);
}

static void clear_field(const struct oci_field *f, void *base)
{
	void *at = oci_member(base, f->at);
	size_t *n = oci_member(base, f->size_at);

	switch (f->kind) {
	case OCI_STR:
	case OCI_U32S:
		free(*(void **)at);
		break;
	case OCI_STRS:
		clear_strings(*(char ***)at, *n);
		break;
	case OCI_OBJ:
		if (*(void **)at)
			clear_objects(f->object(), *(char **)at, 1);
		break;
	case OCI_OBJMAP:
		clear_strings(*(char ***)oci_member(base, f->keys_at), *n);
		/* fallthrough */
	case OCI_OBJS:
		clear_objects(f->object(), *(char **)at, *n);
		break;
	case OCI_MAP: {
		struct oci_map *map = at;

		clear_strings(map->keys, map->n);
		clear_strings(map->values, map->n);
		break;
	}
	case OCI_BOOL:
	case OCI_I32:
	case OCI_I64:
	case OCI_U16:
	case OCI_U32:
	case OCI_U64:
	case OCI_COUNT:
		break;
	}
}

void oci_object_clear(const struct oci_object *object, void *base)
{
	for (unsigned i = 0; i < object->n_fields; i++)
		clear_field(&object->fields[i], base);
}

#define DEFINE_FREE(X)                                                                             \
	void oci_##X##_free(struct oci_##X *x)                                                     \
	{                                                                                          \
		if (!x)                                                                            \
			return;                                                                    \
		oci_object_clear(oci_object_##X(), x);                                             \
		free(x);                                                                           \
	}
DEFINE_FREE(config)
DEFINE_FREE(process)
DEFINE_FREE(resources)
DEFINE_FREE(state)
DEFINE_FREE(features)

int oci_error(char **err, int code, const char *fmt, ...)
{
	va_list ap;

	if (!err)
		return code;
	free(*err);
	va_start(ap, fmt);
	if (vasprintf(err, fmt, ap) < 0)
		*err = NULL;
	va_end(ap);
	return code;
}

const char *oci_quote(char buf[OCI_QUOTED], const char *s)
{
	size_t n = 0;

	buf[n++] = '"';
	for (; *s && n < OCI_QUOTED - 12; s++)
		buf[n++] = (unsigned char)*s < 0x20 || *s == 0x7f ? '?' : *s;
	strcpy(buf + n, *s ? "…\"" : "\"");
	return buf;
}
