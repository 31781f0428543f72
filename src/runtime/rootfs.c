/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "runtime/rootfs.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "libocispec/ocispec.h"
#include "runtime/files.h"
#include "runtime/mount_options.h"

/* As many as the kernel follows (MAXSYMLINKS). */
#define LINKS_MAX 40

/* ---- preparing ----------------------------------------------------------------------------- */

/*
 * pivot_root(2) refuses when the mount that the root lies on is shared, and a shared one would show
 * the container's mounts to the host. Which mount it is only the kernel knows: try the root itself
 * and then what is above it, until one of them is a mount point.
 */
static int make_parent_private(const char *path)
{
	cleanup_free char *p = strdup(path);

	if (!p)
		return -ENOMEM;
	for (;;) {
		char *slash;

		if (mount(NULL, p, NULL, MS_PRIVATE, NULL) == 0)
			return 0;
		if (errno != EINVAL || !strcmp(p, "/"))
			return -errno;
		slash = strrchr(p, '/');
		slash[slash == p] = '\0';
	}
}

int rootfs_prepare(const struct oci_config *c, const char *path, struct rootfs *root,
		   struct error *err)
{
	unsigned long propagation = MS_REC | MS_SLAVE;
	int r;

	root->path = path;
	root->fd = -1;
	if (c->linux->rootfs_propagation && *c->linux->rootfs_propagation) {
		propagation = mount_propagation(c->linux->rootfs_propagation);
		if (!propagation)
			return error_set(err, -EINVAL, "linux.rootfsPropagation: unknown \"%s\"",
					 c->linux->rootfs_propagation);
	}
	/* What cannot be bound cannot be mounted in the container either: that word comes last. */
	if (propagation & MS_UNBINDABLE)
		propagation = MS_PRIVATE | MS_REC;
	if (mount(NULL, "/", NULL, propagation, NULL) < 0)
		return error_errno(err, -errno, "cannot set the propagation of /");
	r = make_parent_private(path);
	if (r < 0)
		return error_errno(err, r, "cannot make the mount of %s private", path);
	cleanup_close int tree = open_tree(AT_FDCWD, path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC |
								   AT_RECURSIVE);

	if (tree < 0)
		return error_errno(err, -errno, "cannot clone the root file system %s", path);
	if (move_mount(tree, "", AT_FDCWD, path, MOVE_MOUNT_F_EMPTY_PATH) < 0)
		return error_errno(err, -errno, "cannot mount the root file system %s", path);
	root->fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	return root->fd < 0 ? error_errno(err, -errno, "cannot open %s", path) : 0;
}

/* ---- walking ------------------------------------------------------------------------------- */

static int open_resolving(int rootfd, const char *path, int flags, uint64_t resolve)
{
	struct open_how how = {
		.flags = flags | O_CLOEXEC,
		.resolve = RESOLVE_IN_ROOT | resolve,
	};
	int fd;

	/* EAGAIN: a rename or mount somewhere raced with "..": the kernel could not be sure. */
	do {
		fd = syscall(SYS_openat2, rootfd, path, &how, sizeof(how));
	} while (fd < 0 && (errno == EAGAIN || errno == EINTR));
	return fd < 0 ? -errno : fd;
}

static int open_in_root(int rootfd, const char *path, int flags)
{
	return open_resolving(rootfd, path, flags, RESOLVE_NO_MAGICLINKS);
}

int rootfs_open(const struct rootfs *root, const char *path, int flags)
{
	return open_in_root(root->fd, path, flags);
}

int rootfs_open_literally(const struct rootfs *root, const char *path, int flags)
{
	return open_resolving(root->fd, path, flags, RESOLVE_NO_SYMLINKS);
}

/* Makes one missing component in the directory parent. -EEXIST: a dangling symbolic link is there. */
static int make_one(int parent, const char *name, enum rootfs_kind kind)
{
	if (kind == ROOTFS_DIRECTORY)
		return mkdirat(parent, name, 0755) < 0 ? -errno : 0;
	return mknodat(parent, name, S_IFREG | 0755, 0) < 0 ? -errno : 0;
}

