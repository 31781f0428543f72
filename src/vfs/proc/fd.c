/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Descriptors and magic links of a process: fd/, fdinfo/, exe, cwd, root. A magic link is not its
 * text: opening fd/3 of a deleted file, a pipe or another process' root works, because the open
 * goes to the object itself.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "vfs/proc/node.h"
#include "vfs/tty.h"

static ssize_t put_text(const char *text, char *buf, size_t size)
{
	size_t len = strlen(text);

	if (len > size)
		len = size;
	memcpy(buf, text, len);
	return len;
}

static struct file *lookup_fd(struct proc_node *n)
{
	struct fdtable *t;
	struct file *f;

	t = proc_ops.files(n->pid);
	if (!t)
		return NULL;
	f = fdtable_lookup(t, n->fd);
	fdtable_put(t);
	return f;
}

static ssize_t readlink_fd(struct proc_node *n, char *buf, size_t size)
{
	cleanup_free char *path = NULL;
	struct file *f;
	ssize_t r;

	if (!proc_ops.may_access(n->pid))
		return -EACCES;
	f = lookup_fd(n);
	if (!f)
		return -ENOENT;
	path = malloc(PATH_MAX);
	r = path ? file_path(f, path, PATH_MAX) : -ENOMEM;
	file_put(f);
	return r < 0 ? r : put_text(path, buf, size);
}

/* A new description of what f is open on; nodes and terminals know how, vfs/file.c does the rest. */
static int reopen(struct file *f, unsigned flags, struct file **out)
{
	struct pnode *node = pnode_of_file(f);
	struct tty *tty = tty_of_file(f);

	if (node)
		return pnode_open(node, flags, out);
	if (tty && !(flags & O_PATH))
		return tty_reopen(tty, flags, out);
	return file_reopen(f, flags, out);
}

static int open_fd(struct proc_node *n, unsigned flags, struct file **out)
{
	struct file *f;
	int r;

	if (!proc_ops.may_access(n->pid))
		return -EACCES;
	f = lookup_fd(n);
	if (!f)
		return -ENOENT;
	r = reopen(f, flags, out);
	file_put(f);
	return r;
}

static int show_fdinfo(struct proc_node *n, struct ptext *out)
{
	struct fdtable *t;
	struct stat st;
	struct file *f;
	off_t pos = 0;
	int cloexec;

	if (!proc_ops.may_access(n->pid))
		return -EACCES;
	t = proc_ops.files(n->pid);
	if (!t)
		return -ENOENT;
	f = fdtable_lookup(t, n->fd);
	cloexec = fdtable_get_cloexec(t, n->fd);
	fdtable_put(t);
	if (!f)
		return -ENOENT;
	if (f->ops->seek && !(f->flags & O_PATH)) {
		pos = f->ops->seek(f, 0, SEEK_CUR);
		if (pos < 0)
			pos = 0;
	}
	if (file_stat(f, &st) < 0)
		st.st_ino = f->ino;
	ptext_printf(out, "pos:\t%lld\nflags:\t0%o\nmnt_id:\t1\nino:\t%lu\n", (long long)pos,
		     (unsigned)f->flags | 0100000 | (cloexec == 1 ? O_CLOEXEC : 0),
		     (unsigned long)st.st_ino);
	file_put(f);
	return 0;
}

static const struct proc_entry fd_entry = {
	.mode = S_IFLNK, .readlink = readlink_fd, .open_target = open_fd};
static const struct proc_entry fdinfo_entry = {.mode = S_IFREG | 0444, .show = show_fdinfo};

static int lookup(struct proc_node *dir, const struct proc_entry *e, const char *name,
		  struct pnode **out)
{
	int fd = proc_number(name), r;
	struct proc_node *n;
	struct fdtable *t;
	struct file *f;

