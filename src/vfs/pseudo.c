/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Nodes of emulated file systems and what opening them gives.
 *
 * An open node is a struct pseudo_file without a host descriptor. A regular file's text is made by
 * the first read at offset 0, so that each pass over the file sees one consistent state and a
 * reader that rewinds (top, watch) sees a new one. A directory's entries are collected the same way
 * by the first getdents after open or rewind: the cookies count in that snapshot, so a process that
 * disappears between two calls makes no other one vanish from the listing.
 */
#include "vfs/pseudo.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/fsuid.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <time.h>
#include <unistd.h>

#include "base/hostcall.h"
#include "base/safecopy.h"

/* One write(2) to a pseudo file moves at most this much, as on Linux (a page, for most). */
#define STORE_MAX 65536
/* Minor numbers of husk's trees start here, far above the anonymous devices of the host. */
#define TREE_MINOR 0xff000

/* ---- text -------------------------------------------------------------------------------------- */

static bool ptext_room(struct ptext *t, size_t more)
{
	size_t cap = t->cap ? t->cap : 256;
	char *data;

	if (t->failed)
		return false;
	if (t->cap - t->len > more)
		return true;
	while (cap - t->len <= more)
		cap *= 2;
	data = realloc(t->data, cap);
	if (!data) {
		t->failed = true;
		return false;
	}
	t->data = data;
	t->cap = cap;
	return true;
}

void ptext_write(struct ptext *t, const void *data, size_t n)
{
	if (!ptext_room(t, n))
		return;
	memcpy(t->data + t->len, data, n);
	t->len += n;
	t->data[t->len] = '\0';
}

void ptext_printf(struct ptext *t, const char *fmt, ...)
{
	va_list ap;
	int n;

	/* Most lines fit into what is there; print a second time where one does not. */
	for (int pass = 0; pass < 2; pass++) {
		if (!ptext_room(t, 127))
			return;
		va_start(ap, fmt);
		n = vsnprintf(t->data + t->len, t->cap - t->len, fmt, ap);
		va_end(ap);
		if (n < 0)
			return;
		if ((size_t)n < t->cap - t->len) {
			t->len += n;
			return;
		}
		if (!ptext_room(t, n))
			return;
	}
}

/* ---- nodes ------------------------------------------------------------------------------------- */

struct pnode *pnode_get(struct pnode *n)
{
	atomic_fetch_add_explicit(&n->refs, 1, memory_order_relaxed);
	return n;
}

void pnode_put(struct pnode *n)
{
	while (n && atomic_fetch_sub(&n->refs, 1) == 1) {
		struct pnode *parent = n->parent;

		if (n->ops->release)
			n->ops->release(n);
		n = parent;
	}
}

void pnode_init(struct pnode *n, const struct pnode_ops *ops, struct pnode *parent, mode_t mode)
{
	static atomic_ulong next_ino = 0x100000;
	static atomic_uint next_tree = TREE_MINOR;

	memset(n, 0, sizeof(*n));
	n->ops = ops;
	atomic_init(&n->refs, 1);
	n->mode = mode;
	if (parent) {
		n->parent = pnode_get(parent);
		n->uid = parent->uid;
		n->gid = parent->gid;
		n->readonly = parent->readonly;
		n->ino = atomic_fetch_add(&next_ino, 1);
	} else {
		n->ino = 1;
		n->rdev = makedev(0, atomic_fetch_add(&next_tree, 1));
	}
}

void pnode_stat(struct pnode *n, struct stat *st)
{
	struct pnode *root = n;

	while (root->parent)
		root = root->parent;
	memset(st, 0, sizeof(*st));
	st->st_dev = root->rdev;
	st->st_ino = n->ino;
	st->st_mode = n->mode;
	st->st_nlink = S_ISDIR(n->mode) ? 2 : 1;
	st->st_uid = n->uid;
	st->st_gid = n->gid;
	st->st_rdev = n->parent ? n->rdev : 0;
	st->st_blksize = 1024;
	clock_gettime(CLOCK_REALTIME_COARSE, &st->st_mtim);
	st->st_atim = st->st_ctim = st->st_mtim;
}

