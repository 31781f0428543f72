/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A computation that keeps a part of its result in every kind of register is stopped somewhere,
 * saved, loaded into another machine, and run to its end there; then to its end where it was. Both
 * ends are, bit by bit, that of a run that nobody stopped. And each call to KVM on the way fails once.
 */
#include <errno.h>
#include <pthread.h>
#include <sched.h>

#include "guest.h"
#include "base/log.h"
#include "platform/kvm/kvm.h"

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

/* ---- a KVM that does not save, or does not load ---------------------------------------------- */

BLOB(spin, "1: incq (%rdi)\n jmp 1b");

struct spinner {
	struct context *context;
	struct address_space *space;
	pthread_t thread;
	volatile uint64_t *counter;
	_Atomic bool stop;
};

static void *spins(void *arg)
{
	struct spinner *s = arg;
	struct user_regs_struct regs = test_regs();
	struct switch_event ev;

	regs.rdi = DATA;
	while (!s->stop) {
		context_switch(s->context, s->space, &regs, -1, &ev);
		CHECK(ev.reason == SWITCH_PREEMPTED || ev.reason == SWITCH_INTERRUPT, "%d %s",
		      ev.reason, ev.reason == SWITCH_FATAL ? ev.fatal : "");
	}
	return NULL;
}

/* Somebody is in the middle of user code from now on. */
static void start_spinning(struct spinner *s, struct platform *p)
{
	frame_t f = test_frames(p, 1);

	*s = (struct spinner){.context = test_context(p), .counter = test_ptr(p, f)};
	s->space = TEST_SPACE(p, spin);
	CHECK(address_space_map(s->space, DATA, f, 1, ACCESS_READ | ACCESS_WRITE, false) == 0);
	pthread_create(&s->thread, NULL, spins, s);
	while (!*s->counter)
		sched_yield();
}

static void stop_spinning(struct spinner *s)
{
	s->stop = true;
	context_interrupt(s->context);
	pthread_join(s->thread, NULL);
	context_release(s->context);
	address_space_release(s->space, 0);
}

static unsigned calls_seen, fail_at;
static unsigned long failed;

static int fails_once(int fd, unsigned long request, void *arg)
{
	if (calls_seen++ != fail_at)
		return kvm_ioctl_host(fd, request, arg);
	failed = request;
	return -EIO;
}

/* What cannot be saved whole is not saved; the machine goes on, and can be saved the next time. */
static void unsaved(struct platform *p)
{
	struct spinner s;
	struct platform_reply reply;
	enum platform_answer answer;

	start_spinning(&s, p);
	CHECK(platform_control(p, PLATFORM_PAUSE, NULL) == PLATFORM_PAUSED);
	for (fail_at = 0;; fail_at++) {
		calls_seen = 0;
		failed = 0;
		kvm_inject(fails_once);
		answer = platform_control(p, PLATFORM_SAVE_STATE, &reply);
		kvm_inject(NULL);
		/* The counter's rate is not there on every host, and then not compared. */
		CHECK(answer == (failed && failed != KVM_GET_TSC_KHZ ? PLATFORM_ERROR : PLATFORM_SAVED),
		      "call %u, 0x%lx: %d", fail_at, failed, answer);
		CHECK(answer == PLATFORM_SAVED || (reply.error == -EIO && !reply.data));
		free(reply.data);
		if (!failed)
			break;
	}
	CHECK(fail_at > 8, "%u calls", fail_at);
	CHECK(platform_control(p, PLATFORM_RESUME, NULL) == PLATFORM_RESUMED);
	stop_spinning(&s);
}

/* The request that fails when a vCPU has been made and is being loaded; and which vCPU it was. */
static unsigned long load_fails;
static bool loading;
static int lost_fd;

