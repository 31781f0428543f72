/* SPDX-License-Identifier: GPL-2.0-or-later */
/* System calls on names: decoders for vfs/fs.h. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/capability.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <utime.h>

#include "base/hostcall.h"
#include "base/usermem.h"
#include "kernel/cred.h"
#include "kernel/rlimit.h"
#include "kernel/syscalls/files.h"
#include "kernel/syscalls/syscalls.h"
#include "kernel/task.h"
#include "vfs/fs.h"

/*
 * A path argument: the guest's string, copied in once, and the directory it starts from. Declare it
 * with PATH_ARG, so that the directory's reference goes with the block.
 */
struct path_arg {
	struct file *at;
	char s[PATH_MAX];
};

static void path_arg_end(struct path_arg *p)
{
	file_put(p->at);
}

#define PATH_ARG(name)                                                                             \
	struct path_arg name __attribute__((cleanup(path_arg_end)));                               \
	name.at = NULL

static int path_get(struct path_arg *p, int dirfd, uint64_t addr)
{
	ssize_t r = copy_in_str(p->s, addr, sizeof(p->s));

	return r < 0 ? (int)r : get_dirfd(dirfd, p->s, &p->at);
}

int get_dirfd(int dirfd, const char *path, struct file **out)
{
	*out = NULL;
	if (dirfd == AT_FDCWD || path[0] == '/')
		return 0;
	*out = fd_get(dirfd);
	return *out ? 0 : -EBADF;
}

/* ---- open ------------------------------------------------------------------------------------ */

static long open_at(int dirfd, uint64_t path, unsigned flags, mode_t mode)
{
	PATH_ARG(p);
	struct file *f;
	int r = path_get(&p, dirfd, path);

	if (r < 0)
		return r;
	r = path_open(p.at, p.s, flags, mode, 0, &f);
	return r < 0 ? r : fd_install(f, flags & O_CLOEXEC);
}

long sys_open(const uint64_t a[6])
{
	return open_at(AT_FDCWD, a[0], (unsigned)a[1], (mode_t)a[2]);
}

long sys_creat(const uint64_t a[6])
{
	return open_at(AT_FDCWD, a[0], O_CREAT | O_WRONLY | O_TRUNC, (mode_t)a[1]);
}

long sys_openat(const uint64_t a[6])
{
	return open_at((int)a[0], a[1], (unsigned)a[2], (mode_t)a[3]);
}

#define RESOLVE_KNOWN                                                                              \
	(RESOLVE_NO_XDEV | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_SYMLINKS | RESOLVE_BENEATH |         \
	 RESOLVE_IN_ROOT | RESOLVE_CACHED)
#define OPEN_KNOWN                                                                                 \
	(O_ACCMODE | O_CREAT | O_EXCL | O_NOCTTY | O_TRUNC | O_APPEND | O_NONBLOCK | O_SYNC |      \
	 O_DSYNC | O_ASYNC | O_DIRECT | O_DIRECTORY | O_NOFOLLOW | O_NOATIME | O_CLOEXEC |         \
	 O_PATH | O_TMPFILE | 0100000)

/* openat2(2) is strict where openat(2) looks away. */
static int check_how(const struct open_how *how)
{
	bool makes = (how->flags & O_CREAT) || (how->flags & O_TMPFILE) == O_TMPFILE;

	if ((how->flags & ~(uint64_t)OPEN_KNOWN) || (how->resolve & ~(uint64_t)RESOLVE_KNOWN))
		return -EINVAL;
	if ((how->resolve & RESOLVE_BENEATH) && (how->resolve & RESOLVE_IN_ROOT))
		return -EINVAL;
	if (makes ? (how->mode & ~07777ULL) != 0 : how->mode != 0)
		return -EINVAL;
	if ((how->flags & O_PATH) &&
	    (how->flags & ~(uint64_t)(O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)))
		return -EINVAL;
	return 0;
}

