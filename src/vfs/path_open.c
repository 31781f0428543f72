/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * open(2) by name. The usual case is two host calls: openat2, and the fstat in file_from_host().
 * O_TRUNC is a third.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/hostcall.h"
#include "base/hostproc.h"
#include "vfs/denywrite.h"
#include "vfs/path.h"
#include "vfs/tty.h"

/* What openat(2) takes notice of; openat2(2) refuses the rest, so it is dropped as openat does. */
#define OPEN_FLAGS                                                                                 \
	(O_ACCMODE | O_CREAT | O_EXCL | O_NOCTTY | O_TRUNC | O_APPEND | O_NONBLOCK | O_DSYNC |     \
	 O_SYNC | O_DIRECT | O_DIRECTORY | O_NOFOLLOW | O_NOATIME | O_CLOEXEC | O_PATH |           \
	 O_TMPFILE | 0100000)
#define PATH_FLAGS (O_DIRECTORY | O_NOFOLLOW | O_PATH | O_CLOEXEC)

/*
 * Opens on the host, interruptibly (a FIFO waits for its other end). Never lets a terminal become
 * the sandbox' controlling one. A descriptor or a negative errno.
 */
static long host_open(int dirfd, const char *path, unsigned flags, mode_t mode, uint64_t resolve)
{
	struct open_how how = {.resolve = resolve | RESOLVE_NO_MAGICLINKS};
	long r;

	if (flags & O_PATH)
		how.flags = (flags & PATH_FLAGS) | O_CLOEXEC;
	else
		how.flags = (flags & OPEN_FLAGS) | O_CLOEXEC | O_NOCTTY;
	if (flags & (O_CREAT | (O_TMPFILE & ~O_DIRECTORY)) && !(flags & O_PATH))
		how.mode = mode & 07777;
	r = host_call_intr(SYS_openat2, dirfd, (long)path, (long)&how, sizeof(how), 0, 0);
	if (r == -EINTR)
		return -ERESTARTSYS;
	/* The guest's own limit is checked when the descriptor is installed; this is the sandbox'. */
	return r == -EMFILE ? -ENFILE : r;
}

/*
 * The host refuses some devices that husk makes itself: /dev/tty where the sandbox has no
 * terminal, /dev/ptmx without a devpts. What was r is then looked at once more.
 */
static int open_refused(int dirfd, const char *path, unsigned flags, int r, struct file **out)
{
	struct stat st;

	if (r != -ENXIO && r != -EIO && r != -ENODEV && r != -ENOSPC && r != -EPERM)
		return r;
	if ((flags & O_PATH) || host_call(SYS_newfstatat, dirfd, path, &st, 0) < 0 ||
	    !S_ISCHR(st.st_mode))
		return r;
	if (st.st_rdev == makedev(5, 0))
		return tty_open_current(flags, out);
	if (st.st_rdev == makedev(5, 2))
		return pty_open_master(flags, out);
	return r;
}

static int open_on_host(int dirfd, const char *path, unsigned flags, mode_t mode, uint64_t resolve,
			struct file **out)
{
	long fd = host_open(dirfd, path, deny_write_open_flags(flags), mode, resolve);
	int r;

	if (fd < 0)
		return open_refused(dirfd, path, flags, (int)fd, out);
	r = file_from_host((int)fd, flags, out);
	if (!r && (r = deny_write_opened(*out, flags)) < 0)
		file_put(*out);
	return r;
}

static int open_node(struct pnode *n, unsigned flags, struct file **out)
{
	static const char wanted[4] = {R_OK, W_OK, R_OK | W_OK, R_OK | W_OK};
	int r;

	if ((flags & (O_CREAT | O_EXCL)) == (O_CREAT | O_EXCL))
		return -EEXIST;
	if (S_ISLNK(n->mode)) {
		if (flags & O_NOFOLLOW)
			return flags & O_PATH ? pnode_open(n, flags, out) : -ELOOP;
		return n->ops->open_target ? n->ops->open_target(n, flags, out) : -ELOOP;
	}
	if ((flags & O_DIRECTORY) && !S_ISDIR(n->mode))
		return -ENOTDIR;
	if (flags & O_PATH)
		return pnode_open(n, flags, out);
	if (S_ISDIR(n->mode) && ((flags & O_ACCMODE) != O_RDONLY || (flags & O_CREAT)))
		return (flags & O_TMPFILE) == O_TMPFILE ? -EOPNOTSUPP : -EISDIR;
	r = pnode_permission(n, wanted[flags & O_ACCMODE]);
	return r < 0 ? r : pnode_open(n, flags, out);
}

