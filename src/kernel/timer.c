/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Timers: the heap, the thread that sleeps over it, and what expiry does.
 *
 * `lock` guards every timer and every struct posix_timers. It is taken inside nothing and nothing
 * but task_times()' own locks are taken inside it: signals are sent after it is let go, to groups
 * and tasks that are kept by a reference.
 */
#include "kernel/timer.h"

#include <errno.h>
#include <linux/time_types.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "base/hostcall.h"
#include "kernel/rlimit.h"
#include "kernel/signal.h"
#include "kernel/task.h"
#include "kernel/timer_heap.h"

#define THREAD_STACK (128 << 10)
#define TIMERS_MAX 32768
/* CPU clocks are looked at no more often than this: a tick of a 250 Hz kernel. */
#define SAMPLE_MIN_NS 4000000ULL
#define SAMPLE_MAX_NS 50000000ULL
#define EXPIRED_BATCH 32

struct ktimer {
	struct heap_item item; /* due: when to look at it (CLOCK_MONOTONIC) */
	struct thread_group *group;
	struct guest_clock clock; /* holds references for CPU clocks of others */
	clockid_t asked; /* the clock's id as timer_create() had it */
	int id;
	int notify, signo;
	uint64_t value;
	struct task *target; /* SIGEV_THREAD_ID: counted */
	bool itimer, armed;
	uint64_t expires, interval; /* in the timer's clock, ns */
	int overrun;
	bool sent; /* a signal of this arming is or was under way */
	uint64_t sampled, pace; /* CPU clocks: the last look, and how long to wait until the next */
};

/* Besides setitimer()'s three: the one that watches RLIMIT_CPU. */
#define ITIMER_CPU_LIMIT 3
#define ITIMERS 4

