/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A computation that keeps a part of its result in every kind of register is stopped somewhere,
 * saved, loaded into another machine, and run to its end there; then to its end where it was. Both
 * ends are, bit by bit, that of a run that nobody stopped.
 */
#include <errno.h>
#include <pthread.h>
#include <sched.h>

#include "guest.h"

#define STEPS 400000
#define ROUNDS 8

/* Data page: 0 MXCSR, 8 and 16 operands, 24 a running sum; from 64 on the results. */
#define BEGIN                                                                                      \
	"ldmxcsr (%rdi)\n fldl 8(%rdi)\n fldl 16(%rdi)\n"                                          \
	"movupd 8(%rdi),%xmm0\n movupd 8(%rdi),%xmm1\n"
#define STEP                                                                                       \
	"imul %r8,%rax\n add %r9,%rax\n ror $7,%rdx\n xor %rax,%rdx\n add %rdx,24(%rdi)\n"         \
	"fadd %st(1),%st\n fsqrt\n fxch\n"                                                         \
	"addpd %xmm1,%xmm0\n sqrtpd %xmm0,%xmm0\n"
#define END                                                                                        \
	"dec %rcx\n jnz 1b\n"                                                                      \
	"fstpt 64(%rdi)\n fstpt 80(%rdi)\n movupd %xmm0,96(%rdi)\n stmxcsr 112(%rdi)\n"

BLOB(sse, BEGIN "1:" STEP END "syscall");
BLOB(avx, BEGIN "vmovupd 8(%rdi),%ymm2\n vbroadcastsd 16(%rdi),%ymm13\n"
		"1:" STEP "vaddpd %ymm13,%ymm2,%ymm2\n vsqrtpd %ymm2,%ymm2\n" END
		"vmovupd %ymm2,128(%rdi)\n vmovupd %ymm13,160(%rdi)\n syscall");
BLOB(avx512, BEGIN "vpbroadcastq %rax,%zmm20\n vpbroadcastq %r8,%zmm31\n kmovw %eax,%k1\n"
		   "1:" STEP "vpaddq %zmm31,%zmm20,%zmm20\n vprolq $3,%zmm20,%zmm20\n"
		   "kmovw %edx,%k2\n kxorw %k1,%k2,%k1\n" END
		   "vmovdqu64 %zmm20,192(%rdi)\n vmovdqu64 %zmm31,256(%rdi)\n kmovw %k1,320(%rdi)\n"
		   "syscall");

struct run {
	struct platform *platform;
	struct context *context;
	struct address_space *space;
	void *data;
	struct user_regs_struct regs;
};

static const char *code, *code_end;

static void prepare(struct run *r, struct platform *p)
{
	static const double operands[2] = {1.7320508, 2.2360679};
	frame_t f = test_frames(p, 1);
	uint32_t mxcsr = 0x1f80 | 1 << 13 | 1 << 15; /* round down, flush to zero */

	*r = (struct run){.platform = p, .data = test_ptr(p, f), .regs = test_regs()};
	r->space = test_space(p, code, code_end);
	CHECK(address_space_map(r->space, DATA, f, 1, ACCESS_READ | ACCESS_WRITE, false) == 0);
	memcpy(r->data, &mxcsr, sizeof(mxcsr));
	memcpy((char *)r->data + 8, operands, sizeof(operands));
	r->regs.rdi = DATA;
	r->regs.rcx = test_rounds(STEPS);
	r->regs.rax = 0x0123456789abcdef;
	r->regs.rdx = 0xfedcba9876543210;
	r->regs.r8 = 6364136223846793005;
	r->regs.r9 = 1442695040888963407;
	r->regs.fs_base = 0x123456000;
	r->regs.gs_base = 0x7654321000;
}

static void *to_the_end(void *arg)
{
	struct run *r = arg;
	struct switch_event ev;

	do
		context_switch(r->context, r->space, &r->regs, -1, &ev);
	while (ev.reason == SWITCH_PREEMPTED || ev.reason == SWITCH_INTERRUPT);
	CHECK(ev.reason == SWITCH_SYSCALL, "reason %d trap %u rip %llx", ev.reason, ev.trapno,
	      r->regs.rip);
	return NULL;
}

static void finish(struct run *r)
{
	context_release(r->context);
	address_space_release(r->space, 0);
}

static void check_same(const struct run *a, const struct run *b, const char *what)
{
	CHECK(memcmp(&a->regs, &b->regs, sizeof(a->regs)) == 0, "%s: rax %llx and %llx", what,
	      a->regs.rax, b->regs.rax);
	for (unsigned i = 0; i < 512; i++)
		CHECK(((uint64_t *)a->data)[i] == ((uint64_t *)b->data)[i], "%s: word %u", what, i);
}

/* The vCPU that was in the middle of user code; false: it was done already. */
static bool load(struct platform *p, struct platform_reply *saved, struct run *copy)
{
	for (unsigned i = 0;; i++) {
		int r = platform_load_state(p, saved->data, saved->size, i, &copy->context,
					    &copy->regs);

		if (r == -ENOENT)
			return false;
		if (r == 0)
			return true;
		CHECK(r == -ENODATA, "%d", r);
	}
}

