/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/hostproc.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/mount.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/cleanup.h"

#define PROC_SUPER_MAGIC 0x9fa0

static int proc_dir = -1;

/* A procfs of our own that is mounted nowhere: open_tree-style, nothing to see in any namespace. */
static int open_detached(void)
{
	cleanup_close int fs = syscall(SYS_fsopen, "proc", FSOPEN_CLOEXEC);

	if (fs < 0 || syscall(SYS_fsconfig, fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
		return -errno;
	int mnt = syscall(SYS_fsmount, fs, FSMOUNT_CLOEXEC,
			  MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC);

	return mnt < 0 ? -errno : mnt;
}

int hostproc_init(void)
{
	struct statfs sf = {0};
	int fd = open_detached();

	if (fd < 0)
		fd = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (fstatfs(fd, &sf) < 0 || sf.f_type != PROC_SUPER_MAGIC) {
		int r = sf.f_type == 0 ? -errno : -ENODEV;

		close(fd);
		return r;
	}
	if (proc_dir >= 0)
		close(proc_dir);
	proc_dir = fd;
	return 0;
}

int hostproc_open_thread(pid_t process, pid_t thread, const char *name)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "%d/task/%d/%s", process, thread, name);
	fd = openat(proc_dir, path, O_RDONLY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

int hostproc_dir(void)
{
	return proc_dir;
}

void hostproc_fd_name(int fd, char buf[32])
{
	snprintf(buf, 32, "self/fd/%d", fd);
}

int hostproc_reopen(int fd, int flags)
{
	char name[32];
	int r;

	hostproc_fd_name(fd, name);
	r = openat(proc_dir, name, (flags & ~O_NOFOLLOW) | O_CLOEXEC);
	return r < 0 ? -errno : r;
}

ssize_t hostproc_fd_path(int fd, char *buf, size_t n)
{
	char name[32];
	ssize_t k;

	hostproc_fd_name(fd, name);
	k = readlinkat(proc_dir, name, buf, n);
	return k < 0 ? -errno : k;
}

/* One of the host's own files, never a guest's path: names come from husk's source only. */
static int open_below(const char *prefix, const char *name)
{
	char path[256];
	int r;

	if ((size_t)snprintf(path, sizeof(path), "%s%s", prefix, name) >= sizeof(path))
		return -ENAMETOOLONG;
	r = openat(proc_dir, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	return r < 0 ? -errno : r;
}

int hostproc_open(const char *name)
{
	int r = open_below("self/", name);

	return r == -ENOENT ? open_below("", name) : r;
}
