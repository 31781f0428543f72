/* SPDX-License-Identifier: GPL-2.0-or-later */
/*T:410 Into the guest
 * One vCPU: its making, and the loop that runs a context on it.
 *
 * Registers go both ways through the shared run page (KVM_CAP_SYNC_REGS), so a system call is one
 * ioctl. User code is entered by writing everything, segments included: wherever the exit left the
 * vCPU, at CPL 0 in a stub or at CPL 3, it goes on in user mode.
 */
#include "platform/kvm/kvm.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/hostcall.h"
#include "base/log.h"

#define CR0_BITS 0x80050033UL /* PG AM WP NE ET MP PE */
#define CR4_BASE 0x620UL      /* PAE, OSFXSR, OSXMMEXCPT */
#define CR4_FSGSBASE (1UL << 16)
#define CR4_OSXSAVE (1UL << 18)
#define CR4_SMEP (1UL << 20)
#define EFER_BITS 0xd01UL /* NXE LMA LME SCE */

#define MSR_STAR 0xc0000081
#define MSR_LSTAR 0xc0000082
#define MSR_CSTAR 0xc0000083
#define MSR_SYSCALL_MASK 0xc0000084
#define SYSCALL_MASK 0x257fd5 /* all flags that matter: IF, TF, DF, AC, NT, IOPL … */

#define RFLAGS_USER 0x254dd5 /* what user mode may set: without IOPL, IF, VM, VIF, VIP */
#define RFLAGS_ALWAYS 0x202  /* IF and the bit that is always set */

/* ---- making ---------------------------------------------------------------------------------- */

static int set_msrs(struct vcpu *v)
{
	struct {
		struct kvm_msrs head;
		struct kvm_msr_entry entry[4];
	} m = {
	    .head.nmsrs = 4,
	    .entry =
		{
		    {.index = MSR_STAR,
		     .data = (SEL_USER_CODE - 16UL) << 48 | (uint64_t)SEL_KERNEL_CODE << 32},
		    {.index = MSR_LSTAR, .data = LSTAR_ADDRESS},
		    {.index = MSR_CSTAR, .data = CSTAR_ADDRESS},
		    {.index = MSR_SYSCALL_MASK, .data = SYSCALL_MASK},
		},
	};
	int r = kvm_ioctl(v->fd, KVM_SET_MSRS, &m);

	return r == 4 ? 0 : r < 0 ? r : -EIO;
}

/* CR4 bits that not every host grants: all at once, else one by one; the first vCPU finds out. */
static int probe_cr4(struct vcpu *v)
{
	static const uint64_t wishes[] = {CR4_FSGSBASE, CR4_OSXSAVE, CR4_SMEP};

	v->sregs.cr4 = CR4_BASE | CR4_FSGSBASE | CR4_OSXSAVE | CR4_SMEP;
	if (kvm_ioctl(v->fd, KVM_SET_SREGS, &v->sregs) == 0)
		return 0;
	v->sregs.cr4 = CR4_BASE;
	for (unsigned i = 0; i < sizeof(wishes) / sizeof(*wishes); i++) {
		v->sregs.cr4 |= wishes[i];
		if (kvm_ioctl(v->fd, KVM_SET_SREGS, &v->sregs) < 0)
			v->sregs.cr4 &= ~wishes[i];
	}
	return kvm_ioctl(v->fd, KVM_SET_SREGS, &v->sregs);
}

static int set_sregs(struct vcpu *v)
{
	struct machine *m = &v->kvm->machine;
	int r = kvm_ioctl(v->fd, KVM_GET_SREGS, &v->sregs);

	if (r < 0)
		return r;
	traps_load_segments(v);
	v->sregs.cr0 = CR0_BITS;
	v->sregs.cr3 = v->kvm->pt.kernel_pdpt; /* replaced at each entry */
	v->sregs.efer = EFER_BITS;
	if (m->cr4) {
		v->sregs.cr4 = m->cr4;
		return kvm_ioctl(v->fd, KVM_SET_SREGS, &v->sregs);
	}
	r = probe_cr4(v);
	m->cr4 = v->sregs.cr4;
	return r;
}

