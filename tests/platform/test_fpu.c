/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * FPU state: it follows its context over any vCPU, x87, SSE, AVX and AVX-512 with their control
 * words, and what a guest hands in is checked.
 *
 * HUSK_TEST_LONG=1: a million switches of 64 threads.
 */
#include "guest.h"

#include <errno.h>
#include <pthread.h>

#define THREADS 64
#define VCPUS 4
#define ROUNDS_LONG (1000000 / THREADS)
#define ROUNDS 120

static unsigned rounds(void)
{
	return test_count(ROUNDS_LONG, ROUNDS);
}

/* Fills ymm0-15 and the mask register from r8, or compares them with it. */
BLOB(fill, "vmovq %r8,%xmm0\n vpbroadcastq %xmm0,%ymm1\n vmovdqa %ymm1,%ymm15\n"
	   "vmovdqa %ymm1,%ymm7\n ldmxcsr (%rsi)\n syscall\n"
	   "1: vextracti128 $1,%ymm7,%xmm2\n vmovq %xmm2,%r9\n vmovq %xmm15,%r10\n"
	   "stmxcsr 4(%rsi)\n mov 4(%rsi),%r11d\n mov %r11d,%r12d\n syscall\n jmp 1b");

static struct platform *platform;

static void *mixer(void *arg)
{
	uint64_t mark = 0x0101010101010101 * ((uintptr_t)arg + 1);
	struct address_space *as = TEST_SPACE(platform, fill);
	struct context *c = test_context(platform);
	struct user_regs_struct regs = test_regs();
	frame_t f = test_frames(platform, 1);
	uint32_t *mx = test_ptr(platform, f);
	struct switch_event ev;

	mx[0] = 0x1f80 | ((uintptr_t)arg & 3) << 13;
	CHECK(address_space_map(as, DATA, f, 1, ACCESS_READ | ACCESS_WRITE, false) == 0);
	regs.r8 = mark;
	regs.rsi = DATA;
	for (unsigned i = 0; i < rounds(); i++) {
		do
			context_switch(c, as, &regs, -1, &ev);
		while (ev.reason == SWITCH_PREEMPTED);
		CHECK(ev.reason == SWITCH_SYSCALL, "reason %d trap %u %s", ev.reason, ev.trapno,
		      ev.reason == SWITCH_FATAL ? ev.fatal : "");
		if (i)
			CHECK(regs.r9 == mark && regs.r10 == mark && regs.r12 == mx[0],
			      "%lx %llx %llx %llx", mark, regs.r9, regs.r10, regs.r12);
		/* The host's own registers must not matter. */
		__asm__ volatile("vzeroall" ::: "memory");
	}
	context_release(c);
	address_space_release(as, 0);
	return NULL;
}

/*
 * Every register that AVX-512 has, and x87's: zmm0-31, k0-7, st0-7 and both control words get
 * values that are this round's of this thread. After the system call, r12 counts what is not there.
 * In: rdi: data (0: MXCSR, 8: FCW), r8: the round's value.
 */
#define EACH(n, code) ".irp i," n "\n" code "\n.endr\n"
#define ZMMS "0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31"
#define KS "7,0,1,2,3,4,5,6" /* k7 first: it is then free for the comparisons */
BLOB(everything,
     "1: ldmxcsr (%rdi)\n fninit\n fldcw 8(%rdi)\n"
     EACH(ZMMS, "lea \\i*257(%r8),%rax\n vpbroadcastq %rax,%zmm\\i")
     EACH(KS, "lea \\i*3(%r8),%eax\n kmovw %eax,%k\\i")
     EACH("7,6,5,4,3,2,1,0", "lea \\i*5(%r8),%rax\n mov %rax,-64(%rsp)\n fildll -64(%rsp)")
     "xor %r12d,%r12d\n mov %r8,%rax\n syscall\n"
     EACH("0,1,2,3,4,5,6,7", "lea \\i*5(%r8),%rax\n fistpll -64(%rsp)\n sub -64(%rsp),%rax\n"
			     "neg %rax\n adc $0,%r12")
     "fnstcw -64(%rsp)\n mov -64(%rsp),%ax\n sub 8(%rdi),%ax\n neg %ax\n adc $0,%r12\n"
     "stmxcsr -64(%rsp)\n mov -64(%rsp),%eax\n sub (%rdi),%eax\n neg %eax\n adc $0,%r12\n"
     EACH(KS, "lea \\i*3(%r8),%ecx\n kmovw %k\\i,%eax\n sub %cx,%ax\n neg %ax\n adc $0,%r12")
     EACH(ZMMS, "lea \\i*257(%r8),%rax\n mov %rax,-64(%rsp)\n"
		"vpcmpneqq -64(%rsp){1to8},%zmm\\i,%k7\n kmovw %k7,%eax\n add %rax,%r12")
     "mov %r8,%rax\n syscall\n jmp 1b");