/* The extensible struct: what a newer program has behind ours must be zero. */
static int copy_in_how(struct open_how *how, uint64_t addr, size_t size)
{
	char more[64];

	if (size < sizeof(*how))
		return -EINVAL;
	if (size > 4096)
		return -E2BIG;
	if (copy_in_obj(how, addr) < 0)
		return -EFAULT;
	for (size_t at = sizeof(*how); at < size;) {
		size_t n = size - at < sizeof(more) ? size - at : sizeof(more);

		if (copy_in(more, addr + at, n) < 0)
			return -EFAULT;
		for (size_t i = 0; i < n; i++)
			if (more[i])
				return -E2BIG;
		at += n;
	}
	return check_how(how);
}

long sys_openat2(const uint64_t a[6])
{
	PATH_ARG(p);
	struct open_how how;
	struct file *f;
	int r = copy_in_how(&how, a[2], a[3]);

	if (!r)
		r = path_get(&p, (int)a[0], a[1]);
	/* Here an absolute path may be relative to the directory. */
	if (!r && (how.resolve & RESOLVE_IN_ROOT) && !p.at && (int)a[0] != AT_FDCWD) {
		p.at = fd_get((int)a[0]);
		if (!p.at)
			r = -EBADF;
	}
	if (r < 0)
		return r;
	r = path_open(p.at, p.s, (unsigned)how.flags, (mode_t)how.mode, how.resolve, &f);
	return r < 0 ? r : fd_install(f, how.flags & O_CLOEXEC);
}

/* ---- stat, access, readlink ------------------------------------------------------------------ */

static long stat_at(int dirfd, uint64_t path, uint64_t out, unsigned flags)
{
	PATH_ARG(p);
	struct stat st;
	int r;

	if (flags & ~(unsigned)(AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | AT_EMPTY_PATH))
		return -EINVAL;
	r = path_get(&p, dirfd, path);
	if (!r)
		r = path_stat(p.at, p.s, flags, &st);
	return r < 0 ? r : copy_out_obj(out, &st);
}

long sys_stat(const uint64_t a[6])
{
	return stat_at(AT_FDCWD, a[0], a[1], 0);
}

long sys_lstat(const uint64_t a[6])
{
	return stat_at(AT_FDCWD, a[0], a[1], AT_SYMLINK_NOFOLLOW);
}

long sys_newfstatat(const uint64_t a[6])
{
	return stat_at((int)a[0], a[1], a[2], (unsigned)a[3]);
}

long sys_statx(const uint64_t a[6])
{
	unsigned flags = (unsigned)a[2], mask = (unsigned)a[3];
	struct statx stx;
	PATH_ARG(p);
	int r;

	if ((mask & STATX__RESERVED) ||
	    (flags & ~(unsigned)(AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | AT_EMPTY_PATH |
				 AT_STATX_SYNC_TYPE)) ||
	    (flags & AT_STATX_SYNC_TYPE) == AT_STATX_SYNC_TYPE)
		return -EINVAL;
	memset(&stx, 0, sizeof(stx));
	r = path_get(&p, (int)a[0], a[1]);
	if (!r)
		r = path_statx(p.at, p.s, flags, mask, &stx);
	return r < 0 ? r : copy_out_obj(a[4], &stx);
}

static long access_at(int dirfd, uint64_t path, int mode, unsigned flags)
{
	PATH_ARG(p);
	int r;

	if ((mode & ~7) || (flags & ~(unsigned)(AT_EACCESS | AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH)))
		return -EINVAL;
	r = path_get(&p, dirfd, path);
	return r < 0 ? r : path_access(p.at, p.s, mode, flags);
}

long sys_access(const uint64_t a[6])
{
	return access_at(AT_FDCWD, a[0], (int)a[1], 0);
}

long sys_faccessat(const uint64_t a[6])
{
	return access_at((int)a[0], a[1], (int)a[2], 0);
}

long sys_faccessat2(const uint64_t a[6])
{
	return access_at((int)a[0], a[1], (int)a[2], (unsigned)a[3]);
}

