/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "runtime/namespaces.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/nsfs.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "libocispec/ocispec.h"
#include "runtime/files.h"
#include "runtime/newidmap.h"

/* In the order in which they are joined. */
static const struct {
	const char *name; /* in config.json */
	unsigned flag;
} types[NAMESPACE_TYPES] = {
	{"cgroup", CLONE_NEWCGROUP}, {"ipc", CLONE_NEWIPC},   {"uts", CLONE_NEWUTS},
	{"network", CLONE_NEWNET},   {"pid", CLONE_NEWPID},   {"time", CLONE_NEWTIME},
	{"mount", CLONE_NEWNS},	     {"user", CLONE_NEWUSER},
};

static int type_index(const char *name)
{
	for (int i = 0; i < NAMESPACE_TYPES; i++)
		if (!strcmp(types[i].name, name))
			return i;
	return -1;
}

static int open_one(struct namespaces *n, int type, const char *path, struct error *err)
{
	n->path[type] = path;
	n->fd[type] = open(path, O_RDONLY | O_CLOEXEC);
	if (n->fd[type] < 0)
		return error_errno(err, -errno, "linux.namespaces: cannot open %s", path);
	int kind = ioctl(n->fd[type], NS_GET_NSTYPE);

	if (kind < 0)
		return error_set(err, -EINVAL, "linux.namespaces: %s is not a namespace", path);
	if ((unsigned)kind != types[type].flag)
		return error_set(err, -EINVAL, "linux.namespaces: %s is not a %s namespace", path,
				 types[type].name);
	n->joined |= types[type].flag;
	return 0;
}

static int open_runtime_mounts(struct namespaces *n, struct error *err)
{
	/* Its mount namespace is not a user namespace's to return to. */
	if ((n->create | n->joined) & CLONE_NEWUSER)
		return error_set(err, -EINVAL, "linux.namespaces: a user namespace needs a mount "
					       "namespace beside it");
	n->runtime_mounts = open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC);
	if (n->runtime_mounts < 0)
		return error_errno(err, -errno, "cannot open /proc/self/ns/mnt");
	n->create |= CLONE_NEWNS;
	return 0;
}

int namespaces_open(const struct oci_config *c, struct namespaces *n, struct error *err)
{
	const struct oci_linux *l = c->linux;

	n->create = n->joined = 0;
	n->runtime_mounts = -1;
	for (int i = 0; i < NAMESPACE_TYPES; i++)
		n->fd[i] = -1;
	for (size_t i = 0; i < l->n_namespaces; i++) {
		const struct oci_namespace *ns = &l->namespaces[i];
		int type = type_index(ns->type), r;

		if (type < 0)
			return error_set(err, -EINVAL, "linux.namespaces[%zu].type: unknown \"%s\"", i,
					 ns->type);
		if (!ns->path || !*ns->path) {
			n->create |= types[type].flag;
			continue;
		}
		r = open_one(n, type, ns->path, err);
		if (r < 0)
			return r;
	}
	return (n->create | n->joined) & CLONE_NEWNS ? 0 : open_runtime_mounts(n, err);
}

int namespaces_fd(const struct namespaces *n, const char *type)
{
	int i = type_index(type);

	return i < 0 ? -1 : n->fd[i];
}

void namespaces_close(struct namespaces *n)
{
	for (int i = 0; i < NAMESPACE_TYPES; i++)
		if (n->fd[i] >= 0)
			close(n->fd[i]);
	if (n->runtime_mounts >= 0)
		close(n->runtime_mounts);
}

int namespaces_join(const struct namespaces *n, struct error *err)
{
	bool later[NAMESPACE_TYPES] = {false};

	for (int i = 0; i < NAMESPACE_TYPES; i++) {
		if (n->fd[i] < 0 || setns(n->fd[i], types[i].flag) == 0)
			continue;
		/* Not ours from outside: perhaps from inside the user namespace that is joined last. */
		if (errno != EPERM || !(n->joined & CLONE_NEWUSER) ||
		    types[i].flag == CLONE_NEWUSER)
			return error_errno(err, -errno, "cannot join the %s namespace %s",
					   types[i].name, n->path[i]);
		later[i] = true;
	}
	for (int i = 0; i < NAMESPACE_TYPES; i++)
		if (later[i] && setns(n->fd[i], types[i].flag) < 0)
			return error_errno(err, -errno, "cannot join the %s namespace %s",
					   types[i].name, n->path[i]);
	return 0;
}

