/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Guest memory: one memfd, cut into frames of 4 KiB.
 *
 * The allocator is a buddy system: free blocks of 2^k frames, aligned to their size, k = 0 … 9.
 * A request for n frames takes a block of the next power of two and gives its unused end back at
 * once, so that 300 frames cost 300. Chunks of 512 frames come from the end of the file, which
 * grows in doubling steps.
 *
 * A frame's state is one 64-bit word, references in its lower half and pins in the upper: whoever
 * makes the whole word 0 frees the frame, so the last reference and the last pin cannot both, or
 * neither, think they were last. While a frame is the head of a free block the same word holds the
 * links of the free list.
 */
#include "platform/memory.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <linux/memfd.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define ORDERS 10 /* blocks of 2^0 … 2^9 frames */
#define FIRST_STEP (16UL << 20)
#define PIN_ONE (1UL << 32)
#define NO_FRAME 0

enum {
	TAG_ORDER = 0x0f, /* of the free block that begins here */
	TAG_FREE = 0x10,  /* a free block begins here */
	TAG_KIND = 0x80,  /* allocated: the kind, in one bit */
};
_Static_assert(MEMORY_KINDS == 2, "a frame's tag has one bit for its kind");

union frame_word {
	_Atomic uint64_t counts; /* allocated: references | pins << 32 */
	struct {
		frame_t prev, next; /* head of a free block */
	} link;
};

struct memory {
	int fd;
	uint8_t *base;
	uint64_t max;

	/* One entry a frame; reserved for `max` bytes of memory, usable up to `size`. */
	union frame_word *frames;
	uint8_t *tags;

	_Atomic uint64_t usage[MEMORY_KINDS]; /* frames */

	pthread_mutex_t lock; /* guards what follows, free blocks' links, and tags */
	_Atomic uint64_t size; /* of the file, bytes; only grows */
	frame_t fresh;	      /* frames from here on were never handed out; a multiple of 512 */
	frame_t free[ORDERS]; /* heads of the lists */
};

