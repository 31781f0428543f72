/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * From a KVM exit to what happened to the user program. Every exit reason has a case: most cannot
 * happen with the guest we build, and then the sandbox ends with a message that names the exit.
 */
#include "platform/kvm/kvm.h"

#include <errno.h>
#include <signal.h>
#include <string.h>

#include "base/log.h"

#define RFLAGS_RF 0x10000UL

/* Newer than the oldest kernel headers we build with. */
#define EXIT_MEMORY_FAULT 39

/* Vectors with an error code on the stack. */
#define HAS_ERROR_CODE                                                                             \
	(1U << TRAP_DF | 1U << TRAP_TS | 1U << TRAP_NP | 1U << TRAP_SS | 1U << TRAP_GP |           \
	 1U << TRAP_PF | 1U << TRAP_AC)

static const char *const exit_names[] = {
    [KVM_EXIT_UNKNOWN] = "UNKNOWN",
    [KVM_EXIT_EXCEPTION] = "EXCEPTION",
    [KVM_EXIT_IO] = "IO",
    [KVM_EXIT_HYPERCALL] = "HYPERCALL",
    [KVM_EXIT_DEBUG] = "DEBUG",
    [KVM_EXIT_HLT] = "HLT",
    [KVM_EXIT_MMIO] = "MMIO",
    [KVM_EXIT_IRQ_WINDOW_OPEN] = "IRQ_WINDOW_OPEN",
    [KVM_EXIT_SHUTDOWN] = "SHUTDOWN",
    [KVM_EXIT_FAIL_ENTRY] = "FAIL_ENTRY",
    [KVM_EXIT_INTR] = "INTR",
    [KVM_EXIT_SET_TPR] = "SET_TPR",
    [KVM_EXIT_TPR_ACCESS] = "TPR_ACCESS",
    [KVM_EXIT_NMI] = "NMI",
    [KVM_EXIT_INTERNAL_ERROR] = "INTERNAL_ERROR",
    [KVM_EXIT_WATCHDOG] = "WATCHDOG",
    [KVM_EXIT_SYSTEM_EVENT] = "SYSTEM_EVENT",
    [KVM_EXIT_IOAPIC_EOI] = "IOAPIC_EOI",
    [KVM_EXIT_HYPERV] = "HYPERV",
    [KVM_EXIT_X86_RDMSR] = "X86_RDMSR",
    [KVM_EXIT_X86_WRMSR] = "X86_WRMSR",
    [KVM_EXIT_DIRTY_RING_FULL] = "DIRTY_RING_FULL",
    [KVM_EXIT_AP_RESET_HOLD] = "AP_RESET_HOLD",
    [KVM_EXIT_X86_BUS_LOCK] = "X86_BUS_LOCK",
    [KVM_EXIT_XEN] = "XEN",
    [KVM_EXIT_NOTIFY] = "NOTIFY",
    [EXIT_MEMORY_FAULT] = "MEMORY_FAULT",
};

static const char *exit_name(unsigned reason)
{
	if (reason < sizeof(exit_names) / sizeof(*exit_names) && exit_names[reason])
		return exit_names[reason];
	return "of an unknown kind";
}

/* ---- user registers -------------------------------------------------------------------------- */

static void save_general(const struct vcpu *v, struct user_regs_struct *u)
{
	const struct kvm_regs *r = &v->run->s.regs.regs;
	const struct kvm_sregs *s = &v->run->s.regs.sregs;

	u->rax = r->rax, u->rbx = r->rbx, u->rcx = r->rcx, u->rdx = r->rdx;
	u->rsi = r->rsi, u->rdi = r->rdi, u->rsp = r->rsp, u->rbp = r->rbp;
	u->r8 = r->r8, u->r9 = r->r9, u->r10 = r->r10, u->r11 = r->r11;
	u->r12 = r->r12, u->r13 = r->r13, u->r14 = r->r14, u->r15 = r->r15;
	u->rip = r->rip;
	u->eflags = r->rflags;
	u->fs_base = s->fs.base;
	u->gs_base = s->gs.base;
	u->orig_rax = -1UL;
}

