/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The frame allocator: a million random allocations and releases, checked against a shadow of who
 * owns which frame; what is handed out reads as zeros; pins keep frames; nothing is lost.
 */
#include <pthread.h>

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

static unsigned pick_count(void)
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

static void take(struct memory *m, struct range *r)
{
	r->count = pick_count();
	r->kind = random() & 1 ? MEMORY_ANONYMOUS : MEMORY_SYSTEM;
	CHECK(memory_alloc(m, r->count, r->kind, &r->first) == 0);
	CHECK(r->first && r->first + r->count <= MAX_FRAMES);
	for (unsigned align = 1; align < 2 * r->count; align *= 2)
		CHECK(align > r->count ? 1 : r->first % align == 0);
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

static void churn(struct memory *m)
{
	static struct range live[LIVE];
	uint64_t expect[MEMORY_KINDS] = {0};

	for (unsigned i = 0; i < OPS; i++) {
		struct range *r = &live[random() % LIVE];

		if (r->count) {
			expect[r->kind] -= r->count;
			give(m, r);
		} else {
			take(m, r);
			expect[r->kind] += r->count;
		}
	}
	for (unsigned k = 0; k < MEMORY_KINDS; k++)
		CHECK(memory_usage(m, k) == expect[k] << PAGE_SHIFT);
	for (unsigned i = 0; i < LIVE; i++)
		if (live[i].count)
			give(m, &live[i]);
	CHECK(memory_usage(m, MEMORY_ANONYMOUS) == 0 && memory_usage(m, MEMORY_SYSTEM) == 0);
}

/* Everything is united again: the file can be handed out in whole chunks without growing. */
static void all_united(struct memory *m)
{
	uint64_t size = memory_total_size(m), chunks = size / CHUNK_SIZE - 1;
	frame_t *f = calloc(chunks, sizeof(*f));

	for (uint64_t i = 0; i < chunks; i++)
		CHECK(memory_alloc(m, CHUNK_PAGES, MEMORY_ANONYMOUS, &f[i]) == 0);
	CHECK(memory_total_size(m) == size);
	for (uint64_t i = 0; i < chunks; i++)
		memory_unref(m, f[i], CHUNK_PAGES);
	free(f);
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

static void bound(void)
{
	struct error err = ERROR_INIT;
	struct memory *m;
	frame_t f[40];
	int n = 0;

	CHECK(memory_new(16 * CHUNK_SIZE, &m, &err) == 0, "%s", err.msg);
	while (memory_alloc(m, CHUNK_PAGES, MEMORY_ANONYMOUS, &f[n]) == 0)
		n++;
	CHECK(n == 15, "%d chunks of 16, one of which has frame 0", n);
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
	struct error err = ERROR_INIT;
	pthread_t t[4];

	srandom(1);
	CHECK(memory_new((uint64_t)MAX_FRAMES << PAGE_SHIFT, &shared, &err) == 0, "%s", err.msg);
	references_and_pins(shared);
	churn(shared);
	all_united(shared);
	for (uintptr_t i = 0; i < 4; i++)
		pthread_create(&t[i], NULL, race, (void *)(i + 1));
	for (int i = 0; i < 4; i++)
		pthread_join(t[i], NULL);
	CHECK(memory_usage(shared, MEMORY_ANONYMOUS) == 0);
	all_united(shared);
	memory_destroy(shared);
	bound();
	return 0;
}
