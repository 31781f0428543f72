/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Operations on names, but for open: each makes the host's own call, and where that cannot be
 * right (path.h), walks and acts on what the walk found.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <linux/stat.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/hostcall.h"
#include "base/hostproc.h"
#include "vfs/path.h"

static unsigned follow_flags(unsigned at_flags)
{
	return (at_flags & AT_SYMLINK_NOFOLLOW ? 0 : WALK_FOLLOW) |
	       (at_flags & AT_EMPTY_PATH ? WALK_EMPTY : 0);
}

/* ---- looking --------------------------------------------------------------------------------- */

static int walk_stat(struct walk *w, unsigned flags, struct stat *st)
{
	switch (w->kind) {
	case WALK_NODE:
		pnode_stat(w->node, st);
		return 0;
	case WALK_FILE:
		return file_stat(w->file, st);
	default:
		return (int)host_call(SYS_newfstatat, w->dirfd, w->name, st,
				      flags & AT_SYMLINK_NOFOLLOW);
	}
}

int path_stat(struct file *at, const char *path, unsigned flags, struct stat *st)
{
	cleanup_walk struct walk w = WALK_INIT;
	int dirfd, r;

	if (path_is_fast(at, path, &dirfd)) {
		r = (int)host_call(SYS_newfstatat, dirfd, path, st, flags);
		if (r != -ENOTCONN)
			return r;
	}
	r = path_walk(at, path, follow_flags(flags), &w);
	return r < 0 ? r : walk_stat(&w, flags, st);
}

static void statx_from_stat(const struct stat *st, struct statx *x)
{
	memset(x, 0, sizeof(*x));
	x->stx_mask = STATX_BASIC_STATS;
	x->stx_blksize = (uint32_t)st->st_blksize;
	x->stx_nlink = (uint32_t)st->st_nlink;
	x->stx_uid = st->st_uid;
	x->stx_gid = st->st_gid;
	x->stx_mode = (uint16_t)st->st_mode;
	x->stx_ino = st->st_ino;
	x->stx_size = (uint64_t)st->st_size;
	x->stx_blocks = (uint64_t)st->st_blocks;
	x->stx_atime.tv_sec = st->st_atim.tv_sec;
	x->stx_atime.tv_nsec = (uint32_t)st->st_atim.tv_nsec;
	x->stx_mtime.tv_sec = st->st_mtim.tv_sec;
	x->stx_mtime.tv_nsec = (uint32_t)st->st_mtim.tv_nsec;
	x->stx_ctime.tv_sec = st->st_ctim.tv_sec;
	x->stx_ctime.tv_nsec = (uint32_t)st->st_ctim.tv_nsec;
	x->stx_rdev_major = major(st->st_rdev);
	x->stx_rdev_minor = minor(st->st_rdev);
	x->stx_dev_major = major(st->st_dev);
	x->stx_dev_minor = minor(st->st_dev);
}

int path_statx(struct file *at, const char *path, unsigned flags, unsigned mask, struct statx *stx)
{
	/* A dead placeholder answers a cached "directory" if it need not ask; so it always must. */
	unsigned host_flags = flags & ~(unsigned)AT_STATX_DONT_SYNC;
	cleanup_walk struct walk w = WALK_INIT;
	struct stat st;
	int dirfd, r;

	if (path_is_fast(at, path, &dirfd)) {
		r = (int)host_call(SYS_statx, dirfd, path, host_flags, mask | STATX_TYPE, stx);
		if (r != -ENOTCONN)
			return r;
	}
	r = path_walk(at, path, follow_flags(flags), &w);
	if (r < 0)
		return r;
	if (w.kind == WALK_HOST)
		return (int)host_call(SYS_statx, w.dirfd, w.name,
				      host_flags & ~(unsigned)AT_EMPTY_PATH, mask, stx);
	r = walk_stat(&w, flags, &st);
	if (!r)
		statx_from_stat(&st, stx);
	return r;
}

int path_access(struct file *at, const char *path, int mode, unsigned flags)
{
	cleanup_walk struct walk w = WALK_INIT;
	int dirfd, r;

	if (path_is_fast(at, path, &dirfd)) {
		r = (int)host_call(SYS_faccessat2, dirfd, path, mode, flags);
		if (r != -ENOTCONN)
			return r;
	}
	r = path_walk(at, path, follow_flags(flags), &w);
	if (r < 0)
		return r;
	if (w.kind == WALK_HOST)
		return (int)host_call(SYS_faccessat2, w.dirfd, w.name, mode,
				      flags & ~(unsigned)AT_EMPTY_PATH);
	if (w.kind == WALK_NODE)
		return pnode_permission(w.node, mode);
	return file_is_host(w.file) ? (int)host_call(SYS_faccessat2, w.file->fd, "", mode,
						     flags | AT_EMPTY_PATH)
				    : 0;
}

