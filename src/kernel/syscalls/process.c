/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Processes: making, starting, waiting for and naming them. */
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/kcmp.h>
#include <linux/limits.h>
#include <linux/sched.h>
#include <string.h>
#include <sys/wait.h>

#include "base/usermem.h"
#include "kernel/internal.h"
#include "kernel/syscalls/syscalls.h"
#include "kernel/wait.h"

#define CLONE_SIGNAL_MASK 0xffUL

/* ---- clone --------------------------------------------------------------------------------------- */

long sys_clone(const uint64_t a[6])
{
	uint64_t flags = (uint32_t)a[0];
	struct clone_args_k c = {
	    .flags = flags & ~CLONE_SIGNAL_MASK,
	    .exit_signal = flags & CLONE_SIGNAL_MASK,
	    .stack = a[1],
	    .parent_tid = a[2],
	    .child_tid = a[3],
	    .tls = a[4],
	    .pidfd = a[2],
	};

	if ((flags & CLONE_PIDFD) && (flags & (CLONE_PARENT_SETTID | CLONE_DETACHED)))
		return -EINVAL;
	return task_clone(&c);
}

long sys_fork(const uint64_t a[6])
{
	return task_clone(&(struct clone_args_k){.exit_signal = SIGCHLD});
}

long sys_vfork(const uint64_t a[6])
{
	return task_clone(
	    &(struct clone_args_k){.flags = CLONE_VFORK | CLONE_VM, .exit_signal = SIGCHLD});
}

/* Structures that may grow: what is beyond the size we know must be zero (copy_struct_from_user). */
static int copy_in_growing(void *dst, size_t known, uint64_t src, size_t size)
{
	char rest[256];

	memset(dst, 0, known);
	if (size <= known)
		return copy_in(dst, src, size);
	for (size_t done = known; done < size;) {
		size_t n = size - done < sizeof(rest) ? size - done : sizeof(rest);
		int r = copy_in(rest, src + done, n);

		if (r < 0)
			return r;
		for (size_t i = 0; i < n; i++)
			if (rest[i])
				return -E2BIG;
		done += n;
	}
	return copy_in(dst, src, known);
}

static int check_clone3(const struct clone_args *u)
{
	const uint64_t known = 0x3ffffffffULL | CLONE_NEWTIME; /* CLONE_INTO_CGROUP is the highest */

	if (u->flags & ~known)
		return -EINVAL;
	if (u->flags & (CLONE_DETACHED | (CLONE_SIGNAL_MASK & ~CLONE_NEWTIME)))
		return -EINVAL;
	if (u->flags & CLONE_INTO_CGROUP)
		return -EPERM; /* no cgroups of the guest's own */
	if (u->exit_signal & ~CLONE_SIGNAL_MASK)
		return -EINVAL;
	if ((u->flags & (CLONE_THREAD | CLONE_PARENT)) && u->exit_signal)
		return -EINVAL;
	if (!u->stack != !u->stack_size)
		return -EINVAL;
	if (!u->set_tid != !u->set_tid_size)
		return -EINVAL;
	if (u->set_tid)
		return -EPERM; /* CAP_CHECKPOINT_RESTORE over the pid namespace: not given */
	return 0;
}

long sys_clone3(const uint64_t a[6])
{
	struct clone_args u;
	struct clone_args_k c = {0};
	int r;

	if (a[1] < CLONE_ARGS_SIZE_VER0)
		return -EINVAL;
	if (a[1] > PAGE_SIZE)
		return -E2BIG;
	r = copy_in_growing(&u, sizeof(u), a[0], a[1]);
	if (r == 0)
		r = check_clone3(&u);
	if (r < 0)
		return r;
	c.flags = u.flags;
	c.exit_signal = u.exit_signal;
	c.stack = u.stack + u.stack_size;
	c.tls = u.tls;
	c.parent_tid = u.parent_tid;
	c.child_tid = u.child_tid;
	c.pidfd = u.pidfd;
	return task_clone(&c);
}

/* ---- execve -------------------------------------------------------------------------------------- */

static long execve_path(struct file *at, int fd, uint64_t path, uint64_t argv, uint64_t env,
			unsigned flags)
{
	char name[PATH_MAX];
	ssize_t n = copy_in_str(name, path, sizeof(name));

	if (n < 0)
		return n;
	if (n == 0 && !(flags & AT_EMPTY_PATH))
		return -ENOENT;
	return task_execve(at, fd, name, argv, env, flags);
}