	if (fd < 0)
		return -ENOENT;
	if (!proc_ops.may_access(dir->pid))
		return -EACCES;
	t = proc_ops.files(dir->pid);
	f = t ? fdtable_lookup(t, fd) : NULL;
	if (t)
		fdtable_put(t);
	if (!f)
		return -ENOENT;
	r = proc_make(dir, e, name, &n);
	if (r == 0) {
		n->fd = fd;
		/* The link's permissions show how the description was opened. */
		if (S_ISLNK(e->mode)) {
			unsigned acc = f->flags & O_ACCMODE;

			if (acc != O_WRONLY)
				n->node.mode |= 0500;
			if (acc != O_RDONLY)
				n->node.mode |= 0300;
		}
		*out = &n->node;
	}
	file_put(f);
	return r;
}

int proc_fd_lookup(struct proc_node *dir, const char *name, struct pnode **out)
{
	return lookup(dir, &fd_entry, name, out);
}

int proc_fdinfo_lookup(struct proc_node *dir, const char *name, struct pnode **out)
{
	return lookup(dir, &fdinfo_entry, name, out);
}

int proc_fd_list(struct proc_node *dir, proc_emit emit, void *arg)
{
	unsigned char type = dir->entry->lookup == proc_fd_lookup ? DT_LNK : DT_REG;
	struct fdtable *t;
	char name[16];

	if (!proc_ops.may_access(dir->pid))
		return -EACCES;
	t = proc_ops.files(dir->pid);
	if (!t)
		return 0;
	for (int fd = fdtable_next(t, 0); fd >= 0; fd = fdtable_next(t, fd + 1)) {
		snprintf(name, sizeof(name), "%d", fd);
		if (!emit(arg, name, type, proc_ino(dir, name)))
			break;
	}
	fdtable_put(t);
	return 0;
}

/* ---- exe, cwd, root ---------------------------------------------------------------------------- */

ssize_t proc_readlink_exe(struct proc_node *n, char *buf, size_t size)
{
	struct ptext t = {0};
	ssize_t r;

	if (!proc_ops.may_access(n->pid))
		return -EACCES;
	r = proc_ops.show(n->pid, "exe", &t);
	if (r == 0)
		r = t.data ? put_text(t.data, buf, size) : -ENOENT;
	free(t.data);
	/* A zombie or a kernel thread has no program: the link leads nowhere. */
	return r == -ESRCH ? -ENOENT : r;
}

int proc_open_exe(struct proc_node *n, unsigned flags, struct file **out)
{
	struct file *exe;
	int r;

	if (!proc_ops.may_access(n->pid))
		return -EACCES;
	r = proc_ops.open_exe(n->pid, &exe);
	if (r < 0)
		return r == -ESRCH ? -ENOENT : r;
	r = reopen(exe, flags, out);
	file_put(exe);
	return r;
}

static ssize_t describe(struct proc_node *n, bool root, char *buf, size_t size)
{
	cleanup_free char *path = malloc(PATH_MAX);
	struct fs *fs;
	int r;

	if (!path)
		return -ENOMEM;
	if (!proc_ops.may_access(n->pid))
		return -EACCES;
	fs = proc_ops.fs(n->pid);
	if (!fs)
		return -ENOENT;
	r = fs_describe(fs, root, path, PATH_MAX);
	fs_put(fs);
	return r < 0 ? r : put_text(path, buf, size);
}

static int open_described(struct proc_node *n, bool root, unsigned flags, struct file **out)
{
	struct fs *fs;
	int r;

	if (!proc_ops.may_access(n->pid))
		return -EACCES;
	fs = proc_ops.fs(n->pid);
	if (!fs)
		return -ENOENT;
	r = fs_open(fs, root, flags, out);
	fs_put(fs);
	return r;
}

ssize_t proc_readlink_cwd(struct proc_node *n, char *buf, size_t size)
{
	return describe(n, false, buf, size);
}

int proc_open_cwd(struct proc_node *n, unsigned flags, struct file **out)
{
	return open_described(n, false, flags, out);
}

ssize_t proc_readlink_root(struct proc_node *n, char *buf, size_t size)
{
	return describe(n, true, buf, size);
}

int proc_open_root(struct proc_node *n, unsigned flags, struct file **out)
{
	return open_described(n, true, flags, out);
}
