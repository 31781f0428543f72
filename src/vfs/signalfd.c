/* SPDX-License-Identifier: GPL-2.0-or-later */
/* signalfd(2): reading takes the caller's pending signals off their queues. */
#include "vfs/signalfd.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>

#include "base/hostcall.h"

struct signal_fd_ops signal_fd_ops;

/*
 * held: what keeps the wait queues that were handed out to poll and epoll, one for each process that
 * asked. Guarded by lock, dropped with the description, when no registration is left.
 */
struct signal_fd {
	struct file file;
	_Atomic uint64_t mask;
	pthread_mutex_t lock;
	void **held;
	unsigned nheld;
};

static struct signal_fd *of(struct file *f)
{
	return container_of(f, struct signal_fd, file);
}

static void describe(const siginfo_t *info, struct signalfd_siginfo *out)
{
	memset(out, 0, sizeof(*out));
	out->ssi_signo = (uint32_t)info->si_signo;
	out->ssi_errno = info->si_errno;
	out->ssi_code = info->si_code;
	switch (info->si_code) {
	case SI_TIMER:
		out->ssi_tid = (uint32_t)info->si_timerid;
		out->ssi_overrun = (uint32_t)info->si_overrun;
		out->ssi_ptr = (uintptr_t)info->si_value.sival_ptr;
		out->ssi_int = info->si_value.sival_int;
		return;
	case SI_QUEUE:
	case SI_MESGQ:
		out->ssi_ptr = (uintptr_t)info->si_value.sival_ptr;
		out->ssi_int = info->si_value.sival_int;
		break;
	}
	if (info->si_code > 0 && info->si_code != SI_KERNEL &&
	    (info->si_signo == SIGSEGV || info->si_signo == SIGBUS || info->si_signo == SIGILL ||
	     info->si_signo == SIGFPE || info->si_signo == SIGTRAP)) {
		out->ssi_addr = (uintptr_t)info->si_addr;
		return;
	}
	out->ssi_pid = (uint32_t)info->si_pid;
	out->ssi_uid = info->si_uid;
	if (info->si_signo == SIGCHLD && info->si_code > 0 && info->si_code != SI_KERNEL) {
		out->ssi_status = info->si_status;
		out->ssi_utime = (uint64_t)info->si_utime;
		out->ssi_stime = (uint64_t)info->si_stime;
	}
}

/* Spreads a record over the reader's buffers, done bytes into them. */
static void scatter(const struct iovec *iov, int n, size_t done, const void *data, size_t len)
{
	const char *p = data;

	for (int i = 0; i < n && len; i++) {
		size_t room;

		if (done >= iov[i].iov_len) {
			done -= iov[i].iov_len;
			continue;
		}
		room = iov[i].iov_len - done;
		if (room > len)
			room = len;
		memcpy((char *)iov[i].iov_base + done, p, room);
		p += room;
		len -= room;
		done = 0;
	}
}

static ssize_t signalfd_read(struct file *f, const struct iovec *iov, int n, const off_t *pos,
			     int rwf)
{
	struct signal_fd *s = of(f);
	struct signalfd_siginfo record;
	size_t room = 0, done = 0;
	siginfo_t info;
	int r;

	if (pos)
		return -ESPIPE;
	for (int i = 0; i < n; i++)
		room += iov[i].iov_len;
	if (room < sizeof(record))
		return -EINVAL;
	while (room - done >= sizeof(record)) {
		r = signal_fd_ops.dequeue(s->mask, &info);
		if (!r && done)
			break;
		if (!r && ((f->flags & O_NONBLOCK) || (rwf & RWF_NOWAIT)))
			return -EAGAIN;
		if (!r) {
			r = waitq_wait_event(signal_fd_ops.queue(), NULL,
					     signal_fd_ops.pending(s->mask) != 0);
			if (r < 0)
				return r == -EINTR ? -ERESTARTSYS : r;
			continue;
		}
		describe(&info, &record);
		scatter(iov, n, done, &record, sizeof(record));
		done += sizeof(record);
	}
	return (ssize_t)done;
}

/* Sees to it that the caller's queue lives as long as s. false: no memory. */
static bool hold_queue(struct signal_fd *s)
{
	void *held = signal_fd_ops.hold(), **more;
	bool ok = true, known = false;

	pthread_mutex_lock(&s->lock);
	for (unsigned i = 0; i < s->nheld && !known; i++)
		known = s->held[i] == held;
	if (!known) {
		more = realloc(s->held, (s->nheld + 1) * sizeof(*more));
		ok = more != NULL;
		if (ok) {
			s->held = more;
			s->held[s->nheld++] = held;
		}
	}
	pthread_mutex_unlock(&s->lock);
	if (known || !ok)
		signal_fd_ops.drop(held);
	return ok;
}

static unsigned signalfd_poll(struct file *f, struct waitq **queue)
{
	*queue = hold_queue(of(f)) ? signal_fd_ops.queue() : NULL;
	return signal_fd_ops.pending(of(f)->mask) ? POLLIN | POLLRDNORM : 0;
}

static int signalfd_stat(struct file *f, struct stat *st)
{
	memset(st, 0, sizeof(*st));
	st->st_mode = 0600;
	st->st_nlink = 1;
	st->st_blksize = 4096;
	return 0;
}

static int signalfd_flags(struct file *f, unsigned flags)
{
	return 0;
}

static void signalfd_release(struct file *f)
{
	struct signal_fd *s = of(f);

	while (s->nheld)
		signal_fd_ops.drop(s->held[--s->nheld]);
	free(s->held);
	pthread_mutex_destroy(&s->lock);
	free(s);
}

static const struct file_ops ops = {
	.name = "signalfd",
	.read = signalfd_read,
	.stat = signalfd_stat,
	.poll = signalfd_poll,
	.set_flags = signalfd_flags,
	.release = signalfd_release,
};

int signalfd_create(uint64_t mask, unsigned flags, struct file **out)
{
	struct signal_fd *s = calloc(1, sizeof(*s));

	if (!s)
		return -ENOMEM;
	file_init(&s->file, &ops, O_RDWR | flags, 0);
	s->mask = mask;
	pthread_mutex_init(&s->lock, NULL);
	*out = &s->file;
	return 0;
}

int signalfd_set_mask(struct file *f, uint64_t mask)
{
	if (f->ops != &ops)
		return -EINVAL;
	of(f)->mask = mask;
	/* Signals that were pending and outside the old mask may be readable now. */
	waitq_wake(signal_fd_ops.queue(), POLLIN);
	return 0;
}
