/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * context_interrupt() before, during and after a switch, at the pool's queue and out of a signal
 * handler; in storms; and everybody at once. An interruption is answered once, any number before
 * one answer count as one, and the program does not notice.
 */
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/time.h>

#include "guest.h"

#define RUNNERS 8
#define STORMERS 3

BLOB(spin, "1: lock incq (%rdi)\n add $1,%rbx\n jmp 1b");
BLOB(call, "1: inc %rbx\n mov %rbx,%rax\n mov $400,%ecx\n 2: dec %ecx\n jnz 2b\n syscall\n jmp 1b");

static struct platform *platform;
static struct address_space *spin_space, *call_space;
static volatile uint64_t *counters;
static _Atomic bool stop;

static void wait_for_progress(unsigned i)
{
	uint64_t deadline = test_now() + 60000000000UL;

	for (uint64_t seen = counters[i]; counters[i] == seen; sched_yield())
		CHECK(test_now() < deadline, "thread %u does not run", i);
}

/* Round n of something slow: at least a few, then as many as fit into the time. */
static bool again(unsigned n, uint64_t begin, unsigned all)
{
	uint64_t limit = test_long() ? 300000000000UL : 3000000000UL;

	return n <= 8 || (n <= all && test_now() - begin < limit);
}

/* ---- before and after ------------------------------------------------------------------------ */

static void before_and_after(void)
{
	struct context *c = test_context(platform);
	struct user_regs_struct regs = test_regs();
	struct switch_event ev;

	for (unsigned n = 1; n <= 200; n++) {
		for (unsigned k = 0; k < n % 4; k++)
			context_interrupt(c);
		if (n % 4) {
			struct user_regs_struct seen = regs;

			context_switch(c, call_space, &regs, -1, &ev);
			CHECK(ev.reason == SWITCH_INTERRUPT);
			CHECK(regs.rip == seen.rip && regs.rbx == seen.rbx && regs.rsp == seen.rsp);
		}
		context_switch(c, call_space, &regs, -1, &ev);
		CHECK(ev.reason == SWITCH_SYSCALL && regs.orig_rax == n, "%d", ev.reason);
	}
	context_release(c);
}

/* ---- storms ---------------------------------------------------------------------------------- */

static struct context *contexts[RUNNERS];
static _Atomic uint64_t asked[RUNNERS], answered[RUNNERS];

static void *caller(void *arg)
{
	uintptr_t id = (uintptr_t)arg;
	struct user_regs_struct regs = test_regs();
	uint64_t calls = 0, preempted = 0;
	struct switch_event ev;

	while (!stop) {
		context_switch(contexts[id], call_space, &regs, -1, &ev);
		if (ev.reason == SWITCH_INTERRUPT)
			answered[id]++;
		else if (ev.reason == SWITCH_PREEMPTED)
			preempted++;
		else
			CHECK(ev.reason == SWITCH_SYSCALL && regs.orig_rax == ++calls, "%d %llu",
			      ev.reason, regs.orig_rax);
	}
	return NULL;
}

static void *stormer(void *arg)
{
	unsigned seed = (uintptr_t)arg, n = test_count(1000000, 30000);

	for (; n; n--) {
		unsigned i = rand_r(&seed) % RUNNERS;

		asked[i]++;
		context_interrupt(contexts[i]);
		if (n % 1024 == 0)
			platform_preempt_all_cpus(platform);
	}
	return NULL;
}

/* Afterwards all is quiet: what was asked is answered, and everybody gets on. */
static void check_calm(unsigned i)
{
	struct user_regs_struct regs = test_regs();
	struct switch_event ev;

	context_interrupt(contexts[i]);
	context_switch(contexts[i], call_space, &regs, -1, &ev);
	CHECK(ev.reason == SWITCH_INTERRUPT);
	context_switch(contexts[i], call_space, &regs, -1, &ev);
	CHECK(ev.reason == SWITCH_SYSCALL && regs.orig_rax == 1);
	CHECK(answered[i] <= asked[i]);
}