/* True: it was stopped in the middle. */
static bool round_trip(struct platform *p, const struct run *reference, unsigned delay)
{
	struct timespec t = {.tv_nsec = delay};
	struct platform *other = test_platform(2);
	struct platform_reply saved;
	struct run here, there;
	pthread_t thread;
	bool middle;

	prepare(&here, p);
	prepare(&there, other);
	here.context = test_context(p);
	pthread_create(&thread, NULL, to_the_end, &here);
	nanosleep(&t, NULL);
	CHECK(platform_control(p, PLATFORM_PAUSE, NULL) == PLATFORM_PAUSED);
	CHECK(platform_control(p, PLATFORM_SAVE_STATE, &saved) == PLATFORM_SAVED, "%d",
	      saved.error);
	middle = load(other, &saved, &there);
	if (middle) {
		memcpy(there.data, here.data, PAGE_SIZE);
		to_the_end(&there);
		check_same(reference, &there, "loaded");
		context_release(there.context);
	}
	free(saved.data);
	CHECK(platform_control(p, PLATFORM_RESUME, NULL) == PLATFORM_RESUMED);
	pthread_join(thread, NULL);
	check_same(reference, &here, "resumed");
	finish(&here);
	address_space_release(there.space, 0);
	platform_destroy(other);
	return middle;
}

static void refusals(struct platform *p)
{
	struct user_regs_struct regs;
	struct platform_reply saved;
	struct context *c;
	char *data;

	CHECK(platform_control(p, PLATFORM_SAVE_STATE, NULL) == PLATFORM_NOT_ALLOWED);
	CHECK(platform_control(p, PLATFORM_PAUSE, NULL) == PLATFORM_PAUSED);
	CHECK(platform_control(p, PLATFORM_SAVE_STATE, NULL) == PLATFORM_ERROR);
	CHECK(platform_control(p, PLATFORM_SAVE_STATE, &saved) == PLATFORM_SAVED);
	CHECK(platform_control(p, PLATFORM_RESUME, NULL) == PLATFORM_RESUMED);
	data = saved.data;
	/* It ran the self-test, which ended with a system call. */
	CHECK(platform_load_state(p, data, saved.size, 0, &c, &regs) == -ENODATA);
	CHECK(platform_load_state(p, data, saved.size, 9999, &c, &regs) == -ENOENT);
	CHECK(platform_load_state(p, data, saved.size - 1, 0, &c, &regs) == -EINVAL);
	CHECK(platform_load_state(p, data, 3, 0, &c, &regs) == -EINVAL);
	for (unsigned i = 0; i < 32; i += 4) {
		data[i] ^= 1;
		CHECK(platform_load_state(p, data, saved.size, 0, &c, &regs) == -EINVAL);
		data[i] ^= 1;
	}
	free(data);
}

static void saved_anywhere(struct platform *p)
{
	unsigned seed = 11, middle = 0, rounds = test_on_tcg() ? 2 : ROUNDS;
	struct run reference;
	uint64_t begin = test_now(), length;

	prepare(&reference, p);
	reference.context = test_context(p);
	to_the_end(&reference);
	length = test_now() - begin;
	for (unsigned n = 0; middle < rounds; n++) {
		CHECK(n < 50 * rounds, "it is never caught in the middle");
		middle += round_trip(p, &reference, rand_r(&seed) % length % 1000000000);
	}
	finish(&reference);
}

/* No room for one more vCPU, after the machine has another one's state. */
static void no_vcpu_left(struct platform *p)
{
	struct platform *small = test_platform(1);
	struct platform_reply saved;
	struct user_regs_struct regs;
	struct context *c;
	pthread_t thread;
	struct run here;
	int r = -ENODATA;

	while (r == -ENODATA) {
		prepare(&here, p);
		here.regs.rcx *= 4;
		here.context = test_context(p);
		pthread_create(&thread, NULL, to_the_end, &here);
		sched_yield();
		CHECK(platform_control(p, PLATFORM_PAUSE, NULL) == PLATFORM_PAUSED);
		CHECK(platform_control(p, PLATFORM_SAVE_STATE, &saved) == PLATFORM_SAVED);
		for (unsigned i = 0; r == -ENODATA; i++)
			r = platform_load_state(small, saved.data, saved.size, i, &c, &regs);
		if (r == -ENOENT)
			r = -ENODATA;
		free(saved.data);
		CHECK(platform_control(p, PLATFORM_RESUME, NULL) == PLATFORM_RESUMED);
		pthread_join(thread, NULL);
		finish(&here);
	}
	CHECK(r == -EAGAIN, "%d", r);
	platform_destroy(small);
}

int main(void)
{
	struct platform *p = test_platform(4);

	if (strcmp(platform_caps(p)->name, "kvm")) {
		struct platform_reply reply;

		/* Another implementation has no vCPUs to save, and says so. */
		CHECK(platform_control(p, PLATFORM_PAUSE, NULL) == PLATFORM_PAUSED);
		CHECK(platform_control(p, PLATFORM_SAVE_STATE, &reply) == PLATFORM_ERROR);
		CHECK(reply.error == -EOPNOTSUPP);
		platform_destroy(p);
		return 0;
	}
	refusals(p);
	code = sse, code_end = sse_end;
	saved_anywhere(p);
	if (__builtin_cpu_supports("avx")) {
		code = avx, code_end = avx_end;
		saved_anywhere(p);
	}
	if (__builtin_cpu_supports("avx512f")) {
		code = avx512, code_end = avx512_end;
		saved_anywhere(p);
	}
	no_vcpu_left(p);
	CHECK(platform_control(p, PLATFORM_FINISH, NULL) == PLATFORM_EXITED);
	platform_destroy(p);
	return 0;
}
