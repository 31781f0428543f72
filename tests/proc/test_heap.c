/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The timers' heap against the plain truth: a scan over everything that is in it. */
#include <stdlib.h>

#include "kernel/timer_heap.h"
#include "tests/base/check.h"

#define ITEMS 500

static struct heap_item items[ITEMS];
static bool in[ITEMS];

static uint64_t earliest(void)
{
	uint64_t min = UINT64_MAX;

	for (int i = 0; i < ITEMS; i++)
		if (in[i] && items[i].due < min)
			min = items[i].due;
	return min;
}

int main(void)
{
	struct heap h = {0};

	srandom(7);
	CHECK(heap_first(&h) == NULL);
	for (int round = 0; round < 100000; round++) {
		int i = random() % ITEMS;

		if (in[i]) {
			heap_remove(&h, &items[i]);
		} else {
			items[i].due = random() % 1000;
			CHECK(heap_insert(&h, &items[i]));
		}
		in[i] = !in[i];
		if (round % 1000 == 0) {
			for (unsigned k = 0; k < h.count; k++)
				h.items[k]->due = random() % 1000;
			heap_rebuild(&h);
		}
		CHECK(h.count == 0 || heap_first(&h)->due == earliest());
	}
	while (h.count) {
		uint64_t due = heap_first(&h)->due;

		heap_remove(&h, heap_first(&h));
		CHECK(h.count == 0 || heap_first(&h)->due >= due);
	}
	free(h.items);
	return check_done();
}
