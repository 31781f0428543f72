/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the capabilities say of RDTSC and RDTSCP holds on every vCPU: threads on more than one ask
 * in the guest, between two looks of their own. Where the host's CPUs agree on the time, the
 * guest's counter must be the host's, whatever offset KVM would give it.
 */
#include <pthread.h>
#include <sched.h>
#include <x86intrin.h>

#include "guest.h"

#define THREADS 4
#define ROUNDS 500

/* RDTSC in rdi, RDTSCP's CPU in rsi. */
BLOB(code_tsc, "1: lfence; rdtsc; shl $32,%rdx; or %rdx,%rax; mov %rax,%rdi; mov $60,%eax; syscall;"
	       "jmp 1b");
BLOB(code_cpu, "1: rdtscp; mov %ecx,%esi; mov $60,%eax; syscall; jmp 1b");

static struct platform *platform;
static struct address_space *tsc_space, *cpu_space;

static void ask(struct context *c, struct address_space *as, struct user_regs_struct *regs)
{
	struct switch_event ev;

	do
		context_switch(c, as, regs, -1, &ev);
	while (ev.reason == SWITCH_PREEMPTED);
	CHECK(ev.reason == SWITCH_SYSCALL && regs->orig_rax == 60, "reason %d", ev.reason);
}

static void *tsc_is_ours(void *arg)
{
	struct context *c = test_context(platform);
	struct user_regs_struct regs = test_regs();

	for (unsigned i = 0; i < ROUNDS; i++) {
		uint64_t before = __rdtsc(), after;

		ask(c, tsc_space, &regs);
		after = __rdtsc();
		CHECK(before <= regs.rdi && regs.rdi <= after, "%lu, guest %llu, %lu", before,
		      regs.rdi, after);
	}
	context_unbind(c);
	context_release(c);
	return arg;
}

static void *cpu_is_ours(void *arg)
{
	struct context *c = test_context(platform);
	struct user_regs_struct regs = test_regs();
	unsigned cpu, node, same = 0;
	cpu_set_t one;

	/* Where we cannot be moved, there is one right answer. */
	CHECK(getcpu(&cpu, &node) == 0);
	CPU_ZERO(&one);
	CPU_SET(cpu, &one);
	CHECK(sched_setaffinity(0, sizeof(one), &one) == 0);
	CHECK(getcpu(&cpu, &node) == 0);
	for (unsigned i = 0; i < ROUNDS; i++) {
		ask(c, cpu_space, &regs);
		same += regs.rsi == (node << 12 | cpu);
	}
	/* The ptrace platform runs user code in another thread, which may be elsewhere. */
	CHECK(same == ROUNDS || test_on_ptrace(), "%u of %u", same, ROUNDS);
	context_unbind(c);
	context_release(c);
	return arg;
}

static void in_threads(void *(*fn)(void *))
{
	pthread_t t[THREADS];

	for (int i = 0; i < THREADS; i++)
		CHECK(pthread_create(&t[i], NULL, fn, NULL) == 0);
	for (int i = 0; i < THREADS; i++)
		pthread_join(t[i], NULL);
}

static bool host_tsc_is_sound(void)
{
	FILE *f = fopen("/sys/devices/system/clocksource/clocksource0/available_clocksource", "re");
	char line[256] = "";
	bool sound = f && fgets(line, sizeof(line), f) && strstr(line, "tsc");

	if (f)
		fclose(f);
	return sound;
}

int main(void)
{
	const struct platform_caps *caps;

	platform = test_platform(0);
	caps = platform_caps(platform);
	tsc_space = TEST_SPACE(platform, code_tsc);
	cpu_space = TEST_SPACE(platform, code_cpu);
	printf("TSC of the host: %s; CPU of the host: %s\n", caps->tsc_is_host ? "yes" : "no",
	       caps->cpu_is_host ? "yes" : "no");
	if (host_tsc_is_sound()) {
		CHECK(caps->tsc_is_host);
		in_threads(tsc_is_ours);
	} else {
		printf("the host's CPUs do not agree on the time: nothing to hold the guest to\n");
	}
	if (caps->cpu_is_host)
		in_threads(cpu_is_ours);
	address_space_release(tsc_space, 0);
	address_space_release(cpu_space, 0);
	platform_destroy(platform);
	return 0;
}