static void storm(void)
{
	pthread_t t[RUNNERS], s[STORMERS];
	uint64_t asked_all = 0, answered_all = 0;

	for (uintptr_t i = 0; i < RUNNERS; i++) {
		contexts[i] = test_context(platform);
		asked[i] = answered[i] = 0;
		pthread_create(&t[i], NULL, caller, (void *)i);
	}
	for (uintptr_t i = 0; i < STORMERS; i++)
		pthread_create(&s[i], NULL, stormer, (void *)(i + 1));
	for (int i = 0; i < STORMERS; i++)
		pthread_join(s[i], NULL);
	stop = true;
	for (int i = 0; i < RUNNERS; i++) {
		pthread_join(t[i], NULL);
		check_calm(i);
		asked_all += asked[i];
		answered_all += answered[i];
		context_release(contexts[i]);
	}
	stop = false;
	CHECK(answered_all > 0);
	fprintf(stderr, "storm: %lu asked, %lu answered\n", asked_all, answered_all);
}

/* ---- in the queue for a vCPU ----------------------------------------------------------------- */

static void *spinner(void *arg)
{
	uintptr_t id = (uintptr_t)arg;
	struct user_regs_struct regs = test_regs();
	struct switch_event ev;

	regs.rdi = DATA + 8 * id;
	while (!stop) {
		context_switch(contexts[id], spin_space, &regs, -1, &ev);
		CHECK(ev.reason == SWITCH_INTERRUPT || ev.reason == SWITCH_PREEMPTED);
		if (ev.reason == SWITCH_INTERRUPT)
			answered[id]++;
	}
	CHECK(counters[id] - regs.rbx <= 1, "%lu %llu", (unsigned long)counters[id], regs.rbx);
	return NULL;
}

/* One vCPU, three who want it: most of the time, an interruption finds its thread in the queue. */
static void in_the_queue(void)
{
	uint64_t begin = test_now();
	pthread_t t[3];

	memset((void *)counters, 0, 3 * 8);
	for (uintptr_t i = 0; i < 3; i++) {
		contexts[i] = test_context(platform);
		answered[i] = 0;
		pthread_create(&t[i], NULL, spinner, (void *)i);
	}
	for (unsigned n = 1; again(n, begin, 20000); n++)
		for (unsigned i = 0; i < 3; i++) {
			uint64_t deadline = test_now() + 60000000000UL;

			context_interrupt(contexts[i]);
			for (unsigned spins = 0; answered[i] < n; spins++) {
				CHECK(test_now() < deadline, "lost: thread %u round %u", i, n);
				test_let_others(spins);
			}
			CHECK(answered[i] == n, "doubled: thread %u round %u", i, n);
		}
	stop = true;
	for (int i = 0; i < 3; i++)
		context_interrupt(contexts[i]);
	for (int i = 0; i < 3; i++) {
		pthread_join(t[i], NULL);
		context_release(contexts[i]);
	}
	stop = false;
}

/* ---- out of a signal handler ----------------------------------------------------------------- */

static _Atomic uint64_t alarms;

static void on_alarm(int sig)
{
	alarms++;
	context_interrupt(contexts[0]);
}

static void from_a_handler(void)
{
	struct sigaction sa = {.sa_handler = on_alarm}, old;
	unsigned us = test_on_tcg() ? 20000 : 2000, rounds = test_on_tcg() ? 10 : 100;
	struct itimerval every = {{0, us}, {0, us}}, off = {{0, 0}, {0, 0}};
	struct user_regs_struct regs = test_regs();
	struct switch_event ev;
	uint64_t got = 0;

	contexts[0] = test_context(platform);
	regs.rdi = DATA;
	sigaction(SIGALRM, &sa, &old);
	setitimer(ITIMER_REAL, &every, NULL);
	while (got < rounds) {
		context_switch(contexts[0], spin_space, &regs, -1, &ev);
		CHECK(ev.reason == SWITCH_INTERRUPT, "%d", ev.reason);
		CHECK(++got <= alarms);
	}
	setitimer(ITIMER_REAL, &off, NULL);
	sigaction(SIGALRM, &old, NULL);
	context_release(contexts[0]);
}

/* ---- when the host refuses to queue a signal ------------------------------------------------- */

