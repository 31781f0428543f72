/* SPDX-License-Identifier: GPL-2.0-or-later */
/*T:420 And out of it
 * From a KVM exit to what happened to the user program. Every exit reason has a case: most cannot
 * happen with the guest we build, and then the sandbox ends with a message that names the exit.
 */
#include "platform/kvm/kvm.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"

#define RFLAGS_RF 0x10000UL
#define REFUSALS_MAX 1000

/* Newer than the oldest kernel headers we build with. */
#define EXIT_MEMORY_FAULT 39

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

/* Behind KVM's exits in vcpu.reason[]: KVM_RUN's errors, and what has no name. */
enum { REASON_EAGAIN = PLATFORM_REASONS - 4, REASON_EFAULT, REASON_ERROR, REASON_OTHER };

static const char *exit_name(unsigned reason)
{
	if (reason < sizeof(exit_names) / sizeof(*exit_names) && exit_names[reason])
		return exit_names[reason];
	return "of an unknown kind";
}

const char *kvm_reason_name(unsigned i)
{
	switch (i) {
	case REASON_EAGAIN:
		return "error EAGAIN";
	case REASON_EFAULT:
		return "error EFAULT";
	case REASON_ERROR:
		return "other errors";
	case REASON_OTHER:
		return "other exits";
	}
	return i < sizeof(exit_names) / sizeof(*exit_names) ? exit_names[i] : NULL;
}

void exit_count(struct vcpu *v, int r)
{
	unsigned i = v->run->exit_reason;

	if (r == -EINTR)
		i = KVM_EXIT_INTR;
	else if (r < 0)
		i = r == -EAGAIN ? REASON_EAGAIN : r == -EFAULT ? REASON_EFAULT : REASON_ERROR;
	else if (!(i < REASON_EAGAIN && kvm_reason_name(i)))
		i = REASON_OTHER;
	count(&v->reason[i]);
	count(&v->exits);
}

/* ---- user registers -------------------------------------------------------------------------- */

