/* SPDX-License-Identifier: GPL-2.0-or-later */
/*T:600 The other way
 * Running a context: the calling thread's worker gets the registers, is resumed by PTRACE_SYSEMU,
 * and when it stops, the reason is read off.
 */
#include "platform/ptrace/ptrace.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/hostcall.h"

#define RFLAGS_USER 0x254dd5 /* what user mode may set */
#define RFLAGS_ALWAYS 0x202
#define RFLAGS_RF 0x10000UL

/* ---- registers ------------------------------------------------------------------------------- */

/*
 * orig_rax says that no system call is under way, or the host might take the guest's rax for the
 * wish to restart one.
 */
static long load_registers(struct worker *w, const struct user_regs_struct *u)
{
	struct user_regs_struct r = *u;
	long err;

	r.eflags = (u->eflags & RFLAGS_USER) | RFLAGS_ALWAYS;
	r.orig_rax = -1UL;
	r.cs = USER_CODE;
	r.ss = USER_DATA;
	r.ds = r.es = r.fs = r.gs = 0;
	err = trace(PTRACE_SETREGS, w->tid, NULL, &r);
	/*
	 * User code can give FS and GS a base in the host's half of addresses (WRFSBASE), and has it
	 * then, but a tracer cannot: it keeps what it has.
	 */
	if (err == -EIO && (r.fs_base >= HOST_USER_END || r.gs_base >= HOST_USER_END)) {
		struct user_regs_struct has;

		err = trace(PTRACE_GETREGS, w->tid, NULL, &has);
		if (r.fs_base >= HOST_USER_END)
			r.fs_base = has.fs_base < HOST_USER_END ? has.fs_base : 0;
		if (r.gs_base >= HOST_USER_END)
			r.gs_base = has.gs_base < HOST_USER_END ? has.gs_base : 0;
		if (err == 0)
			err = trace(PTRACE_SETREGS, w->tid, NULL, &r);
	}
	return err;
}

static void normalize(struct user_regs_struct *u)
{
	u->cs = USER_CODE;
	u->ss = USER_DATA;
	u->ds = u->es = u->fs = u->gs = 0;
	u->eflags &= ~RFLAGS_RF;
}

/* ---- waiting --------------------------------------------------------------------------------- */

/*
 * Whoever wants us out makes the reason visible, sets `kicked`, and signals the thread that
 * `running` names. We set `running`, clear `kicked`, and look at the reasons before we resume the
 * worker; then we wait inside the window of base/hostcall.h, which looks at `kicked`. The worker is
 * stopped by us, its tracer, and comes out with that stop or with something that happened before.
 */
static int wait_for_worker(struct traced_context *c, struct worker *w, int *status)
{
	const long args[6] = {w->tid, (long)status, __WALL, 0, 0, 0};
	long r;

	for (;;) {
		r = hostcall_window(&c->kicked, SYS_wait4, args);
		if (r != -EINTR)
			return r < 0 ? (int)r : 0;
		if (!atomic_load(&c->kicked))
			continue; /* a signal that is not for us */
		r = trace(PTRACE_INTERRUPT, w->tid, NULL, NULL);
		return r < 0 && r != -ESRCH ? (int)r : trace_wait(w->tid, status);
	}
}

static bool wanted(struct traced_context *c)
{
	return atomic_load(&c->base.interrupt) || context_is_stale(&c->base);
}

static void answer(struct traced_context *c, struct worker *w, struct switch_event *ev)
{
	if (atomic_exchange(&c->base.interrupt, 0)) {
		w->interrupts++;
		ev->reason = SWITCH_INTERRUPT;
	} else {
		w->preemptions++;
		ev->reason = SWITCH_PREEMPTED;
	}
}

/* ---- what a stop means ----------------------------------------------------------------------- */

static void protection_fault(struct worker *w, unsigned error_code, struct switch_event *ev)
{
	ev->reason = SWITCH_SIGNAL;
	ev->signo = SIGSEGV;
	ev->si_code = SI_KERNEL;
	ev->trapno = TRAP_GP;
	ev->error_code = error_code;
	w->faults++;
}

/*
 * INT $0x80 stops the worker too, in the host's 32-bit entry. SYSCALL is told by what it leaves in
 * RCX. (A program that sets it so makes a system call: it could have said SYSCALL.)
 */
static void decode_syscall(struct worker *w, struct user_regs_struct *u, struct switch_event *ev)
{
	if (u->rcx != u->rip) {
		u->rip -= 2;
		u->rax = u->orig_rax;
		u->orig_rax = -1UL;
		protection_fault(w, 0x80 * 8 + 2, ev);
		return;
	}
	u->rax = u->orig_rax;
	ev->reason = SWITCH_SYSCALL;
	w->syscalls++;
}

