/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Inner ptys (pty(7)): a master that stands for keyboard and screen, a slave that is a terminal,
 * and a line discipline between them. This file sleeps, wakes and signals around ldisc.c.
 *
 * One struct pty has one master description and any number of slave ones. It lives as long as any
 * of them, or a session that it controls. Closing the master hangs the slaves up for good; the end
 * of the controlling session does not (disassociate_ctty() spares ptys): others may hold the slave.
 *
 * pty.io guards everything in struct pty but the embedded tty (tty->lock); it is a leaf but for
 * wait queues: signals are sent after it is let go.
 */
#include <asm/ioctls.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/fsuid.h>
#include <sys/sysmacros.h>

#include "base/hostcall.h"
#include "base/safecopy.h"
#include "base/usermem.h"
#include "vfs/pty_line.h"
#include "vfs/tty_file.h"

#define TTY_GID 5 /* group tty, as devpts is mounted with gid=5,mode=620 */

struct master_file {
	struct file f;
	struct pty *pty;
};

static struct pty *slave_pty(struct file *f)
{
	return pty_of(container_of(f, struct tty_file, f)->tty);
}

static struct pty *master_pty(struct file *f)
{
	return container_of(f, struct master_file, f)->pty;
}

/* ---- buffers ----------------------------------------------------------------------------------- */

static size_t iov_bytes(const struct iovec *iov, int n)
{
	size_t total = 0;

	for (int i = 0; i < n; i++)
		total += iov[i].iov_len;
	return total;
}

/* Copies between buf and the iovec from byte `at` on; how many bytes it could. */
static size_t iov_copy(const struct iovec *iov, int n, size_t at, void *buf, size_t len, bool out)
{
	size_t done = 0;

	for (int i = 0; i < n && done < len; i++) {
		size_t m = iov[i].iov_len, left;
		char *p;

		if (at >= m) {
			at -= m;
			continue;
		}
		p = (char *)iov[i].iov_base + at;
		m -= at;
		at = 0;
		if (m > len - done)
			m = len - done;
		left = out ? safe_copy(p, (char *)buf + done, m) : safe_copy((char *)buf + done, p, m);
		done += m - left;
		if (left)
			break;
	}
	return done;
}

/* ---- the slave --------------------------------------------------------------------------------- */

static bool hung_up(struct file *f)
{
	return !slave_pty(f)->master_open;
}

/* How many bytes a raw read of n waits for. */
static size_t raw_wanted(const struct pty *p, size_t n)
{
	size_t min = p->line.t.c_cc[VMIN];

	if (min == 0)
		min = 1;
	return min < n ? min : n;
}

static bool slave_has(struct file *f, size_t wanted)
{
	struct pty *p = slave_pty(f);
	bool yes;

	pthread_mutex_lock(&p->io);
	if (hung_up(f))
		yes = true;
	else if (p->line.t.c_lflag & ICANON)
		yes = ldisc_readable(&p->line);
	else
		yes = ldisc_available(&p->line) >= wanted;
	pthread_mutex_unlock(&p->io);
	return yes;
}

/*
 * Waits until a read of n bytes may go on, as VMIN and VTIME say (termios(3), noncanonical mode).
 * 0: go on with what is there, maybe nothing; or a negative errno.
 */
