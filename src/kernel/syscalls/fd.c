/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Descriptors: making, copying and closing them, fcntl(2), ioctl(2), fstat(2), getdents(2). */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/hostcall.h"
#include "base/usermem.h"
#include "kernel/syscalls/files.h"
#include "kernel/syscalls/syscalls.h"
#include "kernel/task.h"
#include "vfs/anon.h"
#include "vfs/fs.h"
#include "vfs/lock.h"
#include "vfs/pseudo.h"

/* Newer than the C library's headers, or only in the kernel's, which clash with them. */
#ifndef F_DUPFD_QUERY
#define F_DUPFD_QUERY (1024 + 3)
#endif
#ifndef CLOSE_RANGE_UNSHARE
#define CLOSE_RANGE_UNSHARE 2U
#endif
#ifndef CLOSE_RANGE_CLOEXEC
#define CLOSE_RANGE_CLOEXEC 4U
#endif

/* What F_SETFL can change. */
#define SETFL_MASK (O_APPEND | O_NONBLOCK | O_ASYNC | O_DIRECT | O_NOATIME)

/* The largest bounce buffer of one getdents. */
#define DENTS_SIZE (32 * 1024)

struct file *fd_get_real(int fd)
{
	struct file *f = fd_get(fd);

	if (f && (f->flags & O_PATH)) {
		file_put(f);
		return NULL;
	}
	return f;
}

/* The guest's RLIMIT_NOFILE as a descriptor number's bound. */
static int nofile_limit(void)
{
	uint64_t limit = atomic_load(&current->group->rlim_nofile);

	return limit > INT_MAX ? INT_MAX : (int)limit;
}

long sys_close(const uint64_t a[6])
{
	return fdtable_close(current->files, (int)a[0]);
}

/* Gives the caller a table of its own, if it shares one (CLOSE_RANGE_UNSHARE). */
static int unshare_files(void)
{
	struct fdtable *own, *old = current->files;

	if (!fdtable_shared(old))
		return 0;
	own = fdtable_copy(old);
	if (!own)
		return -ENOMEM;
	pthread_mutex_lock(&current->lock);
	current->files = own;
	pthread_mutex_unlock(&current->lock);
	fdtable_use(own, &current->group->rlim_nofile);
	fdtable_put(old);
	return 0;
}

long sys_close_range(const uint64_t a[6])
{
	unsigned flags = (unsigned)a[2];

	if (flags & ~(CLOSE_RANGE_UNSHARE | CLOSE_RANGE_CLOEXEC) || (unsigned)a[0] > (unsigned)a[1])
		return -EINVAL;
	if ((flags & CLOSE_RANGE_UNSHARE) && unshare_files() < 0)
		return -ENOMEM;
	return fdtable_close_range(current->files, (unsigned)a[0], (unsigned)a[1],
				   flags & CLOSE_RANGE_CLOEXEC);
}

/* ---- copies ---------------------------------------------------------------------------------- */

/* fcntl's and dup's lowest number ≥ min. f's reference is taken over. */
static long dup_above(struct file *f, int min, bool cloexec)
{
	int fd = fdtable_install(current->files, f, min, nofile_limit(), cloexec);

	if (fd < 0)
		file_put(f);
	return fd;
}

long sys_dup(const uint64_t a[6])
{
	struct file *f = fd_get((int)a[0]);

	return f ? dup_above(f, 0, false) : -EBADF;
}

static long dup_to(int oldfd, int newfd, bool cloexec)
{
	struct file *f = fd_get(oldfd);
	long r;

	if (!f)
		return -EBADF;
	r = fdtable_install_at(current->files, f, newfd, nofile_limit(), cloexec);
	if (r < 0)
		file_put(f);
	return r;
}

long sys_dup2(const uint64_t a[6])
{
	cleanup_file struct file *f = fd_get((int)a[0]);

	if (!f)
		return -EBADF;
	if ((int)a[0] == (int)a[1])
		return (int)a[1];
	return dup_to((int)a[0], (int)a[1], false);
}

