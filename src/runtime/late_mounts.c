/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Mounts that come and go while the container runs (crun's `mounts`). The sandbox has two mount
 * namespaces: the container's own, which the leader thread is in, engines enter and the guest's
 * /proc/self/mounts tells of; and the task side's copy of it, where the guest's paths lead
 * (sandbox/placeholder.c). A mount has to be in both. The sandbox itself cannot mount, so a child of the
 * command goes there with what it has opened outside. The guest runs meanwhile: destinations are taken
 * as they are written, with no symbolic link in them, or it could choose what is covered or uncovered.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "libocispec/ocispec.h"
#include "runtime/files.h"
#include "runtime/mount_options.h"
#include "runtime/mounts.h"
#include "runtime/namespaces.h"
#include "runtime/rootfs.h"
#include "runtime/runtime.h"
#include "runtime/state.h"
#include "runtime/sync.h"

/* A mount namespace and the container's root in it. */
struct side {
	int ns, root;
};

struct late {
	const struct container *c;
	struct oci_config *config; /* the container's, but for mounts[], which are those of the file */
	struct side own, tasks;
	int user_ns;   /* -1: the command's */
	int *sources;  /* of bind mounts, cloned where the command is; -1 for others */
};

/* ---- what is asked for ----------------------------------------------------------------------- */

/* Is there nothing behind the array? What is no JSON at all is the parser's to find. */
static bool only_array(const char *text)
{
	const char *p = text + strspn(text, " \t\r\n");
	bool quoted = false;
	unsigned depth = 0;

	if (*p != '[')
		return false;
	for (; *p; p++) {
		if (quoted && *p == '\\' && p[1])
			p++;
		else if (*p == '"')
			quoted = !quoted;
		else if (!quoted && (*p == '[' || *p == '{'))
			depth++;
		else if (!quoted && (*p == ']' || *p == '}') && --depth == 0)
			break;
	}
	return !*p || !p[1 + strspn(p + 1, " \t\r\n")];
}

/* The file is the value of config.json's "mounts", and a mistake in it is named as there. */
static int load_mounts(const char *file, struct oci_config **out, struct error *err)
{
	cleanup_free char *text = NULL, *document = NULL, *why = NULL;
	ssize_t n = file_read(AT_FDCWD, file, OCI_MAX_TEXT, &text);
	int r;

	if (n < 0)
		return error_errno(err, n, "cannot read %s", file);
	if (!only_array(text))
		return error_set(err, -EINVAL, "%s: an array of mounts is expected", file);
	document = string_format("{\"ociVersion\":\"1.0.0\",\"root\":{\"path\":\"/\"},\"mounts\":%s}", text);
	if (!document)
		return error_set(err, -ENOMEM, "out of memory");
	r = oci_config_parse(document, strlen(document), out, &why);
	return r < 0 ? error_set(err, r, "%s: %s", file, why ? why : strerror(-r)) : 0;
}

/* Is it at, below or above a place of husk's own file systems, which are not the host's mounts? */
static bool covers_husks_own(const char *path)
{
	static const char *const places[] = {"/proc", "/dev/pts"};
	size_t n = strlen(path);

	for (size_t i = 0; i < sizeof(places) / sizeof(*places); i++) {
		size_t k = strlen(places[i]);

		if (!strncmp(path, places[i], k) && (!path[k] || path[k] == '/'))
			return true;
		if (!strncmp(path, places[i], n) && places[i][n] == '/')
			return true;
	}
	return false;
}

/* "/a//b/" → "/a/b"; -EINVAL for what is not the literal path of something below the root. */
static int clean_destination(char *path)
{
	char *out = path;

	if (*path != '/')
		return -EINVAL;
	for (const char *p = path; *p;) {
		size_t n;

		p += strspn(p, "/");
		n = strcspn(p, "/");
		if (!n)
			break;
		if ((n == 1 && *p == '.') || (n == 2 && p[0] == '.' && p[1] == '.'))
			return -EINVAL;
		*out++ = '/';
		memmove(out, p, n);
		out += n;
		p += n;
	}
	*out = '\0';
	return out == path ? -EINVAL : 0;
}

static int check_destination(size_t i, char *path, struct error *err)
{
	if (clean_destination(path) < 0)
		return error_set(err, -EINVAL, "mounts[%zu].destination: \"%s\": an absolute path without "
					       "\".\" and \"..\" is needed", i, path);
	if (covers_husks_own(path))
		return error_set(err, -ENOTSUP, "mounts[%zu].destination: %s: /proc and /dev/pts are husk's "
						"own", i, path);
	return 0;
}

/* What is tied to the namespaces or the paths of who mounts it would be the host's. */
static int check_kind(size_t i, const struct oci_mount *m, struct error *err)
{
	struct mount_options o;
	int r = mount_options_parse(m, &o, err);

	if (r < 0)
		return error_wrap(err, "mounts[%zu]", i), r;
	if (o.idmap || m->n_uid_mappings)
		r = error_set(err, -ENOTSUP, "mounts[%zu]: an id-mapped mount cannot be added to a running "
					     "container", i);
	else if (!o.bind && (!m->type || strcmp(m->type, "tmpfs")))
		r = error_set(err, -ENOTSUP, "mounts[%zu].type: \"%s\": only bind mounts and tmpfs can be "
					     "added to a running container", i, m->type ? m->type : "");
	mount_options_free(&o);
	return r;
}

static bool mount_namespace_is_own(const struct oci_config *c)
{
	for (size_t i = 0; i < c->linux->n_namespaces; i++) {
		const struct oci_namespace *ns = &c->linux->namespaces[i];

		if (!strcmp(ns->type, "mount"))
			return !ns->path || !*ns->path;
	}
	return false;
}

static int check(struct late *l, bool add, struct error *err)
{
	int r = 0;

	if (geteuid() != 0)
		return error_set(err, -EPERM, "only root can change the mounts of a running container");
	if (l->c->status == STATUS_PAUSED)
		return error_set(err, -EBUSY, "container is paused");
	if (l->c->status != STATUS_RUNNING && l->c->status != STATUS_CREATED)
		return error_set(err, -EINVAL, "container not running");
	if (!mount_namespace_is_own(l->config))
		return error_set(err, -ENOTSUP, "the container has no mount namespace of its own");
	for (size_t i = 0; i < l->config->n_mounts && !r; i++) {
		r = check_destination(i, l->config->mounts[i].destination, err);
		if (!r && add)
			r = check_kind(i, &l->config->mounts[i], err);
	}
	return r;
}

/* ---- the way in ------------------------------------------------------------------------------ */

static int open_in_proc(pid_t pid, const char *tid, const char *name, int flags)
{
	cleanup_free char *path = string_format("/proc/%d/task/%s/%s", pid, tid, name);
	int fd = path ? open(path, flags | O_CLOEXEC) : -1;

	return !path ? -ENOMEM : fd < 0 ? -errno : fd;
}

static int open_side(pid_t pid, const char *tid, struct side *s)
{
	s->ns = open_in_proc(pid, tid, "ns/mnt", O_RDONLY);
	s->root = s->ns < 0 ? s->ns : open_in_proc(pid, tid, "root", O_PATH | O_DIRECTORY);
	return s->root < 0 ? s->root : 0;
}

static bool same_file(int a, int b)
{
	struct stat x, y;

	return fstat(a, &x) == 0 && fstat(b, &y) == 0 && x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

static void close_side(struct side *s)
{
	if (s->ns >= 0)
		close(steal_fd(&s->ns));
	if (s->root >= 0)
		close(steal_fd(&s->root));
}

/*
 * The first thread elsewhere than the leader is kthreadd, which the task side descends from and which
 * has no guest's root: the directory lists threads in the order of their making.
 */
static int open_sides(struct late *l, struct error *err)
{
	cleanup_free char *tasks = string_format("/proc/%d/task", l->c->pid);
	cleanup_closedir DIR *d = tasks ? opendir(tasks) : NULL;
	char leader[16];
	struct dirent *e;
	int r;

	snprintf(leader, sizeof(leader), "%d", l->c->pid);
	r = d ? open_side(l->c->pid, leader, &l->own) : -ESRCH;
	while (!r && l->tasks.root < 0 && (e = readdir(d))) {
		if (e->d_name[0] == '.')
			continue;
		r = open_side(l->c->pid, e->d_name, &l->tasks);
		if (r == -ENOENT || r == -ESRCH)
			r = 0; /* it has died meanwhile */
		else if (!r && !same_file(l->tasks.ns, l->own.ns))
			break;
		close_side(&l->tasks);
	}
	if (!r && l->tasks.root < 0)
		r = -ESRCH;
	return r < 0 ? error_errno(err, r, "cannot find the mount namespaces of process %d", l->c->pid) : 0;
}

static int open_user_namespace(struct late *l, struct error *err)
{
	cleanup_close int own = open("/proc/self/ns/user", O_RDONLY | O_CLOEXEC), fd = -1;
	cleanup_free char *path = string_format("/proc/%d/ns/user", l->c->pid);

	fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
	if (own < 0 || fd < 0)
		return error_errno(err, -errno, "cannot find the user namespace of process %d", l->c->pid);
	if (!same_file(own, fd))
		l->user_ns = steal_fd(&fd);
	return 0;
}

/* Only now is it certain whose files those were. */
static int check_process(const struct late *l, struct error *err)
{
	cleanup_close int pidfd = process_open(l->c->pid, l->c->pid_start);

	return pidfd < 0 ? error_errno(err, pidfd, "process %d", l->c->pid) : 0;
}

static int open_sources(struct late *l, struct error *err)
{
	l->sources = malloc((l->config->n_mounts + 1) * sizeof(int));
	if (!l->sources)
		return error_set(err, -ENOMEM, "out of memory");
	for (size_t i = 0; i <= l->config->n_mounts; i++)
		l->sources[i] = -1;
	for (size_t i = 0; i < l->config->n_mounts; i++) {
		struct mount_options o;
		int r = mount_options_parse(&l->config->mounts[i], &o, err);

		if (!r && o.bind) {
			l->sources[i] = mount_clone_source(&l->config->mounts[i], l->c->bundle, &o, err);
			r = l->sources[i] < 0 ? l->sources[i] : 0;
		}
		mount_options_free(&o);
		if (r < 0)
			return error_wrap(err, "mounts[%zu]: bind on %s", i,
					  l->config->mounts[i].destination), r;
	}
	return 0;
}

/* ---- there ----------------------------------------------------------------------------------- */

static int enter(const struct side *s, struct error *err)
{
	if (setns(s->ns, CLONE_NEWNS) < 0 || fchdir(s->root) < 0 || chroot(".") < 0)
		return error_errno(err, -errno, "cannot enter the container's mount namespace");
	return 0;
}

static int open_literally(const struct side *s, const char *path)
{
	return rootfs_open_literally(&(struct rootfs){.path = "/", .fd = s->root}, path, O_PATH);
}

/* The caller is in s. */
static int detach(const struct side *s, const char *destination, int flags)
{
	const char *name = strrchr(destination, '/') + 1;
	cleanup_free char *above = strndup(destination, name - destination);
	cleanup_close int dir = above ? open_literally(s, above) : -ENOMEM;

	if (dir < 0)
		return dir;
	if (fchdir(dir) < 0)
		return -errno;
	return umount2(name, flags | UMOUNT_NOFOLLOW) < 0 ? -errno : 0;
}

/* Which mount begins there? 0: none, or the place is not there yet. */
static int mount_at(const struct side *s, const char *destination, uint64_t *id)
{
	cleanup_close int fd = open_literally(s, destination);
	struct statx stx;

	*id = 0;
	if (fd < 0)
		return fd == -ENOENT ? 0 : fd;
	if (statx(fd, "", AT_EMPTY_PATH, STATX_MNT_ID, &stx) < 0)
		return -errno;
	if (stx.stx_attributes & STATX_ATTR_MOUNT_ROOT)
		*id = stx.stx_mnt_id;
	return 0;
}

/* What is mounted in the container's own namespace, for the task side as well. */
static int copy_to_tasks(const struct late *l, const char *destination, uint64_t before, struct error *err)
{
	cleanup_close int from = open_literally(&l->own, destination), copy = -1, to = -1;
	uint64_t now;
	int r;

	if (from < 0)
		return error_errno(err, from, "cannot find the mount again");
	copy = open_tree(from, "", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH | AT_RECURSIVE);
	if (copy < 0)
		return error_errno(err, -errno, "cannot copy the mount");
	r = enter(&l->tasks, err);
	if (!r && mount_at(&l->tasks, destination, &now) == 0 && now && now != before)
		return 0; /* it came by itself, from a shared mount */
	if (r < 0)
		return r;
	to = open_literally(&l->tasks, destination);
	if (to < 0)
		return error_errno(err, to, "the guest's %s", destination);
	if (move_mount(copy, "", to, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) < 0)
		return error_errno(err, -errno, "cannot attach the mount for the guest");
	return 0;
}

static int add_one(const struct late *l, size_t i, struct error *err)
{
	const struct rootfs root = {.path = "/", .fd = l->own.root};
	const struct mount_context x = {.config = l->config,
					.root = &root,
					.bundle = l->c->bundle,
					.idmapped = l->sources,
					.user_namespace = l->user_ns >= 0};
	const char *destination = l->config->mounts[i].destination;
	uint64_t before;
	int r = enter(&l->tasks, err);

	if (r < 0)
		return r;
	r = mount_at(&l->tasks, destination, &before);
	if (r < 0)
		return error_errno(err, r, "mounts[%zu].destination: %s", i, destination);
	r = enter(&l->own, err);
	if (!r)
		r = mounts_apply_one(&x, i, err);
	if (r < 0)
		return r;
	r = copy_to_tasks(l, destination, before, err);
	if (r < 0) {
		error_wrap(err, "mounts[%zu]", i);
		if (enter(&l->own, NULL) == 0)
			detach(&l->own, destination, MNT_DETACH);
	}
	return r;
}

static int remove_one(const struct late *l, size_t i, int flags, struct error *err)
{
	const char *destination = l->config->mounts[i].destination;
	int r = enter(&l->tasks, err);

	if (r < 0)
		return r;
	r = detach(&l->tasks, destination, flags);
	if (r == -EINVAL)
		return error_set(err, r, "mounts[%zu].destination: nothing is mounted on %s", i,
				 destination);
	if (r < 0)
		return error_errno(err, r, "mounts[%zu].destination: cannot unmount %s", i, destination);
	r = enter(&l->own, err);
	if (!r)
		r = detach(&l->own, destination, MNT_DETACH);
	/* Nobody but husk's own threads is there; others may have unmounted it already. */
	return r == -EINVAL ? 0 : r;
}

static int add_all(const struct late *l, struct error *err)
{
	for (size_t i = 0; i < l->config->n_mounts; i++) {
		int r = add_one(l, i, err);

		if (!r)
			continue;
		while (i-- > 0)
			remove_one(l, i, MNT_DETACH, NULL);
		return r;
	}
	return 0;
}

static int remove_all(const struct late *l, struct error *err)
{
	int r = 0;

	for (size_t i = l->config->n_mounts; i-- > 0 && !r;)
		r = remove_one(l, i, 0, err);
	return r;
}

static int enter_user_namespace(const struct late *l, struct error *err)
{
	int r;

	/* Nobody there may look into this process; a change of its ids would let them. */
	prctl(PR_SET_DUMPABLE, 0);
	if (l->user_ns < 0)
		return 0;
	if (setns(l->user_ns, CLONE_NEWUSER) < 0)
		return error_errno(err, -errno, "cannot enter the container's user namespace");
	r = namespaces_become_root(&(struct namespaces){.joined = CLONE_NEWUSER}, err);
	prctl(PR_SET_DUMPABLE, 0);
	return r;
}

static _Noreturn void child(const struct late *l, bool add, int sync)
{
	cleanup_error struct error err = ERROR_INIT;
	int r = enter_user_namespace(l, &err);

	umask(0022);
	if (!r)
		r = add ? add_all(l, &err) : remove_all(l, &err);
	if (r < 0)
		sync_send_error(sync, &err);
	else
		sync_send(sync, SYNC_READY, 0, -1, NULL);
	_exit(r < 0);
}

/* ---- the command ----------------------------------------------------------------------------- */

static int run_child(const struct late *l, bool add, struct error *err)
{
	cleanup_free struct sync_message *m = malloc(sizeof(*m));
	int pair[2], r = m ? sync_pair(pair, err) : error_set(err, -ENOMEM, "out of memory");
	pid_t pid;

	if (r < 0)
		return r;
	pid = fork();
	if (pid == 0)
		child(l, add, pair[1]);
	r = pid < 0 ? error_errno(err, -errno, "cannot fork") : 0;
	close(pair[1]);
	if (!r) {
		r = sync_receive(pair[0], m);
		if (r < 0)
			error_errno(err, r, "the process in the container's namespaces died");
		else if (m->type == SYNC_ERROR)
			r = error_set(err, m->value < 0 ? m->value : -EIO, "%s", m->text);
		wait_child(pid);
	}
	close(pair[0]);
	return r;
}

static int change(struct late *l, bool add, struct error *err)
{
	int r = check(l, add, err);

	if (!r)
		r = open_sides(l, err);
	if (!r)
		r = open_user_namespace(l, err);
	if (!r)
		r = check_process(l, err);
	if (!r && add)
		r = open_sources(l, err);
	if (!r)
		r = run_child(l, add, err);
	return r;
}

int container_change_mounts(const struct container *c, const char *file, bool add, struct error *err)
{
	struct late l = {.c = c, .own = {-1, -1}, .tasks = {-1, -1}, .user_ns = -1};
	struct oci_config *list = NULL;
	int r = load_mounts(file, &list, err);

	if (!r)
		r = state_load_config(c, &l.config, err);
	if (!r) {
		struct oci_mount *old = l.config->mounts;
		size_t n = l.config->n_mounts;

		l.config->mounts = list->mounts;
		l.config->n_mounts = list->n_mounts;
		list->mounts = old;
		list->n_mounts = n;
		r = change(&l, add, err);
	}
	for (size_t i = 0; l.sources && i < l.config->n_mounts; i++)
		if (l.sources[i] >= 0)
			close(l.sources[i]);
	free(l.sources);
	close_side(&l.own);
	close_side(&l.tasks);
	if (l.user_ns >= 0)
		close(l.user_ns);
	oci_config_free(l.config);
	oci_config_free(list);
	return r;
}