static long readlink_at(int dirfd, uint64_t path, uint64_t out, int size)
{
	char text[PATH_MAX];
	PATH_ARG(p);
	ssize_t r;

	if (size <= 0)
		return -EINVAL;
	r = path_get(&p, dirfd, path);
	if (r < 0)
		return r;
	r = path_readlink(p.at, p.s, text, size < PATH_MAX ? (size_t)size : PATH_MAX);
	if (r > size)
		r = size;
	return r > 0 && copy_out(out, text, (size_t)r) < 0 ? -EFAULT : r;
}

long sys_readlink(const uint64_t a[6])
{
	return readlink_at(AT_FDCWD, a[0], a[1], (int)a[2]);
}

long sys_readlinkat(const uint64_t a[6])
{
	return readlink_at((int)a[0], a[1], a[2], (int)a[3]);
}

long sys_statfs(const uint64_t a[6])
{
	struct statfs st;
	PATH_ARG(p);
	int r = path_get(&p, AT_FDCWD, a[0]);

	if (!r)
		r = path_statfs(p.s, &st);
	return r < 0 ? r : copy_out_obj(a[1], &st);
}

/* ---- making and removing names --------------------------------------------------------------- */

static long mkdir_at(int dirfd, uint64_t path, mode_t mode)
{
	PATH_ARG(p);
	int r = path_get(&p, dirfd, path);

	return r < 0 ? r : path_mkdir(p.at, p.s, mode);
}

long sys_mkdir(const uint64_t a[6])
{
	return mkdir_at(AT_FDCWD, a[0], (mode_t)a[1]);
}

long sys_mkdirat(const uint64_t a[6])
{
	return mkdir_at((int)a[0], a[1], (mode_t)a[2]);
}

static long unlink_at(int dirfd, uint64_t path, unsigned flags)
{
	PATH_ARG(p);
	int r;

	if (flags & ~(unsigned)AT_REMOVEDIR)
		return -EINVAL;
	r = path_get(&p, dirfd, path);
	return r < 0 ? r : path_unlink(p.at, p.s, flags);
}

long sys_unlink(const uint64_t a[6])
{
	return unlink_at(AT_FDCWD, a[0], 0);
}

long sys_rmdir(const uint64_t a[6])
{
	return unlink_at(AT_FDCWD, a[0], AT_REMOVEDIR);
}

long sys_unlinkat(const uint64_t a[6])
{
	return unlink_at((int)a[0], a[1], (unsigned)a[2]);
}

static long mknod_at(int dirfd, uint64_t path, mode_t mode, unsigned dev)
{
	PATH_ARG(p);
	int r = path_get(&p, dirfd, path);

	return r < 0 ? r : path_mknod(p.at, p.s, mode, dev);
}

long sys_mknod(const uint64_t a[6])
{
	return mknod_at(AT_FDCWD, a[0], (mode_t)a[1], (unsigned)a[2]);
}

long sys_mknodat(const uint64_t a[6])
{
	return mknod_at((int)a[0], a[1], (mode_t)a[2], (unsigned)a[3]);
}

static long symlink_at(uint64_t target, int dirfd, uint64_t path)
{
	char text[PATH_MAX];
	PATH_ARG(p);
	ssize_t r = copy_in_str(text, target, sizeof(text));

	if (r < 0)
		return r;
	r = path_get(&p, dirfd, path);
	return r < 0 ? r : path_symlink(text, p.at, p.s);
}

long sys_symlink(const uint64_t a[6])
{
	return symlink_at(a[0], AT_FDCWD, a[1]);
}

long sys_symlinkat(const uint64_t a[6])
{
	return symlink_at(a[0], (int)a[1], a[2]);
}

static long link_at(int olddir, uint64_t old, int newdir, uint64_t new, unsigned flags)
{
	PATH_ARG(from);
	PATH_ARG(to);
	int r;

	if (flags & ~(unsigned)(AT_SYMLINK_FOLLOW | AT_EMPTY_PATH))
		return -EINVAL;
	r = path_get(&from, olddir, old);
	if (!r)
		r = path_get(&to, newdir, new);
	return r < 0 ? r : path_link(from.at, from.s, to.at, to.s, flags);
}