long sys_execve(const uint64_t a[6])
{
	return execve_path(NULL, AT_FDCWD, a[0], a[1], a[2], 0);
}

long sys_execveat(const uint64_t a[6])
{
	int fd = a[0];
	unsigned flags = a[4];
	struct file *at = NULL;
	long r;

	if (flags & ~(AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW))
		return -EINVAL;
	if (fd != AT_FDCWD && !(at = fd_get(fd))) {
		char first;

		/* An absolute path needs no directory. */
		if (copy_in(&first, a[1], 1) < 0)
			return -EFAULT;
		if (first != '/')
			return -EBADF;
	}
	r = execve_path(at, fd, a[1], a[2], a[3], flags);
	if (at)
		file_put(at);
	return r;
}

/* ---- the end ------------------------------------------------------------------------------------- */

long sys_exit(const uint64_t a[6])
{
	task_exit((a[0] & 0xff) << 8);
	return 0;
}

long sys_exit_group(const uint64_t a[6])
{
	group_exit(current->group, (a[0] & 0xff) << 8);
	return 0;
}

static void fill_rusage(struct rusage *u, const struct wait_result *w)
{
	memset(u, 0, sizeof(*u));
	u->ru_utime.tv_sec = w->utime_ns / 1000000000;
	u->ru_utime.tv_usec = w->utime_ns / 1000 % 1000000;
	u->ru_stime.tv_sec = w->stime_ns / 1000000000;
	u->ru_stime.tv_usec = w->stime_ns / 1000 % 1000000;
	u->ru_minflt = w->minflt;
	u->ru_majflt = w->majflt;
	u->ru_nvcsw = w->nvcsw;
	u->ru_nivcsw = w->nivcsw;
}

static int put_rusage(uint64_t addr, const struct wait_result *w)
{
	struct rusage u;

	if (!addr)
		return 0;
	fill_rusage(&u, w);
	return copy_out_obj(addr, &u);
}

static pid_t own_pgid(void)
{
	pid_t pgid;

	pthread_rwlock_rdlock(&kernel.tasklist);
	pgid = current->group->pgrp->pgid;
	pthread_rwlock_unlock(&kernel.tasklist);
	return pgid;
}

long sys_wait4(const uint64_t a[6])
{
	int pid = a[0], options = a[2];
	struct wait_query q = {.type = P_PID, .id = pid, .options = options | WEXITED};
	struct wait_result w;
	int r;

	if (options & ~(WNOHANG | WUNTRACED | WCONTINUED | __WNOTHREAD | __WCLONE | __WALL))
		return -EINVAL;
	if (pid == INT32_MIN)
		return -ESRCH;
	if (pid == -1)
		q.type = P_ALL;
	else if (pid < 0)
		q.type = P_PGID, q.id = -pid;
	else if (pid == 0)
		q.type = P_PGID, q.id = own_pgid();
	r = task_wait(&q, &w);
	if (r <= 0)
		return r;
	if (a[1] && copy_out(a[1], &w.wait_status, sizeof(int)) < 0)
		return -EFAULT;
	return put_rusage(a[3], &w) < 0 ? -EFAULT : w.pid;
}

static int waitid_query(struct wait_query *q)
{
	struct file *f;

	switch (q->type) {
	case P_ALL:
		return 0;
	case P_PID:
		return q->id <= 0 ? -EINVAL : 0;
	case P_PGID:
		if (q->id < 0)
			return -EINVAL;
		if (q->id == 0)
			q->id = own_pgid();
		return 0;
	case P_PIDFD:
		f = q->id < 0 ? NULL : fd_get(q->id);
		if (!f)
			return q->id < 0 ? -EINVAL : -EBADF;
		q->group = pidfd_group(f);
		file_put(f);
		return q->group ? 0 : -EBADF;
	default:
		return -EINVAL;
	}
}

long sys_waitid(const uint64_t a[6])
{
	struct wait_query q = {.type = (int)a[0], .id = (int)a[1], .options = (int)a[3]};
	siginfo_t info;
	struct wait_result w;
	int r;

	if (q.options & ~(WNOHANG | WNOWAIT | WEXITED | WSTOPPED | WCONTINUED | __WNOTHREAD |
			  __WCLONE | __WALL))
		return -EINVAL;
	if (!(q.options & (WEXITED | WSTOPPED | WCONTINUED)))
		return -EINVAL;
	r = waitid_query(&q);
	if (r < 0)
		return r;
	r = task_wait(&q, &w);
	if (q.group)
		group_put(q.group);
	if (r < 0)
		return r;
	memset(&info, 0, sizeof(info));
	if (r > 0) {
		info.si_signo = SIGCHLD;
		info.si_code = w.code;
		info.si_pid = w.pid;
		info.si_uid = w.uid;
		info.si_status = w.status;
		if (put_rusage(a[4], &w) < 0)
			return -EFAULT;
	}
	/* Linux writes the fields it means, and nothing behind them. */
	if (a[2] && copy_out(a[2], &info, 28) < 0)
		return -EFAULT;
	return 0;
}