static unsigned walk_flags(unsigned flags, uint64_t resolve)
{
	unsigned w = WALK_OPEN;

	if (!(flags & O_NOFOLLOW) && (flags & (O_CREAT | O_EXCL)) != (O_CREAT | O_EXCL))
		w |= WALK_FOLLOW;
	if (resolve & RESOLVE_NO_SYMLINKS)
		w |= WALK_NO_SYMLINKS;
	if (resolve & RESOLVE_NO_MAGICLINKS)
		w |= WALK_NO_MAGIC;
	if (resolve & RESOLVE_NO_XDEV)
		w |= WALK_NO_XDEV;
	return w;
}

static int open_slowly(struct file *at, const char *path, unsigned flags, mode_t mode,
		       uint64_t resolve, struct file **out)
{
	cleanup_walk struct walk w = WALK_INIT;
	int r;

	/*
	 * Confinement to a subtree is the host's to do; the slow walk has no such notion. Where it
	 * would have to enter an emulated tree that way, Linux' answer for a crossing is given.
	 */
	if (resolve & (RESOLVE_BENEATH | RESOLVE_IN_ROOT))
		return -EXDEV;
	if (resolve & RESOLVE_CACHED)
		return -EAGAIN;
	r = path_walk(at, path, walk_flags(flags, resolve), &w);
	if (r < 0)
		return r;
	switch (w.kind) {
	case WALK_NODE:
		return open_node(w.node, flags, out);
	case WALK_FILE:
		return file_reopen(w.file, flags, out);
	default:
		return open_on_host(w.dirfd, w.name, flags, mode, 0, out);
	}
}

int path_open(struct file *at, const char *path, unsigned flags, mode_t mode, uint64_t resolve,
	      struct file **out)
{
	bool confined = resolve & (RESOLVE_BENEATH | RESOLVE_IN_ROOT);
	int dirfd, r;

	if (confined && at && file_is_host(at) && !pnode_of_file(at))
		return open_on_host(at->fd, path, flags, mode, resolve, out);
	if (path_is_fast(at, path, &dirfd)) {
		r = open_on_host(dirfd, path, flags, mode, resolve, out);
		if (r != -ENOTCONN)
			return r;
	}
	return open_slowly(at, path, flags, mode, resolve, out);
}

/* May the caller execute it, and does its mount honour set-id bits? */
static int exec_allowed(struct file *f, const struct stat *st, bool *nosuid)
{
	struct statfs fs;
	int r;

	if (!S_ISREG(st->st_mode) || !file_is_host(f))
		return -EACCES;
	/* Says EACCES for noexec mounts, too. */
	r = (int)host_call(SYS_faccessat2, f->fd, "", X_OK, AT_EMPTY_PATH | AT_EACCESS);
	if (r < 0)
		return r;
	*nosuid = false;
	if (st->st_mode & (S_ISUID | S_ISGID)) {
		r = (int)host_call(SYS_fstatfs, f->fd, &fs);
		if (r < 0)
			return r;
		*nosuid = fs.f_flags & ST_NOSUID;
	}
	return 0;
}

int path_open_exec(struct file *at, const char *path, unsigned flags, struct file **out,
		   struct stat *st, bool *nosuid)
{
	unsigned oflags = O_RDONLY | O_NONBLOCK | (flags & AT_SYMLINK_NOFOLLOW ? O_NOFOLLOW : 0);
	struct file *f;
	int r;

	if (!path[0] && (flags & AT_EMPTY_PATH) && at)
		r = file_reopen(at, O_RDONLY, &f);
	else
		r = path_open(at, path, oflags, 0, 0, &f);
	if (r < 0)
		return r == -ENXIO || r == -EISDIR ? -EACCES : r;
	r = file_stat(f, st);
	if (!r)
		r = exec_allowed(f, st, nosuid);
	if (!r)
		r = deny_write(f);
	if (r < 0) {
		file_put(f);
		return r;
	}
	*out = f;
	return 0;
}