/* The path to go on with behind a dangling link `name` in directory `done`, before `rest`. */
static char *follow_link(int parent, const char *done, const char *name, const char *rest)
{
	char target[PATH_MAX];
	ssize_t n = readlinkat(parent, name, target, sizeof(target) - 1);

	if (n < 0)
		return NULL;
	target[n] = '\0';
	return string_format("%s/%s/%s", target[0] == '/' ? "" : done, target, rest);
}

/*
 * Goes down component by component; `done` is the part that exists. Every step resolves the whole
 * prefix again from the root, so that ".." and links mean what they mean to the kernel.
 */
int rootfs_make(const struct rootfs *root, const char *path, enum rootfs_kind kind)
{
	cleanup_free char *todo = strdup(path), *done = strdup("");
	int links = 0;

	if (!todo || !done)
		return -ENOMEM;
	cleanup_close int at = open_in_root(root->fd, "/", O_PATH | O_DIRECTORY);

	if (at < 0)
		return at;
	for (;;) {
		cleanup_free char *next = NULL, *name = NULL;
		char *p = todo + strspn(todo, "/");
		size_t n = strcspn(p, "/");
		char *rest = p + n + strspn(p + n, "/");
		enum rootfs_kind this = *rest ? ROOTFS_DIRECTORY : kind;
		int fd, r;

		if (!n)
			return steal_fd(&at);
		name = strndup(p, n);
		next = name ? string_format("%s/%s", done, name) : NULL;
		if (!next)
			return -ENOMEM;
		fd = open_in_root(root->fd, next, O_PATH);
		if (fd == -ENOENT) {
			r = make_one(at, name, this);
			if (r == -EEXIST && ++links <= LINKS_MAX) {
				char *again = follow_link(at, done, name, rest);

				if (!again)
					return -ENOENT;
				free(todo);
				todo = again;
				done[0] = '\0';
				close(at);
				at = open_in_root(root->fd, "/", O_PATH | O_DIRECTORY);
				if (at < 0)
					return at;
				continue;
			}
			if (r < 0)
				return r == -EEXIST ? -ELOOP : r;
			fd = open_in_root(root->fd, next, O_PATH);
		}
		if (fd < 0)
			return fd;
		close(at);
		at = fd;
		free(done);
		done = steal_ptr(&next);
		memmove(todo, rest, strlen(rest) + 1);
	}
}

int rootfs_open_parent(const struct rootfs *root, const char *path, const char **name)
{
	const char *slash = strrchr(path, '/');
	cleanup_free char *dir = slash ? strndup(path, slash - path) : strdup("/");

	*name = slash ? slash + 1 : path;
	if (!**name || !strcmp(*name, ".") || !strcmp(*name, ".."))
		return -EINVAL;
	return dir ? rootfs_make(root, dir, ROOTFS_DIRECTORY) : -ENOMEM;
}

/* ---- masked and read-only paths ------------------------------------------------------------ */

