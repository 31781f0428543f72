/* SPDX-License-Identifier: GPL-2.0-or-later */
/*T:540 Signals, on the way out
 * What happens to a task's signals on its way back to the guest: default actions, handlers, and
 * what becomes of the system call that was interrupted (signal(7), "Interruption of system calls").
 */
#include <errno.h>
#include <string.h>
#include <sys/syscall.h>

#include "kernel/internal.h"
#include "kernel/trace.h"

/* The two bytes of SYSCALL: going back this far makes the guest issue it again. */
#define SYSCALL_INSN_SIZE 2

static bool orphaned(struct thread_group *g)
{
	bool r;

	pthread_rwlock_rdlock(&kernel.tasklist);
	r = !g->pgrp || pgrp_orphaned_locked(g->pgrp, NULL);
	pthread_rwlock_unlock(&kernel.tasklist);
	return r;
}

/* The default action of sig. g->lock is held, and may be released for a while. */
static void default_action_locked(struct thread_group *g, int sig)
{
	bool init = g == kernel.init && !current->fatal_fault;

	if (SIGMASK_IGNORED & SIGMASK(sig))
		return;
	if (init && !(SIGMASK_KERNEL_ONLY & SIGMASK(sig)))
		return;
	if (!(SIGMASK_STOP & SIGMASK(sig))) {
		group_exit_locked(g, sig);
		return;
	}
	if (sig != SIGSTOP) {
		bool alone;

		/* The tasklist comes before the group's lock. */
		pthread_mutex_unlock(&g->lock);
		alone = orphaned(g);
		pthread_mutex_lock(&g->lock);
		if (alone)
			return;
	}
	stop_begin_locked(g, sig);
}

static void take_action(struct sighand *s, int sig, struct ksigaction *sa)
{
	pthread_mutex_lock(&s->lock);
	*sa = s->action[sig];
	if (sa->handler > (uint64_t)SIG_IGN && (sa->flags & SA_RESETHAND))
		s->action[sig].handler = (uint64_t)SIG_DFL;
	pthread_mutex_unlock(&s->lock);
}

/* The next signal that has a handler, or 0: nothing (left) to do, or the task must die. */
static int next_handled(siginfo_t *info, struct ksigaction *sa)
{
	struct thread_group *g = current->group;
	int sig = 0;

	pthread_mutex_lock(&g->lock);
	while (!atomic_load(&current->dying)) {
		if (g->tell_continued) {
			g->tell_continued = false;
			pthread_mutex_unlock(&g->lock);
			stop_notify_parent(g, CLD_CONTINUED, SIGCONT);
			pthread_mutex_lock(&g->lock);
			continue;
		}
		if (g->stop_signal && stop_participate_locked(g))
			continue;
		sig = signal_take_locked(current, ~current->blocked, info);
		if (!sig)
			break;
		take_action(g->sighand, sig, sa);
		if (sa->handler == (uint64_t)SIG_DFL)
			default_action_locked(g, sig);
		/* Behind the action: without the lock, a SIGCONT could come between it and its signal. */
		if (kernel.trace) {
			pthread_mutex_unlock(&g->lock);
			trace_signal(info);
			pthread_mutex_lock(&g->lock);
		}
		if (sa->handler > (uint64_t)SIG_IGN)
			break;
		sig = 0;
	}
	signal_recalc_locked(current);
	pthread_mutex_unlock(&g->lock);
	return sig;
}

static void again(uint64_t nr)
{
	current->regs.rax = nr;
	current->regs.rip -= SYSCALL_INSN_SIZE;
}

static void restart_under_handler(const struct ksigaction *sa)
{
	switch ((long)current->regs.rax) {
	case -ERESTARTSYS:
		if (!(sa->flags & SA_RESTART)) {
			current->regs.rax = -EINTR;
			break;
		}
		/* fall through */
	case -ERESTARTNOINTR:
		again(current->regs.orig_rax);
		break;
	case -ERESTARTNOHAND:
	case -ERESTART_RESTARTBLOCK:
		current->regs.rax = -EINTR;
		break;
	}
}

static void restart_without_handler(void)
{
	switch ((long)current->regs.rax) {
	case -ERESTARTSYS:
	case -ERESTARTNOINTR:
	case -ERESTARTNOHAND:
		again(current->regs.orig_rax);
		break;
	case -ERESTART_RESTARTBLOCK:
		again(SYS_restart_syscall);
		break;
	}
}

/* The stack cannot take the frame: SIGSEGV, and without its handler if that is what failed. */
static void frame_failed(int sig)
{
	siginfo_t info = {.si_signo = SIGSEGV, .si_code = SI_KERNEL};

	if (sig == SIGSEGV) {
		struct sighand *s = current->group->sighand;

		pthread_mutex_lock(&s->lock);
		s->action[SIGSEGV].handler = (uint64_t)SIG_DFL;
		pthread_mutex_unlock(&s->lock);
	}
	signal_force(&info);
}

static void handle(int sig, const siginfo_t *info, const struct ksigaction *sa)
{
	ksigset_t saved = current->restore_blocked ? current->saved_blocked : current->blocked;
	ksigset_t mask = current->blocked | sa->mask;

	if (sigframe_setup(sig, info, sa, saved) < 0) {
		frame_failed(sig);
		return;
	}
	current->restore_blocked = false;
	if (!(sa->flags & SA_NODEFER))
		mask |= SIGMASK(sig);
	signal_set_mask(mask);
}

void signal_deliver(long nr)
{
	struct ksigaction sa;
	siginfo_t info;
	int sig;

	while ((sig = next_handled(&info, &sa)) != 0) {
		if (nr >= 0)
			restart_under_handler(&sa);
		nr = -1;
		handle(sig, &info, &sa);
	}
	if (atomic_load(&current->dying))
		return;
	if (nr >= 0)
		restart_without_handler();
	if (current->restore_blocked) {
		current->restore_blocked = false;
		signal_set_mask(current->saved_blocked); /* what that lets in is for the next round */
	}
}
