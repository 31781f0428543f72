/* SPDX-License-Identifier: GPL-2.0-or-later */
/*T:610 What the host tells only the program
 * Exceptions. The host tells a tracer which signal they became, but not the processor's error code:
 * whether a page was to be read, written or executed, and which selector was wrong. It tells the
 * program itself, in the signal frame. So the signal is delivered, to a handler that never runs:
 * the frame goes to the worker's slot, memory of ours, PTRACE_SINGLESTEP stops the worker when it
 * is complete, and the registers and the FPU are put back.
 *
 * Other threads of the guest can write to the slot. What is read there is about their own process,
 * and goes to it; the registers and the FPU state come from the host.
 */
#include "platform/ptrace/ptrace.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <ucontext.h>

#define PF_PRESENT 1U
#define PF_WRITE 2U
#define PF_USER 4U
#define PF_FETCH 16U
#define LONGEST_INSTRUCTION 15

/* Newer than the oldest headers that we build with. */
#define TRAP_SECCOMP 1

/* What the host wrote about the exception (struct sigcontext). */
struct details {
	unsigned trapno, error_code;
	uint64_t cr2;
};

/* A signal frame: the return address, then this. */
struct frame {
	uint64_t restorer;
	struct {
		uint64_t flags, link;
		stack_t stack;
		mcontext_t registers;
	} context;
};

static int read_frame(struct worker *w, uint64_t rsp, struct details *d)
{
	uint64_t at = rsp - w->slot_address;
	uint8_t *slot = memory_ptr(w->stub->traced->base.memory, w->slot);
	struct frame f;

	if (at > SLOT_SIZE - sizeof(f))
		return -EFAULT;
	memcpy(&f, slot + at, sizeof(f));
	d->trapno = f.context.registers.gregs[REG_TRAPNO];
	d->error_code = f.context.registers.gregs[REG_ERR];
	d->cr2 = f.context.registers.gregs[REG_CR2];
	return 0;
}

/* Has the host write the frame for signo. w's registers are lost; its FPU state is taken out. */
static int deliver(struct worker *w, int signo, struct details *d)
{
	struct user_regs_struct u;
	int status;
	long r;

	fpu_leave(w);
	/* Were rsp in the slot, the host would go on from there. */
	r = trace(PTRACE_POKEUSER, w->tid, (void *)offsetof(struct user_regs_struct, rsp), NULL);
	if (r == 0)
		r = trace(PTRACE_SINGLESTEP, w->tid, NULL, (void *)(long)signo);
	if (r == 0)
		r = trace_wait(w->tid, &status);
	if (r < 0)
		return r;
	if (has_ended(status)) {
		atomic_store(&w->dead, true);
		return -ESRCH;
	}
	r = trace(PTRACE_GETREGS, w->tid, NULL, &u);
	if (r < 0)
		return r;
	return u.rip == STUB_BASE + STUB_HANDLER ? read_frame(w, u.rsp, d) : -EFAULT;
}

/*
 * The host found a mapping, and all that we make can be read; so if it was not the instruction
 * itself that could not be fetched, it was a write.
 */
static bool is_plain_write(const siginfo_t *info, const struct user_regs_struct *u)
{
	uint64_t addr = (uint64_t)info->si_addr;

	return info->si_signo == SIGSEGV && info->si_code == SEGV_ACCERR &&
	       addr - u->rip >= LONGEST_INSTRUCTION && addr < MAX_USER_ADDRESS;
}

/* Those that only one exception becomes, without an error code: no frame is needed. */
static bool told_by_signal(const siginfo_t *info, const struct user_regs_struct *u,
			   struct details *d)
{
	static const struct {
		int signo, si_code;
		unsigned trapno;
	} table[] = {
	    {SIGILL, ILL_ILLOPN, TRAP_UD},	{SIGFPE, FPE_INTDIV, TRAP_DE},
	    {SIGTRAP, SI_KERNEL, TRAP_BP},	{SIGTRAP, TRAP_TRACE, TRAP_DB},
	    {SIGTRAP, TRAP_BRKPT, TRAP_DB},
	};

