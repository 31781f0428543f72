/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Changing what belongs to a name's object: mode, owner, times, length, extended attributes.
 *
 * The slow way ends in one question: a host directory and name, a node, or an open description. The
 * last is treated by its descriptor, re-opened through the sandbox' procfs where the host wants a
 * name.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/hostcall.h"
#include "base/hostproc.h"
#include "vfs/path.h"
#include "vfs/tty.h"

/* fchmodat2(2) came with Linux 6.6; its number is newer than the headers we build with. */
#ifndef SYS_fchmodat2
#define SYS_fchmodat2 452
#endif

static unsigned follow_flags(unsigned at_flags)
{
	return (at_flags & AT_SYMLINK_NOFOLLOW ? 0 : WALK_FOLLOW) |
	       (at_flags & AT_EMPTY_PATH ? WALK_EMPTY : 0);
}

/* chmod, chown of a node: the tree says whether it can. */
static int node_setattr(struct pnode *n, const mode_t *mode, const uid_t *uid, const gid_t *gid)
{
	uid_t me = (uid_t)host_call(SYS_geteuid);

	if (me != 0 && me != n->uid)
		return -EPERM;
	return n->ops->setattr ? n->ops->setattr(n, mode, uid, gid) : -EPERM;
}

static struct pnode *walked_node(struct walk *w)
{
	return w->kind == WALK_NODE ? w->node : w->kind == WALK_FILE ? pnode_of_file(w->file) : NULL;
}

/*
 * A description of an inner terminal: its mode and owner are those of its name in /dev/pts, which is
 * walked to instead of w.
 */
static int terminal_to_name(struct walk *w)
{
	struct tty *tty = w->kind == WALK_FILE ? tty_of_file(w->file) : NULL;
	char name[64];

	if (!tty || tty->host)
		return 0;
	snprintf(name, sizeof(name), "/dev/%s", tty->name);
	walk_end(w);
	return path_walk(NULL, name, 0, w);
}

/* A host descriptor's name for calls that want (dirfd, name): below the sandbox' own procfs. */
static int file_name_at(struct file *f, char name[32])
{
	if (!file_is_host(f))
		return -EPERM;
	hostproc_fd_name(f->fd, name);
	return 0;
}

static int host_chmod(int dirfd, const char *path, mode_t mode, unsigned flags)
{
	return (int)(flags ? host_call(SYS_fchmodat2, dirfd, path, mode, flags)
			   : host_call(SYS_fchmodat, dirfd, path, mode));
}

int path_chmod(struct file *at, const char *path, mode_t mode, unsigned flags)
{
	cleanup_walk struct walk w = WALK_INIT;
	char name[32];
	int dirfd, r;

	mode &= 07777;
	if (path_is_fast(at, path, &dirfd)) {
		r = host_chmod(dirfd, path, mode, flags);
		if (r != -ENOTCONN)
			return r;
	}
	r = path_walk(at, path, follow_flags(flags), &w);
	if (!r)
		r = terminal_to_name(&w);
	if (r < 0)
		return r;
	if (w.kind == WALK_HOST)
		return host_chmod(w.dirfd, w.name, mode, flags & AT_SYMLINK_NOFOLLOW);
	if (walked_node(&w))
		return node_setattr(walked_node(&w), &mode, NULL, NULL);
	r = file_name_at(w.file, name);
	return r < 0 ? r : host_chmod(hostproc_dir(), name, mode, 0);
}

int path_chown(struct file *at, const char *path, uid_t uid, gid_t gid, unsigned flags)
{
	cleanup_walk struct walk w = WALK_INIT;
	int dirfd, r;

	if (path_is_fast(at, path, &dirfd)) {
		r = (int)host_call(SYS_fchownat, dirfd, path, uid, gid, flags);
		if (r != -ENOTCONN)
			return r;
	}
	r = path_walk(at, path, follow_flags(flags), &w);
	if (!r)
		r = terminal_to_name(&w);
	if (r < 0)
		return r;
	if (w.kind == WALK_HOST)
		return (int)host_call(SYS_fchownat, w.dirfd, w.name, uid, gid,
				      flags & AT_SYMLINK_NOFOLLOW);
	if (walked_node(&w))
		return node_setattr(walked_node(&w), NULL, uid == (uid_t)-1 ? NULL : &uid,
				    gid == (gid_t)-1 ? NULL : &gid);
	if (!file_is_host(w.file))
		return -EPERM;
	return (int)host_call(SYS_fchownat, w.file->fd, "", uid, gid, AT_EMPTY_PATH);
}

int path_utimens(struct file *at, const char *path, const struct timespec *times, unsigned flags)
{
	cleanup_walk struct walk w = WALK_INIT;
	char name[32];
	int dirfd, r;

	if (path_is_fast(at, path, &dirfd)) {
		r = (int)host_call(SYS_utimensat, dirfd, path, times, flags);
		if (r != -ENOTCONN)
			return r;
	}
	r = path_walk(at, path, follow_flags(flags), &w);
	if (r < 0)
		return r;
	if (w.kind == WALK_HOST)
		return (int)host_call(SYS_utimensat, w.dirfd, w.name, times,
				      flags & AT_SYMLINK_NOFOLLOW);
	if (walked_node(&w))
		return -EPERM;
	r = file_name_at(w.file, name);
	return r < 0 ? r : (int)host_call(SYS_utimensat, hostproc_dir(), name, times, 0);
}

