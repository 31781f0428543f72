/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where husk's own file systems are, the host must have something that a path walk cannot mistake for
 * a missing file: a FUSE mount whose server is gone answers ENOTCONN to everything below it. These
 * mounts stand in a private copy of the container's mount namespace that only task threads are
 * in; the leader thread keeps the container's real one, for engines that setns() into it (outside.c).
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/hostproc.h"
#include "sandbox/private.h"
#include "vfs/procfs.h"

/* Mounts a FUSE file system on `at` whose connection dies with fd (consumed). */
static int mount_dead(int fd, const char *at)
{
	char options[128];
	int r;

	snprintf(options, sizeof(options), "fd=%d,rootmode=40555,user_id=0,group_id=0,allow_other", fd);
	r = mount("husk", at, "fuse", MS_NOSUID | MS_NODEV | MS_NOEXEC, options);
	r = r < 0 ? -errno : 0;
	close(fd);
	return r;
}

bool placeholder_has_mount(const struct oci_config *c, const char *type, const char *at)
{
	for (size_t i = 0; i < c->n_mounts; i++) {
		const struct oci_mount *m = &c->mounts[i];
		size_t n = strlen(m->destination);

		while (n > 1 && m->destination[n - 1] == '/')
			n--;
		if (m->type && strcmp(m->type, type) == 0 && n == strlen(at) &&
		    strncmp(m->destination, at, n) == 0)
			return true;
	}
	return false;
}

static int place(const char *at, struct pnode *root, int fuse_fd, struct error *err)
{
	bool placeholder = false;
	int r;

	if (!root)
		return error_errno(err, -ENOMEM, "%s", at);
	if (fuse_fd >= 0)
		placeholder = mount_dead(fuse_fd, at) == 0;
	r = fs_mount_pseudo(at, root, placeholder);
	return r < 0 ? error_errno(err, r, "mount the guest's %s", at) : 0;
}

int placeholders_mount(const struct sandbox_args *args, struct error *err)
{
	const struct oci_config *c = args->config;
	const char *const *masked = c->linux ? (const char *const *)c->linux->masked_paths : NULL;
	const char *const *readonly = c->linux ? (const char *const *)c->linux->readonly_paths : NULL;
	int r = 0;

	if (unshare(CLONE_NEWNS) < 0)
		return error_errno(err, -errno, "unshare the task side's mount namespace");
	/* What is mounted here must not travel back to the container's namespace. */
	if (mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) < 0)
		return error_errno(err, -errno, "make the task side's mounts slaves");
	if (placeholder_has_mount(c, "proc", "/proc"))
		r = place("/proc", procfs_root(masked, readonly), args->fuse_fd[0], err);
	if (r == 0 && placeholder_has_mount(c, "devpts", "/dev/pts"))
		r = place("/dev/pts", devpts_root(), args->fuse_fd[1], err);
	return r;
}

int mounts_leave(int fd, struct error *err)
{
	int root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC), r;

	if (root < 0)
		return error_errno(err, -errno, "open the container's root");
	/* In a namespace that nobody is in a root lives on, but loses the mounts below it: the
	 * descriptor of the namespace stays open for good. */
	r = hostproc_open("ns/mnt");
	if (r < 0)
		error_errno(err, r, "keep the container's mounts");
	else if (unshare(CLONE_FS) < 0)
		r = error_errno(err, -errno, "part from the other threads' root");
	else if (setns(fd, CLONE_NEWNS) < 0)
		r = error_errno(err, -errno, "return to the runtime's mount namespace");
	else if (fchdir(root) < 0 || chroot(".") < 0)
		r = error_errno(err, -errno, "chroot to the container's root");
	close(root);
	close(fd);
	return r < 0 ? r : 0;
}