void exit_user_registers(const struct kvm_regs *r, const struct kvm_sregs *s,
			 struct user_regs_struct *u)
{
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

static void save_general(const struct vcpu *v, struct user_regs_struct *u)
{
	exit_user_registers(&v->run->s.regs.regs, &v->run->s.regs.sregs, u);
}

/* As SYSCALL leaves it, wherever it landed: return address in RCX, flags in R11. */
static void save_syscall(struct vcpu *v, struct user_regs_struct *u, struct switch_event *ev)
{
	save_general(v, u);
	u->rip = u->rcx;
	u->eflags = u->r11;
	u->orig_rax = u->rax;
	ev->reason = SWITCH_SYSCALL;
	count(&v->syscalls);
}

static void broken(struct kvm_context *c, struct switch_event *ev, char *line)
{
	free(c->fatal);
	c->fatal = line;
	ev->reason = SWITCH_FATAL;
	ev->fatal = line ? line : "kvm: the machine failed, and there is no memory to say how";
	atomic_store(&c->kvm->broken, true);
}

/*
 * The end: nothing that this machine says can be believed any more. r is KVM_RUN's error, or 0 for
 * an exit.
 */
static enum exit_action fatal(struct kvm_context *c, struct vcpu *v, int r,
			      struct user_regs_struct *u, struct switch_event *ev,
			      const char *what, uint64_t detail)
{
	const struct kvm_regs *g = &v->run->s.regs.regs;
	const struct kvm_sregs *s = &v->run->s.regs.sregs;
	unsigned reason = v->run->exit_reason;
	char *line = NULL;

	if (asprintf(&line,
		     "kvm: vCPU %u: %s (%s %d, %s, detail 0x%llx): rip %llx cs %x rsp %llx rflags "
		     "%llx rax %llx rcx %llx cr2 %llx cr3 %llx",
		     v->id, what, r ? "error" : "exit", r ? -r : (int)reason,
		     r ? strerror(-r) : exit_name(reason), (unsigned long long)detail, g->rip,
		     s->cs.selector, g->rsp, g->rflags, g->rax, g->rcx, s->cr2, s->cr3) < 0)
		line = NULL;
	save_general(v, u);
	broken(c, ev, line);
	count(&v->fatal);
	return EXIT_DONE;
}

void exit_no_vcpu(struct kvm_context *c, int error, struct switch_event *ev)
{
	char *line = NULL;

	if (asprintf(&line, "kvm: no vCPU: %s",
		     atomic_load(&c->kvm->broken) ? "the machine has failed" : strerror(-error)) < 0)
		line = NULL;
	broken(c, ev, line);
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
	if (trap_has_error_code(vector))
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
static int forget_exception(struct vcpu *v)
{
	struct kvm_vcpu_events e;
	int r = kvm_ioctl(v->fd, KVM_GET_VCPU_EVENTS, &e);

	if (r < 0)
		return r;
	e.exception.nr = 0;
	e.exception.injected = e.exception.pending = 0;
	e.flags = 0;
	return kvm_ioctl(v->fd, KVM_SET_VCPU_EVENTS, &e);
}

static enum exit_action decode_trap(struct kvm_context *c, struct vcpu *v, struct kvm_space *as,
				    unsigned vector, struct user_regs_struct *u,
				    struct switch_event *ev)
{
	struct machine *m = &v->kvm->machine;
	uint64_t cr2 = v->run->s.regs.sregs.cr2, error_code;
	struct trap_frame f;

	if (!read_frame(v, vector, &f, &error_code))
		return fatal(c, v, 0, u, ev, "exception frame outside its stack", vector);
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
		return fatal(c, v, 0, u, ev, "exception in supervisor mode", vector);
	if (!trap_is_possible(vector))
		return fatal(c, v, 0, u, ev, "exception that user mode cannot raise", vector);
	if (vector == TRAP_BP || vector == TRAP_OF) {
		int r = forget_exception(v);

		if (r < 0)
			return fatal(c, v, r, u, ev, "KVM does not forget an exception", vector);
	}
	save_general(v, u);
	u->rip = f.rip;
	u->rsp = f.rsp;
	u->eflags = f.rflags & ~RFLAGS_RF;
	trap_to_signal(c, v, as, vector, error_code, cr2, u, ev);
	count(&v->faults);
	if (ev->page_fault)
		count(&v->page_faults);
	return EXIT_DONE;
}

static enum exit_action decode_hlt(struct kvm_context *c, struct vcpu *v, struct kvm_space *as,
				   struct user_regs_struct *u, struct switch_event *ev)
{
	struct machine *m = &v->kvm->machine;
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
	return fatal(c, v, 0, u, ev, "HLT outside the stubs", pc);
}

/* ---- everything else ------------------------------------------------------------------------- */

static bool in_user_mode(const struct vcpu *v)
{
	return v->run->s.regs.sregs.cs.dpl == 3;
}

static enum exit_action decode_internal_error(struct kvm_context *c, struct vcpu *v,
					      struct user_regs_struct *u, struct switch_event *ev)
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
	return fatal(c, v, 0, u, ev, "internal error", v->run->internal.suberror);
}

/*
 * KVM found no host page for something that the guest touched. It may say for which guest-physical
 * address, which does not help us: whose file it is, only the rooms above know.
 */
static enum exit_action no_host_page(struct kvm_context *c, struct vcpu *v, int r,
				     struct user_regs_struct *u, struct switch_event *ev)
{
	if (!in_user_mode(v))
		return fatal(c, v, r, u, ev, "no host page for the guest's own tables", 0);
	save_general(v, u);
	ev->reason = SWITCH_FILE_SHRUNK;
	count(&v->shrunk);
	return EXIT_DONE;
}

/*
 * Bad memory. Since Linux 6.8 KVM may say which guest-physical page it is: then it is one of the
 * program's (a page table would not be met in user mode), and the program hears where it has it.
 */
static enum exit_action poisoned(struct vcpu *v, struct kvm_space *as, struct user_regs_struct *u,
				 struct switch_event *ev)
{
	struct {
		uint64_t flags, gpa, size;
	} fault;

