/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The machine as a whole: every event in every state has the answer of platform.h's table; paused
 * means that no user code runs, and that an interruption still arrives; resumed, everybody goes on
 * where he was; finished, everybody is out.
 */
#include <errno.h>
#include <pthread.h>
#include <sched.h>

#include "guest.h"

#define SPINNERS 8
#define CYCLES 60

BLOB(spin, "1: lock incq (%rdi)\n add $1,%rbx\n jmp 1b");
BLOB(call, "1: inc %rbx\n mov %rbx,%rax\n syscall\n jmp 1b");

static struct platform *platform;
static struct address_space *space;
static struct context *contexts[SPINNERS];
static volatile uint64_t *counters;
static _Atomic uint32_t interrupts[SPINNERS], exited;

static enum platform_answer event(enum platform_event e)
{
	struct platform_reply reply;
	enum platform_answer a = platform_control(platform, e, &reply);

	free(reply.data);
	return a;
}

/* ---- the table ------------------------------------------------------------------------------- */

static void answers_running(void)
{
	CHECK(event(PLATFORM_SAVE_STATE) == PLATFORM_NOT_ALLOWED);
	CHECK(event(PLATFORM_DUMP_CPU_CONFIG) == PLATFORM_NOT_ALLOWED);
	CHECK(event(PLATFORM_RESUME) == PLATFORM_RESUMED);
	CHECK(platform_control(platform, PLATFORM_RESUME, NULL) == PLATFORM_RESUMED);
	CHECK(event((enum platform_event)99) == PLATFORM_ERROR);
}

static void answers_paused(void)
{
	CHECK(event(PLATFORM_PAUSE) == PLATFORM_PAUSED);
	CHECK(event(PLATFORM_DUMP_CPU_CONFIG) == PLATFORM_DUMPED);
	CHECK(platform_control(platform, PLATFORM_DUMP_CPU_CONFIG, NULL) == PLATFORM_ERROR);
	CHECK(event((enum platform_event)99) == PLATFORM_ERROR);
	/* None of these has changed the state. */
	CHECK(event(PLATFORM_DUMP_CPU_CONFIG) == PLATFORM_DUMPED);
}

static void answers_exited(void)
{
	static const enum platform_event all[] = {PLATFORM_PAUSE, PLATFORM_RESUME, PLATFORM_SAVE_STATE,
						 PLATFORM_DUMP_CPU_CONFIG, PLATFORM_FINISH};

	for (unsigned i = 0; i < sizeof(all) / sizeof(*all); i++)
		CHECK(event(all[i]) == PLATFORM_EXITED);
}

static void cpu_config(void)
{
	struct platform_reply reply;
	char *text;

	CHECK(platform_control(platform, PLATFORM_DUMP_CPU_CONFIG, &reply) == PLATFORM_DUMPED);
	text = reply.data;
	CHECK(strlen(text) == reply.size && text[0] == '{' && reply.error == 0);
	CHECK(strstr(text, "\"cpuid\": [") && strstr(text, "\"leaf\": \"0x1\""));
	CHECK(strstr(text, "\"msrs\": ["));
	free(text);
}

/* ---- pausing those who run ------------------------------------------------------------------- */

static void *spinner(void *arg)
{
	uintptr_t id = (uintptr_t)arg;
	struct user_regs_struct regs = test_regs();
	struct switch_event ev;

	regs.rdi = DATA + 8 * id;
	do {
		context_switch(contexts[id], space, &regs, -1, &ev);
		if (ev.reason == SWITCH_INTERRUPT)
			interrupts[id]++;
		else
			CHECK(ev.reason == SWITCH_PREEMPTED || ev.reason == SWITCH_EXITED,
			      "reason %d trap %u", ev.reason, ev.trapno);
	} while (ev.reason != SWITCH_EXITED);
	/* Not an iteration was done twice or lost between memory and register. */
	CHECK(counters[id] - regs.rbx <= 1, "%lu %llu", (unsigned long)counters[id], regs.rbx);
	exited++;
	context_switch(contexts[id], space, &regs, -1, &ev);
	CHECK(ev.reason == SWITCH_EXITED);
	return NULL;
}

static void wait_for_progress(void)
{
	uint64_t deadline = test_now() + 60000000000UL;

	for (int i = 0; i < SPINNERS; i++)
		for (uint64_t seen = counters[i]; counters[i] == seen; sched_yield())
			CHECK(test_now() < deadline, "thread %d does not go on", i);
}

