/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which hierarchies this host has, where they are mounted, and where we are in them. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/vfs.h>

#include "base/cleanup.h"
#include "runtime/cgroup/cgroup.h"
#include "runtime/files.h"

#define CGROUP1_MAGIC 0x27e0eb
#define CGROUP2_MAGIC 0x63677270
#define PROC_FILE_MAX (4u << 20)

/* One mount of a cgroup file system. */
struct hierarchy_mount {
	char *point, *root;
	char *options; /* of the superblock, with a comma before and after */
};

/* Undoes the \040 of mountinfo, in place. */
static void unescape(char *s)
{
	char *out = s;

	for (; *s; s++) {
		unsigned c;

		if (*s == '\\' && sscanf(s + 1, "%3o", &c) == 1) {
			*out++ = c;
			s += 3;
		} else {
			*out++ = *s;
		}
	}
	*out = '\0';
}

static void mount_free(struct hierarchy_mount *m)
{
	free(m->point);
	free(m->root);
	free(m->options);
	memset(m, 0, sizeof(*m));
}

/*
 * Finds the mount of the hierarchy that has `controller` (NULL: of cgroup2). A mount that another
 * one covers is in mountinfo as well: what statfs(2) sees at the place decides.
 */
static int find_mount(const char *mountinfo, const char *controller, struct hierarchy_mount *m)
{
	cleanup_free char *copy = strdup(mountinfo);
	cleanup_free char *wanted = string_format(",%s,", controller ? controller : "");
	long magic = controller ? CGROUP1_MAGIC : CGROUP2_MAGIC;
	char *save, *line;

	if (!copy || !wanted)
		return -ENOMEM;
	for (line = strtok_r(copy, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		char *root = NULL, *point = NULL, *type = NULL, *options = NULL;
		struct statfs sf = {0};
		char *tail = strstr(line, " - ");
		bool found = false;
		int r = 0;

		if (tail && sscanf(tail, " - %ms %*s %ms", &type, &options) == 2 &&
		    !strcmp(type, controller ? "cgroup" : "cgroup2") &&
		    sscanf(line, "%*s %*s %*s %ms %ms", &root, &point) == 2) {
			unescape(root);
			unescape(point);
			m->options = string_format(",%s,", options);
			found = m->options && (!controller || strstr(m->options, wanted));
			if (found && statfs(point, &sf) < 0) {
				found = false;
				r = errno == EACCES || errno == ENOENT || errno == ENOTDIR ? 0 : -errno;
			}
			found = found && sf.f_type == magic;
		}
		free(type);
		free(options);
		if (found) {
			m->point = point;
			m->root = root;
			return 0;
		}
		free(root);
		free(point);
		free(m->options);
		m->options = NULL;
		if (r < 0)
			return r;
	}
	return -ENOENT;
}

/* Lexical: "a//b/../c" → "/a/c"; never above "/". malloc()ed. */
static char *clean_path(const char *path)
{
	char *out = malloc(strlen(path) + 2);
	size_t n = 0;

	if (!out)
		return NULL;
	while (*path) {
		size_t k;

		path += strspn(path, "/");
		k = strcspn(path, "/");
		if (k == 2 && !strncmp(path, "..", 2)) {
			while (n > 0 && out[--n] != '/')
				;
		} else if (k && !(k == 1 && *path == '.')) {
			out[n++] = '/';
			memcpy(out + n, path, k);
			n += k;
		}
		path += k;
	}
	out[n] = '\0';
	return out;
}

/* Our own cgroup as a path below the mount point. */
static const char *below_mount(const struct hierarchy_mount *m, const char *own)
{
	size_t n = strlen(m->root);

	if (!strcmp(m->root, "/"))
		return own;
	if (!strncmp(own, m->root, n) && (own[n] == '/' || !own[n]))
		return own + n;
	return "";
}

static char *directory(const struct hierarchy_mount *m, const char *own, bool v2,
		       const char *cgroups_path, const char *id)
{
	const char *name = cgroups_path && *cgroups_path ? cgroups_path : id;
	cleanup_free char *inner = NULL, *clean = NULL;

	if (!name)
		inner = strdup(below_mount(m, own));
	else if (name[0] == '/')
		inner = strdup(name);
	else
		inner = string_format("%s/%s%s", below_mount(m, own), v2 ? "../" : "", name);
	clean = inner ? clean_path(inner) : NULL;
	return clean ? string_format("%s%s", m->point, clean) : NULL;
}

/* One line of /proc/self/cgroup: "4:memory:/a/b". Appends to the plan if the hierarchy is mounted. */
static int plan_line(char *line, const char *mountinfo, const char *cgroups_path, const char *id,
		     FILE *out, unsigned *count)
{
	char *controllers = strchr(line, ':'), *own = NULL;
	struct hierarchy_mount m = {0};
	cleanup_free char *first = NULL, *dir = NULL;
	bool v2;
	int r;

	if (controllers)
		own = strchr(++controllers, ':');
	if (!own)
		return 0;
	*own++ = '\0';
	v2 = !*controllers;
	if (v2 && *count) /* hybrid: the v1 hierarchies, which come first, are the ones */
		return 0;
	first = strndup(controllers, strcspn(controllers, ","));
	if (!first)
		return -ENOMEM;
	r = find_mount(mountinfo, v2 ? NULL : first, &m);
	if (r < 0)
		return r == -ENOENT ? 0 : r;
	dir = directory(&m, own, v2, cgroups_path, id);
	if (dir) {
		fprintf(out, "%s:%s\n", controllers, dir);
		++*count;
	}
	mount_free(&m);
	return dir ? 0 : -ENOMEM;
}

/* "/", "." and the like: deleting the container would kill whatever else lives there. */
static bool names_nothing(const char *cgroups_path)
{
	cleanup_free char *clean = clean_path(cgroups_path);

	return !clean || !*clean;
}

int cgroup_plan(const char *cgroups_path, const char *id, char **text, struct error *err)
{
	cleanup_free char *mountinfo = NULL, *own = NULL, *plan = NULL;
	char *line, *save;
	unsigned count = 0;
	size_t len;
	int r;

	*text = NULL;
	r = file_read(AT_FDCWD, "/proc/self/mountinfo", PROC_FILE_MAX, &mountinfo);
	if (r >= 0)
		r = file_read(AT_FDCWD, "/proc/self/cgroup", PROC_FILE_MAX, &own);
	if (r < 0)
		return error_errno(err, r, "cannot find out about cgroups");
	if (cgroups_path && strchr(cgroups_path, '\n'))
		return error_set(err, -EINVAL, "linux.cgroupsPath: has a line break in it");
	if (cgroups_path && *cgroups_path && names_nothing(cgroups_path))
		return error_set(err, -EINVAL, "linux.cgroupsPath: \"%s\" names no cgroup of the "
					       "container's own", cgroups_path);
	FILE *out = open_memstream(&plan, &len);

	if (!out)
		return error_set(err, -ENOMEM, "out of memory");
	r = 0;
	for (line = strtok_r(own, "\n", &save); line && !r; line = strtok_r(NULL, "\n", &save))
		r = plan_line(line, mountinfo, cgroups_path, id, out, &count);
	if (fclose(out) && !r)
		r = -ENOMEM;
	if (r < 0)
		return error_errno(err, r, "cannot find out about cgroups");
	if (count)
		*text = steal_ptr(&plan);
	return 0;
}

bool cgroup_only_v2(void)
{
	struct statfs sf;

	return statfs("/sys/fs/cgroup", &sf) == 0 && sf.f_type == CGROUP2_MAGIC;
}

int cgroup_parse(const char *text, struct cgroup_set *s)
{
	memset(s, 0, sizeof(*s));
	while (*text && s->n < CGROUP_HIERARCHIES_MAX) {
		const char *colon = strchr(text, ':');
		struct cgroup_dir *d = &s->dir[s->n];
		size_t n;

		if (!colon)
			break;
		n = strcspn(colon, "\n");
		d->controllers = strndup(text, colon - text);
		d->path = strndup(colon + 1, n - 1);
		s->n++;
		if (!d->controllers || !d->path) {
			cgroup_set_free(s);
			return -ENOMEM;
		}
		if (!*d->controllers)
			s->v2 = true;
		text = colon + n + (colon[n] == '\n');
	}
	return 0;
}

void cgroup_set_free(struct cgroup_set *s)
{
	for (unsigned i = 0; i < s->n; i++) {
		free(s->dir[i].controllers);
		free(s->dir[i].path);
	}
	s->n = 0;
}

const char *cgroup_find(const struct cgroup_set *s, const char *controller)
{
	size_t n = strlen(controller);

	for (unsigned i = 0; i < s->n; i++) {
		const char *p = s->dir[i].controllers;

		if (!*p)
			return s->dir[i].path;
		for (; p; p = strchr(p, ',')) {
			p += *p == ',';
			if (!strncmp(p, controller, n) && (p[n] == ',' || !p[n]))
				return s->dir[i].path;
		}
	}
	return NULL;
}
