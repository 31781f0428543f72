/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Clocks, sleeping and timers: time(7). The clocks cannot be set from inside a container. */
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/times.h>
#include <sys/timex.h>
#include <time.h>

#include "base/hostcall.h"
#include "base/usermem.h"
#include "kernel/syscalls/syscalls.h"
#include "kernel/task.h"
#include "kernel/timer.h"

#define NSEC 1000000000ULL
#define NS_PER_TICK 10000000ULL /* USER_HZ is 100 */
/* The longest that CPU-time sleepers sleep between two looks at the clock. */
#define SAMPLE_NS 4000000ULL

/* Seconds beyond what nanoseconds in 64 bits hold are as good as for ever. */
static uint64_t to_ns(const struct timespec *ts)
{
	if ((uint64_t)ts->tv_sec >= INT64_MAX / NSEC)
		return INT64_MAX;
	return ts->tv_sec * NSEC + ts->tv_nsec;
}

static bool valid(const struct timespec *ts)
{
	return ts->tv_sec >= 0 && ts->tv_nsec >= 0 && ts->tv_nsec < (long)NSEC;
}

/* ---- reading clocks ---------------------------------------------------------------------------- */

long sys_clock_gettime(const uint64_t a[6])
{
	struct guest_clock c;
	struct timespec ts;
	int r = clock_resolve((clockid_t)a[0], &c);

	if (r < 0)
		return r;
	ts = timespec_from_ns(clock_read(&c));
	clock_put(&c);
	return copy_out_obj(a[1], &ts);
}

long sys_clock_getres(const uint64_t a[6])
{
	struct timespec ts = {0, 1};
	struct guest_clock c;
	int r = clock_resolve((clockid_t)a[0], &c);

	if (r < 0)
		return r;
	if (c.kind == CLOCK_IS_HOST)
		r = host_call(SYS_clock_getres, c.id, &ts);
	clock_put(&c);
	if (r < 0 || !a[1])
		return r;
	return copy_out_obj(a[1], &ts);
}

long sys_gettimeofday(const uint64_t a[6])
{
	struct timezone tz = {0};
	struct timeval tv;
	uint64_t now = clock_of_host(CLOCK_REALTIME);

	tv.tv_sec = now / NSEC;
	tv.tv_usec = now % NSEC / 1000;
	if (a[0] && copy_out_obj(a[0], &tv) < 0)
		return -EFAULT;
	return a[1] ? copy_out_obj(a[1], &tz) : 0;
}

long sys_time(const uint64_t a[6])
{
	int64_t now = clock_of_host(CLOCK_REALTIME_COARSE) / NSEC;

	if (a[0] && copy_out_obj(a[0], &now) < 0)
		return -EFAULT;
	return now;
}

long sys_times(const uint64_t a[6])
{
	uint64_t user, sys;
	struct tms t;

	if (a[0]) {
		struct thread_group *g = current->group;

		group_times(g, &user, &sys);
		t.tms_utime = user / NS_PER_TICK;
		t.tms_stime = sys / NS_PER_TICK;
		pthread_mutex_lock(&g->lock);
		t.tms_cutime = g->cutime_ns / NS_PER_TICK;
		t.tms_cstime = g->cstime_ns / NS_PER_TICK;
		pthread_mutex_unlock(&g->lock);
		if (copy_out_obj(a[0], &t) < 0)
			return -EFAULT;
	}
	return clock_now_ns(CLOCK_BOOTTIME) / NS_PER_TICK;
}

/* ---- setting them: not from here --------------------------------------------------------------- */

long sys_settimeofday(const uint64_t a[6])
{
	return -EPERM;
}

long sys_clock_settime(const uint64_t a[6])
{
	struct guest_clock c;
	struct timespec ts;
	int r = clock_resolve((clockid_t)a[0], &c);

	if (r < 0)
		return r;
	clock_put(&c);
	if (c.kind != CLOCK_IS_HOST || c.id != CLOCK_REALTIME)
		return -EINVAL;
	if (copy_in_obj(&ts, a[1]) < 0)
		return -EFAULT;
	return valid(&ts) ? -EPERM : -EINVAL;
}

/* adjtimex(2) with modes 0 reads; anything else would set the host's clock. */
static long adjust(clockid_t clock, uint64_t addr)
{
	struct timex t;
	long r;

	if (copy_in_obj(&t, addr) < 0)
		return -EFAULT;
	if (t.modes != 0)
		return -EPERM;
	r = host_call(SYS_clock_adjtime, clock, &t);
	if (r >= 0 && copy_out_obj(addr, &t) < 0)
		return -EFAULT;
	return r;
}

long sys_adjtimex(const uint64_t a[6])
{
	return adjust(CLOCK_REALTIME, a[0]);
}

