/* SPDX-License-Identifier: GPL-2.0-or-later */
/* POSIX locks, OFD locks and flock(2): see lock.h for the idea. */
#include "vfs/lock.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/hostcall.h"
#include "base/hostproc.h"

/* A range that an owner holds; end is inclusive. */
struct range {
	struct list link; /* in holder->ranges, by start, not overlapping */
	off_t start, end;
	short type;
};

/* What one descriptor table holds on one inode, with its private host descriptor. */
struct holder {
	struct list link; /* in all_holders */
	struct fdtable *owner;
	dev_t dev;
	ino_t ino;
	pid_t pid;
	int fd;
	unsigned users; /* calls that are using fd; the last one frees a holder that has gone */
	bool gone;
	struct list ranges;
	/* A thread of the owner sleeps for this range of this inode: edges for EDEADLK. */
	unsigned waiting;
	struct range wanted;
};

/*
 * The mirror, behind one lock. The host arbitrates; this lock is never held while it sleeps.
 * holder_count lets every close() of a process without locks pass by.
 */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct list all_holders = LIST_INIT(all_holders);
static atomic_uint holder_count;

static struct holder *find_holder(struct fdtable *t, dev_t dev, ino_t ino)
{
	struct holder *h;

	list_for_each(h, &all_holders, link)
		if (h->owner == t && h->ino == ino && h->dev == dev)
			return h;
	return NULL;
}

/* A descriptor of its own for the inode, as much as the file's access mode allows. */
static int private_descriptor(struct file *f)
{
	int fd = hostproc_reopen(f->fd, O_RDWR | O_CLOEXEC | O_NONBLOCK);

	if (fd < 0)
		fd = hostproc_reopen(f->fd, (int)(f->flags & O_ACCMODE) | O_CLOEXEC | O_NONBLOCK);
	/* The opener's rights may be gone by now: then the description itself holds the locks. */
	if (fd < 0)
		fd = (int)host_call(SYS_fcntl, f->fd, F_DUPFD_CLOEXEC, 3);
	return fd;
}

/* The holder of (t, f's inode), made if need be, with one more user; NULL: no memory. */
static struct holder *get_holder(struct fdtable *t, struct file *f, pid_t pid)
{
	struct holder *h;

	pthread_mutex_lock(&lock);
	h = find_holder(t, f->dev, f->ino);
	if (!h && (h = calloc(1, sizeof(*h)))) {
		h->owner = t;
		h->dev = f->dev;
		h->ino = f->ino;
		h->pid = pid;
		list_init(&h->ranges);
		h->fd = private_descriptor(f);
		if (h->fd < 0) {
			free(h);
			h = NULL;
		} else {
			list_add(&all_holders, &h->link);
			holder_count++;
		}
	}
	if (h)
		h->users++;
	pthread_mutex_unlock(&lock);
	return h;
}

static void free_ranges(struct holder *h)
{
	struct range *r, *tmp;

	list_for_each_safe(r, tmp, &h->ranges, link) {
		list_del(&r->link);
		free(r);
	}
}

/* The caller holds the lock. */
static void put_holder(struct holder *h)
{
	if (--h->users || !h->gone)
		return;
	free_ranges(h);
	close(h->fd);
	free(h);
}

void lock_closed(struct fdtable *t, struct file *f)
{
	struct flock all = {.l_type = F_UNLCK, .l_whence = SEEK_SET};
	struct holder *h;

	if (!atomic_load(&holder_count) || f->fd < 0 || (f->flags & O_PATH))
		return;
	pthread_mutex_lock(&lock);
	h = find_holder(t, f->dev, f->ino);
	if (h) {
		list_del(&h->link);
		holder_count--;
		h->gone = true;
		h->users++;
		/* A thread may sleep on this descriptor; its locks go now, itself with the last user. */
		host_call(SYS_fcntl, h->fd, F_OFD_SETLK, &all);
		put_holder(h);
	}
	pthread_mutex_unlock(&lock);
}

/* ---- the mirror of ranges -------------------------------------------------------------------- */

static struct range *new_range(off_t start, off_t end, short type)
{
	struct range *r = malloc(sizeof(*r));