/* ---- names --------------------------------------------------------------------------------------- */

long sys_getpid(const uint64_t a[6])
{
	return current->group->tgid;
}

long sys_gettid(const uint64_t a[6])
{
	return current->tid;
}

long sys_getppid(const uint64_t a[6])
{
	pid_t ppid;

	pthread_rwlock_rdlock(&kernel.tasklist);
	ppid = group_ppid_locked(current->group);
	pthread_rwlock_unlock(&kernel.tasklist);
	return ppid;
}

long sys_set_tid_address(const uint64_t a[6])
{
	current->clear_child_tid = a[0];
	return current->tid;
}

long sys_getpgrp(const uint64_t a[6])
{
	return own_pgid();
}

static long get_family_id(pid_t pid, bool session)
{
	struct thread_group *g;
	struct task *t;
	long r = -ESRCH;

	pthread_rwlock_rdlock(&kernel.tasklist);
	t = pid ? task_find_locked(pid) : current;
	g = t ? t->group : NULL;
	if (g && g->pgrp)
		r = session ? g->pgrp->session->sid : g->pgrp->pgid;
	pthread_rwlock_unlock(&kernel.tasklist);
	return r;
}

long sys_getpgid(const uint64_t a[6])
{
	return get_family_id(a[0], false);
}

long sys_getsid(const uint64_t a[6])
{
	return get_family_id(a[0], true);
}

/* setpgid(2): on oneself or a child that has not executed yet, within the session. */
static int setpgid_locked(pid_t pid, pid_t pgid)
{
	struct thread_group *me = current->group, *g = pid ? group_find_locked(pid) : me;
	struct pgrp *p;

	if (!g)
		return -ESRCH;
	if (g != me) {
		if (g->parent != me)
			return -ESRCH;
		if (g->pgrp->session != me->pgrp->session)
			return -EPERM;
		if (g->did_exec)
			return -EACCES;
	}
	if (g->pgrp->session->sid == g->tgid)
		return -EPERM;
	if (!pgid)
		pgid = g->tgid;
	p = pgrp_find_locked(pgid);
	if (pgid != g->tgid && (!p || p->session != me->pgrp->session))
		return -EPERM;
	if (p && p->session != g->pgrp->session)
		return -EPERM;
	return pgrp_join_locked(g, g->pgrp->session, pgid);
}

long sys_setpgid(const uint64_t a[6])
{
	pid_t pid = a[0], pgid = a[1];
	int r;

	if (pgid < 0)
		return -EINVAL;
	pthread_rwlock_wrlock(&kernel.tasklist);
	r = setpgid_locked(pid, pgid);
	pthread_rwlock_unlock(&kernel.tasklist);
	return r;
}

long sys_setsid(const uint64_t a[6])
{
	struct thread_group *g = current->group;
	long r = -EPERM;

	pthread_rwlock_wrlock(&kernel.tasklist);
	if (!pgrp_find_locked(g->tgid)) {
		r = session_new_locked(g);
		if (r == 0)
			r = g->tgid;
	}
	pthread_rwlock_unlock(&kernel.tasklist);
	return r;
}

/* ---- pidfds -------------------------------------------------------------------------------------- */

#ifndef PIDFD_NONBLOCK
#define PIDFD_NONBLOCK O_NONBLOCK
#endif

long sys_pidfd_open(const uint64_t a[6])
{
	pid_t pid = a[0];
	unsigned flags = a[1];
	struct thread_group *g;
	struct file *f;
	int r;

	if ((flags & ~PIDFD_NONBLOCK) || pid <= 0)
		return -EINVAL;
	g = group_find(pid);
	if (!g) {
		struct task *t = task_find(pid);

		task_put(t);
		return t ? -EINVAL : -ESRCH; /* threads that lead no group: not in this Linux */
	}
	r = pidfd_new(g, flags & PIDFD_NONBLOCK, &f);
	group_put(g);
	return r < 0 ? r : fd_install(f, true);
}