/* False: nothing happened to the program, resume it. */
static bool decode(struct traced_context *c, struct worker *w, int status,
		   struct user_regs_struct *u, struct switch_event *ev)
{
	long r;

	if (has_ended(status)) {
		/* Ended from outside, as by the host's killer of those who use most memory. */
		atomic_store(&w->dead, true);
		ev->reason = SWITCH_SIGNAL;
		ev->signo = SIGKILL;
		return true;
	}
	r = trace(PTRACE_GETREGS, w->tid, NULL, u);
	if (r == -ESRCH)
		return false; /* killed since: resuming it says so */
	if (r < 0) {
		decode_fatal(c, u, "PTRACE_GETREGS", r, ev);
		return true;
	}
	/*
	 * The host has a 32-bit code segment, which the contract has not: a program that got there, by
	 * a far return, is told so wherever it stops.
	 */
	if (u->cs != USER_CODE) {
		u->orig_rax = -1UL;
		protection_fault(w, USER_CODE32 & ~3, ev);
		return true;
	}
	if (WSTOPSIG(status) == (SIGTRAP | 0x80)) {
		decode_syscall(w, u, ev);
		return true;
	}
	u->orig_rax = -1UL;
	if (stopped_by_us(status)) {
		if (wanted(c)) {
			answer(c, w, ev);
			return true;
		}
		return false;
	}
	return decode_signal(c, w, WSTOPSIG(status), u, ev);
}

/*T:290 A system call that never is one
 *
 * The worker runs user code as any process does, at full speed, faults on memory included that the
 * host can supply. When it executes SYSCALL the host, before it looks at the call, or at seccomp,
 * stops it for its tracer; resumed, it goes on behind the instruction as if it had been a no-op. So
 * no system call of the guest's is ever one of the host's.
 */
static void run(struct traced_context *c, struct worker *w, struct user_regs_struct *regs,
		struct switch_event *ev)
{
	bool done = false;

	while (!done) {
		int status;
		long r;

		if (wanted(c)) {
			answer(c, w, ev);
			return;
		}
		r = trace(PTRACE_SYSEMU, w->tid, NULL, NULL);
		if (r == 0 || r == -ESRCH)
			r = wait_for_worker(c, w, &status);
		if (r < 0) {
			decode_fatal(c, regs, "resume a worker", r, ev);
			return;
		}
		w->exits++;
		done = decode(c, w, status, regs, ev);
		if (!done) {
			w->retries++;
			atomic_store(&c->kicked, 0);
		}
	}
}

void traced_switch(struct context *base, struct address_space *space, struct user_regs_struct *regs,
		   int cpu, struct switch_event *ev)
{
	struct traced_context *c = traced_context_of(base);
	struct worker *w;
	long r;

	(void)cpu;
	if (regs->rip >= MAX_USER_ADDRESS) {
		ev->reason = SWITCH_SIGNAL;
		ev->signo = SIGSEGV;
		ev->si_code = SI_KERNEL;
		ev->trapno = TRAP_GP;
		return;
	}
	if (atomic_exchange(&base->interrupt, 0)) {
		atomic_fetch_add_explicit(&c->traced->early, 1, memory_order_relaxed);
		ev->reason = SWITCH_INTERRUPT;
		return;
	}
	r = worker_get(traced_space_of(space), &w);
	if (r == 0 && atomic_load(&w->fpu_owner) != c)
		r = fpu_enter(c, w);
	if (r == 0)
		r = load_registers(w, regs);
	if (r < 0) {
		ev->reason = SWITCH_SIGNAL;
		ev->signo = SIGKILL;
		if (r != -ESRCH)
			decode_fatal(c, regs, "no worker", r, ev);
		return;
	}
	atomic_store(&c->kicked, 0);
	atomic_store(&c->running, w->tracer->tid);
	run(c, w, regs, ev);
	atomic_store(&c->running, 0);
	normalize(regs);
}

/* ---- from other threads ---------------------------------------------------------------------- */

void traced_interrupt(struct context *base)
{
	struct traced_context *c = traced_context_of(base);
	pid_t tid;

	atomic_store(&c->kicked, 1);
	/* EAGAIN: the host has too many queued signals for this user just now. */
	do {
		tid = atomic_load(&c->running);
		if (!tid)
			return;
	} while (host_signal(tid) == -EAGAIN);
	atomic_fetch_add_explicit(&c->traced->kicks, 1, memory_order_relaxed);
}

void traced_preempt_all(struct platform *p)
{
	struct context *c;

	pthread_mutex_lock(&p->control.contexts_lock);
	list_for_each(c, &p->control.contexts, link)
		if (context_is_stale(c))
			traced_interrupt(c);
	pthread_mutex_unlock(&p->control.contexts_lock);
}
