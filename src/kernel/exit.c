/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * exit(2), exit_group(2), and what a death means to the family: children find a new parent, the
 * parent hears of it, process groups are orphaned, and with init everything ends.
 */
#include <errno.h>
#include <poll.h>
#include <string.h>

#include "kernel/futex.h"
#include "kernel/internal.h"
#include "kernel/timer.h"
#include "kernel/trace.h"
#include "vfs/tty.h"

/* ---- asking for it ------------------------------------------------------------------------------- */

void task_exit(int code)
{
	current->exit_code = code;
	atomic_store(&current->dying, true);
}

void group_exit_locked(struct thread_group *g, int wait_status)
{
	struct task *t;

	if (!g->exiting) {
		g->exiting = true;
		g->exit_code = wait_status;
	}
	stop_end_locked(g, false);
	list_for_each(t, &g->tasks, group_link) {
		atomic_store(&t->dying, true);
		task_kick(t);
	}
}

void group_exit(struct thread_group *g, int wait_status)
{
	pthread_mutex_lock(&g->lock);
	group_exit_locked(g, wait_status);
	pthread_mutex_unlock(&g->lock);
}

/* ---- letting go of things ------------------------------------------------------------------------ */

static bool never_interrupted(void *arg)
{
	return false;
}

void task_mm_release(struct task *t)
{
	futex_exit_robust(t);
	if (t->clear_child_tid) {
		uint32_t zero = 0;

		if (mm_copy_out(t->mm, t->clear_child_tid, &zero, sizeof(zero)) == 0)
			futex_wake_addr(t->mm, t->clear_child_tid, 1);
		t->clear_child_tid = 0;
	}
	if (atomic_exchange(&t->vfork_waiting, false))
		unpark(&t->vfork_done);
}

static void drop_resources(struct task *t)
{
	struct fdtable *files = t->files;
	struct fs *fs = t->fs;
	struct mm *mm;

	task_mm_release(t);
	mm = task_set_mm(NULL);
	mm_put(mm);
	fdtable_use(NULL, NULL);
	pthread_mutex_lock(&t->lock);
	t->files = NULL;
	t->fs = NULL;
	pthread_mutex_unlock(&t->lock);
	fdtable_put(files);
	fs_put(fs);
}

/* ---- children ------------------------------------------------------------------------------------ */

static struct task *other_live_task(struct thread_group *g, struct task *not)
{
	struct task *t;

	list_for_each(t, &g->tasks, group_link)
		if (t != not && !t->exited)
			return t;
	return NULL;
}

/* PR_SET_CHILD_SUBREAPER's search: the nearest ancestor that asked for orphans, else init. */
static struct thread_group *find_reaper(struct thread_group *g)
{
	for (struct thread_group *p = g->parent; p; p = p->parent)
		if (p->child_subreaper && !p->zombie && other_live_task(p, NULL))
			return p;
	return kernel.init && kernel.init != g && !kernel.init->zombie ? kernel.init : NULL;
}

static void send_pdeath_signal(struct thread_group *child)
{
	siginfo_t info = {.si_code = SI_USER};
	struct task *t;

	list_for_each(t, &child->tasks, group_link) {
		if (!t->pdeath_signal || t->exited)
			continue;
		info.si_signo = t->pdeath_signal;
		info.si_pid = current->group->tgid;
		info.si_uid = current->cred->ruid;
		signal_send_group(child, &info);
	}
}

/* A process group whose last tie to the session is cut must not stay stopped for ever. */
static void hang_up_if_orphaned(struct pgrp *p, struct thread_group *ignored)
{
	struct thread_group *g;
	bool stopped = false;

	if (!p || !pgrp_orphaned_locked(p, ignored))
		return;
	list_for_each(g, &p->groups, pgrp_link)
		stopped |= g != ignored && g->stop_signal && !g->zombie;
	if (!stopped)
		return;
	list_for_each(g, &p->groups, pgrp_link) {
		signal_kernel_group(g, SIGHUP);
		signal_kernel_group(g, SIGCONT);
	}
}

/*
 * One of the two is leaving. Was it their relation that tied the child's process group to the
 * session? Only then does the group become orphaned now, rather than have been so before.
 */
static void check_orphaning(struct thread_group *child, struct thread_group *parent,
			    struct thread_group *leaving)
{
	if (parent && child->pgrp && parent->pgrp && child->pgrp != parent->pgrp &&
	    child->pgrp->session == parent->pgrp->session)
		hang_up_if_orphaned(child->pgrp, leaving);
}

static void give_child_away(struct thread_group *child, struct thread_group *reaper)
{
	struct thread_group *old = child->parent;

	list_del(&child->sibling);
	child->parent = reaper;
	child->parent_task = reaper ? other_live_task(reaper, NULL) : NULL;
	if (reaper)
		list_add_tail(&reaper->children, &child->sibling);
	child->exit_signal = SIGCHLD;
	if (child->zombie) {
		if (exit_notify_parent_locked(child))
			group_release_locked(child);
		return;
	}
	check_orphaning(child, old, NULL);
}

static void leave_children(struct task *t, bool last)
{
	struct thread_group *g = t->group, *child, *tmp;
	struct task *heir = other_live_task(g, t);

	list_for_each_safe(child, tmp, &g->children, sibling) {
		if (!last && child->parent_task != t)
			continue;
		if (child->parent_task == t || last)
			send_pdeath_signal(child);
		if (!last)
			child->parent_task = heir;
		else
			give_child_away(child, find_reaper(g));
	}
}

/* ---- the end of a group -------------------------------------------------------------------------- */