int pnode_path(struct pnode *n, char *buf, size_t size)
{
	size_t at = size;

	if (size < 2)
		return -ERANGE;
	buf[--at] = '\0';
	for (; n->parent; n = n->parent) {
		size_t len = strlen(n->name);

		if (at < len + 1)
			return -ERANGE;
		at -= len;
		memcpy(buf + at, n->name, len);
		buf[--at] = '/';
	}
	if (at == size - 1)
		buf[--at] = '/';
	memmove(buf, buf + at, size - at);
	return 0;
}

static bool in_host_groups(gid_t gid)
{
	gid_t groups[64];
	int n;

	/* setfsgid(-1) changes nothing and answers what is set. */
	if ((gid_t)setfsgid(-1) == gid)
		return true;
	n = getgroups(64, groups);
	for (int i = 0; i < n; i++)
		if (groups[i] == gid)
			return true;
	return false;
}

static bool host_capable(int cap)
{
	struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2];

	if (host_call(SYS_capget, &head, data) != 0)
		return false;
	return data[cap / 32].effective & (1u << cap % 32);
}

int pnode_permission(struct pnode *n, int mask)
{
	unsigned want = mask & 7, all = n->mode & 0777, bits;

	if ((want & W_OK) && n->readonly)
		return -EROFS;
	/* What all three classes grant needs no look at who asks. */
	if ((all & all >> 3 & all >> 6 & want) == want)
		return 0;
	if ((uid_t)setfsuid(-1) == n->uid)
		bits = all >> 6;
	else if (in_host_groups(n->gid))
		bits = all >> 3;
	else
		bits = all;
	if ((bits & want) == want)
		return 0;
	/* capabilities(7): CAP_DAC_OVERRIDE makes no file executable that nobody may execute. */
	if (!S_ISDIR(n->mode) && (want & X_OK) && !(all & 0111))
		return -EACCES;
	if (host_capable(CAP_DAC_OVERRIDE))
		return 0;
	if (!(want & W_OK) && (S_ISDIR(n->mode) || want == R_OK) &&
	    host_capable(CAP_DAC_READ_SEARCH))
		return 0;
	return -EACCES;
}

/* ---- open nodes -------------------------------------------------------------------------------- */

struct dir_entry {
	ino_t ino;
	unsigned char type;
	char *name;
};

struct pseudo_file {
	struct file f;
	struct pnode *node;
	pthread_mutex_t lock; /* guards all below */
	off_t pos;	      /* bytes; in a directory: entries */
	bool made;
	struct ptext text;
	struct dir_entry *entries;
	size_t n_entries;
	bool failed; /* a listing that ran out of memory */
};

static struct pseudo_file *pseudo(struct file *f)
{
	return container_of(f, struct pseudo_file, f);
}

static void drop_entries(struct pseudo_file *p)
{
	for (size_t i = 0; i < p->n_entries; i++)
		free(p->entries[i].name);
	free(p->entries);
	p->entries = NULL;
	p->n_entries = 0;
	p->failed = p->made = false;
}

static int make_text(struct pseudo_file *p)
{
	int r;

	p->text.len = 0;
	p->text.failed = p->made = false;
	r = p->node->ops->show ? p->node->ops->show(p->node, &p->text) : -EINVAL;
	if (r == 0 && p->text.failed)
		r = -ENOMEM;
	p->made = r == 0;
	return r;
}

static ssize_t pseudo_read(struct file *f, const struct iovec *iov, int n, const off_t *at, int rwf)
{
	struct pseudo_file *p = pseudo(f);
	size_t done = 0;
	off_t pos;
	int r = 0;

	pthread_mutex_lock(&p->lock);
	pos = at ? *at : p->pos;
	if (pos == 0 || !p->made)
		r = make_text(p);
	for (int i = 0; r == 0 && i < n && (size_t)pos < p->text.len; i++) {
		size_t m = p->text.len - pos;

		if (m > iov[i].iov_len)
			m = iov[i].iov_len;
		m -= safe_copy(iov[i].iov_base, p->text.data + pos, m);
		pos += m;
		done += m;
		if (m < iov[i].iov_len)
			break;
	}
	if (r == 0 && !at)
		p->pos = pos;
	pthread_mutex_unlock(&p->lock);
	return r ? r : (ssize_t)done;
}

