/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Extended attributes (xattr(7)): four operations, each by path, by path without following, by fd. */
#include <errno.h>
#include <limits.h>
#include <linux/limits.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/usermem.h"
#include "kernel/syscalls/files.h"
#include "kernel/syscalls/syscalls.h"
#include "vfs/fs.h"

enum by { BY_PATH, BY_LINK, BY_FD };

/* The object of the call: a path, or a description (path is then NULL). */
struct target {
	struct file *file;
	const char *path;
	bool follow;
	char buf[PATH_MAX];
};

static void target_end(struct target *t)
{
	file_put(t->file);
}
#define cleanup_target __attribute__((cleanup(target_end)))

static int target_get(struct target *t, enum by by, uint64_t arg)
{
	ssize_t r;

	t->follow = by == BY_PATH;
	t->file = NULL;
	t->path = NULL;
	if (by == BY_FD) {
		t->file = fd_get_real((int)arg);
		return t->file ? 0 : -EBADF;
	}
	r = copy_in_str(t->buf, arg, sizeof(t->buf));
	t->path = t->buf;
	return r < 0 ? (int)r : 0;
}

static int name_get(char name[XATTR_NAME_MAX + 1], uint64_t addr)
{
	ssize_t r = copy_in_str(name, addr, XATTR_NAME_MAX + 1);

	if (r == -ENAMETOOLONG || r == 0)
		return -ERANGE;
	return r < 0 ? (int)r : 0;
}

/* get (name != 0) and list: both fill a buffer, or say how long it must be. */
static long fetch(const uint64_t a[6], enum by by, bool list)
{
	uint64_t out = list ? a[1] : a[2];
	size_t size = list ? a[2] : a[3], max = list ? XATTR_LIST_MAX : XATTR_SIZE_MAX;
	cleanup_free char *data = NULL;
	cleanup_target struct target t;
	char name[XATTR_NAME_MAX + 1];
	long r = target_get(&t, by, a[0]);

	if (!r && !list)
		r = name_get(name, a[1]);
	if (r < 0)
		return r;
	if (size > max)
		size = max;
	if (size && !(data = malloc(size)))
		return -ENOMEM;
	r = list ? path_listxattr(t.file, t.path, t.follow, data, size)
		 : path_getxattr(t.file, t.path, t.follow, name, data, size);
	return r > 0 && size && copy_out(out, data, (size_t)r) < 0 ? -EFAULT : r;
}

static long store(const uint64_t a[6], enum by by)
{
	cleanup_free char *data = NULL;
	cleanup_target struct target t;
	char name[XATTR_NAME_MAX + 1];
	size_t size = a[3];
	long r = target_get(&t, by, a[0]);

	if (!r)
		r = name_get(name, a[1]);
	if (r < 0)
		return r;
	if (size > XATTR_SIZE_MAX)
		return -E2BIG;
	if (size && !(data = malloc(size)))
		return -ENOMEM;
	if (copy_in(data, a[2], size) < 0)
		return -EFAULT;
	return path_setxattr(t.file, t.path, t.follow, name, data, size, (int)a[4]);
}

static long drop(const uint64_t a[6], enum by by)
{
	cleanup_target struct target t;
	char name[XATTR_NAME_MAX + 1];
	long r = target_get(&t, by, a[0]);

	if (!r)
		r = name_get(name, a[1]);
	return r < 0 ? r : path_removexattr(t.file, t.path, t.follow, name);
}

long sys_getxattr(const uint64_t a[6])
{
	return fetch(a, BY_PATH, false);
}

long sys_lgetxattr(const uint64_t a[6])
{
	return fetch(a, BY_LINK, false);
}

long sys_fgetxattr(const uint64_t a[6])
{
	return fetch(a, BY_FD, false);
}

long sys_listxattr(const uint64_t a[6])
{
	return fetch(a, BY_PATH, true);
}

long sys_llistxattr(const uint64_t a[6])
{
	return fetch(a, BY_LINK, true);
}

long sys_flistxattr(const uint64_t a[6])
{
	return fetch(a, BY_FD, true);
}

long sys_setxattr(const uint64_t a[6])
{
	return store(a, BY_PATH);
}

long sys_lsetxattr(const uint64_t a[6])
{
	return store(a, BY_LINK);
}

long sys_fsetxattr(const uint64_t a[6])
{
	return store(a, BY_FD);
}

long sys_removexattr(const uint64_t a[6])
{
	return drop(a, BY_PATH);
}

long sys_lremovexattr(const uint64_t a[6])
{
	return drop(a, BY_LINK);
}

long sys_fremovexattr(const uint64_t a[6])
{
	return drop(a, BY_FD);
}