long sys_link(const uint64_t a[6])
{
	return link_at(AT_FDCWD, a[0], AT_FDCWD, a[1], 0);
}

long sys_linkat(const uint64_t a[6])
{
	return link_at((int)a[0], a[1], (int)a[2], a[3], (unsigned)a[4]);
}

static long rename_at(int olddir, uint64_t old, int newdir, uint64_t new, unsigned flags)
{
	PATH_ARG(from);
	PATH_ARG(to);
	int r = path_get(&from, olddir, old);

	if (!r)
		r = path_get(&to, newdir, new);
	return r < 0 ? r : path_rename(from.at, from.s, to.at, to.s, flags);
}

long sys_rename(const uint64_t a[6])
{
	return rename_at(AT_FDCWD, a[0], AT_FDCWD, a[1], 0);
}

long sys_renameat(const uint64_t a[6])
{
	return rename_at((int)a[0], a[1], (int)a[2], a[3], 0);
}

long sys_renameat2(const uint64_t a[6])
{
	return rename_at((int)a[0], a[1], (int)a[2], a[3], (unsigned)a[4]);
}

/* ---- current directory and root -------------------------------------------------------------- */

long sys_chdir(const uint64_t a[6])
{
	PATH_ARG(p);
	int r = path_get(&p, AT_FDCWD, a[0]);

	return r < 0 ? r : fs_chdir(p.s);
}

long sys_fchdir(const uint64_t a[6])
{
	cleanup_file struct file *f = fd_get((int)a[0]);

	return f ? fs_fchdir(f) : -EBADF;
}

long sys_chroot(const uint64_t a[6])
{
	PATH_ARG(p);
	int r = path_get(&p, AT_FDCWD, a[0]);

	if (r < 0)
		return r;
	if (!capable(CAP_SYS_CHROOT))
		return -EPERM;
	cred_raise(CAP_SYS_CHROOT);
	r = fs_chroot(p.s);
	cred_lower(CAP_SYS_CHROOT);
	return r;
}

long sys_getcwd(const uint64_t a[6])
{
	char path[PATH_MAX];
	int r = fs_getcwd(path, sizeof(path));

	if (r < 0)
		return r;
	if ((uint64_t)r > a[1])
		return -ERANGE;
	return copy_out(a[0], path, (size_t)r) < 0 ? -EFAULT : r;
}

long sys_umask(const uint64_t a[6])
{
	return fs_umask((mode_t)a[0]);
}

/* ---- mode, owner, length --------------------------------------------------------------------- */

static long chmod_at(int dirfd, uint64_t path, mode_t mode, unsigned flags)
{
	PATH_ARG(p);
	int r;

	if (flags & ~(unsigned)(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH))
		return -EINVAL;
	r = path_get(&p, dirfd, path);
	return r < 0 ? r : path_chmod(p.at, p.s, mode, flags);
}

long sys_chmod(const uint64_t a[6])
{
	return chmod_at(AT_FDCWD, a[0], (mode_t)a[1], 0);
}

long sys_fchmodat(const uint64_t a[6])
{
	return chmod_at((int)a[0], a[1], (mode_t)a[2], 0);
}

long sys_fchmodat2(const uint64_t a[6])
{
	return chmod_at((int)a[0], a[1], (mode_t)a[2], (unsigned)a[3]);
}

long sys_fchmod(const uint64_t a[6])
{
	cleanup_file struct file *f = fd_get_real((int)a[0]);

	if (!f)
		return -EBADF;
	if (file_is_host(f))
		return host_call(SYS_fchmod, f->fd, (mode_t)a[1]);
	return path_chmod(f, "", (mode_t)a[1], AT_EMPTY_PATH);
}

static long chown_at(int dirfd, uint64_t path, uid_t uid, gid_t gid, unsigned flags)
{
	PATH_ARG(p);
	int r;

	if (flags & ~(unsigned)(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH))
		return -EINVAL;
	r = path_get(&p, dirfd, path);
	return r < 0 ? r : path_chown(p.at, p.s, uid, gid, flags);
}

