/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Exact accounting: 64 threads run a program whose every event is known beforehand, on 4 vCPUs,
 * while another thread interrupts them at random. No event may be lost, doubled or changed, no
 * register and no FPU register may be mixed up, and the platform's own counters agree.
 *
 * HUSK_TEST_LONG=1: a million exits of each kind.
 */
#include <pthread.h>
#include <signal.h>

#include "guest.h"

#define THREADS 64
#define VCPUS 4
#define KINDS 6 /* of exits, in the order of the program */
#define LAPS_LONG (1000000 / THREADS)
#define LAPS 120

BLOB(program, "mov $0xffffffff,%r15d\n"
	      "1: inc %rbx\n mov %rbx,%rax\n mov %rbx,%r12\n"
	      "movq %xmm3,%r9\n vmovq %xmm5,%r10\n"
	      "syscall\n"
	      "ud2\n"
	      "mov 0x10,%al\n"
	      "xor %edx,%edx\n xor %ecx,%ecx\n div %ecx\n"
	      "int3\n"
	      "cli\n"
	      "mov $300,%r13d\n 8: dec %r13d\n jnz 8b\n"
	      "jmp 1b");

static struct platform *platform;
static struct context *contexts[THREADS];
static _Atomic bool stop;
static _Atomic uint64_t asked, answered, preempted, events;

static void check_event(unsigned want, uint64_t iteration, uint64_t mark,
			const struct switch_event *ev, struct user_regs_struct *regs)
{
	static const struct {
		unsigned trapno, skip;
	} steps[] = {{0, 0}, {6, 2}, {14, 7}, {0, 2}, {3, 0}, {13, 1}};

	if (want == 0) {
		CHECK(ev->reason == SWITCH_SYSCALL && regs->orig_rax == iteration &&
			  regs->r12 == iteration,
		      "reason %d trap %u rip %llx rax %llx wanted %lu", ev->reason, ev->trapno,
		      regs->rip, regs->orig_rax, iteration);
		CHECK(regs->r9 == mark && regs->r10 == ~mark, "FPU state of somebody else");
		regs->rax = 0;
		return;
	}
	CHECK(ev->reason == SWITCH_SIGNAL && ev->trapno == steps[want].trapno,
	      "step %u: reason %d trap %u rip %llx", want, ev->reason, ev->trapno, regs->rip);
	if (want == 2)
		CHECK(ev->page_fault && ev->addr == 0x10 && ev->access == ACCESS_READ);
	regs->rip += steps[want].skip;
}

static void *runner(void *arg)
{
	uintptr_t id = (uintptr_t)arg;
	struct context *c = contexts[id];
	struct address_space *as = TEST_SPACE(platform, program);
	struct user_regs_struct regs = test_regs();
	uint8_t *fp = calloc(1, platform_fpstate_size(platform));
	uint64_t mark = 0x1111111111111111 * (id + 1), other = ~mark, iteration = 0;

	context_get_fpstate(c, fp);
	memcpy(fp + 160 + 3 * 16, &mark, 8);
	memcpy(fp + 160 + 5 * 16, &other, 8);
	CHECK(context_set_fpstate(c, fp) == 0);
	for (unsigned n = 0, end = KINDS * test_count(LAPS_LONG, LAPS); n < end;) {
		unsigned want = n % KINDS;
		struct switch_event ev;

		context_switch(c, as, &regs, -1, &ev);
		if (ev.reason == SWITCH_INTERRUPT) {
			answered++;
			continue;
		}
		if (ev.reason == SWITCH_PREEMPTED) {
			preempted++;
			continue;
		}
		if (want == 0)
			iteration++;
		check_event(want, iteration, mark, &ev, &regs);
		events++;
		n++;
	}
	free(fp);
	address_space_release(as, 0);
	return NULL;
}

static void *interrupter(void *arg)
{
	/* Never so often that the program does not get anywhere between two. */
	unsigned seed = 7, unit = test_on_tcg() ? 5000 : 100;

	while (!stop) {
		struct timespec t = {.tv_nsec = unit * (200 + rand_r(&seed) % 2000)};

		nanosleep(&t, NULL);
		context_interrupt(contexts[rand_r(&seed) % THREADS]);
		asked++;
		if (rand_r(&seed) % 64 == 0)
			platform_preempt_all_cpus(platform);
	}
	return NULL;
}

/* Who was inside got his vCPU in one of these ways; who was interrupted may not have got any. */
static void check_counters(const struct platform_stats *a, const struct platform_stats *b)
{
	uint64_t got = b->vcpu_exact + b->vcpu_ready + b->vcpu_new + b->vcpu_stolen +
		       b->vcpu_waited - a->vcpu_exact - a->vcpu_ready - a->vcpu_new -
		       a->vcpu_stolen - a->vcpu_waited;

	CHECK(b->syscalls - a->syscalls == events / KINDS, "%lu", b->syscalls - a->syscalls);
	CHECK(b->faults - a->faults == events - events / KINDS, "%lu", b->faults - a->faults);
	CHECK(got >= events && got <= events + answered + preempted, "%lu for %lu", got,
	      (unsigned long)events);
	CHECK(b->interrupts - a->interrupts <= answered);
	CHECK(b->vcpu_new <= VCPUS && b->vcpu_waited > 0);
	CHECK(b->fatal == 0);
}

int main(void)
{
	struct platform_stats before, after;
	pthread_t t[THREADS], k;

	platform = test_platform(VCPUS);
	for (int i = 0; i < THREADS; i++)
		contexts[i] = test_context(platform);
	platform_stats(platform, &before);
	for (uintptr_t i = 0; i < THREADS; i++)
		pthread_create(&t[i], NULL, runner, (void *)i);
	pthread_create(&k, NULL, interrupter, NULL);
	for (int i = 0; i < THREADS; i++)
		pthread_join(t[i], NULL);
	stop = true;
	pthread_join(k, NULL);
	platform_stats(platform, &after);
	fprintf(stderr,
		"%lu events, %lu exits, %lu kicks, %lu stolen, %lu waited; %lu interruptions, "
		"%lu answered, %lu preempted\n",
		(unsigned long)events, after.exits, after.kicks, after.vcpu_stolen,
		after.vcpu_waited, (unsigned long)asked, (unsigned long)answered,
		(unsigned long)preempted);
	CHECK(events == (uint64_t)THREADS * KINDS * test_count(LAPS_LONG, LAPS));
	CHECK(answered <= asked && answered > 0);
	if (!test_on_ptrace())
		check_counters(&before, &after);
	for (int i = 0; i < THREADS; i++)
		context_release(contexts[i]);
	platform_destroy(platform);
	return 0;
}
