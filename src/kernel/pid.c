/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Numbers: task ids, and the process groups and sessions that are named after them. One table
 * indexed by number; only the pages of it that are in use cost memory. A number is free when it
 * names nothing of the three, so that a process group outlives its leader as on Linux.
 */
#include <errno.h>
#include <stdlib.h>

#include "kernel/internal.h"

static struct {
	struct task *task; /* counted */
	struct pgrp *pgrp;
	struct session *session;
} pids[PID_LIMIT]; /* guarded by kernel.tasklist */

static bool valid(pid_t n)
{
	return n > 0 && n < PID_LIMIT;
}

pid_t pid_alloc_locked(void)
{
	/* As Linux does after a wrap: low numbers are left to those who started early. */
	const pid_t reserved = 300;
	pid_t n = kernel.last_pid;

	for (int i = 0; i < PID_LIMIT; i++) {
		if (++n >= PID_LIMIT)
			n = reserved;
		if (!pids[n].task && !pids[n].pgrp && !pids[n].session) {
			kernel.last_pid = n;
			return n;
		}
	}
	return -EAGAIN;
}

void pid_attach_locked(struct task *t)
{
	pids[t->tid].task = task_get(t);
}

void pid_detach_locked(struct task *t)
{
	pids[t->tid].task = NULL;
	task_put(t);
}

struct task *task_find_locked(pid_t tid)
{
	return valid(tid) ? pids[tid].task : NULL;
}

struct thread_group *group_find_locked(pid_t tgid)
{
	struct task *t = task_find_locked(tgid);

	return t && t->group->tgid == tgid ? t->group : NULL;
}

struct pgrp *pgrp_find_locked(pid_t pgid)
{
	return valid(pgid) ? pids[pgid].pgrp : NULL;
}

struct session *session_find_locked(pid_t sid)
{
	return valid(sid) ? pids[sid].session : NULL;
}

struct task *task_find(pid_t tid)
{
	struct task *t;

	pthread_rwlock_rdlock(&kernel.tasklist);
	t = task_find_locked(tid);
	if (t)
		task_get(t);
	pthread_rwlock_unlock(&kernel.tasklist);
	return t;
}

struct thread_group *group_find(pid_t tgid)
{
	struct thread_group *g;

	pthread_rwlock_rdlock(&kernel.tasklist);
	g = group_find_locked(tgid);
	if (g)
		group_get(g);
	pthread_rwlock_unlock(&kernel.tasklist);
	return g;
}

pid_t group_next_locked(pid_t from)
{
	for (pid_t n = from > 0 ? from : 1; n < PID_LIMIT; n++)
		if (group_find_locked(n))
			return n;
	return -1;
}

/* ---- process groups and sessions ----------------------------------------------------------------- */

static void session_put_locked(struct session *s)
{
	if (atomic_fetch_sub(&s->refs, 1) != 1)
		return;
	pids[s->sid].session = NULL;
	if (s->tty)
		tty_put(s->tty);
	free(s);
}

void pgrp_leave_locked(struct thread_group *g)
{
	struct pgrp *p = g->pgrp;

	if (!p)
		return;
	list_del(&g->pgrp_link);
	g->pgrp = NULL;
	if (--p->count)
		return;
	list_del(&p->link);
	pids[p->pgid].pgrp = NULL;
	session_put_locked(p->session);
	free(p);
}

int pgrp_join_locked(struct thread_group *g, struct session *s, pid_t pgid)
{
	struct pgrp *p = pids[pgid].pgrp;

	if (!p) {
		p = calloc(1, sizeof(*p));
		if (!p)
			return -ENOMEM;
		p->pgid = pgid;
		p->session = s;
		list_init(&p->groups);
		list_add_tail(&s->pgrps, &p->link);
		atomic_fetch_add(&s->refs, 1);
		pids[pgid].pgrp = p;
	}
	if (g->pgrp == p)
		return 0;
	/* Enter the new one first: leaving may end the session that both are in. */
	p->count++;
	pgrp_leave_locked(g);
	g->pgrp = p;
	list_add_tail(&p->groups, &g->pgrp_link);
	return 0;
}

int session_new_locked(struct thread_group *g)
{
	struct session *s = calloc(1, sizeof(*s));
	int r;

	if (!s)
		return -ENOMEM;
	s->sid = g->tgid;
	atomic_init(&s->refs, 1);
	list_init(&s->pgrps);
	pids[s->sid].session = s;
	r = pgrp_join_locked(g, s, g->tgid);
	session_put_locked(s); /* from here on its process groups hold it */
	return r;
}

bool pgrp_orphaned_locked(struct pgrp *p, struct thread_group *ignored)
{
	struct thread_group *g;

	list_for_each(g, &p->groups, pgrp_link) {
		struct thread_group *parent = g->parent;

		if (g == ignored || g->zombie || !parent)
			continue;
		if (parent->pgrp && parent->pgrp != p && parent->pgrp->session == p->session)
			return false;
	}
	return true;
}