ssize_t path_readlink(struct file *at, const char *path, char *buf, size_t n)
{
	cleanup_walk struct walk w = WALK_INIT;
	int dirfd;
	ssize_t r;

	if (path_is_fast(at, path, &dirfd)) {
		r = host_call(SYS_readlinkat, dirfd, path, buf, n);
		if (r != -ENOTCONN)
			return r;
	}
	r = path_walk(at, path, at ? WALK_EMPTY : 0, &w);
	if (r < 0)
		return r;
	if (w.kind == WALK_HOST)
		return host_call(SYS_readlinkat, w.dirfd, w.name, buf, n);
	if (w.kind == WALK_NODE && S_ISLNK(w.node->mode) && w.node->ops->readlink)
		return w.node->ops->readlink(w.node, buf, n);
	return -EINVAL;
}

static void node_statfs(struct pnode *n, struct statfs *out)
{
	const struct pseudo_mount *m = fs_mount_of_node(n);

	memset(out, 0, sizeof(*out));
	out->f_type = m && !strcmp(m->at, "/dev/pts") ? DEVPTS_SUPER_MAGIC : PROC_SUPER_MAGIC;
	out->f_bsize = out->f_frsize = 4096;
	out->f_namelen = NAME_MAX;
}

int file_statfs(struct file *f, struct statfs *out)
{
	struct pnode *n = pnode_of_file(f);

	if (!n && f->fd >= 0)
		return (int)host_call(SYS_fstatfs, f->fd, out);
	if (n) {
		node_statfs(n, out);
		return 0;
	}
	memset(out, 0, sizeof(*out));
	out->f_type = ANON_INODE_FS_MAGIC;
	out->f_bsize = 4096;
	out->f_namelen = NAME_MAX;
	return 0;
}

int path_statfs(const char *path, struct statfs *out)
{
	cleanup_walk struct walk w = WALK_INIT;
	int dirfd, r;
	long fd;

	if (path_is_fast(NULL, path, &dirfd)) {
		r = (int)host_call(SYS_statfs, path, out);
		if (r != -ENOTCONN)
			return r;
	}
	r = path_walk(NULL, path, WALK_FOLLOW, &w);
	if (r < 0)
		return r;
	if (w.kind == WALK_NODE) {
		node_statfs(w.node, out);
		return 0;
	}
	if (w.kind == WALK_FILE)
		return file_statfs(w.file, out);
	fd = host_call(SYS_openat, w.dirfd, w.name, O_PATH | O_CLOEXEC);
	if (fd < 0)
		return (int)fd;
	r = (int)host_call(SYS_fstatfs, fd, out);
	close((int)fd);
	return r;
}

/* ---- making and removing names --------------------------------------------------------------- */

/*
 * A name in an emulated directory: nothing can be made or removed there. Like Linux' proc: making
 * what is there EEXIST, removing it EPERM, and ENOENT otherwise.
 */
static int node_refuses(struct walk *w, int if_there)
{
	struct pnode *n;
	size_t len = strlen(w->name);
	int r;

	if (w->kind != WALK_NODE)
		return -ENOTDIR;
	/* No last component: "/proc" itself, or a path that ends in "..". */
	if (!len || !strcmp(w->name, ".") || !strcmp(w->name, ".."))
		return if_there == -EEXIST ? -EEXIST : -EBUSY;
	if (w->name[len - 1] == '/')
		w->name[len - 1] = '\0';
	r = w->node->ops->lookup ? w->node->ops->lookup(w->node, w->name, &n) : -ENOENT;
	if (r < 0)
		return r;
	pnode_put(n);
	return if_there;
}

/* Walks to the parent; 0: a host directory; else the answer for the guest (never 0). */
static int walk_parent(struct file *at, const char *path, int if_there, struct walk *w)
{
	int r = path_walk(at, path, WALK_PARENT, w);

	if (r < 0)
		return r;
	return w->kind == WALK_HOST ? 0 : node_refuses(w, if_there);
}

int path_mkdir(struct file *at, const char *path, mode_t mode)
{
	cleanup_walk struct walk w = WALK_INIT;
	int dirfd, r;

	if (path_is_fast(at, path, &dirfd)) {
		r = (int)host_call(SYS_mkdirat, dirfd, path, mode);
		if (r != -ENOTCONN)
			return r;
	}
	r = walk_parent(at, path, -EEXIST, &w);
	return r ? r : (int)host_call(SYS_mkdirat, w.dirfd, w.name, mode);
}

