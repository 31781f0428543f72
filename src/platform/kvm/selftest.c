/* SPDX-License-Identifier: GPL-2.0-or-later */
/*T:270 Asking the host what it is
 * The start-up self-test: a few instructions run in a scratch address space, through the same code
 * that will run programs. It decides how SYSCALL lands on this host, or refuses the host, whether
 * the guest's time stamp counter and CPU number are the host's, and how translations are taken back.
 */
#include "platform/kvm/kvm.h"

#include <errno.h>
#include <string.h>
#include <x86intrin.h>

#define CODE_ADDRESS 0x400000UL
#define CPU_ADDRESS (CODE_ADDRESS + 0x20)
#define READER_ADDRESS (CODE_ADDRESS + 0x40)
#define WORD_ADDRESS 0x600000UL
#define TSC_ROUNDS 3
#define CPU_ROUNDS 4
#define STALE_ROUNDS 4
#define MSR_TSC_AUX 0xc0000103
#define AUX_MARK 0xabcdef /* no CPU's */

/* mov $39,%eax; syscall; 1: rdtsc; shl $32,%rdx; or %rax,%rdx; mov $60,%eax; syscall; jmp 1b */
static const uint8_t code[] = {
    0xb8, 39,	0,    0,    0,			/* 00 mov $39,%eax */
    0x0f, 0x05,					/* 05 syscall */
    0x0f, 0x31,					/* 07 rdtsc */
    0x48, 0xc1, 0xe2, 32,			/* 09 shl $32,%rdx */
    0x48, 0x09, 0xc2,				/* 0d or %rax,%rdx */
    0xb8, 60,	0,    0,    0,			/* 10 mov $60,%eax */
    0x0f, 0x05,					/* 15 syscall */
    0xeb, 0xee,					/* 17 jmp 07 */
    [CPU_ADDRESS - CODE_ADDRESS] =
    0x0f, 0x01, 0xf9,				/* 20 rdtscp */
    0x89, 0xcf,					/* 23 mov %ecx,%edi */
    0x0f, 0x05,					/* 25 syscall */
    [READER_ADDRESS - CODE_ADDRESS] =
    0x48, 0x8b, 0x07,				/* 40 mov (%rdi),%rax */
    0x0f, 0x05,					/* 43 syscall */
};
#define AFTER_FIRST (CODE_ADDRESS + 0x07)
#define AFTER_SECOND (CODE_ADDRESS + 0x17)

static int refuse(struct error *err, const char *what, const struct switch_event *ev,
		  const struct user_regs_struct *regs)
{
	if (ev->reason == SWITCH_FATAL)
		return error_set(err, -EIO, "kvm: self-test: %s", ev->fatal);
	return error_set(err, -ENOTSUP,
			 "kvm: this host's KVM is not usable: %s (event %d, vector %u, error 0x%x, "
			 "rip 0x%llx, rax 0x%llx)",
			 what, ev->reason, ev->trapno, ev->error_code, regs->rip, regs->rax);
}

static void set_aux(const struct vcpu *v, uint64_t value)
{
	struct {
		struct kvm_msrs head;
		struct kvm_msr_entry entry;
	} m = {.head.nmsrs = 1, .entry = {.index = MSR_TSC_AUX, .data = value}};

	kvm_ioctl(v->fd, KVM_SET_MSRS, &m);
}

/*
 * Does RDTSCP in the guest tell which of the host's CPUs it runs on? Where the register is switched
 * with the guest it tells what we wrote there; where it is not, what the host's Linux did. Only an
 * answer that cannot be ours counts, and that is the host's on the same CPU.
 */
static bool cpu_is_host(struct kvm *kvm, struct context *c, struct address_space *as)
{
	unsigned before, after, n = atomic_load(&kvm->machine.n_vcpus);
	bool same = false;

	if (!host_has_rdtscp())
		return false;
	for (unsigned i = 0; i < n; i++)
		set_aux(kvm->machine.vcpus[i], AUX_MARK);
	/* Until we are not moved in between. */
	for (unsigned i = 0; i < CPU_ROUNDS && !same; i++) {
		struct user_regs_struct regs = {.rip = CPU_ADDRESS, .eflags = 0x202};
		struct switch_event ev;

		__rdtscp(&before);
		context_switch(c, as, &regs, -1, &ev);
		__rdtscp(&after);
		if (ev.reason != SWITCH_SYSCALL || regs.rdi == AUX_MARK)
			break;
		same = before == after && regs.rdi == before;
	}
	for (unsigned i = 0; i < n; i++)
		set_aux(kvm->machine.vcpus[i], 0);
	return same;
}

static int run_code(struct kvm *kvm, struct context *c, struct address_space *as,
		    struct error *err)
{
	struct user_regs_struct regs = {.rip = CODE_ADDRESS, .eflags = 0x202};
	struct switch_event ev;
	bool same_tsc = true;

