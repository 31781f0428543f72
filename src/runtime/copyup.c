/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The mount option "tmpcopyup" (runc's, used by Podman): a tmpfs that starts with the files of the
 * directory it will cover. The source belongs to the image: nothing is followed, nothing is executed,
 * and depth is bounded.
 */
#include "runtime/mounts.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"

#define DEPTH_MAX 64
#define CHUNK (1u << 20)

static int copy_tree(int from, int to, unsigned depth);

static int copy_file(int from, int to, const char *name, const struct stat *st)
{
	cleanup_close int in = openat(from, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	ssize_t n;

	if (in < 0)
		return -errno;
	cleanup_close int out = openat(to, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
				       0600);

	if (out < 0)
		return -errno;
	do {
		n = sendfile(out, in, NULL, CHUNK);
	} while (n > 0 || (n < 0 && errno == EINTR));
	return n < 0 ? -errno : 0;
}

static int copy_link(int from, int to, const char *name)
{
	char target[PATH_MAX];
	ssize_t n = readlinkat(from, name, target, sizeof(target) - 1);

	if (n < 0)
		return -errno;
	target[n] = '\0';
	return symlinkat(target, to, name) < 0 ? -errno : 0;
}

static int copy_directory(int from, int to, const char *name, unsigned depth)
{
	if (mkdirat(to, name, 0700) < 0 && errno != EEXIST)
		return -errno;
	cleanup_close int sub_from = openat(from, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	cleanup_close int sub_to = openat(to, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	return sub_from < 0 || sub_to < 0 ? -errno : copy_tree(sub_from, sub_to, depth + 1);
}

static int copy_entry(int from, int to, const char *name, unsigned depth)
{
	struct stat st;
	int r;

	if (fstatat(from, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	switch (st.st_mode & S_IFMT) {
	case S_IFREG:
		r = copy_file(from, to, name, &st);
		break;
	case S_IFLNK:
		r = copy_link(from, to, name);
		break;
	case S_IFDIR:
		r = copy_directory(from, to, name, depth);
		break;
	case S_IFSOCK: /* dead without its process */
		return 0;
	default:
		r = mknodat(to, name, st.st_mode, st.st_rdev) < 0 ? -errno : 0;
	}
	if (r < 0)
		return r;
	if (fchownat(to, name, st.st_uid, st.st_gid, AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	if (!S_ISLNK(st.st_mode) && fchmodat(to, name, st.st_mode & 07777, 0) < 0)
		return -errno;
	struct timespec times[2] = {st.st_atim, st.st_mtim};

	utimensat(to, name, times, AT_SYMLINK_NOFOLLOW);
	return 0;
}

static int copy_tree(int from, int to, unsigned depth)
{
	int dup_fd, r = 0;
	struct dirent *e;

	if (depth > DEPTH_MAX)
		return -ELOOP;
	dup_fd = openat(from, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	cleanup_closedir DIR *d = dup_fd < 0 ? NULL : fdopendir(dup_fd);

	if (!d) {
		r = -errno;
		if (dup_fd >= 0)
			close(dup_fd);
		return r;
	}
	while (!r && (e = readdir(d)))
		if (strcmp(e->d_name, ".") && strcmp(e->d_name, ".."))
			r = copy_entry(from, to, e->d_name, depth);
	return r;
}

int copy_up(int from, int to, struct error *err)
{
	struct stat st;
	int r = copy_tree(from, to, 0);

	if (r < 0)
		return error_errno(err, r, "tmpcopyup: cannot copy what is covered");
	if (fstat(from, &st) == 0 && fchownat(to, ".", st.st_uid, st.st_gid, 0) < 0)
		return error_errno(err, -errno, "tmpcopyup: cannot set the owner of the mount");
	return 0;
}
