/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How many address spaces there may be, which are kept, and that none of it grows: 100000 come and
 * go with the same memory and the same slots.
 */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>

#include "guest.h"

BLOB(peek, "mov (%rdi),%rax\n syscall\n");

/* Does user code in as find `want` at DATA? 0: nothing is there. */
static void sees(struct context *c, struct address_space *as, uint64_t want)
{
	struct user_regs_struct regs = test_regs();
	struct switch_event ev;

	regs.rdi = DATA;
	context_switch(c, as, &regs, -1, &ev);
	if (want)
		CHECK(ev.reason == SWITCH_SYSCALL && regs.orig_rax == want, "reason %d, %llx",
		      ev.reason, regs.orig_rax);
	else
		CHECK(ev.reason == SWITCH_SIGNAL && ev.page_fault && ev.addr == DATA);
}

static bool readable(struct platform *p)
{
	struct pollfd pfd = {.fd = platform_address_space_fd(p), .events = POLLIN};

	CHECK(poll(&pfd, 1, 0) >= 0);
	return pfd.revents & POLLIN;
}

static struct address_space *made(struct platform *p, uint64_t id, int want)
{
	struct address_space *as = NULL;
	int r = platform_new_address_space(p, id, &as);

	CHECK(r == want, "%d instead of %d", r, want);
	return as;
}

static void limit(void)
{
	struct platform *p = test_platform_with((struct platform_config){.address_spaces_max = 4});
	struct address_space *as[4];
	struct platform_stats st;

	for (unsigned i = 0; i < 4; i++)
		as[i] = made(p, 0, 0);
	CHECK(!readable(p));
	made(p, 0, -EAGAIN);
	made(p, 77, -EAGAIN);
	CHECK(!readable(p));
	address_space_release(as[1], 0);
	CHECK(readable(p));
	CHECK(readable(p)); /* a level, not an edge */
	as[1] = made(p, 0, 0);
	made(p, 0, -EAGAIN);
	CHECK(!readable(p));
	/* One that is kept is as good as none when somebody wants a new one. */
	address_space_release(as[2], 5);
	CHECK(readable(p));
	as[2] = made(p, 6, 0);
	made(p, 5, -EAGAIN);
	platform_stats(p, &st);
	CHECK(st.spaces == 4 && st.spaces_cached == 0 && st.spaces_evicted == 1);
	CHECK(st.spaces_refused == 4);
	for (unsigned i = 0; i < 4; i++)
		address_space_release(as[i], 0);
	platform_destroy(p);
}

static struct address_space *with_data(struct platform *p, frame_t code, frame_t data, uint64_t id)
{
	struct address_space *as = made(p, id, 0);

	CHECK(address_space_map(as, CODE, code, 1, ACCESS_READ | ACCESS_EXEC, false) == 0);
	CHECK(address_space_map(as, DATA, data, 1, ACCESS_READ, false) == 0);
	return as;
}

static void kept(struct platform *p)
{
	struct context *c = test_context(p);
	frame_t code = test_frames(p, 1), data = test_frames(p, 8);
	struct address_space *as;
	struct platform_stats st;

	memcpy(test_ptr(p, code), peek, peek_end - peek);
	for (uint64_t i = 0; i < 8; i++)
		*(uint64_t *)test_ptr(p, data + i) = 100 + i;
	for (unsigned round = 0; round < 20; round++) {
		for (uint64_t id = 1; id < 8; id++) {
			as = with_data(p, code, data + id, id);
			if (round % 2)
				sees(c, as, 100 + id);
			address_space_release(as, id);
		}
		for (uint64_t id = 7; id >= 1; id--) {
			as = made(p, id, 1);
			sees(c, as, 100 + id);
			/* It can be changed like any other, and kept again as something else. */
			CHECK(address_space_map(as, DATA, data, 1, ACCESS_READ, false) == 0);
			sees(c, as, 100);
			if (id % 2) {
				address_space_release(as, 1000 + id);
				as = made(p, 1000 + id, 1);
				sees(c, as, 100);
			}
			address_space_release(as, 0);
		}
		as = with_data(p, code, data, 9);
		address_space_release(as, 9);
		platform_forget_mappings(p, 9);
		platform_forget_mappings(p, 9);
		as = made(p, 9, 0);
		CHECK(address_space_map(as, CODE, code, 1, ACCESS_READ | ACCESS_EXEC, false) == 0);
		sees(c, as, 0);
		address_space_release(as, 0);
	}
	platform_stats(p, &st);
	CHECK(st.spaces == 0 && st.spaces_cached == 0 && st.spaces_reused == 20 * (7 + 4));

	/* There are not many of them, the last ones. */
	for (uint64_t id = 1; id <= 200; id++)
		address_space_release(with_data(p, code, data, id), id);
	platform_stats(p, &st);
	CHECK(st.spaces_cached >= 4 && st.spaces_cached < 100, "%lu kept", st.spaces_cached);
	as = made(p, 200, 1);
	sees(c, as, 100);
	address_space_release(as, 0);
	as = made(p, 1, 0);
	address_space_release(as, 0);
	for (uint64_t id = 1; id <= 200; id++)
		platform_forget_mappings(p, id);
	platform_stats(p, &st);
	CHECK(st.spaces_cached == 0);
	memory_unref(platform_memory(p), code, 1);
	memory_unref(platform_memory(p), data, 8);
	context_release(c);
}

