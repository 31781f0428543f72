/* SPDX-License-Identifier: GPL-2.0-or-later */
/* inotify(7): the host's, wrapped. Emulated trees have no events to tell. */
#include <errno.h>
#include <fcntl.h>
#include <sys/inotify.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/hostcall.h"
#include "base/hostproc.h"
#include "vfs/anon.h"
#include "vfs/path.h"

int inotify_create(unsigned flags, struct file **out)
{
	long fd = host_call(SYS_inotify_init1, flags | IN_CLOEXEC);

	if (fd < 0)
		return fd == -EMFILE ? -ENFILE : (int)fd;
	return file_from_host((int)fd, O_RDONLY | (flags & IN_NONBLOCK), out);
}

/* The call knows only paths: what the walk found is named by its descriptor's path. */
static int watch_found(struct file *f, int dirfd, const char *name, unsigned mask)
{
	unsigned nofollow = mask & IN_DONT_FOLLOW ? O_NOFOLLOW : 0;
	long fd = host_call(SYS_openat, dirfd, name, O_PATH | O_CLOEXEC | nofollow), r;
	char path[PATH_MAX];

	if (fd < 0)
		return (int)fd;
	r = hostproc_fd_path((int)fd, path, sizeof(path) - 1);
	close((int)fd);
	if (r < 0)
		return (int)r;
	path[r] = '\0';
	return (int)host_call(SYS_inotify_add_watch, f->fd, path, mask);
}

int inotify_watch(struct file *f, const char *path, unsigned mask)
{
	cleanup_walk struct walk w = WALK_INIT;
	int dirfd, r;

	if (!file_is_host(f))
		return -EINVAL;
	if (path_is_fast(NULL, path, &dirfd)) {
		r = (int)host_call(SYS_inotify_add_watch, f->fd, path, mask);
		if (r != -ENOTCONN)
			return r;
	}
	r = path_walk(NULL, path, mask & IN_DONT_FOLLOW ? 0 : WALK_FOLLOW, &w);
	if (r < 0)
		return r;
	if (w.kind == WALK_HOST)
		return watch_found(f, w.dirfd, w.name, mask);
	/* As a file system that cannot be watched answers; tools then look by themselves. */
	return -EACCES;
}

int inotify_unwatch(struct file *f, int wd)
{
	if (!file_is_host(f))
		return -EINVAL;
	return (int)host_call(SYS_inotify_rm_watch, f->fd, wd);
}
