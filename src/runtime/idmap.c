/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "runtime/idmap.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "libocispec/ocispec.h"
#include "runtime/files.h"
#include "runtime/mount_options.h"
#include "runtime/mounts.h"
#include "runtime/namespaces.h"

/* Which ids become which: either a list of mappings, or a user namespace that has them. */
struct mapping {
	const struct oci_id_mapping *uids, *gids;
	size_t n_uids, n_gids;
	const char *text; /* crun's "uids=0-1000-1;gids=…"; NULL */
	int user_ns;	  /* of a namespace that was given by path; -1 */
};

/* ---- crun's spelling ----------------------------------------------------------------------- */

#define TEXT_MAPPINGS_MAX 340 /* as many as the kernel takes (user_namespaces(7)) */

/* "0-1000-1#1-2000-5": from, to and how many, as lines of uid_map. */
static int text_to_map(const char *text, size_t len, char **map)
{
	cleanup_free char *copy = strndup(text, len);
	char *lines = NULL, *save;
	size_t size;
	FILE *f = copy ? open_memstream(&lines, &size) : NULL;
	unsigned n = 0;
	int r = f ? 0 : -ENOMEM;

	for (char *t = f ? strtok_r(copy, "#", &save) : NULL; t && !r; t = strtok_r(NULL, "#", &save)) {
		unsigned from, to, count;
		int end = 0;

		if (sscanf(t, "%u-%u-%u%n", &from, &to, &count, &end) != 3 || t[end] || !count ||
		    ++n > TEXT_MAPPINGS_MAX)
			r = -EINVAL;
		fprintf(f, "%u %u %u\n", from, to, count);
	}
	if (f && fclose(f))
		r = -ENOMEM;
	if (!r && !n)
		r = -EINVAL;
	if (r < 0)
		free(lines);
	else
		*map = lines;
	return r;
}

static int maps_from_text(const char *text, char **uid_map, char **gid_map)
{
	const char *uids = text, *gids = strchr(text, ';');
	int r;

	if (strncmp(uids, "uids=", 5) || !gids || strncmp(gids, ";gids=", 6))
		return -EINVAL;
	r = text_to_map(uids + 5, gids - uids - 5, uid_map);
	return r < 0 ? r : text_to_map(gids + 6, strlen(gids + 6), gid_map);
}

/* ---- a user namespace with the mappings ---------------------------------------------------- */

static int write_maps(pid_t pid, const struct mapping *m)
{
	cleanup_free char *uid_map = NULL, *gid_map = NULL;
	char path[40];
	int r = 0;

	if (m->text) {
		r = maps_from_text(m->text, &uid_map, &gid_map);
	} else {
		uid_map = namespaces_map_text(m->uids, m->n_uids);
		gid_map = namespaces_map_text(m->gids, m->n_gids);
	}
	if (!r && (!uid_map || !gid_map))
		r = -ENOMEM;
	snprintf(path, sizeof(path), "/proc/%d/gid_map", pid);
	if (!r)
		r = file_write(AT_FDCWD, path, gid_map);
	snprintf(path, sizeof(path), "/proc/%d/uid_map", pid);
	return r < 0 ? r : file_write(AT_FDCWD, path, uid_map);
}

/* A namespace lives as long as somebody has it open; the process that it is made with need not. */
static int make_user_namespace(const struct mapping *m, struct error *err)
{
	struct clone_args args = {.flags = CLONE_NEWUSER, .exit_signal = SIGCHLD};
	char path[40];
	int fd, r;
	pid_t command = getpid(), pid = syscall(SYS_clone3, &args, sizeof(args));

	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		while (getppid() == command)
			pause();
		_exit(1);
	}
	if (pid < 0)
		return error_errno(err, -errno, "cannot make a user namespace for the mappings");
	snprintf(path, sizeof(path), "/proc/%d/ns/user", pid);
	r = write_maps(pid, m);
	fd = r < 0 ? r : open(path, O_RDONLY | O_CLOEXEC);
	r = fd < 0 && r >= 0 ? -errno : r;
	kill(pid, SIGKILL);
	wait_child(pid);
	return r < 0 ? error_errno(err, r, "cannot write the mappings") : fd;
}

