/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * /dev/pts: a number for every terminal of the container, inner ptys and the host's terminals
 * alike, so that ttyname(3), ps and stat agree on what a terminal is called.
 */
#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "vfs/pseudo.h"
#include "vfs/tty_file.h"

#define PTS_MAX 4096
#define PTS_INO(n) ((n) + 3)
#define PTMX_INO 2

struct slot {
	struct tty *tty; /* borrowed; NULL: hidden */
	bool taken;
	uid_t uid;
	gid_t gid;
	mode_t mode;
	struct timespec made;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* guards slots; a leaf */
static struct slot *slots;
static unsigned n_slots;

static struct pnode root_node;

int devpts_add(struct tty *t)
{
	unsigned n;
	int r = -ENOSPC;

	pthread_mutex_lock(&lock);
	for (n = 0; n < n_slots && slots[n].taken; n++)
		;
	if (n == n_slots && n < PTS_MAX) {
		unsigned more = n_slots ? n_slots * 2 : 8;
		struct slot *s = realloc(slots, more * sizeof(*s));

		if (s) {
			memset(s + n_slots, 0, (more - n_slots) * sizeof(*s));
			slots = s;
			n_slots = more;
		}
	}
	if (n < n_slots) {
		slots[n] = (struct slot){.tty = t, .taken = true, .mode = 0620};
		clock_gettime(CLOCK_REALTIME, &slots[n].made);
		r = n;
	}
	pthread_mutex_unlock(&lock);
	return r;
}

void devpts_hide(unsigned n)
{
	pthread_mutex_lock(&lock);
	slots[n].tty = NULL;
	pthread_mutex_unlock(&lock);
}

void devpts_remove(unsigned n)
{
	pthread_mutex_lock(&lock);
	slots[n].tty = NULL;
	slots[n].taken = false;
	pthread_mutex_unlock(&lock);
}

void devpts_set_owner(unsigned n, uid_t uid, gid_t gid, mode_t mode)
{
	pthread_mutex_lock(&lock);
	slots[n].uid = uid;
	slots[n].gid = gid;
	slots[n].mode = mode;
	pthread_mutex_unlock(&lock);
}

static void fill(struct stat *st, ino_t ino, dev_t rdev, const struct slot *s)
{
	memset(st, 0, sizeof(*st));
	st->st_dev = root_node.rdev;
	st->st_ino = ino;
	st->st_mode = S_IFCHR | s->mode;
	st->st_nlink = 1;
	st->st_uid = s->uid;
	st->st_gid = s->gid;
	st->st_rdev = rdev;
	st->st_blksize = 1024;
	st->st_atim = st->st_mtim = st->st_ctim = s->made;
}

void devpts_stat(unsigned n, struct stat *st)
{
	struct slot s;

	pthread_mutex_lock(&lock);
	s = slots[n];
	pthread_mutex_unlock(&lock);
	fill(st, PTS_INO(n), makedev(136, n), &s);
}

void devpts_stat_ptmx(struct stat *st)
{
	fill(st, PTMX_INO, makedev(5, 2), &(struct slot){.mode = 0666});
}

/* ---- nodes ------------------------------------------------------------------------------------- */

struct pts_node {
	struct pnode node;
	unsigned n;
	char name[12];
};

static struct pts_node *pts_node(struct pnode *n)
{
	return container_of(n, struct pts_node, node);
}

/* The terminal with number n, with a reference; NULL: none (any more). */
static struct tty *find(unsigned n)
{
	struct tty *t = NULL;
	unsigned refs = 0;

	pthread_mutex_lock(&lock);
	if (n < n_slots)
		t = slots[n].tty;
	if (t)
		refs = atomic_load(&t->refs);
	while (refs && !atomic_compare_exchange_weak(&t->refs, &refs, refs + 1))
		;
	pthread_mutex_unlock(&lock);
	return refs ? t : NULL;
}

static int pts_open(struct pnode *p, unsigned flags, struct file **out)
{
	struct tty *t = find(pts_node(p)->n);
	int r;

	if (!t)
		return -EIO;
	r = tty_reopen(t, flags, out);
	tty_put(t);
	return r;
}

static int pts_setattr(struct pnode *p, const mode_t *mode, const uid_t *uid, const gid_t *gid)
{
	struct slot *s;

	pthread_mutex_lock(&lock);
	s = &slots[pts_node(p)->n];
	if (mode)
		s->mode = *mode & 07777;
	if (uid)
		s->uid = *uid;
	if (gid)
		s->gid = *gid;
	p->mode = S_IFCHR | s->mode;
	p->uid = s->uid;
	p->gid = s->gid;
	pthread_mutex_unlock(&lock);
	return 0;
}

static void pts_release(struct pnode *p)
{
	free(pts_node(p));
}

static int ptmx_open(struct pnode *p, unsigned flags, struct file **out)
{
	return pty_open_master(flags, out);
}

static const struct pnode_ops pts_ops = {
	.open = pts_open, .setattr = pts_setattr, .release = pts_release};
static const struct pnode_ops ptmx_ops = {.open = ptmx_open, .release = pts_release};

static int make_node(const struct pnode_ops *ops, const char *name, const struct stat *st,
		     struct pnode **out)
{
	struct pts_node *p = calloc(1, sizeof(*p));

	if (!p)
		return -ENOMEM;
	pnode_init(&p->node, ops, &root_node, st->st_mode);
	snprintf(p->name, sizeof(p->name), "%s", name);
	p->n = minor(st->st_rdev);
	p->node.name = p->name;
	p->node.uid = st->st_uid;
	p->node.gid = st->st_gid;
	p->node.ino = st->st_ino;
	p->node.rdev = st->st_rdev;
	*out = &p->node;
	return 0;
}

static int root_lookup(struct pnode *dir, const char *name, struct pnode **out)
{
	struct stat st;
	struct tty *t;
	char *end;
	unsigned long n;

	if (strcmp(name, "ptmx") == 0) {
		devpts_stat_ptmx(&st);
		return make_node(&ptmx_ops, name, &st, out);
	}
	if (name[0] < '0' || name[0] > '9' || (name[0] == '0' && name[1]))
		return -ENOENT;
	n = strtoul(name, &end, 10);
	if (*end || n >= PTS_MAX)
		return -ENOENT;
	t = find(n);
	if (!t)
		return -ENOENT;
	devpts_stat(n, &st);
	tty_put(t);
	return make_node(&pts_ops, name, &st, out);
}

static int root_list(struct pnode *dir, bool (*emit)(void *, const char *, unsigned char, ino_t),
		     void *arg)
{
	char name[12];
	bool there;

	for (unsigned n = 0; n < PTS_MAX; n++) {
		pthread_mutex_lock(&lock);
		if (n >= n_slots) {
			pthread_mutex_unlock(&lock);
			break;
		}
		there = slots[n].tty;
		pthread_mutex_unlock(&lock);
		snprintf(name, sizeof(name), "%u", n);
		if (there && !emit(arg, name, DT_CHR, PTS_INO(n)))
			return 0;
	}
	emit(arg, "ptmx", DT_CHR, PTMX_INO);
	return 0;
}

static const struct pnode_ops root_ops = {.lookup = root_lookup, .list = root_list};

struct pnode *devpts_root(void)
{
	pthread_mutex_lock(&lock);
	if (!root_node.ops)
		pnode_init(&root_node, &root_ops, NULL, S_IFDIR | 0755);
	pthread_mutex_unlock(&lock);
	return pnode_get(&root_node);
}
