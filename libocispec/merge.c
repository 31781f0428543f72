/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Laying one object over another: how `update` changes the resources of a container. What the second
 * does not say stays as it was in the first.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "libocispec/object.h"

static int merge_object(const struct oci_object *object, void *to, void *from);

/* The bytes of a scalar. */
static size_t scalar_size(enum oci_kind kind)
{
	switch (kind) {
	case OCI_BOOL:
		return sizeof(bool);
	case OCI_U16:
		return sizeof(uint16_t);
	case OCI_I32:
	case OCI_U32:
		return sizeof(uint32_t);
	default:
		return sizeof(uint64_t);
	}
}

/* One row as an object of its own, so that what it holds can be released. */
static void clear(const struct oci_field *f, void *base)
{
	struct oci_object one = {.n_fields = 1, .fields = f};

	oci_object_clear(&one, base);
}

/* Arrays and OBJMAPs change as a whole: their elements have no names to tell them apart by. */
static void move_array(const struct oci_field *f, void *to, void *from)
{
	size_t *n = oci_member(from, f->size_at);
	void **array = oci_member(from, f->at);

	if (!*n)
		return;
	clear(f, to);
	*(void **)oci_member(to, f->at) = *array;
	*(size_t *)oci_member(to, f->size_at) = *n;
	*array = NULL;
	*n = 0;
	if (f->kind == OCI_OBJMAP) {
		*(void **)oci_member(to, f->keys_at) = *(void **)oci_member(from, f->keys_at);
		*(void **)oci_member(from, f->keys_at) = NULL;
	}
}

static int merge_map(struct oci_map *to, const struct oci_map *from)
{
	for (size_t i = 0; i < from->n; i++)
		if (oci_map_set(to, from->keys[i], from->values[i]) < 0)
			return -ENOMEM;
	return 0;
}

static int merge_field(const struct oci_field *f, void *to, void *from)
{
	void **a = oci_member(to, f->at), **b = oci_member(from, f->at);

	switch (f->kind) {
	case OCI_STR:
		if (!*b)
			break;
		free(*a);
		*a = *b;
		*b = NULL;
		break;
	case OCI_OBJ:
		if (*a && *b)
			return merge_object(f->object(), *a, *b);
		if (*b) {
			*a = *b;
			*b = NULL;
		}
		break;
	case OCI_MAP:
		return merge_map((struct oci_map *)a, (struct oci_map *)b);
	case OCI_STRS:
	case OCI_U32S:
	case OCI_OBJS:
	case OCI_OBJMAP:
		move_array(f, to, from);
		break;
	case OCI_COUNT:
		break;
	default:
		if (*(bool *)oci_member(from, f->size_at)) {
			memcpy(a, b, scalar_size(f->kind));
			*(bool *)oci_member(to, f->size_at) = true;
		}
	}
	return 0;
}

static int merge_object(const struct oci_object *object, void *to, void *from)
{
	for (unsigned i = 0; i < object->n_fields; i++)
		if (merge_field(&object->fields[i], to, from) < 0)
			return -ENOMEM;
	return 0;
}

int oci_resources_merge(struct oci_resources *to, struct oci_resources *from)
{
	return merge_object(oci_object_resources(), to, from);
}
