/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The container's terminal, and an exec's: the slave side of a pty on the host. The host edits
 * lines and echoes; job control among guest processes is husk's, before the host is asked.
 *
 * One struct tty a terminal, however often it is opened: a registry knows them by device and
 * inode, so that stdin, stdout and an open of /dev/console mean the same terminal.
 */
#include <asm/ioctls.h>
#include <asm/termios.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/hostcall.h"
#include "base/hostproc.h"
#include "base/usermem.h"
#include "vfs/tty_file.h"

struct host_tty {
	struct tty tty;
	struct list link;
	int fd;	   /* to open it again from; O_RDWR where the first opener had that */
	dev_t dev; /* of the host's node */
	ino_t ino;
};

static pthread_mutex_t registry_lock = PTHREAD_MUTEX_INITIALIZER;
static struct list registry = LIST_INIT(registry);

static struct host_tty *host_tty(struct tty *t)
{
	return container_of(t, struct host_tty, tty);
}

static int host_fd(struct file *f)
{
	return f->fd;
}

static struct tty *file_tty(struct file *f)
{
	return container_of(f, struct tty_file, f)->tty;
}

/* ---- reading and writing ----------------------------------------------------------------------- */

static ssize_t host_tty_read(struct file *f, const struct iovec *iov, int n, const off_t *pos,
			     int rwf)
{
	int r = tty_check_background(file_tty(f), SIGTTIN);
	ssize_t got;

	if (r < 0)
		return r;
	got = host_call_intr(SYS_readv, host_fd(f), (long)iov, n, 0, 0, 0);
	return got == -EINTR ? -ERESTARTSYS : got;
}

static ssize_t host_tty_write(struct file *f, const struct iovec *iov, int n, const off_t *pos,
			      int rwf)
{
	struct termios t;
	ssize_t done;
	int r;

	if (host_call(SYS_ioctl, host_fd(f), TCGETS, &t) == 0 && (t.c_lflag & TOSTOP)) {
		r = tty_check_background(file_tty(f), SIGTTOU);
		if (r < 0)
			return r;
	}
	done = host_call_intr(SYS_writev, host_fd(f), (long)iov, n, 0, 0, 0);
	return done == -EINTR ? -ERESTARTSYS : done;
}

/* ---- ioctl ------------------------------------------------------------------------------------- */

/* Requests that carry a struct: how large it is, and which way it goes. */
static const struct {
	unsigned cmd;
	unsigned short size;
	bool in, out;
	bool changes; /* from the background: SIGTTOU */
} host_requests[] = {
	{TCGETS, sizeof(struct termios), false, true, false},
	{TCGETS2, sizeof(struct termios2), false, true, false},
	{TCGETA, sizeof(struct termio), false, true, false},
	{TCSETS, sizeof(struct termios), true, false, true},
	{TCSETSW, sizeof(struct termios), true, false, true},
	{TCSETSF, sizeof(struct termios), true, false, true},
	{TCSETS2, sizeof(struct termios2), true, false, true},
	{TCSETSW2, sizeof(struct termios2), true, false, true},
	{TCSETSF2, sizeof(struct termios2), true, false, true},
	{TCSETA, sizeof(struct termio), true, false, true},
	{TCSETAW, sizeof(struct termio), true, false, true},
	{TCSETAF, sizeof(struct termio), true, false, true},
	{TIOCGWINSZ, sizeof(struct winsize), false, true, false},
	{TIOCSWINSZ, sizeof(struct winsize), true, false, false},
	{TIOCOUTQ, sizeof(int), false, true, false},
	{FIONREAD, sizeof(int), false, true, false},
	{TIOCGETD, sizeof(int), false, true, false},
	{TIOCMGET, sizeof(int), false, true, false},
	{TIOCGEXCL, sizeof(int), false, true, false},
	{TIOCGSOFTCAR, sizeof(int), false, true, false},
};

static long struct_ioctl(struct file *f, unsigned cmd, uint64_t arg, unsigned i)
{
	char buf[64] = {0};
	long r;

	_Static_assert(sizeof(struct termios2) <= sizeof(buf), "buf holds every request");
	if (host_requests[i].in && copy_in(buf, arg, host_requests[i].size) < 0)
		return -EFAULT;
	if (host_requests[i].changes) {
		r = tty_check_background(file_tty(f), SIGTTOU);
		if (r < 0)
			return r;
	}
	/* The W and F requests wait for output to drain. */
	r = host_call_intr(SYS_ioctl, host_fd(f), cmd, (long)buf, 0, 0, 0);
	if (r == -EINTR)
		return -ERESTARTSYS;
	if (r >= 0 && host_requests[i].out && copy_out(arg, buf, host_requests[i].size) < 0)
		return -EFAULT;
	return r;
}

