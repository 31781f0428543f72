/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Sending signals: queues, who ignores what, whom to wake.
 *
 * A signal is queued under the group's lock at one task or at the group. The task that is to take it
 * gets task_kick(); it finds the signal in signal_deliver(), or a sleeping call of it ends with a
 * restart code first. SIGKILL is not queued: it ends the group at once.
 */
#include "kernel/signal.h"

#include <errno.h>
#include <linux/capability.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/internal.h"

/* ---- queues -------------------------------------------------------------------------------------- */

void sigpending_init(struct sigpending *p)
{
	list_init(&p->queue);
	p->set = 0;
}

static void sigqueue_free(struct sigqueue *q)
{
	list_del(&q->link);
	if (q->user) {
		atomic_fetch_sub(&q->user->sigpending, 1);
		user_put(q->user);
	}
	free(q);
}

static void flush_set(struct sigpending *p, ksigset_t which)
{
	struct sigqueue *q, *tmp;

	if (!(p->set & which))
		return;
	list_for_each_safe(q, tmp, &p->queue, link)
		if (which & SIGMASK(q->info.si_signo))
			sigqueue_free(q);
	p->set &= ~which;
}

void sigpending_flush(struct sigpending *p)
{
	flush_set(p, ~0ULL);
}

void signal_flush_group_locked(struct thread_group *g, ksigset_t which)
{
	struct task *t;

	flush_set(&g->shared_pending, which);
	list_for_each(t, &g->tasks, group_link)
		flush_set(&t->pending, which);
}

/* Did a user choose this siginfo (then losing it must be told), or the kernel? */
static bool from_user(const siginfo_t *info)
{
	return info->si_code <= 0;
}

/*
 * Puts info into p, for t. A standard signal that is pending already is dropped. Without memory
 * or beyond RLIMIT_SIGPENDING, standard signals still set their bit, without siginfo; real-time
 * ones are -EAGAIN (kill() included only if it is not SI_USER, as Linux does).
 */
int signal_queue_locked(struct task *t, struct sigpending *p, const siginfo_t *info, bool force)
{
	int sig = info->si_signo;
	struct sigqueue *q = NULL;
	struct user_count *u;

	if (sig < SIGRTMIN_KERNEL && (p->set & SIGMASK(sig)))
		return 0;
	u = user_get(t->cred->ruid);
	if (u) {
		unsigned queued = atomic_fetch_add(&u->sigpending, 1);
		bool room = queued < t->group->rlimits[RLIMIT_SIGPENDING].rlim_cur;

		/* What the kernel itself says must not get lost (override_rlimit of signal.c). */
		if (room || force || (sig < SIGRTMIN_KERNEL && !(from_user(info) && info->si_code)))
			q = calloc(1, sizeof(*q));
		if (!q) {
			atomic_fetch_sub(&u->sigpending, 1);
			user_put(u);
		}
	}
	if (!q) {
		if (sig >= SIGRTMIN_KERNEL && info->si_code != SI_USER)
			return -EAGAIN;
	} else {
		q->info = *info;
		q->user = u;
		list_add_tail(&p->queue, &q->link);
	}
	p->set |= SIGMASK(sig);
	return 0;
}

static int next_signal(ksigset_t set)
{
	/* Faults first: their handlers must see the state that the fault left (next_signal()). */
	if (set & SIGMASK_SYNCHRONOUS)
		set &= SIGMASK_SYNCHRONOUS;
	return __builtin_ctzll(set) + 1;
}

static int take_from(struct sigpending *p, ksigset_t wanted, siginfo_t *info)
{
	struct sigqueue *q, *found = NULL;
	bool more = false;
	int sig;

	if (!(p->set & wanted))
		return 0;
	sig = next_signal(p->set & wanted);
	list_for_each(q, &p->queue, link) {
		if (q->info.si_signo != sig)
			continue;
		more = found != NULL;
		if (found)
			break;
		found = q;
	}
	if (!more)
		p->set &= ~SIGMASK(sig);
	if (found) {
		*info = found->info;
		sigqueue_free(found);
	} else {
		memset(info, 0, sizeof(*info));
		info->si_signo = sig;
		info->si_code = SI_USER;
	}
	return sig;
}

int signal_take_locked(struct task *t, ksigset_t wanted, siginfo_t *info)
{
	int sig = take_from(&t->pending, wanted, info);

	return sig ? sig : take_from(&t->group->shared_pending, wanted, info);
}

