/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which clock a guest's clock id names, and what time it is there. */
#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "base/hostcall.h"
#include "kernel/task.h"
#include "kernel/timer.h"
#include "mm/mm.h"

/* include/linux/posix-timers.h: ~pid << 3, a bit for 'one thread', two for which time. */
#define CPUCLOCK_PID(id) ((pid_t) ~((id) >> 3))
#define CPUCLOCK_PERTHREAD 4
#define CPUCLOCK_WHICH(id) ((id)&3)
#define CPUCLOCK_VIRT 1
#define CPUCLOCK_MAX 3

static int resolve_thread(pid_t tid, struct guest_clock *c)
{
	c->kind = CLOCK_IS_TASK;
	c->task = tid == 0 ? task_get(current) : task_find(tid);
	if (!c->task)
		return -EINVAL;
	if (c->task->group != current->group) {
		task_put(c->task);
		c->task = NULL;
		return -EINVAL;
	}
	return 0;
}

static int resolve_process(pid_t pid, struct guest_clock *c)
{
	c->kind = CLOCK_IS_GROUP;
	c->group = pid == 0 ? group_get(current->group) : group_find(pid);
	return c->group ? 0 : -EINVAL;
}

int clock_resolve(clockid_t id, struct guest_clock *c)
{
	memset(c, 0, sizeof(*c));
	c->id = id;
	if (id < 0) {
		if (CPUCLOCK_WHICH(id) == CPUCLOCK_MAX)
			return -EINVAL;
		c->user_only = CPUCLOCK_WHICH(id) == CPUCLOCK_VIRT;
		return id & CPUCLOCK_PERTHREAD ? resolve_thread(CPUCLOCK_PID(id), c)
					       : resolve_process(CPUCLOCK_PID(id), c);
	}
	switch (id) {
	case CLOCK_PROCESS_CPUTIME_ID:
		return resolve_process(0, c);
	case CLOCK_THREAD_CPUTIME_ID:
		return resolve_thread(0, c);
	case CLOCK_REALTIME:
	case CLOCK_MONOTONIC:
	case CLOCK_MONOTONIC_RAW:
	case CLOCK_REALTIME_COARSE:
	case CLOCK_MONOTONIC_COARSE:
	case CLOCK_BOOTTIME:
	case CLOCK_REALTIME_ALARM:
	case CLOCK_BOOTTIME_ALARM:
	case CLOCK_TAI:
		c->kind = CLOCK_IS_HOST;
		return 0;
	default:
		return -EINVAL;
	}
}

void clock_put(struct guest_clock *c)
{
	if (c->task)
		task_put(c->task);
	if (c->group)
		group_put(c->group);
	c->task = NULL;
	c->group = NULL;
}

uint64_t clock_of_host(clockid_t id)
{
	uint64_t ns;

	return mm_vdso_clock(id, &ns) ? ns : clock_now_ns(id);
}

uint64_t clock_read(const struct guest_clock *c)
{
	uint64_t user = 0, sys = 0;

	switch (c->kind) {
	case CLOCK_IS_GROUP:
		group_times(c->group, &user, &sys);
		break;
	case CLOCK_IS_TASK:
		task_times(c->task, &user, &sys);
		break;
	default:
		return clock_of_host(c->id);
	}
	return c->user_only ? user : user + sys;
}
