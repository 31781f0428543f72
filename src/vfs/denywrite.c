/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ETXTBSY: a program that runs cannot be opened for writing, and a file that is open for writing
 * cannot be run (execve(2), open(2)). The host knows neither, since it runs none of the guest's
 * programs; so husk counts both sides per inode, as Linux' i_writecount does.
 */
#include "vfs/denywrite.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/syscall.h>

#include "base/hostcall.h"

#define BUCKETS 256

struct text_inode {
	struct list link;
	dev_t dev;
	ino_t ino;
	int count; /* > 0: writers; < 0: those that run it; entries with 0 are freed */
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct list buckets[BUCKETS];

/* The entry of f's inode, made if need be; NULL: no memory. The caller holds the lock. */
static struct text_inode *find(struct file *f)
{
	struct list *head = &buckets[(f->ino ^ f->dev) % BUCKETS];
	struct text_inode *t;

	if (!head->next)
		list_init(head);
	list_for_each(t, head, link)
		if (t->ino == f->ino && t->dev == f->dev)
			return t;
	t = calloc(1, sizeof(*t));
	if (t) {
		t->dev = f->dev;
		t->ino = f->ino;
		list_add(head, &t->link);
	}
	return t;
}

/* Moves the inode's count by one in f's direction, if nobody stands on the other side. */
static int take_side(struct file *f, int side)
{
	struct text_inode *t;
	int r = 0;

	pthread_mutex_lock(&lock);
	t = find(f);
	if (!t) {
		r = -ENOMEM;
	} else if (t->count * side < 0) {
		r = -ETXTBSY;
	} else {
		t->count += side;
		f->text_side = (signed char)side;
	}
	pthread_mutex_unlock(&lock);
	return r;
}

int deny_write(struct file *f)
{
	return f->text_side ? 0 : take_side(f, -1);
}

static bool truncates(unsigned flags)
{
	return (flags & O_TRUNC) && (flags & O_ACCMODE) != O_RDONLY && !(flags & O_PATH);
}

unsigned deny_write_open_flags(unsigned flags)
{
	return truncates(flags) ? flags & ~(unsigned)O_TRUNC : flags;
}

int deny_write_opened(struct file *f, unsigned flags)
{
	int r;

	if (f->type != S_IFREG || !file_is_host(f) || (flags & O_PATH) ||
	    (flags & O_ACCMODE) == O_RDONLY)
		return 0;
	r = f->text_side ? 0 : take_side(f, 1);
	if (!r && truncates(flags))
		r = (int)host_call(SYS_ftruncate, f->fd, 0);
	return r;
}

void deny_write_release(struct file *f)
{
	struct text_inode *t;

	if (!f->text_side)
		return;
	pthread_mutex_lock(&lock);
	t = find(f);
	if (t) {
		t->count -= f->text_side;
		if (!t->count) {
			list_del(&t->link);
			free(t);
		}
	}
	pthread_mutex_unlock(&lock);
	f->text_side = 0;
}