static int set_xcr0(struct vcpu *v)
{
	struct kvm_xcrs x = {.nr_xcrs = 1};

	if (!(v->sregs.cr4 & CR4_OSXSAVE))
		return 0;
	x.xcrs[0].value = v->kvm->machine.xcr0;
	return kvm_ioctl(v->fd, KVM_SET_XCRS, &x);
}

/*
 * Where KVM gives a VM a time stamp counter of its own, it is the host's plus an offset. Without
 * offset the host's vvar pages are right in the guest. Old kernels cannot do that (before 5.16); the
 * self-test sees what the guest reads.
 */
static void use_host_tsc(const struct vcpu *v)
{
	uint64_t offset = 0;
	struct kvm_device_attr attr = {.group = KVM_VCPU_TSC_CTRL,
				       .attr = KVM_VCPU_TSC_OFFSET,
				       .addr = (uintptr_t)&offset};

	kvm_ioctl(v->fd, KVM_SET_DEVICE_ATTR, &attr);
}

int vcpu_create(struct kvm *kvm, unsigned id, struct vcpu **out)
{
	struct machine *m = &kvm->machine;
	struct vcpu *v = calloc(1, sizeof(*v));
	int r;

	if (!v)
		return -ENOMEM;
	v->kvm = kvm;
	v->id = id;
	v->fd = kvm_ioctl(m->vm_fd, KVM_CREATE_VCPU, (void *)(uintptr_t)id);
	if (v->fd < 0) {
		r = v->fd;
		free(v);
		return r;
	}
	v->run = mmap(NULL, m->run_size, PROT_READ | PROT_WRITE, MAP_SHARED, v->fd, 0);
	r = v->run == MAP_FAILED ? -ENOMEM : traps_init_vcpu(v);
	if (r == 0)
		r = kvm_ioctl(v->fd, KVM_SET_CPUID2, m->cpuid);
	if (r == 0)
		r = set_sregs(v);
	if (r == 0)
		r = set_xcr0(v);
	if (r == 0)
		r = set_msrs(v);
	if (r == 0)
		use_host_tsc(v);
	if (r < 0) {
		vcpu_destroy(v);
		return r;
	}
	v->run->kvm_valid_regs = KVM_SYNC_X86_REGS | KVM_SYNC_X86_SREGS;
	*out = v;
	return 0;
}

void vcpu_destroy(struct vcpu *v)
{
	if (!v)
		return;
	if (v->run != MAP_FAILED)
		munmap(v->run, v->kvm->machine.run_size);
	close(v->fd);
	free(v);
}

/* ---- running --------------------------------------------------------------------------------- */

static void load_registers(struct vcpu *v, struct kvm_space *as,
			   const struct user_regs_struct *u)
{
	struct kvm_sync_regs *s = &v->run->s.regs;

	s->regs = (struct kvm_regs){
	    .rax = u->rax, .rbx = u->rbx, .rcx = u->rcx, .rdx = u->rdx,
	    .rsi = u->rsi, .rdi = u->rdi, .rsp = u->rsp, .rbp = u->rbp,
	    .r8 = u->r8, .r9 = u->r9, .r10 = u->r10, .r11 = u->r11,
	    .r12 = u->r12, .r13 = u->r13, .r14 = u->r14, .r15 = u->r15,
	    .rip = u->rip, .rflags = (u->eflags & RFLAGS_USER) | RFLAGS_ALWAYS,
	};
	s->sregs = v->sregs;
	s->sregs.cr3 = as->cr3;
	s->sregs.fs.base = u->fs_base;
	s->sregs.gs.base = u->gs_base;
	v->run->kvm_dirty_regs = KVM_SYNC_X86_REGS | KVM_SYNC_X86_SREGS;
}

