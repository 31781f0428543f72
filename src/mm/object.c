/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "mm/internal.h"

#include <errno.h>
#include <stdlib.h>

#include "mm/gate.h"

struct object *object_new(struct memory *m)
{
	struct object *o = calloc(1, sizeof(*o));

	if (!o)
		return NULL;
	atomic_init(&o->refs, 1);
	pthread_mutex_init(&o->lock, NULL);
	o->memory = m;
	return o;
}

struct object *object_get(struct object *o)
{
	atomic_fetch_add(&o->refs, 1);
	return o;
}

void object_put(struct object *o)
{
	if (atomic_fetch_sub(&o->refs, 1) != 1)
		return;
	pagedir_release(&o->pages, o->memory, 0, UINT64_MAX);
	pagedir_free(&o->pages);
	if (o->window)
		window_put(o->window);
	pthread_mutex_destroy(&o->lock);
	free(o);
}

/* The page that is asked for, when there is not enough memory for those around it. */
static int fill_one(struct object *o, struct chunk *c, unsigned i)
{
	frame_t f;
	int r = c->frame[i] ? 0 : frames_alloc(o->memory, 1, MEMORY_SHARED, FRAMES_LAZY, &f);

	if (r == 0 && !c->frame[i])
		chunk_set(c, i, f);
	return r;
}

int object_fill(struct object *o, uint64_t lo, uint64_t hi, uint64_t need)
{
	unsigned from = (lo % CHUNK_SIZE) >> PAGE_SHIFT, to = from + ((hi - lo) >> PAGE_SHIFT);
	struct chunk *c;
	int r = 0;

	pthread_mutex_lock(&o->lock);
	c = pagedir_make(&o->pages, lo >> CHUNK_SHIFT);
	if (!c)
		r = -ENOMEM;
	for (unsigned i = from, n; r == 0 && i < to; i += n) {
		frame_t f;

		n = 1;
		if (c->frame[i])
			continue;
		while (i + n < to && !c->frame[i + n])
			n++;
		r = frames_alloc(o->memory, n, MEMORY_SHARED, FRAMES_LAZY, &f);
		for (unsigned k = 0; r == 0 && k < n; k++)
			chunk_set(c, i + k, f + k);
	}
	if (r == -ENOMEM && c)
		r = fill_one(o, c, (need % CHUNK_SIZE) >> PAGE_SHIFT);
	pthread_mutex_unlock(&o->lock);
	return r;
}

frame_t object_frame(struct object *o, uint64_t offset)
{
	struct chunk *c;
	frame_t f;

	pthread_mutex_lock(&o->lock);
	c = pagedir_get(&o->pages, offset >> CHUNK_SHIFT);
	f = c ? c->frame[(offset % CHUNK_SIZE) >> PAGE_SHIFT] : 0;
	pthread_mutex_unlock(&o->lock);
	return f;
}

void object_punch(struct object *o, uint64_t lo, uint64_t hi)
{
	uint64_t index = lo >> CHUNK_SHIFT;
	struct chunk *c;

	/* The frames stay where they are, in every address space that maps them: only emptied. */
	pthread_mutex_lock(&o->lock);
	for (; (c = pagedir_next(&o->pages, &index)) && index << CHUNK_SHIFT < hi; index++) {
		uint64_t base = index << CHUNK_SHIFT;
		unsigned from = (max_u64(lo, base) - base) >> PAGE_SHIFT;
		unsigned to = min_u64(hi - base, CHUNK_SIZE) >> PAGE_SHIFT;

		for (unsigned i = from; i < to; i++)
			if (c->frame[i])
				memory_decommit(o->memory, c->frame[i], 1);
	}
	pthread_mutex_unlock(&o->lock);
}
