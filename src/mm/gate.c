/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "mm/gate.h"

#include <errno.h>
#include <stdatomic.h>
#include <stddef.h>

#include "base/safecopy.h"

_Atomic int64_t memory_slack = INT64_MAX;
static const struct memory_gate *gate;

/* What this thread was refused last was the memory file's to give, whose bound no waiting moves. */
static __thread bool file_is_full;

void memory_gate_set(const struct memory_gate *g)
{
	gate = g;
}

bool memory_gate_wait(void)
{
	return gate && !file_is_full && gate->wait();
}

/* 0: they are certain to fit. 1: they fit if they are used now. -ENOMEM. */
static int pass(unsigned count, enum frames_use use)
{
	int64_t bytes = (int64_t)count << PAGE_SHIFT;

	if (!gate || atomic_load_explicit(&memory_slack, memory_order_relaxed) == INT64_MAX ||
	    atomic_fetch_sub_explicit(&memory_slack, bytes, memory_order_relaxed) >= bytes)
		return 0;
	/* Near the limit lazy frames go out one by one: what is promised there must be kept. */
	if (!gate->admit((uint64_t)bytes))
		return -ENOMEM;
	if (atomic_fetch_sub_explicit(&memory_slack, bytes, memory_order_relaxed) >= bytes)
		return 0;
	return use == FRAMES_LAZY && count > 1 ? -ENOMEM : 1;
}

int frames_alloc(struct memory *m, unsigned count, enum memory_kind kind, enum frames_use use,
		 frame_t *first)
{
	int how = pass(count, use), r;
	const char zero = 0;

	file_is_full = false;
	if (how < 0)
		return how;
	r = memory_alloc(m, count, kind, first);
	file_is_full = r == -ENOMEM;
	if (r == 0 && how && use == FRAMES_LAZY && safe_copy(memory_ptr(m, *first), &zero, 1) != 0) {
		memory_unref(m, *first, count);
		r = -ENOMEM;
	}
	return r;
}

int frames_alloc_filled(struct memory *m, unsigned count, enum memory_kind kind, const void *src,
			size_t len, frame_t *first)
{
	int r = pass(count, FRAMES_FILLED);

	file_is_full = false;
	if (r < 0)
		return r;
	r = memory_alloc_filled(m, count, kind, src, len, first);
	file_is_full = r == -ENOMEM;
	return r;
}