long sys_pidfd_getfd(const uint64_t a[6])
{
	struct file *f = fd_get(a[0]), *got = NULL;
	struct thread_group *g;
	struct fdtable *files = NULL;
	long r = -ESRCH;

	if (!f)
		return -EBADF;
	g = pidfd_group(f);
	file_put(f);
	if (!g)
		return -EBADF;
	if ((unsigned)a[2]) {
		group_put(g);
		return -EINVAL;
	}
	pthread_rwlock_rdlock(&kernel.tasklist);
	if (g->leader && (g == current->group || signal_may_send(g->leader, SIGKILL)))
		files = task_get_files(g->leader);
	else if (g->leader)
		r = -EPERM;
	pthread_rwlock_unlock(&kernel.tasklist);
	group_put(g);
	if (!files)
		return r;
	got = fdtable_lookup(files, a[1]);
	fdtable_put(files);
	return got ? fd_install(got, true) : -EBADF;
}

/* ---- comparing, parting -------------------------------------------------------------------------- */

static long compare(uintptr_t x, uintptr_t y)
{
	return x == y ? 0 : x < y ? 1 : 2;
}

static long kcmp_files(struct task *t1, struct task *t2, int fd1, int fd2)
{
	struct fdtable *x = task_get_files(t1), *y = task_get_files(t2);
	struct file *f1 = x ? fdtable_lookup(x, fd1) : NULL, *f2 = y ? fdtable_lookup(y, fd2) : NULL;
	long r = f1 && f2 ? compare((uintptr_t)f1, (uintptr_t)f2) : -EBADF;

	if (f1)
		file_put(f1);
	if (f2)
		file_put(f2);
	if (x)
		fdtable_put(x);
	if (y)
		fdtable_put(y);
	return r;
}

static long kcmp_tasks(struct task *x, struct task *y, int type, const uint64_t a[6])
{
	if (!signal_may_send(x, SIGKILL) || !signal_may_send(y, SIGKILL))
		return -EPERM;
	switch (type) {
	case KCMP_FILE:
		return kcmp_files(x, y, a[3], a[4]);
	case KCMP_VM:
		return compare((uintptr_t)x->mm, (uintptr_t)y->mm);
	case KCMP_FILES:
		return compare((uintptr_t)x->files, (uintptr_t)y->files);
	case KCMP_FS:
		return compare((uintptr_t)x->fs, (uintptr_t)y->fs);
	case KCMP_SIGHAND:
		return compare((uintptr_t)x->group->sighand, (uintptr_t)y->group->sighand);
	case KCMP_IO:
	case KCMP_SYSVSEM:
		return compare(0, 0);
	default:
		return -EINVAL;
	}
}

long sys_kcmp(const uint64_t a[6])
{
	struct task *x = task_find(a[0]), *y = task_find(a[1]);
	long r = x && y ? kcmp_tasks(x, y, a[2], a) : -ESRCH;

	task_put(x);
	task_put(y);
	return r;
}

long sys_unshare(const uint64_t a[6])
{
	uint64_t flags = (unsigned)a[0];
	const uint64_t shared = CLONE_FS | CLONE_FILES | CLONE_SYSVSEM;

	/* Alone in its group and address space, a task shares nothing that could be parted. */
	if (flags & (CLONE_THREAD | CLONE_SIGHAND | CLONE_VM)) {
		if (flags & ~(shared | CLONE_THREAD | CLONE_SIGHAND | CLONE_VM))
			return -EPERM;
		if (current->group->ntasks > 1)
			return -EINVAL;
	} else if (flags & ~shared) {
		return -EPERM;
	}
	if ((flags & CLONE_FILES) && fdtable_shared(current->files)) {
		struct fdtable *own = fdtable_copy(current->files);

		if (!own)
			return -ENOMEM;
		task_set_files(own);
	}
	if (flags & CLONE_FS) {
		struct fs *own = fs_copy(current->fs), *old = current->fs;
		int r = own ? fs_attach(own, true) : -ENOMEM;

		if (r < 0)
			return r;
		pthread_mutex_lock(&current->lock);
		current->fs = own;
		pthread_mutex_unlock(&current->lock);
		fs_put(old);
	}
	return 0;
}

/* Namespaces and mounts are the container's, not the guest's: as Docker's default profile says. */
long sys_setns(const uint64_t a[6])
{
	return -EPERM;
}

long sys_mount(const uint64_t a[6])
{
	return -EPERM;
}

long sys_umount2(const uint64_t a[6])
{
	return -EPERM;
}

long sys_pivot_root(const uint64_t a[6])
{
	return -EPERM;
}
