/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Waiting for many: poll(2), select(2), epoll(7); and the files made to be waited for. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/timerfd.h>

#include "base/cleanup.h"
#include "base/hostcall.h"
#include "base/usermem.h"
#include "kernel/syscalls/files.h"
#include "kernel/syscalls/syscalls.h"
#include "kernel/task.h"
#include "vfs/anon.h"
#include "vfs/epoll.h"
#include "vfs/poll.h"
#include "vfs/signalfd.h"

#define NS_PER_SEC 1000000000ULL
/* A deadline that never comes; of one that is not to be slept for at all, see vfs/poll.h. */
#define NEVER UINT64_MAX

/* ---- deadlines and masks --------------------------------------------------------------------- */

int copy_in_timespec(struct timespec *ts, uint64_t addr)
{
	if (copy_in_obj(ts, addr) < 0)
		return -EFAULT;
	if (ts->tv_sec < 0 || ts->tv_nsec < 0 || ts->tv_nsec >= (long)NS_PER_SEC)
		return -EINVAL;
	return 0;
}

/* Now + sec, nsec; 0 for no time at all, saturating below NEVER. */
static uint64_t deadline_after(uint64_t sec, uint64_t nsec)
{
	uint64_t now = clock_now_ns(CLOCK_MONOTONIC), ns;

	if (!sec && !nsec)
		return 0;
	if (__builtin_mul_overflow(sec, NS_PER_SEC, &ns) || __builtin_add_overflow(ns, nsec, &ns) ||
	    __builtin_add_overflow(ns, now, &ns) || ns == NEVER)
		return NEVER - 1;
	return ns;
}

static uint64_t remaining_ns(uint64_t deadline)
{
	uint64_t now = clock_now_ns(CLOCK_MONOTONIC);

	return deadline > now ? deadline - now : 0;
}

/* The deadline as vfs wants it, in *buf; NULL for NEVER. */
static const struct timespec *as_deadline(uint64_t ns, struct timespec *buf)
{
	if (ns == NEVER)
		return NULL;
	*buf = timespec_from_ns(ns);
	return buf;
}

/* The mask argument of a p-call: installed until mask_end(), then *set is true. 0 in addr: none. */
static int mask_begin(uint64_t addr, uint64_t size, bool *set)
{
	ksigset_t mask;

	if (!addr)
		return 0;
	if (size != sizeof(mask))
		return -EINVAL;
	if (copy_in_obj(&mask, addr) < 0)
		return -EFAULT;
	signal_temporary_mask(mask);
	*set = true;
	/* What the new mask lets through must be seen by the sleep that follows. */
	if (signal_pending())
		host_kick(&host_self);
	return 0;
}

static void mask_end(bool set, long result)
{
	if (set)
		signal_restore_mask(result == -EINTR || result == -ERESTARTNOHAND);
}

/* ---- poll ------------------------------------------------------------------------------------ */

static long poll_until(uint64_t addr, unsigned n, uint64_t deadline)
{
	cleanup_free struct pollfd *fds = NULL;
	struct timespec ts;
	int r;

	if (n > atomic_load(&current->group->rlim_nofile))
		return -EINVAL;
	fds = malloc(n ? n * sizeof(*fds) : 1);
	if (!fds)
		return -ENOMEM;
	if (copy_in(fds, addr, n * sizeof(*fds)) < 0)
		return -EFAULT;
	r = poll_files(fds, n, as_deadline(deadline, &ts));
	if (r < 0)
		return r;
	return copy_out(addr, fds, n * sizeof(*fds)) < 0 ? -EFAULT : r;
}

long sys_poll(const uint64_t a[6])
{
	int timeout = (int)a[2];
	uint64_t deadline;
	long r;

	if (current->syscall_nr == SYS_restart_syscall)
		deadline = current->restart_deadline_ns;
	else
		deadline = timeout < 0 ? NEVER
				       : deadline_after((uint64_t)timeout / 1000,
							(uint64_t)timeout % 1000 * 1000000);
	r = poll_until(a[0], (unsigned)a[1], deadline);
	if (r != -EINTR)
		return r;
	current->restart_nr = SYS_poll;
	current->restart_deadline_ns = deadline;
	memcpy(current->restart_args, a, sizeof(current->restart_args));
	return -ERESTART_RESTARTBLOCK;
}

/* What is left of the time goes back to where it came from; a failure to do so is no error. */
static void write_back_timespec(uint64_t addr, uint64_t deadline)
{
	struct timespec ts = timespec_from_ns(remaining_ns(deadline));

	if (addr)
		(void)copy_out_obj(addr, &ts);
}

