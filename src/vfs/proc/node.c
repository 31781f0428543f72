/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * From table entries to nodes: one set of node functions for each kind of entry, and the masks and
 * read-only paths of config.json, which are looked at whenever a node is made.
 */
#include "vfs/proc/node.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/hostcall.h"
#include "base/hostproc.h"

#define HOST_FILE_MAX (4 << 20)

static const char *const *masked_paths;
static const char *const *readonly_paths;

void proc_set_policy(const char *const *masked, const char *const *readonly)
{
	masked_paths = masked;
	readonly_paths = readonly;
}

/* Is path (below /proc's root) one of the list's? */
static bool listed(const char *const *list, const char *path)
{
	for (; list && *list; list++) {
		const char *p = *list;
		size_t len;

		if (strncmp(p, "/proc/", 6) != 0)
			continue;
		p += 5;
		len = strlen(p);
		while (len > 1 && p[len - 1] == '/')
			len--;
		if (strlen(path) == len && memcmp(path, p, len) == 0)
			return true;
	}
	return false;
}

int proc_number(const char *s)
{
	long v = 0;

	if (!*s || (s[0] == '0' && s[1]))
		return -1;
	for (; *s; s++) {
		if (*s < '0' || *s > '9')
			return -1;
		v = v * 10 + (*s - '0');
		if (v > INT_MAX)
			return -1;
	}
	return v;
}

ino_t proc_ino(struct proc_node *parent, const char *name)
{
	uint64_t h = 0xcbf29ce484222325ULL ^ (parent ? parent->node.ino : 0);

	/* FNV-1a over the parent's number and the name, cut to what 32-bit programs can hold. */
	for (; *name; name++)
		h = (h ^ (unsigned char)*name) * 0x100000001b3ULL;
	h ^= h >> 32;
	return 0x80000000UL | (h & 0x7fffffff);
}

static void node_release(struct pnode *n)
{
	free(proc_node(n));
}

static int file_show(struct pnode *p, struct ptext *out)
{
	struct proc_node *n = proc_node(p);

	if (n->masked)
		return 0;
	if (n->entry->show)
		return n->entry->show(n, out);
	if (!n->entry->text)
		return -EINVAL;
	ptext_write(out, n->entry->text, strlen(n->entry->text));
	return 0;
}

static ssize_t file_store(struct pnode *p, const char *data, size_t len)
{
	struct proc_node *n = proc_node(p);

	/* A masked file is /dev/null under runc: it swallows what is written. */
	if (n->masked)
		return len;
	return n->entry->store ? n->entry->store(n, data, len) : -EIO;
}

static int special_open(struct pnode *p, unsigned flags, struct file **out)
{
	return proc_node(p)->entry->open(proc_node(p), flags, out);
}

static ssize_t link_readlink(struct pnode *p, char *buf, size_t size)
{
	struct proc_node *n = proc_node(p);
	size_t len;

	if (n->entry->readlink)
		return n->entry->readlink(n, buf, size);
	len = strlen(n->entry->text);
	if (len > size)
		len = size;
	memcpy(buf, n->entry->text, len);
	return len;
}

static int link_open_target(struct pnode *p, unsigned flags, struct file **out)
{
	return proc_node(p)->entry->open_target(proc_node(p), flags, out);
}

static int dir_lookup(struct pnode *p, const char *name, struct pnode **out)
{
	struct proc_node *dir = proc_node(p), *n;
	int r;

	if (dir->masked)
		return -ENOENT;
	for (const struct proc_entry *e = dir->entry->children; e && e->name; e++) {
		if (strcmp(e->name, name) != 0)
			continue;
		r = proc_make(dir, e, name, &n);
		if (r == 0)
			*out = &n->node;
		return r;
	}
	return dir->entry->lookup ? dir->entry->lookup(dir, name, out) : -ENOENT;
}

static int dir_list(struct pnode *p, bool (*emit)(void *, const char *, unsigned char, ino_t),
		    void *arg)
{
	struct proc_node *dir = proc_node(p);

	if (dir->masked)
		return 0;
	for (const struct proc_entry *e = dir->entry->children; e && e->name; e++)
		if (!emit(arg, e->name, IFTODT(e->mode), proc_ino(dir, e->name)))
			return 0;
	return dir->entry->list ? dir->entry->list(dir, emit, arg) : 0;
}

static const struct pnode_ops file_ops = {
	.show = file_show, .store = file_store, .release = node_release};
static const struct pnode_ops special_ops = {.open = special_open, .release = node_release};
static const struct pnode_ops link_ops = {.readlink = link_readlink, .release = node_release};
static const struct pnode_ops magic_ops = {
	.readlink = link_readlink, .open_target = link_open_target, .release = node_release};
static const struct pnode_ops dir_ops = {
	.lookup = dir_lookup, .list = dir_list, .release = node_release};

static const struct pnode_ops *ops_for(const struct proc_entry *e)
{
	if (S_ISDIR(e->mode))
		return &dir_ops;
	if (S_ISLNK(e->mode))
		return e->open_target ? &magic_ops : &link_ops;
	return e->open ? &special_ops : &file_ops;
}

int proc_make(struct proc_node *parent, const struct proc_entry *e, const char *name,
	      struct proc_node **out)
{
	size_t len = strlen(name) + 1;
	struct proc_node *n = calloc(1, sizeof(*n) + len);
	char path[512];

	if (!n)
		return -ENOMEM;
	memcpy(n->name, name, len);
	pnode_init(&n->node, ops_for(e), parent ? &parent->node : NULL, e->mode);
	n->node.name = n->name;
	n->entry = e;
	if (!parent) {
		*out = n;
		return 0;
	}
	n->node.ino = proc_ino(parent, name);
	n->pid = parent->pid;
	n->thread = parent->thread;
	n->masked = parent->masked;
	if ((masked_paths || readonly_paths) && pnode_path(&n->node, path, sizeof(path)) == 0) {
		n->masked |= listed(masked_paths, path);
		n->node.readonly |= listed(readonly_paths, path);
	}
	if (n->masked && n->node.ops == &special_ops)
		n->node.ops = &file_ops;
	*out = n;
	return 0;
}

int proc_copy_host(const char *name, struct ptext *out)
{
	cleanup_close int fd = -1;
	size_t total = 0;
	ssize_t n;
	char buf[4096];

	if (name[0] == '/')
		fd = host_call(SYS_openat, hostproc_dir(), name + 1, O_RDONLY | O_CLOEXEC);
	else
		fd = hostproc_open(name);
	if (fd < 0)
		return fd;
	while (total < HOST_FILE_MAX && (n = read(fd, buf, sizeof(buf))) != 0) {
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		ptext_write(out, buf, n);
		total += n;
	}
	return 0;
}
