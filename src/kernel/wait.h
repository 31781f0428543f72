/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Waiting for children: what wait4(2) and waitid(2) share. */
#ifndef HUSK_KERNEL_WAIT_H
#define HUSK_KERNEL_WAIT_H

#include <stdint.h>
#include <sys/types.h>

struct thread_group;

struct wait_query {
	int type; /* P_ALL, P_PID, P_PGID, P_PIDFD */
	pid_t id;
	struct thread_group *group; /* P_PIDFD */
	int options;		    /* W* and __W*, checked by the caller; one of WEXITED … at least */
};

struct wait_result {
	pid_t pid;
	uid_t uid;
	int code, status; /* CLD_*, and si_status that goes with it */
	int wait_status;  /* as wait4 gives it */
	uint64_t utime_ns, stime_ns, minflt, majflt, nvcsw, nivcsw;
};

/*
 * Waits for a child of current's group that the query selects. 1: *r says what happened; 0: WNOHANG
 * and nothing did; -ECHILD; -ERESTARTSYS.
 */
int task_wait(const struct wait_query *q, struct wait_result *r);

#endif
