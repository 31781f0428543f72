/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Taking translations away under a running vCPU: when unmap, map over, or restrict return, nothing
 * is read or written through the old ones any more. One guest thread reads, one writes, both all
 * the time; the host changes what they see, 20000 times.
 */
#include <pthread.h>
#include <sched.h>
#include <signal.h>

#include "guest.h"

#define ROUNDS 20000
#define PATIENCE_NS 10000000000UL

/* Copies *(DATA) to the page at rsi and counts there. */
BLOB(reader, "1: mov (%rdi),%rax\n mov %rax,(%rsi)\n incq 8(%rsi)\n jmp 1b");
/* Counts in *(DATA). */
BLOB(writer, "1: incq (%rdi)\n incq 8(%rsi)\n jmp 1b");

#define MAILBOX (DATA + 0x100000)

static struct platform *platform;
static struct address_space *space;
static _Atomic bool stop;

struct guest_thread {
	struct context *context;
	struct address_space *space;
	_Atomic uint64_t faults;
};

/* Runs until told to stop; a fault on DATA is tried again, as a kernel would. */
static void *run(void *arg)
{
	struct guest_thread *g = arg;
	struct user_regs_struct regs = test_regs();
	struct switch_event ev;

	regs.rdi = DATA;
	regs.rsi = MAILBOX;
	while (!stop) {
		context_switch(g->context, g->space, &regs, -1, &ev);
		if (ev.reason == SWITCH_SIGNAL) {
			CHECK(ev.page_fault && ev.addr == DATA, "trap %u addr %lx", ev.trapno,
			      ev.addr);
			g->faults++;
		}
	}
	return NULL;
}

static void wait_iterations(volatile uint64_t *mail, unsigned n)
{
	uint64_t from = mail[1];

	while (mail[1] < from + n)
		sched_yield();
}

/* On a busy machine the two threads wait for a CPU most of the time. */
static bool enough(unsigned rounds, uint64_t deadline)
{
	return rounds >= ROUNDS / 10 && test_now() > deadline;
}

/* Odd rounds unmap, even ones map the other frame over. */
static void reads(void)
{
	struct guest_thread g = {.context = test_context(platform)};
	frame_t a = test_frames(platform, 1), b = test_frames(platform, 1);
	frame_t m = test_frames(platform, 1);
	volatile uint64_t *mail = test_ptr(platform, m);
	uint64_t stale = 0, deadline = test_now() + PATIENCE_NS;
	pthread_t t;

	g.space = space = TEST_SPACE(platform, reader);
	*(uint64_t *)test_ptr(platform, a) = 0xaaaa;
	*(uint64_t *)test_ptr(platform, b) = 0xbbbb;
	CHECK(address_space_map(space, MAILBOX, m, 1, ACCESS_READ | ACCESS_WRITE, false) == 0);
	CHECK(address_space_map(space, DATA, a, 1, ACCESS_READ, false) == 0);
	pthread_create(&t, NULL, run, &g);
	wait_iterations(mail, 100);
	for (unsigned i = 1, end = test_rounds(ROUNDS); i <= end; i++) {
		frame_t next = i & 1 ? b : a;
		uint64_t want = i & 1 ? 0xbbbb : 0xaaaa;

		if (i % 8 == 7)
			address_space_unmap(space, DATA, PAGE_SIZE);
		CHECK(address_space_map(space, DATA, next, 1, ACCESS_READ, false) == 0);
		/* One iteration may be past its load; the one after it is not. */
		wait_iterations(mail, 2);
		if (mail[0] != want)
			stale++;
		if (enough(i, deadline))
			break;
	}
	CHECK(stale == 0, "%lu stale reads", stale);
	stop = true;
	context_interrupt(g.context);
	pthread_join(t, NULL);
	stop = false;
	context_release(g.context);
	address_space_release(space);
}

static void writes(void)
{
	struct guest_thread g = {.context = test_context(platform)};
	frame_t a = test_frames(platform, 1), m = test_frames(platform, 1);
	volatile uint64_t *mail = test_ptr(platform, m), *data = test_ptr(platform, a);
	struct address_range range = {DATA, PAGE_SIZE};
	uint64_t late = 0, deadline = test_now() + PATIENCE_NS;
	pthread_t t;

	g.space = space = TEST_SPACE(platform, writer);
	CHECK(address_space_map(space, MAILBOX, m, 1, ACCESS_READ | ACCESS_WRITE, false) == 0);
	pthread_create(&t, NULL, run, &g);
	for (unsigned i = 0; i < test_rounds(ROUNDS / 4); i++) {
		uint64_t before;

		CHECK(address_space_map(space, DATA, a, 1, ACCESS_READ | ACCESS_WRITE, false) == 0);
		wait_iterations(mail, 2);
		if (i & 1)
			address_space_restrict(space, &range, 1, ACCESS_READ);
		else
			address_space_unmap(space, DATA, PAGE_SIZE);
		before = *data;
		for (volatile int k = 0; k < 2000; k++)
			;
		if (*data != before)
			late++;
		if (enough(i, deadline))
			break;
	}
	CHECK(late == 0, "%lu late writes", late);
	CHECK(g.faults > 0);
	stop = true;
	context_interrupt(g.context);
	pthread_join(t, NULL);
	stop = false;
	context_release(g.context);
	address_space_release(space);
}

/* Many scattered pages, which takes the other way of invalidating. */
BLOB(read_list, "1: mov (%rdi),%rax\n add $8192,%rdi\n dec %ecx\n jnz 1b\n syscall\n");

static void scattered(void)
{
	enum { PAGES = 64 };
	struct context *c = test_context(platform);
	struct address_range ranges[PAGES];
	frame_t f[PAGES];

	space = TEST_SPACE(platform, read_list);
	for (int i = 0; i < PAGES; i++)
		f[i] = test_frames(platform, 1);
	for (int round = 0; round < 5 + (int)test_rounds(45); round++) {
		struct user_regs_struct regs = test_regs();
		struct switch_event ev;

		for (int i = 0; i < PAGES; i++) {
			int k = (i * 37 + round) % PAGES; /* frames in no order: no runs */

			CHECK(address_space_map(space, DATA + 8192 * i, f[k], 1,
						ACCESS_READ | ACCESS_WRITE, false) == 0);
			*(uint64_t *)test_ptr(platform, f[k]) = i;
			ranges[i] = (struct address_range){DATA + 8192 * i, PAGE_SIZE};
		}
		regs.rdi = DATA;
		regs.rcx = PAGES;
		context_switch(c, space, &regs, -1, &ev);
		CHECK(ev.reason == SWITCH_SYSCALL && regs.orig_rax == PAGES - 1);
		address_space_restrict(space, ranges, PAGES, 0);
		for (int i = 0; i < PAGES; i += 9) {
			regs = test_regs();
			regs.rdi = DATA + 8192 * i;
			regs.rcx = 1;
			context_switch(c, space, &regs, -1, &ev);
			CHECK(ev.reason == SWITCH_SIGNAL && ev.page_fault);
		}
	}
	context_release(c);
	address_space_release(space);
}

int main(void)
{
	struct platform_stats st;

	platform = test_platform(0);
	reads();
	writes();
	scattered();
	platform_stats(platform, &st);
	fprintf(stderr, "%lu invalidations, %lu purges\n", st.invalidations, st.purges);
	platform_destroy(platform);
	return 0;
}
