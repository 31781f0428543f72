/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The cache of windows on host files (platform.h has its contract), for implementations. */
#ifndef HUSK_PLATFORM_WINDOWS_H
#define HUSK_PLATFORM_WINDOWS_H

#include <pthread.h>
#include <stdatomic.h>

#include "base/list.h"
#include "platform/platform.h"

#define WINDOW_BUCKETS 1024
#define HOST_WINDOWS 64

struct window {
	struct windows *set;
	unsigned refs;
	bool is_host; /* pages of this process, not in the arena */
	bool writable;
	uint32_t index; /* in the arena, or in set->host */
	uint32_t pages;
	uint8_t *ptr;
	int fd; /* of the file, or -1: see window_keeps_fd */
	dev_t dev;
	ino_t ino;
	uint64_t offset;
	uint64_t generation; /* see generation_of() */
	struct window *next; /* in its hash bucket */
	struct list unused;  /* linked while refs == 0 */
};

struct windows {
	struct platform *platform;
	pthread_mutex_t lock; /* guards all of it */
	uint8_t *arena;	      /* one 2 MiB piece a window */
	uint64_t max;	      /* how many */
	struct window **by_index;
	struct window *hash[WINDOW_BUCKETS];
	struct list unused; /* least recently used first */
	unsigned n_unused;
	uint32_t fresh;	      /* pieces from here on were never used */
	uint32_t *free_stack; /* pieces that were */
	uint32_t n_free;
	struct window *host[HOST_WINDOWS];
	unsigned n_host;
	_Atomic uint64_t live;
};

/* Reserves address space for `size` bytes of windows, a multiple of CHUNK_SIZE. */
int windows_init(struct windows *ws, struct platform *p, uint64_t size, struct error *err);
void windows_destroy(struct windows *ws);

#endif