static int deadline_from_timespec(uint64_t addr, uint64_t *deadline)
{
	struct timespec ts;
	int r;

	*deadline = NEVER;
	if (!addr)
		return 0;
	r = copy_in_timespec(&ts, addr);
	if (!r)
		*deadline = deadline_after((uint64_t)ts.tv_sec, (uint64_t)ts.tv_nsec);
	return r;
}

long sys_ppoll(const uint64_t a[6])
{
	uint64_t deadline;
	bool masked = false;
	long r = deadline_from_timespec(a[2], &deadline);

	if (!r)
		r = mask_begin(a[3], a[4], &masked);
	if (r < 0)
		return r;
	r = poll_until(a[0], (unsigned)a[1], deadline);
	if (r == -EINTR)
		r = -ERESTARTNOHAND;
	mask_end(masked, r);
	write_back_timespec(a[2], deadline);
	return r;
}

/* ---- select ---------------------------------------------------------------------------------- */

#define IN_EVENTS (POLLIN | POLLRDNORM | POLLRDBAND)
#define OUT_EVENTS (POLLOUT | POLLWRNORM | POLLWRBAND)
#define EX_EVENTS POLLPRI
#define WORD_BITS 64

/* The three sets, words each, one behind the other; the answer's likewise. */
struct select_sets {
	uint64_t *in, *out;
	size_t words;
	uint64_t addr[3];
};

static bool in_set(const uint64_t *sets, size_t words, int which, unsigned fd)
{
	return sets[(size_t)which * words + fd / WORD_BITS] >> (fd % WORD_BITS) & 1;
}

static int sets_copy_in(struct select_sets *s, unsigned n)
{
	s->words = (n + WORD_BITS - 1) / WORD_BITS;
	s->in = calloc(6 * s->words + 1, sizeof(*s->in));
	if (!s->in)
		return -ENOMEM;
	s->out = s->in + 3 * s->words;
	for (int i = 0; i < 3; i++)
		if (s->addr[i] &&
		    copy_in(s->in + (size_t)i * s->words, s->addr[i], s->words * sizeof(*s->in)) < 0)
			return -EFAULT;
	return 0;
}

static int sets_copy_out(const struct select_sets *s)
{
	for (int i = 0; i < 3; i++)
		if (s->addr[i] && copy_out(s->addr[i], s->out + (size_t)i * s->words,
					   s->words * sizeof(*s->out)) < 0)
			return -EFAULT;
	return 0;
}

/* One pollfd for each descriptor in any set; their count. */
static unsigned sets_to_poll(const struct select_sets *s, unsigned n, struct pollfd *fds)
{
	unsigned count = 0;

	for (unsigned fd = 0; fd < n; fd++) {
		int events = (in_set(s->in, s->words, 0, fd) ? IN_EVENTS : 0) |
			     (in_set(s->in, s->words, 1, fd) ? OUT_EVENTS : 0) |
			     (in_set(s->in, s->words, 2, fd) ? EX_EVENTS : 0);

		if (events)
			fds[count++] = (struct pollfd){.fd = (int)fd, .events = (short)events};
	}
	return count;
}

static int mark(struct select_sets *s, int which, int fd)
{
	s->out[(size_t)which * s->words + (size_t)fd / WORD_BITS] |= 1ULL << (fd % WORD_BITS);
	return 1;
}

/* Fills the answer; the number of bits in it. -EBADF. */
static int poll_to_sets(struct select_sets *s, struct pollfd *fds, unsigned count)
{
	int bits = 0;

	for (unsigned i = 0; i < count; i++) {
		struct pollfd *p = &fds[i];
		int before = bits;

		if (p->revents & POLLNVAL)
			return -EBADF;
		if ((p->events & IN_EVENTS) && (p->revents & (IN_EVENTS | POLLHUP | POLLERR)))
			bits += mark(s, 0, p->fd);
		if ((p->events & OUT_EVENTS) && (p->revents & (OUT_EVENTS | POLLERR)))
			bits += mark(s, 1, p->fd);
		if ((p->events & EX_EVENTS) && (p->revents & POLLPRI))
			bits += mark(s, 2, p->fd);
		/* A hang-up that no set asks for would be told for ever: do not ask any more. */
		if (p->revents && bits == before)
			p->fd = -1;
	}
	return bits;
}