	if (r)
		*r = (struct range){.start = start, .end = end, .type = type};
	return r;
}

/* Cuts [start, end] out of the holder's ranges. -ENOLCK: no memory for a split. */
static int cut_range(struct holder *h, off_t start, off_t end)
{
	struct range *r, *tmp, *tail;

	list_for_each_safe(r, tmp, &h->ranges, link) {
		if (r->end < start || r->start > end)
			continue;
		if (r->start < start && r->end > end) {
			tail = new_range(end + 1, r->end, r->type);
			if (!tail)
				return -ENOLCK;
			list_add(&r->link, &tail->link);
			r->end = start - 1;
		} else if (r->start < start) {
			r->end = start - 1;
		} else if (r->end > end) {
			r->start = end + 1;
		} else {
			list_del(&r->link);
			free(r);
		}
	}
	return 0;
}

static int put_range(struct holder *h, off_t start, off_t end, short type)
{
	struct range *r, *n, *at = NULL;
	int err = cut_range(h, start, end);

	if (err || type == F_UNLCK)
		return err;
	n = new_range(start, end, type);
	if (!n)
		return -ENOLCK;
	list_for_each(r, &h->ranges, link)
		if (r->start > start) {
			at = r;
			break;
		}
	list_add_tail(at ? &at->link : &h->ranges, &n->link);
	return 0;
}

static bool conflicts(const struct range *a, const struct range *b)
{
	return a->start <= b->end && b->start <= a->end &&
	       (a->type == F_WRLCK || b->type == F_WRLCK);
}

/* The range of another owner that stands against this one, or NULL. */
static struct range *find_conflict(struct holder *of, const struct range *want, struct holder **who)
{
	struct holder *h;
	struct range *r;

	list_for_each(h, &all_holders, link) {
		if (h->owner == of->owner || h->ino != of->ino || h->dev != of->dev)
			continue;
		list_for_each(r, &h->ranges, link)
			if (conflicts(r, want)) {
				*who = h;
				return r;
			}
	}
	return NULL;
}

/*
 * Would h, waiting for want, close a circle? Follows who blocks whom: an owner sleeps for at most
 * one lock at a time in the cases that matter (a single-threaded process).
 */
static bool would_deadlock(struct holder *h, const struct range *want)
{
	struct holder *blocker = NULL, *sleeper;
	struct fdtable *start = h->owner;

	for (int steps = 0; steps < 10; steps++) {
		if (!find_conflict(h, want, &blocker))
			return false;
		if (blocker->owner == start)
			return true;
		h = NULL;
		list_for_each(sleeper, &all_holders, link)
			if (sleeper->owner == blocker->owner && sleeper->waiting) {
				h = sleeper;
				break;
			}
		if (!h)
			return false;
		want = &h->wanted;
	}
	return false;
}

/* ---- fcntl ----------------------------------------------------------------------------------- */

/* The absolute, inclusive range that l means. */
static int absolute_range(struct file *f, const struct flock *l, struct range *out)
{
	struct stat st;
	off_t start, end;
	long base = 0;

	switch (l->l_whence) {
	case SEEK_SET:
		break;
	case SEEK_CUR:
		base = host_call(SYS_lseek, f->fd, 0, SEEK_CUR);
		break;
	case SEEK_END:
		base = host_call(SYS_fstat, f->fd, &st);
		if (!base)
			base = st.st_size;
		break;
	default:
		return -EINVAL;
	}
	if (base < 0)
		return (int)base;
	if (__builtin_add_overflow(base, l->l_start, &start))
		return -EOVERFLOW;
	if (start < 0)
		return -EINVAL;
	if (l->l_len > 0) {
		if (__builtin_add_overflow(start, l->l_len - 1, &end))
			return -EOVERFLOW;
	} else if (l->l_len < 0) {
		end = start - 1;
		start += l->l_len;
		if (start < 0)
			return -EINVAL;
	} else {
		end = LLONG_MAX;
	}
	*out = (struct range){.start = start, .end = end, .type = l->l_type};
	return 0;
}