static int slave_wait(struct file *f, size_t n)
{
	struct pty *p = slave_pty(f);
	struct timespec deadline;
	uint64_t tick;
	size_t wanted, have;
	bool canonical;
	int min, r;

	pthread_mutex_lock(&p->io);
	canonical = p->line.t.c_lflag & ICANON;
	min = canonical ? 1 : p->line.t.c_cc[VMIN];
	tick = canonical ? 0 : p->line.t.c_cc[VTIME] * 100000000ULL;
	wanted = raw_wanted(p, n);
	pthread_mutex_unlock(&p->io);

	if (slave_has(f, tick && min ? 1 : wanted) && !(tick && min))
		return 0;
	if (min == 0 && tick == 0)
		return 0;
	if ((f->flags & O_NONBLOCK) && !slave_has(f, 1))
		return -EAGAIN;
	if (f->flags & O_NONBLOCK)
		return 0;
	if (tick == 0 || min > 0) {
		/* The first byte has no time limit, unless only the clock counts (VMIN 0). */
		r = waitq_wait_event(&p->slave_wait, NULL, slave_has(f, tick ? 1 : wanted));
		if (r < 0)
			return -ERESTARTSYS;
		if (tick == 0)
			return 0;
	}
	/* Each further byte has VTIME to come; with VMIN 0 the first one has. */
	do {
		pthread_mutex_lock(&p->io);
		have = ldisc_available(&p->line);
		pthread_mutex_unlock(&p->io);
		if ((min > 0 && have >= wanted) || slave_has(f, have + 1) || (min == 0 && have))
			return 0;
		deadline = deadline_in_ns(tick);
		r = waitq_wait_event(&p->slave_wait, &deadline, slave_has(f, have + 1));
		if (r == -EINTR)
			return have ? 0 : -ERESTARTSYS;
	} while (r == 0 && min > 0);
	return 0;
}

static ssize_t slave_read(struct file *f, const struct iovec *iov, int n, const off_t *pos, int rwf)
{
	struct pty *p = slave_pty(f);
	size_t want = iov_bytes(iov, n), got;
	unsigned char buf[LDISC_SIZE];
	int r = tty_check_background(&p->tty, SIGTTIN);

	if (r < 0 || want == 0)
		return r;
	if (want > sizeof(buf))
		want = sizeof(buf);
	for (;;) {
		bool canonical, dead, again;

		r = slave_wait(f, want);
		if (r < 0)
			return r;
		pthread_mutex_lock(&p->io);
		dead = hung_up(f);
		canonical = p->line.t.c_lflag & ICANON;
		/* Somebody else may have taken the line that woke us. */
		again = !dead && canonical && !ldisc_readable(&p->line);
		got = dead || again ? 0 : ldisc_read(&p->line, buf, want);
		pthread_mutex_unlock(&p->io);
		if (!again)
			break;
	}
	if (got)
		waitq_wake(&p->master_wait, POLLOUT | POLLWRNORM);
	if (got && iov_copy(iov, n, 0, buf, got, true) < got)
		return -EFAULT;
	return got;
}

static bool slave_writable(struct file *f)
{
	struct pty *p = slave_pty(f);
	bool yes;

	pthread_mutex_lock(&p->io);
	yes = hung_up(f) || ldisc_write_room(&p->line) >= LDISC_BYTE_MAX;
	pthread_mutex_unlock(&p->io);
	return yes;
}

static ssize_t slave_write(struct file *f, const struct iovec *iov, int n, const off_t *pos,
			   int rwf)
{
	struct pty *p = slave_pty(f);
	size_t total = iov_bytes(iov, n), done = 0;
	unsigned char buf[512];
	int r;

	if (p->line.t.c_lflag & TOSTOP) {
		r = tty_check_background(&p->tty, SIGTTOU);
		if (r < 0)
			return r;
	}
	while (done < total) {
		size_t m = iov_copy(iov, n, done, buf, sizeof(buf), false), taken = 0;
		bool dead;

		if (m == 0)
			return done ? (ssize_t)done : -EFAULT;
		pthread_mutex_lock(&p->io);
		dead = hung_up(f);
		if (!dead)
			taken = ldisc_write(&p->line, buf, m);
		pthread_mutex_unlock(&p->io);
		if (dead)
			return done ? (ssize_t)done : -EIO;
		done += taken;
		if (taken)
			waitq_wake(&p->master_wait, POLLIN | POLLRDNORM);
		if (taken == m)
			continue;
		if (f->flags & O_NONBLOCK)
			return done ? (ssize_t)done : -EAGAIN;
		if (waitq_wait_event(&p->slave_wait, NULL, slave_writable(f)) < 0)
			return done ? (ssize_t)done : -ERESTARTSYS;
	}
	return done;
}