static _Atomic bool about_to;

static void *interrupter(void *arg)
{
	about_to = true;
	context_interrupt(contexts[0]);
	return NULL;
}

/* The host's limit of queued signals is for all processes of a user: it may be reached at any time. */
static void refused_signals(void)
{
	struct rlimit limit, none;
	pthread_t t, k;

	contexts[0] = test_context(platform);
	answered[0] = counters[0] = 0;
	CHECK(getrlimit(RLIMIT_SIGPENDING, &limit) == 0);
	none = (struct rlimit){0, limit.rlim_max};
	for (unsigned n = 1; n <= test_rounds(50) + 1; n++) {
		pthread_create(&t, NULL, spinner, (void *)0);
		wait_for_progress(0);
		CHECK(setrlimit(RLIMIT_SIGPENDING, &none) == 0);
		about_to = false;
		stop = true;
		pthread_create(&k, NULL, interrupter, NULL);
		while (!about_to)
			sched_yield();
		for (unsigned i = 0; i < n; i++)
			sched_yield();
		CHECK(setrlimit(RLIMIT_SIGPENDING, &limit) == 0);
		pthread_join(k, NULL);
		pthread_join(t, NULL);
		CHECK(answered[0] == n);
		stop = false;
		counters[0] = 0;
	}
	context_release(contexts[0]);
}

/* ---- everybody ------------------------------------------------------------------------------- */

static _Atomic uint64_t preempted[3];

static void *preempted_spinner(void *arg)
{
	uintptr_t id = (uintptr_t)arg;
	struct user_regs_struct regs = test_regs();
	struct switch_event ev;

	regs.rdi = DATA + 8 * id;
	for (;;) {
		context_switch(contexts[id], spin_space, &regs, -1, &ev);
		if (ev.reason == SWITCH_INTERRUPT)
			return NULL;
		CHECK(ev.reason == SWITCH_PREEMPTED, "%d", ev.reason);
		preempted[id]++;
	}
}

/* On vCPUs enough for all, each call takes them away once from everybody who is inside. */
static void preempt_once(unsigned n)
{
	uint64_t deadline = test_now() + 60000000000UL;

	for (unsigned i = 0; i < 3; i++)
		wait_for_progress(i);
	platform_preempt_all_cpus(platform);
	for (unsigned i = 0; i < 3; i++)
		for (; preempted[i] < n; sched_yield())
			CHECK(test_now() < deadline, "thread %u is not preempted", i);
	for (unsigned i = 0; i < 3; i++) {
		wait_for_progress(i);
		CHECK(preempted[i] == n, "thread %u, round %u: %lu", i, n,
		      (unsigned long)preempted[i]);
	}
}

static void all_at_once(void)
{
	uint64_t begin = test_now();
	pthread_t t[3];

	for (uintptr_t i = 0; i < 3; i++) {
		contexts[i] = test_context(platform);
		preempted[i] = 0;
		pthread_create(&t[i], NULL, preempted_spinner, (void *)i);
	}
	for (unsigned n = 1; again(n, begin, 100000); n++)
		preempt_once(n);
	for (int i = 0; i < 3; i++)
		context_interrupt(contexts[i]);
	for (int i = 0; i < 3; i++) {
		pthread_join(t[i], NULL);
		context_release(contexts[i]);
	}
}

static void start(unsigned vcpus)
{
	frame_t f;

	platform = test_platform(vcpus);
	spin_space = TEST_SPACE(platform, spin);
	call_space = TEST_SPACE(platform, call);
	f = test_frames(platform, 1);
	counters = test_ptr(platform, f);
	CHECK(address_space_map(spin_space, DATA, f, 1, ACCESS_READ | ACCESS_WRITE, false) == 0);
}

static void end(void)
{
	address_space_release(spin_space, 0);
	address_space_release(call_space, 0);
	platform_destroy(platform);
}

int main(void)
{
	start(4);
	before_and_after();
	storm();
	from_a_handler();
	refused_signals();
	all_at_once();
	end();
	start(1);
	before_and_after();
	in_the_queue();
	storm();
	end();
	return 0;
}
