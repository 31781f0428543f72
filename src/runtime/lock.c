/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "runtime/lock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "runtime/files.h"

int lock_container(const char *dir)
{
	cleanup_free char *path = string_format("%s/lock", dir);
	struct stat held, named;
	int r;

	if (!path)
		return -ENOMEM;
	cleanup_close int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

	if (fd < 0)
		return -errno;
	do {
		r = flock(fd, LOCK_EX);
	} while (r < 0 && errno == EINTR);
	if (r < 0 || fstat(fd, &held) < 0)
		return -errno;
	if (stat(path, &named) < 0)
		return -errno;
	if (named.st_ino != held.st_ino || named.st_dev != held.st_dev)
		return -ENOENT;
	return steal_fd(&fd);
}