long sys_dup3(const uint64_t a[6])
{
	unsigned flags = (unsigned)a[2];

	if ((flags & ~(unsigned)O_CLOEXEC) || (int)a[0] == (int)a[1])
		return -EINVAL;
	return dup_to((int)a[0], (int)a[1], flags & O_CLOEXEC);
}

/* ---- fcntl ----------------------------------------------------------------------------------- */

static long set_flags(struct file *f, unsigned wanted)
{
	unsigned flags = (f->flags & ~(unsigned)SETFL_MASK) | (wanted & SETFL_MASK);
	long r;

	if (f->ops->set_flags)
		r = f->ops->set_flags(f, flags);
	else
		/* O_ASYNC would signal the sandbox: it is remembered only. */
		r = f->fd < 0 ? 0 : host_call(SYS_fcntl, f->fd, F_SETFL, flags & ~(unsigned)O_ASYNC);
	if (r >= 0)
		f->flags = flags;
	return r < 0 ? r : 0;
}

static long record_lock(struct file *f, int cmd, uint64_t arg)
{
	struct flock l;
	long r;

	if (copy_in_obj(&l, arg) < 0)
		return -EFAULT;
	if (cmd == F_OFD_GETLK || cmd == F_OFD_SETLK || cmd == F_OFD_SETLKW)
		r = lock_ofd(f, cmd, &l);
	else
		r = lock_posix(current->files, f, cmd, &l, current->group->tgid);
	if (r >= 0 && (cmd == F_GETLK || cmd == F_OFD_GETLK) && copy_out_obj(arg, &l) < 0)
		return -EFAULT;
	return r;
}

static long set_owner(struct file *f, int kind, pid_t pid)
{
	f->owner_kind = (uint64_t)kind;
	f->owner = (uint64_t)pid;
	return 0;
}

static long owner_ex(struct file *f, int cmd, uint64_t arg)
{
	struct f_owner_ex ex = {.type = (int)f->owner_kind, .pid = (pid_t)f->owner};

	if (cmd == F_GETOWN_EX)
		return copy_out_obj(arg, &ex);
	if (copy_in_obj(&ex, arg) < 0)
		return -EFAULT;
	if (ex.type != F_OWNER_TID && ex.type != F_OWNER_PID && ex.type != F_OWNER_PGRP)
		return -EINVAL;
	return set_owner(f, ex.type, ex.pid);
}

/* F_GET_RW_HINT and friends have a 64-bit word behind the pointer. */
static long rw_hint(struct file *f, int cmd, uint64_t arg)
{
	bool set = cmd == F_SET_RW_HINT || cmd == F_SET_FILE_RW_HINT;
	uint64_t hint = 0;
	long r;

	if (set && copy_in_obj(&hint, arg) < 0)
		return -EFAULT;
	if (!file_is_host(f))
		return -EINVAL;
	r = host_call(SYS_fcntl, f->fd, cmd, &hint);
	return r >= 0 && !set && copy_out_obj(arg, &hint) < 0 ? -EFAULT : r;
}

static long dup_query(struct file *f, int fd)
{
	cleanup_file struct file *other = fd_get(fd);

	return other ? other == f : -EBADF;
}

/* Those that concern the descriptor, and so are allowed on O_PATH ones as well. */
static bool fcntl_on_path(int cmd)
{
	switch (cmd) {
	case F_DUPFD:
	case F_DUPFD_CLOEXEC:
	case F_DUPFD_QUERY:
	case F_GETFD:
	case F_SETFD:
	case F_GETFL:
		return true;
	}
	return false;
}

static long fcntl_owner(struct file *f, int cmd, uint64_t arg)
{
	int who = (int)arg;

	switch (cmd) {
	case F_GETOWN:
		return f->owner_kind == F_OWNER_PGRP ? -(long)f->owner : (long)f->owner;
	case F_SETOWN:
		if (who == INT_MIN)
			return -EINVAL;
		return who < 0 ? set_owner(f, F_OWNER_PGRP, -who) : set_owner(f, F_OWNER_PID, who);
	case F_GETSIG:
		return f->sigio;
	case F_SETSIG:
		if (arg > NSIG_GUEST)
			return -EINVAL;
		f->sigio = who;
		return 0;
	default:
		return owner_ex(f, cmd, arg);
	}
}