void signal_set_overrun(struct thread_group *g, struct task *t, int id, int overrun)
{
	struct sigqueue *q;

	pthread_mutex_lock(&g->lock);
	list_for_each(q, t ? &t->pending.queue : &g->shared_pending.queue, link)
		if (q->info.si_code == SI_TIMER && q->info.si_timerid == id)
			q->info.si_overrun = overrun;
	pthread_mutex_unlock(&g->lock);
}

int signal_dequeue(ksigset_t wanted, siginfo_t *info)
{
	int sig;

	pthread_mutex_lock(&current->group->lock);
	sig = signal_take_locked(current, wanted, info);
	signal_recalc_locked(current);
	pthread_mutex_unlock(&current->group->lock);
	return sig;
}

/* ---- who cares ----------------------------------------------------------------------------------- */

static bool action_ignores(struct task *t, int sig)
{
	uint64_t handler = sighand_action(t->group->sighand, sig).handler;

	if (handler == (uint64_t)SIG_IGN)
		return true;
	return handler == (uint64_t)SIG_DFL && (SIGMASK_IGNORED & SIGMASK(sig));
}

/* Init takes only what it has a handler for (SIGNAL_UNKILLABLE), unless it comes from outside. */
static bool init_ignores(struct task *t, int sig, bool force)
{
	return t->group == kernel.init && !force &&
	       sighand_action(t->group->sighand, sig).handler == (uint64_t)SIG_DFL;
}

bool signal_is_ignored(struct task *t, int sig)
{
	return action_ignores(t, sig);
}

static bool drops(struct task *t, int sig, bool force)
{
	/* Blocked ones are kept: the action may change before they are let in. */
	if (t->group == kernel.init && (SIGMASK_KERNEL_ONLY & SIGMASK(sig)))
		return !force;
	if ((t->blocked | t->waited) & SIGMASK(sig))
		return false;
	return init_ignores(t, sig, force) || action_ignores(t, sig);
}

void signal_recalc_locked(struct task *t)
{
	struct thread_group *g = t->group;
	ksigset_t set = (t->pending.set | g->shared_pending.set) & ~t->blocked;
	bool any = set || (g->stop_signal && !t->leaving) || g->exiting || g->tell_continued;

	atomic_store(&t->sigpending, any);
	/* A new mask let a signal in: the sleep that the caller is about to begin must not begin. */
	if (any && t == current)
		atomic_store(&host_self.kicked, 1);
}

bool signal_pending(void)
{
	return atomic_load(&current->sigpending) || atomic_load(&current->dying);
}

bool signal_interrupted(void *task)
{
	struct task *t = task;

	if (atomic_load(&t->dying))
		return true;
	return atomic_load(&t->sigpending) && !atomic_load(&t->unkillable_sleep);
}

static bool wants(struct task *t, int sig)
{
	return !t->leaving && !t->exited && !atomic_load(&t->dying) &&
	       !(t->blocked & SIGMASK(sig));
}

/* A signal of the group: the task it was sent to first if it can take it, else any that can. */
static struct task *choose(struct task *preferred, int sig)
{
	struct task *t;

	if (wants(preferred, sig))
		return preferred;
	list_for_each(t, &preferred->group->tasks, group_link)
		if (wants(t, sig))
			return t;
	return NULL;
}

void signal_retarget_locked(struct thread_group *g, struct task *gone, ksigset_t which)
{
	ksigset_t left = g->shared_pending.set & which;

	while (left) {
		int sig = __builtin_ctzll(left) + 1;
		struct task *t;

		left &= left - 1;
		list_for_each(t, &g->tasks, group_link) {
			if (t != gone && wants(t, sig)) {
				task_kick(t);
				break;
			}
		}
	}
}

/* ---- sending ------------------------------------------------------------------------------------- */

static int send_locked(struct task *t, const siginfo_t *info, bool group, bool force)
{
	struct thread_group *g = t->group;
	int sig = info->si_signo, r;
	struct task *target;

	if (SIGMASK_STOP & SIGMASK(sig)) {
		signal_flush_group_locked(g, SIGMASK(SIGCONT));
	} else if (sig == SIGCONT) {
		signal_flush_group_locked(g, SIGMASK_STOP);
		stop_end_locked(g, true);
	}
	if (g->exiting || drops(t, sig, force))
		return 0;
	if (sig == SIGKILL) {
		group_exit_locked(g, SIGKILL);
		return 0;
	}
	r = signal_queue_locked(t, group ? &g->shared_pending : &t->pending, info, force);
	if (r < 0)
		return r;
	target = group ? choose(t, sig) : wants(t, sig) ? t : NULL;
	if (target)
		task_kick(target);
	else if (t->waited & SIGMASK(sig))
		task_kick(t);
	waitq_wake(&g->signal_wait, POLLIN);
	return 0;
}

