/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Signals. */
#include <errno.h>
#include <string.h>

#include "base/usermem.h"
#include "kernel/action.h"
#include "kernel/internal.h"
#include "kernel/syscalls/syscalls.h"

static int copy_in_set(ksigset_t *set, uint64_t addr, uint64_t size)
{
	return size == sizeof(*set) ? copy_in_obj(set, addr) : -EINVAL;
}

long sys_rt_sigaction(const uint64_t a[6])
{
	struct ksigaction new, old;
	int r;

	if (a[3] != sizeof(ksigset_t))
		return -EINVAL;
	if (a[1] && copy_in_obj(&new, a[1]) < 0)
		return -EFAULT;
	r = action_set(a[0], a[1] ? &new : NULL, &old);
	if (r < 0)
		return r;
	return a[2] ? copy_out_obj(a[2], &old) : 0;
}

long sys_rt_sigprocmask(const uint64_t a[6])
{
	ksigset_t old = current->blocked, set;

	if (a[3] != sizeof(set))
		return -EINVAL;
	if (a[1]) {
		if (copy_in_obj(&set, a[1]) < 0)
			return -EFAULT;
		switch ((int)a[0]) {
		case SIG_BLOCK:
			signal_set_mask(old | set);
			break;
		case SIG_UNBLOCK:
			signal_set_mask(old & ~set);
			break;
		case SIG_SETMASK:
			signal_set_mask(set);
			break;
		default:
			return -EINVAL;
		}
	}
	return a[2] ? copy_out_obj(a[2], &old) : 0;
}

long sys_rt_sigpending(const uint64_t a[6])
{
	ksigset_t set;

	if (a[1] > sizeof(set))
		return -EINVAL;
	pthread_mutex_lock(&current->group->lock);
	set = (current->pending.set | current->group->shared_pending.set) & current->blocked;
	pthread_mutex_unlock(&current->group->lock);
	return copy_out(a[0], &set, a[1]);
}

long sys_rt_sigreturn(const uint64_t a[6])
{
	return sigframe_return();
}

long sys_sigaltstack(const uint64_t a[6])
{
	uint64_t sp = current->regs.rsp;
	stack_t new, old;
	int r = 0;

	if (a[0] && copy_in_obj(&new, a[0]) < 0)
		return -EFAULT;
	altstack_get(&old, sp);
	if (a[0])
		r = altstack_set(&new, sp, MINSIGSTKSZ_KERNEL);
	if (r < 0)
		return r;
	return a[1] ? copy_out_obj(a[1], &old) : 0;
}

/* ---- waiting ------------------------------------------------------------------------------------- */

static long sleep_for_signal(long result)
{
	struct parker nobody = {0};

	while (park(&nobody, NULL) != -EINTR)
		;
	return result;
}

long sys_pause(const uint64_t a[6])
{
	return sleep_for_signal(-ERESTARTNOHAND);
}

long sys_rt_sigsuspend(const uint64_t a[6])
{
	ksigset_t set;
	int r = copy_in_set(&set, a[0], a[1]);

	if (r < 0)
		return r;
	signal_temporary_mask(set);
	return sleep_for_signal(-ERESTARTNOHAND);
}

static int timed_wait(ksigset_t set, const struct timespec *deadline, siginfo_t *info)
{
	struct thread_group *g = current->group;
	struct parker nobody = {0};
	int sig, r = 0;

	pthread_mutex_lock(&g->lock);
	current->waited = set; /* ignored ones count while somebody waits for them */
	current->blocked &= ~set;
	pthread_mutex_unlock(&g->lock);
	do {
		sig = signal_dequeue(set, info);
		if (sig || r < 0)
			break;
		r = park(&nobody, deadline);
	} while (true);
	return sig ? sig : r == -ETIMEDOUT ? -EAGAIN : -EINTR;
}