static void range_to_flock(const struct range *r, struct flock *l)
{
	l->l_type = r->type;
	l->l_whence = SEEK_SET;
	l->l_start = r->start;
	l->l_len = r->end == LLONG_MAX ? 0 : r->end - r->start + 1;
	l->l_pid = 0;
}

static int check_access(struct file *f, short type)
{
	unsigned mode = f->flags & O_ACCMODE;

	if (type != F_RDLCK && type != F_WRLCK && type != F_UNLCK)
		return -EINVAL;
	if ((type == F_RDLCK && mode == O_WRONLY) || (type == F_WRLCK && mode == O_RDONLY))
		return -EBADF;
	return 0;
}

/* Who stands against it: a guest process by its pid, somebody outside as pid 0. */
static int get_conflict(struct holder *h, const struct range *want, struct flock *l)
{
	struct holder *who;
	struct range *r;
	struct flock host;
	int err;

	pthread_mutex_lock(&lock);
	r = find_conflict(h, want, &who);
	if (r) {
		range_to_flock(r, l);
		l->l_pid = who->pid;
	}
	pthread_mutex_unlock(&lock);
	if (r)
		return 0;
	range_to_flock(want, &host);
	err = (int)host_call(SYS_fcntl, h->fd, F_OFD_GETLK, &host);
	if (err < 0)
		return err;
	if (host.l_type == F_UNLCK) {
		l->l_type = F_UNLCK;
		return 0;
	}
	*l = host;
	if (l->l_pid > 0)
		l->l_pid = 0;
	return 0;
}

static int set_range(struct holder *h, const struct range *want, bool wait)
{
	struct flock host;
	int r, err;

	range_to_flock(want, &host);
	r = (int)host_call(SYS_fcntl, h->fd, F_OFD_SETLK, &host);
	if ((r == -EAGAIN || r == -EACCES) && wait) {
		pthread_mutex_lock(&lock);
		if (would_deadlock(h, want)) {
			pthread_mutex_unlock(&lock);
			return -EDEADLK;
		}
		h->wanted = *want;
		h->waiting++;
		pthread_mutex_unlock(&lock);
		r = (int)host_call_intr(SYS_fcntl, h->fd, F_OFD_SETLKW, (long)&host, 0, 0, 0);
		pthread_mutex_lock(&lock);
		h->waiting--;
		pthread_mutex_unlock(&lock);
	}
	if (r < 0)
		return r == -EINTR ? -ERESTARTSYS : r;
	pthread_mutex_lock(&lock);
	err = put_range(h, want->start, want->end, want->type);
	pthread_mutex_unlock(&lock);
	return err;
}

int lock_posix(struct fdtable *t, struct file *f, int cmd, struct flock *l, pid_t pid)
{
	struct range want;
	struct holder *h;
	int r;

	if (!file_is_host(f) || (f->flags & O_PATH))
		return -EBADF;
	r = absolute_range(f, l, &want);
	if (!r && cmd == F_GETLK && l->l_type != F_RDLCK && l->l_type != F_WRLCK)
		r = -EINVAL;
	if (!r && cmd != F_GETLK)
		r = check_access(f, l->l_type);
	if (r < 0)
		return r;
	h = get_holder(t, f, pid);
	if (!h)
		return -ENOLCK;
	r = cmd == F_GETLK ? get_conflict(h, &want, l) : set_range(h, &want, cmd == F_SETLKW);
	pthread_mutex_lock(&lock);
	put_holder(h);
	pthread_mutex_unlock(&lock);
	return r;
}

int lock_ofd(struct file *f, int cmd, struct flock *l)
{
	long r;

	if (!file_is_host(f))
		return -EBADF;
	if (cmd == F_OFD_SETLKW)
		r = host_call_intr(SYS_fcntl, f->fd, cmd, (long)l, 0, 0, 0);
	else
		r = host_call(SYS_fcntl, f->fd, cmd, l);
	return r == -EINTR ? -ERESTARTSYS : (int)r;
}

int lock_flock(struct file *f, int operation)
{
	long r;

	if (f->fd < 0 || (f->flags & O_PATH))
		return -EBADF;
	r = host_call_intr(SYS_flock, f->fd, operation, 0, 0, 0, 0);
	return r == -EINTR ? -ERESTARTSYS : (int)r;
}
