/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Sessions, process groups and their terminals, for vfs/tty.c. Everything here is short and under
 * kernel.tasklist; signals are sent after it is let go, and no tty is put while it is held.
 */
#include "kernel/jobcontrol.h"

#include <errno.h>
#include <signal.h>

#include "kernel/task.h"
#include "vfs/jobcontrol.h"

/* The caller holds tasklist. Threads that are no task (the control thread) have no session. */
static struct session *current_session_locked(void)
{
	struct pgrp *p = current ? current->group->pgrp : NULL;

	return p ? p->session : NULL;
}

static pid_t current_session(void)
{
	struct session *s;
	pid_t sid;

	pthread_rwlock_rdlock(&kernel.tasklist);
	s = current_session_locked();
	sid = s ? s->sid : 0;
	pthread_rwlock_unlock(&kernel.tasklist);
	return sid;
}

static pid_t current_pgrp(void)
{
	pid_t pgid;

	if (!current)
		return 0;
	pthread_rwlock_rdlock(&kernel.tasklist);
	pgid = current->group->pgrp ? current->group->pgrp->pgid : 0;
	pthread_rwlock_unlock(&kernel.tasklist);
	return pgid;
}

static bool current_is_session_leader(void)
{
	return current && current_session() == current->group->tgid;
}

static struct tty *current_tty(void)
{
	struct session *s;
	struct tty *t;

	pthread_rwlock_rdlock(&kernel.tasklist);
	s = current_session_locked();
	t = s && s->tty ? tty_get(s->tty) : NULL;
	pthread_rwlock_unlock(&kernel.tasklist);
	return t;
}

static int set_current_tty(struct tty *tty)
{
	struct tty *old = NULL;
	struct session *s;
	int r = -EPERM;

	pthread_rwlock_wrlock(&kernel.tasklist);
	s = current_session_locked();
	if (s && s->sid == current->group->tgid && (!s->tty || !tty || s->tty == tty)) {
		old = s->tty;
		s->tty = tty ? tty_get(tty) : NULL;
		r = 0;
	}
	pthread_rwlock_unlock(&kernel.tasklist);
	tty_put(old);
	return r;
}

/* A session by its id: its leader may be gone, so any group that is in it will do. */
static struct session *session_find_locked(pid_t sid)
{
	struct thread_group *g = group_find_locked(sid);

	if (g && g->pgrp && g->pgrp->session->sid == sid)
		return g->pgrp->session;
	for (pid_t id = group_next_locked(1); id > 0; id = group_next_locked(id + 1)) {
		g = group_find_locked(id);
		if (g && g->pgrp && g->pgrp->session->sid == sid)
			return g->pgrp->session;
	}
	return NULL;
}

static void clear_session_tty(pid_t sid)
{
	struct tty *old = NULL;
	struct session *s;

	pthread_rwlock_wrlock(&kernel.tasklist);
	s = session_find_locked(sid);
	if (s) {
		old = s->tty;
		s->tty = NULL;
	}
	pthread_rwlock_unlock(&kernel.tasklist);
	tty_put(old);
}

static bool pgrp_in_session(pid_t pgrp, pid_t sid)
{
	struct pgrp *p;
	bool yes;

	pthread_rwlock_rdlock(&kernel.tasklist);
	p = pgrp_find_locked(pgrp);
	yes = p && p->session->sid == sid;
	pthread_rwlock_unlock(&kernel.tasklist);
	return yes;
}

/*
 * POSIX: orphaned is a process group of which no member has a parent in another group of the same
 * session; nobody could continue it if it stopped.
 */
static bool current_pgrp_orphaned(void)
{
	struct thread_group *g;
	bool orphaned = true;
	struct pgrp *p;

	if (!current)
		return true;
	pthread_rwlock_rdlock(&kernel.tasklist);
	p = current->group->pgrp;
	list_for_each(g, &p->groups, pgrp_link) {
		struct pgrp *up = g->parent ? g->parent->pgrp : NULL;

		if (g->zombie || !up || up == p || up->session != p->session)
			continue;
		orphaned = false;
		break;
	}
	pthread_rwlock_unlock(&kernel.tasklist);
	return orphaned;
}

static bool current_ignores(int sig)
{
	return current && ((current->blocked & SIGMASK(sig)) || signal_is_ignored(current, sig));
}

static void signal_pgrp(pid_t pgrp, int sig)
{
	siginfo_t info = {.si_signo = sig, .si_code = SI_KERNEL};

	signal_send_pgrp(pgrp, &info);
}

static void signal_session_leader(pid_t sid, int sig)
{
	struct thread_group *g = group_find(sid);

	if (!g)
		return;
	signal_kernel_group(g, sig);
	group_put(g);
}

void jobcontrol_init(void)
{
	job_control = (struct job_control_ops){
		.current_session = current_session,
		.current_pgrp = current_pgrp,
		.current_is_session_leader = current_is_session_leader,
		.current_tty = current_tty,
		.set_current_tty = set_current_tty,
		.clear_session_tty = clear_session_tty,
		.pgrp_in_session = pgrp_in_session,
		.current_pgrp_orphaned = current_pgrp_orphaned,
		.current_ignores = current_ignores,
		.signal_pgrp = signal_pgrp,
		.signal_session_leader = signal_session_leader,
	};
}