	if (is_plain_write(info, u)) {
		d->trapno = TRAP_PF;
		d->error_code = PF_USER | PF_WRITE | PF_PRESENT;
		return true;
	}
	for (unsigned i = 0; i < sizeof(table) / sizeof(*table); i++) {
		if (info->si_signo == table[i].signo && info->si_code == table[i].si_code) {
			d->trapno = table[i].trapno;
			return true;
		}
	}
	return false;
}

static void page_fault(const struct details *d, struct switch_event *ev)
{
	ev->page_fault = true;
	ev->access = d->error_code & PF_FETCH   ? ACCESS_EXEC
		     : d->error_code & PF_WRITE ? ACCESS_WRITE
						: ACCESS_READ;
}

void decode_fatal(struct traced_context *c, const struct user_regs_struct *u, const char *what,
		  long error, struct switch_event *ev)
{
	snprintf(c->fatal, sizeof(c->fatal), "ptrace: %s: %s: rip %llx rsp %llx rflags %llx", what,
		 strerror(-error), u->rip, u->rsp, u->eflags);
	ev->reason = SWITCH_FATAL;
	ev->fatal = c->fatal;
}

/*
 * A call into the page at the end of addresses where old programs find gettimeofday(2). The host
 * executes it, but for the stubs' filter, and has returned from it when we hear of it; or it found
 * an argument wrong before. For user code of ours nothing is mapped there.
 */
static bool decode_vsyscall(const siginfo_t *info, struct user_regs_struct *u,
			    struct switch_event *ev)
{
	if (info->si_signo == SIGSYS && info->si_code == TRAP_SECCOMP) {
		u->rip = (uint64_t)info->si_call_addr;
		u->rsp -= sizeof(uint64_t);
	} else if (info->si_signo != SIGSEGV || info->si_code == SI_KERNEL ||
		   u->rip < HOST_USER_END) {
		return false;
	}
	ev->reason = SWITCH_SIGNAL;
	ev->signo = SIGSEGV;
	ev->si_code = SEGV_MAPERR;
	ev->addr = u->rip;
	ev->page_fault = true;
	ev->access = ACCESS_EXEC;
	ev->trapno = TRAP_PF;
	ev->error_code = PF_USER | PF_FETCH;
	return true;
}

bool decode_signal(struct traced_context *c, struct worker *w, int signo,
		   struct user_regs_struct *u, struct switch_event *ev)
{
	struct details d = {0};
	siginfo_t info = {0};
	long r = trace(PTRACE_GETSIGINFO, w->tid, NULL, &info);

	if (r == 0 && decode_vsyscall(&info, u, ev)) {
		w->faults++;
		return true;
	}
	/* Sent by somebody: not an exception. The host forgets it when the worker is resumed. */
	if (r < 0 || info.si_code <= 0 || signo == SIGSYS)
		return false;
	if (!told_by_signal(&info, u, &d)) {
		r = deliver(w, signo, &d);
		if (r == -ESRCH) {
			ev->reason = SWITCH_SIGNAL;
			ev->signo = SIGKILL;
			return true;
		}
		if (r < 0) {
			decode_fatal(c, u, "no signal frame", r, ev);
			return true;
		}
	}
	if (signo == SIGBUS && info.si_code == BUS_ADRERR) {
		w->shrunk++;
		ev->reason = SWITCH_FILE_SHRUNK;
		return true;
	}
	w->faults++;
	if (d.trapno == TRAP_DB && w->stub->traced->int1_stays && info.si_code == TRAP_BRKPT)
		info.si_addr = (void *)++u->rip;
	ev->reason = SWITCH_SIGNAL;
	ev->signo = signo;
	ev->si_code = info.si_code;
	ev->addr = info.si_code == SI_KERNEL ? 0 : (uint64_t)info.si_addr;
	ev->trapno = d.trapno;
	ev->error_code = d.error_code;
	if (signo == SIGSEGV && (info.si_code == SEGV_MAPERR || info.si_code == SEGV_ACCERR)) {
		page_fault(&d, ev);
		w->page_faults++;
	}
	return true;
}