struct posix_timers {
	struct ktimer itimers[ITIMERS];
	struct ktimer **by_id;
	int count;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct heap heap;
static bool thread_runs;
static int wake_fd = -1;  /* eventfd: the earliest timer has changed */
static int clock_fd = -1; /* timerfd that says when CLOCK_REALTIME is set */

static uint64_t add_sat(uint64_t a, uint64_t b)
{
	uint64_t sum;

	return __builtin_add_overflow(a, b, &sum) ? UINT64_MAX : sum;
}

/* ---- the heap's view --------------------------------------------------------------------------- */

static bool is_cpu(const struct ktimer *t)
{
	return t->clock.kind != CLOCK_IS_HOST;
}

/* When t must be looked at, given what its clock says now. */
static uint64_t due_time(struct ktimer *t, uint64_t now_clock)
{
	uint64_t left = t->expires > now_clock ? t->expires - now_clock : 0;
	uint64_t now = clock_now_ns(CLOCK_MONOTONIC);
	unsigned threads;

	if (!is_cpu(t))
		return add_sat(now, left);
	/* n threads use up n seconds a second, at most. Idle ones: look less and less often. */
	threads = t->clock.kind == CLOCK_IS_GROUP && t->clock.group->ntasks
			  ? t->clock.group->ntasks : 1;
	left /= threads;
	if (left < SAMPLE_MIN_NS)
		left = SAMPLE_MIN_NS;
	if (t->sampled == now_clock) {
		t->pace = t->pace < SAMPLE_MAX_NS / 2 ? t->pace * 2 : SAMPLE_MAX_NS;
		if (left < t->pace)
			left = t->pace;
	} else {
		t->pace = SAMPLE_MIN_NS;
	}
	t->sampled = now_clock;
	return add_sat(now, left);
}

static void wake_thread(void)
{
	uint64_t one = 1;

	(void)!write(wake_fd, &one, sizeof(one));
}

static void disarm(struct ktimer *t)
{
	if (t->armed)
		heap_remove(&heap, &t->item);
	t->armed = false;
}

/* Puts t, whose expires is set, in its place. -ENOMEM. */
static int enqueue(struct ktimer *t, uint64_t now_clock)
{
	t->item.due = due_time(t, now_clock);
	if (!heap_insert(&heap, &t->item))
		return -ENOMEM;
	t->armed = true;
	if (heap_first(&heap) == &t->item)
		wake_thread();
	return 0;
}

/* ---- expiry ------------------------------------------------------------------------------------ */

/* A signal to send once the lock is let go. */
struct delivery {
	struct thread_group *group;
	struct task *target;
	siginfo_t info;
};

static void prepare(struct ktimer *t, struct delivery *d)
{
	memset(d, 0, sizeof(*d));
	d->group = group_get(t->group);
	if (t->target)
		d->target = task_get(t->target);
	d->info.si_signo = t->signo;
	if (t->itimer) {
		d->info.si_code = SI_KERNEL;
		return;
	}
	d->info.si_code = SI_TIMER;
	d->info.si_timerid = t->id;
	d->info.si_overrun = t->overrun;
	d->info.si_value.sival_ptr = (void *)(uintptr_t)t->value;
}

/* Is the signal of t's last expiry still queued? Then this one is an overrun. */
static bool still_pending(struct ktimer *t)
{
	struct thread_group *g = t->group;
	bool yes;

	if (!t->sent || t->itimer)
		return false;
	pthread_mutex_lock(&g->lock);
	yes = (t->target ? t->target->pending.set : g->shared_pending.set) & SIGMASK(t->signo);
	pthread_mutex_unlock(&g->lock);
	return yes;
}

/*
 * Looks at t, which is out of the heap: not yet time (false), or expired: moves on to the next
 * period. True: *d is to be sent.
 */
static bool expire(struct ktimer *t, struct delivery *d)
{
	uint64_t now = clock_read(&t->clock), missed = 0;
	bool send;

	t->armed = false;
	if (now < t->expires) {
		enqueue(t, now);
		return false;
	}
	if (t->interval) {
		missed = (now - t->expires) / t->interval;
		t->expires = add_sat(t->expires, (missed + 1) * t->interval);
		enqueue(t, now);
	}
	if (t->notify == SIGEV_NONE)
		return false;
	send = !still_pending(t);
	if (!send)
		missed = add_sat(missed, 1 + (uint64_t)t->overrun);
	t->overrun = missed < INT32_MAX ? missed : INT32_MAX;
	if (!send)
		signal_set_overrun(t->group, t->target, t->id, t->overrun);
	if (send) {
		prepare(t, d);
		t->sent = true;
	}
	return send;
}

static void deliver(struct delivery *d)
{
	if (d->info.si_signo == SIGXCPU && d->info.si_code == SI_KERNEL) {
		rlimit_cpu_reached(d->group);
	} else if (d->target) {
		signal_send_task(d->target, &d->info);
		task_put(d->target);
	} else {
		signal_send_group(d->group, &d->info);
	}
	group_put(d->group);
}

/* Everything that is due now. */
static void run_expired(void)
{
	struct delivery due[EXPIRED_BATCH];
	int n;

	do {
		struct heap_item *first;

		n = 0;
		pthread_mutex_lock(&lock);
		while (n < EXPIRED_BATCH && (first = heap_first(&heap)) &&
		       first->due <= clock_now_ns(CLOCK_MONOTONIC)) {
			heap_remove(&heap, first);
			n += expire(container_of(first, struct ktimer, item), &due[n]);
		}
		pthread_mutex_unlock(&lock);
		for (int i = 0; i < n; i++)
			deliver(&due[i]);
	} while (n == EXPIRED_BATCH);
}

/* CLOCK_REALTIME was set: when its timers are due has changed (timer_settime(2), absolute ones). */
static void requeue_realtime(void)
{
	struct itimerspec far = {.it_value.tv_sec = INT64_MAX / 1000000000};
	uint64_t ignored;

	(void)!read(clock_fd, &ignored, sizeof(ignored));
	timerfd_settime(clock_fd, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &far, NULL);
	pthread_mutex_lock(&lock);
	for (unsigned i = 0; i < heap.count; i++) {
		struct ktimer *t = container_of(heap.items[i], struct ktimer, item);

		if (t->clock.kind == CLOCK_IS_HOST && t->clock.id != CLOCK_MONOTONIC)
			t->item.due = 0;
	}
	heap_rebuild(&heap);
	pthread_mutex_unlock(&lock);
}

static void *timer_thread(void *arg)
{
	struct pollfd fds[2] = {{.fd = wake_fd, .events = POLLIN},
				{.fd = clock_fd, .events = POLLIN}};
	uint64_t count;

	host_thread_init(NULL, NULL);
	for (;;) {
		struct timespec ts;
		bool forever;

		pthread_mutex_lock(&lock);
		forever = !heap_first(&heap);
		if (!forever)
			ts = timespec_from_ns(heap_first(&heap)->due);
		pthread_mutex_unlock(&lock);
		host_ppoll(fds, 2, forever ? NULL : &ts);
		if (fds[0].revents)
			(void)!read(wake_fd, &count, sizeof(count));
		if (fds[1].revents)
			requeue_realtime();
		run_expired();
	}
	return NULL;
}

/* With the lock held. -EAGAIN: no descriptors or no thread to be had. */
static int start_thread(void)
{
	struct itimerspec far = {.it_value.tv_sec = INT64_MAX / 1000000000};
	pthread_attr_t attr;
	pthread_t thread;
	int r;

	if (thread_runs)
		return 0;
	if (wake_fd < 0)
		wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (clock_fd < 0)
		clock_fd = timerfd_create(CLOCK_REALTIME, TFD_CLOEXEC | TFD_NONBLOCK);
	if (wake_fd < 0 || clock_fd < 0)
		return -EAGAIN;
	timerfd_settime(clock_fd, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &far, NULL);
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, THREAD_STACK);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	r = pthread_create(&thread, &attr, timer_thread, NULL);
	pthread_attr_destroy(&attr);
	thread_runs = r == 0;
	return r ? -EAGAIN : 0;
}

