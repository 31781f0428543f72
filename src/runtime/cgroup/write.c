/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Writing cgroup files, and taking it back. An update writes several files, and when one of them is
 * refused those before it get their old contents again, the last one first, since they may depend on
 * each other. husk's commands have one thread: one journal is enough.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/list.h"
#include "runtime/cgroup/cgroup.h"
#include "runtime/files.h"

#define FILE_MAX (64u << 10)

struct entry {
	struct list link;
	char *path, *before;
};

static struct list journal = LIST_INIT(journal);
static bool journaling;

bool cgroup_has_file(const char *dir, const char *file)
{
	cleanup_free char *path = string_format("%s/%s", dir, file);

	return path && access(path, F_OK) == 0;
}

/* Called before a file is written; of one that cannot be read nothing can be taken back. */
static void note(const char *path)
{
	struct entry *e;

	if (!journaling)
		return;
	e = calloc(1, sizeof(*e));
	if (!e)
		return;
	e->path = strdup(path);
	if (!e->path || file_read(AT_FDCWD, path, FILE_MAX, &e->before) <= 0) {
		free(e->before);
		free(e->path);
		free(e);
		return;
	}
	e->before[strcspn(e->before, "\n")] = '\0';
	list_add(&journal, &e->link);
}

void cgroup_journal_begin(void)
{
	journaling = true;
}

void cgroup_journal_end(bool undo)
{
	struct entry *e, *tmp;

	journaling = false;
	list_for_each_safe(e, tmp, &journal, link) {
		if (undo)
			file_write(AT_FDCWD, e->path, e->before);
		list_del(&e->link);
		free(e->path);
		free(e->before);
		free(e);
	}
}

int cgroup_write(const char *dir, const char *file, const char *field, struct error *err,
		 const char *fmt, ...)
{
	cleanup_free char *path = string_format("%s/%s", dir, file), *value = NULL;
	va_list ap;
	int r;

	va_start(ap, fmt);
	r = vasprintf(&value, fmt, ap);
	va_end(ap);
	if (r < 0 || !path) {
		if (r < 0)
			value = NULL;
		return error_set(err, -ENOMEM, "out of memory");
	}
	note(path);
	r = file_write(AT_FDCWD, path, value);
	if (r == -ENOENT)
		return error_set(err, r, "linux.resources.%s: this host has no %s", field, file);
	if (r < 0)
		return error_errno(err, r, "linux.resources.%s: cannot write \"%s\" to %s", field,
				   value, path);
	return 0;
}