static unsigned slave_poll(struct file *f, struct waitq **queue)
{
	struct pty *p = slave_pty(f);
	unsigned ev = 0;
	size_t min;

	*queue = &p->slave_wait;
	pthread_mutex_lock(&p->io);
	if (hung_up(f)) {
		ev = POLLIN | POLLRDNORM | POLLOUT | POLLWRNORM | POLLERR | POLLHUP;
	} else {
		min = p->line.t.c_cc[VTIME] ? 1 : raw_wanted(p, LDISC_SIZE);
		if (p->line.t.c_lflag & ICANON ? ldisc_readable(&p->line)
					       : ldisc_available(&p->line) >= min)
			ev |= POLLIN | POLLRDNORM;
		if (ldisc_write_room(&p->line) >= LDISC_BYTE_MAX)
			ev |= POLLOUT | POLLWRNORM;
	}
	pthread_mutex_unlock(&p->io);
	return ev;
}

static long slave_ioctl(struct file *f, unsigned cmd, uint64_t arg)
{
	struct pty *p = slave_pty(f);
	bool dead;
	long r;

	pthread_mutex_lock(&p->io);
	dead = hung_up(f);
	pthread_mutex_unlock(&p->io);
	if (dead)
		return cmd == TIOCSPGRP ? -ENOTTY : -EIO;
	r = tty_job_ioctl(&p->tty, cmd, arg, true);
	return r == -ENOIOCTLCMD ? pty_ioctl(p, cmd, arg, false) : r;
}

static int slave_stat(struct file *f, struct stat *st)
{
	devpts_stat(minor(slave_pty(f)->tty.rdev), st);
	return 0;
}

static int pty_set_flags(struct file *f, unsigned flags)
{
	return 0;
}

static void slave_release(struct file *f)
{
	struct pty *p = slave_pty(f);
	bool last;

	pthread_mutex_lock(&p->io);
	last = --p->slaves == 0;
	pthread_mutex_unlock(&p->io);
	if (last)
		waitq_wake(&p->master_wait, POLLIN | POLLHUP);
	tty_put(&p->tty);
	free(container_of(f, struct tty_file, f));
}

const struct file_ops pty_slave_ops = {
	.name = "pty",
	.read = slave_read,
	.write = slave_write,
	.ioctl = slave_ioctl,
	.stat = slave_stat,
	.poll = slave_poll,
	.set_flags = pty_set_flags,
	.release = slave_release,
};

/* even_locked: TIOCGPTPEER gives the slave to who has the master, locked or not. */
static int open_slave(struct pty *p, unsigned flags, bool even_locked, struct file **out)
{
	struct tty_file *tf = calloc(1, sizeof(*tf));
	int r = 0;

	if (!tf)
		return -ENOMEM;
	pthread_mutex_lock(&p->io);
	if (!p->master_open || (p->locked && !even_locked)) {
		r = -EIO;
	} else if (p->exclusive && p->slaves) {
		r = -EBUSY;
	} else {
		p->slaves++;
		p->slave_seen = true;
	}
	pthread_mutex_unlock(&p->io);
	if (r < 0) {
		free(tf);
		return r;
	}
	file_init(&tf->f, &pty_slave_ops, flags & (O_ACCMODE | O_NONBLOCK | O_APPEND | O_SYNC),
		  S_IFCHR);
	tf->tty = tty_get(&p->tty);
	tf->f.ino = minor(p->tty.rdev) + 3;
	tf->f.wait = &p->slave_wait;
	tty_opened(&p->tty, flags);
	*out = &tf->f;
	return 0;
}

int pty_open_slave(struct tty *t, unsigned flags, struct file **out)
{
	return open_slave(pty_of(t), flags, false, out);
}

/* ---- the master -------------------------------------------------------------------------------- */

