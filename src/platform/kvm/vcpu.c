/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
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
	struct machine *m = &v->platform->machine;
	int r = kvm_ioctl(v->fd, KVM_GET_SREGS, &v->sregs);

	if (r < 0)
		return r;
	traps_load_segments(v);
	v->sregs.cr0 = CR0_BITS;
	v->sregs.cr3 = v->platform->pt.kernel_pdpt; /* replaced at each entry */
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
	x.xcrs[0].value = v->platform->machine.xcr0;
	return kvm_ioctl(v->fd, KVM_SET_XCRS, &x);
}

int vcpu_create(struct platform *p, unsigned id, struct vcpu **out)
{
	struct machine *m = &p->machine;
	struct vcpu *v = calloc(1, sizeof(*v));
	int r;

	if (!v)
		return -ENOMEM;
	v->platform = p;
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
		munmap(v->run, v->platform->machine.run_size);
	close(v->fd);
	free(v);
}

/* ---- running --------------------------------------------------------------------------------- */

static void load_registers(struct vcpu *v, struct address_space *as,
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

/* Does somebody want us out? */
static bool wanted(struct context *c, struct vcpu *v)
{
	return atomic_load(&c->interrupt) || (atomic_load(&v->state) & VCPU_WAITER);
}

/* Answers one who does. */
static void answer(struct context *c, struct vcpu *v, struct switch_event *ev)
{
	if (atomic_exchange(&c->interrupt, 0)) {
		v->interrupts++;
		ev->reason = SWITCH_INTERRUPT;
	} else {
		ev->reason = SWITCH_PREEMPTED;
	}
}

static int run_once(struct vcpu *v)
{
	int r = kvm_ioctl(v->fd, KVM_RUN, NULL);

	v->exits++;
	v->run->kvm_dirty_regs = 0;
	return r;
}

/*
 * Enters the guest until there is something to report.
 *
 * Whoever wants us out makes the reason visible (c->interrupt, VCPU_WAITER), sets immediate_exit,
 * and then signals us if the GUEST bit is set. We clear immediate_exit, set GUEST, and then look at
 * the reasons: in every interleaving either we see the reason, or KVM sees immediate_exit, or the
 * signal finds us in KVM_RUN.
 */
static void run(struct context *c, struct vcpu *v, struct address_space *as,
		struct user_regs_struct *regs, struct switch_event *ev)
{
	enum exit_action action = EXIT_COMPLETE;

	while (action != EXIT_DONE) {
		int r;

		__atomic_store_n(&v->run->immediate_exit, 0, __ATOMIC_SEQ_CST);
		atomic_fetch_or(&v->state, VCPU_GUEST);
		if (action != EXIT_MUST_RUN && wanted(c, v)) {
			if (action == EXIT_COMPLETE) {
				answer(c, v, ev);
				return;
			}
			/* Unsure: let KVM say where the program is, without running it. */
			__atomic_store_n(&v->run->immediate_exit, 1, __ATOMIC_SEQ_CST);
		}
		r = run_once(v);
		atomic_fetch_and(&v->state, ~VCPU_GUEST);

		if (r == 0) {
			action = exit_decode(c, v, as, regs, ev);
		} else if (r == -EINTR) {
			action = exit_interrupted(v, regs, ev);
			if (action == EXIT_COMPLETE)
				load_registers(v, as, regs);
		} else {
			action = exit_decode_error(c, v, r, regs, ev);
		}
	}
}

static pid_t this_thread(void)
{
	static __thread pid_t tid;

	if (!tid)
		tid = syscall(SYS_gettid);
	return tid;
}

/* Was the slice too short to get anywhere? Then the next one is longer. */
static void note_progress(struct context *c, const struct user_regs_struct *before,
			  const struct user_regs_struct *after, const struct switch_event *ev)
{
	if (ev->reason == SWITCH_PREEMPTED && before->rip == after->rip &&
	    before->rsp == after->rsp && before->rax == after->rax && before->rcx == after->rcx)
		c->patience++;
	else
		c->patience = 0;
}

void context_switch(struct context *c, struct address_space *as, struct user_regs_struct *regs,
		    int cpu, struct switch_event *ev)
{
	struct user_regs_struct before = *regs;
	struct vcpu *v;
	int err = 0;

	(void)cpu; /* the host's scheduler places us, the vCPU follows */
	memset(ev, 0, sizeof(*ev));
	if (regs->rip >= MAX_USER_ADDRESS) {
		ev->reason = SWITCH_SIGNAL;
		ev->signo = SIGSEGV;
		ev->si_code = SI_KERNEL;
		ev->trapno = TRAP_GP;
		return;
	}
	v = vcpu_get(c, &err);
	if (!v) {
		atomic_store(&c->interrupt, 0);
		ev->reason = err ? SWITCH_FATAL : SWITCH_INTERRUPT;
		if (err)
			log_error("kvm: no vCPU: %s", strerror(-err));
		return;
	}
	atomic_store_explicit(&v->tid, this_thread(), memory_order_relaxed);
	atomic_store(&c->vcpu, v);
	load_registers(v, as, regs);
	run(c, v, as, regs, ev);
	atomic_store(&c->vcpu, NULL);
	vcpu_put(c, v);
	note_progress(c, &before, regs, ev);

	regs->cs = SEL_USER_CODE;
	regs->ss = SEL_USER_DATA;
	regs->ds = regs->es = regs->fs = regs->gs = 0;
}
