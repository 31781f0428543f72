/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * clone(2): a copy of the calling task that shares as much as it is told to.
 *
 * The child's host thread is made by the parent's: it inherits the host credentials and, until
 * fs_attach() parts them, the host fs_struct. The child is in all tables before its thread starts,
 * because it may run guest code before we look again; signals sent early just wait in its queue.
 */
#include <errno.h>
#include <linux/capability.h>
#include <linux/sched.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/internal.h"
#include "kernel/seccomp.h"

#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME 0x80
#endif

#define CLONE_NAMESPACES                                                                           \
	(CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET | \
	 CLONE_NEWCGROUP | CLONE_NEWTIME)

static int check_flags(const struct clone_args_k *a)
{
	uint64_t f = a->flags;

	if ((f & (CLONE_NEWNS | CLONE_FS)) == (CLONE_NEWNS | CLONE_FS) ||
	    (f & (CLONE_NEWUSER | CLONE_FS)) == (CLONE_NEWUSER | CLONE_FS))
		return -EINVAL;
	if ((f & CLONE_THREAD) && !(f & CLONE_SIGHAND))
		return -EINVAL;
	if ((f & CLONE_SIGHAND) && !(f & CLONE_VM))
		return -EINVAL;
	if ((f & CLONE_CLEAR_SIGHAND) && (f & CLONE_SIGHAND))
		return -EINVAL;
	if ((f & CLONE_PARENT) && current->group == kernel.init)
		return -EINVAL;
	if ((f & CLONE_THREAD) && (f & (CLONE_NEWUSER | CLONE_NEWPID)))
		return -EINVAL;
	if ((f & CLONE_PIDFD) && (f & CLONE_THREAD))
		return -EINVAL;
	/* Containers within a husk container are not offered, as under Docker's default profile. */
	if (f & CLONE_NAMESPACES)
		return -EPERM;
	return 0;
}

static int charge_user(struct task *t)
{
	bool unlimited = capable(CAP_SYS_RESOURCE) || capable(CAP_SYS_ADMIN);

	t->user = user_get(current->cred->ruid);
	if (!t->user)
		return -ENOMEM;
	atomic_fetch_add(&t->user->processes, 1);
	if (current->cred->ruid != 0 && !unlimited &&
	    atomic_load(&t->user->processes) > group_rlimit(current->group, RLIMIT_NPROC))
		return -EAGAIN;
	return 0;
}

static void copy_plain_fields(struct task *t, const struct clone_args_k *a)
{
	struct task *p = current;

	t->regs = p->regs;
	t->regs.rax = 0;
	if (a->stack)
		t->regs.rsp = a->stack;
	if (a->flags & CLONE_SETTLS)
		t->regs.fs_base = a->tls;
	memcpy(t->comm, p->comm, sizeof(t->comm));
	t->blocked = p->blocked;
	if (!(a->flags & CLONE_VM) || (a->flags & CLONE_VFORK))
		t->altstack = p->altstack;
	if (a->flags & CLONE_CHILD_CLEARTID)
		t->clear_child_tid = a->child_tid;
	t->seccomp = seccomp_get(p->seccomp);
	t->seccomp_strict = p->seccomp_strict;
	t->nice = p->nice;
	t->policy = p->policy;
	t->rt_priority = p->rt_priority;
	t->personality = p->personality;
	t->timer_slack_ns = p->timer_slack_ns;
	t->dumpable = p->dumpable;
	t->keep_caps = p->keep_caps;
	t->thp_disable = p->thp_disable;
	context_copy_fpstate(t->context, p->context);
}

static int copy_resources(struct task *t, uint64_t flags)
{
	struct task *p = current;

	t->cred = cred_get(p->cred);
	t->files = flags & CLONE_FILES ? fdtable_get(p->files) : fdtable_copy(p->files);
	t->fs = flags & CLONE_FS ? fs_get(p->fs) : fs_copy(p->fs);
	if (!t->files || !t->fs)
		return -ENOMEM;
	if (flags & CLONE_VM) {
		t->mm = mm_get(p->mm);
		return 0;
	}
	return mm_fork(p->mm, &t->mm);
}

