/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "runtime/fifo.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/hostproc.h"
#include "runtime/files.h"

#define FIFO_NAME "exec.fifo"
#define ANSWER_MAX 2048 /* bytes; less than PIPE_BUF, so it comes whole */

static char *fifo_path(const char *dir)
{
	return string_format("%s/" FIFO_NAME, dir);
}

int fifo_create(const char *dir, uid_t owner, gid_t group, struct error *err)
{
	cleanup_free char *path = fifo_path(dir);
	mode_t mask;
	int r;

	if (!path)
		return error_set(err, -ENOMEM, "out of memory");
	/* Write permission for all: the sandbox may be root of a user namespace. The directories
	 * above keep strangers out. */
	mask = umask(0);
	r = mkfifo(path, 0622) < 0 ? -errno : 0;
	umask(mask);
	if (r < 0)
		return error_errno(err, r, "cannot make %s", path);
	if ((owner || group) && lchown(path, owner, group) < 0)
		return error_errno(err, -errno, "cannot chown %s", path);
	r = open(path, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	return r < 0 ? error_errno(err, -errno, "cannot open %s", path) : r;
}

int fifo_exists(const char *dir)
{
	cleanup_free char *path = fifo_path(dir);
	struct stat st;

	if (!path)
		return -ENOMEM;
	if (lstat(path, &st) == 0)
		return 1;
	return errno == ENOENT ? 0 : -errno;
}

int fifo_wait(int path_fd, struct error *err)
{
	cleanup_close int fd = -1;

	do {
		fd = hostproc_reopen(path_fd, O_WRONLY);
	} while (fd == -EINTR);
	return fd < 0 ? error_errno(err, fd, "cannot open the exec fifo") : steal_fd(&fd);
}

int fifo_answer(int path_fd, const struct error *why, struct error *err)
{
	cleanup_close int fd = path_fd;
	const char *text = !why ? "0" : why->msg ? why->msg : "it failed";
	size_t n = strlen(text);
	int r;

	/* As one piece, and one that cannot be taken for success. */
	r = write_all(fd, text, n > ANSWER_MAX ? ANSWER_MAX : n);
	return r < 0 ? error_errno(err, r, "cannot write to the exec fifo") : 0;
}

/* What came of it: a lone "0" is success. */
static int read_answer(int fd, struct error *err)
{
	char text[ANSWER_MAX + 1];
	ssize_t n = read(fd, text, ANSWER_MAX);

	if (n < 0)
		return error_errno(err, -errno, "cannot read the container's answer");
	if (n == 0)
		return error_set(err, -ESRCH, "cannot start a container that has stopped");
	text[n] = '\0';
	return strcmp(text, "0") ? error_set(err, -EIO, "%s", text) : 0;
}

int fifo_release(const char *dir, int pidfd, struct error *err)
{
	cleanup_free char *path = fifo_path(dir);
	int r;

	if (!path)
		return error_set(err, -ENOMEM, "out of memory");
	/* Opened without blocking: that is enough for the writer to get through, and no deadlock
	 * if it is dead. POLLHUP is not reported before there was a writer. */
	cleanup_close int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);

	if (fd < 0)
		return error_errno(err, -errno, "cannot open %s", path);
	for (;;) {
		struct pollfd p[2] = {{.fd = fd, .events = POLLIN},
				      {.fd = pidfd, .events = POLLIN}};

		if (poll(p, 2, -1) < 0) {
			if (errno == EINTR)
				continue;
			return error_errno(err, -errno, "cannot wait for the container");
		}
		/* Also when it is dead: it may have said why after poll looked at the fifo. */
		if (p[0].revents || p[1].revents) {
			r = read_answer(fd, err);
			break;
		}
	}
	if (!r && unlink(path) < 0 && errno != ENOENT)
		return error_errno(err, -errno, "cannot remove %s", path);
	return r;
}