static void check_stillness(void)
{
	uint64_t seen[SPINNERS];

	for (int i = 0; i < SPINNERS; i++)
		seen[i] = counters[i];
	for (volatile unsigned k = 50000; k; k--)
		;
	sched_yield();
	for (int i = 0; i < SPINNERS; i++)
		CHECK(counters[i] == seen[i], "thread %d runs while the machine is paused", i);
}

/* Each is answered, once, by the thread that waits at the gate. */
static void interrupt_at_the_gate(void)
{
	uint64_t deadline = test_now() + 60000000000UL;

	for (int i = 0; i < SPINNERS; i++) {
		uint32_t before = interrupts[i];

		context_interrupt(contexts[i]);
		while (interrupts[i] == before) {
			CHECK(test_now() < deadline, "the gate is deaf");
			sched_yield();
		}
		CHECK(interrupts[i] == before + 1);
	}
}

static void pause_and_resume(unsigned cycles)
{
	for (unsigned n = 0; n < cycles; n++) {
		CHECK(event(PLATFORM_PAUSE) == PLATFORM_PAUSED);
		CHECK(event(PLATFORM_PAUSE) == PLATFORM_PAUSED);
		check_stillness();
		if (n % 16 == 0) {
			interrupt_at_the_gate();
			cpu_config();
			check_stillness();
		}
		CHECK(event(PLATFORM_RESUME) == PLATFORM_RESUMED);
		if (n % 16 == 0)
			wait_for_progress();
		else
			for (volatile unsigned k = n * 997 % 40000; k; k--)
				;
	}
}

/* ---- events from several threads at once ----------------------------------------------------- */

static void *commander(void *arg)
{
	unsigned seed = (uintptr_t)arg;

	for (unsigned n = 0; n < test_rounds(CYCLES); n++) {
		bool stop = rand_r(&seed) & 1;
		enum platform_answer a = event(stop ? PLATFORM_PAUSE : PLATFORM_RESUME);

		CHECK(a == (stop ? PLATFORM_PAUSED : PLATFORM_RESUMED));
		a = event(PLATFORM_DUMP_CPU_CONFIG);
		CHECK(a == PLATFORM_DUMPED || a == PLATFORM_NOT_ALLOWED);
	}
	return NULL;
}

static void many_commanders(void)
{
	pthread_t t[3];

	for (uintptr_t i = 0; i < 3; i++)
		pthread_create(&t[i], NULL, commander, (void *)(i + 1));
	for (int i = 0; i < 3; i++)
		pthread_join(t[i], NULL);
	CHECK(event(PLATFORM_RESUME) == PLATFORM_RESUMED);
}

/* A system call made before the pause is its caller's; it comes back in once the gate opens. */
static void *caller(void *arg)
{
	struct address_space *as = TEST_SPACE(platform, call);
	struct context *c = test_context(platform);
	struct user_regs_struct regs = test_regs();
	struct switch_event ev;
	uint64_t n = 0;

	for (;;) {
		context_switch(c, as, &regs, -1, &ev);
		if (ev.reason == SWITCH_EXITED)
			break;
		if (ev.reason == SWITCH_PREEMPTED)
			continue;
		CHECK(ev.reason == SWITCH_SYSCALL && regs.orig_rax == ++n);
	}
	context_release(c);
	address_space_release(as, 0);
	exited++;
	return NULL;
}

int main(void)
{
	pthread_t t[SPINNERS], k;
	frame_t f;

	platform = test_platform(4);
	space = TEST_SPACE(platform, spin);
	f = test_frames(platform, 1);
	counters = test_ptr(platform, f);
	CHECK(address_space_map(space, DATA, f, 1, ACCESS_READ | ACCESS_WRITE, false) == 0);
	answers_running();
	answers_paused();
	cpu_config();
	CHECK(event(PLATFORM_RESUME) == PLATFORM_RESUMED);
	answers_running();
	for (uintptr_t i = 0; i < SPINNERS; i++) {
		contexts[i] = test_context(platform);
		pthread_create(&t[i], NULL, spinner, (void *)i);
	}
	pthread_create(&k, NULL, caller, NULL);
	wait_for_progress();
	pause_and_resume(test_rounds(CYCLES));
	many_commanders();
	wait_for_progress();
	CHECK(exited == 0);
	CHECK(event(PLATFORM_FINISH) == PLATFORM_EXITED);
	answers_exited();
	check_stillness();
	for (int i = 0; i < SPINNERS; i++)
		pthread_join(t[i], NULL);
	pthread_join(k, NULL);
	CHECK(exited == SPINNERS + 1);
	for (int i = 0; i < SPINNERS; i++)
		context_release(contexts[i]);
	address_space_release(space, 0);
	platform_destroy(platform);
	return 0;
}
