/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * "type": "cgroup". On v2 a cgroup2 mount, in a cgroup namespace of the container's or bound to its
 * directory. On v1 a small tmpfs with one directory a hierarchy, named as the host names its mount
 * points ("cpu,cpuacct"), and a symbolic link for each of several controllers in one hierarchy.
 */
#include "runtime/mounts.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "libocispec/ocispec.h"
#include "runtime/cgroup/cgroup.h"
#include "runtime/files.h"
#include "runtime/mount_options.h"
#include "runtime/rootfs.h"

/* The container's own directory, bound: what is seen without a cgroup namespace. */
static int bind_directory(const char *dir, const struct mount_options *o, struct error *err)
{
	struct mount_attr attr = {.attr_set = o->set | o->set_recursive,
				  .attr_clr = o->clear | o->clear_recursive};
	cleanup_close int mnt = open_tree(AT_FDCWD, dir, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);

	if (mnt < 0)
		return error_errno(err, -errno, "cannot bind %s", dir);
	if (mount_setattr(mnt, "", AT_EMPTY_PATH, &attr, sizeof(attr)) < 0)
		return error_errno(err, -errno, "cannot set the attributes of %s", dir);
	return steal_fd(&mnt);
}

/* One hierarchy as a detached mount. */
static int mount_hierarchy(const struct mount_context *x, const struct cgroup_dir *d,
			   const struct mount_options *o, struct error *err)
{
	struct mount_options inner = *o;
	cleanup_free char *copy = NULL;
	const char *data[16];
	char *save;
	int mnt;

	if (!x->cgroup_namespace)
		return bind_directory(d->path, o, err);
	inner.data = data;
	inner.n_data = 0;
	if (!*d->controllers) {
		mnt = mount_new("cgroup2", "cgroup", &inner, err);
	} else {
		copy = strdup(d->controllers);
		if (!copy)
			return error_set(err, -ENOMEM, "out of memory");
		/* A named hierarchy has no controller, and must say so when it is mounted. */
		if (!strncmp(copy, "name=", 5))
			data[inner.n_data++] = "none";
		for (char *c = strtok_r(copy, ",", &save); c && inner.n_data < 15;
		     c = strtok_r(NULL, ",", &save))
			data[inner.n_data++] = c;
		mnt = mount_new("cgroup", "cgroup", &inner, err);
	}
	/* A user namespace may not always: what is bound shows the same, but for the way up. */
	if (mnt == -EPERM || mnt == -EBUSY)
		return bind_directory(d->path, o, err);
	return mnt;
}

static int mount_v2(const struct mount_context *x, const struct oci_mount *m,
		    const struct cgroup_dir *d, const struct mount_options *o, struct error *err)
{
	cleanup_close int target = rootfs_make(x->root, m->destination, ROOTFS_DIRECTORY);

	if (target < 0)
		return error_errno(err, target, "cannot make the mount point");
	cleanup_close int mnt = mount_hierarchy(x, d, o, err);

	return mnt < 0 ? mnt : mount_attach(mnt, target, o, err);
}

/* "name=systemd" is mounted as "systemd". */
static const char *directory_name(const char *controllers)
{
	return strncmp(controllers, "name=", 5) ? controllers : controllers + 5;
}

static int add_links(int dir, const char *controllers)
{
	cleanup_free char *copy = strdup(controllers);
	char *save;

	if (!copy)
		return -ENOMEM;
	if (!strchr(controllers, ','))
		return 0;
	for (char *c = strtok_r(copy, ",", &save); c; c = strtok_r(NULL, ",", &save))
		if (symlinkat(controllers, dir, c) < 0 && errno != EEXIST)
			return -errno;
	return 0;
}

static int add_hierarchy(const struct mount_context *x, int dir, const struct cgroup_dir *d,
			 const struct mount_options *o, struct error *err)
{
	static const struct mount_options plain;
	const char *name = directory_name(d->controllers);
	int r;

	if (mkdirat(dir, name, 0755) < 0)
		return error_errno(err, -errno, "cannot make the directory %s", name);
	cleanup_close int mnt = mount_hierarchy(x, d, o, err);

	if (mnt < 0)
		return mnt;
	cleanup_close int target = openat(dir, name, O_PATH | O_CLOEXEC);

	if (target < 0)
		return error_errno(err, -errno, "cannot open the directory %s", name);
	r = mount_attach(mnt, target, &plain, err);
	if (!r) {
		r = add_links(dir, d->controllers);
		if (r < 0)
			error_errno(err, r, "cannot make links to %s", name);
	}
	return r;
}

static int mount_v1(const struct mount_context *x, const struct oci_mount *m,
		    const struct cgroup_set *s, const struct mount_options *o, struct error *err)
{
	static const char *const mode = "mode=755";
	struct mount_options top = *o;
	struct mount_attr readonly = {.attr_set = MOUNT_ATTR_RDONLY};
	int r = 0;

	top.data = (const char **)&mode;
	top.n_data = 1;
	top.set &= ~(uint64_t)MOUNT_ATTR_RDONLY;
	cleanup_close int target = rootfs_make(x->root, m->destination, ROOTFS_DIRECTORY);

	if (target < 0)
		return error_errno(err, target, "cannot make the mount point");
	cleanup_close int tmpfs = mount_new("tmpfs", "tmpfs", &top, err);

	if (tmpfs < 0)
		return tmpfs;
	/* Attached first: the hierarchies are mounted on directories in it. */
	r = mount_attach(tmpfs, target, o, err);
	for (unsigned i = 0; i < s->n && !r; i++)
		r = add_hierarchy(x, tmpfs, &s->dir[i], o, err);
	if (!r && o->set & MOUNT_ATTR_RDONLY &&
	    mount_setattr(tmpfs, "", AT_EMPTY_PATH, &readonly, sizeof(readonly)) < 0)
		r = error_errno(err, -errno, "cannot make the cgroup directory read-only");
	return r;
}

int mount_cgroup(const struct mount_context *x, const struct oci_mount *m,
		 const struct mount_options *o, struct error *err)
{
	struct cgroup_set s;
	int r;

	if (!x->cgroup_path)
		return error_set(err, -ENOTSUP, "this host has no cgroups mounted");
	if (cgroup_parse(x->cgroup_path, &s) < 0)
		return error_set(err, -ENOMEM, "out of memory");
	r = s.v2 ? mount_v2(x, m, &s.dir[0], o, err) : mount_v1(x, m, &s, o, err);
	cgroup_set_free(&s);
	return r;
}
