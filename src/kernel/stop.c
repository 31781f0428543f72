/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Job control: how a thread group stops and goes on, and what its parent is told of both, and of
 * its death.
 *
 * A stop is a state of the group: stop_signal != 0. Each task finds it in signal_deliver() and parks
 * in stop_participate_locked(); the last one completes the stop and tells the parent. SIGCONT and
 * death end it for all of them.
 */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kernel/internal.h"

void stop_begin_locked(struct thread_group *g, int sig)
{
	struct task *t;

	if (g->stop_signal || g->exiting)
		return;
	g->stop_signal = sig;
	g->stopped_tasks = 0;
	g->continued = g->tell_continued = false;
	list_for_each(t, &g->tasks, group_link)
		if (!t->leaving)
			task_kick(t);
}

void stop_end_locked(struct thread_group *g, bool by_sigcont)
{
	bool complete = g->stop_signal && g->stopped_tasks == g->ntasks;

	if (!g->stop_signal)
		return;
	g->stop_signal = g->stop_code = 0;
	g->stopped_tasks = 0;
	if (by_sigcont && complete)
		g->continued = g->tell_continued = true;
	pthread_cond_broadcast(&g->stop_cond);
}

static bool complete_locked(struct thread_group *g)
{
	if (!g->stop_signal || !g->ntasks || g->stopped_tasks != g->ntasks)
		return false;
	g->stop_code = g->stop_signal;
	return true;
}

bool stop_task_left_locked(struct thread_group *g)
{
	return complete_locked(g);
}

bool stop_participate_locked(struct thread_group *g)
{
	struct task *t = current;
	int sig = g->stop_signal;

	t->stopped = true;
	g->stopped_tasks++;
	if (complete_locked(g)) {
		pthread_mutex_unlock(&g->lock);
		stop_notify_parent(g, CLD_STOPPED, sig);
		pthread_mutex_lock(&g->lock);
	}
	while (g->stop_signal && !atomic_load(&t->dying))
		pthread_cond_wait(&g->stop_cond, &g->lock);
	t->stopped = false;
	return true;
}

/* ---- telling the parent -------------------------------------------------------------------------- */

static uint64_t clock_ticks(uint64_t ns)
{
	return ns / (1000000000 / 100); /* USER_HZ */
}

static siginfo_t child_info(struct thread_group *g, int code, int status)
{
	siginfo_t info = {.si_signo = SIGCHLD, .si_code = code};
	struct cred *c = task_get_cred(g->leader);
	uint64_t utime, stime;

	group_times(g, &utime, &stime);
	info.si_pid = g->tgid;
	info.si_uid = c->ruid;
	info.si_status = status;
	info.si_utime = clock_ticks(utime);
	info.si_stime = clock_ticks(stime);
	cred_put(c);
	return info;
}

void stop_notify_parent(struct thread_group *g, int code, int status)
{
	struct thread_group *parent;

	pthread_rwlock_rdlock(&kernel.tasklist);
	parent = g->parent;
	if (parent && g->leader) {
		struct ksigaction sa = sighand_action(parent->sighand, SIGCHLD);
		siginfo_t info = child_info(g, code, status);

		if (!(sa.flags & SA_NOCLDSTOP))
			signal_send_group(parent, &info);
		waitq_wake(&parent->child_wait, POLLIN);
	}
	pthread_rwlock_unlock(&kernel.tasklist);
}

bool exit_notify_parent_locked(struct thread_group *g)
{
	struct thread_group *parent = g->parent;
	bool autoreap = false, silent = g->exit_signal == 0;
	int status = g->exit_code;
	siginfo_t info;

	if (!parent)
		return true;
	info = child_info(g, WIFEXITED(status) ? CLD_EXITED : CLD_KILLED,
			  WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status));
	if (g->exit_signal == SIGCHLD) {
		struct ksigaction sa = sighand_action(parent->sighand, SIGCHLD);

		/* wait(2): who ignores SIGCHLD gets no zombies; SA_NOCLDWAIT still gets the signal. */
		silent = sa.handler == (uint64_t)SIG_IGN;
		autoreap = silent || (sa.flags & SA_NOCLDWAIT);
	}
	if (!silent) {
		info.si_signo = g->exit_signal;
		signal_send_group(parent, &info);
	}
	waitq_wake(&parent->child_wait, POLLIN);
	return autoreap;
}
