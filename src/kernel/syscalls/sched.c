/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Scheduling. Affinity and the priority of input and output are the host thread's own, since the
 * host runs it. Policies and nice values are remembered and reported, not applied: what a container
 * may have of the host is its cgroup's business. What config.json asks for (process.scheduler) was
 * applied to the sandbox before there was a guest, and is what the first process is told.
 */
#include <errno.h>
#include <linux/capability.h>
#include <linux/ioprio.h>
#include <linux/membarrier.h>
#include <sched.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include "base/usermem.h"
#include "kernel/internal.h"
#include "kernel/syscalls/syscalls.h"

#define CPU_MASK_BYTES 1024 /* 8192 CPUs, as many as Linux can be built for */
#define RR_INTERVAL_NS 100000000

#define SCHED_FLAG_RESET_ON_FORK_KERNEL 1
#ifndef SCHED_DEADLINE
#define SCHED_DEADLINE 6
#endif

long sys_sched_yield(const uint64_t a[6])
{
	return sched_yield();
}

long sys_getcpu(const uint64_t a[6])
{
	unsigned cpu, node;
	long r = host_call(SYS_getcpu, (long)&cpu, (long)&node, 0L);

	if (r == 0 && a[0])
		r = copy_out_obj(a[0], &cpu);
	if (r == 0 && a[1])
		r = copy_out_obj(a[1], &node);
	return r;
}

/* The task that a call names, with a reference; 0 is the caller. */
static struct task *named(pid_t pid)
{
	return pid ? task_find(pid) : task_get(current);
}

static bool may_change(struct task *t)
{
	const struct cred *c = current->cred;
	struct cred *other = task_get_cred(t);
	bool ok = c->euid == other->euid || c->euid == other->ruid || capable(CAP_SYS_NICE);

	cred_put(other);
	return ok;
}

/* ---- affinity ------------------------------------------------------------------------------------ */

long sys_sched_setaffinity(const uint64_t a[6])
{
	uint8_t mask[CPU_MASK_BYTES];
	size_t n = (unsigned)a[1] < sizeof(mask) ? (unsigned)a[1] : sizeof(mask);
	struct task *t;
	long r = -ESRCH;

	if (copy_in(mask, a[2], n) < 0)
		return -EFAULT;
	t = named(a[0]);
	if (t && !may_change(t))
		r = -EPERM;
	else if (t && task_host_tid(t))
		r = host_call(SYS_sched_setaffinity, (long)task_host_tid(t), (long)n, (long)mask);
	task_put(t);
	return r;
}

long sys_sched_getaffinity(const uint64_t a[6])
{
	uint8_t mask[CPU_MASK_BYTES];
	size_t n = (unsigned)a[1] < sizeof(mask) ? (unsigned)a[1] : sizeof(mask);
	struct task *t;
	long r = -ESRCH;

	if ((unsigned)a[1] & (sizeof(long) - 1))
		return -EINVAL;
	t = named(a[0]);
	if (t && task_host_tid(t))
		r = host_call(SYS_sched_getaffinity, (long)task_host_tid(t), (long)n, (long)mask);
	task_put(t);
	if (r > 0 && copy_out(a[2], mask, r) < 0)
		return -EFAULT;
	return r;
}

/* ---- policies ------------------------------------------------------------------------------------ */

static bool realtime(int policy)
{
	return policy == SCHED_FIFO || policy == SCHED_RR;
}

static int set_policy(pid_t pid, int policy, int priority, const int *nice)
{
	int plain = policy & ~SCHED_RESET_ON_FORK, r = 0;
	struct task *t;

	if (policy >= 0 && plain != SCHED_OTHER && plain != SCHED_BATCH && plain != SCHED_IDLE &&
	    !realtime(plain))
		return -EINVAL;
	t = named(pid);
	if (!t)
		return -ESRCH;
	if (policy < 0)
		plain = policy = t->policy; /* sched_setparam keeps it */
	if (realtime(plain) ? priority < 1 || priority > 99 : priority != 0)
		r = -EINVAL;
	else if (!may_change(t) || (realtime(plain) && !capable(CAP_SYS_NICE) &&
				    (uint64_t)priority > group_rlimit(t->group, RLIMIT_RTPRIO)))
		r = -EPERM;
	if (r == 0) {
		t->policy = policy;
		t->rt_priority = priority;
		if (nice)
			t->nice = *nice;
	}
	task_put(t);
	return r;
}

long sys_sched_setscheduler(const uint64_t a[6])
{
	int priority;

	if ((int)a[1] < 0 || (int)a[0] < 0)
		return -EINVAL;
	if (copy_in_obj(&priority, a[2]) < 0)
		return -EFAULT;
	return set_policy(a[0], a[1], priority, NULL);
}