static long host_tty_ioctl(struct file *f, unsigned cmd, uint64_t arg)
{
	long r = tty_job_ioctl(file_tty(f), cmd, arg, true);

	if (r != -ENOIOCTLCMD)
		return r;
	for (unsigned i = 0; i < sizeof(host_requests) / sizeof(*host_requests); i++)
		if (host_requests[i].cmd == cmd)
			return struct_ioctl(f, cmd, arg, i);
	switch (cmd) {
	case TCSBRK:
	case TCSBRKP:
	case TCXONC:
	case TCFLSH:
		r = tty_check_background(file_tty(f), SIGTTOU);
		if (r < 0)
			return r;
		r = host_call_intr(SYS_ioctl, host_fd(f), cmd, (int)arg, 0, 0, 0);
		return r == -EINTR ? -ERESTARTSYS : r;
	case TIOCEXCL:
	case TIOCNXCL:
		return host_call(SYS_ioctl, host_fd(f), cmd, 0);
	default:
		return -ENOTTY;
	}
}

/* ---- open and close ---------------------------------------------------------------------------- */

static int host_tty_stat(struct file *f, struct stat *st)
{
	/* The same file as /dev/pts/N: ttyname(3) compares device and inode. */
	devpts_stat(minor(file_tty(f)->rdev), st);
	return 0;
}

static void host_tty_file_release(struct file *f)
{
	struct tty_file *tf = container_of(f, struct tty_file, f);

	if (f->fd >= 0)
		close(f->fd);
	tty_put(tf->tty);
	free(tf);
}

const struct file_ops tty_host_ops = {
	.name = "tty",
	.read = host_tty_read,
	.write = host_tty_write,
	.ioctl = host_tty_ioctl,
	.stat = host_tty_stat,
	.release = host_tty_file_release,
};

static void host_tty_release(struct tty *t)
{
	struct host_tty *h = host_tty(t);

	pthread_mutex_lock(&registry_lock);
	list_del(&h->link);
	pthread_mutex_unlock(&registry_lock);
	devpts_remove(minor(t->rdev));
	close(h->fd);
	pthread_mutex_destroy(&t->lock);
	free(h);
}

/* A reference to the registered terminal with this identity, unless it is on its way out. */
static struct tty *find_registered(const struct stat *st)
{
	struct host_tty *h;
	struct tty *found = NULL;

	pthread_mutex_lock(&registry_lock);
	list_for_each(h, &registry, link) {
		unsigned refs = h->tty.refs;

		if (h->dev != st->st_dev || h->ino != st->st_ino)
			continue;
		while (refs && !atomic_compare_exchange_weak(&h->tty.refs, &refs, refs + 1))
			;
		if (refs) {
			found = &h->tty;
			break;
		}
	}
	pthread_mutex_unlock(&registry_lock);
	return found;
}

static int register_tty(int fd, const struct stat *st, struct tty **out)
{
	struct host_tty *h = calloc(1, sizeof(*h));
	int n;

	if (!h)
		return -ENOMEM;
	h->fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	if (h->fd < 0) {
		free(h);
		return -ENFILE;
	}
	n = devpts_add(&h->tty);
	if (n < 0) {
		close(h->fd);
		free(h);
		return n;
	}
	tty_init(&h->tty, n, true, host_tty_release);
	h->dev = st->st_dev;
	h->ino = st->st_ino;
	devpts_set_owner(n, st->st_uid, st->st_gid, st->st_mode & 07777);
	pthread_mutex_lock(&registry_lock);
	list_add_tail(&registry, &h->link);
	pthread_mutex_unlock(&registry_lock);
	*out = &h->tty;
	return 0;
}

int tty_open_host(int fd, unsigned flags, struct tty *share, struct file **out)
{
	struct tty_file *tf = calloc(1, sizeof(*tf));
	struct stat st;
	int r = tf ? 0 : -ENOMEM;

	if (r == 0 && fstat(fd, &st) < 0)
		r = -errno;
	if (r == 0) {
		tf->tty = share ? tty_get(share) : find_registered(&st);
		if (!tf->tty)
			r = register_tty(fd, &st, &tf->tty);
	}
	if (r < 0) {
		free(tf);
		close(fd);
		return r;
	}
	file_init(&tf->f, &tty_host_ops,
		  flags & ~(unsigned)(O_CREAT | O_EXCL | O_TRUNC | O_NOCTTY | O_CLOEXEC), S_IFCHR);
	tf->f.fd = fd;
	tf->f.dev = st.st_dev;
	tf->f.ino = st.st_ino;
	*out = &tf->f;
	return 0;
}

int tty_host_reopen(struct tty *t, unsigned flags, struct file **out)
{
	int fd = hostproc_reopen(host_tty(t)->fd, (flags & ~(unsigned)O_CREAT) | O_NOCTTY | O_CLOEXEC);
	int r;

	if (fd < 0)
		return fd;
	r = tty_open_host(fd, flags, t, out);
	if (r == 0)
		tty_opened(t, flags);
	return r;
}
