/* SPDX-License-Identifier: GPL-2.0-or-later */
/* wait4(2) and waitid(2). */
#include "kernel/wait.h"

#include <errno.h>
#include <string.h>
#include <sys/wait.h>

#include "kernel/internal.h"

static bool selected(const struct wait_query *q, const struct thread_group *child)
{
	if ((q->options & __WNOTHREAD) && child->parent_task != current)
		return false;
	if (!(q->options & __WALL) &&
	    (child->exit_signal != SIGCHLD) != !!(q->options & __WCLONE))
		return false;
	switch (q->type) {
	case P_PID:
		return child->tgid == q->id;
	case P_PGID:
		return child->pgrp && child->pgrp->pgid == q->id;
	case P_PIDFD:
		return child == q->group;
	default:
		return true;
	}
}

static void fill(struct wait_result *r, struct thread_group *child, int code, int status)
{
	struct cred *c = task_get_cred(child->leader);

	r->pid = child->tgid;
	r->uid = c->ruid;
	r->code = code;
	r->status = status;
	cred_put(c);
	group_times(child, &r->utime_ns, &r->stime_ns);
	r->utime_ns += child->cutime_ns;
	r->stime_ns += child->cstime_ns;
	r->minflt = child->minflt + child->cminflt;
	r->majflt = child->majflt + child->cmajflt;
	r->nvcsw = child->nvcsw;
	r->nivcsw = child->nivcsw;
}

static void reap(struct thread_group *child, const struct wait_result *r)
{
	struct thread_group *g = current->group;

	pthread_mutex_lock(&g->lock);
	g->cutime_ns += r->utime_ns;
	g->cstime_ns += r->stime_ns;
	g->cminflt += r->minflt;
	g->cmajflt += r->majflt;
	pthread_mutex_unlock(&g->lock);
	group_release_locked(child);
}

static bool take_zombie(const struct wait_query *q, struct thread_group *child,
			struct wait_result *r)
{
	int status = child->exit_code;

	if (!child->zombie || !(q->options & WEXITED))
		return false;
	if (WIFEXITED(status))
		fill(r, child, CLD_EXITED, WEXITSTATUS(status));
	else
		fill(r, child, CLD_KILLED, WTERMSIG(status));
	r->wait_status = status;
	if (!(q->options & WNOWAIT))
		reap(child, r);
	return true;
}

/* A stop or a continuation that nobody has been told of yet. */
static bool take_job_change(const struct wait_query *q, struct thread_group *child,
			    struct wait_result *r)
{
	int code = 0, status = 0;

	pthread_mutex_lock(&child->lock);
	if ((q->options & WUNTRACED) && child->stop_code) {
		code = CLD_STOPPED;
		status = child->stop_code;
		if (!(q->options & WNOWAIT))
			child->stop_code = 0;
	} else if ((q->options & WCONTINUED) && child->continued) {
		code = CLD_CONTINUED;
		status = SIGCONT;
		if (!(q->options & WNOWAIT))
			child->continued = false;
	}
	pthread_mutex_unlock(&child->lock);
	if (!code)
		return false;
	fill(r, child, code, status);
	r->wait_status = code == CLD_STOPPED ? W_STOPCODE(status) : __W_CONTINUED;
	return true;
}

/* 1: *r is filled; 0: there are children, but none has news; -ECHILD. */
static int look(const struct wait_query *q, struct wait_result *r)
{
	struct thread_group *child;
	int found = -ECHILD;

	pthread_rwlock_wrlock(&kernel.tasklist);
	list_for_each(child, &current->group->children, sibling) {
		if (!selected(q, child))
			continue;
		found = 0;
		if (take_zombie(q, child, r) || (!child->zombie && take_job_change(q, child, r))) {
			found = 1;
			break;
		}
	}
	pthread_rwlock_unlock(&kernel.tasklist);
	return found;
}

int task_wait(const struct wait_query *q, struct wait_result *r)
{
	int found = 0, err;

	memset(r, 0, sizeof(*r));
	if (q->options & WNOHANG)
		return look(q, r);
	err = waitq_wait_event(&current->group->child_wait, NULL, (found = look(q, r)) != 0);
	return err < 0 ? -ERESTARTSYS : found;
}