static long do_fcntl(struct file *f, int fd, int cmd, uint64_t arg)
{
	switch (cmd) {
	case F_DUPFD:
	case F_DUPFD_CLOEXEC:
		if (arg >= (uint64_t)nofile_limit())
			return -EINVAL;
		return dup_above(file_get(f), (int)arg, cmd == F_DUPFD_CLOEXEC);
	case F_DUPFD_QUERY:
		return dup_query(f, (int)arg);
	case F_GETFD:
		return fdtable_get_cloexec(current->files, fd);
	case F_SETFD:
		return fdtable_set_cloexec(current->files, fd, arg & FD_CLOEXEC);
	case F_GETFL:
		return f->flags;
	case F_SETFL:
		return set_flags(f, (unsigned)arg);
	case F_GETLK:
	case F_SETLK:
	case F_SETLKW:
	case F_OFD_GETLK:
	case F_OFD_SETLK:
	case F_OFD_SETLKW:
		return record_lock(f, cmd, arg);
	case F_GETOWN:
	case F_SETOWN:
	case F_GETOWN_EX:
	case F_SETOWN_EX:
	case F_GETSIG:
	case F_SETSIG:
		return fcntl_owner(f, cmd, arg);
	case F_GET_RW_HINT:
	case F_SET_RW_HINT:
	case F_GET_FILE_RW_HINT:
	case F_SET_FILE_RW_HINT:
		return rw_hint(f, cmd, arg);
	case F_SETPIPE_SZ:
	case F_GETPIPE_SZ:
	case F_ADD_SEALS:
	case F_GET_SEALS:
		return file_is_host(f) ? host_call(SYS_fcntl, f->fd, cmd, arg) : -EINVAL;
	case F_GETLEASE:
		return F_UNLCK;
	default:
		/* F_SETLEASE and F_NOTIFY among them: signals from the host's inodes are not had. */
		return -EINVAL;
	}
}

long sys_fcntl(const uint64_t a[6])
{
	cleanup_file struct file *f = fd_get((int)a[0]);
	int cmd = (int)a[1];

	if (!f || ((f->flags & O_PATH) && !fcntl_on_path(cmd)))
		return -EBADF;
	return do_fcntl(f, (int)a[0], cmd, a[2]);
}

/* ---- ioctl ----------------------------------------------------------------------------------- */

/* FIONBIO and FIOASYNC: one flag of the description, from an int of the guest's. */
static long ioctl_flag(struct file *f, unsigned flag, uint64_t arg)
{
	int on;

	if (copy_in_obj(&on, arg) < 0)
		return -EFAULT;
	return set_flags(f, on ? f->flags | flag : f->flags & ~flag);
}

long sys_ioctl(const uint64_t a[6])
{
	cleanup_file struct file *f = fd_get_real((int)a[0]);
	unsigned cmd = (unsigned)a[1];

	if (!f)
		return -EBADF;
	switch (cmd) {
	case FIOCLEX:
	case FIONCLEX:
		return fdtable_set_cloexec(current->files, (int)a[0], cmd == FIOCLEX);
	case FIONBIO:
		return ioctl_flag(f, O_NONBLOCK, a[2]);
	case FIOASYNC:
		return ioctl_flag(f, O_ASYNC, a[2]);
	}
	return f->ops->ioctl ? f->ops->ioctl(f, cmd, a[2]) : -ENOTTY;
}

/* ---- looking at it --------------------------------------------------------------------------- */

long sys_fstat(const uint64_t a[6])
{
	cleanup_file struct file *f = fd_get((int)a[0]);
	struct stat st;
	int r;

	if (!f)
		return -EBADF;
	r = file_stat(f, &st);
	return r < 0 ? r : copy_out_obj(a[1], &st);
}