static void *reserve(uint64_t bytes, uint64_t align)
{
	uint8_t *p = mmap(NULL, bytes + align, PROT_NONE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	uint64_t skip;

	if (p == MAP_FAILED)
		return NULL;
	skip = -(uintptr_t)p & (align - 1);
	if (skip)
		munmap(p, skip);
	munmap(p + skip + bytes, align - skip);
	return p + skip;
}

int memory_new(uint64_t max, struct memory **out, struct error *err)
{
	struct memory *m = calloc(1, sizeof(*m));
	uint64_t frames = max >> PAGE_SHIFT;

	assert(max && (max & (CHUNK_SIZE - 1)) == 0);
	if (!m)
		return error_set(err, -ENOMEM, "guest memory: out of memory");
	pthread_mutex_init(&m->lock, NULL);
	m->max = max;
	m->fd = memfd_create("husk-memory", MFD_CLOEXEC);
	if (m->fd < 0) {
		int e = -errno;

		free(m);
		return error_errno(err, e, "guest memory: memfd_create");
	}
	m->base = reserve(max, CHUNK_SIZE);
	m->frames = reserve(frames * sizeof(*m->frames), PAGE_SIZE);
	m->tags = reserve(frames, PAGE_SIZE);
	if (!m->base || !m->frames || !m->tags) {
		memory_destroy(m);
		return error_set(err, -ENOMEM,
				 "guest memory: cannot reserve %llu MiB of address space",
				 (unsigned long long)(max >> 20));
	}
	*out = m;
	return 0;
}

void memory_destroy(struct memory *m)
{
	uint64_t frames;

	if (!m)
		return;
	frames = m->max >> PAGE_SHIFT;
	if (m->base)
		munmap(m->base, m->max);
	if (m->frames)
		munmap(m->frames, frames * sizeof(*m->frames));
	if (m->tags)
		munmap(m->tags, frames);
	close(m->fd);
	pthread_mutex_destroy(&m->lock);
	free(m);
}

void *memory_base(struct memory *m)
{
	return m->base;
}

uint64_t memory_max(struct memory *m)
{
	return m->max;
}

/* ---- free lists; all under the lock ---------------------------------------------------------- */

static void list_push(struct memory *m, frame_t f, unsigned order)
{
	frame_t head = m->free[order];

	m->frames[f].link.prev = NO_FRAME;
	m->frames[f].link.next = head;
	if (head)
		m->frames[head].link.prev = f;
	m->free[order] = f;
	m->tags[f] = TAG_FREE | order;
}

static void list_remove(struct memory *m, frame_t f, unsigned order)
{
	frame_t prev = m->frames[f].link.prev, next = m->frames[f].link.next;

	if (prev)
		m->frames[prev].link.next = next;
	else
		m->free[order] = next;
	if (next)
		m->frames[next].link.prev = prev;
	m->tags[f] = 0;
}

/* Frees one block, uniting it with its buddy as often as that is free too. */
static void free_block(struct memory *m, frame_t f, unsigned order)
{
	while (order < ORDERS - 1) {
		frame_t buddy = f ^ (1U << order);

		if (m->tags[buddy] != (TAG_FREE | order))
			break;
		list_remove(m, buddy, order);
		f &= ~(1U << order);
		order++;
	}
	list_push(m, f, order);
}

/* Frees frames [f, end), which lie in one chunk, as the largest aligned blocks that fit. */
static void free_range(struct memory *m, frame_t f, frame_t end)
{
	while (f < end) {
		unsigned order = f ? __builtin_ctz(f) : ORDERS;

		if (order > ORDERS - 1)
			order = ORDERS - 1;
		while (f + (1U << order) > end)
			order--;
		free_block(m, f, order);
		f += 1U << order;
	}
}

/* Makes the file, its mapping and the tables reach at least `need` bytes. */
static int grow(struct memory *m, uint64_t need)
{
	uint64_t have = atomic_load(&m->size);
	uint64_t size = growth_step(have, need, FIRST_STEP, m->max);
	uint64_t f0 = have >> PAGE_SHIFT, f1 = size >> PAGE_SHIFT;

	if (need > m->max)
		return -ENOMEM;
	if (ftruncate(m->fd, size) < 0)
		return -ENOMEM;
	if (mmap(m->base + have, size - have, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED,
		 m->fd, have) == MAP_FAILED)
		return -ENOMEM;
	if (mprotect(m->frames + f0, (f1 - f0) * sizeof(*m->frames), PROT_READ | PROT_WRITE) < 0)
		return -ENOMEM;
	/* Chunks are 512 frames, so the tags' end is page-aligned only every 4096. */
	f0 &= PAGE_MASK;
	f1 = (f1 + PAGE_SIZE - 1) & PAGE_MASK;
	if (f1 > m->max >> PAGE_SHIFT)
		f1 = m->max >> PAGE_SHIFT;
	if (mprotect(m->tags + f0, f1 - f0, PROT_READ | PROT_WRITE) < 0)
		return -ENOMEM;
	atomic_store(&m->size, size);
	return 0;
}

/* One more chunk from the end of the file into the free lists. */
static int add_chunk(struct memory *m)
{
	uint64_t end = ((uint64_t)m->fresh + CHUNK_PAGES) << PAGE_SHIFT;

	if (end > atomic_load(&m->size)) {
		int r = grow(m, end);

		if (r < 0)
			return r;
	}
	if (m->fresh == 0) /* frame 0 is never handed out: it means 'none' */
		free_range(m, 1, CHUNK_PAGES);
	else
		free_block(m, m->fresh, ORDERS - 1);
	m->fresh += CHUNK_PAGES;
	return 0;
}

/* A block of 2^order frames off the free lists, larger ones split; 0 with the errno in *err. */
static frame_t take_block(struct memory *m, unsigned order, int *err)
{
	unsigned o = order;
	frame_t f;

	for (;;) {
		for (o = order; o < ORDERS && !m->free[o]; o++)
			;
		if (o < ORDERS)
			break;
		*err = add_chunk(m);
		if (*err < 0)
			return NO_FRAME;
	}
	f = m->free[o];
	list_remove(m, f, o);
	while (o > order) {
		o--;
		list_push(m, f + (1U << o), o);
	}
	return f;
}

int memory_alloc(struct memory *m, unsigned count, enum memory_kind kind, frame_t *first)
{
	unsigned order;
	frame_t f;
	int err = 0;

	assert(count >= 1 && count <= CHUNK_PAGES && kind < MEMORY_KINDS);
	order = count == 1 ? 0 : 32 - __builtin_clz(count - 1);
	pthread_mutex_lock(&m->lock);
	f = take_block(m, order, &err);
	if (f) {
		free_range(m, f + count, f + (1U << order));
		for (unsigned i = 0; i < count; i++) {
			m->tags[f + i] = kind ? TAG_KIND : 0;
			atomic_store_explicit(&m->frames[f + i].counts, 1, memory_order_relaxed);
		}
	}
	pthread_mutex_unlock(&m->lock);
	if (!f)
		return err;
	atomic_fetch_add(&m->usage[kind], count);
	*first = f;
	return 0;
}

static void check_range(struct memory *m, frame_t first, unsigned count)
{
	assert(first != NO_FRAME);
	assert(((uint64_t)first + count) << PAGE_SHIFT <= atomic_load(&m->size));
}

/* Gives back what nobody holds any more: host pages first, so that frames are handed out zeroed. */
static void release_run(struct memory *m, frame_t first, unsigned count)
{
	unsigned of_kind[MEMORY_KINDS] = {0};

	if (memory_decommit(m, first, count) < 0)
		/* Cannot happen on a memfd of our own; clearing by hand keeps the promise. */
		memset(memory_ptr(m, first), 0, (size_t)count << PAGE_SHIFT);
	pthread_mutex_lock(&m->lock);
	for (unsigned i = 0; i < count; i++)
		of_kind[m->tags[first + i] & TAG_KIND ? 1 : 0]++;
	for (frame_t f = first, end = first + count; f < end;) {
		frame_t stop = (f | (CHUNK_PAGES - 1)) + 1;

		free_range(m, f, stop < end ? stop : end);
		f = stop;
	}
	pthread_mutex_unlock(&m->lock);
	for (unsigned k = 0; k < MEMORY_KINDS; k++)
		if (of_kind[k])
			atomic_fetch_sub(&m->usage[k], of_kind[k]);
}

/* Takes `unit` off each frame's word and releases, run by run, the frames that reach 0. */
static void drop(struct memory *m, frame_t first, unsigned count, uint64_t unit)
{
	unsigned run = 0;

	check_range(m, first, count);
	for (unsigned i = 0; i < count; i++) {
		uint64_t old = atomic_fetch_sub(&m->frames[first + i].counts, unit);

		assert(unit == 1 ? (uint32_t)old != 0 : old >> 32 != 0);
		if (old == unit) {
			run++;
			continue;
		}
		if (run)
			release_run(m, first + i - run, run);
		run = 0;
	}
	if (run)
		release_run(m, first + count - run, run);
}

void memory_ref(struct memory *m, frame_t first, unsigned count)
{
	check_range(m, first, count);
	for (unsigned i = 0; i < count; i++) {
		uint64_t old = atomic_fetch_add(&m->frames[first + i].counts, 1);

		assert((uint32_t)old != 0 && (uint32_t)old != UINT32_MAX);
		(void)old;
	}
}

void memory_unref(struct memory *m, frame_t first, unsigned count)
{
	drop(m, first, count, 1);
}

unsigned memory_refs(struct memory *m, frame_t frame)
{
	check_range(m, frame, 1);
	return (uint32_t)atomic_load(&m->frames[frame].counts);
}

void memory_pin(struct memory *m, frame_t first, unsigned count)
{
	check_range(m, first, count);
	for (unsigned i = 0; i < count; i++)
		atomic_fetch_add(&m->frames[first + i].counts, PIN_ONE);
}

void memory_unpin(struct memory *m, frame_t first, unsigned count)
{
	drop(m, first, count, PIN_ONE);
}

bool memory_pinned(struct memory *m, frame_t frame)
{
	check_range(m, frame, 1);
	return atomic_load(&m->frames[frame].counts) >= PIN_ONE;
}

void *memory_ptr(struct memory *m, frame_t frame)
{
	check_range(m, frame, 1);
	return m->base + ((uint64_t)frame << PAGE_SHIFT);
}

frame_t memory_frame_of(struct memory *m, const void *ptr)
{
	uint64_t off = (uintptr_t)ptr - (uintptr_t)m->base;

	return off < atomic_load(&m->size) ? off >> PAGE_SHIFT : NO_FRAME;
}

int memory_decommit(struct memory *m, frame_t first, unsigned count)
{
	check_range(m, first, count);
	if (fallocate(m->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)first << PAGE_SHIFT,
		      (off_t)count << PAGE_SHIFT) < 0)
		return -errno;
	return 0;
}

