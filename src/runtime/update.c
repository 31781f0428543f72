/* SPDX-License-Identifier: GPL-2.0-or-later */
/* update: other limits for a container that runs. Its config.json in the state directory follows. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "libocispec/ocispec.h"
#include "runtime/cgroup/cgroup.h"
#include "runtime/cgroup/systemd.h"
#include "runtime/files.h"
#include "runtime/resctrl.h"
#include "runtime/runtime.h"
#include "runtime/state.h"
#include "sandbox/client.h"

/* Engines write 0 and "" for what is to stay as it is. */
static void forget_zeros(struct oci_resources *r)
{
	struct oci_memory *m = r->memory;
	struct oci_cpu *c = r->cpu;

	if (m) {
		m->has_limit = m->limit != 0;
		m->has_reservation = m->reservation != 0;
		m->has_swap = m->swap != 0;
		m->has_kernel_tcp = m->kernel_tcp != 0;
		if (m->kernel)
			log_warning("kernel memory settings are ignored and will be removed");
		/* Without a limit on memory, one on memory and swap together makes no sense. */
		if (m->limit < 0 && !m->has_swap) {
			m->has_swap = true;
			m->swap = -1;
		}
	}
	if (c) {
		c->has_shares = c->shares != 0;
		c->has_quota = c->quota != 0;
		c->has_period = c->period != 0;
		c->has_realtime_runtime = c->realtime_runtime != 0;
		c->has_realtime_period = c->realtime_period != 0;
		if (c->cpus && !*c->cpus)
			free(steal_ptr(&c->cpus));
		if (c->mems && !*c->mems)
			free(steal_ptr(&c->mems));
	}
	if (r->pids)
		r->pids->has_limit = r->pids->limit != 0;
	if (r->block_io) {
		r->block_io->has_weight = r->block_io->weight != 0;
		r->block_io->has_leaf_weight = r->block_io->leaf_weight != 0;
	}
}

/* No swap on this host: "unlimited" is true already, and the file to say so is not there. */
static void forget_swap(const struct container *c, struct oci_resources *r)
{
	if (r->memory && r->memory->swap < 0 && !cgroup_accounts_swap(c->cgroup_path)) {
		r->memory->has_swap = false;
		r->memory->swap = 0;
	}
}

static int save_config(const struct container *c, const struct oci_config *config, struct error *err)
{
	cleanup_free char *path = string_format("%s/config.json", c->dir);
	cleanup_free char *text = oci_config_write(config, false);
	int r = path && text ? file_replace(AT_FDCWD, path, text, strlen(text), 0600) : -ENOMEM;

	return r < 0 ? error_errno(err, r, "cannot write %s", path ? path : c->dir) : 0;
}

/* The guest sees its memory limit in /proc/meminfo, and the sandbox keeps below it. */
static void tell_sandbox(struct container *c)
{
	cleanup_error struct error err = ERROR_INIT;

	if (container_wake(c, &err) < 0 || sandbox_limits_changed(c->control_socket, &err) < 0)
		log_warning("the sandbox does not know of its new limits: %s", err.msg);
	if (container_sleep(c, &err) < 0)
		log_warning("%s", err.msg);
}

/* ---- the class of service ------------------------------------------------------------------ */

static int keep_text(char **at, const char *text)
{
	char *copy;

	if (!text)
		return 0;
	copy = strdup(text);
	if (!copy)
		return -ENOMEM;
	free(*at);
	*at = copy;
	return 0;
}

/* As the state directory still says. */
static void restore_schemas(const struct container *c)
{
	cleanup_free char *root = resctrl_find();
	cleanup_error struct error err = ERROR_INIT;
	const struct oci_intel_rdt none = {0}, *old;
	struct oci_config *config = NULL;
	int r = state_load_config(c, &config, &err);

	old = r < 0 ? NULL : config->linux->intel_rdt;
	if (!r && root)
		r = old ? resctrl_update(old, true, root, c->id, c->pid, &err)
			: resctrl_leave(&none, root, c->id, &err);
	if (r < 0)
		log_warning("%s", err.msg);
	oci_config_free(config);
}

/* config gets them too, for save_config(). */
static int change_schemas(const struct container *c, struct oci_linux *l, const struct oci_intel_rdt *schemas,
			  struct error *err)
{
	cleanup_free char *root = resctrl_find();
	struct oci_intel_rdt wanted = *schemas;
	bool joined = l->intel_rdt;
	int r;

	if (!root)
		return error_set(err, -ENOTSUP, "linux.intelRdt: this host has no resctrl file system mounted");
	if (!joined)
		l->intel_rdt = calloc(1, sizeof(*l->intel_rdt));
	if (!l->intel_rdt || keep_text(&l->intel_rdt->l3_cache_schema, schemas->l3_cache_schema) < 0 ||
	    keep_text(&l->intel_rdt->mem_bw_schema, schemas->mem_bw_schema) < 0)
		return error_set(err, -ENOMEM, "out of memory");
	wanted.clos_id = l->intel_rdt->clos_id;
	r = resctrl_update(&wanted, joined, root, c->id, c->pid, err);
	if (r < 0 && joined) /* of several lines the first may be written */
		restore_schemas(c);
	return r;
}

/* ---- all ----------------------------------------------------------------------------------- */

int container_update(struct container *c, struct oci_resources *changes, const struct oci_intel_rdt *schemas,
		     struct error *err)
{
	cleanup_free char *why = NULL;
	struct oci_config *config = NULL;
	struct oci_resources *now;
	bool changed = false;
	int r;

	if (c->status == STATUS_STOPPED || c->status == STATUS_CREATING)
		return error_set(err, -EINVAL, "container not running");
	if (!c->cgroup_path)
		return error_set(err, -ENOTSUP, "container \"%s\" has no cgroup to update", c->id);
	if (changes->n_devices)
		return error_set(err, -ENOTSUP, "linux.resources.devices: cannot be changed while the "
						"container runs");
	forget_zeros(changes);
	r = state_load_config(c, &config, err);
	if (r < 0)
		return r;
	if (!config->linux->resources)
		config->linux->resources = calloc(1, sizeof(*config->linux->resources));
	now = config->linux->resources;
	r = now ? oci_resources_merge(now, changes) : -ENOMEM;
	if (r < 0)
		error_set(err, r, "out of memory");
	if (!r)
		forget_swap(c, now);
	if (!r && oci_config_validate(config, &why) < 0)
		r = error_set(err, -EINVAL, "%s", why ? why : "invalid resources");
	if (!r) {
		cgroup_journal_begin();
		if (c->systemd_scope)
			r = systemd_scope_update(c->systemd_scope, now, err);
		if (!r)
			r = cgroup_apply(c->cgroup_path, now, err);
		if (!r && schemas) {
			r = change_schemas(c, config->linux, schemas, err);
			changed = !r;
		}
		if (!r)
			r = save_config(c, config, err);
		if (r < 0 && changed)
			restore_schemas(c);
		cgroup_journal_end(r < 0);
	}
	oci_config_free(config);
	if (!r)
		tell_sandbox(c);
	return r;
}
