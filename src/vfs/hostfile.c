/* SPDX-License-Identifier: GPL-2.0-or-later */
/*T:520 Most work is the host's
 * Host-backed descriptions: I/O is one host system call into (pinned) guest memory; offset, flags
 * and readiness are the host's.
 *
 * Two tables of operations: regular files and directories answer soon and are called plainly;
 * everything else (pipes, FIFOs, devices, eventfd …) may sleep for ever and is called interruptibly.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/random.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/hostcall.h"
#include "base/usermem.h"
#include "vfs/denywrite.h"
#include "vfs/file.h"
#include "vfs/tty.h"

/* linux/timerfd.h cannot be included beside glibc's fcntl.h. */
#ifndef TFD_IOC_SET_TICKS
#define TFD_IOC_SET_TICKS _IOW('T', 0, uint64_t)
#endif

static int (*make_socket)(int fd, unsigned flags, struct file **out);

void file_set_socket_factory(int (*make)(int fd, unsigned flags, struct file **out))
{
	make_socket = make;
}

/* ---- moving bytes ---------------------------------------------------------------------------- */

static ssize_t plain_read(struct file *f, const struct iovec *iov, int n, const off_t *pos, int rwf)
{
	if (n == 1 && !rwf)
		return pos ? host_call(SYS_pread64, f->fd, iov->iov_base, iov->iov_len, *pos)
			   : host_call(SYS_read, f->fd, iov->iov_base, iov->iov_len);
	return host_call(SYS_preadv2, f->fd, iov, n, pos ? *pos : (off_t)-1, 0, rwf);
}

static ssize_t plain_write(struct file *f, const struct iovec *iov, int n, const off_t *pos,
			   int rwf)
{
	if (n == 1 && !rwf)
		return pos ? host_call(SYS_pwrite64, f->fd, iov->iov_base, iov->iov_len, *pos)
			   : host_call(SYS_write, f->fd, iov->iov_base, iov->iov_len);
	return host_call(SYS_pwritev2, f->fd, iov, n, pos ? *pos : (off_t)-1, 0, rwf);
}

static ssize_t restartable(ssize_t r)
{
	return r == -EINTR ? -ERESTARTSYS : r;
}

static ssize_t sleeping_read(struct file *f, const struct iovec *iov, int n, const off_t *pos,
			     int rwf)
{
	return restartable(host_call_intr(SYS_preadv2, f->fd, (long)iov, n, pos ? *pos : -1, 0,
					  rwf));
}

static ssize_t sleeping_write(struct file *f, const struct iovec *iov, int n, const off_t *pos,
			      int rwf)
{
	return restartable(host_call_intr(SYS_pwritev2, f->fd, (long)iov, n, pos ? *pos : -1, 0,
					  rwf));
}

static off_t host_seek(struct file *f, off_t offset, int whence)
{
	return host_call(SYS_lseek, f->fd, offset, whence);
}

static ssize_t host_getdents(struct file *f, void *buf, size_t n)
{
	return host_call(SYS_getdents64, f->fd, buf, n);
}

static void host_release(struct file *f)
{
	deny_write_release(f);
	close(f->fd);
	free(f);
}

/* ---- ioctl ----------------------------------------------------------------------------------- */

/*
 * The requests that are passed on, with what their argument is. Others are ENOTTY: a host driver
 * must not be handed guest addresses of unknown meaning.
 */
struct known_ioctl {
	unsigned cmd;
	unsigned char size;
	bool in, out;
};

static const struct known_ioctl known_ioctls[] = {
	{FIONREAD, sizeof(int), false, true},
	{FIOQSIZE, sizeof(int64_t), false, true},
	{FIGETBSZ, sizeof(int), false, true},
	/* Declared with long, implemented with int since ever (ioctl_iflags(2)). */
	{FS_IOC_GETFLAGS, sizeof(int), false, true},
	{FS_IOC_SETFLAGS, sizeof(int), true, false},
	{FS_IOC_GETVERSION, sizeof(int), false, true},
	{FS_IOC_FSGETXATTR, sizeof(struct fsxattr), false, true},
	{FS_IOC_FSSETXATTR, sizeof(struct fsxattr), true, false},
	{BLKGETSIZE64, sizeof(uint64_t), false, true},
	{BLKGETSIZE, sizeof(long), false, true},
	{BLKSSZGET, sizeof(int), false, true},
	{BLKPBSZGET, sizeof(int), false, true},
	{BLKROGET, sizeof(int), false, true},
	{RNDGETENTCNT, sizeof(int), false, true},
	{TFD_IOC_SET_TICKS, sizeof(uint64_t), true, false},
};

