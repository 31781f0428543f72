/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The inner side of struct memory (platform.h has the outer one): how a platform makes it, and
 * where it stands in this process; and its insides, for the files that implement it.
 */
#ifndef HUSK_PLATFORM_MEMORY_H
#define HUSK_PLATFORM_MEMORY_H

#include <pthread.h>
#include <stdatomic.h>

#include "platform/free_map.h"
#include "platform/platform.h"

/* A frame's tag: 0, or TAG_USED and its kind. */
enum {
	TAG_KIND = 0x0f,
	TAG_USED = 0x80, /* allocated, or pinned still */
};
_Static_assert((int)MEMORY_KINDS <= (int)TAG_KIND, "a tag has four bits for the kind");

/* memory.c has the idea; memory_stream.c saves and loads it. */
struct memory {
	int fd;
	uint8_t *base;
	uint64_t max;

	/* One entry a frame; reserved for `max` bytes of memory, usable up to `size`. */
	_Atomic uint64_t *counts; /* references | pins << 32 */
	uint8_t *tags;

	_Atomic uint64_t usage[MEMORY_KINDS]; /* frames */

	pthread_mutex_t lock;  /* guards what follows, and tags */
	_Atomic uint64_t size; /* of the file, bytes; only grows */
	struct free_map free;
};

/* Makes the file, its mapping and the tables reach at least `need` bytes. -ENOMEM. */
int memory_grow(struct memory *m, uint64_t need);
/* Frames from here on were never handed out; a multiple of CHUNK_PAGES. */
static inline frame_t memory_fresh(const struct memory *m)
{
	return m->free.chunks * CHUNK_PAGES;
}

/*
 * Reserves address space for max bytes (a multiple of CHUNK_SIZE) and makes an empty file.
 * 0 or a negative errno with a message.
 */
int memory_new(uint64_t max, struct memory **out, struct error *err);
void memory_destroy(struct memory *m);

/* The file: frame f is at offset f << 12. The memory's own; open until memory_destroy(). */
int memory_fd(struct memory *m);
/* The address of frame 0; 2 MiB-aligned. */
void *memory_base(struct memory *m);
/* The bound that memory_new() got, bytes. */
uint64_t memory_max(struct memory *m);

/*
 * How far a thing that only grows should reach when it must reach `need` and now reaches `have`:
 * steps double from `first` up to 1 GiB, so small users pay little and big ones not often. Bytes.
 */
static inline uint64_t growth_step(uint64_t have, uint64_t need, uint64_t first, uint64_t max)
{
	while (have < need) {
		uint64_t step = have < first ? first : have;

		have += step > (1UL << 30) ? 1UL << 30 : step;
	}
	return have < max ? have : max;
}

#endif
