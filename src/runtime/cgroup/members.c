/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The life of a cgroup and of those in it: made, joined, killed, removed. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "libocispec/ocispec.h"
#include "runtime/cgroup/cgroup.h"
#include "runtime/files.h"

#define MEMBERS_MAX_BYTES (8u << 20)
#define KILL_ROUNDS 500	 /* of PAUSE_NS each */
#define RMDIR_ROUNDS 200
#define PAUSE_NS 10000000

static void pause_ns(long ns)
{
	struct timespec ts = {0, ns};

	nanosleep(&ts, NULL);
}

static int parse(const char *text, struct cgroup_set *s, struct error *err)
{
	return cgroup_parse(text, s) < 0 ? error_set(err, -ENOMEM, "out of memory") : 0;
}

/* A cgroup with somebody else's processes would be killed with the container: refuse it. */
static int must_be_empty(const char *dir, struct error *err)
{
	cleanup_free char *path = string_format("%s/cgroup.procs", dir), *pids = NULL;

	if (path && file_read(AT_FDCWD, path, MEMBERS_MAX_BYTES, &pids) > 0)
		return error_set(err, -EBUSY, "linux.cgroupsPath: the cgroup %s is not empty", dir);
	return 0;
}

int cgroup_create(const char *text, bool shared, struct error *err)
{
	struct cgroup_set s;
	int r = parse(text, &s, err);

	if (!r)
		r = s.v2 ? cgroup_v2_create(&s, err) : cgroup_v1_create(&s, err);
	for (unsigned i = 0; i < s.n && !r && !shared; i++)
		r = must_be_empty(s.dir[i].path, err);
	cgroup_set_free(&s);
	return r;
}

int cgroup_apply_rdma(const char *dir, const struct oci_resources *res, struct error *err)
{
	int r = 0;

	for (size_t i = 0; i < res->n_rdma && !r; i++) {
		const struct oci_rdma *d = &res->rdma[i];
		char handles[40] = "", objects[40] = "";

		if (d->has_hca_handles)
			snprintf(handles, sizeof(handles), " hca_handle=%u", d->hca_handles);
		if (d->has_hca_objects)
			snprintf(objects, sizeof(objects), " hca_object=%u", d->hca_objects);
		r = cgroup_write(dir, "rdma.max", "rdma", err, "%s%s%s", res->rdma_keys[i], handles,
				 objects);
	}
	return r;
}

int cgroup_apply(const char *text, const struct oci_resources *resources, struct error *err)
{
	struct cgroup_set s;
	int r = resources ? parse(text, &s, err) : 0;

	if (r < 0 || !resources)
		return r;
	if (resources->memory && resources->memory->limit > 0 &&
	    resources->memory->limit < CGROUP_MEMORY_MIN) {
		cgroup_set_free(&s);
		return error_set(err, -EINVAL,
				 "linux.resources.memory.limit: %lld bytes are too few; the sandbox "
				 "itself needs some of them, so at least %lld (%lld MiB) are needed",
				 (long long)resources->memory->limit, CGROUP_MEMORY_MIN,
				 CGROUP_MEMORY_MIN >> 20);
	}
	r = s.v2 ? cgroup_v2_apply(&s, resources, err) : cgroup_v1_apply(&s, resources, err);
	cgroup_set_free(&s);
	return r;
}

bool cgroup_accounts_swap(const char *text)
{
	struct cgroup_set s;
	const char *dir;
	bool yes;

	if (cgroup_parse(text, &s) < 0)
		return false;
	dir = cgroup_find(&s, "memory");
	yes = dir && cgroup_has_file(dir, s.v2 ? "memory.swap.max" : "memory.memsw.limit_in_bytes");
	cgroup_set_free(&s);
	return yes;
}

int cgroup_join(const char *text, struct error *err)
{
	struct cgroup_set s;
	int r = parse(text, &s, err);

	for (unsigned i = 0; i < s.n && !r; i++) {
		cleanup_free char *path = string_format("%s/cgroup.procs", s.dir[i].path);

		r = path ? file_write(AT_FDCWD, path, "0") : -ENOMEM;
		if (r < 0)
			error_errno(err, r, "cannot join the cgroup %s", s.dir[i].path);
	}
	cgroup_set_free(&s);
	return r;
}

/* ---- who is in it -------------------------------------------------------------------------- */

/* What visit_members() does with each; negative ends the walk. */
typedef int visitor(pid_t pid, void *data);

static int visit_listed(char *pids, visitor *visit, void *data)
{
	char *save;
	int r = 0;

	for (char *p = strtok_r(pids, "\n", &save); p && r >= 0; p = strtok_r(NULL, "\n", &save)) {
		pid_t pid = atoi(p);

		/* 0 is a process of a pid namespace that is not below ours. */
		if (pid > 0)
			r = visit(pid, data);
	}
	return r;
}

