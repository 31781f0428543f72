/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Open file descriptions: counting, and the questions that every kind answers.
 */
#include "vfs/file.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>

#include "base/hostcall.h"
#include "base/hostproc.h"
#include "vfs/denywrite.h"
#include "vfs/epoll.h"
#include "vfs/fs.h"
#include "vfs/pseudo.h"
#include "vfs/tty.h"

/* What F_GETFL shows on x86-64 for every file that a 64-bit program opens; glibc's constant is 0. */
#define KERNEL_O_LARGEFILE 0100000U

void file_init(struct file *f, const struct file_ops *ops, unsigned flags, mode_t type)
{
	memset(f, 0, sizeof(*f));
	f->ops = ops;
	atomic_init(&f->refs, 1);
	f->fd = -1;
	flags &= ~(unsigned)(O_CREAT | O_EXCL | O_NOCTTY | O_TRUNC | O_CLOEXEC);
	if (!(flags & O_PATH))
		flags |= KERNEL_O_LARGEFILE;
	atomic_init(&f->flags, flags);
	f->type = type & S_IFMT;
	list_init(&f->links);
}

struct file *file_get(struct file *f)
{
	atomic_fetch_add_explicit(&f->refs, 1, memory_order_relaxed);
	return f;
}

bool file_tryget(struct file *f)
{
	unsigned refs = atomic_load(&f->refs);

	while (refs)
		if (atomic_compare_exchange_weak(&f->refs, &refs, refs + 1))
			return true;
	return false;
}

void file_put(struct file *f)
{
	if (!f || atomic_fetch_sub(&f->refs, 1) != 1)
		return;
	epoll_forget(f);
	f->ops->release(f);
}

bool file_is_tty(struct file *f)
{
	return tty_of_file(f) != NULL;
}

int file_stat(struct file *f, struct stat *st)
{
	if (f->ops->stat)
		return f->ops->stat(f, st);
	if (f->fd < 0)
		return -EBADF;
	return (int)host_call(SYS_fstat, f->fd, st);
}

unsigned file_poll(struct file *f)
{
	struct waitq *queue;
	struct pollfd p = {.fd = f->fd, .events = ~0};
	struct timespec now = {0};
	long r;

	if (f->ops->poll)
		return f->ops->poll(f, &queue);
	if (f->fd < 0)
		return POLLIN | POLLOUT | POLLRDNORM | POLLWRNORM;
	r = host_call(SYS_ppoll, &p, 1, &now, NULL, 0);
	return r > 0 ? (unsigned short)p.revents : 0;
}

/* By the sandbox' procfs; interruptibly, since a FIFO waits for its other end. */
static int reopen_on_host(struct file *f, unsigned flags, struct file **out)
{
	char name[32];
	long fd;
	int r;

	hostproc_fd_name(f->fd, name);
	fd = host_call_intr(SYS_openat, hostproc_dir(), (long)name,
			    deny_write_open_flags(flags) | O_CLOEXEC | O_NOCTTY, 0, 0, 0);
	if (fd < 0)
		return fd == -EINTR ? -ERESTARTSYS : fd == -EMFILE ? -ENFILE : (int)fd;
	r = file_from_host((int)fd, flags, out);
	if (!r && (r = deny_write_opened(*out, flags)) < 0)
		file_put(*out);
	return r;
}

int file_reopen(struct file *f, unsigned flags, struct file **out)
{
	struct pnode *node = pnode_of_file(f);
	struct tty *tty = tty_of_file(f);

	flags &= ~(unsigned)(O_CREAT | O_EXCL);
	if (node)
		return pnode_open(node, flags, out);
	if (!file_is_host(f) && (flags & O_PATH)) {
		*out = file_get(f);
		return 0;
	}
	if (tty && !(flags & O_PATH))
		return tty_reopen(tty, flags, out);
	if (!file_is_host(f) || (f->type == S_IFSOCK && !(flags & O_PATH)))
		return -ENXIO;
	return reopen_on_host(f, flags, out);
}

int file_path(struct file *f, char *buf, size_t n)
{
	struct pnode *node = pnode_of_file(f);
	struct tty *tty = tty_of_file(f);
	ssize_t r;
	int len;

	if (node)
		return fs_pnode_path(node, buf, n);
	if (tty)
		len = snprintf(buf, n, "/dev/%s", tty->name);
	else if (pty_is_master(f))
		len = snprintf(buf, n, "/dev/ptmx");
	else if (!file_is_host(f))
		len = snprintf(buf, n, "anon_inode:[%s]", f->ops->name);
	else if ((r = hostproc_fd_path(f->fd, buf, n)) < 0)
		return (int)r;
	else
		len = (int)r;
	if ((size_t)len >= n)
		return -ENAMETOOLONG;
	buf[len] = '\0';
	return 0;
}
