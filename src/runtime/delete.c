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
#include "runtime/cgroup/systemd.h"
#include "runtime/container.h"
#include "runtime/files.h"
#include "runtime/hooks.h"
#include "runtime/lock.h"
#include "runtime/resctrl.h"
#include "runtime/state.h"
#include "sandbox/client.h"

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

	if (pidfd == -ESRCH)
		return 0;
	if (pidfd < 0)
		return error_errno(err, pidfd, "cannot open process %d", c->pid);
	if (pidfd_send_signal(pidfd, SIGKILL, NULL, 0) < 0 && errno != ESRCH)
		return error_errno(err, -errno, "cannot kill process %d", c->pid);
	if (c->cgroup_path)
		cgroup_thaw_to_die(c->cgroup_path, NULL);
	int r = process_wait_end(pidfd, DEATH_TIMEOUT_MS);

	if (r == -ETIMEDOUT)
		return error_set(err, r, "process %d survives SIGKILL", c->pid);
	return r < 0 ? error_errno(err, r, "cannot wait for process %d", c->pid) : 0;
}

int container_tear_down(struct container *c, struct error *err)
{
	cleanup_error struct error e = ERROR_INIT;
	int r = 0;

	keep_first(&r, kill_init(c, &e), err, &e);
	if (c->cgroup_path) {
		keep_first(&r, cgroup_kill(c->cgroup_path, &e), err, &e);
		if (c->systemd_scope && systemd_scope_stop(c->systemd_scope, &e) < 0) {
			log_warning("%s", e.msg);
			error_free(&e);
		}
		keep_first(&r, cgroup_destroy(c->cgroup_path, &e), err, &e);
	}
	/* While something survives the state must too, or nobody could ever clean it up. */
	if (!r)
		keep_first(&r, state_remove_dir(c, &e), err, &e);
	return r;
}

void container_give_back(const struct container *c, const struct oci_config *config)
{
	const struct oci_intel_rdt *rdt = config->linux->intel_rdt;
	cleanup_free char *root = rdt ? resctrl_find() : NULL;
	cleanup_error struct error e = ERROR_INIT;

	if (root && resctrl_leave(rdt, root, c->id, &e) < 0)
		log_warning("%s", e.msg);
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
		struct hook_setting s = {"poststop", c->bundle, state, &config->annotations};
		cleanup_error struct error e = ERROR_INIT;

		if (hooks_run(&s, &h->poststop[i], 1, &e) < 0)
			log_warning("%s", e.msg);
	}
}

/* ---- when the state does not say ------------------------------------------------------------ */

/* Its cgroup is where the copy of its config.json, or else its name, puts it. */
static int find_cgroup(struct container *c, struct error *err)
{
	cleanup_error struct error ignored = ERROR_INIT;
	struct oci_config *config = NULL;
	int r = state_load_config(c, &config, &ignored);

	free(c->cgroup_path);
	r = cgroup_plan(r < 0 || !config->linux ? NULL : config->linux->cgroups_path, c->id,
			&c->cgroup_path, err);
	oci_config_free(config);
	return r;
}

/* Who listens at its control socket, if anybody does, is its sandbox. */
static int find_sandbox(struct container *c, struct error *err)
{
	pid_t pid = sandbox_pid(c->control_socket, err);
	char state;

	if (pid == -ECONNREFUSED || pid == -ENOENT) {
		error_free(err);
		return 0;
	}
	if (pid < 0 || process_stat(pid, &c->pid_start, &state) < 0)
		return pid < 0 ? pid : 0;
	c->pid = pid;
	return 0;
}

/*
 * The directory of a create that did not get to writing its state, or of a container whose state is
 * damaged: its sandbox may live, and is found by its cgroup and its control socket.
 */
static int delete_remains(const struct runtime_options *o, const char *id, struct error *err)
{
	struct container *c;
	struct stat st;
	int r = container_new(o, id, &c, err);

	if (r < 0)
		return r;
	if (lstat(c->dir, &st) < 0)
		r = errno == ENOENT ? error_set(err, -ENOENT, "container \"%s\" does not exist", id)
				    : error_errno(err, -errno, "cannot look at %s", c->dir);
	if (!r) {
		c->lock_fd = lock_container(c->dir);
		if (c->lock_fd < 0)
			r = error_errno(err, c->lock_fd, "cannot lock container \"%s\"", id);
	}
	if (!r)
		r = state_set_control_socket(c);
	if (!r)
		r = find_cgroup(c, err);
	if (!r)
		r = find_sandbox(c, err);
	if (!r)
		r = container_tear_down(c, err);
	container_free(c);
	return r;
}

int container_delete(const struct runtime_options *o, const char *id, bool force, struct error *err)
{
	struct oci_config *config = NULL;
	struct container *c;
	int r = container_load(o, id, true, &c, err);

	/* Only where the state is missing or damaged force knows better than to stop here. */
	if (r < 0 && r != -ENOENT && !(r == -EBADMSG && force))
		return r;
	if (r < 0) {
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
	if (!r && config) {
		container_give_back(c, config);
		container_run_poststop(c, config);
	}
	oci_config_free(config);
	container_free(c);
	return r;
}