static long select_until(const uint64_t a[6], uint64_t deadline)
{
	cleanup_free struct pollfd *fds = NULL;
	struct select_sets s = {.addr = {a[1], a[2], a[3]}};
	cleanup_free uint64_t *words = NULL;
	uint64_t limit = atomic_load(&current->group->rlim_nofile);
	unsigned n, count;
	struct timespec ts;
	int r;

	if ((int)a[0] < 0)
		return -EINVAL;
	n = (unsigned)(int)a[0] > limit ? (unsigned)limit : (unsigned)(int)a[0];
	r = sets_copy_in(&s, n);
	words = s.in;
	if (r < 0)
		return r;
	fds = malloc(n ? n * sizeof(*fds) : 1);
	if (!fds)
		return -ENOMEM;
	count = sets_to_poll(&s, n, fds);
	do {
		r = poll_files(fds, count, as_deadline(deadline, &ts));
		if (r <= 0)
			break;
		r = poll_to_sets(&s, fds, count);
	} while (!r);
	if (r < 0)
		return r == -EINTR ? -ERESTARTNOHAND : r;
	return sets_copy_out(&s) < 0 ? -EFAULT : r;
}

long sys_select(const uint64_t a[6])
{
	uint64_t deadline = NEVER, left;
	struct timeval tv;
	long r;

	if (a[4]) {
		if (copy_in_obj(&tv, a[4]) < 0)
			return -EFAULT;
		if (tv.tv_sec < 0 || tv.tv_usec < 0)
			return -EINVAL;
		deadline = deadline_after((uint64_t)tv.tv_sec + (uint64_t)tv.tv_usec / 1000000,
					  (uint64_t)tv.tv_usec % 1000000 * 1000);
	}
	r = select_until(a, deadline);
	if (a[4]) {
		left = remaining_ns(deadline);
		tv.tv_sec = (time_t)(left / NS_PER_SEC);
		tv.tv_usec = (suseconds_t)(left % NS_PER_SEC / 1000);
		(void)copy_out_obj(a[4], &tv);
	}
	return r;
}

long sys_pselect6(const uint64_t a[6])
{
	struct {
		uint64_t mask, size;
	} arg = {0, 0};
	uint64_t deadline;
	bool masked = false;
	long r;

	if (a[5] && copy_in_obj(&arg, a[5]) < 0)
		return -EFAULT;
	r = deadline_from_timespec(a[4], &deadline);
	if (!r)
		r = mask_begin(arg.mask, arg.size, &masked);
	if (r < 0)
		return r;
	r = select_until(a, deadline);
	mask_end(masked, r);
	write_back_timespec(a[4], deadline);
	return r;
}

/* ---- epoll ----------------------------------------------------------------------------------- */

/* One call gives at most so many events; a program asks again for more. */
#define EPOLL_MOST 1024

long sys_epoll_create1(const uint64_t a[6])
{
	struct file *f;
	int r;

	if ((unsigned)a[0] & ~(unsigned)EPOLL_CLOEXEC)
		return -EINVAL;
	r = epoll_create_file(&f);
	return r < 0 ? r : fd_install(f, a[0] & EPOLL_CLOEXEC);
}

long sys_epoll_create(const uint64_t a[6])
{
	const uint64_t none[6] = {0};

	return (int)a[0] <= 0 ? -EINVAL : sys_epoll_create1(none);
}

long sys_epoll_ctl(const uint64_t a[6])
{
	cleanup_file struct file *ep = fd_get_real((int)a[0]);
	cleanup_file struct file *f = fd_get_real((int)a[2]);
	struct epoll_event ev = {0};

	if ((int)a[1] != EPOLL_CTL_DEL && copy_in_obj(&ev, a[3]) < 0)
		return -EFAULT;
	if (!ep || !f)
		return -EBADF;
	return epoll_control(ep, (int)a[1], f, (int)a[2], &ev);
}

static long epoll_until(int epfd, uint64_t addr, int max, uint64_t deadline)
{
	cleanup_file struct file *ep = fd_get_real(epfd);
	cleanup_free struct epoll_event *events = NULL;
	struct timespec ts;
	int r;

	if (max <= 0 || max > (int)(INT_MAX / sizeof(*events)))
		return -EINVAL;
	if (!ep)
		return -EBADF;
	if (max > EPOLL_MOST)
		max = EPOLL_MOST;
	events = malloc((size_t)max * sizeof(*events));
	if (!events)
		return -ENOMEM;
	r = epoll_wait_events(ep, events, max, as_deadline(deadline, &ts));
	if (r <= 0)
		return r;
	return copy_out(addr, events, (size_t)r * sizeof(*events)) < 0 ? -EFAULT : r;
}

static uint64_t deadline_from_ms(int timeout)
{
	return timeout < 0 ? NEVER
			   : deadline_after((uint64_t)timeout / 1000,
					    (uint64_t)timeout % 1000 * 1000000);
}

long sys_epoll_wait(const uint64_t a[6])
{
	return epoll_until((int)a[0], a[1], (int)a[2], deadline_from_ms((int)a[3]));
}