/*
 * The file's map of holes: mincore() would be wrong about pages that were swapped out, and slower
 * where the host's page tables were cleared (by an invalidation, as in every fork).
 */
int memory_committed(struct memory *m, frame_t first, unsigned count, uint8_t *vec)
{
	off_t base = (off_t)first << PAGE_SHIFT, end = base + ((off_t)count << PAGE_SHIFT);
	off_t at = base;

	check_range(m, first, count);
	memset(vec, 0, count);
	while (at < end) {
		off_t data = lseek(m->fd, at, SEEK_DATA), hole;

		if (data < 0 && errno != ENXIO)
			return -errno;
		if (data < 0 || data >= end)
			break;
		hole = lseek(m->fd, data, SEEK_HOLE);
		if (hole < 0)
			return -errno;
		if (hole > end)
			hole = end;
		memset(vec + ((data - base) >> PAGE_SHIFT), 1, (hole - data) >> PAGE_SHIFT);
		at = hole;
	}
	return 0;
}

uint64_t memory_usage(struct memory *m, enum memory_kind kind)
{
	assert(kind < MEMORY_KINDS);
	return atomic_load(&m->usage[kind]) << PAGE_SHIFT;
}

uint64_t memory_total_size(struct memory *m)
{
	return atomic_load(&m->size);
}
