/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * exec --cgroup: the groups below the container's own that a process is to be in. A guest process is a
 * thread of the sandbox, so what it enters a group by is the file for single threads.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "runtime/cgroup/cgroup.h"
#include "runtime/files.h"

/* What is asked for, by hierarchy: the part of an option behind the colon; NULL: nothing. */
struct choice {
	const char *sub[CGROUP_HIERARCHIES_MAX];
};

/* A name that leads out of the container's group again? */
static bool climbs(const char *sub)
{
	for (const char *p = sub; *p; p += strcspn(p, "/")) {
		p += strspn(p, "/");
		if (!strncmp(p, "..", 2) && (!p[2] || p[2] == '/'))
			return true;
	}
	return false;
}

/* "cpu,pids:SUB": SUB for the hierarchies that these controllers are in. */
static int choose_controllers(const struct cgroup_set *s, const char *option, struct choice *c,
			      struct error *err)
{
	const char *colon = strchr(option, ':'), *name = option;

	for (;;) {
		size_t n = strcspn(name, ",:");
		cleanup_free char *controller = strndup(name, n);
		/* v2 is one hierarchy for all controllers, so none of them has a group of its own. */
		const char *dir = !controller || !n || s->v2 ? NULL : cgroup_find(s, controller);
		unsigned i = 0;

		if (!controller)
			return error_set(err, -ENOMEM, "out of memory");
		if (!dir)
			return error_set(err, -EINVAL, "--cgroup %s: unknown controller \"%s\"", option,
					 controller);
		while (s->dir[i].path != dir)
			i++;
		if (c->sub[i] && strcmp(c->sub[i], colon + 1))
			return error_set(err, -EINVAL, "--cgroup %s: the hierarchy %s has %s already",
					 option, s->dir[i].controllers, c->sub[i]);
		c->sub[i] = colon + 1;
		name += n;
		if (*name == ':')
			return 0;
		name++;
	}
}

static int choose(const struct cgroup_set *s, const char *option, bool alone, struct choice *c,
		  struct error *err)
{
	const char *colon = strchr(option, ':');

	if (colon && strchr(colon + 1, ':'))
		return error_set(err, -EINVAL, "invalid --cgroup argument: %s", option);
	if (!colon && !alone)
		return error_set(err, -EINVAL,
				 "invalid --cgroup argument: %s (missing <controller>: prefix)", option);
	if (climbs(colon ? colon + 1 : option))
		return error_set(err, -EINVAL, "--cgroup %s: \"..\" leads out of the container's cgroup",
				 option);
	if (colon)
		return choose_controllers(s, option, c, err);
	for (unsigned i = 0; i < s->n; i++)
		c->sub[i] = option;
	return 0;
}

/* A thread may be elsewhere than its process only in groups that are made for that: cgroups(7). */
static int must_be_threaded(const char *dir, struct error *err)
{
	cleanup_free char *path = string_format("%s/cgroup.type", dir), *type = NULL;
	ssize_t n = path ? file_read(AT_FDCWD, path, 64, &type) : -ENOMEM;

	if (n < 0)
		return error_errno(err, n, "--cgroup: cannot read %s/cgroup.type", dir);
	type[strcspn(type, "\n")] = '\0';
	if (!strcmp(type, "threaded"))
		return 0;
	return error_set(err, -EOPNOTSUPP, "--cgroup: %s says \"%s\", but a guest process is a thread of "
					   "the sandbox: write \"threaded\" to that file first", path, type);
}

/* The thread would stop within husk's own code, and nobody could say that it runs. */
static int must_not_be_frozen(const struct cgroup_set *s, const char *dir, struct error *err)
{
	return cgroup_dir_frozen(s, dir)
		   ? error_set(err, -EBUSY, "--cgroup: the cgroup %s is frozen", dir)
		   : 0;
}

static int open_one(const struct cgroup_set *s, const char *own, const char *sub, struct error *err)
{
	cleanup_free char *dir = string_format("%s/%s", own, sub + strspn(sub, "/"));
	cleanup_free char *file = string_format("%s/%s", dir, s->v2 ? "cgroup.threads" : "tasks");
	int fd, r;

	if (!dir || !file)
		return error_set(err, -ENOMEM, "out of memory");
	if (access(dir, F_OK) < 0)
		return error_errno(err, -errno, "--cgroup: the cgroup %s", dir);
	r = s->v2 ? must_be_threaded(dir, err) : 0;
	if (!r)
		r = must_not_be_frozen(s, dir, err);
	if (r < 0)
		return r;
	fd = open(file, O_WRONLY | O_CLOEXEC);
	return fd < 0 ? error_errno(err, -errno, "--cgroup: cannot open %s", file) : fd;
}

static int open_chosen(const struct cgroup_set *s, const struct choice *c, int *fds, unsigned *nfds,
		       struct error *err)
{
	for (unsigned i = 0; i < s->n; i++) {
		const char *sub = c->sub[i];
		int fd;

		if (!sub || !sub[strspn(sub, "/")]) /* the container's own: its threads are there */
			continue;
		fd = open_one(s, s->dir[i].path, sub, err);
		if (fd < 0) {
			cgroup_close_sub(fds, nfds);
			return fd;
		}
		fds[(*nfds)++] = fd;
	}
	return 0;
}

int cgroup_open_sub(const char *text, const char *const *options, size_t n, int *fds, unsigned *nfds,
		    struct error *err)
{
	struct choice c = {{NULL}};
	struct cgroup_set s;
	int r = 0;

	*nfds = 0;
	if (!n)
		return 0;
	if (!text)
		return error_set(err, -ENOTSUP, "--cgroup %s: the container has no cgroup", options[0]);
	if (cgroup_parse(text, &s) < 0)
		return error_set(err, -ENOMEM, "out of memory");
	for (size_t i = 0; i < n && !r; i++)
		r = choose(&s, options[i], n == 1, &c, err);
	if (!r)
		r = open_chosen(&s, &c, fds, nfds, err);
	cgroup_set_free(&s);
	return r;
}

void cgroup_close_sub(const int *fds, unsigned *nfds)
{
	while (*nfds > 0)
		close(fds[--*nfds]);
}