static void add_times_locked(struct task *t)
{
	struct thread_group *g = t->group;

	task_update_times(t);
	pthread_mutex_lock(&g->lock);
	g->utime_ns += t->utime_ns;
	g->stime_ns += t->stime_ns;
	g->minflt += t->minflt;
	g->majflt += t->majflt;
	g->nvcsw += t->nvcsw;
	g->nivcsw += t->nivcsw;
	t->exited = true;
	t->state = 'Z';
	pthread_mutex_unlock(&g->lock);
}

void group_release_locked(struct thread_group *g)
{
	struct task *leader = g->leader;

	g->reaped = true;
	g->leader = NULL;
	list_del(&g->sibling);
	pgrp_leave_locked(g);
	pthread_mutex_lock(&g->lock);
	list_del(&leader->group_link);
	pthread_mutex_unlock(&g->lock);
	pid_detach_locked(leader);
}

static bool others_exited_locked(struct thread_group *g, struct task *t)
{
	struct task *other;

	list_for_each(other, &g->tasks, group_link)
		if (other != t && !other->exited)
			return false;
	return true;
}

/*
 * The death of one task, as the rest of the world sees it. True: it was the group's last. Who comes
 * here last need not be who left the signals last: the group becomes a zombie, and may be gone at
 * once, only when nobody of it is still on the way here.
 */
static bool notify_world(struct task *t)
{
	struct thread_group *g = t->group;
	bool last;

	pthread_rwlock_wrlock(&kernel.tasklist);
	last = others_exited_locked(g, t);
	leave_children(t, last);
	if (last)
		check_orphaning(g, g->parent, g);
	add_times_locked(t);
	if (t != g->leader) {
		pthread_mutex_lock(&g->lock);
		list_del(&t->group_link);
		pthread_mutex_unlock(&g->lock);
		pid_detach_locked(t);
	}
	if (last) {
		g->zombie = true;
		g->autoreap = exit_notify_parent_locked(g);
		if (g->autoreap)
			group_release_locked(g);
	}
	pthread_rwlock_unlock(&kernel.tasklist);
	waitq_wake(&g->task_wait, POLLIN);
	if (last)
		waitq_wake(&g->pidfd_wait, POLLIN);
	return last;
}

/* ---- init ---------------------------------------------------------------------------------------- */

void kernel_task_gone(void)
{
	atomic_fetch_sub(&kernel.live_tasks, 1);
	waitq_wake(&kernel.last_task, POLLIN);
}

static void kill_everybody_else(void)
{
	pid_t n = 0;

	pthread_rwlock_rdlock(&kernel.tasklist);
	while ((n = group_next_locked(n + 1)) > 0) {
		struct thread_group *g = group_find_locked(n);

		if (g != current->group && !g->zombie)
			group_exit(g, SIGKILL);
	}
	pthread_rwlock_unlock(&kernel.tasklist);
}

/* pid_namespaces(7): without init nothing may live on, and init's end is the last of all. */
static void end_of_init(void)
{
	pthread_rwlock_wrlock(&kernel.tasklist);
	kernel.shutdown = true;
	pthread_rwlock_unlock(&kernel.tasklist);
	kill_everybody_else();
	waitq_wait_event(&kernel.last_task, NULL, atomic_load(&kernel.live_tasks) == 1);
}

/* ---- task exit ----------------------------------------------------------------------------------- */

/* From here on the task is no target for signals any more. True: it is the group's last. */
static bool leave_group_signals(struct task *t)
{
	struct thread_group *g = t->group;
	bool last, stop_complete;
	int sig;

	pthread_mutex_lock(&g->lock);
	t->leaving = true;
	last = --g->ntasks == 0;
	/* Nobody said exit_group(): the last one's code is the group's (synchronize_group_exit()). */
	if (last && !g->exiting) {
		g->exiting = true;
		g->exit_code = t->exit_code;
	}
	signal_retarget_locked(g, t, ~0ULL);
	sig = g->stop_signal;
	stop_complete = stop_task_left_locked(g);
	pthread_mutex_unlock(&g->lock);
	if (stop_complete)
		stop_notify_parent(g, CLD_STOPPED, sig);
	return last;
}

static void leave_terminal(struct thread_group *g)
{
	struct tty *tty = NULL;

	pthread_rwlock_rdlock(&kernel.tasklist);
	if (g->pgrp && g->pgrp->session->sid == g->tgid && g->pgrp->session->tty)
		tty = tty_get(g->pgrp->session->tty);
	pthread_rwlock_unlock(&kernel.tasklist);
	if (!tty)
		return;
	tty_disassociate(tty, true);
	tty_put(tty);
}

void task_do_exit(void)
{
	struct task *t = current;
	struct thread_group *g = t->group;
	bool last = leave_group_signals(t);
	struct context *context;

	/* Nothing interrupts a task that is on its way out. */
	host_thread_init(never_interrupted, t);
	if (kernel.trace)
		trace_exit();
	if (last) {
		timers_exit(g);
		if (g == kernel.init)
			end_of_init();
	}
	drop_resources(t);
	if (last)
		leave_terminal(g);
	task_update_times(t);
	pthread_mutex_lock(&t->lock);
	context = t->context;
	t->context = NULL;
	t->host = NULL;
	pthread_mutex_unlock(&t->lock);
	context_release(context);
	atomic_fetch_sub(&t->user->processes, 1);

	group_get(g);
	if (notify_world(t) && g->on_exit)
		g->on_exit(g->on_exit_arg, g->exit_code);
	group_put(g);
	kernel_task_gone();
}