/* As SYSCALL leaves it, wherever it landed: return address in RCX, flags in R11. */
static void save_syscall(struct vcpu *v, struct user_regs_struct *u, struct switch_event *ev)
{
	save_general(v, u);
	u->rip = u->rcx;
	u->eflags = u->r11;
	u->orig_rax = u->rax;
	ev->reason = SWITCH_SYSCALL;
	v->syscalls++;
}

static enum exit_action fatal(struct vcpu *v, struct user_regs_struct *u, struct switch_event *ev,
			      const char *what)
{
	const struct kvm_regs *r = &v->run->s.regs.regs;
	const struct kvm_sregs *s = &v->run->s.regs.sregs;

	log_error("kvm: vCPU %u: %s (exit %u, %s): rip %llx cs %x rsp %llx rflags %llx cr2 %llx "
		  "cr3 %llx",
		  v->id, what, v->run->exit_reason, exit_name(v->run->exit_reason), r->rip,
		  s->cs.selector, r->rsp, r->rflags, s->cr2, s->cr3);
	save_general(v, u);
	ev->reason = SWITCH_FATAL;
	return EXIT_DONE;
}

static enum exit_action signal_at(struct vcpu *v, struct user_regs_struct *u,
				  struct switch_event *ev, int signo, int si_code, unsigned trapno)
{
	save_general(v, u);
	ev->reason = SWITCH_SIGNAL;
	ev->signo = signo;
	ev->si_code = si_code;
	ev->addr = u->rip;
	ev->trapno = trapno;
	return EXIT_DONE;
}

/* ---- HLT in a stub --------------------------------------------------------------------------- */

/*
 * The frame on the vCPU's own stack. What is in it came from the application (its RIP, RSP and
 * flags), where it is came from the processor; the latter is checked all the same.
 */
static bool read_frame(struct vcpu *v, unsigned vector, struct trap_frame *f, uint64_t *error_code)
{
	uint64_t at = v->run->s.regs.regs.rsp - v->page_address;
	size_t need = sizeof(*f);

	*error_code = 0;
	if (vector < 32 && HAS_ERROR_CODE >> vector & 1)
		need += sizeof(*error_code);
	if (at > PAGE_SIZE - need)
		return false;
	if (need > sizeof(*f)) {
		memcpy(error_code, v->page + at, sizeof(*error_code));
		at += sizeof(*error_code);
	}
	memcpy(f, v->page + at, sizeof(*f));
	return true;
}

/*
 * Delivering #BP and #OF leaves their number in KVM's state, where later it would look like one
 * that is still to be delivered (exit_interrupted() cannot tell). So it is wiped right away.
 */
static void forget_exception(struct vcpu *v)
{
	struct kvm_vcpu_events e;

	if (kvm_ioctl(v->fd, KVM_GET_VCPU_EVENTS, &e) < 0)
		return;
	e.exception.nr = 0;
	e.exception.injected = e.exception.pending = 0;
	e.flags = 0;
	kvm_ioctl(v->fd, KVM_SET_VCPU_EVENTS, &e);
}

static enum exit_action decode_trap(struct context *c, struct vcpu *v, struct address_space *as,
				    unsigned vector, struct user_regs_struct *u,
				    struct switch_event *ev)
{
	struct machine *m = &v->platform->machine;
	uint64_t cr2 = v->run->s.regs.sregs.cr2, error_code;
	struct trap_frame f;