static long epoll_masked(const uint64_t a[6], uint64_t deadline)
{
	bool masked = false;
	long r = mask_begin(a[4], a[5], &masked);

	if (r < 0)
		return r;
	r = epoll_until((int)a[0], a[1], (int)a[2], deadline);
	mask_end(masked, r);
	return r;
}

long sys_epoll_pwait(const uint64_t a[6])
{
	return epoll_masked(a, deadline_from_ms((int)a[3]));
}

long sys_epoll_pwait2(const uint64_t a[6])
{
	uint64_t deadline;
	int r = deadline_from_timespec(a[3], &deadline);

	return r < 0 ? r : epoll_masked(a, deadline);
}

/* ---- eventfd, timerfd, signalfd, inotify ----------------------------------------------------- */

long sys_eventfd2(const uint64_t a[6])
{
	unsigned flags = (unsigned)a[1];
	struct file *f;
	int r;

	if (flags & ~(unsigned)(EFD_CLOEXEC | EFD_NONBLOCK | EFD_SEMAPHORE))
		return -EINVAL;
	r = eventfd_create((unsigned)a[0], flags & ~(unsigned)EFD_CLOEXEC, &f);
	return r < 0 ? r : fd_install(f, flags & EFD_CLOEXEC);
}

long sys_eventfd(const uint64_t a[6])
{
	const uint64_t args[6] = {a[0]};

	return sys_eventfd2(args);
}

long sys_timerfd_create(const uint64_t a[6])
{
	unsigned flags = (unsigned)a[1];
	struct file *f;
	int r = timerfd_create_file((int)a[0], flags, &f);

	return r < 0 ? r : fd_install(f, flags & TFD_CLOEXEC);
}

long sys_timerfd_settime(const uint64_t a[6])
{
	cleanup_file struct file *f = fd_get_real((int)a[0]);
	struct itimerspec value, old;
	int r;

	if (copy_in_obj(&value, a[2]) < 0)
		return -EFAULT;
	if (!f)
		return -EBADF;
	r = timerfd_set(f, (int)a[1], &value, &old);
	return r >= 0 && a[3] && copy_out_obj(a[3], &old) < 0 ? -EFAULT : r;
}

long sys_timerfd_gettime(const uint64_t a[6])
{
	cleanup_file struct file *f = fd_get_real((int)a[0]);
	struct itimerspec value;
	int r;

	if (!f)
		return -EBADF;
	r = timerfd_get(f, &value);
	return r < 0 ? r : copy_out_obj(a[1], &value);
}

static long make_signalfd(int fd, uint64_t addr, uint64_t size, unsigned flags)
{
	struct file *f;
	ksigset_t mask;
	long r;

	if (flags & ~(unsigned)(SFD_CLOEXEC | SFD_NONBLOCK) || size != sizeof(mask))
		return -EINVAL;
	if (copy_in_obj(&mask, addr) < 0)
		return -EFAULT;
	mask &= ~(SIGMASK(SIGKILL) | SIGMASK(SIGSTOP));
	if (fd == -1) {
		r = signalfd_create(mask, flags & SFD_NONBLOCK, &f);
		return r < 0 ? r : fd_install(f, flags & SFD_CLOEXEC);
	}
	f = fd_get_real(fd);
	if (!f)
		return -EBADF;
	r = signalfd_set_mask(f, mask);
	file_put(f);
	return r < 0 ? r : fd;
}

long sys_signalfd(const uint64_t a[6])
{
	return make_signalfd((int)a[0], a[1], a[2], 0);
}

long sys_signalfd4(const uint64_t a[6])
{
	return make_signalfd((int)a[0], a[1], a[2], (unsigned)a[3]);
}

long sys_inotify_init1(const uint64_t a[6])
{
	unsigned flags = (unsigned)a[0];
	struct file *f;
	int r;

	if (flags & ~(unsigned)(IN_CLOEXEC | IN_NONBLOCK))
		return -EINVAL;
	r = inotify_create(flags & ~(unsigned)IN_CLOEXEC, &f);
	return r < 0 ? r : fd_install(f, flags & IN_CLOEXEC);
}

long sys_inotify_init(const uint64_t a[6])
{
	const uint64_t none[6] = {0};

	return sys_inotify_init1(none);
}

long sys_inotify_add_watch(const uint64_t a[6])
{
	cleanup_file struct file *f = fd_get_real((int)a[0]);
	char path[PATH_MAX];
	ssize_t r;

	if (!f)
		return -EBADF;
	r = copy_in_str(path, a[1], sizeof(path));
	return r < 0 ? r : inotify_watch(f, path, (unsigned)a[2]);
}

long sys_inotify_rm_watch(const uint64_t a[6])
{
	cleanup_file struct file *f = fd_get_real((int)a[0]);

	return f ? inotify_unwatch(f, (int)a[1]) : -EBADF;
}
