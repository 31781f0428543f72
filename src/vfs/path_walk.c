/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The slow walk: a path, component by component, between the host's tree and husk's own.
 *
 * On the host side each step is an openat(O_PATH | O_NOFOLLOW): the host checks search permission
 * and keeps ".." below the process' root, which is mirrored. What a step found is compared with
 * the places of emulated trees. On husk's side steps are lookups of nodes. Symbolic links put
 * their text before the rest of the path; an absolute one starts again at the root.
 *
 * Between the walk and the caller's host call a name may change its meaning; that is a race every
 * program has with others, and harmless: the host walks it by its own rules, and finds placeholders
 * where emulated trees stand.
 */
#include "vfs/path.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <linux/stat.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/hostcall.h"

#define MAX_SYMLINKS 40

/* Where the walk stands: exactly one of a host directory, a node, an open description. */
struct place {
	int fd;
	struct pnode *node;
	struct file *file;
};

struct walker {
	struct place here;
	char *path; /* what is left starts at rest; malloc()ed */
	char *rest;
	unsigned flags;
	int links;
};

static void place_clear(struct place *p)
{
	if (p->fd >= 0)
		close(p->fd);
	pnode_put(p->node);
	file_put(p->file);
	*p = (struct place){.fd = -1};
}

void walk_end(struct walk *w)
{
	if (w->dirfd >= 0)
		close(w->dirfd);
	pnode_put(w->node);
	file_put(w->file);
	*w = (struct walk)WALK_INIT;
}

bool path_is_fast(struct file *at, const char *path, int *dirfd)
{
	struct pnode *cwd;

	if (fs_always_slow())
		return false;
	*dirfd = AT_FDCWD;
	if (path[0] == '/')
		return !fs_mount_by_prefix(path);
	if (at) {
		*dirfd = at->fd;
		return file_is_host(at) && !pnode_of_file(at);
	}
	cwd = fs_cwd_node();
	pnode_put(cwd);
	return !cwd;
}

static int open_step(int dirfd, const char *name)
{
	struct open_how how = {
	    .flags = O_PATH | O_NOFOLLOW | O_CLOEXEC,
	    .resolve = RESOLVE_NO_MAGICLINKS,
	};

	return (int)host_call(SYS_openat2, dirfd, name, &how, sizeof(how));
}

/* Stands at a node; consumes the reference. */
static void enter_node(struct walker *k, struct pnode *n)
{
	place_clear(&k->here);
	k->here.node = n;
}

/* Stands where an open description is: for the walk, its node or its directory if it has one. */
static int enter_file(struct walker *k, struct file *f)
{
	struct pnode *n = pnode_of_file(f);
	int fd;

	if (n) {
		enter_node(k, pnode_get(n));
	} else if (file_is_host(f) && (f->type == S_IFDIR)) {
		fd = (int)host_call(SYS_fcntl, f->fd, F_DUPFD_CLOEXEC, 3);
		if (fd < 0) {
			file_put(f);
			return fd == -EMFILE ? -ENFILE : fd;
		}
		place_clear(&k->here);
		k->here.fd = fd;
	} else {
		place_clear(&k->here);
		k->here.file = f;
		return 0;
	}
	file_put(f);
	return 0;
}

/* To the process' root, or straight into the emulated tree that the rest of the path begins with. */
static int enter_root(struct walker *k)
{
	const struct pseudo_mount *m = fs_mount_by_prefix(k->rest);
	int fd;

	if (m) {
		k->rest += m->len;
		enter_node(k, pnode_get(m->root));
		return 0;
	}
	fd = open_step(AT_FDCWD, "/");
	if (fd < 0)
		return fd;
	place_clear(&k->here);
	k->here.fd = fd;
	return 0;
}

static int enter_start(struct walker *k, struct file *at)
{
	struct pnode *cwd;
	int fd;

	if (k->rest[0] == '/')
		return enter_root(k);
	if (at)
		return enter_file(k, file_get(at));
	cwd = fs_cwd_node();
	if (cwd) {
		enter_node(k, cwd);
		return 0;
	}
	fd = open_step(AT_FDCWD, ".");
	if (fd < 0)
		return fd;
	k->here.fd = fd;
	return 0;
}