/* Bytes for the master, a packet status, or nobody left who could send any. */
static bool master_readable(struct pty *p)
{
	bool yes;

	pthread_mutex_lock(&p->io);
	yes = ldisc_output(&p->line) || (p->packet && p->packet_status) ||
	      (p->slave_seen && p->slaves == 0);
	pthread_mutex_unlock(&p->io);
	return yes;
}

/* One read's worth, with the lock held; 0: nothing there. */
static size_t master_take(struct pty *p, unsigned char *buf, size_t want)
{
	size_t n;

	if (!p->packet)
		return ldisc_take(&p->line, buf, want);
	if (p->packet_status) {
		buf[0] = p->packet_status;
		p->packet_status = 0;
		return 1;
	}
	n = ldisc_take(&p->line, buf + 1, want - 1);
	if (n == 0)
		return 0;
	buf[0] = TIOCPKT_DATA;
	return n + 1;
}

static ssize_t master_read(struct file *f, const struct iovec *iov, int n, const off_t *pos,
			   int rwf)
{
	struct pty *p = master_pty(f);
	size_t want = iov_bytes(iov, n), got;
	unsigned char buf[LDISC_SIZE];
	bool dead;

	if (want == 0)
		return 0;
	if (want > sizeof(buf))
		want = sizeof(buf);
	for (;;) {
		pthread_mutex_lock(&p->io);
		got = master_take(p, buf, want);
		dead = p->slave_seen && p->slaves == 0;
		pthread_mutex_unlock(&p->io);
		if (got)
			break;
		if (dead)
			return -EIO;
		if (f->flags & O_NONBLOCK)
			return -EAGAIN;
		if (waitq_wait_event(&p->master_wait, NULL, master_readable(p)) < 0)
			return -ERESTARTSYS;
	}
	waitq_wake(&p->slave_wait, POLLOUT | POLLWRNORM);
	return iov_copy(iov, n, 0, buf, got, true) == got ? (ssize_t)got : -EFAULT;
}

/* Room for typed bytes: see ldisc_receive(). */
static bool master_writable(struct pty *p)
{
	bool yes;

	pthread_mutex_lock(&p->io);
	yes = ldisc_can_receive(&p->line);
	pthread_mutex_unlock(&p->io);
	return yes;
}

/* Hands typed bytes to the line, and does what they ask for. */
static size_t type(struct pty *p, const unsigned char *buf, size_t m)
{
	unsigned signals, status;
	size_t taken;
	bool stopped;

	pthread_mutex_lock(&p->io);
	stopped = p->line.stopped;
	taken = ldisc_receive(&p->line, buf, m, &signals);
	status = p->line.stopped == stopped ? 0 : stopped ? TIOCPKT_START : TIOCPKT_STOP;
	if (signals && !(p->line.t.c_lflag & NOFLSH))
		status |= TIOCPKT_FLUSHREAD | TIOCPKT_FLUSHWRITE;
	if (p->packet)
		p->packet_status |= status;
	pthread_mutex_unlock(&p->io);
	waitq_wake(&p->slave_wait, POLLIN | POLLRDNORM | POLLOUT | POLLWRNORM);
	waitq_wake(&p->master_wait, POLLIN | POLLRDNORM);
	for (int sig = 1; sig < 32; sig++)
		if (signals & LDISC_SIGNAL(sig))
			tty_signal_foreground(&p->tty, sig);
	return taken;
}

static ssize_t master_write(struct file *f, const struct iovec *iov, int n, const off_t *pos,
			    int rwf)
{
	struct pty *p = master_pty(f);
	size_t total = iov_bytes(iov, n), done = 0;
	unsigned char buf[512];

	while (done < total) {
		size_t m = iov_copy(iov, n, done, buf, sizeof(buf), false), taken;
		bool dead;

		if (m == 0)
			return done ? (ssize_t)done : -EFAULT;
		pthread_mutex_lock(&p->io);
		dead = p->slave_seen && p->slaves == 0;
		pthread_mutex_unlock(&p->io);
		if (dead)
			return done ? (ssize_t)done : -EIO;
		taken = type(p, buf, m);
		done += taken;
		if (taken == m)
			continue;
		if (f->flags & O_NONBLOCK)
			return done ? (ssize_t)done : -EAGAIN;
		if (waitq_wait_event(&p->master_wait, NULL, master_writable(p)) < 0)
			return done ? (ssize_t)done : -ERESTARTSYS;
	}
	return done;
}

