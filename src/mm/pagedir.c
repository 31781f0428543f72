/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "mm/internal.h"

#include <stdlib.h>

/*
 * Four levels of 7 bits: 28 bits of chunk number, more than the 26 that 47 bits of address need.
 * Small nodes (1 KiB), because most programs use three or four places far apart.
 */
#define LEVELS 4
#define BITS 7
#define FANOUT (1U << BITS)

struct node {
	void *slot[FANOUT];
};

static unsigned slot_of(uint64_t index, int level)
{
	return (index >> (BITS * level)) & (FANOUT - 1);
}

struct chunk *pagedir_get(const struct pagedir *d, uint64_t index)
{
	const struct node *n = d->root;

	for (int level = LEVELS - 1; n && level > 0; level--)
		n = n->slot[slot_of(index, level)];
	return n ? n->slot[slot_of(index, 0)] : NULL;
}

struct chunk *pagedir_make(struct pagedir *d, uint64_t index)
{
	void **p = &d->root;

	for (int level = LEVELS - 1; level >= 0; level--) {
		if (!*p) {
			*p = calloc(1, sizeof(struct node));
			if (!*p)
				return NULL;
		}
		p = &((struct node *)*p)->slot[slot_of(index, level)];
	}
	if (!*p)
		*p = calloc(1, sizeof(struct chunk));
	return *p;
}

/* The first chunk in n with a number ≥ index (relative to n); its number is left in *index. */
static struct chunk *node_next(const struct node *n, int level, uint64_t *index)
{
	uint64_t base = *index >> (BITS * (level + 1)) << (BITS * (level + 1));

	for (unsigned s = slot_of(*index, level); s < FANOUT; s++) {
		uint64_t first = base | ((uint64_t)s << (BITS * level));
		struct chunk *c;

		if (!n->slot[s])
			continue;
		if (*index < first)
			*index = first;
		if (level == 0)
			return n->slot[s];
		c = node_next(n->slot[s], level - 1, index);
		if (c)
			return c;
	}
	return NULL;
}

struct chunk *pagedir_next(const struct pagedir *d, uint64_t *index)
{
	if (!d->root || *index >> (BITS * LEVELS))
		return NULL;
	return node_next(d->root, LEVELS - 1, index);
}

void pagedir_remove(struct pagedir *d, uint64_t index)
{
	struct node *n = d->root;

	for (int level = LEVELS - 1; n && level > 0; level--)
		n = n->slot[slot_of(index, level)];
	if (n) {
		free(n->slot[slot_of(index, 0)]);
		n->slot[slot_of(index, 0)] = NULL;
	}
}

static void node_free(struct node *n, int level)
{
	for (unsigned s = 0; n && s < FANOUT; s++) {
		if (level == 0)
			free(n->slot[s]);
		else
			node_free(n->slot[s], level - 1);
	}
	free(n);
}

void pagedir_free(struct pagedir *d)
{
	node_free(d->root, LEVELS - 1);
	d->root = NULL;
}

/* Gives up pages [from, to) of one chunk, neighbouring frames in one go. */
static void chunk_release(struct chunk *c, struct memory_batch *b, unsigned from, unsigned to)
{
	for (unsigned i = from, n; i < to; i += n) {
		frame_t f = c->frame[i];

		n = 1;
		if (!f)
			continue;
		while (i + n < to && c->frame[i + n] == f + n)
			n++;
		for (unsigned k = 0; k < n; k++)
			chunk_set(c, i + k, 0);
		memory_batch_unref(b, f, n);
	}
}

void pagedir_release(struct pagedir *d, struct memory *m, uint64_t first, uint64_t end)
{
	struct memory_batch batch = {.memory = m};
	uint64_t index = first / CHUNK_PAGES;
	struct chunk *c;

	for (; (c = pagedir_next(d, &index)) && index * CHUNK_PAGES < end; index++) {
		uint64_t base = index * CHUNK_PAGES;

		chunk_release(c, &batch, max_u64(first, base) - base,
			      min_u64(end - base, CHUNK_PAGES));
		if (!c->used)
			pagedir_remove(d, index);
	}
	memory_batch_flush(&batch);
}
