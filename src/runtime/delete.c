/* SPDX-License-Identifier: GPL-2.0-or-later */
/* delete: whatever a container left behind, at whatever stage it was left. */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "libocispec/ocispec.h"
#include "runtime/cgroup/cgroup.h"
#include "runtime/container.h"
#include "runtime/files.h"
#include "runtime/hooks.h"
#include "runtime/lock.h"
#include "runtime/state.h"

#define DEATH_TIMEOUT_MS 10000

/* Keeps the first error of several. */
static void keep_first(int *r, int k, struct error *err, struct error *e)
{
	if (k < 0 && !*r) {
		*r = k;
		error_set(err, k, "%s", e->msg ? e->msg : strerror(-k));
	}
	error_free(e);
}

/* pidfd is -ESRCH when it is dead already. */
static int kill_init(const struct container *c, struct error *err)
{
	cleanup_close int pidfd = process_open(c->pid, c->pid_start);

	if (pidfd < 0)
		return 0;
	if (pidfd_send_signal(pidfd, SIGKILL, NULL, 0) < 0 && errno != ESRCH)
		return error_errno(err, -errno, "cannot kill process %d", c->pid);
	if (c->cgroup_path && cgroup_is_frozen(c->cgroup_path))
		cgroup_freeze(c->cgroup_path, false, NULL);
	if (process_wait_end(pidfd, DEATH_TIMEOUT_MS) < 0)
		return error_set(err, -ETIMEDOUT, "process %d survives SIGKILL", c->pid);
	return 0;
}

int container_tear_down(struct container *c, struct error *err)
{
	cleanup_error struct error e = ERROR_INIT;
	int r = 0;

	keep_first(&r, kill_init(c, &e), err, &e);
	if (c->cgroup_path) {
		keep_first(&r, cgroup_kill(c->cgroup_path, &e), err, &e);
		keep_first(&r, cgroup_destroy(c->cgroup_path, &e), err, &e);
	}
	/* While something survives the state must too, or nobody could ever clean it up. */
	if (!r)
		keep_first(&r, state_remove_dir(c, &e), err, &e);
	return r;
}

void container_run_poststop(struct container *c, const struct oci_config *config)
{
	const struct oci_hooks *h = config->hooks;
	cleanup_free char *state = NULL;

	if (!h || !h->n_poststop)
		return;
	state = state_oci_json(c, "stopped", 0, false);
	/* One that fails does not stop those after it. */
	for (size_t i = 0; state && i < h->n_poststop; i++) {
		cleanup_error struct error e = ERROR_INIT;

		if (hooks_run("poststop", &h->poststop[i], 1, state, &e) < 0)
			log_warning("%s", e.msg);
	}
}

/* The directory of a create that did not even get to writing its state. */
static int delete_remains(const struct runtime_options *o, const char *id, struct error *err)
{
	struct container *c;
	struct stat st;
	int r = container_new(o, id, &c, err);

	if (r < 0)
		return r;
	if (lstat(c->dir, &st) < 0) {
		r = -ENOENT;
	} else {
		c->lock_fd = lock_container(c->dir);
		r = c->lock_fd < 0 ? c->lock_fd : state_remove_dir(c, err);
	}
	container_free(c);
	if (r == -ENOENT)
		return error_set(err, r, "container \"%s\" does not exist", id);
	return r;
}

int container_delete(const struct runtime_options *o, const char *id, bool force, struct error *err)
{
	struct oci_config *config = NULL;
	struct container *c;
	int r = container_load(o, id, true, &c, err);

	if (r < 0) {
		/* Not even force makes sense of an id that is none. */
		if (r == -EINVAL && container_check_id(id, NULL) < 0)
			return r;
		if (r != -ENOENT && !force)
			return r;
		r = delete_remains(o, id, err);
		return r == -ENOENT && force ? (error_free(err), 0) : r;
	}
	if (!force && c->status != STATUS_STOPPED && c->status != STATUS_CREATED) {
		r = error_set(err, -EBUSY, "cannot delete container \"%s\" that is not stopped: %s", id,
			      container_status_name(c->status));
		container_free(c);
		return r;
	}
	/* Read before it is removed; a damaged or missing one has no hooks to run. */
	if (state_load_config(c, &config, NULL) < 0)
		config = NULL;
	r = container_tear_down(c, err);
	if (!r && config)
		container_run_poststop(c, config);
	oci_config_free(config);
	container_free(c);
	return r;
}