/* ---- many who want few ----------------------------------------------------------------------- */

#define THREADS 8
#define FEW 3
#define TURNS 2000

static struct platform *crowded;
static _Atomic int in_use;

static void *wants_one(void *arg)
{
	unsigned turns = test_rounds(TURNS);
	uint64_t id = (uintptr_t)arg << 32;

	for (unsigned i = 0; i < turns; i++) {
		struct pollfd pfd = {.fd = platform_address_space_fd(crowded), .events = POLLIN};
		struct address_space *as;
		int r;

		while ((r = platform_new_address_space(crowded, i % 3 ? id : 0, &as)) == -EAGAIN)
			CHECK(poll(&pfd, 1, 20000) == 1, "nobody woke us: lost");
		CHECK(r == 0 || r == 1, "%d", r);
		CHECK(++in_use <= FEW);
		if (i % 5 == 0)
			sched_yield();
		in_use--;
		if (i % 3 == 0 || r == 0)
			id++; /* the last one may still be kept, and is never asked for again */
		address_space_release(as, i % 4 ? id : 0);
	}
	return NULL;
}

static void crowd(void)
{
	pthread_t t[THREADS];
	struct platform_stats st;

	crowded = test_platform_with((struct platform_config){.address_spaces_max = FEW});
	for (uintptr_t i = 0; i < THREADS; i++)
		pthread_create(&t[i], NULL, wants_one, (void *)i);
	for (unsigned i = 0; i < THREADS; i++)
		pthread_join(t[i], NULL);
	platform_stats(crowded, &st);
	CHECK(st.spaces == 0 && st.spaces_cached <= FEW);
	fprintf(stderr, "%lu refused, %lu reused, %lu evicted\n", st.spaces_refused,
		st.spaces_reused, st.spaces_evicted);
	platform_destroy(crowded);
}

/* ---- no growth ------------------------------------------------------------------------------- */

/* AddressSanitizer keeps what was freed for a while. */
#ifdef __SANITIZE_ADDRESS__
#define SLACK_KIB (256 << 10)
#else
#define SLACK_KIB 512
#endif

static long resident_kib(void)
{
	char line[128];
	long kib = 0;
	FILE *f = fopen("/proc/self/status", "r");

	CHECK(f);
	while (fgets(line, sizeof(line), f))
		if (!strncmp(line, "VmRSS:", 6))
			kib = atol(line + 6);
	fclose(f);
	return kib;
}

static void come_and_go(struct platform *p, unsigned n)
{
	struct context *c = test_context(p);
	frame_t code = test_frames(p, 1), data = test_frames(p, 1);
	struct platform_stats before, after;
	long rss = 0;

	memcpy(test_ptr(p, code), peek, peek_end - peek);
	*(uint64_t *)test_ptr(p, data) = 1;
	for (unsigned i = 0; i < n; i++) {
		struct address_space *as = with_data(p, code, data, 0);

		if (i % 8 == 0)
			sees(c, as, 1);
		address_space_release(as, 0);
		if (i == n / 10) {
			rss = resident_kib();
			platform_stats(p, &before);
		}
	}
	platform_stats(p, &after);
	CHECK(after.slots == before.slots && after.pt_pages == before.pt_pages);
	CHECK(after.spaces == 0 && after.spaces_made - before.spaces_made == n - n / 10 - 1);
	CHECK(resident_kib() < rss + SLACK_KIB, "%ld KiB have become %ld", rss, resident_kib());
	memory_unref(platform_memory(p), code, 1);
	memory_unref(platform_memory(p), data, 1);
	context_release(c);
}

/* Without a run there is nothing to forget: neither for the mappings nor for the tables. */
static void never_ran(struct platform *p, unsigned n)
{
	struct address_range range = {DATA, CHUNK_SIZE};
	frame_t f = test_frames(p, 64);
	struct platform_stats before, after;

	platform_stats(p, &before);
	for (unsigned i = 0; i < n; i++) {
		struct address_space *as = made(p, 0, 0);

		CHECK(address_space_map(as, DATA, f, 64, ACCESS_READ | ACCESS_WRITE, false) == 0);
		address_space_restrict(as, &range, 1, ACCESS_READ);
		for (uint64_t k = 0; k < 64; k += 2)
			address_space_unmap(as, DATA + (k << PAGE_SHIFT), PAGE_SIZE);
		CHECK(address_space_map(as, DATA + PAGE_SIZE, f, 1, ACCESS_READ, false) == 0);
		address_space_release(as, 0);
	}
	platform_stats(p, &after);
	CHECK(after.invalidations == before.invalidations && after.purges == before.purges);
	/* The host of a traced process does the same for itself, and does not say. */
	CHECK(test_on_ptrace() ||
	      after.invalidations_idle - before.invalidations_idle == n * 34);
	memory_unref(platform_memory(p), f, 64);
}

int main(void)
{
	struct platform *p = test_platform(0);

	limit();
	kept(p);
	crowd();
	/* Where an address space is a process of the host's, they come more slowly. */
	never_ran(p, test_on_ptrace() ? 50 : 1000);
	come_and_go(p, test_on_ptrace() && !test_long() ? 3000 : test_count(100000, 100000));
	platform_destroy(p);
	return 0;
}