long sys_clock_adjtime(const uint64_t a[6])
{
	if ((clockid_t)a[0] != CLOCK_REALTIME)
		return (clockid_t)a[0] == CLOCK_MONOTONIC ? -EOPNOTSUPP : -EINVAL;
	return adjust(CLOCK_REALTIME, a[1]);
}

/* ---- sleeping ---------------------------------------------------------------------------------- */

/*
 * Sleeps until `deadline` of CLOCK_MONOTONIC; interrupted, it arranges to go on until the same
 * deadline (restart_syscall(2)), and says what is left to who asked.
 */
static long sleep_relative(long nr, const uint64_t a[6], uint64_t ns, uint64_t rem_addr)
{
	uint64_t deadline, now;
	struct timespec ts;
	long r;

	if (current->syscall_nr == SYS_restart_syscall)
		deadline = current->restart_deadline_ns;
	else if (__builtin_add_overflow(clock_now_ns(CLOCK_MONOTONIC), ns, &deadline))
		deadline = INT64_MAX;
	ts = timespec_from_ns(deadline);
	r = host_call_intr(SYS_clock_nanosleep, CLOCK_MONOTONIC, TIMER_ABSTIME, (long)&ts, 0, 0, 0);
	if (r != -EINTR)
		return r;
	if (rem_addr) {
		now = clock_now_ns(CLOCK_MONOTONIC);
		ts = timespec_from_ns(deadline > now ? deadline - now : 0);
		if (copy_out_obj(rem_addr, &ts) < 0)
			return -EFAULT;
	}
	current->restart_nr = nr;
	current->restart_deadline_ns = deadline;
	memcpy(current->restart_args, a, sizeof(current->restart_args));
	return -ERESTART_RESTARTBLOCK;
}

/* Until the CPU clock has reached `until`: looks when it could at the soonest. */
static long sleep_on_cpu_clock(struct guest_clock *c, uint64_t until)
{
	struct parker p = {0};

	for (;;) {
		uint64_t now = clock_read(c), left;
		struct timespec deadline;
		unsigned threads = c->group && c->group->ntasks ? c->group->ntasks : 1;

		if (now >= until)
			return 0;
		left = (until - now) / threads;
		deadline = deadline_in_ns(left > SAMPLE_NS ? left : SAMPLE_NS);
		if (park(&p, &deadline) == -EINTR)
			return -ERESTARTNOHAND;
	}
}

static long sleep_cpu(clockid_t id, uint64_t ns, bool absolute)
{
	struct guest_clock c;
	long r = clock_resolve(id, &c);

	if (r < 0)
		return r;
	/* A thread that sleeps uses no CPU: it would never wake up. */
	if (c.kind == CLOCK_IS_TASK && c.task == current)
		r = -EINVAL;
	else
		r = sleep_on_cpu_clock(&c, absolute ? ns : clock_read(&c) + ns);
	clock_put(&c);
	return r;
}

static long sleep_until(clockid_t clock, struct timespec *ts)
{
	long r = host_call_intr(SYS_clock_nanosleep, clock, TIMER_ABSTIME, (long)ts, 0, 0, 0);

	return r == -EINTR ? -ERESTARTNOHAND : r;
}

long sys_nanosleep(const uint64_t a[6])
{
	struct timespec ts;

	if (copy_in_obj(&ts, a[0]) < 0)
		return -EFAULT;
	if (!valid(&ts))
		return -EINVAL;
	return sleep_relative(SYS_nanosleep, a, to_ns(&ts), a[1]);
}

long sys_clock_nanosleep(const uint64_t a[6])
{
	clockid_t clock = (clockid_t)a[0];
	bool absolute = (int)a[1] & TIMER_ABSTIME;
	struct timespec ts;

	switch (clock) {
	case CLOCK_REALTIME:
	case CLOCK_MONOTONIC:
	case CLOCK_BOOTTIME:
	case CLOCK_TAI:
		break;
	case CLOCK_THREAD_CPUTIME_ID:
		return -EINVAL;
	case CLOCK_MONOTONIC_RAW:
	case CLOCK_REALTIME_COARSE:
	case CLOCK_MONOTONIC_COARSE:
		return -EOPNOTSUPP;
	default:
		if (clock >= 0 && clock != CLOCK_PROCESS_CPUTIME_ID)
			return clock == CLOCK_REALTIME_ALARM || clock == CLOCK_BOOTTIME_ALARM
				       ? -EPERM : -EINVAL;
	}
	if (copy_in_obj(&ts, a[2]) < 0)
		return -EFAULT;
	if (!valid(&ts))
		return -EINVAL;
	if (clock < 0 || clock == CLOCK_PROCESS_CPUTIME_ID)
		return sleep_cpu(clock, to_ns(&ts), absolute);
	if (absolute)
		return sleep_until(clock, &ts);
	/* A time span is the same on all of these clocks, but for what somebody sets meanwhile. */
	return sleep_relative(SYS_clock_nanosleep, a, to_ns(&ts), a[3]);
}