/* ---- setting and asking ------------------------------------------------------------------------ */

/* current's timers; made on first use if `make`. With the lock held. */
static struct posix_timers *timers_of(struct thread_group *g, bool make)
{
	static const int signals[ITIMERS] = {SIGALRM, SIGVTALRM, SIGPROF, SIGXCPU};
	struct posix_timers *p = g->timers;

	if (p || !make)
		return p;
	p = calloc(1, sizeof(*p));
	if (!p)
		return NULL;
	for (int i = 0; i < ITIMERS; i++) {
		struct ktimer *t = &p->itimers[i];

		t->group = g;
		t->itimer = true;
		t->signo = signals[i];
		t->notify = SIGEV_SIGNAL;
		t->clock.kind = i == ITIMER_REAL ? CLOCK_IS_HOST : CLOCK_IS_GROUP;
		t->clock.id = CLOCK_MONOTONIC;
		/* Not counted: the timers do not outlive the group. */
		t->clock.group = i == ITIMER_REAL ? NULL : g;
		t->clock.user_only = i == ITIMER_VIRTUAL;
	}
	g->timers = p;
	return p;
}

/* Time left until expiry, at least 1 ns while it is armed. */
static void read_setting(struct ktimer *t, struct timer_setting *out)
{
	uint64_t now;

	out->interval_ns = t->interval;
	out->value_ns = 0;
	if (!t->armed)
		return;
	now = clock_read(&t->clock);
	/* Periodic, and the thread has not come to it yet: as if it had. */
	if (now >= t->expires && t->interval && t->notify == SIGEV_NONE)
		out->value_ns = t->interval - (now - t->expires) % t->interval;
	else
		out->value_ns = t->expires > now ? t->expires - now : 1;
}