	if (!read_frame(v, vector, &f, &error_code))
		return fatal(v, u, ev, "exception frame outside its stack");
	/*
	 * SYSCALL on a host that fetches LSTAR with user rights. (A program that jumps there makes
	 * a system call as well: harmless, it could have said SYSCALL.)
	 */
	if (vector == TRAP_PF && m->landing != LANDING_CPL0 && cr2 == LSTAR_ADDRESS &&
	    f.rip == LSTAR_ADDRESS) {
		if (m->landing == LANDING_UNKNOWN)
			m->landing = LANDING_CPL3;
		save_syscall(v, u, ev);
		u->rsp = f.rsp;
		return EXIT_DONE;
	}
	if ((f.cs & 3) != 3)
		return fatal(v, u, ev, "exception in supervisor mode");
	if (vector == TRAP_NMI || vector == TRAP_DF || vector == TRAP_MC)
		return fatal(v, u, ev, "exception that user mode cannot raise");
	if (vector == TRAP_BP || vector == TRAP_OF)
		forget_exception(v);
	save_general(v, u);
	u->rip = f.rip;
	u->rsp = f.rsp;
	u->eflags = f.rflags & ~RFLAGS_RF;
	trap_to_signal(c, v, as, vector, error_code, cr2, u, ev);
	v->faults++;
	return EXIT_DONE;
}

static enum exit_action decode_hlt(struct context *c, struct vcpu *v, struct address_space *as,
				   struct user_regs_struct *u, struct switch_event *ev)
{
	struct machine *m = &v->platform->machine;
	uint64_t pc = v->run->s.regs.regs.rip - 1; /* HLT is one byte and done */

	if (pc == LSTAR_ADDRESS) {
		if (m->landing == LANDING_UNKNOWN)
			m->landing = LANDING_CPL0;
		save_syscall(v, u, ev);
		return EXIT_DONE;
	}
	if (pc - VECTORS_ADDRESS < 256 * VECTOR_SIZE && pc % VECTOR_SIZE == 0)
		return decode_trap(c, v, as, (pc - VECTORS_ADDRESS) / VECTOR_SIZE, u, ev);
	/* CSTAR: SYSCALL in a compatibility segment, of which there is none. */
	return fatal(v, u, ev, "HLT outside the stubs");
}

/* ---- everything else ------------------------------------------------------------------------- */

static bool in_user_mode(const struct vcpu *v)
{
	return v->run->s.regs.sregs.cs.dpl == 3;
}

static enum exit_action decode_internal_error(struct vcpu *v, struct user_regs_struct *u,
					      struct switch_event *ev)
{
	/*
	 * KVM met an instruction that it had to emulate and cannot. A program can provoke that, so
	 * it is the program's problem: an illegal instruction.
	 */
	if (v->run->internal.suberror == KVM_INTERNAL_ERROR_EMULATION && in_user_mode(v) &&
	    v->run->s.regs.regs.rip < MAX_USER_ADDRESS) {
		log_debug("kvm: vCPU %u cannot emulate the instruction at %llx", v->id,
			  v->run->s.regs.regs.rip);
		return signal_at(v, u, ev, SIGILL, ILL_ILLOPN, TRAP_UD);
	}
	log_error("kvm: internal error %u", v->run->internal.suberror);
	return fatal(v, u, ev, "internal error");
}