static ssize_t pseudo_write(struct file *f, const struct iovec *iov, int n, const off_t *at,
			    int rwf)
{
	struct pseudo_file *p = pseudo(f);
	size_t len = 0;
	ssize_t r;
	char *data;

	if (!p->node->ops->store)
		return -EIO;
	for (int i = 0; i < n; i++)
		len += iov[i].iov_len;
	if (len > STORE_MAX)
		return -EINVAL;
	data = malloc(len + 1);
	if (!data)
		return -ENOMEM;
	len = 0;
	for (int i = 0; i < n; i++) {
		if (safe_copy(data + len, iov[i].iov_base, iov[i].iov_len) != 0) {
			free(data);
			return -EFAULT;
		}
		len += iov[i].iov_len;
	}
	data[len] = '\0';
	r = p->node->ops->store(p->node, data, len);
	free(data);
	if (r > 0 && !at) {
		pthread_mutex_lock(&p->lock);
		p->pos += r;
		pthread_mutex_unlock(&p->lock);
	}
	return r;
}

static off_t pseudo_seek(struct file *f, off_t offset, int whence)
{
	struct pseudo_file *p = pseudo(f);
	off_t pos = -EINVAL;

	pthread_mutex_lock(&p->lock);
	if (whence == SEEK_SET)
		pos = offset;
	else if (whence == SEEK_CUR && __builtin_add_overflow(p->pos, offset, &pos))
		pos = -EINVAL;
	if (pos < 0) {
		pos = -EINVAL;
	} else {
		p->pos = pos;
		if (pos == 0 && S_ISDIR(f->type))
			drop_entries(p);
	}
	pthread_mutex_unlock(&p->lock);
	return pos;
}

static int pseudo_fstat(struct file *f, struct stat *st)
{
	pnode_stat(pseudo(f)->node, st);
	return 0;
}

static bool collect(void *arg, const char *name, unsigned char type, ino_t ino)
{
	struct pseudo_file *p = arg;

	/* Room doubles whenever the count has reached a power of two. */
	if ((p->n_entries & (p->n_entries - 1)) == 0) {
		size_t room = p->n_entries ? p->n_entries * 2 : 1;
		struct dir_entry *e = realloc(p->entries, room * sizeof(*e));

		if (!e) {
			p->failed = true;
			return false;
		}
		p->entries = e;
	}
	p->entries[p->n_entries] = (struct dir_entry){ino, type, strdup(name)};
	if (!p->entries[p->n_entries].name) {
		p->failed = true;
		return false;
	}
	p->n_entries++;
	return true;
}

static int make_entries(struct pseudo_file *p)
{
	struct pnode *n = p->node, *up = n->parent ? n->parent : n;
	int r = 0;

	drop_entries(p);
	if (collect(p, ".", DT_DIR, n->ino) && collect(p, "..", DT_DIR, up->ino) && n->ops->list)
		r = n->ops->list(n, collect, p);
	if (r == 0 && p->failed)
		r = -ENOMEM;
	p->made = r == 0;
	return r;
}

/* struct linux_dirent64 of getdents(2), whose name follows it. */
struct dirent_head {
	uint64_t ino;
	int64_t off;
	uint16_t reclen;
	uint8_t type;
} __attribute__((packed));

