/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The frame allocator: a million random allocations and releases, checked against a shadow of who
 * owns which frame; what is handed out reads as zeros; pins keep frames; nothing is lost.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>

#include "guest.h"
#include "platform/memory.h"

#define OPS 1000000
#define LIVE 512
#define MAX_FRAMES (1U << 20)

struct range {
	frame_t first;
	unsigned count;
	enum memory_kind kind;
	bool dirty;
};

static uint8_t owned[MAX_FRAMES];

static struct memory *new_memory(uint64_t frames)
{
	struct error err = ERROR_INIT;
	struct memory *m;

	CHECK(memory_new(frames << PAGE_SHIFT, &m, &err) == 0, "%s", err.msg);
	return m;
}

/* As mm/ asks: a page to copy, a few to make private, the chunk around a fault. */
static unsigned usual_count(void)
{
	switch (random() % 8) {
	case 0:
		return CHUNK_PAGES;
	case 1:
		return 1 + random() % 64;
	case 2:
	case 3:
		return 1 + random() % 16;
	default:
		return 1;
	}
}

static unsigned any_count(void)
{
	switch (random() % 8) {
	case 0:
		return 1 + random() % CHUNK_PAGES;
	case 1:
		return 1U << random() % 10;
	default:
		return 1 + random() % 8;
	}
}

static void take(struct memory *m, struct range *r, unsigned count)
{
	r->count = count;
	r->kind = random() % MEMORY_KINDS;
	CHECK(memory_alloc(m, r->count, r->kind, &r->first) == 0);
	CHECK(r->first && r->first + r->count <= MAX_FRAMES);
	CHECK(r->count < CHUNK_PAGES || r->first % CHUNK_PAGES == 0);
	for (unsigned i = 0; i < r->count; i++)
		CHECK(!owned[r->first + i]++, "frame %u handed out twice", r->first + i);
	/* Touching costs a host page, so only some are looked at and soiled. */
	r->dirty = random() % 16 == 0;
	if (r->dirty) {
		frame_t f = r->first + random() % r->count;
		uint64_t *w = memory_ptr(m, f);

		for (unsigned i = 0; i < PAGE_SIZE / 8; i++)
			CHECK(w[i] == 0, "frame %u is not zero", f);
		memset(w, 0xa5, PAGE_SIZE);
	}
}

static void give(struct memory *m, struct range *r)
{
	for (unsigned i = 0; i < r->count; i++)
		owned[r->first + i]--;
	/* At once, or in two parts. */
	if (r->count > 1 && random() % 4 == 0) {
		unsigned n = 1 + random() % (r->count - 1);

		memory_unref(m, r->first + n, r->count - n);
		memory_unref(m, r->first, n);
	} else {
		memory_unref(m, r->first, r->count);
	}
	r->count = 0;
}

/* Everything is united again: the file can be handed out in whole chunks without growing. */
static void all_united(struct memory *m)
{
	uint64_t size = memory_total_size(m), chunks = memory_fresh(m) / CHUNK_PAGES - 1;
	frame_t *f = calloc(chunks, sizeof(*f));

	for (uint64_t i = 0; i < chunks; i++)
		CHECK(memory_alloc(m, CHUNK_PAGES, MEMORY_ANONYMOUS, &f[i]) == 0);
	CHECK(memory_total_size(m) == size);
	for (uint64_t i = 0; i < chunks; i++)
		memory_unref(m, f[i], CHUNK_PAGES);
	free(f);
}

/* A million steps; at the end the file must not be `waste` percent longer than the most in use. */
static void churn(unsigned (*count)(void), unsigned waste)
{
	struct memory *m = new_memory(MAX_FRAMES);
	static struct range live[LIVE];
	uint64_t expect[MEMORY_KINDS] = {0}, used = 0, peak = 0;

	for (unsigned i = 0; i < OPS; i++) {
		struct range *r = &live[random() % LIVE];

		if (r->count) {
			expect[r->kind] -= r->count;
			used -= r->count;
			give(m, r);
		} else {
			take(m, r, count());
			expect[r->kind] += r->count;
			used += r->count;
		}
		peak = used > peak ? used : peak;
	}
	CHECK((memory_fresh(m) - peak) * 100 < memory_fresh(m) * waste, "%u frames of file for %lu",
	      memory_fresh(m), peak);
	for (unsigned k = 0; k < MEMORY_KINDS; k++)
		CHECK(memory_usage(m, k) == expect[k] << PAGE_SHIFT);
	for (unsigned i = 0; i < LIVE; i++)
		if (live[i].count)
			give(m, &live[i]);
	for (unsigned k = 0; k < MEMORY_KINDS; k++)
		CHECK(memory_usage(m, k) == 0);
	CHECK(memory_total_usage(m) == 0);
}

