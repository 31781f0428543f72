/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A binary heap of pointers to items that know their place, the earliest first. No locks. */
#ifndef HUSK_KERNEL_TIMER_HEAP_H
#define HUSK_KERNEL_TIMER_HEAP_H

#include <stdbool.h>
#include <stdint.h>

struct heap_item {
	uint64_t due; /* changed only while the item is out, or before heap_rebuild() */
	unsigned index;
};

struct heap {
	struct heap_item **items;
	unsigned count, room;
};

/* false: no memory. */
bool heap_insert(struct heap *h, struct heap_item *i);
/* Precondition: i is in h. */
void heap_remove(struct heap *h, struct heap_item *i);
/* NULL: empty. */
struct heap_item *heap_first(const struct heap *h);
/* After items' due times were changed in place. */
void heap_rebuild(struct heap *h);

#endif