static int make_group(struct task *t, const struct clone_args_k *a)
{
	struct thread_group *p = current->group, *g = group_new();

	if (!g)
		return -ENOMEM;
	t->group = g;
	g->leader = t;
	g->exit_signal = a->flags & CLONE_PARENT ? p->exit_signal : a->exit_signal;
	if (a->flags & CLONE_SIGHAND) {
		g->sighand = p->sighand;
		atomic_fetch_add(&g->sighand->refs, 1);
	} else if (a->flags & CLONE_CLEAR_SIGHAND) {
		g->sighand = sighand_new();
		for (int sig = 1; g->sighand && sig <= NSIG_GUEST; sig++)
			if (sighand_action(p->sighand, sig).handler == (uint64_t)SIG_IGN)
				g->sighand->action[sig].handler = (uint64_t)SIG_IGN;
	} else {
		g->sighand = sighand_copy(p->sighand);
	}
	if (!g->sighand)
		return -ENOMEM;
	rlimit_inherit(g, p);
	g->oom_score_adj = p->oom_score_adj;
	return 0;
}

/* Enters the child of a fork into the tree. tasklist is held exclusively. */
static int enter_process_locked(struct task *t, uint64_t flags)
{
	struct thread_group *p = current->group, *g = t->group;
	int r;

	g->tgid = t->tid;
	r = pgrp_join_locked(g, p->pgrp->session, p->pgrp->pgid);
	if (r < 0)
		return r;
	g->parent = p;
	g->parent_task = current;
	if (flags & CLONE_PARENT) {
		g->parent = p->parent;
		g->parent_task = p->parent_task;
	}
	if (g->parent)
		list_add_tail(&g->parent->children, &g->sibling);
	list_add_tail(&g->tasks, &t->group_link);
	g->ntasks = 1;
	return 0;
}

static int enter_thread_locked(struct task *t)
{
	struct thread_group *g = t->group;
	int r = 0;

	pthread_mutex_lock(&g->lock);
	if (g->exiting || g->exec_task) {
		r = -ERESTARTNOINTR; /* the death that is under way comes first */
	} else {
		list_add_tail(&g->tasks, &t->group_link);
		g->ntasks++;
		if (g->stop_signal)
			atomic_store(&t->sigpending, true);
	}
	pthread_mutex_unlock(&g->lock);
	return r;
}

static int enter_tables(struct task *t, uint64_t flags)
{
	int r;

	pthread_rwlock_wrlock(&kernel.tasklist);
	r = kernel.shutdown ? -ENOMEM : pid_alloc_locked();
	if (r > 0) {
		t->tid = r;
		r = flags & CLONE_THREAD ? enter_thread_locked(t) : enter_process_locked(t, flags);
	}
	if (r == 0) {
		pid_attach_locked(t);
		atomic_fetch_add(&kernel.forks, 1);
		atomic_fetch_add(&kernel.live_tasks, 1);
	}
	pthread_rwlock_unlock(&kernel.tasklist);
	return r;
}

/* The host gave no thread: as if the child had never been. */
static void leave_tables(struct task *t, uint64_t flags)
{
	struct thread_group *g = t->group;

	pthread_rwlock_wrlock(&kernel.tasklist);
	pthread_mutex_lock(&g->lock);
	list_del(&t->group_link);
	g->ntasks--;
	pthread_mutex_unlock(&g->lock);
	if (!(flags & CLONE_THREAD)) {
		list_del(&g->sibling);
		pgrp_leave_locked(g);
	}
	pid_detach_locked(t);
	pthread_rwlock_unlock(&kernel.tasklist);
	kernel_task_gone();
}

static int begin_thread(struct task *t)
{
	task_attach_thread(t);
	return fs_attach(t->fs, false);
}