long sys_sched_setparam(const uint64_t a[6])
{
	int priority;

	if ((int)a[0] < 0)
		return -EINVAL;
	if (copy_in_obj(&priority, a[1]) < 0)
		return -EFAULT;
	return set_policy(a[0], -1, priority, NULL);
}

long sys_sched_getscheduler(const uint64_t a[6])
{
	struct task *t;
	long r;

	if ((int)a[0] < 0)
		return -EINVAL;
	t = named(a[0]);
	r = t ? t->policy : -ESRCH;
	task_put(t);
	return r;
}

long sys_sched_getparam(const uint64_t a[6])
{
	struct task *t;
	int priority;

	if ((int)a[0] < 0 || !a[1])
		return -EINVAL;
	t = named(a[0]);
	if (!t)
		return -ESRCH;
	priority = t->rt_priority;
	task_put(t);
	return copy_out_obj(a[1], &priority);
}

long sys_sched_get_priority_max(const uint64_t a[6])
{
	int policy = a[0];

	if (realtime(policy))
		return 99;
	return policy == SCHED_OTHER || policy == SCHED_BATCH || policy == SCHED_IDLE ||
		       policy == SCHED_DEADLINE
		   ? 0 : -EINVAL;
}

long sys_sched_get_priority_min(const uint64_t a[6])
{
	int policy = a[0];

	if (realtime(policy))
		return 1;
	return policy == SCHED_OTHER || policy == SCHED_BATCH || policy == SCHED_IDLE ||
		       policy == SCHED_DEADLINE
		   ? 0 : -EINVAL;
}

long sys_sched_rr_get_interval(const uint64_t a[6])
{
	struct timespec ts = {0};
	struct task *t;

	if ((int)a[0] < 0)
		return -EINVAL;
	t = named(a[0]);
	if (!t)
		return -ESRCH;
	if ((t->policy & ~SCHED_RESET_ON_FORK) == SCHED_RR)
		ts.tv_nsec = RR_INTERVAL_NS;
	task_put(t);
	return copy_out_obj(a[1], &ts);
}

/* struct sched_attr of the ABI, version 0. */
struct guest_sched_attr {
	uint32_t size, policy;
	uint64_t flags;
	int32_t nice;
	uint32_t priority;
	uint64_t runtime, deadline, period;
};

long sys_sched_setattr(const uint64_t a[6])
{
	struct guest_sched_attr s = {0};
	uint32_t size, policy;

	if ((int)a[0] < 0 || !a[1] || (unsigned)a[2])
		return -EINVAL;
	if (copy_in_obj(&size, a[1]) < 0)
		return -EFAULT;
	if (size == 0)
		size = sizeof(s);
	if (size < sizeof(s) || size > PAGE_SIZE)
		return -E2BIG;
	if (copy_in(&s, a[1], sizeof(s)) < 0)
		return -EFAULT;
	if ((int)s.policy < 0 || (s.flags & ~(uint64_t)SCHED_FLAG_RESET_ON_FORK_KERNEL))
		return -EINVAL;
	policy = s.policy | (s.flags & SCHED_FLAG_RESET_ON_FORK_KERNEL ? SCHED_RESET_ON_FORK : 0);
	return set_policy(a[0], policy, s.priority, realtime(s.policy) ? NULL : &s.nice);
}

long sys_sched_getattr(const uint64_t a[6])
{
	struct guest_sched_attr s = {.size = sizeof(s)};
	struct task *t;

	if ((int)a[0] < 0 || (unsigned)a[2] < sizeof(s) || (unsigned)a[2] > PAGE_SIZE ||
	    (unsigned)a[3])
		return -EINVAL;
	t = named(a[0]);
	if (!t)
		return -ESRCH;
	s.policy = t->policy & ~SCHED_RESET_ON_FORK;
	s.flags = t->policy & SCHED_RESET_ON_FORK ? SCHED_FLAG_RESET_ON_FORK_KERNEL : 0;
	s.nice = t->nice;
	s.priority = t->rt_priority;
	task_put(t);
	return copy_out_obj(a[1], &s);
}

/* ---- nice ---------------------------------------------------------------------------------------- */

static bool selects(struct task *t, int which, unsigned who)
{
	struct thread_group *g = t->group;
	struct cred *c;
	bool r;

	switch (which) {
	case PRIO_PROCESS:
		return t == current;
	case PRIO_PGRP:
		return g->pgrp && g->pgrp->pgid == (pid_t)who;
	default:
		c = task_get_cred(t);
		r = c->ruid == who;
		cred_put(c);
		return r;
	}
}

