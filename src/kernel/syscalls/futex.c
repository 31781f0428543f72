/* SPDX-License-Identifier: GPL-2.0-or-later */
/* futex(2), set_robust_list(2), get_robust_list(2). */
#include "kernel/futex.h"

#include <errno.h>
#include <linux/capability.h>
#include <linux/futex.h>
#include <string.h>
#include <sys/syscall.h>

#include "base/usermem.h"
#include "kernel/syscalls/syscalls.h"
#include "kernel/task.h"

#ifndef FUTEX_LOCK_PI2
#define FUTEX_LOCK_PI2 13
#endif

/* Is the fourth argument a time-out for this operation (and not a number)? */
static bool takes_timeout(int cmd)
{
	return cmd == FUTEX_WAIT || cmd == FUTEX_WAIT_BITSET || cmd == FUTEX_LOCK_PI ||
	       cmd == FUTEX_LOCK_PI2;
}

/*
 * The time-out as an absolute CLOCK_MONOTONIC one. FUTEX_WAIT's is relative, the others' absolute:
 * FUTEX_LOCK_PI's always by CLOCK_REALTIME. A restarted call keeps the deadline it had.
 */
static int copy_deadline(uint64_t addr, int cmd, bool realtime, struct timespec *out)
{
	uint64_t now = clock_now_ns(CLOCK_MONOTONIC), ns, clock;
	struct timespec ts;

	if (current->syscall_nr == SYS_restart_syscall) {
		*out = timespec_from_ns(current->restart_deadline_ns);
		return 0;
	}
	if (copy_in_obj(&ts, addr) != 0)
		return -EFAULT;
	if (ts.tv_sec < 0 || ts.tv_nsec < 0 || ts.tv_nsec >= 1000000000)
		return -EINVAL;
	if (__builtin_mul_overflow((uint64_t)ts.tv_sec, 1000000000UL, &ns) ||
	    __builtin_add_overflow(ns, (uint64_t)ts.tv_nsec, &ns))
		ns = UINT64_MAX;
	if (cmd == FUTEX_WAIT) {
		*out = deadline_in_ns(ns);
		return 0;
	}
	if (realtime || cmd == FUTEX_LOCK_PI) {
		clock = clock_now_ns(CLOCK_REALTIME);
		ns = ns > clock ? ns - clock : 0;
		*out = deadline_in_ns(ns);
	} else {
		*out = timespec_from_ns(ns > now ? ns : now);
	}
	return 0;
}

/* What becomes of an interrupted wait: without a time-out it starts over, else with the rest. */
static long wait_result(long r, const uint64_t a[6], const struct timespec *deadline)
{
	if (r != -EINTR)
		return r;
	if (!deadline)
		return -ERESTARTSYS;
	current->restart_nr = SYS_futex;
	memmove(current->restart_args, a, sizeof(current->restart_args));
	current->restart_deadline_ns =
	    (uint64_t)deadline->tv_sec * 1000000000UL + (uint64_t)deadline->tv_nsec;
	return -ERESTART_RESTARTBLOCK;
}

long sys_futex(const uint64_t a[6])
{
	int op = (int)a[1], cmd = op & FUTEX_CMD_MASK, n2 = (int)a[3];
	bool shared = !(op & FUTEX_PRIVATE_FLAG), realtime = op & FUTEX_CLOCK_REALTIME;
	uint32_t val = a[2], val3 = a[5];
	struct timespec ts, *deadline = NULL;
	int r;

	if (realtime && cmd != FUTEX_WAIT_BITSET && cmd != FUTEX_LOCK_PI2)
		return -ENOSYS;
	if (takes_timeout(cmd) && a[3]) {
		r = copy_deadline(a[3], cmd, realtime, &ts);
		if (r)
			return r;
		deadline = &ts;
	}
	switch (cmd) {
	case FUTEX_WAIT:
		val3 = FUTEX_BITSET_MATCH_ANY;
		/* fall through */
	case FUTEX_WAIT_BITSET:
		return wait_result(futex_wait(a[0], shared, val, val3, deadline), a, deadline);
	case FUTEX_WAKE:
		return futex_wake(a[0], shared, (int)val, FUTEX_BITSET_MATCH_ANY);
	case FUTEX_WAKE_BITSET:
		return futex_wake(a[0], shared, (int)val, val3);
	case FUTEX_REQUEUE:
		return futex_requeue(a[0], shared, (int)val, n2, a[4], NULL);
	case FUTEX_CMP_REQUEUE:
		return futex_requeue(a[0], shared, (int)val, n2, a[4], &val3);
	case FUTEX_WAKE_OP:
		return futex_wake_op(a[0], shared, (int)val, n2, a[4], val3);
	case FUTEX_LOCK_PI:
	case FUTEX_LOCK_PI2:
		return futex_lock_pi(a[0], shared, false, deadline);
	case FUTEX_TRYLOCK_PI:
		return futex_lock_pi(a[0], shared, true, NULL);
	case FUTEX_UNLOCK_PI:
		return futex_unlock_pi(a[0], shared);
	default:
		return -ENOSYS;
	}
}

#define ROBUST_LIST_HEAD_SIZE 24

long sys_set_robust_list(const uint64_t a[6])
{
	if (a[1] != ROBUST_LIST_HEAD_SIZE)
		return -EINVAL;
	current->robust_list = a[0];
	current->robust_list_len = a[1];
	return 0;
}

long sys_get_robust_list(const uint64_t a[6])
{
	pid_t tid = (pid_t)a[0];
	uint64_t head, len = ROBUST_LIST_HEAD_SIZE;
	struct task *t = tid == 0 ? task_get(current) : task_find(tid);

	if (!t)
		return -ESRCH;
	/* Another process' addresses are its secret unless one may trace it. */
	if (t->group != current->group && !capable(CAP_SYS_PTRACE)) {
		task_put(t);
		return -EPERM;
	}
	head = t->robust_list;
	task_put(t);
	return copy_out_obj(a[2], &len) != 0 || copy_out_obj(a[1], &head) != 0 ? -EFAULT : 0;
}