/* Puts the text of a symbolic link before the rest of the path, and stands where it starts. */
static int follow_text(struct walker *k, const char *text)
{
	size_t len = strlen(text), rest = strlen(k->rest);
	char *path;

	if (!len)
		return -ENOENT;
	if (++k->links > MAX_SYMLINKS || (k->flags & WALK_NO_SYMLINKS))
		return -ELOOP;
	/* The rest is empty or begins with the slash that ended the link's name. */
	path = malloc(len + rest + 1);
	if (!path)
		return -ENOMEM;
	memcpy(path, text, len);
	memcpy(path + len, k->rest, rest + 1);
	free(k->path);
	k->path = k->rest = path;
	return path[0] == '/' ? enter_root(k) : 0;
}

/* What a step on the host found. */
enum found { FOUND_OBJECT, FOUND_LINK, FOUND_MOUNT };

static int identify(int fd, enum found *found, mode_t *mode, const struct pseudo_mount **m)
{
	struct statx stx = {0};
	/* DONT_SYNC: a dead FUSE root answers from what it remembers, instead of -ENOTCONN. */
	int r = (int)host_call(SYS_statx, fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC,
			       STATX_TYPE | STATX_INO | STATX_MNT_ID, &stx);

	if (r < 0)
		return r;
	*mode = stx.stx_mode;
	*m = fs_mount_by_identity(stx.stx_mnt_id, makedev(stx.stx_dev_major, stx.stx_dev_minor),
				  stx.stx_ino);
	*found = *m ? FOUND_MOUNT : S_ISLNK(stx.stx_mode) ? FOUND_LINK : FOUND_OBJECT;
	return 0;
}

/*
 * One step on the host side. last: nothing but slashes follows. 0: the walk goes on; 1: *w has
 * become the result.
 */
static int host_step(struct walker *k, const char *name, bool last, bool slash, struct walk *w)
{
	const struct pseudo_mount *m;
	char text[PATH_MAX];
	enum found found;
	mode_t mode;
	ssize_t len;
	int r, fd = open_step(k->here.fd, name);

	if (fd < 0 && !(last && fd == -ENOENT))
		return fd;
	if (fd >= 0) {
		r = identify(fd, &found, &mode, &m);
		if (r < 0) {
			close(fd);
			return r;
		}
	} else {
		found = FOUND_OBJECT;
		mode = 0;
	}
	if (found == FOUND_MOUNT) {
		close(fd);
		if (k->flags & WALK_NO_XDEV)
			return -EXDEV;
		enter_node(k, pnode_get(m->root));
		return 0;
	}
	if (found == FOUND_LINK && (!last || slash || (k->flags & WALK_FOLLOW))) {
		len = host_call(SYS_readlinkat, fd, "", text, sizeof(text) - 1);
		close(fd);
		if (len < 0)
			return (int)len;
		text[len] = '\0';
		return follow_text(k, text);
	}
	if (last) {
		if (fd >= 0)
			close(fd);
		w->kind = WALK_HOST;
		w->dirfd = k->here.fd;
		k->here.fd = -1;
		strcpy(w->name, name);
		if (slash)
			strcat(w->name, "/");
		return 1;
	}
	if (!S_ISDIR(mode)) {
		close(fd);
		return -ENOTDIR;
	}
	place_clear(&k->here);
	k->here.fd = fd;
	return 0;
}

/* A link among the nodes. *done: it is a magic one in the last place, which the caller opens. */
static int follow_node(struct walker *k, struct pnode *link, bool last, bool *done)
{
	char text[PATH_MAX];
	struct file *f;
	ssize_t len;
	int r;

	*done = false;
	if (link->ops->open_target) {
		if (k->flags & (WALK_NO_SYMLINKS | WALK_NO_MAGIC))
			return -ELOOP;
		if (++k->links > MAX_SYMLINKS)
			return -ELOOP;
		if (last && (k->flags & WALK_OPEN)) {
			*done = true;
			return 0;
		}
		r = link->ops->open_target(link, O_PATH, &f);
		return r < 0 ? r : enter_file(k, f);
	}
	if (!link->ops->readlink)
		return -EINVAL;
	len = link->ops->readlink(link, text, sizeof(text) - 1);
	if (len < 0)
		return (int)len;
	text[len] = '\0';
	return follow_text(k, text);
}

