/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "kernel/timer_heap.h"

#include <stdlib.h>

static void put(struct heap *h, unsigned at, struct heap_item *i)
{
	h->items[at] = i;
	i->index = at;
}

static void sift_up(struct heap *h, unsigned at)
{
	struct heap_item *i = h->items[at];

	while (at > 0 && h->items[(at - 1) / 2]->due > i->due) {
		put(h, at, h->items[(at - 1) / 2]);
		at = (at - 1) / 2;
	}
	put(h, at, i);
}

static void sift_down(struct heap *h, unsigned at)
{
	struct heap_item *i = h->items[at];

	for (;;) {
		unsigned child = 2 * at + 1;

		if (child >= h->count)
			break;
		if (child + 1 < h->count && h->items[child + 1]->due < h->items[child]->due)
			child++;
		if (h->items[child]->due >= i->due)
			break;
		put(h, at, h->items[child]);
		at = child;
	}
	put(h, at, i);
}

bool heap_insert(struct heap *h, struct heap_item *i)
{
	if (h->count == h->room) {
		unsigned room = h->room ? h->room * 2 : 16;
		struct heap_item **items = realloc(h->items, room * sizeof(*items));

		if (!items)
			return false;
		h->items = items;
		h->room = room;
	}
	put(h, h->count, i);
	sift_up(h, h->count++);
	return true;
}

void heap_remove(struct heap *h, struct heap_item *i)
{
	struct heap_item *last = h->items[--h->count];
	unsigned at = i->index;

	if (last == i)
		return;
	put(h, at, last);
	sift_up(h, at);
	sift_down(h, last->index);
}

struct heap_item *heap_first(const struct heap *h)
{
	return h->count ? h->items[0] : NULL;
}

void heap_rebuild(struct heap *h)
{
	for (unsigned i = h->count / 2; i-- > 0;)
		sift_down(h, i);
}
