/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Clocks of guest processes, POSIX timers and interval timers.
 *
 * All armed timers of the sandbox are in one heap, ordered by the CLOCK_MONOTONIC time at which to
 * look at them, and one thread (made when the first is armed) sleeps until the earliest. CPU-time
 * clocks are sampled: a timer on one is looked at when it could expire at the soonest.
 */
#ifndef HUSK_KERNEL_TIMER_H
#define HUSK_KERNEL_TIMER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

struct task;
struct thread_group;

/* ---- clocks (clock.c) -------------------------------------------------------------------------- */

/* What a clock id of the guest means. */
enum clock_kind {
	CLOCK_IS_HOST, /* the host's clock of the same id */
	CLOCK_IS_GROUP, /* CPU time of a process */
	CLOCK_IS_TASK, /* CPU time of a thread of the caller's process */
};
struct guest_clock {
	enum clock_kind kind;
	clockid_t id;		    /* CLOCK_IS_HOST */
	struct thread_group *group; /* counted */
	struct task *task;	    /* counted */
	bool user_only;		    /* CPUCLOCK_VIRT: user time */
};

/* Resolves an id as clock_gettime(2) and clock_getcpuclockid(3) encode it. 0; -EINVAL. */
int clock_resolve(clockid_t id, struct guest_clock *out);
void clock_put(struct guest_clock *c);
/* A clock of the host as the guest sees it, ns: what its vDSO says, if that keeps its own time. */
uint64_t clock_of_host(clockid_t id);
/* Its time, ns. */
uint64_t clock_read(const struct guest_clock *c);

/* ---- timers ------------------------------------------------------------------------------------ */

struct timer_setting {
	uint64_t value_ns, interval_ns; /* value 0: disarmed */
};

/* ITIMER_*, and alarm(2), of current's group. old may be NULL. 0, -EINVAL, -ENOMEM, -EAGAIN. */
int itimer_set(int which, const struct timer_setting *new, struct timer_setting *old);
int itimer_get(int which, struct timer_setting *out);

/* timer_create(2): notify is SIGEV_*. The id; -EINVAL, -EAGAIN, -ENOMEM, -EOPNOTSUPP. */
int timer_make(clockid_t clock, int notify, int signo, uint64_t value, pid_t tid, bool has_value);
/* absolute: new->value_ns is a time of the timer's clock. */
int timer_arm(int id, bool absolute, const struct timer_setting *new, struct timer_setting *old);
int timer_read(int id, struct timer_setting *out);
int timer_overrun(int id);
int timer_remove(int id);

/*
 * RLIMIT_CPU: calls rlimit_cpu_reached() when g has used so many seconds, and every second from then
 * on. UINT64_MAX: never.
 */
void timers_cpu_limit(struct thread_group *g, uint64_t seconds);

/* g has no live task left: all its timers go. */
void timers_exit(struct thread_group *g);
/* execve(2): POSIX timers go, interval timers stay. */
void timers_exec(struct thread_group *g);

#endif