static int begin_process(struct task *t)
{
	int r;

	task_attach_thread(t);
	r = fs_attach(t->fs, true);
	if (r == 0)
		rlimit_start(t->group);
	return r;
}

static void enter_guest(struct task *t)
{
	task_loop();
}

static void enter_guest_settid(struct task *t)
{
	uint32_t tid = t->tid;

	/* Linux ignores a bad address here as well (schedule_tail()). */
	copy_out(t->restart_args[0], &tid, sizeof(tid));
	task_loop();
}

static int start_child(struct task *t, const struct clone_args_k *a)
{
	bool shares_fs = a->flags & CLONE_FS;
	void (*enter)(struct task *) = enter_guest;

	if (a->flags & CLONE_CHILD_SETTID) {
		t->restart_args[0] = a->child_tid;
		enter = enter_guest_settid;
	}
	return task_start_thread(t, shares_fs ? begin_thread : begin_process, enter);
}

static void wait_for_vfork(struct task *child)
{
	/* Only death may end this early: we would come back into a stack that the child is using. */
	atomic_store(&current->unkillable_sleep, true);
	current->state = 'D';
	while (park(&child->vfork_done, NULL) == -EINTR && !atomic_load(&current->dying))
		;
	current->state = 'R';
	atomic_store(&current->unkillable_sleep, false);
}

/* Everything that can fail before anybody sees the child. */
static int prepare_child(struct task *t, const struct clone_args_k *a)
{
	int r = charge_user(t);

	if (r < 0)
		return r;
	copy_plain_fields(t, a);
	r = copy_resources(t, a->flags);
	if (r < 0)
		return r;
	if (!(a->flags & CLONE_THREAD))
		return make_group(t, a);
	t->group = group_get(current->group);
	return 0;
}

/* The descriptor for CLONE_PIDFD goes to the guest before the child can run. */
static int give_pidfd(struct task *t, const struct clone_args_k *a)
{
	struct file *f;
	int fd = pidfd_new(t->group, 0, &f);
	uint32_t word;

	if (fd < 0)
		return fd;
	fd = fd_install(f, true);
	if (fd < 0)
		return fd;
	word = fd;
	if (copy_out(a->pidfd, &word, sizeof(word)) == 0)
		return fd;
	fdtable_close(current->files, fd);
	return -EFAULT;
}

static void discard_child(struct task *t)
{
	if (t->user)
		atomic_fetch_sub(&t->user->processes, 1);
	task_put(t);
}

long task_clone(const struct clone_args_k *a)
{
	struct task *t;
	int pidfd = -1;
	uint32_t tid;
	long r = check_flags(a);

	if (r < 0)
		return r;
	/* A signal that came before the fork must not be handled in both. */
	if (atomic_load(&current->sigpending) && !(a->flags & CLONE_THREAD))
		if (signal_pending())
			return -ERESTARTNOINTR;
	t = task_new();
	if (!t)
		return -ENOMEM;
	r = prepare_child(t, a);
	if (r == 0)
		r = enter_tables(t, a->flags);
	if (r < 0) {
		discard_child(t);
		return r;
	}
	tid = t->tid;
	if (a->flags & CLONE_PIDFD)
		r = pidfd = give_pidfd(t, a);
	if (r >= 0 && (a->flags & CLONE_PARENT_SETTID))
		copy_out(a->parent_tid, &tid, sizeof(tid));
	if (a->flags & CLONE_VFORK)
		atomic_store(&t->vfork_waiting, true);
	if (r >= 0)
		r = start_child(t, a);
	if (r < 0) {
		if (pidfd >= 0)
			fdtable_close(current->files, pidfd);
		leave_tables(t, a->flags);
		discard_child(t);
		return r;
	}
	if (a->flags & CLONE_VFORK)
		wait_for_vfork(t);
	task_put(t); /* the tables and its thread have their own references */
	return tid;
}