static void references_and_pins(struct memory *m)
{
	frame_t f, g;
	uint8_t vec[8];
	void *ptr;

	CHECK(memory_alloc(m, 8, MEMORY_ANONYMOUS, &f) == 0);
	CHECK(memory_refs(m, f) == 1 && !memory_pinned(m, f));
	CHECK(memory_committed(m, f, 8, vec) == 0 && !vec[0] && !vec[7]);
	ptr = memory_ptr(m, f);
	CHECK(memory_frame_of(m, (char *)ptr + 5 * PAGE_SIZE + 7) == f + 5);
	CHECK(memory_frame_of(m, &f) == 0);
	memset((char *)ptr + 3 * PAGE_SIZE, 1, PAGE_SIZE);
	CHECK(memory_committed(m, f, 8, vec) == 0 && !vec[2] && vec[3] && !vec[4]);
	CHECK(memory_decommit(m, f + 3, 1) == 0);
	CHECK(((char *)ptr)[3 * PAGE_SIZE] == 0);

	memory_ref(m, f, 8);
	CHECK(memory_refs(m, f + 7) == 2);
	memory_unref(m, f, 8);

	/* A pinned frame survives its last reference, and is not handed out meanwhile. */
	memory_pin(m, f, 1);
	memory_pin(m, f, 1);
	memset(ptr, 7, PAGE_SIZE);
	memory_unref(m, f, 8);
	CHECK(memory_pinned(m, f) && ((char *)ptr)[9] == 7);
	for (unsigned i = 0; i < 64; i++) {
		CHECK(memory_alloc(m, 1, MEMORY_ANONYMOUS, &g) == 0 && g != f);
		memory_unref(m, g, 1);
	}
	memory_unpin(m, f, 1);
	CHECK(((char *)ptr)[9] == 7);
	memory_unpin(m, f, 1);
	CHECK(memory_usage(m, MEMORY_ANONYMOUS) == 0);
}

/* Ranges that come back in any order, neighbours of each other or shared, in one batch. */
static void batches(struct memory *m)
{
	enum { N = 4 * MEMORY_BATCH_RUNS };
	struct memory_batch b = {.memory = m};
	static frame_t f[N], g;

	for (unsigned i = 0; i < N; i++) {
		CHECK(memory_alloc(m, 2, MEMORY_ANONYMOUS, &f[i]) == 0);
		memset(memory_ptr(m, f[i]), 1, 2 * PAGE_SIZE);
	}
	for (unsigned i = 0; i < N; i += 3)
		memory_ref(m, f[i], 1);
	for (unsigned i = 0; i < N; i++)
		memory_batch_unref(&b, f[i * 77 % N], 2);
	memory_batch_flush(&b);
	CHECK(memory_usage(m, MEMORY_ANONYMOUS) == (N + 2) / 3 * PAGE_SIZE);
	CHECK(memory_total_usage(m) == (N + 2) / 3 * PAGE_SIZE);
	for (unsigned i = 0; i < N; i += 3)
		CHECK(((uint8_t *)memory_ptr(m, f[i]))[PAGE_SIZE - 1] == 1);
	for (unsigned i = 0; i < N; i += 3)
		memory_batch_unref(&b, f[i], 1);
	memory_batch_flush(&b);
	memory_batch_flush(&b);
	CHECK(memory_usage(m, MEMORY_ANONYMOUS) == 0 && memory_total_usage(m) == 0);
	CHECK(memory_alloc(m, CHUNK_PAGES, MEMORY_ANONYMOUS, &g) == 0);
	for (unsigned i = 0; i < CHUNK_PAGES; i++)
		CHECK(*(uint8_t *)memory_ptr(m, g + i) == 0);
	memory_unref(m, g, CHUNK_PAGES);
}