long sys_rt_sigtimedwait(const uint64_t a[6])
{
	struct timespec ts, deadline;
	ksigset_t set, mask = current->blocked;
	siginfo_t info;
	int r = copy_in_set(&set, a[0], a[3]);

	if (r < 0)
		return r;
	set &= ~SIGMASK_KERNEL_ONLY;
	if (a[2]) {
		if (copy_in_obj(&ts, a[2]) < 0)
			return -EFAULT;
		if (ts.tv_sec < 0 || ts.tv_nsec < 0 || ts.tv_nsec >= 1000000000)
			return -EINVAL;
		deadline = deadline_in_ns(ts.tv_sec > INT64_MAX / 2000000000
					      ? INT64_MAX
					      : ts.tv_sec * 1000000000ULL + ts.tv_nsec);
	}
	r = signal_dequeue(set, &info);
	if (!r && a[2] && !ts.tv_sec && !ts.tv_nsec)
		return -EAGAIN;
	if (!r) {
		r = timed_wait(set, a[2] ? &deadline : NULL, &info);
		pthread_mutex_lock(&current->group->lock);
		current->waited = 0;
		pthread_mutex_unlock(&current->group->lock);
		signal_set_mask(mask);
	}
	if (r > 0 && a[1] && copy_out_obj(a[1], &info) < 0)
		return -EFAULT;
	return r;
}

long sys_restart_syscall(const uint64_t a[6])
{
	return syscall_restart();
}

/* ---- sending ------------------------------------------------------------------------------------- */

static siginfo_t user_info(int sig, int code)
{
	siginfo_t info = {.si_signo = sig, .si_code = code};

	info.si_pid = current->group->tgid;
	info.si_uid = current->cred->ruid;
	return info;
}

/* Everybody but init and the caller's own group (kill(2), pid -1). */
static long kill_all(const siginfo_t *info)
{
	bool found = false, allowed = false;
	struct thread_group *g;
	pid_t n = 1;

	while (true) {
		pthread_rwlock_rdlock(&kernel.tasklist);
		n = group_next_locked(n + 1);
		g = n > 0 ? group_find_locked(n) : NULL;
		if (g)
			group_get(g);
		pthread_rwlock_unlock(&kernel.tasklist);
		if (!g)
			break;
		if (g != current->group && g != kernel.init) {
			struct task *t = task_find(n);

			found = true;
			if (t && signal_may_send(t, info->si_signo)) {
				signal_send_group(g, info);
				allowed = true;
			}
			task_put(t);
		}
		group_put(g);
	}
	return !found ? -ESRCH : allowed ? 0 : -EPERM;
}

/* Sends if permitted. The caller holds a reference on g's leader. */
static int kill_group(struct thread_group *g, struct task *leader, const siginfo_t *info)
{
	return signal_may_send(leader, info->si_signo) ? signal_send_group(g, info) : -EPERM;
}

/* The members as they are now, so that permissions can be asked without the tasklist. */
static long kill_pgrp(pid_t pgid, const siginfo_t *info)
{
	long r = -ESRCH;
	pid_t n = 0;

	for (;;) {
		struct task *leader = NULL;

		pthread_rwlock_rdlock(&kernel.tasklist);
		while ((n = group_next_locked(n + 1)) > 0) {
			struct thread_group *g = group_find_locked(n);

			if (g->pgrp && g->pgrp->pgid == pgid) {
				leader = task_get(g->leader);
				break;
			}
		}
		pthread_rwlock_unlock(&kernel.tasklist);
		if (!leader)
			return r;
		/* One success is success (kill(2)). */
		if (r != 0)
			r = kill_group(leader->group, leader, info);
		else
			kill_group(leader->group, leader, info);
		task_put(leader);
	}
}

static long kill_pid(pid_t pid, const siginfo_t *info)
{
	struct task *t = task_find(pid);
	long r = t ? kill_group(t->group, t, info) : -ESRCH;

	task_put(t);
	return r;
}

static bool valid_signal(int sig)
{
	return sig >= 0 && sig <= NSIG_GUEST;
}