/* The members of dir and of all below it; perhaps more than once, by several threads. */
static int visit_members(const char *dir, visitor *visit, void *data)
{
	cleanup_free char *path = string_format("%s/cgroup.procs", dir), *pids = NULL;
	cleanup_closedir DIR *d = opendir(dir);
	struct dirent *e;
	int r = 0;

	if (!d || !path)
		return 0;
	if (file_read(AT_FDCWD, path, MEMBERS_MAX_BYTES, &pids) > 0)
		r = visit_listed(pids, visit, data);
	while (r >= 0 && (e = readdir(d))) {
		if (e->d_type != DT_DIR || e->d_name[0] == '.')
			continue;
		cleanup_free char *below = string_format("%s/%s", dir, e->d_name);

		if (below)
			r = visit_members(below, visit, data);
	}
	return r;
}

/* One hierarchy names all members. The freezer's or pids' are as good as any. */
static const char *any_dir(const struct cgroup_set *s)
{
	const char *dir = cgroup_find(s, "freezer");

	return dir ? dir : s->n ? s->dir[0].path : NULL;
}

struct member_list {
	pid_t *pids;
	size_t n;
};

static int append_member(pid_t pid, void *data)
{
	struct member_list *l = data;
	pid_t *pids = reallocarray(l->pids, l->n + 1, sizeof(*pids));

	if (!pids)
		return -ENOMEM;
	pids[l->n++] = pid;
	l->pids = pids;
	return 0;
}

static int by_number(const void *a, const void *b)
{
	return *(const pid_t *)a - *(const pid_t *)b;
}

int cgroup_members(const char *text, pid_t **pids, size_t *n, struct error *err)
{
	struct member_list l = {0};
	struct cgroup_set s;
	const char *dir;
	int r = parse(text, &s, err);

	if (r < 0)
		return r;
	dir = any_dir(&s);
	r = dir ? visit_members(dir, append_member, &l) : 0;
	cgroup_set_free(&s);
	if (r < 0) {
		free(l.pids);
		return error_errno(err, r, "cgroup");
	}
	if (l.n)
		qsort(l.pids, l.n, sizeof(*l.pids), by_number);
	*n = 0;
	for (size_t i = 0; i < l.n; i++)
		if (!i || l.pids[i] != l.pids[*n - 1])
			l.pids[(*n)++] = l.pids[i];
	*pids = l.pids;
	return 0;
}

/* ---- killing and removing ------------------------------------------------------------------ */

/* Never init, and never us. */
static int kill_member(pid_t pid, void *data)
{
	int *count = data;

	if (pid > 1 && pid != getpid()) {
		kill(pid, SIGKILL);
		(*count)++;
	}
	return 0;
}

int cgroup_kill(const char *text, struct error *err)
{
	cleanup_free char *kill_file = NULL;
	struct cgroup_set s;
	const char *dir;
	int r = parse(text, &s, err);

	if (r < 0)
		return r;
	dir = any_dir(&s);
	kill_file = dir && s.v2 ? string_format("%s/cgroup.kill", dir) : NULL;
	if (kill_file)
		file_write(AT_FDCWD, kill_file, "1");
	r = -ETIMEDOUT;
	for (int i = 0; dir && i < KILL_ROUNDS; i++) {
		int members = 0;

		visit_members(dir, kill_member, &members);
		if (!members) {
			r = 0;
			break;
		}
		cgroup_dir_thaw_all(&s, dir, NULL);
		pause_ns(i < 10 ? PAUSE_NS / 10 : PAUSE_NS);
	}
	if (!dir)
		r = 0;
	if (r < 0)
		error_set(err, r, "processes in %s survive SIGKILL", dir);
	cgroup_set_free(&s);
	return r;
}

static int remove_tree(const char *dir)
{
	cleanup_closedir DIR *d = NULL;
	struct dirent *e;

	if (rmdir(dir) == 0 || errno == ENOENT)
		return 0;
	d = opendir(dir);
	while (d && (e = readdir(d))) {
		if (e->d_type != DT_DIR || e->d_name[0] == '.')
			continue;
		cleanup_free char *below = string_format("%s/%s", dir, e->d_name);

		if (below)
			remove_tree(below);
	}
	/* EBUSY: the last member is dead, but not yet out of the door. */
	for (int i = 0; i < RMDIR_ROUNDS; i++) {
		if (rmdir(dir) == 0 || errno == ENOENT)
			return 0;
		if (errno != EBUSY)
			return -errno;
		pause_ns(i < 20 ? PAUSE_NS / 20 : PAUSE_NS);
	}
	return -EBUSY;
}

int cgroup_destroy(const char *text, struct error *err)
{
	struct cgroup_set s;
	int r = parse(text, &s, err);

	for (unsigned i = 0; i < s.n; i++) {
		int k = remove_tree(s.dir[i].path);

		if (k < 0 && !r)
			r = error_errno(err, k, "cannot remove the cgroup %s", s.dir[i].path);
	}
	cgroup_set_free(&s);
	return r;
}
