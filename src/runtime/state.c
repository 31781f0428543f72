/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "runtime/state.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <yajl/yajl_gen.h>
#include <yajl/yajl_tree.h>

#include "base/cleanup.h"
#include "libocispec/ocispec.h"
#include "runtime/cgroup/cgroup.h"
#include "runtime/fifo.h"
#include "runtime/files.h"
#include "runtime/json_put.h"
#include "runtime/lock.h"

static const char *const status_names[] = {"creating", "created", "running", "paused", "stopped"};

const char *container_status_name(enum container_status s)
{
	return status_names[s];
}

void container_free(struct container *c)
{
	if (!c)
		return;
	for (char **a = c->annotations; a && *a; a++)
		free(*a);
	free(c->annotations);
	free(c->id);
	free(c->dir);
	free(c->bundle);
	free(c->rootfs);
	free(c->created);
	free(c->owner);
	free(c->oci_version);
	free(c->control_socket);
	free(c->cgroup_path);
	free(c->systemd_scope);
	if (c->lock_fd >= 0)
		close(c->lock_fd);
	if (c->dir_fd >= 0)
		close(c->dir_fd);
	free(c);
}

/* A long name is reached through a descriptor of its directory. */
int state_set_control_socket(struct container *c)
{
	c->control_socket = string_format("%s/control.sock", c->dir);
	if (!c->control_socket)
		return -ENOMEM;
	if (strlen(c->control_socket) < sizeof(((struct sockaddr_un *)NULL)->sun_path))
		return 0;
	c->dir_fd = open(c->dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (c->dir_fd < 0)
		return -errno;
	free(c->control_socket);
	c->control_socket = string_format("/proc/self/fd/%d/control.sock", c->dir_fd);
	return c->control_socket ? 0 : -ENOMEM;
}

int container_new(const struct runtime_options *o, const char *id, struct container **out,
		  struct error *err)
{
	struct container *c = calloc(1, sizeof(*c));

	if (!c)
		return error_set(err, -ENOMEM, "out of memory");
	c->lock_fd = c->dir_fd = -1;
	c->status = STATUS_CREATING;
	c->id = strdup(id);
	c->dir = string_format("%s/%s", o->root, id);
	if (!c->id || !c->dir) {
		container_free(c);
		return error_set(err, -ENOMEM, "out of memory");
	}
	*out = c;
	return 0;
}

int state_create_dir(const struct runtime_options *o, struct container *c, struct error *err)
{
	int r = mkdir_parents(o->root, 0711);

	if (r < 0)
		return error_errno(err, r, "cannot make the state directory %s", o->root);
	if (mkdir(c->dir, 0711) < 0) {
		if (errno == EEXIST)
			return error_set(err, -EEXIST, "container with id \"%s\" exists already", c->id);
		return error_errno(err, -errno, "cannot make %s", c->dir);
	}
	c->lock_fd = lock_container(c->dir);
	if (c->lock_fd < 0) {
		r = error_errno(err, c->lock_fd, "cannot lock container \"%s\"", c->id);
		state_remove_dir(c, NULL);
		return r;
	}
	r = state_set_control_socket(c);
	if (r < 0) {
		error_errno(err, r, "cannot open %s", c->dir);
		state_remove_dir(c, NULL);
	}
	return r;
}

/* ---- writing ------------------------------------------------------------------------------- */

static void put_string(yajl_gen g, const char *key, const char *value)
{
	if (!value)
		return;
	json_put_text(g, key);
	json_put_text(g, value);
}

static void put_number(yajl_gen g, const char *key, uint64_t value)
{
	json_put_text(g, key);
	json_put_number(g, value);
}

static void put_state(yajl_gen g, const struct container *c, bool complete)
{
	yajl_gen_map_open(g);
	put_string(g, "ociVersion", c->oci_version);
	put_string(g, "id", c->id);
	put_string(g, "phase", complete ? "created" : "creating");
	put_number(g, "pid", c->pid);
	put_number(g, "pidStart", c->pid_start);
	put_string(g, "bundle", c->bundle);
	put_string(g, "rootfs", c->rootfs);
	put_string(g, "created", c->created);
	put_string(g, "owner", c->owner);
	put_string(g, "cgroup", c->cgroup_path);
	put_string(g, "systemdScope", c->systemd_scope);
	json_put_text(g, "annotations");
	yajl_gen_map_open(g);
	for (char **a = c->annotations; a && a[0]; a += 2)
		put_string(g, a[0], a[1]);
	yajl_gen_map_close(g);
	yajl_gen_map_close(g);
}

int state_save(const struct container *c, bool complete, struct error *err)
{
	cleanup_free char *path = string_format("%s/state.json", c->dir);
	yajl_gen g = yajl_gen_alloc(NULL);
	const unsigned char *text;
	size_t len;
	int r = -ENOMEM;

	if (path && g) {
		put_state(g, c, complete);
		if (yajl_gen_get_buf(g, &text, &len) == yajl_gen_status_ok)
			r = file_replace(AT_FDCWD, path, (const char *)text, len, 0600);
	}
	if (g)
		yajl_gen_free(g);
	return r < 0 ? error_errno(err, r, "cannot write the state of \"%s\"", c->id) : 0;
}

/* ---- reading ------------------------------------------------------------------------------- */

static yajl_val get(yajl_val tree, const char *key)
{
	const char *path[] = {key, NULL};

	return yajl_tree_get(tree, path, yajl_t_any);
}

static char *get_string(yajl_val tree, const char *key)
{
	const char *s = YAJL_GET_STRING(get(tree, key));

	return s ? strdup(s) : NULL;
}

static unsigned long long get_number(yajl_val tree, const char *key)
{
	yajl_val v = get(tree, key);

	return YAJL_IS_NUMBER(v) ? strtoull(YAJL_GET_NUMBER(v), NULL, 10) : 0;
}

static int read_annotations(struct container *c, yajl_val v)
{
	if (!YAJL_IS_OBJECT(v))
		return 0;
	c->annotations = calloc(v->u.object.len * 2 + 1, sizeof(*c->annotations));
	if (!c->annotations)
		return -ENOMEM;
	for (size_t i = 0; i < v->u.object.len; i++) {
		const char *value = YAJL_GET_STRING(v->u.object.values[i]);

		c->annotations[2 * i] = strdup(v->u.object.keys[i]);
		c->annotations[2 * i + 1] = strdup(value ? value : "");
		if (!c->annotations[2 * i] || !c->annotations[2 * i + 1])
			return -ENOMEM;
	}
	return 0;
}

/*
 * A create that is under way holds the lock. If nobody holds it, or we do, and the state still says
 * 'creating', whoever created it died: there is nothing but to delete it.
 */
static bool creator_lives(const struct container *c)
{
	cleanup_free char *path = string_format("%s/lock", c->dir);
	cleanup_close int fd = -1;

	if (c->lock_fd >= 0 || !path)
		return false;
	fd = open(path, O_RDWR | O_CLOEXEC);
	return fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) < 0 && errno == EWOULDBLOCK;
}