static void *everything_mixer(void *arg)
{
	uintptr_t id = (uintptr_t)arg;
	struct address_space *as = TEST_SPACE(platform, everything);
	struct context *c = test_context(platform);
	struct user_regs_struct regs = test_regs();
	frame_t f = test_frames(platform, 1);
	uint32_t *data = test_ptr(platform, f);
	struct switch_event ev;

	/* All exceptions masked; rounding and flush-to-zero are this thread's. */
	data[0] = 0x1f80 | (id & 3) << 13 | (id >> 2 & 1) << 15;
	data[2] = 0x37f | (id & 3) << 10;
	CHECK(address_space_map(as, DATA, f, 1, ACCESS_READ | ACCESS_WRITE, false) == 0);
	regs.rdi = DATA;
	for (unsigned i = 0; i < 2 * rounds(); i++) {
		/* Small enough for every rounding to leave it alone. */
		if (i % 2 == 0)
			regs.r8 = id << 24 | i;
		do
			context_switch(c, as, &regs, -1, &ev);
		while (ev.reason == SWITCH_PREEMPTED);
		CHECK(ev.reason == SWITCH_SYSCALL && regs.orig_rax == (id << 24 | (i & ~1U)),
		      "reason %d trap %u rip %llx", ev.reason, ev.trapno, regs.rip);
		CHECK(regs.r12 == 0, "thread %lu, switch %u: %llu differences", id, i, regs.r12);
		__asm__ volatile("vzeroall" ::: "memory");
	}
	context_release(c);
	address_space_release(as, 0);
	return NULL;
}

static void on_all_threads(void *(*run)(void *))
{
	pthread_t t[THREADS];

	for (uintptr_t i = 0; i < THREADS; i++)
		pthread_create(&t[i], NULL, run, (void *)i);
	for (int i = 0; i < THREADS; i++)
		pthread_join(t[i], NULL);
}

BLOB(get, "1: movq %xmm4,%rbx\n movq %rdi,%xmm4\n syscall\n jmp 1b");

static void get_set_copy(void)
{
	struct address_space *as = TEST_SPACE(platform, get);
	struct context *a = test_context(platform), *b = test_context(platform);
	struct user_regs_struct regs = test_regs();
	size_t size = platform_fpstate_size(platform);
	uint8_t *area = malloc(size + 64), *saved = malloc(size);
	struct switch_event ev;
	uint64_t v;

	CHECK(size >= 576 && (platform_fpstate_features(platform) & 3) == 3);
	regs.rdi = 0x1001;
	context_switch(a, as, &regs, -1, &ev);
	CHECK(ev.reason == SWITCH_SYSCALL && regs.rbx == 0);
	context_get_fpstate(a, area);
	memcpy(&v, area + 160 + 64, 8);
	CHECK(v == 0x1001);

	/* What a signal handler's sigreturn does. */
	memcpy(saved, area, size);
	regs.rdi = 0x2002;
	context_switch(a, as, &regs, -1, &ev);
	CHECK(regs.rbx == 0x1001);
	CHECK(context_set_fpstate(a, saved) == 0);
	context_switch(a, as, &regs, -1, &ev);
	CHECK(regs.rbx == 0x1001, "%llx", regs.rbx);

	/* fork's copy, while a's state is in a vCPU. */
	regs.rdi = 0x3003;
	context_copy_fpstate(b, a);
	context_switch(b, as, &regs, -1, &ev);
	CHECK(regs.rbx == 0x2002, "%llx", regs.rbx);
	context_switch(a, as, &regs, -1, &ev);
	CHECK(regs.rbx == 0x2002);
	context_reset_fpstate(a);
	context_switch(a, as, &regs, -1, &ev);
	CHECK(regs.rbx == 0);

	/* Bad states are refused and change nothing. */
	context_get_fpstate(a, saved);
	memcpy(area, saved, size);
	v = 1UL << 62;
	memcpy(area + 512, &v, 8);
	CHECK(context_set_fpstate(a, area) == -EINVAL);
	memcpy(area, saved, size);
	v = 1UL << 63;
	memcpy(area + 520, &v, 8);
	CHECK(context_set_fpstate(a, area) == -EINVAL);
	memcpy(area, saved, size);
	area[528] = 1;
	CHECK(context_set_fpstate(a, area) == -EINVAL);
	memcpy(area, saved, size);
	area[24 + 2] = 0xff; /* MXCSR's reserved bits */
	CHECK(context_set_fpstate(a, area) == -EINVAL);
	context_switch(a, as, &regs, -1, &ev);
	CHECK(ev.reason == SWITCH_SYSCALL && regs.rbx == 0x3003);

	/* Any header that passes must be one that KVM takes. */
	srandom(9);
	for (int i = 0; i < (int)test_rounds(2000); i++) {
		memcpy(area, saved, size);
		for (int k = 0; k < 24; k++)
			area[random() % (i & 1 ? size : 576)] ^= random();
		if (context_set_fpstate(a, area) == 0) {
			context_switch(a, as, &regs, -1, &ev);
			CHECK(ev.reason == SWITCH_SYSCALL, "reason %d", ev.reason);
		}
	}
	free(area);
	free(saved);
	context_release(a);
	context_release(b);
	address_space_release(as, 0);
}

int main(void)
{
	platform = test_platform(VCPUS);
	get_set_copy();
	if (__builtin_cpu_supports("avx2"))
		on_all_threads(mixer);
	if (__builtin_cpu_supports("avx512f"))
		on_all_threads(everything_mixer);
	platform_destroy(platform);
	return 0;
}