/* FICLONE names its source by descriptor: the guest's becomes the host's. */
static long clone_ioctl(struct file *f, int src_fd, struct file_clone_range *range)
{
	struct file *src = fd_get(src_fd);
	long r = -EXDEV;

	if (!src)
		return -EBADF;
	if (file_is_host(src)) {
		if (range)
			range->src_fd = src->fd;
		r = range ? host_call(SYS_ioctl, f->fd, FICLONERANGE, range)
			  : host_call(SYS_ioctl, f->fd, FICLONE, src->fd);
	}
	file_put(src);
	return r;
}

static long host_ioctl(struct file *f, unsigned cmd, uint64_t arg)
{
	struct file_clone_range range;
	char data[64];
	long r;

	if (cmd == (unsigned)FICLONE)
		return clone_ioctl(f, (int)arg, NULL);
	if (cmd == (unsigned)FICLONERANGE)
		return copy_in_obj(&range, arg) < 0 ? -EFAULT
						    : clone_ioctl(f, (int)range.src_fd, &range);
	for (size_t i = 0; i < sizeof(known_ioctls) / sizeof(known_ioctls[0]); i++) {
		const struct known_ioctl *k = &known_ioctls[i];

		if (k->cmd != cmd)
			continue;
		if (k->in && copy_in(data, arg, k->size) < 0)
			return -EFAULT;
		r = host_call(SYS_ioctl, f->fd, cmd, data);
		if (r >= 0 && k->out && copy_out(arg, data, k->size) < 0)
			return -EFAULT;
		return r;
	}
	return -ENOTTY;
}

/* ---- making them ----------------------------------------------------------------------------- */

static const struct file_ops plain_ops = {
	.name = "file",
	.read = plain_read,
	.write = plain_write,
	.seek = host_seek,
	.ioctl = host_ioctl,
	.getdents = host_getdents,
	.release = host_release,
};

static const struct file_ops sleeping_ops = {
	.name = "host",
	.read = sleeping_read,
	.write = sleeping_write,
	.seek = host_seek,
	.ioctl = host_ioctl,
	.release = host_release,
};

/* O_PATH descriptions and sockets nobody can make: nothing but identity. */
static const struct file_ops path_ops = {
	.name = "path",
	.release = host_release,
};

/*
 * Character devices that stand for something of husk's: the caller's controlling terminal, a new
 * pty, or the container's own terminal. 1: *out is made and fd closed; 0: an ordinary device.
 */
static int special_device(int fd, dev_t rdev, unsigned flags, struct file **out)
{
	int r;

	if (rdev == makedev(5, 0) || rdev == makedev(5, 2)) {
		close(fd);
		r = rdev == makedev(5, 0) ? tty_open_current(flags, out)
					  : pty_open_master(flags, out);
		return r < 0 ? r : 1;
	}
	if (!isatty(fd))
		return 0;
	r = tty_open_host(fd, flags, NULL, out);
	return r < 0 ? r : 1;
}

int file_from_host(int fd, unsigned flags, struct file **out)
{
	const struct file_ops *ops;
	struct stat st;
	struct file *f;
	int r = (int)host_call(SYS_fstat, fd, &st);

	if (r < 0) {
		close(fd);
		return r;
	}
	if (flags & O_PATH)
		ops = &path_ops;
	else if (S_ISREG(st.st_mode) || S_ISDIR(st.st_mode) || S_ISBLK(st.st_mode))
		ops = &plain_ops;
	else if (S_ISSOCK(st.st_mode) && make_socket)
		return make_socket(fd, flags, out);
	else if (S_ISSOCK(st.st_mode))
		ops = &path_ops;
	else
		ops = &sleeping_ops;
	if (S_ISCHR(st.st_mode) && !(flags & O_PATH)) {
		r = special_device(fd, st.st_rdev, flags, out);
		if (r)
			return r < 0 ? r : 0;
	}
	f = malloc(sizeof(*f));
	if (!f) {
		close(fd);
		return -ENOMEM;
	}
	file_init(f, ops, flags, st.st_mode);
	f->fd = fd;
	f->dev = st.st_dev;
	f->ino = st.st_ino;
	*out = f;
	return 0;
}