	context_switch(c, as, &regs, -1, &ev);
	if (ev.reason != SWITCH_SYSCALL || regs.orig_rax != 39 || regs.rip != AFTER_FIRST)
		return refuse(err, "SYSCALL does not arrive", &ev, &regs);
	for (int i = 0; i < TSC_ROUNDS; i++) {
		uint64_t before = __rdtsc(), after;

		context_switch(c, as, &regs, -1, &ev);
		after = __rdtsc();
		if (ev.reason != SWITCH_SYSCALL || regs.orig_rax != 60 || regs.rip != AFTER_SECOND)
			return refuse(err, "user mode does not go on behind SYSCALL", &ev, &regs);
		same_tsc &= before <= regs.rdx && regs.rdx <= after;
	}
	kvm->base.caps.tsc_is_host = same_tsc;
	kvm->base.caps.cpu_is_host = cpu_is_host(kvm, c, as);
	return 0;
}

/* ---- how translations are taken back --------------------------------------------------------- */

/* What user code reads at WORD_ADDRESS, or 0. */
static uint64_t read_word(struct context *c, struct address_space *as)
{
	struct user_regs_struct regs = {.rip = READER_ADDRESS, .rdi = WORD_ADDRESS, .eflags = 0x202};
	struct switch_event ev;

	context_switch(c, as, &regs, -1, &ev);
	return ev.reason == SWITCH_SYSCALL ? regs.orig_rax : 0;
}

static int show_frame(struct address_space *as, frame_t frame)
{
	return address_space_map(as, WORD_ADDRESS, frame, 1, ACCESS_READ, false);
}

/*
 * Does a page that was replaced without a word stay visible, and does a toggle of CR4.PGE then
 * remove it, each time? Only both together prove something: a processor that never keeps old
 * translations here may do so elsewhere, and where KVM shadows our tables no toggle helps.
 * frame[i] holds i + 1.
 */
static bool flush_works(struct kvm *kvm, struct context *c, struct address_space *as,
			const frame_t frame[2])
{
	struct kvm_space *space = kvm_space_of(as);
	bool works = show_frame(as, frame[0]) == 0 && read_word(c, as) == 1;

	for (unsigned i = 0; works && i < STALE_ROUNDS; i++) {
		unsigned old = i % 2, new = !old;

		kvm->forget = FORGET_NOTHING;
		works = show_frame(as, frame[new]) == 0 && read_word(c, as) == old + 1;
		kvm->forget = FORGET_BY_FLUSH;
		atomic_store(&space->generation, generation_next(kvm));
		works = works && read_word(c, as) == new + 1;
	}
	return works;
}

static int choose_invalidation(struct kvm *kvm, struct context *c, struct address_space *as,
			       struct error *err)
{
	struct memory *m = kvm->base.memory;
	frame_t frame[2];
	int r = memory_alloc(m, 2, MEMORY_SYSTEM, &frame[0]);

	if (r < 0)
		return error_errno(err, r, "kvm: self-test");
	frame[1] = frame[0] + 1;
	for (uint64_t i = 0; i < 2; i++)
		*(uint64_t *)memory_ptr(m, frame[i]) = i + 1;
	kvm->forget = flush_works(kvm, c, as, frame) ? FORGET_BY_FLUSH : FORGET_BY_DATA;
	/* The frames may be stale in there, but the space is not used again. */
	memory_unref(m, frame[0], 2);
	return 0;
}

/* ---- all of it ------------------------------------------------------------------------------- */

int selftest_run(struct kvm *kvm, enum platform_invalidation invalidation, struct error *err)
{
	struct platform *p = &kvm->base;
	struct address_space *as = NULL;
	struct context *c = NULL;
	frame_t frame = 0;
	int r;

	r = platform_new_address_space(p, 0, &as);
	if (r == 0)
		r = platform_new_context(p, &c);
	if (r == 0)
		r = memory_alloc(p->memory, 1, MEMORY_SYSTEM, &frame);
	if (r == 0) {
		memcpy(memory_ptr(p->memory, frame), code, sizeof(code));
		r = address_space_map(as, CODE_ADDRESS, frame, 1, ACCESS_READ | ACCESS_EXEC, false);
	}
	if (r < 0)
		error_errno(err, r, "kvm: self-test");
	else
		r = run_code(kvm, c, as, err);
	if (r == 0 && invalidation == INVALIDATION_AUTO)
		r = choose_invalidation(kvm, c, as, err);
	/* What only looks for an answer does not say so itself. */
	if (r == 0 && atomic_load(&kvm->broken))
		r = error_set(err, -EIO, "kvm: self-test: %s", kvm_context_of(c)->fatal);
	if (invalidation == INVALIDATION_FLUSH)
		kvm->forget = FORGET_BY_FLUSH;
	p->caps.invalidation = kvm->forget == FORGET_BY_FLUSH ? "flush" : "data";
	address_space_release(as, 0);
	context_release(c);
	if (frame)
		memory_unref(p->memory, frame, 1);
	return r;
}
