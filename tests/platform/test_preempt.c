/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * 64 threads that never make a system call, on 4 vCPUs: all get on. And an interruption reaches a
 * thread that spins, one that waits for a vCPU, and one that is about to do either, exactly once.
 *
 * HUSK_TEST_LONG=1: a million interruptions.
 */
#include <pthread.h>
#include <signal.h>

#include "guest.h"

#define SPINNERS 64
#define ROUNDS 1000

BLOB(spin, "1: lock incq (%rdi)\n jmp 1b");

static struct platform *platform;
static struct address_space *space;
static struct context *contexts[SPINNERS];
static volatile uint64_t *counters; /* one page of them, shared with the guest */
static _Atomic bool stop;

static void *spinner(void *arg)
{
	uintptr_t id = (uintptr_t)arg;
	struct user_regs_struct regs = test_regs();
	struct switch_event ev;

	regs.rdi = DATA + 8 * id;
	while (!stop) {
		context_switch(contexts[id], space, &regs, -1, &ev);
		CHECK(ev.reason == SWITCH_PREEMPTED || ev.reason == SWITCH_INTERRUPT, "%d trap %u",
		      ev.reason, ev.trapno);
		CHECK(regs.rip == CODE || regs.rip == CODE + 4);
	}
	return NULL;
}

static void all_progress(void)
{
	pthread_t t[SPINNERS];
	uint64_t deadline = test_now() + 60000000000UL;

	for (uintptr_t i = 0; i < SPINNERS; i++)
		pthread_create(&t[i], NULL, spinner, (void *)i);
	for (unsigned round = 0; round < 2; round++) {
		uint64_t seen[SPINNERS];

		for (int i = 0; i < SPINNERS; i++)
			seen[i] = counters[i];
		for (int i = 0; i < SPINNERS; i++)
			while (counters[i] == seen[i]) {
				CHECK(test_now() < deadline, "thread %d starves", i);
				usleep(1000);
			}
	}
	stop = true;
	for (int i = 0; i < SPINNERS; i++)
		context_interrupt(contexts[i]);
	for (int i = 0; i < SPINNERS; i++)
		pthread_join(t[i], NULL);
	stop = false;
}

/* ---- interruptions, counted ------------------------------------------------------------------ */

static _Atomic uint32_t got[SPINNERS];

static void *counting(void *arg)
{
	uintptr_t id = (uintptr_t)arg;
	struct user_regs_struct regs = test_regs();
	struct switch_event ev;

	regs.rdi = DATA + 8 * id;
	while (!stop) {
		context_switch(contexts[id], space, &regs, -1, &ev);
		if (ev.reason == SWITCH_INTERRUPT)
			got[id]++;
	}
	return NULL;
}

/* The last one may have come when its thread was gone already. */
static void forget_interruption(unsigned i)
{
	struct user_regs_struct regs = {.rip = CODE, .eflags = 0x202};
	struct switch_event ev;

	context_interrupt(contexts[i]);
	context_switch(contexts[i], space, &regs, -1, &ev);
	CHECK(ev.reason == SWITCH_INTERRUPT);
	context_unbind(contexts[i]); /* the next one to switch it is another thread */
}

/* Each is sent when the one before has been answered, so the counts must agree exactly. */
static void each_answered_once(unsigned threads, unsigned rounds)
{
	pthread_t t[SPINNERS];
	unsigned seed = 3;

	memset((void *)got, 0, sizeof(got));
	for (uintptr_t i = 0; i < threads; i++)
		pthread_create(&t[i], NULL, counting, (void *)i);
	for (unsigned n = 1; n <= rounds; n++) {
		for (unsigned i = 0; i < threads; i++) {
			uint64_t deadline = test_now() + 60000000000UL;

			for (volatile unsigned k = rand_r(&seed) % 3000; k; k--)
				;
			context_interrupt(contexts[i]);
			for (unsigned spins = 0; got[i] < n; spins++) {
				CHECK(test_now() < deadline, "lost: thread %u round %u", i, n);
				test_let_others(spins);
			}
			CHECK(got[i] == n, "doubled: thread %u round %u", i, n);
		}
	}
	stop = true;
	for (unsigned i = 0; i < threads; i++)
		context_interrupt(contexts[i]);
	for (unsigned i = 0; i < threads; i++) {
		pthread_join(t[i], NULL);
		forget_interruption(i);
	}
	stop = false;
}

int main(void)
{
	struct platform_stats st;
	frame_t f;

	platform = test_platform(4);
	space = TEST_SPACE(platform, spin);
	f = test_frames(platform, 1);
	counters = test_ptr(platform, f);
	CHECK(address_space_map(space, DATA, f, 1, ACCESS_READ | ACCESS_WRITE, false) == 0);
	for (int i = 0; i < SPINNERS; i++)
		contexts[i] = test_context(platform);
	each_answered_once(1, test_count(1000000, ROUNDS));
	each_answered_once(3, test_rounds(ROUNDS / 10));
	each_answered_once(8, 2);
	all_progress();
	platform_stats(platform, &st);
	fprintf(stderr, "%lu kicks, %lu stolen, %lu waited\n", st.kicks, st.vcpu_stolen,
		st.vcpu_waited);
	CHECK(st.vcpu_new <= 4);
	for (int i = 0; i < SPINNERS; i++)
		context_release(contexts[i]);
	address_space_release(space, 0);
	platform_destroy(platform);
	return 0;
}