static int set_nice(struct task *t, int nice)
{
	if (!may_change(t))
		return -EPERM;
	/* Linux: nice values below the limit 20 - RLIMIT_NICE need the capability. */
	if (nice < t->nice && !capable(CAP_SYS_NICE) &&
	    (uint64_t)(20 - nice) > group_rlimit(t->group, RLIMIT_NICE))
		return -EACCES;
	t->nice = nice;
	return 0;
}

/* Calls set_nice() (nice non-NULL) on all that are named, and finds the highest priority. */
static long for_named(int which, unsigned who, const int *nice)
{
	long result = -ESRCH;
	struct task *t;
	pid_t n = 0;

	if (which < PRIO_PROCESS || which > PRIO_USER)
		return -EINVAL;
	if (which == PRIO_PROCESS && who != 0) {
		t = task_find(who);
		if (t)
			result = nice ? set_nice(t, *nice) : 20 - t->nice;
		task_put(t);
		return result;
	}
	if (which == PRIO_PGRP && !who)
		who = current->group->pgrp->pgid;
	if (which == PRIO_USER && !who)
		who = current->cred->ruid;
	pthread_rwlock_rdlock(&kernel.tasklist);
	while ((n = group_next_locked(n + 1)) > 0) {
		list_for_each(t, &group_find_locked(n)->tasks, group_link) {
			if (!selects(t, which, who))
				continue;
			if (nice)
				result = set_nice(t, *nice);
			else if (20 - t->nice > result)
				result = 20 - t->nice;
		}
	}
	pthread_rwlock_unlock(&kernel.tasklist);
	return result;
}

long sys_getpriority(const uint64_t a[6])
{
	return for_named(a[0], a[1], NULL);
}

long sys_setpriority(const uint64_t a[6])
{
	int nice = a[2];

	nice = nice < -20 ? -20 : nice > 19 ? 19 : nice;
	return for_named(a[0], a[1], &nice);
}

/* ---- input and output: the host thread's, as the host does it ----------------------------------- */

long sys_ioprio_get(const uint64_t a[6])
{
	struct task *t;
	long r = -ESRCH;

	if ((int)a[0] != IOPRIO_WHO_PROCESS)
		return (int)a[0] < 1 || (int)a[0] > 3 ? -EINVAL : 0;
	t = named(a[1]);
	if (t && task_host_tid(t))
		r = host_call(SYS_ioprio_get, (long)IOPRIO_WHO_PROCESS, (long)task_host_tid(t));
	task_put(t);
	return r;
}

long sys_ioprio_set(const uint64_t a[6])
{
	int class = (int)a[2] >> IOPRIO_CLASS_SHIFT;
	struct task *t;
	long r = -ESRCH;

	if ((int)a[0] < IOPRIO_WHO_PROCESS || (int)a[0] > IOPRIO_WHO_USER || class < 0 || class > 3)
		return -EINVAL;
	if (class == IOPRIO_CLASS_RT && !capable(CAP_SYS_ADMIN) && !capable(CAP_SYS_NICE))
		return -EPERM;
	if ((int)a[0] != IOPRIO_WHO_PROCESS)
		return 0;
	t = named(a[1]);
	if (t && !may_change(t))
		r = -EPERM;
	else if (t && task_host_tid(t))
		r = host_call(SYS_ioprio_set, (long)IOPRIO_WHO_PROCESS, (long)task_host_tid(t), (long)(int)a[2]);
	task_put(t);
	return r;
}

/* ---- membarrier ---------------------------------------------------------------------------------- */

/*
 * The host's private expedited barrier reaches all threads of the sandbox, which are all tasks. The
 * rseq commands are not there, as rseq is not.
 */
long sys_membarrier(const uint64_t a[6])
{
	const int offered = MEMBARRIER_CMD_GLOBAL | MEMBARRIER_CMD_PRIVATE_EXPEDITED |
			    MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED;
	int command = a[0];
	long r;

	if ((unsigned)a[1])
		return -EINVAL;
	switch (command) {
	case MEMBARRIER_CMD_QUERY:
		r = host_call(SYS_membarrier, (long)MEMBARRIER_CMD_QUERY, 0L, 0L);
		return r < 0 ? r : r & offered;
	case MEMBARRIER_CMD_GLOBAL:
	case MEMBARRIER_CMD_PRIVATE_EXPEDITED:
	case MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED:
		return host_call(SYS_membarrier, (long)command, 0L, 0L);
	default:
		return -EINVAL;
	}
}