enum exit_action exit_decode(struct context *c, struct vcpu *v, struct address_space *as,
			     struct user_regs_struct *regs, struct switch_event *ev)
{
	switch (v->run->exit_reason) {
	case KVM_EXIT_HLT:
		return decode_hlt(c, v, as, regs, ev);

	/* Nothing happened to the program. */
	case KVM_EXIT_INTR:
	case KVM_EXIT_IRQ_WINDOW_OPEN:
	case KVM_EXIT_X86_BUS_LOCK:
	case KVM_EXIT_NOTIFY:
		return EXIT_UNSURE;

	/* A program's own doing on some hosts: what bare hardware would have told it. */
	case KVM_EXIT_HYPERCALL:
		return signal_at(v, regs, ev, SIGILL, ILL_ILLOPN, TRAP_UD);
	case KVM_EXIT_DEBUG:
		return signal_at(v, regs, ev, SIGTRAP, TRAP_BRKPT, TRAP_DB);
	case KVM_EXIT_IO:
		return signal_at(v, regs, ev, SIGSEGV, SI_KERNEL, TRAP_GP);
	case KVM_EXIT_INTERNAL_ERROR:
		return decode_internal_error(v, regs, ev);

	case KVM_EXIT_MMIO:
		return fatal(v, regs, ev, "a mapping leads to no memory");
	case KVM_EXIT_SHUTDOWN:
		return fatal(v, regs, ev, "triple fault");
	case KVM_EXIT_FAIL_ENTRY:
		log_error("kvm: hardware entry failure reason 0x%llx",
			  v->run->fail_entry.hardware_entry_failure_reason);
		return fatal(v, regs, ev, "the processor refuses the guest's state");

	/* Features that are not switched on, and machines that this is not. */
	case KVM_EXIT_UNKNOWN:
	case KVM_EXIT_EXCEPTION:
	case KVM_EXIT_SET_TPR:
	case KVM_EXIT_TPR_ACCESS:
	case KVM_EXIT_NMI:
	case KVM_EXIT_WATCHDOG:
	case KVM_EXIT_SYSTEM_EVENT:
	case KVM_EXIT_IOAPIC_EOI:
	case KVM_EXIT_HYPERV:
	case KVM_EXIT_X86_RDMSR:
	case KVM_EXIT_X86_WRMSR:
	case KVM_EXIT_DIRTY_RING_FULL:
	case KVM_EXIT_AP_RESET_HOLD:
	case KVM_EXIT_XEN:
	default:
		return fatal(v, regs, ev, "an exit that must not happen");
	}
}

enum exit_action exit_decode_error(struct context *c, struct vcpu *v, int error,
				   struct user_regs_struct *regs, struct switch_event *ev)
{
	switch (error) {
	case -EAGAIN:
		return EXIT_UNSURE;
	case -EFAULT:
		/* KVM found no host page, and does not say for which address. */
		if (!in_user_mode(v))
			return fatal(v, regs, ev, "no host page for the guest's own tables");
		save_general(v, regs);
		ev->reason = SWITCH_FILE_SHRUNK;
		return EXIT_DONE;
	case -EHWPOISON:
		return signal_at(v, regs, ev, SIGBUS, BUS_MCEERR_AR, TRAP_MC);
	default:
		log_error("kvm: KVM_RUN: %s", strerror(-error));
		return fatal(v, regs, ev, "KVM_RUN failed");
	}
}

/*
 * A kick can hit at four points (KVM-FACTS, "EINTR / kick protocol"):
 *   an exception is chosen but not delivered     run on: it arrives at its stub at once
 *   at CPL 0, in a stub before its HLT           run on likewise
 *   at CPL 3 with RIP at LSTAR                   SYSCALL is done: it is a system call
 *   anywhere else in user mode                   the registers are complete
 * KVM shows a queued #BP or #OF by its number only, neither as injected nor as pending.
 */
enum exit_action exit_interrupted(struct vcpu *v, struct user_regs_struct *regs,
				  struct switch_event *ev)
{
	struct kvm_vcpu_events e;

	if (kvm_ioctl(v->fd, KVM_GET_VCPU_EVENTS, &e) < 0 || e.exception.injected ||
	    e.exception.pending || e.interrupt.injected || e.exception.nr == TRAP_BP ||
	    e.exception.nr == TRAP_OF || !in_user_mode(v))
		return EXIT_MUST_RUN;
	if (v->run->s.regs.regs.rip == LSTAR_ADDRESS &&
	    v->platform->machine.landing != LANDING_CPL0) {
		save_syscall(v, regs, ev);
		return EXIT_DONE;
	}
	save_general(v, regs);
	return EXIT_COMPLETE;
}