static int fails_to_load(int fd, unsigned long request, void *arg)
{
	CHECK(fd != lost_fd, "a half-loaded vCPU is used: 0x%lx", request);
	if (lost_fd >= 0)
		return kvm_ioctl_host(fd, request, arg);
	/* The first call of a load; another rate than the saved one has to be set. */
	if (request == KVM_GET_TSC_KHZ) {
		loading = true;
		if (load_fails == KVM_SET_TSC_KHZ)
			return 1;
	}
	if (!loading)
		return kvm_ioctl_host(fd, request, arg);
	if (request == load_fails) {
		lost_fd = fd;
		return -EIO;
	}
	/* As if it were another value: then it is set. */
	if (request == KVM_GET_MSRS && load_fails == KVM_SET_MSRS)
		return 0;
	return kvm_ioctl_host(fd, request, arg);
}

/* The failed load's vCPU is nobody's: others run without it, and it is in no saved state. */
static void others_run(struct platform *p)
{
	struct platform_reply reply;
	struct spinner s[3];

	for (unsigned i = 0; i < 3; i++)
		start_spinning(&s[i], p);
	CHECK(platform_control(p, PLATFORM_PAUSE, NULL) == PLATFORM_PAUSED);
	CHECK(platform_control(p, PLATFORM_SAVE_STATE, &reply) == PLATFORM_SAVED);
	free(reply.data);
	CHECK(platform_control(p, PLATFORM_RESUME, NULL) == PLATFORM_RESUMED);
	for (unsigned i = 0; i < 3; i++)
		stop_spinning(&s[i]);
}

static void unloaded(struct platform *p)
{
	static const unsigned long requests[] = {
	    KVM_SET_TSC_KHZ,   KVM_SET_REGS, KVM_SET_SREGS,	  KVM_SET_XCRS, KVM_SET_XSAVE,
	    KVM_SET_DEBUGREGS, KVM_SET_MSRS, KVM_SET_VCPU_EVENTS,
	};
	struct platform_reply saved;
	struct user_regs_struct regs;
	struct platform *other;
	struct context *c;
	struct spinner s;
	unsigned index = 0;
	int r;

	start_spinning(&s, p);
	CHECK(platform_control(p, PLATFORM_PAUSE, NULL) == PLATFORM_PAUSED);
	CHECK(platform_control(p, PLATFORM_SAVE_STATE, &saved) == PLATFORM_SAVED);
	CHECK(platform_control(p, PLATFORM_RESUME, NULL) == PLATFORM_RESUMED);
	stop_spinning(&s);
	for (unsigned i = 0; i < sizeof(requests) / sizeof(*requests); i++) {
		other = test_platform(3);
		load_fails = requests[i];
		loading = false;
		lost_fd = -1;
		kvm_inject(fails_to_load);
		while ((r = platform_load_state(other, saved.data, saved.size, index, &c, &regs)) ==
		       -ENODATA)
			index++;
		CHECK(r == -EIO && lost_fd >= 0, "request %u: %d", i, r);
		others_run(other);
		kvm_inject(NULL);
		r = platform_load_state(other, saved.data, saved.size, index, &c, &regs);
		CHECK(r == 0 || r == -EAGAIN, "%d", r); /* one vCPU is lost, the others may exist */
		if (r == 0)
			context_release(c);
		platform_destroy(other);
	}
	free(saved.data);
}

/* No room for one more vCPU, after the machine has another one's state. */
static void no_vcpu_left(struct platform *p)
{
	struct platform *small = test_platform(1);
	struct platform_reply saved;
	struct user_regs_struct regs;
	struct context *c;
	pthread_t thread;
	unsigned seed = 5;
	struct run here;
	int r = -ENODATA;

	for (unsigned n = 0; r == -ENODATA; n++) {
		CHECK(n < 1000, "it is never caught in the middle");
		prepare(&here, p);
		here.regs.rcx *= 4;
		here.context = test_context(p);
		pthread_create(&thread, NULL, to_the_end, &here);
		/* Not sched_yield(): on one CPU it may come back before the thread has begun. */
		usleep(rand_r(&seed) % 8000);
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
	log_open(open("/dev/null", O_WRONLY | O_CLOEXEC), LOG_FORMAT_TEXT, LOG_LEVEL_ERROR);
	unsaved(p);
	unloaded(p);
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
