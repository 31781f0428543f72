/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Statistics: what v1 and v2 have in common, and the OOM killer's notices. */
#include "runtime/cgroup/stats.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "runtime/cgroup/cgroup.h"
#include "runtime/files.h"

#define FILE_MAX (1u << 20)

/* ---- reading ------------------------------------------------------------------------------- */

uint64_t cgroup_read_u64(const char *dir, const char *file)
{
	cleanup_free char *path = string_format("%s/%s", dir, file), *text = NULL;

	if (!path || file_read(AT_FDCWD, path, FILE_MAX, &text) < 0)
		return 0;
	return strncmp(text, "max", 3) ? strtoull(text, NULL, 10) : UINT64_MAX;
}

uint64_t cgroup_read_key(const char *dir, const char *file, const char *key)
{
	cleanup_free char *path = string_format("%s/%s", dir, file), *text = NULL;
	size_t n = strlen(key);

	if (!path || file_read(AT_FDCWD, path, FILE_MAX, &text) < 0)
		return 0;
	for (const char *p = text; p; p = strchr(p, '\n')) {
		p += *p == '\n';
		if (!strncmp(p, key, n) && p[n] == ' ')
			return strtoull(p + n, NULL, 10);
	}
	return 0;
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(((const struct cgroup_named *)a)->name, ((const struct cgroup_named *)b)->name);
}

void cgroup_read_memory_stat(const char *dir, struct cgroup_stats *out)
{
	cleanup_free char *path = string_format("%s/memory.stat", dir), *text = NULL;
	char *save, *line;

	if (!path || file_read(AT_FDCWD, path, FILE_MAX, &text) < 0)
		return;
	for (line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		struct cgroup_named *more = reallocarray(out->raw, out->n_raw + 1, sizeof(*more));
		char *space = strchr(line, ' ');

		if (more)
			out->raw = more;
		if (!more || !space)
			continue;
		*space = '\0';
		more[out->n_raw].value = strtoull(space + 1, NULL, 10);
		more[out->n_raw].name = strdup(line);
		out->n_raw += !!more[out->n_raw].name;
	}
	if (out->n_raw)
		qsort(out->raw, out->n_raw, sizeof(*out->raw), compare_names);
}

uint64_t cgroup_raw(const struct cgroup_stats *s, const char *name)
{
	for (size_t i = 0; i < s->n_raw; i++)
		if (!strcmp(s->raw[i].name, name))
			return s->raw[i].value;
	return 0;
}

void cgroup_add_number(struct cgroup_numbers *list, uint64_t value)
{
	uint64_t *v = reallocarray(list->v, list->n + 1, sizeof(*v));

	if (!v)
		return;
	v[list->n++] = value;
	list->v = v;
}

void cgroup_add_io(struct cgroup_io_list *list, const struct cgroup_io *io)
{
	struct cgroup_io *v = reallocarray(list->v, list->n + 1, sizeof(*v));

	if (!v)
		return;
	v[list->n++] = *io;
	list->v = v;
}

void cgroup_each_hugetlb(const char *dir, const char *suffix, struct cgroup_stats *out,
			 void (*fn)(const char *dir, const char *size, struct cgroup_usage *usage))
{
	cleanup_closedir DIR *d = opendir(dir);
	struct dirent *e;

	while (d && (e = readdir(d))) {
		char size[32], rest[64];
		struct cgroup_hugetlb *more;

		if (sscanf(e->d_name, "hugetlb.%31[0-9KMGB].%63s", size, rest) != 2 ||
		    strcmp(rest, suffix))
			continue;
		more = reallocarray(out->hugetlb, out->n_hugetlb + 1, sizeof(*more));
		if (!more)
			return;
		out->hugetlb = more;
		more += out->n_hugetlb;
		*more = (struct cgroup_hugetlb){.size = strdup(size)};
		if (!more->size)
			return;
		out->n_hugetlb++;
		fn(dir, size, &more->usage);
	}
}