long sys_fstatfs(const uint64_t a[6])
{
	cleanup_file struct file *f = fd_get((int)a[0]);
	struct statfs st;
	int r;

	if (!f)
		return -EBADF;
	r = file_statfs(f, &st);
	return r < 0 ? r : copy_out_obj(a[1], &st);
}

/* Reads entries into a buffer of husk's, *data; the guest's may be larger. */
static long read_entries(const uint64_t a[6], char **data)
{
	cleanup_file struct file *f = fd_get_real((int)a[0]);
	size_t n = (unsigned)a[2] < DENTS_SIZE ? (unsigned)a[2] : DENTS_SIZE;

	if (!f)
		return -EBADF;
	if (!f->ops->getdents)
		return -ENOTDIR;
	*data = malloc(n ? n : 1);
	return *data ? f->ops->getdents(f, *data, n) : -ENOMEM;
}

long sys_getdents64(const uint64_t a[6])
{
	cleanup_free char *data = NULL;
	long r = read_entries(a, &data);

	return r > 0 && copy_out(a[1], data, (size_t)r) < 0 ? -EFAULT : r;
}

struct dirent64_abi {
	uint64_t ino;
	int64_t off;
	uint16_t reclen;
	uint8_t type;
	char name[];
} __attribute__((packed));

/* getdents(2), the old layout: no type before the name, but one in the record's last byte. */
long sys_getdents(const uint64_t a[6])
{
	cleanup_free char *data = NULL;
	long r = read_entries(a, &data);

	for (long at = 0; at < r;) {
		struct dirent64_abi *d = (struct dirent64_abi *)(data + at);
		uint8_t type = d->type;
		size_t header = offsetof(struct dirent64_abi, type);

		/* A new record is never longer than the old, since the type's byte moves. */
		memmove(data + at + header, d->name, d->reclen - header - 1);
		data[at + d->reclen - 1] = (char)type;
		at += d->reclen;
	}
	return r > 0 && copy_out(a[1], data, (size_t)r) < 0 ? -EFAULT : r;
}

/* ---- new ones -------------------------------------------------------------------------------- */

static long make_pipe(uint64_t fds, unsigned flags)
{
	bool cloexec = flags & O_CLOEXEC;
	struct file *ends[2];
	int fd[2], r;

	if (flags & ~(unsigned)(O_CLOEXEC | O_NONBLOCK | O_DIRECT))
		return -EINVAL;
	r = pipe_create(flags & ~(unsigned)O_CLOEXEC, ends);
	if (r < 0)
		return r;
	fd[0] = fd_install(ends[0], cloexec);
	if (fd[0] < 0) {
		file_put(ends[1]);
		return fd[0];
	}
	fd[1] = fd_install(ends[1], cloexec);
	r = fd[1] < 0 ? fd[1] : copy_out(fds, fd, sizeof(fd));
	if (r < 0) {
		fdtable_close(current->files, fd[0]);
		if (fd[1] >= 0)
			fdtable_close(current->files, fd[1]);
	}
	return r;
}

long sys_pipe(const uint64_t a[6])
{
	return make_pipe(a[0], 0);
}

long sys_pipe2(const uint64_t a[6])
{
	return make_pipe(a[0], (unsigned)a[1]);
}

/* memfd_create(2)'s names have at most 249 bytes, behind which the host puts its own. */
#define MEMFD_NAME_MAX 250

long sys_memfd_create(const uint64_t a[6])
{
	unsigned flags = (unsigned)a[1];
	char name[MEMFD_NAME_MAX];
	struct file *f;
	long r = copy_in_str(name, a[0], sizeof(name));

	if (r < 0)
		return r == -ENAMETOOLONG ? -EINVAL : r;
	r = memfd_create_file(name, flags & ~MFD_CLOEXEC, &f);
	return r < 0 ? r : fd_install(f, flags & MFD_CLOEXEC);
}
