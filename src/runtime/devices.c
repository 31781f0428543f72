/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "runtime/devices.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "libocispec/ocispec.h"
#include "runtime/files.h"
#include "runtime/rootfs.h"

static const struct {
	const char *path;
	int major, minor;
} defaults[] = {
	{"/dev/null", 1, 3},   {"/dev/zero", 1, 5},    {"/dev/full", 1, 7},
	{"/dev/random", 1, 8}, {"/dev/urandom", 1, 9}, {"/dev/tty", 5, 0},
};

static const struct {
	const char *target, *path;
	bool always; /* else only if /dev/pts is there to point to */
} links[] = {
	{"/proc/self/fd", "/dev/fd", true},	   {"/proc/self/fd/0", "/dev/stdin", true},
	{"/proc/self/fd/1", "/dev/stdout", true},  {"/proc/self/fd/2", "/dev/stderr", true},
	{"pts/ptmx", "/dev/ptmx", false},
};

static int attach(int mnt, int target)
{
	return move_mount(mnt, "", target, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) < 0
		       ? -errno
		       : 0;
}

static int bind_node(const struct rootfs *root, const char *source, const char *path)
{
	cleanup_close int mnt = open_tree(AT_FDCWD, source, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);

	if (mnt < 0)
		return -errno;
	cleanup_close int target = rootfs_make(root, path, ROOTFS_FILE);

	return target < 0 ? target : attach(mnt, target);
}

static int make_node(const struct rootfs *root, const char *path, mode_t mode, dev_t dev, uid_t uid,
		     gid_t gid)
{
	const char *name;
	cleanup_close int dir = rootfs_open_parent(root, path, &name);
	struct stat st;

	if (dir < 0)
		return dir;
	if (mknodat(dir, name, mode, dev) < 0) {
		int r = -errno;

		/* There already: fine if it is the same device, whoever made it. */
		if (r != -EEXIST || fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
			return r;
		if ((st.st_mode & S_IFMT) != (mode & S_IFMT) ||
		    (!S_ISFIFO(mode) && st.st_rdev != dev))
			return r;
	}
	/* The umask has had its say in mknod(2). */
	if (fchmodat(dir, name, mode & 07777, 0) < 0 ||
	    fchownat(dir, name, uid, gid, AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	return 0;
}

/* mknod, or where that is forbidden the host's node. */
static int make_device(const struct rootfs *root, const char *path, mode_t mode, dev_t dev,
		       uid_t uid, gid_t gid, bool user_namespace)
{
	int r = -EPERM;

	if (!user_namespace)
		r = make_node(root, path, mode, dev, uid, gid);
	if (r == -EPERM)
		r = bind_node(root, path, path);
	return r;
}

static int make_listed(const struct oci_config *c, const struct rootfs *root, bool user_namespace,
		       struct error *err)
{
	for (size_t i = 0; i < c->linux->n_devices; i++) {
		const struct oci_device *d = &c->linux->devices[i];
		mode_t type = d->type[0] == 'b' ? S_IFBLK : d->type[0] == 'p' ? S_IFIFO : S_IFCHR;
		mode_t mode = (d->has_file_mode ? d->file_mode & 07777 : 0666) | type;
		int r;

		if (type == S_IFIFO)
			r = make_node(root, d->path, mode, 0, d->uid, d->gid);
		else
			r = make_device(root, d->path, mode, makedev(d->major, d->minor), d->uid,
					d->gid, user_namespace);
		if (r < 0)
			return error_errno(err, r, "linux.devices[%zu]: cannot make %s", i, d->path);
	}
	return 0;
}

static int make_links(const struct rootfs *root, struct error *err)
{
	for (size_t i = 0; i < sizeof(links) / sizeof(*links); i++) {
		const char *name;
		cleanup_close int dir = rootfs_open_parent(root, links[i].path, &name);

		if (dir < 0)
			return error_errno(err, dir, "cannot make %s", links[i].path);
		if (!links[i].always) {
			cleanup_close int ptmx = rootfs_open(root, "/dev/pts/ptmx", O_PATH);

			if (ptmx < 0)
				continue;
			unlinkat(dir, name, 0);
		}
		if (symlinkat(links[i].target, dir, name) < 0 && errno != EEXIST && errno != EROFS)
			return error_errno(err, -errno, "cannot make %s", links[i].path);
	}
	return 0;
}

/* A /dev that is bound from outside has its own ideas, and may be the host's. */
static bool dev_is_bound(const struct oci_config *c)
{
	for (size_t i = 0; i < c->n_mounts; i++) {
		const struct oci_mount *m = &c->mounts[i];

		if (strcmp(m->destination, "/dev"))
			continue;
		if (m->type && !strcmp(m->type, "bind"))
			return true;
		for (size_t k = 0; k < m->n_options; k++)
			if (!strcmp(m->options[k], "bind") || !strcmp(m->options[k], "rbind"))
				return true;
	}
	return false;
}

int devices_make(const struct oci_config *c, const struct rootfs *root, bool user_namespace,
		 struct error *err)
{
	int r;

	if (dev_is_bound(c))
		return 0;
	for (size_t i = 0; i < sizeof(defaults) / sizeof(*defaults); i++) {
		r = make_device(root, defaults[i].path, S_IFCHR | 0666,
				makedev(defaults[i].major, defaults[i].minor), 0, 0, user_namespace);
		if (r < 0)
			return error_errno(err, r, "cannot make %s", defaults[i].path);
	}
	r = make_listed(c, root, user_namespace, err);
	return r < 0 ? r : make_links(root, err);
}

int devices_bind_console(const struct rootfs *root, int slave, struct error *err)
{
	char path[40];
	int r;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", slave);
	r = bind_node(root, path, "/dev/console");
	return r < 0 ? error_errno(err, r, "cannot bind the terminal to /dev/console") : 0;
}