int path_truncate(const char *path, off_t length)
{
	struct file *f;
	int dirfd, r;

	if (path_is_fast(NULL, path, &dirfd)) {
		r = (int)host_call(SYS_truncate, path, length);
		if (r != -ENOTCONN)
			return r;
	}
	r = path_open(NULL, path, O_WRONLY | O_NONBLOCK, 0, 0, &f);
	if (r < 0)
		return r;
	if (pnode_of_file(f))
		r = length >= 0 ? 0 : -EINVAL;
	else
		r = file_is_host(f) ? (int)host_call(SYS_ftruncate, f->fd, length) : -EINVAL;
	file_put(f);
	return r;
}

/* ---- extended attributes --------------------------------------------------------------------- */

enum xattr_op { XATTR_GET, XATTR_LIST, XATTR_SET, XATTR_REMOVE };

struct xattr_call {
	enum xattr_op op;
	bool follow;
	const char *name;
	void *data;
	size_t size;
	int flags;
};

static long xattr_by_path(const struct xattr_call *c, const char *path)
{
	switch (c->op) {
	case XATTR_GET:
		return host_call(c->follow ? SYS_getxattr : SYS_lgetxattr, path, c->name, c->data,
				 c->size);
	case XATTR_LIST:
		return host_call(c->follow ? SYS_listxattr : SYS_llistxattr, path, c->data,
				 c->size);
	case XATTR_SET:
		return host_call(c->follow ? SYS_setxattr : SYS_lsetxattr, path, c->name, c->data,
				 c->size, c->flags);
	default:
		return host_call(c->follow ? SYS_removexattr : SYS_lremovexattr, path, c->name);
	}
}

static long xattr_by_fd(const struct xattr_call *c, int fd)
{
	switch (c->op) {
	case XATTR_GET:
		return host_call(SYS_fgetxattr, fd, c->name, c->data, c->size);
	case XATTR_LIST:
		return host_call(SYS_flistxattr, fd, c->data, c->size);
	case XATTR_SET:
		return host_call(SYS_fsetxattr, fd, c->name, c->data, c->size, c->flags);
	default:
		return host_call(SYS_fremovexattr, fd, c->name);
	}
}

/* What an emulated object answers: it has none, and takes none. */
static long xattr_none(const struct xattr_call *c)
{
	return c->op == XATTR_LIST ? 0 : -EOPNOTSUPP;
}

/*
 * These calls have no *at form. After a walk the object is opened for reading if it can be (a
 * descriptor from O_PATH is refused), else the call is made by its path.
 */
static long xattr_call(struct file *f, const char *path, const struct xattr_call *c)
{
	cleanup_walk struct walk w = WALK_INIT;
	char full[PATH_MAX];
	int dirfd;
	long fd, r;

	if (f)
		return file_is_host(f) ? xattr_by_fd(c, f->fd) : xattr_none(c);
	if (path_is_fast(NULL, path, &dirfd)) {
		r = xattr_by_path(c, path);
		if (r != -ENOTCONN)
			return r;
	}
	r = path_walk(NULL, path, c->follow ? WALK_FOLLOW : 0, &w);
	if (r < 0)
		return r;
	if (w.kind == WALK_NODE)
		return xattr_none(c);
	if (w.kind == WALK_FILE)
		return file_is_host(w.file) ? xattr_by_fd(c, w.file->fd) : xattr_none(c);
	fd = host_call(SYS_openat, w.dirfd, w.name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return fd;
	r = hostproc_fd_path((int)fd, full, sizeof(full) - 1);
	close((int)fd);
	if (r < 0)
		return r;
	full[r] = '\0';
	return xattr_by_path(c, full);
}

ssize_t path_getxattr(struct file *f, const char *path, bool follow, const char *name, void *value,
		      size_t size)
{
	struct xattr_call c = {XATTR_GET, follow, name, value, size, 0};

	return xattr_call(f, path, &c);
}

ssize_t path_listxattr(struct file *f, const char *path, bool follow, char *list, size_t size)
{
	struct xattr_call c = {XATTR_LIST, follow, NULL, list, size, 0};

	return xattr_call(f, path, &c);
}

int path_setxattr(struct file *f, const char *path, bool follow, const char *name,
		  const void *value, size_t size, int flags)
{
	struct xattr_call c = {XATTR_SET, follow, name, (void *)value, size, flags};

	return (int)xattr_call(f, path, &c);
}

int path_removexattr(struct file *f, const char *path, bool follow, const char *name)
{
	struct xattr_call c = {XATTR_REMOVE, follow, name, NULL, 0, 0};

	return (int)xattr_call(f, path, &c);
}