/* What cannot be found out is an error: a container that lives must not be taken for a dead one. */
static int look_at_status(struct container *c, bool complete, struct error *err)
{
	cleanup_close int pidfd = -1;
	int waits;

	if (!complete) {
		c->status = creator_lives(c) ? STATUS_CREATING : STATUS_STOPPED;
		return 0;
	}
	pidfd = process_open(c->pid, c->pid_start);
	if (pidfd < 0) {
		c->status = STATUS_STOPPED;
		return pidfd == -ESRCH ? 0 : error_errno(err, pidfd, "cannot look at process %d", c->pid);
	}
	if (state_marked_paused(c) || (c->cgroup_path && cgroup_is_frozen(c->cgroup_path))) {
		c->status = STATUS_PAUSED;
		return 0;
	}
	waits = fifo_exists(c->dir);
	c->status = waits ? STATUS_CREATED : STATUS_RUNNING;
	return waits < 0 ? error_errno(err, waits, "cannot look at the exec fifo of \"%s\"", c->id) : 0;
}

int state_load(struct container *c, struct error *err)
{
	cleanup_free char *path = string_format("%s/state.json", c->dir);
	cleanup_free char *text = NULL, *phase = NULL;
	char why[256] = "";
	int r = -ENOMEM;

	if (path)
		r = file_read(AT_FDCWD, path, STATE_TEXT_MAX, &text);
	if (r < 0)
		return error_errno(err, r, "cannot read the state of \"%s\"", c->id);
	yajl_val tree = yajl_tree_parse(text, why, sizeof(why));

	if (!YAJL_IS_OBJECT(tree)) {
		yajl_tree_free(tree);
		return error_set(err, -EBADMSG, "%s is damaged%s%s", path, *why ? ": " : "", why);
	}
	c->oci_version = get_string(tree, "ociVersion");
	c->bundle = get_string(tree, "bundle");
	c->rootfs = get_string(tree, "rootfs");
	c->created = get_string(tree, "created");
	c->owner = get_string(tree, "owner");
	c->cgroup_path = get_string(tree, "cgroup");
	c->systemd_scope = get_string(tree, "systemdScope");
	c->pid = get_number(tree, "pid");
	c->pid_start = get_number(tree, "pidStart");
	phase = get_string(tree, "phase");
	r = read_annotations(c, get(tree, "annotations"));
	yajl_tree_free(tree);
	if (r < 0)
		return error_errno(err, r, "cannot read the state of \"%s\"", c->id);
	if (!phase)
		return error_set(err, -EBADMSG, "%s is damaged: no phase", path);
	return look_at_status(c, !strcmp(phase, "created"), err);
}