/* ---- user namespaces ----------------------------------------------------------------------- */

char *namespaces_map_text(const struct oci_id_mapping *maps, size_t n)
{
	char *text = NULL;
	size_t len;
	FILE *f = open_memstream(&text, &len);

	if (!f)
		return NULL;
	for (size_t i = 0; i < n; i++)
		fprintf(f, "%u %u %u\n", maps[i].container_id, maps[i].host_id, maps[i].size);
	if (fclose(f)) {
		free(text);
		return NULL;
	}
	return text;
}

static int write_map(pid_t pid, const char *name, const struct oci_id_mapping *maps, size_t n,
		     struct error *err)
{
	cleanup_free char *text = namespaces_map_text(maps, n);
	char path[40];
	int r = -ENOMEM;

	snprintf(path, sizeof(path), "/proc/%d/%s", pid, name);
	if (text)
		r = file_write(AT_FDCWD, path, text);
	return r < 0 ? error_errno(err, r, "cannot write %s of the user namespace", name) : 0;
}

/* What an ordinary user may write himself. */
static bool maps_only(const struct oci_id_mapping *maps, size_t n, unsigned id)
{
	return n == 1 && maps[0].size == 1 && maps[0].host_id == id;
}

static int deny_setgroups(pid_t pid, struct error *err)
{
	char path[40];
	int r;

	snprintf(path, sizeof(path), "/proc/%d/setgroups", pid);
	r = file_write(AT_FDCWD, path, "deny");
	return r < 0 ? error_errno(err, r, "cannot write %s", path) : 0;
}

int namespaces_write_maps(const struct oci_config *c, pid_t pid, struct error *err)
{
	const struct oci_linux *l = c->linux;
	bool user = geteuid() != 0;
	int r;

	if (user && !maps_only(l->gid_mappings, l->n_gid_mappings, getegid())) {
		r = newidmap_run("newgidmap", pid, l->gid_mappings, l->n_gid_mappings, err);
	} else {
		/* An unprivileged writer must give up setgroups(2) first (user_namespaces(7)). */
		r = user ? deny_setgroups(pid, err) : 0;
		if (!r)
			r = write_map(pid, "gid_map", l->gid_mappings, l->n_gid_mappings, err);
	}
	if (r < 0)
		return r;
	if (user && !maps_only(l->uid_mappings, l->n_uid_mappings, geteuid()))
		return newidmap_run("newuidmap", pid, l->uid_mappings, l->n_uid_mappings, err);
	return write_map(pid, "uid_map", l->uid_mappings, l->n_uid_mappings, err);
}

int namespaces_become_root(const struct namespaces *n, struct error *err)
{
	if (!((n->create | n->joined) & CLONE_NEWUSER))
		return 0;
	if (setgroups(0, NULL) < 0 && errno != EPERM)
		return error_errno(err, -errno, "cannot drop groups in the user namespace");
	if (setresgid(0, 0, 0) < 0 || setresuid(0, 0, 0) < 0)
		return error_errno(err, -errno, "cannot become root of the user namespace");
	return 0;
}

static uint32_t map_id(const struct oci_id_mapping *maps, size_t n, uint32_t id)
{
	for (size_t i = 0; i < n; i++)
		if (id >= maps[i].container_id && id - maps[i].container_id < maps[i].size)
			return maps[i].host_id + (id - maps[i].container_id);
	return id;
}

uid_t namespaces_host_uid(const struct oci_config *c, uid_t uid)
{
	return map_id(c->linux->uid_mappings, c->linux->n_uid_mappings, uid);
}

gid_t namespaces_host_gid(const struct oci_config *c, gid_t gid)
{
	return map_id(c->linux->gid_mappings, c->linux->n_gid_mappings, gid);
}

/* ---- time namespaces ----------------------------------------------------------------------- */

int namespaces_set_time_offsets(const struct oci_config *c, struct error *err)
{
	const struct oci_linux *l = c->linux;

	for (size_t i = 0; i < l->n_time_offsets; i++) {
		char line[96];
		int r;

		snprintf(line, sizeof(line), "%.16s %lld %u\n", l->time_offsets_keys[i],
			 (long long)l->time_offsets[i].secs, l->time_offsets[i].nanosecs);
		r = file_write(AT_FDCWD, "/proc/self/timens_offsets", line);
		if (r < 0)
			return error_errno(err, r, "linux.timeOffsets.%s", l->time_offsets_keys[i]);
	}
	return 0;
}