static ssize_t pseudo_getdents(struct file *f, void *buf, size_t n)
{
	struct pseudo_file *p = pseudo(f);
	size_t done = 0;
	int r = 0;

	pthread_mutex_lock(&p->lock);
	if (!p->made)
		r = make_entries(p);
	for (; r == 0 && (uint64_t)p->pos < p->n_entries; p->pos++) {
		const struct dir_entry *e = &p->entries[p->pos];
		size_t len = strlen(e->name) + 1;
		size_t reclen = (sizeof(struct dirent_head) + len + 7) & ~7UL;
		struct dirent_head h = {e->ino, p->pos + 1, reclen, e->type};

		if (reclen > n - done) {
			if (done == 0)
				r = -EINVAL;
			break;
		}
		memset((char *)buf + done + reclen - 8, 0, 8);
		memcpy((char *)buf + done, &h, sizeof(h));
		memcpy((char *)buf + done + sizeof(h), e->name, len);
		done += reclen;
	}
	pthread_mutex_unlock(&p->lock);
	return r ? r : (ssize_t)done;
}

static unsigned pseudo_poll(struct file *f, struct waitq **queue)
{
	/* Always ready: nobody ever wakes this queue. */
	static struct waitq never = WAITQ_INIT(never);

	*queue = &never;
	return POLLIN | POLLOUT | POLLRDNORM | POLLWRNORM;
}

static int pseudo_set_flags(struct file *f, unsigned flags)
{
	return 0;
}

static void pseudo_release(struct file *f)
{
	struct pseudo_file *p = pseudo(f);

	drop_entries(p);
	free(p->text.data);
	pnode_put(p->node);
	pthread_mutex_destroy(&p->lock);
	free(p);
}

static const struct file_ops pseudo_file_ops = {
	.name = "pseudo",
	.read = pseudo_read,
	.write = pseudo_write,
	.seek = pseudo_seek,
	.stat = pseudo_fstat,
	.poll = pseudo_poll,
	.set_flags = pseudo_set_flags,
	.release = pseudo_release,
};

static const struct file_ops pseudo_dir_ops = {
	.name = "pseudo-dir",
	.seek = pseudo_seek,
	.stat = pseudo_fstat,
	.getdents = pseudo_getdents,
	.poll = pseudo_poll,
	.set_flags = pseudo_set_flags,
	.release = pseudo_release,
};

/* O_PATH on anything, and links: they can be stat'ed and walked from, nothing else. */
static const struct file_ops pseudo_path_ops = {
	.name = "pseudo-path",
	.stat = pseudo_fstat,
	.set_flags = pseudo_set_flags,
	.release = pseudo_release,
};

struct pnode *pnode_of_file(struct file *f)
{
	if (f->ops != &pseudo_file_ops && f->ops != &pseudo_dir_ops && f->ops != &pseudo_path_ops)
		return NULL;
	return pseudo(f)->node;
}

static int new_file(struct pnode *n, unsigned flags, const struct file_ops *ops, struct file **out)
{
	struct pseudo_file *p = calloc(1, sizeof(*p));
	struct stat st;

	if (!p)
		return -ENOMEM;
	file_init(&p->f, ops, flags & ~(unsigned)(O_CREAT | O_EXCL | O_TRUNC | O_NOCTTY | O_CLOEXEC),
		  n->mode & S_IFMT);
	pthread_mutex_init(&p->lock, NULL);
	p->node = pnode_get(n);
	pnode_stat(n, &st);
	p->f.dev = st.st_dev;
	p->f.ino = st.st_ino;
	*out = &p->f;
	return 0;
}

int pnode_open(struct pnode *n, unsigned flags, struct file **out)
{
	unsigned acc = flags & O_ACCMODE;
	bool writes = acc != O_RDONLY;
	int r;

	if ((flags & O_DIRECTORY) && !S_ISDIR(n->mode))
		return -ENOTDIR;
	if (flags & O_PATH)
		return new_file(n, flags, &pseudo_path_ops, out);
	if (S_ISLNK(n->mode))
		return -ELOOP;
	if (S_ISDIR(n->mode) && (writes || (flags & O_CREAT)))
		return -EISDIR;
	r = pnode_permission(n, (acc != O_WRONLY ? R_OK : 0) | (writes ? W_OK : 0));
	if (r < 0)
		return r;
	if (n->ops->open)
		return n->ops->open(n, flags, out);
	return new_file(n, flags, S_ISDIR(n->mode) ? &pseudo_dir_ops : &pseudo_file_ops, out);
}