long sys_chown(const uint64_t a[6])
{
	return chown_at(AT_FDCWD, a[0], (uid_t)a[1], (gid_t)a[2], 0);
}

long sys_lchown(const uint64_t a[6])
{
	return chown_at(AT_FDCWD, a[0], (uid_t)a[1], (gid_t)a[2], AT_SYMLINK_NOFOLLOW);
}

long sys_fchownat(const uint64_t a[6])
{
	return chown_at((int)a[0], a[1], (uid_t)a[2], (gid_t)a[3], (unsigned)a[4]);
}

long sys_fchown(const uint64_t a[6])
{
	cleanup_file struct file *f = fd_get_real((int)a[0]);

	if (!f)
		return -EBADF;
	return path_chown(f, "", (uid_t)a[1], (gid_t)a[2], AT_EMPTY_PATH);
}

long sys_truncate(const uint64_t a[6])
{
	PATH_ARG(p);
	int r = path_get(&p, AT_FDCWD, a[0]);

	if (!r)
		r = rlimit_check_size((off_t)a[1]);
	return r < 0 ? r : path_truncate(p.s, (off_t)a[1]);
}

/* ---- times ----------------------------------------------------------------------------------- */

/* path 0: the times of descriptor dirfd itself. ts NULL: now. */
static long utimens_at(int dirfd, uint64_t path, const struct timespec *ts, unsigned flags)
{
	PATH_ARG(p);
	int r;

	if (flags & ~(unsigned)(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH))
		return -EINVAL;
	if (!path && dirfd != AT_FDCWD) {
		cleanup_file struct file *f = fd_get_real(dirfd);

		if (flags)
			return -EINVAL;
		if (!f)
			return -EBADF;
		return file_is_host(f) ? host_call(SYS_utimensat, f->fd, NULL, ts, 0) : -EPERM;
	}
	r = path_get(&p, dirfd, path);
	return r < 0 ? r : path_utimens(p.at, p.s, ts, flags);
}

long sys_utimensat(const uint64_t a[6])
{
	struct timespec ts[2];

	if (a[2] && copy_in(ts, a[2], sizeof(ts)) < 0)
		return -EFAULT;
	return utimens_at((int)a[0], a[1], a[2] ? ts : NULL, (unsigned)a[3]);
}

/* utimes(2) and futimesat(2): microseconds. */
static long utimes_at(int dirfd, uint64_t path, uint64_t times)
{
	struct timeval tv[2];
	struct timespec ts[2];

	if (!times)
		return utimens_at(dirfd, path, NULL, 0);
	if (copy_in(tv, times, sizeof(tv)) < 0)
		return -EFAULT;
	for (int i = 0; i < 2; i++) {
		if (tv[i].tv_usec < 0 || tv[i].tv_usec >= 1000000)
			return -EINVAL;
		ts[i] = (struct timespec){tv[i].tv_sec, tv[i].tv_usec * 1000};
	}
	return utimens_at(dirfd, path, ts, 0);
}

long sys_utimes(const uint64_t a[6])
{
	return utimes_at(AT_FDCWD, a[0], a[1]);
}

long sys_futimesat(const uint64_t a[6])
{
	return utimes_at((int)a[0], a[1], a[2]);
}

long sys_utime(const uint64_t a[6])
{
	struct utimbuf buf;
	struct timespec ts[2] = {{0, 0}, {0, 0}};

	if (!a[1])
		return utimens_at(AT_FDCWD, a[0], NULL, 0);
	if (copy_in_obj(&buf, a[1]) < 0)
		return -EFAULT;
	ts[0].tv_sec = buf.actime;
	ts[1].tv_sec = buf.modtime;
	return utimens_at(AT_FDCWD, a[0], ts, 0);
}

/* ---- handles --------------------------------------------------------------------------------- */

/* A handle names a file beyond the container's mounts: as on a file system without them. */
long sys_name_to_handle_at(const uint64_t a[6])
{
	return -EOPNOTSUPP;
}

long sys_open_by_handle_at(const uint64_t a[6])
{
	return -EPERM;
}