static unsigned master_poll(struct file *f, struct waitq **queue)
{
	struct pty *p = master_pty(f);
	unsigned ev = 0;

	*queue = &p->master_wait;
	pthread_mutex_lock(&p->io);
	if (ldisc_output(&p->line))
		ev |= POLLIN | POLLRDNORM;
	if (p->packet && p->packet_status)
		ev |= POLLIN | POLLRDNORM | POLLPRI;
	if (p->slave_seen && p->slaves == 0)
		ev |= POLLHUP;
	if (ldisc_can_receive(&p->line))
		ev |= POLLOUT | POLLWRNORM;
	pthread_mutex_unlock(&p->io);
	return ev;
}

static long master_ioctl(struct file *f, unsigned cmd, uint64_t arg)
{
	struct pty *p = master_pty(f);
	struct file *slave;
	long r;

	switch (cmd) {
	case TIOCGPTPEER:
		r = open_slave(p, arg, true, &slave);
		return r < 0 ? r : fd_install(slave, arg & O_CLOEXEC);
	case TIOCGPGRP:
	case TIOCGSID:
	case TIOCSPGRP:
		return tty_job_ioctl(&p->tty, cmd, arg, false);
	default:
		return pty_ioctl(p, cmd, arg, true);
	}
}

static int master_stat(struct file *f, struct stat *st)
{
	devpts_stat_ptmx(st);
	return 0;
}

static void master_release(struct file *f)
{
	struct pty *p = master_pty(f);

	devpts_hide(minor(p->tty.rdev));
	pthread_mutex_lock(&p->io);
	p->master_open = false;
	pthread_mutex_unlock(&p->io);
	waitq_wake(&p->slave_wait, POLLIN | POLLOUT | POLLERR | POLLHUP);
	tty_hangup_session(&p->tty);
	tty_put(&p->tty);
	free(container_of(f, struct master_file, f));
}

static const struct file_ops pty_master_ops = {
	.name = "ptmx",
	.read = master_read,
	.write = master_write,
	.ioctl = master_ioctl,
	.stat = master_stat,
	.poll = master_poll,
	.set_flags = pty_set_flags,
	.release = master_release,
};

bool pty_is_master(struct file *f)
{
	return f->ops == &pty_master_ops;
}

static void pty_release(struct tty *t)
{
	struct pty *p = pty_of(t);

	devpts_remove(minor(t->rdev));
	pthread_mutex_destroy(&t->lock);
	pthread_mutex_destroy(&p->io);
	free(p);
}

int pty_open_master(unsigned flags, struct file **out)
{
	struct master_file *m = calloc(1, sizeof(*m));
	struct pty *p = calloc(1, sizeof(*p));
	int n = m && p ? devpts_add(&p->tty) : -ENOMEM;

	if (n < 0) {
		free(m);
		free(p);
		return n;
	}
	pthread_mutex_init(&p->io, NULL);
	waitq_init(&p->slave_wait);
	waitq_init(&p->master_wait);
	ldisc_init(&p->line);
	p->master_open = p->locked = true;
	devpts_set_owner(n, setfsuid(-1), TTY_GID, 0620);
	tty_init(&p->tty, n, false, pty_release);
	file_init(&m->f, &pty_master_ops, flags & (O_ACCMODE | O_NONBLOCK | O_APPEND | O_SYNC),
		  S_IFCHR);
	m->f.ino = 2;
	m->f.wait = &p->master_wait;
	m->pty = p;
	*out = &m->f;
	return 0;
}
