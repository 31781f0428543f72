/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Descriptor tables: lowest numbers, close-on-exec, ranges, copies, limits; and the counts of files. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <unistd.h>

#include "tests/base/check.h"
#include "vfs/file.h"

static int released;

static void release(struct file *f)
{
	released++;
	free(f);
}

static const struct file_ops ops = {.name = "test", .release = release};

static struct file *make(void)
{
	struct file *f = malloc(sizeof(*f));

	file_init(f, &ops, O_RDWR | O_CREAT | O_CLOEXEC | O_APPEND, S_IFREG | 0644);
	return f;
}

static void numbers(void)
{
	struct fdtable *t = fdtable_new();

	for (int i = 0; i < 300; i++)
		CHECK(fdtable_install(t, make(), 0, INT_MAX, false) == i);
	CHECK(fdtable_close(t, 70) == 0);
	CHECK(fdtable_close(t, 7) == 0);
	CHECK(fdtable_close(t, 7) == -EBADF);
	CHECK(fdtable_install(t, make(), 8, INT_MAX, false) == 70);
	CHECK(fdtable_install(t, make(), 0, INT_MAX, false) == 7);
	CHECK(fdtable_install(t, make(), 5000, INT_MAX, false) == 5000);
	CHECK(fdtable_install(t, make(), 0, INT_MAX, false) == 300);
	CHECK(fdtable_next(t, 301) == 5000);
	CHECK(fdtable_next(t, 5001) == -1);
	CHECK(fdtable_lookup(t, 299 + 2) == NULL);
	CHECK(fdtable_lookup(t, -1) == NULL);
	CHECK(fdtable_lookup(t, INT_MAX) == NULL);
	released = 0;
	fdtable_put(t);
	CHECK(released == 302);
}

static void limits(void)
{
	struct fdtable *t = fdtable_new();
	struct file *f = make();

	CHECK(fdtable_install(t, file_get(f), 0, 2, false) == 0);
	CHECK(fdtable_install(t, file_get(f), 0, 2, false) == 1);
	CHECK(fdtable_install(t, f, 0, 2, false) == -EMFILE);
	CHECK(fdtable_install(t, f, 2, 2, false) == -EMFILE);
	CHECK(fdtable_install_at(t, f, 2, 2, false) == -EBADF);
	CHECK(fdtable_install_at(t, f, -1, INT_MAX, false) == -EBADF);
	CHECK(fdtable_install_at(t, f, 1, 2, true) == 1);
	CHECK(fdtable_get_cloexec(t, 1) == 1);
	released = 0;
	fdtable_put(t);
	CHECK(released == 1);
}

static void close_on_exec(void)
{
	struct fdtable *t = fdtable_new(), *c;

	for (int i = 0; i < 200; i++)
		fdtable_install(t, make(), 0, INT_MAX, i % 2);
	c = fdtable_copy(t);
	released = 0;
	fdtable_close_on_exec(t);
	CHECK(released == 0);
	CHECK(fdtable_next(t, 1) == 2);
	CHECK(fdtable_get_cloexec(t, 1) == -EBADF);
	CHECK(fdtable_get_cloexec(c, 1) == 1);
	/* Through the copy, all are still open. */
	CHECK(fdtable_close_range(c, 10, UINT_MAX, false) == 0);
	CHECK(released == 95);
	CHECK(fdtable_next(c, 10) == -1);
	CHECK(fdtable_close_range(c, 0, 3, true) == 0);
	CHECK(fdtable_get_cloexec(c, 0) == 1 && fdtable_get_cloexec(c, 4) == 0);
	CHECK(fdtable_close_range(c, 4, 3, false) == -EINVAL);
	fdtable_put(t);
	fdtable_put(c);
	CHECK(released == 200);
}

static void counts(void)
{
	struct file *f = make();

	CHECK(f->flags == (O_RDWR | O_APPEND | 0100000));
	CHECK(f->type == S_IFREG);
	CHECK(file_tryget(f));
	released = 0;
	file_put(f);
	CHECK(released == 0);
	file_put(f);
	CHECK(released == 1);
	file_put(NULL);
}

int main(void)
{
	numbers();
	limits();
	close_on_exec();
	counts();
	return check_done();
}