static int run_once(struct vcpu *v)
{
	int r = kvm_ioctl(v->fd, KVM_RUN, v->run);

	exit_count(v, r);
	v->run->kvm_dirty_regs = 0;
	return r;
}

/* Delivers virtual interrupts before the guest is entered; true: one of them is the answer. */
static bool take_interrupts(struct kvm_context *c, struct vcpu *v, enum exit_action action,
			    struct switch_event *ev)
{
	if (!virq_any(v))
		return false;
	if (action == EXIT_COMPLETE)
		return virq_deliver_all(c, v, ev);
	/* Unsure: let KVM say first where the program is, without running it. */
	__atomic_store_n(&v->run->immediate_exit, 1, __ATOMIC_SEQ_CST);
	return false;
}

/* Enters the guest until there is something to report. interrupts.c says why in this order. */
static void run(struct kvm_context *c, struct vcpu *v, struct kvm_space *as,
		struct user_regs_struct *regs, struct switch_event *ev)
{
	enum exit_action action = EXIT_COMPLETE;

	while (action != EXIT_DONE) {
		bool answered;
		int r = 0;

		__atomic_store_n(&v->run->immediate_exit, 0, __ATOMIC_SEQ_CST);
		state_enter(&v->state);
		virq_block(v, action == EXIT_MUST_RUN ? VIRQ_ALL : 0);
		answered = take_interrupts(c, v, action, ev);
		if (!answered) {
			if (action == EXIT_MUST_RUN || space_enter(v, as))
				r = run_once(v);
			else
				r = -EIO;
		}
		state_leave(&v->state);
		if (answered)
			return;

		action = exit_decode(c, v, as, r, regs, ev);
		if (action == EXIT_COMPLETE)
			load_registers(v, as, regs);
	}
	virq_block(v, 0);
}

static pid_t this_thread(void)
{
	static __thread pid_t tid;

	if (!tid)
		tid = syscall(SYS_gettid);
	return tid;
}

/* Was the slice long enough to get anywhere? */
static bool progressed(const struct user_regs_struct *before, const struct user_regs_struct *after,
		       const struct switch_event *ev)
{
	return ev->reason != SWITCH_PREEMPTED || before->rip != after->rip ||
	       before->rsp != after->rsp || before->rax != after->rax || before->rcx != after->rcx;
}

void kvm_switch(struct context *base, struct address_space *space, struct user_regs_struct *regs,
		int cpu, struct switch_event *ev)
{
	struct kvm_context *c = kvm_context_of(base);
	struct kvm_space *as = kvm_space_of(space);
	struct user_regs_struct before = *regs;
	struct vcpu *v;
	int err = 0;

	(void)cpu; /* the host's scheduler places us, the vCPU follows */
	if (regs->rip >= MAX_USER_ADDRESS) {
		ev->reason = SWITCH_SIGNAL;
		ev->signo = SIGSEGV;
		ev->si_code = SI_KERNEL;
		ev->trapno = TRAP_GP;
		return;
	}
	v = vcpu_get(c, &err);
	if (v && atomic_load(&c->kvm->broken)) {
		vcpu_put(c, v);
		v = NULL;
		err = -EIO;
	}
	if (!v) {
		ev->reason = SWITCH_PREEMPTED;
		if (err) {
			exit_no_vcpu(c, err, ev);
		} else if (atomic_exchange(&c->base.interrupt, 0)) {
			ev->reason = SWITCH_INTERRUPT;
		}
		return;
	}
	atomic_store_explicit(&v->tid, this_thread(), memory_order_relaxed);
	atomic_store(&c->vcpu, v);
	virq_adopt(c, v);
	load_registers(v, as, regs);
	run(c, v, as, regs, ev);
	atomic_store(&c->vcpu, NULL);
	vcpu_put(c, v);
	clock_judge(c, progressed(&before, regs, ev));

	regs->cs = SEL_USER_CODE;
	regs->ss = SEL_USER_DATA;
	regs->ds = regs->es = regs->fs = regs->gs = 0;
}