static int send_to_task(struct task *t, const siginfo_t *info, bool force)
{
	int r = 0;

	if (info->si_signo == 0)
		return 0;
	pthread_mutex_lock(&t->group->lock);
	if (!t->exited)
		r = send_locked(t, info, false, force);
	pthread_mutex_unlock(&t->group->lock);
	return r;
}

int signal_send_task(struct task *t, const siginfo_t *info)
{
	return send_to_task(t, info, false);
}

int signal_send_task_forced(struct task *t, const siginfo_t *info)
{
	return send_to_task(t, info, true);
}

static int send_to_group(struct thread_group *g, const siginfo_t *info, bool force)
{
	struct task *t = NULL, *pos;
	int r = 0;

	if (info->si_signo == 0)
		return 0;
	pthread_mutex_lock(&g->lock);
	/* The leader stands for the group as long as it lives; it is first in the list. */
	list_for_each(pos, &g->tasks, group_link) {
		if (!pos->exited && !pos->leaving) {
			t = pos;
			break;
		}
	}
	if (t)
		r = send_locked(t, info, true, force);
	pthread_mutex_unlock(&g->lock);
	return r;
}

int signal_send_group(struct thread_group *g, const siginfo_t *info)
{
	return send_to_group(g, info, false);
}

void signal_kernel_group(struct thread_group *g, int sig)
{
	siginfo_t info = {.si_signo = sig, .si_code = SI_KERNEL};

	signal_send_group(g, &info);
}

int signal_send_pgrp(pid_t pgid, const siginfo_t *info)
{
	struct thread_group *g;
	struct pgrp *p;
	int r = -ESRCH;

	pthread_rwlock_rdlock(&kernel.tasklist);
	p = pgrp_find_locked(pgid);
	if (p) {
		list_for_each(g, &p->groups, pgrp_link)
			r = signal_send_group(g, info);
	}
	pthread_rwlock_unlock(&kernel.tasklist);
	return r;
}

void signal_from_outside(int sig, const siginfo_t *info)
{
	siginfo_t copy = *info;
	struct thread_group *g = kernel.init;

	if (!g || sig <= 0 || sig > NSIG_GUEST)
		return;
	/* A sender that the container cannot see is pid 0 to it (pid_namespaces(7)). */
	copy.si_signo = sig;
	copy.si_pid = 0;
	send_to_group(g, &copy, SIGMASK_KERNEL_ONLY & SIGMASK(sig));
	pthread_mutex_lock(&g->lock);
	early_signal_note_locked(g, sig);
	pthread_mutex_unlock(&g->lock);
}

void signal_force(const siginfo_t *info)
{
	struct thread_group *g = current->group;
	int sig = info->si_signo;
	struct ksigaction *sa;

	pthread_mutex_lock(&g->lock);
	pthread_mutex_lock(&g->sighand->lock);
	sa = &g->sighand->action[sig];
	if ((current->blocked & SIGMASK(sig)) || sa->handler == (uint64_t)SIG_IGN) {
		sa->handler = (uint64_t)SIG_DFL;
		current->blocked &= ~SIGMASK(sig);
		current->fatal_fault = true; /* also for init, which would never die of it else */
	} else if (sa->handler == (uint64_t)SIG_DFL) {
		current->fatal_fault = true;
	}
	pthread_mutex_unlock(&g->sighand->lock);
	flush_set(&current->pending, SIGMASK(sig));
	signal_queue_locked(current, &current->pending, info, true);
	atomic_store(&current->sigpending, true);
	pthread_mutex_unlock(&g->lock);
}

bool signal_may_send(struct task *to, int sig)
{
	const struct cred *c = current->cred;
	struct cred *target;
	bool ok;

	if (to->group == current->group)
		return true;
	target = task_get_cred(to);
	ok = c->euid == target->suid || c->euid == target->ruid || c->ruid == target->suid ||
	     c->ruid == target->ruid || capable(CAP_KILL);
	cred_put(target);
	if (ok || sig != SIGCONT)
		return ok;
	pthread_rwlock_rdlock(&kernel.tasklist);
	ok = to->group->pgrp && current->group->pgrp &&
	     to->group->pgrp->session == current->group->pgrp->session;
	pthread_rwlock_unlock(&kernel.tasklist);
	return ok;
}
