/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The inner side of struct memory (platform.h has the outer one): how a platform makes it, and
 * where it stands in this process.
 */
#ifndef HUSK_PLATFORM_MEMORY_H
#define HUSK_PLATFORM_MEMORY_H

#include "platform/platform.h"

/*
 * Reserves address space for max bytes (a multiple of CHUNK_SIZE) and makes an empty file.
 * 0 or a negative errno with a message.
 */
int memory_new(uint64_t max, struct memory **out, struct error *err);
void memory_destroy(struct memory *m);

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
