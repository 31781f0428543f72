/* SPDX-License-Identifier: GPL-2.0-or-later */
/*T:210 Memory
 * Guest memory: one memfd, cut into frames of 4 KiB.
 *
 * Which frames are free is free_map.c's business. A request that it cannot serve makes the file
 * longer by a chunk of 512 frames; the file itself grows in doubling steps.
 *
 * A frame's state is one 64-bit word, references in its lower half and pins in the upper: whoever
 * makes the whole word 0 frees the frame, so the last reference and the last pin cannot both, or
 * neither, think they were last.
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
#include <sys/stat.h>
#include <unistd.h>

#include "base/safecopy.h"

#define FIRST_STEP (16UL << 20)
#define PIN_ONE (1UL << 32)
#define NO_FRAME 0

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
	m->counts = reserve(frames * sizeof(*m->counts), PAGE_SIZE);
	m->tags = reserve(frames, PAGE_SIZE);
	if (!m->base || !m->counts || !m->tags || free_map_init(&m->free, max >> CHUNK_SHIFT) < 0) {
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
	if (m->counts)
		munmap(m->counts, frames * sizeof(*m->counts));
	if (m->tags)
		munmap(m->tags, frames);
	free_map_destroy(&m->free);
	close(m->fd);
	pthread_mutex_destroy(&m->lock);
	free(m);
}

int memory_fd(struct memory *m)
{
	return m->fd;
}

void *memory_base(struct memory *m)
{
	return m->base;
}

uint64_t memory_max(struct memory *m)
{
	return m->max;
}

int memory_grow(struct memory *m, uint64_t need)
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
	if (mprotect(m->counts + f0, (f1 - f0) * sizeof(*m->counts), PROT_READ | PROT_WRITE) < 0)
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

/* One more chunk from the end of the file; under the lock. */
static int add_chunk(struct memory *m)
{
	uint64_t end = ((uint64_t)memory_fresh(m) + CHUNK_PAGES) << PAGE_SHIFT;

	if (end > atomic_load(&m->size)) {
		int r = memory_grow(m, end);

		if (r < 0)
			return r;
	}
	free_map_add_chunk(&m->free);
	return 0;
}

int memory_alloc(struct memory *m, unsigned count, enum memory_kind kind, frame_t *first)
{
	frame_t f;
	int r = 0;

	assert(count >= 1 && count <= CHUNK_PAGES && kind < MEMORY_KINDS);
	pthread_mutex_lock(&m->lock);
	while (!(f = free_map_take(&m->free, count)) && r == 0)
		r = add_chunk(m);
	for (unsigned i = 0; f && i < count; i++) {
		m->tags[f + i] = TAG_USED | kind;
		atomic_store_explicit(&m->counts[f + i], 1, memory_order_relaxed);
	}
	pthread_mutex_unlock(&m->lock);
	if (!f)
		return r;
	atomic_fetch_add(&m->usage[kind], count);
	*first = f;
	return 0;
}

int memory_alloc_filled(struct memory *m, unsigned count, enum memory_kind kind, const void *src,
			size_t len, frame_t *first)
{
	frame_t f;
	int r;

	assert(len && len <= (size_t)count << PAGE_SHIFT);
	r = memory_alloc(m, count, kind, &f);
	if (r < 0)
		return r;
	if (safe_copy(memory_ptr(m, f), src, len) != 0) {
		memory_unref(m, f, count);
		return -EFAULT;
	}
	*first = f;
	return 0;
}

/*
 * Gives back runs that nobody holds any more: host pages first, so that frames are handed out
 * zeroed. Runs do not overlap.
 */
static void release_runs(struct memory_batch *b)
{
	struct memory *m = b->memory;
	unsigned of_kind[MEMORY_KINDS] = {0};

	for (unsigned r = 0; r < b->n; r++)
		if (memory_decommit(m, b->run[r].first, b->run[r].count) < 0)
			/* Cannot happen on our own memfd; clearing by hand keeps the promise. */
			memset(memory_ptr(m, b->run[r].first), 0,
			       (size_t)b->run[r].count << PAGE_SHIFT);
	pthread_mutex_lock(&m->lock);
	for (unsigned r = 0; r < b->n; r++) {
		frame_t f = b->run[r].first, end = f + b->run[r].count;

		for (frame_t i = f; i < end; i++) {
			assert(m->tags[i] & TAG_USED);
			of_kind[m->tags[i] & TAG_KIND]++;
			m->tags[i] = 0;
		}
		free_map_give(&m->free, f, end);
	}
	pthread_mutex_unlock(&m->lock);
	for (unsigned k = 0; k < MEMORY_KINDS; k++)
		if (of_kind[k])
			atomic_fetch_sub(&m->usage[k], of_kind[k]);
	b->n = 0;
}