/* ---- interval timers --------------------------------------------------------------------------- */

static bool from_timeval(const struct timeval *tv, uint64_t *ns)
{
	struct timespec ts = {tv->tv_sec, tv->tv_usec * 1000};

	if (tv->tv_sec < 0 || tv->tv_usec < 0 || tv->tv_usec >= 1000000)
		return false;
	*ns = to_ns(&ts);
	return true;
}

static struct timeval to_timeval(uint64_t ns)
{
	return (struct timeval){ns / NSEC, ns % NSEC / 1000};
}

static long put_itimer(uint64_t addr, const struct timer_setting *s)
{
	/* An armed timer never reads as zero. */
	uint64_t value = s->value_ns && s->value_ns < 1000 ? 1000 : s->value_ns;
	struct itimerval v = {to_timeval(s->interval_ns), to_timeval(value)};

	return copy_out_obj(addr, &v);
}

long sys_getitimer(const uint64_t a[6])
{
	struct timer_setting s;
	int r = itimer_get((int)a[0], &s);

	return r < 0 ? r : put_itimer(a[1], &s);
}

long sys_setitimer(const uint64_t a[6])
{
	struct timer_setting new = {0}, old;
	struct itimerval v;
	int r;

	/* A null pointer disarms, as Linux has it. */
	if (a[1]) {
		if (copy_in_obj(&v, a[1]) < 0)
			return -EFAULT;
		if (!from_timeval(&v.it_value, &new.value_ns) ||
		    !from_timeval(&v.it_interval, &new.interval_ns))
			return -EINVAL;
	}
	r = itimer_set((int)a[0], &new, &old);
	return r < 0 || !a[2] ? r : put_itimer(a[2], &old);
}

long sys_alarm(const uint64_t a[6])
{
	struct timer_setting new = {.value_ns = (uint64_t)(unsigned)a[0] * NSEC}, old;
	uint64_t left;
	int r = itimer_set(ITIMER_REAL, &new, &old);

	if (r < 0)
		return r;
	/* Rounded to the nearest second, but never to 0 while something was left. */
	left = (old.value_ns + NSEC / 2) / NSEC;
	return left == 0 && old.value_ns ? 1 : (long)left;
}

/* ---- POSIX timers ------------------------------------------------------------------------------ */

/* struct sigevent of the x86-64 ABI. */
struct ksigevent {
	uint64_t value;
	int signo, notify;
	int tid;
	int pad[11];
};

long sys_timer_create(const uint64_t a[6])
{
	struct ksigevent ev = {.signo = SIGALRM, .notify = SIGEV_SIGNAL};
	int id;

	if (a[1] && copy_in_obj(&ev, a[1]) < 0)
		return -EFAULT;
	switch (ev.notify) {
	case SIGEV_SIGNAL:
	case SIGEV_THREAD: /* a signal too, for the kernel: glibc makes the thread */
	case SIGEV_THREAD_ID:
		if (ev.signo < 1 || ev.signo > NSIG_GUEST)
			return -EINVAL;
		break;
	case SIGEV_NONE:
		break;
	default:
		return -EINVAL;
	}
	id = timer_make((clockid_t)a[0], ev.notify, ev.signo, ev.value, ev.tid, a[1] != 0);
	if (id < 0)
		return id;
	if (copy_out_obj(a[2], &id) < 0) {
		timer_remove(id);
		return -EFAULT;
	}
	return 0;
}

static long put_itimerspec(uint64_t addr, const struct timer_setting *s)
{
	struct itimerspec v = {timespec_from_ns(s->interval_ns), timespec_from_ns(s->value_ns)};

	return copy_out_obj(addr, &v);
}

long sys_timer_settime(const uint64_t a[6])
{
	struct timer_setting new, old;
	struct itimerspec v;
	int r;

	if (!a[2])
		return -EINVAL;
	if (copy_in_obj(&v, a[2]) < 0)
		return -EFAULT;
	if (!valid(&v.it_value) || !valid(&v.it_interval))
		return -EINVAL;
	new.value_ns = to_ns(&v.it_value);
	new.interval_ns = to_ns(&v.it_interval);
	r = timer_arm((int)a[0], (int)a[1] & TIMER_ABSTIME, &new, &old);
	return r < 0 || !a[3] ? r : put_itimerspec(a[3], &old);
}

long sys_timer_gettime(const uint64_t a[6])
{
	struct timer_setting s;
	int r = timer_read((int)a[0], &s);

	return r < 0 ? r : put_itimerspec(a[1], &s);
}

long sys_timer_getoverrun(const uint64_t a[6])
{
	return timer_overrun((int)a[0]);
}

long sys_timer_delete(const uint64_t a[6])
{
	return timer_remove((int)a[0]);
}