long sys_kill(const uint64_t a[6])
{
	pid_t pid = a[0];
	int sig = a[1];
	siginfo_t info;

	if (!valid_signal(sig))
		return -EINVAL;
	info = user_info(sig, SI_USER);
	if (pid > 0)
		return kill_pid(pid, &info);
	if (pid == INT32_MIN)
		return -ESRCH;
	if (pid == -1)
		return kill_all(&info);
	if (pid == 0) {
		pthread_rwlock_rdlock(&kernel.tasklist);
		pid = -current->group->pgrp->pgid;
		pthread_rwlock_unlock(&kernel.tasklist);
	}
	return kill_pgrp(-pid, &info);
}

/* tgid 0: whatever group the task is in (tkill). */
static long kill_task(pid_t tgid, pid_t tid, const siginfo_t *info)
{
	struct task *t = task_find(tid);
	long r = -ESRCH;

	if (t && (!tgid || t->group->tgid == tgid))
		r = signal_may_send(t, info->si_signo) ? signal_send_task(t, info) : -EPERM;
	task_put(t);
	return r;
}

long sys_tkill(const uint64_t a[6])
{
	siginfo_t info;

	if ((int)a[0] <= 0 || !valid_signal(a[1]))
		return -EINVAL;
	info = user_info(a[1], SI_TKILL);
	return kill_task(0, a[0], &info);
}

long sys_tgkill(const uint64_t a[6])
{
	siginfo_t info;

	if ((int)a[0] <= 0 || (int)a[1] <= 0 || !valid_signal(a[2]))
		return -EINVAL;
	info = user_info(a[2], SI_TKILL);
	return kill_task(a[0], a[1], &info);
}

/* Nobody may claim to be the kernel, or kill(), towards others (rt_sigqueueinfo(2)). */
static int copy_in_info(siginfo_t *info, uint64_t addr, int sig, bool to_self)
{
	if (!valid_signal(sig))
		return -EINVAL;
	if (copy_in_obj(info, addr) < 0)
		return -EFAULT;
	if ((info->si_code >= 0 || info->si_code == SI_TKILL) && !to_self)
		return -EPERM;
	info->si_signo = sig;
	return 0;
}

long sys_rt_sigqueueinfo(const uint64_t a[6])
{
	siginfo_t info;
	int r = copy_in_info(&info, a[2], a[1], (pid_t)a[0] == current->group->tgid);

	return r < 0 ? r : kill_pid(a[0], &info);
}

long sys_rt_tgsigqueueinfo(const uint64_t a[6])
{
	siginfo_t info;
	int r;

	if ((int)a[0] <= 0 || (int)a[1] <= 0)
		return -EINVAL;
	r = copy_in_info(&info, a[3], a[2], (pid_t)a[1] == current->tid);
	return r < 0 ? r : kill_task(a[0], a[1], &info);
}

long sys_pidfd_send_signal(const uint64_t a[6])
{
	int sig = a[1], r = -ESRCH;
	struct file *f;
	struct thread_group *g;
	struct task *leader;
	siginfo_t info;

	if ((unsigned)a[3] || !valid_signal(sig))
		return -EINVAL;
	f = fd_get(a[0]);
	if (!f)
		return -EBADF;
	g = pidfd_group(f);
	file_put(f);
	if (!g)
		return -EBADF;
	if (a[2]) {
		r = copy_in_info(&info, a[2], sig, g == current->group);
		if (r == 0 && info.si_signo != sig)
			r = -EINVAL;
	} else {
		info = user_info(sig, SI_USER);
		r = 0;
	}
	pthread_rwlock_rdlock(&kernel.tasklist);
	leader = g->leader ? task_get(g->leader) : NULL;
	pthread_rwlock_unlock(&kernel.tasklist);
	if (r == 0)
		r = leader ? kill_group(g, leader, &info) : -ESRCH;
	task_put(leader);
	group_put(g);
	return r;
}