static int set_timer(struct ktimer *t, bool absolute, const struct timer_setting *new,
		     struct timer_setting *old)
{
	uint64_t now;
	int r;

	if (old)
		read_setting(t, old);
	r = new->value_ns ? start_thread() : 0;
	if (r < 0)
		return r;
	disarm(t);
	t->interval = new->interval_ns;
	t->overrun = 0;
	t->sent = false;
	if (!new->value_ns)
		return 0;
	/* A time span does not change when somebody sets the clock. */
	if (!is_cpu(t))
		t->clock.id = absolute ? t->asked : CLOCK_MONOTONIC;
	now = clock_read(&t->clock);
	t->expires = absolute ? new->value_ns : add_sat(now, new->value_ns);
	t->sampled = UINT64_MAX;
	t->pace = SAMPLE_MIN_NS;
	return enqueue(t, now);
}

int itimer_set(int which, const struct timer_setting *new, struct timer_setting *old)
{
	struct posix_timers *p;
	int r = -ENOMEM;

	if (which < 0 || which > 2)
		return -EINVAL;
	pthread_mutex_lock(&lock);
	p = timers_of(current->group, true);
	if (p)
		r = set_timer(&p->itimers[which], false, new, old);
	pthread_mutex_unlock(&lock);
	return r;
}

void timers_cpu_limit(struct thread_group *g, uint64_t seconds)
{
	/* Linux repeats SIGXCPU every second between the soft and the hard limit. */
	struct timer_setting s = {.value_ns = seconds * 1000000000, .interval_ns = 1000000000};
	struct posix_timers *p;

	if (seconds > UINT64_MAX / 1000000000)
		s.value_ns = 0;
	else if (seconds == 0)
		s.value_ns = 1;
	pthread_mutex_lock(&lock);
	p = timers_of(g, s.value_ns != 0);
	if (p)
		set_timer(&p->itimers[ITIMER_CPU_LIMIT], true, &s, NULL);
	pthread_mutex_unlock(&lock);
}

int itimer_get(int which, struct timer_setting *out)
{
	struct posix_timers *p;

	if (which < 0 || which > 2)
		return -EINVAL;
	memset(out, 0, sizeof(*out));
	pthread_mutex_lock(&lock);
	p = timers_of(current->group, false);
	if (p)
		read_setting(&p->itimers[which], out);
	pthread_mutex_unlock(&lock);
	return 0;
}

/* With the lock held. */
static struct ktimer *find(int id)
{
	struct posix_timers *p = timers_of(current->group, false);

	return p && id >= 0 && id < p->count ? p->by_id[id] : NULL;
}

/* A free place in the table of ids, which grows by doubling. -EAGAIN, -ENOMEM. */
static int free_id(struct posix_timers *p)
{
	struct ktimer **more;
	int id;

	for (id = 0; id < p->count; id++)
		if (!p->by_id[id])
			return id;
	if (p->count >= TIMERS_MAX)
		return -EAGAIN;
	more = realloc(p->by_id, (p->count ? p->count * 2 : 4) * sizeof(*more));
	if (!more)
		return -ENOMEM;
	p->by_id = more;
	p->count = p->count ? p->count * 2 : 4;
	memset(more + id, 0, (p->count - id) * sizeof(*more));
	return id;
}

static void free_timer(struct ktimer *t)
{
	clock_put(&t->clock);
	if (t->target)
		task_put(t->target);
	free(t);
}

/* May timers be made on this clock? */
static int check_clock(const struct guest_clock *c)
{
	if (c->kind != CLOCK_IS_HOST)
		return 0;
	switch (c->id) {
	case CLOCK_REALTIME:
	case CLOCK_MONOTONIC:
	case CLOCK_BOOTTIME:
	case CLOCK_TAI:
		return 0;
	case CLOCK_REALTIME_ALARM:
	case CLOCK_BOOTTIME_ALARM:
		/* Waking the machine is not a container's to do (CAP_WAKE_ALARM). */
		return -EPERM;
	default:
		return -EOPNOTSUPP;
	}
}

