/* SPDX-License-Identifier: GPL-2.0-or-later */
/* FPU state: it follows its context over any vCPU, and what a guest hands in is checked. */
#include "guest.h"

#include <errno.h>
#include <pthread.h>

#define THREADS 6
#define ROUNDS 400

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
	for (unsigned i = 0; i < test_rounds(ROUNDS); i++) {
		do
			context_switch(c, as, &regs, -1, &ev);
		while (ev.reason == SWITCH_PREEMPTED);
		CHECK(ev.reason == SWITCH_SYSCALL, "reason %d trap %u", ev.reason, ev.trapno);
		if (i)
			CHECK(regs.r9 == mark && regs.r10 == mark && regs.r12 == mx[0],
			      "%lx %llx %llx %llx", mark, regs.r9, regs.r10, regs.r12);
		/* The host's own registers must not matter. */
		__asm__ volatile("vzeroall" ::: "memory");
	}
	context_release(c);
	address_space_release(as);
	return NULL;
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
	address_space_release(as);
}

int main(void)
{
	pthread_t t[THREADS];

	platform = test_platform(2);
	get_set_copy();
	if (__builtin_cpu_supports("avx2")) {
		for (uintptr_t i = 0; i < THREADS; i++)
			pthread_create(&t[i], NULL, mixer, (void *)i);
		for (int i = 0; i < THREADS; i++)
			pthread_join(t[i], NULL);
	}
	platform_destroy(platform);
	return 0;
}