int cgroup_read_stats(const char *text, struct cgroup_stats *out, struct error *err)
{
	struct cgroup_set s;

	memset(out, 0, sizeof(*out));
	if (cgroup_parse(text, &s) < 0)
		return error_set(err, -ENOMEM, "out of memory");
	if (s.n && access(s.dir[0].path, F_OK) < 0) {
		int r = error_errno(err, -errno, "cgroup %s", s.dir[0].path);

		cgroup_set_free(&s);
		return r;
	}
	if (s.v2)
		cgroup_v2_stats(s.dir[0].path, out);
	else
		cgroup_v1_stats(&s, out);
	cgroup_set_free(&s);
	return 0;
}

void cgroup_stats_free(struct cgroup_stats *s)
{
	free(s->percpu.v);
	free(s->percpu_kernel.v);
	free(s->percpu_user.v);
	free(s->cpus.v);
	free(s->mems.v);
	for (size_t i = 0; i < s->n_raw; i++)
		free(s->raw[i].name);
	free(s->raw);
	for (int i = 0; i < CGROUP_IO_KINDS; i++)
		free(s->io[i].v);
	for (size_t i = 0; i < s->n_hugetlb; i++)
		free(s->hugetlb[i].size);
	free(s->hugetlb);
}

/* ---- out of memory ------------------------------------------------------------------------- */

/* cgroup v1: an eventfd is registered for a file of the cgroup (cgroup-v1/memory.rst, 10). */
static int watch_v1(struct cgroup_oom *o, struct error *err)
{
	cleanup_free char *control = string_format("%s/memory.oom_control", o->dir), *line = NULL;
	cleanup_free char *event_control = string_format("%s/cgroup.event_control", o->dir);
	cleanup_close int file = control ? open(control, O_RDONLY | O_CLOEXEC) : -1;
	cleanup_close int event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	int r;

	if (file < 0 || event < 0)
		return error_errno(err, -errno, "cannot watch %s", control ? control : o->dir);
	line = string_format("%d %d", event, file);
	r = line && event_control ? file_write(AT_FDCWD, event_control, line) : -ENOMEM;
	if (r < 0)
		return error_errno(err, r, "cannot write to %s/cgroup.event_control", o->dir);
	o->fd = steal_fd(&event);
	return 0;
}

static int watch_v2(struct cgroup_oom *o, struct error *err)
{
	cleanup_free char *events = string_format("%s/memory.events", o->dir);
	cleanup_close int fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);

	if (!events || fd < 0 || inotify_add_watch(fd, events, IN_MODIFY | IN_DELETE_SELF) < 0)
		return error_errno(err, -errno, "cannot watch %s/memory.events", o->dir);
	o->fd = steal_fd(&fd);
	return 0;
}

static uint64_t kills(const struct cgroup_oom *o)
{
	return cgroup_read_key(o->dir, o->v2 ? "memory.events" : "memory.oom_control", "oom_kill");
}

int cgroup_oom_watch(const char *text, struct cgroup_oom *o, struct error *err)
{
	struct cgroup_set s;
	const char *dir;
	int r;

	memset(o, 0, sizeof(*o));
	o->fd = -1;
	if (cgroup_parse(text, &s) < 0)
		return error_set(err, -ENOMEM, "out of memory");
	dir = cgroup_find(&s, "memory");
	o->v2 = s.v2;
	if (dir && cgroup_has_file(dir, s.v2 ? "memory.events" : "memory.oom_control"))
		o->dir = strdup(dir);
	cgroup_set_free(&s);
	if (!o->dir)
		return error_set(err, -ENOTSUP, "this host has no memory cgroup");
	r = o->v2 ? watch_v2(o, err) : watch_v1(o, err);
	o->seen = kills(o);
	if (r < 0)
		cgroup_oom_close(o);
	return r;
}

int cgroup_oom_count(struct cgroup_oom *o)
{
	char drain[4096];
	uint64_t now;
	int n;

	while (read(o->fd, drain, sizeof(drain)) > 0 && o->v2)
		;
	if (access(o->dir, F_OK) < 0)
		return -ENOENT;
	now = kills(o);
	n = now - o->seen > 1000 ? 1000 : (int)(now - o->seen);
	o->seen = now;
	return n;
}

void cgroup_oom_close(struct cgroup_oom *o)
{
	if (o->fd >= 0)
		close(steal_fd(&o->fd));
	free(steal_ptr(&o->dir));
}