static int mask_one(int target)
{
	struct stat st;

	if (fstat(target, &st) < 0)
		return -errno;
	if (!S_ISDIR(st.st_mode)) {
		/* The host's /dev/null, which the image has no say in; read-only, or the container's
		 * root could change its mode and owner for the whole host. */
		struct mount_attr readonly = {.attr_set = MOUNT_ATTR_RDONLY};
		cleanup_close int null = open_tree(AT_FDCWD, "/dev/null",
						   OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);

		if (null < 0 || mount_setattr(null, "", AT_EMPTY_PATH, &readonly, sizeof(readonly)) < 0)
			return -errno;
		return move_mount(null, "", target, "",
				  MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) < 0
			       ? -errno
			       : 0;
	}
	cleanup_close int fs = fsopen("tmpfs", FSOPEN_CLOEXEC);

	if (fs < 0 || fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
		return -errno;
	cleanup_close int mnt = fsmount(fs, FSMOUNT_CLOEXEC, MOUNT_ATTR_RDONLY);

	if (mnt < 0)
		return -errno;
	return move_mount(mnt, "", target, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) < 0
		       ? -errno
		       : 0;
}

static int make_readonly(int target)
{
	struct mount_attr attr = {.attr_set = MOUNT_ATTR_RDONLY};
	cleanup_close int tree = open_tree(target, "", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC |
							   AT_EMPTY_PATH | AT_RECURSIVE);

	if (tree < 0 || mount_setattr(tree, "", AT_EMPTY_PATH, &attr, sizeof(attr)) < 0)
		return -errno;
	return move_mount(tree, "", target, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) < 0
		       ? -errno
		       : 0;
}

static int for_each_path(const struct rootfs *root, char **paths, size_t n, int (*f)(int),
			 const char *field, struct error *err)
{
	for (size_t i = 0; i < n; i++) {
		cleanup_close int target = rootfs_open(root, paths[i], O_PATH);
		int r = target;

		if (target == -ENOENT || target == -ENOTDIR)
			continue;
		if (target >= 0)
			r = f(target);
		if (r < 0)
			return error_errno(err, r, "linux.%s[%zu]: \"%s\"", field, i, paths[i]);
	}
	return 0;
}

int rootfs_mask_paths(const struct oci_config *c, const struct rootfs *root, struct error *err)
{
	const struct oci_linux *l = c->linux;
	int r = for_each_path(root, l->readonly_paths, l->n_readonly_paths, make_readonly,
			      "readonlyPaths", err);

	if (!r)
		r = for_each_path(root, l->masked_paths, l->n_masked_paths, mask_one, "maskedPaths",
				  err);
	return r;
}

/* ---- entering ------------------------------------------------------------------------------ */

static int pivot(const struct rootfs *root)
{
	cleanup_close int old = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (old < 0 || fchdir(root->fd) < 0)
		return -errno;
	/* With the old root on top of the new one there is no need for a directory to put it
	 * (pivot_root(2), NOTES); detaching it uncovers the new one. */
	if (syscall(SYS_pivot_root, ".", ".") < 0)
		return -errno;
	/*
	 * What happens to the old mounts from here on must not reach the host, whose peers they may
	 * be. "." as it is would be the new root, whose own mounts keep what config.json says.
	 */
	if (fchdir(old) < 0 || mount(NULL, ".", NULL, MS_SLAVE | MS_REC, NULL) < 0)
		return -errno;
	return umount2(".", MNT_DETACH) < 0 ? -errno : 0;
}

/* For a root on the initial ramfs, which pivot_root(2) refuses to leave. */
static int move_over_root(const struct rootfs *root)
{
	if (fchdir(root->fd) < 0)
		return -errno;
	if (move_mount(root->fd, "", AT_FDCWD, "/", MOVE_MOUNT_F_EMPTY_PATH) < 0)
		return -errno;
	return chroot(".") < 0 ? -errno : 0;
}

static int only_chroot(const struct rootfs *root)
{
	return fchdir(root->fd) < 0 || chroot(".") < 0 ? -errno : 0;
}

int rootfs_enter(const struct oci_config *c, struct rootfs *root, bool no_pivot, bool joined,
		 struct error *err)
{
	struct mount_attr attr = {.attr_set = MOUNT_ATTR_RDONLY};
	int r;

	if (c->root->readonly && mount_setattr(root->fd, "", AT_EMPTY_PATH, &attr, sizeof(attr)) < 0)
		return error_errno(err, -errno, "root.readonly: cannot remount the root");
	r = joined ? only_chroot(root) : no_pivot ? move_over_root(root) : pivot(root);
	if (r < 0)
		return error_errno(err, r, "cannot enter the root file system %s", root->path);
	if (chdir("/") < 0)
		return error_errno(err, -errno, "cannot change to the new root");
	close(steal_fd(&root->fd));
	if (c->linux->rootfs_propagation && *c->linux->rootfs_propagation && !joined &&
	    mount(NULL, "/", NULL, mount_propagation(c->linux->rootfs_propagation), NULL) < 0)
		return error_errno(err, -errno, "linux.rootfsPropagation");
	return 0;
}
