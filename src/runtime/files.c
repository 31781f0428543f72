/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "runtime/files.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"

ssize_t file_read_fd(int fd, size_t max, char **out)
{
	cleanup_free char *buf = NULL;
	size_t len = 0, room = 0;

	for (;;) {
		if (len + 1 >= room) {
			char *bigger;

			if (len > max)
				return -EFBIG;
			room = room ? room * 2 : 4096;
			bigger = realloc(buf, room);
			if (!bigger)
				return -ENOMEM;
			buf = bigger;
		}
		ssize_t n = read(fd, buf + len, room - len - 1);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		len += n;
	}
	if (len > max)
		return -EFBIG;
	buf[len] = '\0';
	*out = steal_ptr(&buf);
	return len;
}

ssize_t file_read(int dirfd, const char *name, size_t max, char **out)
{
	cleanup_close int fd = openat(dirfd, name, O_RDONLY | O_CLOEXEC);

	return fd < 0 ? -errno : file_read_fd(fd, max, out);
}

int write_all(int fd, const void *buf, size_t n)
{
	const char *p = buf;

	while (n > 0) {
		ssize_t k = write(fd, p, n);

		if (k < 0 && errno == EINTR)
			continue;
		if (k < 0)
			return -errno;
		p += k;
		n -= k;
	}
	return 0;
}

int file_write(int dirfd, const char *name, const char *text)
{
	cleanup_close int fd = openat(dirfd, name, O_WRONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return -errno;
	do {
		n = write(fd, text, strlen(text));
	} while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : 0;
}

int file_replace(int dirfd, const char *name, const char *text, size_t len, mode_t mode)
{
	const char *slash = strrchr(name, '/');
	int stem = slash ? slash + 1 - name : 0;
	cleanup_free char *tmp = string_format("%.*s.%s.%d", stem, name, name + stem, getpid());
	int r;

	if (!tmp)
		return -ENOMEM;
	cleanup_close int fd = openat(dirfd, tmp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);

	if (fd < 0)
		return -errno;
	r = write_all(fd, text, len);
	if (!r && renameat(dirfd, tmp, dirfd, name) < 0)
		r = -errno;
	if (r)
		unlinkat(dirfd, tmp, 0);
	return r;
}

int mkdir_parents(const char *path, mode_t mode)
{
	cleanup_free char *copy = strdup(path);

	if (!copy)
		return -ENOMEM;
	for (char *p = copy + 1;; p++) {
		if (*p && *p != '/')
			continue;
		char end = *p;

		*p = '\0';
		if (mkdir(copy, mode) < 0 && errno != EEXIST)
			return -errno;
		if (!end)
			return 0;
		*p = end;
	}
}

char *string_format(const char *fmt, ...)
{
	char *s = NULL;
	va_list ap;

	va_start(ap, fmt);
	if (vasprintf(&s, fmt, ap) < 0)
		s = NULL;
	va_end(ap);
	return s;
}

static int compare_fds(const void *a, const void *b)
{
	return *(const int *)a - *(const int *)b;
}

void close_all_but(int first, const int *keep, unsigned n)
{
	int sorted[32];

	if (n > 32)
		abort();
	memcpy(sorted, keep, n * sizeof(*keep));
	qsort(sorted, n, sizeof(*sorted), compare_fds);
	for (unsigned i = 0; i < n; i++) {
		if (sorted[i] < first)
			continue;
		if (sorted[i] > first)
			close_range(first, sorted[i] - 1, 0);
		first = sorted[i] + 1;
	}
	close_range(first, UINT_MAX, 0);
}

int process_stat(pid_t pid, unsigned long long *start, char *state)
{
	char path[32];
	cleanup_free char *text = NULL;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	ssize_t n = file_read(AT_FDCWD, path, 65536, &text);

	if (n < 0)
		return n == -ENOENT ? -ESRCH : n;
	/* The command name may contain anything, so count from the last bracket: field 3 follows. */
	char *p = strrchr(text, ')');

	if (!p || sscanf(p + 1, " %c %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s "
				"%*s %*s %*s %llu", state, start) != 2)
		return -ESRCH;
	return 0;
}

int process_open(pid_t pid, unsigned long long start)
{
	unsigned long long now;
	char state;
	int r;

	if (pid <= 0)
		return -ESRCH;
	cleanup_close int fd = pidfd_open(pid, 0);

	if (fd < 0)
		return errno == EINVAL ? -ESRCH : -errno;
	/* Looked at after the open: if it matches now, the descriptor is of the right process. */
	r = process_stat(pid, &now, &state);
	if (r < 0)
		return r;
	if (now != start || state == 'Z' || state == 'X')
		return -ESRCH;
	return steal_fd(&fd);
}

int process_wait_end(int pidfd, int timeout_ms)
{
	struct pollfd p = {.fd = pidfd, .events = POLLIN};
	int r;

	do {
		r = poll(&p, 1, timeout_ms);
	} while (r < 0 && errno == EINTR);
	if (r < 0)
		return -errno;
	return r ? 0 : -ETIMEDOUT;
}

int wait_child(pid_t pid)
{
	int status;
	pid_t r;

	do {
		r = waitpid(pid, &status, 0);
	} while (r < 0 && errno == EINTR);
	return r < 0 ? -errno : status;
}

bool in_user_namespace(void)
{
	cleanup_fclose FILE *f = fopen("/proc/self/uid_map", "re");
	unsigned inside, outside, count;

	return f && fscanf(f, "%u %u %u", &inside, &outside, &count) == 3 &&
	       (inside || outside || count != UINT32_MAX);
}