static int by_first(const void *a, const void *b)
{
	frame_t x = *(const frame_t *)a, y = *(const frame_t *)b;

	return x < y ? -1 : x > y;
}

void memory_batch_flush(struct memory_batch *b)
{
	unsigned n = 0;

	if (!b->n)
		return;
	qsort(b->run, b->n, sizeof(b->run[0]), by_first);
	for (unsigned r = 1; r < b->n; r++) {
		if (b->run[n].first + b->run[n].count == b->run[r].first)
			b->run[n].count += b->run[r].count;
		else
			b->run[++n] = b->run[r];
	}
	b->n = n + 1;
	release_runs(b);
}

static void batch_add(struct memory_batch *b, frame_t first, unsigned count)
{
	unsigned last = b->n - 1;

	if (b->n && b->run[last].first + b->run[last].count == first) {
		b->run[last].count += count;
		return;
	}
	if (b->n == MEMORY_BATCH_RUNS)
		memory_batch_flush(b);
	b->run[b->n].first = first;
	b->run[b->n].count = count;
	b->n++;
}

static void check_range(struct memory *m, frame_t first, unsigned count)
{
	assert(first != NO_FRAME);
	assert(((uint64_t)first + count) << PAGE_SHIFT <= atomic_load(&m->size));
}

/* Takes `unit` off each frame's word; the frames that reach 0 go into the batch. */
static void drop(struct memory_batch *b, frame_t first, unsigned count, uint64_t unit)
{
	struct memory *m = b->memory;

	check_range(m, first, count);
	for (unsigned i = 0; i < count; i++) {
		uint64_t old = atomic_fetch_sub(&m->counts[first + i], unit);

		assert(unit == 1 ? (uint32_t)old != 0 : old >> 32 != 0);
		if (old == unit)
			batch_add(b, first + i, 1);
	}
}

void memory_batch_unref(struct memory_batch *b, frame_t first, unsigned count)
{
	drop(b, first, count, 1);
}

void memory_ref(struct memory *m, frame_t first, unsigned count)
{
	check_range(m, first, count);
	for (unsigned i = 0; i < count; i++) {
		uint64_t old = atomic_fetch_add(&m->counts[first + i], 1);

		assert((uint32_t)old != 0 && (uint32_t)old != UINT32_MAX);
		(void)old;
	}
}

void memory_unref(struct memory *m, frame_t first, unsigned count)
{
	struct memory_batch b = {.memory = m};

	drop(&b, first, count, 1);
	memory_batch_flush(&b);
}

unsigned memory_refs(struct memory *m, frame_t frame)
{
	check_range(m, frame, 1);
	return (uint32_t)atomic_load(&m->counts[frame]);
}

void memory_pin(struct memory *m, frame_t first, unsigned count)
{
	check_range(m, first, count);
	for (unsigned i = 0; i < count; i++)
		atomic_fetch_add(&m->counts[first + i], PIN_ONE);
}

void memory_unpin(struct memory *m, frame_t first, unsigned count)
{
	struct memory_batch b = {.memory = m};

	drop(&b, first, count, PIN_ONE);
	memory_batch_flush(&b);
}

bool memory_pinned(struct memory *m, frame_t frame)
{
	check_range(m, frame, 1);
	return atomic_load(&m->counts[frame]) >= PIN_ONE;
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

uint64_t memory_total_usage(struct memory *m)
{
	struct stat st;

	return fstat(m->fd, &st) == 0 ? (uint64_t)st.st_blocks * 512 : 0;
}

int memory_update_usage(struct memory *m, uint64_t held[MEMORY_KINDS])
{
	uint8_t committed[CHUNK_PAGES];
	frame_t end;

	memset(held, 0, MEMORY_KINDS * sizeof(*held));
	pthread_mutex_lock(&m->lock);
	end = memory_fresh(m);
	pthread_mutex_unlock(&m->lock);
	for (frame_t f = 0; f < end; f += CHUNK_PAGES) {
		/* Frame 0 is nobody's, and range checks know it. */
		frame_t from = f ? f : 1;
		int r = memory_committed(m, from, f + CHUNK_PAGES - from, committed);

		if (r < 0)
			return r;
		pthread_mutex_lock(&m->lock);
		for (frame_t i = from; i < f + CHUNK_PAGES; i++)
			if (committed[i - from] && m->tags[i] & TAG_USED)
				held[m->tags[i] & TAG_KIND] += PAGE_SIZE;
		pthread_mutex_unlock(&m->lock);
	}
	return 0;
}