static int node_parent(struct walker *k)
{
	const struct pseudo_mount *m;
	struct pnode *n = k->here.node;
	int fd;

	if (n->parent) {
		enter_node(k, pnode_get(n->parent));
		return 0;
	}
	m = fs_mount_of_node(n);
	if (!m)
		return 0;
	if (k->flags & WALK_NO_XDEV)
		return -EXDEV;
	fd = (int)host_call(SYS_fcntl, m->parent_fd, F_DUPFD_CLOEXEC, 3);
	if (fd < 0)
		return fd == -EMFILE ? -ENFILE : fd;
	place_clear(&k->here);
	k->here.fd = fd;
	return 0;
}

static int node_step(struct walker *k, const char *name, bool last, bool slash, struct walk *w)
{
	struct pnode *dir = k->here.node, *n;
	bool done;
	int r;

	if (!S_ISDIR(dir->mode))
		return -ENOTDIR;
	r = pnode_permission(dir, X_OK);
	if (r < 0)
		return r;
	if (!strcmp(name, ".."))
		return node_parent(k);
	r = dir->ops->lookup ? dir->ops->lookup(dir, name, &n) : -ENOENT;
	if (r < 0)
		return r;
	if (S_ISLNK(n->mode) && (!last || slash || (k->flags & WALK_FOLLOW))) {
		r = follow_node(k, n, last && !slash, &done);
		if (r < 0 || !done) {
			pnode_put(n);
			return r;
		}
	}
	enter_node(k, n);
	return 0;
}

/* Everything is walked, and here is what the path means. */
static int finish(struct walker *k, bool slash, struct walk *w)
{
	if (k->here.fd >= 0) {
		w->kind = WALK_HOST;
		w->dirfd = k->here.fd;
		k->here.fd = -1;
		strcpy(w->name, ".");
		return 0;
	}
	if (k->here.node) {
		if (slash && !S_ISDIR(k->here.node->mode))
			return -ENOTDIR;
		w->kind = WALK_NODE;
		w->node = k->here.node;
		k->here.node = NULL;
		return 0;
	}
	if (slash)
		return -ENOTDIR;
	w->kind = WALK_FILE;
	w->file = k->here.file;
	k->here.file = NULL;
	return 0;
}

/* WALK_PARENT: the last component is not looked at. */
static int finish_parent(struct walker *k, const char *name, bool slash, struct walk *w)
{
	if (k->here.file || (k->here.node && !S_ISDIR(k->here.node->mode)))
		return -ENOTDIR;
	finish(k, false, w);
	strcpy(w->name, name);
	if (slash)
		strcat(w->name, "/");
	return 0;
}

/* Cuts the next component off k->rest into name. 0: there is none. */
static int next_component(struct walker *k, char *name, bool *last, bool *slash)
{
	size_t n;

	while (*k->rest == '/')
		k->rest++;
	n = strcspn(k->rest, "/");
	if (!n)
		return 0;
	if (n > NAME_MAX)
		return -ENAMETOOLONG;
	memcpy(name, k->rest, n);
	name[n] = '\0';
	k->rest += n;
	*slash = *k->rest == '/';
	*last = k->rest[strspn(k->rest, "/")] == '\0';
	*slash = *slash && *last;
	return 1;
}

static int walk_all(struct walker *k, struct walk *w)
{
	char name[NAME_MAX + 1];
	bool last, slash = false;
	int r;

	while ((r = next_component(k, name, &last, &slash)) > 0) {
		if (last && (k->flags & WALK_PARENT))
			return finish_parent(k, name, slash, w);
		if (!strcmp(name, ".")) {
			if (k->here.file || (k->here.node && !S_ISDIR(k->here.node->mode)))
				return -ENOTDIR;
			continue;
		}
		if (k->here.fd >= 0)
			r = host_step(k, name, last, slash, w);
		else if (k->here.node)
			r = node_step(k, name, last, slash, w);
		else
			r = -ENOTDIR;
		if (r)
			return r < 0 ? r : 0;
	}
	return r < 0 ? r : finish(k, slash, w);
}

int path_walk(struct file *at, const char *path, unsigned flags, struct walk *w)
{
	struct walker k = {.here = {.fd = -1}, .flags = flags};
	int r;

	*w = (struct walk)WALK_INIT;
	if (!path[0] && !(flags & WALK_EMPTY))
		return -ENOENT;
	k.path = k.rest = strdup(path);
	if (!k.path)
		return -ENOMEM;
	r = enter_start(&k, at);
	if (!r)
		r = walk_all(&k, w);
	place_clear(&k.here);
	free(k.path);
	if (r < 0)
		walk_end(w);
	return r;
}