/* ---- one mount ----------------------------------------------------------------------------- */

/* The mount's own mappings; else those of the container's user namespace. */
static int choose(const struct oci_config *c, const struct oci_mount *m, const struct mount_options *o,
		  const struct namespaces *ns, struct mapping *out, struct error *err)
{
	const struct oci_linux *l = c->linux;

	*out = (struct mapping){.text = o->idmap_text, .user_ns = -1};
	if (o->idmap_text)
		return 0;
	if (m->n_uid_mappings) {
		out->uids = m->uid_mappings;
		out->n_uids = m->n_uid_mappings;
		out->gids = m->gid_mappings;
		out->n_gids = m->n_gid_mappings;
		return 0;
	}
	out->user_ns = namespaces_fd(ns, "user");
	if (out->user_ns >= 0)
		return 0;
	if (!l->n_uid_mappings)
		return error_set(err, -EINVAL, "an id-mapped mount needs uidMappings and gidMappings, or "
					       "a container with a user namespace");
	out->uids = l->uid_mappings;
	out->n_uids = l->n_uid_mappings;
	out->gids = l->gid_mappings;
	out->n_gids = l->n_gid_mappings;
	return 0;
}

static int map_mount(int mnt, const struct mapping *m, bool recursive, struct error *err)
{
	cleanup_close int made = m->user_ns < 0 ? make_user_namespace(m, err) : -1;
	struct mount_attr attr = {.attr_set = MOUNT_ATTR_IDMAP,
				  .userns_fd = m->user_ns < 0 ? made : m->user_ns};

	if (m->user_ns < 0 && made < 0)
		return made;
	if (mount_setattr(mnt, "", AT_EMPTY_PATH | (recursive ? AT_RECURSIVE : 0), &attr,
			  sizeof(attr)) < 0)
		return error_errno(err, -errno, "cannot map the ids of the mount (its file system, or the "
						"user, may not)");
	return 0;
}

static int open_one(const struct oci_config *c, const struct oci_mount *m, const char *bundle,
		    const struct namespaces *ns, int *fd, struct error *err)
{
	struct mount_options o;
	struct mapping mapping = {.user_ns = -1};
	int r = mount_options_parse(m, &o, err);

	*fd = -1;
	if (!r && (o.idmap || m->n_uid_mappings)) {
		if (!o.bind)
			r = error_set(err, -ENOTSUP, "only bind mounts can be id-mapped");
		if (!r)
			r = choose(c, m, &o, ns, &mapping, err);
		if (!r)
			*fd = r = mount_clone_source(m, bundle, &o, err);
		if (r >= 0)
			r = map_mount(*fd, &mapping, o.idmap_recursive, err);
	}
	mount_options_free(&o);
	return r;
}

int idmap_open(const struct oci_config *c, const char *bundle, const struct namespaces *ns, int **fds,
	       struct error *err)
{
	int *list = malloc((c->n_mounts + 1) * sizeof(*list));
	bool any = false;
	int r = 0;

	if (!list)
		return error_set(err, -ENOMEM, "out of memory");
	for (size_t i = 0; i < c->n_mounts; i++)
		list[i] = -1;
	for (size_t i = 0; i < c->n_mounts && !r; i++) {
		r = open_one(c, &c->mounts[i], bundle, ns, &list[i], err);
		if (r < 0)
			error_wrap(err, "mounts[%zu]: %s", i, c->mounts[i].destination);
		any = any || list[i] >= 0;
	}
	if (r < 0 || !any) {
		idmap_close(c, list);
		list = NULL;
	}
	*fds = list;
	return r;
}

void idmap_close(const struct oci_config *c, int *fds)
{
	for (size_t i = 0; fds && i < c->n_mounts; i++)
		if (fds[i] >= 0)
			close(fds[i]);
	free(fds);
}