int state_load_config(const struct container *c, struct oci_config **out, struct error *err)
{
	cleanup_free char *path = string_format("%s/config.json", c->dir);
	cleanup_free char *why = NULL;
	int r = -ENOMEM;

	if (path)
		r = oci_config_load(path, out, &why);
	return r < 0 ? error_set(err, r, "%s", why ? why : strerror(-r)) : 0;
}

int state_remove_dir(const struct container *c, struct error *err)
{
	cleanup_closedir DIR *d = opendir(c->dir);
	struct dirent *e;

	if (!d)
		return errno == ENOENT ? 0 : error_errno(err, -errno, "cannot open %s", c->dir);
	while ((errno = 0, e = readdir(d))) {
		if (!strcmp(e->d_name, ".") || !strcmp(e->d_name, ".."))
			continue;
		if (unlinkat(dirfd(d), e->d_name, 0) < 0 && errno != ENOENT)
			return error_errno(err, -errno, "cannot remove %s/%s", c->dir, e->d_name);
	}
	if (errno)
		return error_errno(err, -errno, "cannot read %s", c->dir);
	if (rmdir(c->dir) < 0 && errno != ENOENT)
		return error_errno(err, -errno, "cannot remove %s", c->dir);
	return 0;
}

/* ---- the OCI state object ------------------------------------------------------------------ */

char *state_oci_json(const struct container *c, const char *status, pid_t pid, bool pretty)
{
	struct oci_state s = {
		.oci_version = c->oci_version,
		.id = c->id,
		.status = (char *)status,
		.has_pid = true,
		.pid = pid,
		.bundle = c->bundle,
		.rootfs = c->rootfs,
		.created = c->created,
		.owner = c->owner,
	};
	char *json = NULL;
	bool ok = true;

	for (char **a = c->annotations; ok && a && a[0]; a += 2)
		ok = oci_map_set(&s.annotations, a[0], a[1]) == 0;
	if (ok)
		json = oci_state_write(&s, pretty);
	for (size_t i = 0; i < s.annotations.n; i++) {
		free(s.annotations.keys[i]);
		free(s.annotations.values[i]);
	}
	free(s.annotations.keys);
	free(s.annotations.values);
	return json;
}

int container_state_json(struct container *c, char **json, struct error *err)
{
	pid_t pid = c->status == STATUS_STOPPED ? 0 : c->pid;

	*json = state_oci_json(c, container_status_name(c->status), pid, true);
	return *json ? 0 : error_set(err, -ENOMEM, "out of memory");
}