int path_unlink(struct file *at, const char *path, unsigned flags)
{
	cleanup_walk struct walk w = WALK_INIT;
	int dirfd, r;

	if (path_is_fast(at, path, &dirfd)) {
		r = (int)host_call(SYS_unlinkat, dirfd, path, flags);
		if (r != -ENOTCONN)
			return r;
	}
	r = walk_parent(at, path, -EPERM, &w);
	return r ? r : (int)host_call(SYS_unlinkat, w.dirfd, w.name, flags);
}

int path_symlink(const char *target, struct file *at, const char *path)
{
	cleanup_walk struct walk w = WALK_INIT;
	int dirfd, r;

	if (path_is_fast(at, path, &dirfd)) {
		r = (int)host_call(SYS_symlinkat, target, dirfd, path);
		if (r != -ENOTCONN)
			return r;
	}
	r = walk_parent(at, path, -EEXIST, &w);
	return r ? r : (int)host_call(SYS_symlinkat, target, w.dirfd, w.name);
}

int path_mknod(struct file *at, const char *path, mode_t mode, dev_t dev)
{
	cleanup_walk struct walk w = WALK_INIT;
	int dirfd, r;

	if (path_is_fast(at, path, &dirfd)) {
		r = (int)host_call(SYS_mknodat, dirfd, path, mode, dev);
		if (r != -ENOTCONN)
			return r;
	}
	r = walk_parent(at, path, -EEXIST, &w);
	return r ? r : (int)host_call(SYS_mknodat, w.dirfd, w.name, mode, dev);
}

/*
 * linkat of what an open description stands for (AT_EMPTY_PATH, or /proc/self/fd/N of an
 * O_TMPFILE): by the sandbox' own procfs, which needs no capability.
 */
static int link_file(struct file *f, int dirfd, const char *name)
{
	char link[32];

	if (!file_is_host(f))
		return -EXDEV;
	hostproc_fd_name(f->fd, link);
	return (int)host_call(SYS_linkat, hostproc_dir(), link, dirfd, name, AT_SYMLINK_FOLLOW);
}

/* The last component of old, if it is a magic link that is to be followed; else NULL. */
static int open_link_source(struct file *at, const char *old, struct file **out)
{
	int r = path_open(at, old, O_PATH, 0, 0, out);

	if (r < 0)
		return r;
	if (pnode_of_file(*out)) {
		file_put(*out);
		return -EXDEV;
	}
	return 0;
}

static int link_slowly(struct file *oldat, const char *old, struct file *newat, const char *new,
		       unsigned flags)
{
	cleanup_walk struct walk to = WALK_INIT, from = WALK_INIT;
	struct file *f;
	int r = walk_parent(newat, new, -EEXIST, &to);

	if (r)
		return r;
	if (!old[0] && (flags & AT_EMPTY_PATH) && oldat)
		return link_file(oldat, to.dirfd, to.name);
	if (flags & AT_SYMLINK_FOLLOW) {
		r = open_link_source(oldat, old, &f);
		if (r < 0)
			return r;
		r = link_file(f, to.dirfd, to.name);
		file_put(f);
		return r;
	}
	r = path_walk(oldat, old, 0, &from);
	if (r < 0)
		return r;
	if (from.kind != WALK_HOST)
		return -EXDEV;
	return (int)host_call(SYS_linkat, from.dirfd, from.name, to.dirfd, to.name, 0);
}

int path_link(struct file *oldat, const char *old, struct file *newat, const char *new,
	      unsigned flags)
{
	int olddir, newdir, r;

	/* AT_EMPTY_PATH asks for a capability, or the opener's own credentials: the host decides. */
	if (path_is_fast(oldat, old, &olddir) && path_is_fast(newat, new, &newdir)) {
		r = (int)host_call(SYS_linkat, olddir, old, newdir, new, flags);
		if (r != -ENOTCONN)
			return r;
	}
	return link_slowly(oldat, old, newat, new, flags);
}

int path_rename(struct file *oldat, const char *old, struct file *newat, const char *new,
		unsigned flags)
{
	cleanup_walk struct walk from = WALK_INIT, to = WALK_INIT;
	int olddir, newdir, r;

	if (path_is_fast(oldat, old, &olddir) && path_is_fast(newat, new, &newdir)) {
		r = (int)host_call(SYS_renameat2, olddir, old, newdir, new, flags);
		if (r != -ENOTCONN)
			return r;
	}
	r = path_walk(oldat, old, WALK_PARENT, &from);
	if (!r)
		r = path_walk(newat, new, WALK_PARENT, &to);
	if (r < 0)
		return r;
	if (from.kind != to.kind)
		return -EXDEV;
	if (from.kind != WALK_HOST)
		return node_refuses(&from, -EPERM);
	return (int)host_call(SYS_renameat2, from.dirfd, from.name, to.dirfd, to.name, flags);
}