static void filled(struct memory *m)
{
	long page = PAGE_SIZE;
	char *src =
	    mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	uint64_t held[MEMORY_KINDS];
	frame_t f, g;

	CHECK(src != MAP_FAILED && munmap(src + page, page) == 0);
	memset(src, 'x', page);
	CHECK(memory_alloc_filled(m, 3, MEMORY_PAGE_CACHE, src + 1, page - 1, &f) == 0);
	src = memory_ptr(m, f);
	CHECK(src[0] == 'x' && src[page - 2] == 'x' && src[page - 1] == 0 && src[2 * page] == 0);
	CHECK(memory_alloc(m, 4, MEMORY_SHARED, &g) == 0);
	memset(memory_ptr(m, g + 1), 1, 2 * page);
	CHECK(memory_update_usage(m, held) == 0);
	/* Reading is touching too: page 2 of the first has a host page now. */
	CHECK(held[MEMORY_PAGE_CACHE] == 2 * PAGE_SIZE && held[MEMORY_SHARED] == 2 * PAGE_SIZE);
	CHECK(held[MEMORY_ANONYMOUS] == 0 && memory_total_usage(m) == 4 * PAGE_SIZE);
	memory_unref(m, f, 3);
	memory_unref(m, g, 4);
	/* What cannot be read leaves nothing behind. */
	CHECK(memory_alloc_filled(m, 2, MEMORY_PAGE_CACHE, (void *)8, 5000, &f) == -EFAULT);
	CHECK(memory_usage(m, MEMORY_PAGE_CACHE) == 0 && memory_total_usage(m) == 0);
}

static void bound(void)
{
	struct rlimit old, none = {CHUNK_SIZE, CHUNK_SIZE};
	struct memory *m = new_memory(16 * CHUNK_PAGES);
	frame_t f[40];
	int n = 0;

	/* The host refuses to let the file grow: an error, and no harm done. */
	signal(SIGXFSZ, SIG_IGN);
	getrlimit(RLIMIT_FSIZE, &old);
	none.rlim_max = old.rlim_max;
	CHECK(setrlimit(RLIMIT_FSIZE, &none) == 0);
	for (int i = 0; i < 3; i++)
		CHECK(memory_alloc(m, 1, MEMORY_ANONYMOUS, &f[0]) == -ENOMEM);
	CHECK(setrlimit(RLIMIT_FSIZE, &old) == 0);
	CHECK(memory_usage(m, MEMORY_ANONYMOUS) == 0);

	while (memory_alloc(m, CHUNK_PAGES, MEMORY_ANONYMOUS, &f[n]) == 0)
		n++;
	CHECK(n == 15, "%d chunks of 16, one of which has frame 0", n);
	CHECK(memory_alloc(m, CHUNK_PAGES - 1, MEMORY_ANONYMOUS, &f[15]) == 0);
	CHECK(memory_alloc(m, 1, MEMORY_ANONYMOUS, &f[16]) == -ENOMEM);
	memory_unref(m, f[15], CHUNK_PAGES - 1);
	while (n-- > 0)
		memory_unref(m, f[n], CHUNK_PAGES);
	CHECK(memory_alloc(m, CHUNK_PAGES, MEMORY_ANONYMOUS, &f[0]) == 0);
	memory_destroy(m);
}

static struct memory *shared;

static void *race(void *arg)
{
	unsigned seed = (uintptr_t)arg;

	for (unsigned i = 0; i < 20000; i++) {
		unsigned n = 1 + rand_r(&seed) % 4;
		frame_t f;

		CHECK(memory_alloc(shared, n, MEMORY_ANONYMOUS, &f) == 0);
		if (i % 16 == 0) {
			uint32_t *w = memory_ptr(shared, f);

			CHECK(*w == 0);
			*w = seed;
		}
		memory_pin(shared, f, n);
		memory_unref(shared, f, n);
		memory_unpin(shared, f, n);
	}
	return NULL;
}

int main(void)
{
	pthread_t t[4];

	srandom(1);
	safecopy_init();
	shared = new_memory(MAX_FRAMES);
	references_and_pins(shared);
	batches(shared);
	filled(shared);
	for (uintptr_t i = 0; i < 4; i++)
		pthread_create(&t[i], NULL, race, (void *)(i + 1));
	for (int i = 0; i < 4; i++)
		pthread_join(t[i], NULL);
	CHECK(memory_usage(shared, MEMORY_ANONYMOUS) == 0);
	all_united(shared);
	memory_destroy(shared);
	churn(usual_count, 10);
	churn(any_count, 20);
	bound();
	return 0;
}
