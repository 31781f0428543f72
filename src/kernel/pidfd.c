/* SPDX-License-Identifier: GPL-2.0-or-later */
/* pidfd_open(2): a process as a descriptor, readable once it has ended. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "kernel/internal.h"

struct pidfd {
	struct file file; /* first */
	struct thread_group *group;
};

static unsigned pidfd_poll(struct file *f, struct waitq **queue)
{
	struct thread_group *g = ((struct pidfd *)f)->group;

	*queue = &g->pidfd_wait;
	return g->zombie || g->reaped ? POLLIN | POLLRDNORM : 0;
}

static int pidfd_stat(struct file *f, struct stat *st)
{
	memset(st, 0, sizeof(*st));
	st->st_mode = 0600;
	st->st_ino = f->ino;
	st->st_nlink = 1;
	st->st_blksize = PAGE_SIZE;
	return 0;
}

static int pidfd_set_flags(struct file *f, unsigned flags)
{
	return 0; /* O_NONBLOCK is in file.flags, for waitid(P_PIDFD) */
}

static void pidfd_release(struct file *f)
{
	group_put(((struct pidfd *)f)->group);
	free(f);
}

static const struct file_ops pidfd_ops = {
    .name = "[pidfd]",
    .poll = pidfd_poll,
    .stat = pidfd_stat,
    .set_flags = pidfd_set_flags,
    .release = pidfd_release,
};

int pidfd_new(struct thread_group *g, unsigned flags, struct file **out)
{
	struct pidfd *p = calloc(1, sizeof(*p));

	if (!p)
		return -ENOMEM;
	file_init(&p->file, &pidfd_ops, O_RDWR | flags, 0);
	p->file.wait = &g->pidfd_wait;
	p->file.ino = g->tgid;
	p->group = group_get(g);
	*out = &p->file;
	return 0;
}

struct thread_group *pidfd_group(struct file *f)
{
	return f->ops == &pidfd_ops ? group_get(((struct pidfd *)f)->group) : NULL;
}
