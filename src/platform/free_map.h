/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which frames of the memory file are free: a bit a frame, and above the bits a tree that finds the
 * lowest stretch of n free ones without looking at all of them. Chunks are 512 frames and come
 * from the end. The caller has the lock.
 */
#ifndef HUSK_PLATFORM_FREE_MAP_H
#define HUSK_PLATFORM_FREE_MAP_H

#include "platform/platform.h"

/* Free frames in what a node covers: at its beginning, at its end, and the longest stretch. */
struct free_node {
	uint32_t prefix, suffix, max;
	uint32_t whole; /* is there a whole chunk? */
};

struct free_map {
	uint64_t max_chunks;
	uint64_t *bits;		 /* 1: free */
	struct free_node *nodes; /* two a chunk, in order: see node_at() */
	uint32_t chunks;	 /* in use; bits behind them are 0 */
};

/* Reserves address space for max_chunks chunks; none is in use. -ENOMEM. */
int free_map_init(struct free_map *fm, uint64_t max_chunks);
void free_map_destroy(struct free_map *fm);
/* One chunk more, all its frames free but frame 0. Precondition: fewer than max_chunks. */
void free_map_add_chunk(struct free_map *fm);
/*
 * Takes the lowest count (1 … CHUNK_PAGES) neighbouring frames; of a whole chunk, the lowest that
 * is one. Their first; 0: there are none.
 */
frame_t free_map_take(struct free_map *fm, unsigned count);
/* Takes these. Precondition: all of [first, end) are free. */
void free_map_claim(struct free_map *fm, frame_t first, frame_t end);
/* Precondition: none of [first, end) is free, all are in chunks in use. */
void free_map_give(struct free_map *fm, frame_t first, frame_t end);
/* Forgets everything: no chunk is in use. */
void free_map_reset(struct free_map *fm);

#endif
