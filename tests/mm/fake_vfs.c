/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Just enough of vfs for mm: counted descriptions over host descriptors. */
#include "fake_vfs.h"

#include <stdlib.h>
#include <unistd.h>

unsigned fake_files;
static const struct file_ops host_ops = {.name = "host"};

struct file *fake_file(int fd, unsigned flags)
{
	struct file *f = calloc(1, sizeof(*f));
	struct stat st;

	fstat(fd, &st);
	atomic_init(&f->refs, 1);
	f->ops = &host_ops;
	f->fd = fd;
	f->flags = flags;
	f->type = st.st_mode & S_IFMT;
	f->dev = st.st_dev;
	f->ino = st.st_ino;
	fake_files++;
	return f;
}

struct file *file_get(struct file *f)
{
	atomic_fetch_add(&f->refs, 1);
	return f;
}

void file_put(struct file *f)
{
	if (atomic_fetch_sub(&f->refs, 1) != 1)
		return;
	close(f->fd);
	free(f);
	fake_files--;
}