	signal_at(v, u, ev, SIGBUS, BUS_MCEERR_AR, TRAP_MC);
	ev->addr = 0;
	if (v->run->exit_reason == EXIT_MEMORY_FAULT) {
		memcpy(&fault, &v->run->hw, sizeof(fault));
		ev->addr = address_space_where(as, fault.gpa & PAGE_MASK);
	}
	return EXIT_DONE;
}

/* KVM wants to be asked again. That many times in a row, it will not change its mind. */
static enum exit_action try_again(struct kvm_context *c, struct vcpu *v, int r,
				  struct user_regs_struct *u, struct switch_event *ev)
{
	count(&v->retries);
	if (++v->refusals > REFUSALS_MAX)
		return fatal(c, v, r, u, ev, "KVM makes no progress", v->refusals);
	return EXIT_UNSURE;
}

static enum exit_action decode_exit(struct kvm_context *c, struct vcpu *v, struct kvm_space *as,
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
		count(&v->retries);
		return EXIT_UNSURE;

	/* A program's own doing on some hosts: what bare hardware would have told it. */
	case KVM_EXIT_HYPERCALL:
		return signal_at(v, regs, ev, SIGILL, ILL_ILLOPN, TRAP_UD);
	case KVM_EXIT_DEBUG:
		return signal_at(v, regs, ev, SIGTRAP, TRAP_BRKPT, TRAP_DB);
	case KVM_EXIT_IO:
		return signal_at(v, regs, ev, SIGSEGV, SI_KERNEL, TRAP_GP);
	case KVM_EXIT_INTERNAL_ERROR:
		return decode_internal_error(c, v, regs, ev);
	case EXIT_MEMORY_FAULT:
		return no_host_page(c, v, 0, regs, ev);

	case KVM_EXIT_MMIO:
		return fatal(c, v, 0, regs, ev, "a mapping leads to no memory",
			     v->run->mmio.phys_addr);
	case KVM_EXIT_SHUTDOWN:
		return fatal(c, v, 0, regs, ev, "triple fault", 0);
	case KVM_EXIT_FAIL_ENTRY:
		return fatal(c, v, 0, regs, ev, "the processor refuses the guest's state",
			     v->run->fail_entry.hardware_entry_failure_reason);
	case KVM_EXIT_SYSTEM_EVENT:
		return fatal(c, v, 0, regs, ev, "the host wants the machine to end",
			     v->run->system_event.type);

	/* Features that are not switched on, and machines that this is not. */
	case KVM_EXIT_UNKNOWN:
		return fatal(c, v, 0, regs, ev, "an exit that KVM itself does not know",
			     v->run->hw.hardware_exit_reason);
	case KVM_EXIT_EXCEPTION:
	case KVM_EXIT_SET_TPR:
	case KVM_EXIT_TPR_ACCESS:
	case KVM_EXIT_NMI:
	case KVM_EXIT_WATCHDOG:
	case KVM_EXIT_IOAPIC_EOI:
	case KVM_EXIT_HYPERV:
	case KVM_EXIT_X86_RDMSR:
	case KVM_EXIT_X86_WRMSR:
	case KVM_EXIT_DIRTY_RING_FULL:
	case KVM_EXIT_AP_RESET_HOLD:
	case KVM_EXIT_XEN:
	default:
		return fatal(c, v, 0, regs, ev, "an exit that must not happen", 0);
	}
}

static enum exit_action decode_error(struct kvm_context *c, struct vcpu *v, struct kvm_space *as,
				     int r, struct user_regs_struct *regs, struct switch_event *ev)
{
	switch (r) {
	case -EAGAIN:
		return try_again(c, v, r, regs, ev);
	case -EFAULT:
		return no_host_page(c, v, r, regs, ev);
	case -EHWPOISON:
		return poisoned(v, as, regs, ev);
	default:
		return fatal(c, v, r, regs, ev,
			     atomic_load(&c->kvm->broken) ? "the machine has failed"
							  : "KVM_RUN failed",
			     0);
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
static enum exit_action decode_interrupted(struct kvm_context *c, struct vcpu *v,
					   struct user_regs_struct *regs, struct switch_event *ev)
{
	struct kvm_vcpu_events e;
	int r = kvm_ioctl(v->fd, KVM_GET_VCPU_EVENTS, &e);

	if (r < 0)
		return fatal(c, v, r, regs, ev, "KVM does not say what is pending", 0);
	if (e.exception.injected || e.exception.pending || e.interrupt.injected ||
	    e.exception.nr == TRAP_BP || e.exception.nr == TRAP_OF || !in_user_mode(v))
		return EXIT_MUST_RUN;
	if (v->run->s.regs.regs.rip == LSTAR_ADDRESS &&
	    v->kvm->machine.landing != LANDING_CPL0) {
		save_syscall(v, regs, ev);
		return EXIT_DONE;
	}
	save_general(v, regs);
	return EXIT_COMPLETE;
}

enum exit_action exit_decode(struct kvm_context *c, struct vcpu *v, struct kvm_space *as, int r,
			     struct user_regs_struct *regs, struct switch_event *ev)
{
	enum exit_action action;

	if (r == 0)
		action = decode_exit(c, v, as, regs, ev);
	else if (r == -EINTR)
		action = decode_interrupted(c, v, regs, ev);
	else
		action = decode_error(c, v, as, r, regs, ev);
	if (r != -EAGAIN)
		v->refusals = 0;
	return action;
}