int timer_make(clockid_t clock, int notify, int signo, uint64_t value, pid_t tid, bool has_value)
{
	struct ktimer *t = calloc(1, sizeof(*t));
	struct posix_timers *p;
	int r = t ? clock_resolve(clock, &t->clock) : -ENOMEM;

	if (r == 0)
		r = check_clock(&t->clock);
	if (r == 0 && notify == SIGEV_THREAD_ID) {
		t->target = task_find(tid);
		if (!t->target || t->target->group != current->group)
			r = -EINVAL;
	}
	if (r < 0) {
		if (t)
			free_timer(t);
		return r;
	}
	t->asked = clock;
	t->group = current->group;
	t->notify = notify;
	t->signo = signo;
	pthread_mutex_lock(&lock);
	p = timers_of(current->group, true);
	r = p ? free_id(p) : -ENOMEM;
	if (r >= 0) {
		t->id = r;
		t->value = has_value ? value : (uint64_t)r;
		p->by_id[r] = t;
	}
	pthread_mutex_unlock(&lock);
	if (r < 0)
		free_timer(t);
	return r;
}

int timer_arm(int id, bool absolute, const struct timer_setting *new, struct timer_setting *old)
{
	struct ktimer *t;
	int r = -EINVAL;

	pthread_mutex_lock(&lock);
	t = find(id);
	if (t)
		r = set_timer(t, absolute, new, old);
	pthread_mutex_unlock(&lock);
	return r;
}

int timer_read(int id, struct timer_setting *out)
{
	struct ktimer *t;

	pthread_mutex_lock(&lock);
	t = find(id);
	if (t)
		read_setting(t, out);
	pthread_mutex_unlock(&lock);
	return t ? 0 : -EINVAL;
}

int timer_overrun(int id)
{
	struct ktimer *t;
	int r = -EINVAL;

	pthread_mutex_lock(&lock);
	t = find(id);
	if (t)
		r = t->overrun;
	pthread_mutex_unlock(&lock);
	return r;
}

int timer_remove(int id)
{
	struct ktimer *t;

	pthread_mutex_lock(&lock);
	t = find(id);
	if (t) {
		disarm(t);
		current->group->timers->by_id[id] = NULL;
	}
	pthread_mutex_unlock(&lock);
	if (!t)
		return -EINVAL;
	free_timer(t);
	return 0;
}

/* ---- the end of a program or a process --------------------------------------------------------- */

/* Takes the POSIX timers of p out; the table is the caller's to free, outside of the lock. */
static struct ktimer **take_all(struct posix_timers *p, int *count)
{
	struct ktimer **all = p->by_id;

	*count = p->count;
	for (int i = 0; i < p->count; i++)
		if (all[i])
			disarm(all[i]);
	p->by_id = NULL;
	p->count = 0;
	return all;
}

static void free_all(struct ktimer **all, int count)
{
	for (int i = 0; i < count; i++)
		if (all[i])
			free_timer(all[i]);
	free(all);
}

void timers_exec(struct thread_group *g)
{
	struct ktimer **all = NULL;
	int count = 0;

	pthread_mutex_lock(&lock);
	if (g->timers)
		all = take_all(g->timers, &count);
	pthread_mutex_unlock(&lock);
	free_all(all, count);
}

void timers_exit(struct thread_group *g)
{
	struct ktimer **all = NULL;
	struct posix_timers *p;
	int count = 0;

	pthread_mutex_lock(&lock);
	p = g->timers;
	g->timers = NULL;
	if (p) {
		all = take_all(p, &count);
		for (int i = 0; i < ITIMERS; i++)
			disarm(&p->itimers[i]);
	}
	pthread_mutex_unlock(&lock);
	free_all(all, count);
	free(p);
}
