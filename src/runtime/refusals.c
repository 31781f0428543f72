/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "runtime/refusals.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "libocispec/ocispec.h"
#include "runtime/lsm.h"
#include "runtime/resctrl.h"

static bool filled(const char *s)
{
	return s && *s;
}

/* ---- process ------------------------------------------------------------------------------- */

static bool apparmor_missing(const struct oci_process *p)
{
	return filled(p->apparmor_profile) && strcmp(p->apparmor_profile, "unconfined") &&
	       !lsm_apparmor_enabled();
}

static bool selinux_missing(const struct oci_process *p)
{
	return filled(p->selinux_label) && !lsm_selinux_enabled();
}

static bool deadline(const struct oci_process *p)
{
	return p->scheduler && !strcmp(p->scheduler->policy, "SCHED_DEADLINE");
}

static bool deadline_runtime(const struct oci_process *p)
{
	return p->scheduler && p->scheduler->runtime;
}

static bool deadline_deadline(const struct oci_process *p)
{
	return p->scheduler && p->scheduler->deadline;
}

static bool deadline_period(const struct oci_process *p)
{
	return p->scheduler && p->scheduler->period;
}

static bool reset_on_fork(const struct oci_process *p)
{
	for (size_t i = 0; p->scheduler && i < p->scheduler->n_flags; i++)
		if (!strcmp(p->scheduler->flags[i], "SCHED_FLAG_RESET_ON_FORK"))
			return true;
	return false;
}

static const struct {
	const char *path;
	bool (*asked)(const struct oci_process *p);
	const char *why;
} process_table[] = {
	{"process.apparmorProfile", apparmor_missing, "this host has no AppArmor"},
	{"process.selinuxLabel", selinux_missing, "this host has no SELinux"},
	{"process.scheduler.policy", deadline,
	 "SCHED_DEADLINE is not supported: such a thread may make no others, and every guest task is one"},
	{"process.scheduler.runtime", deadline_runtime, "SCHED_DEADLINE is not supported"},
	{"process.scheduler.deadline", deadline_deadline, "SCHED_DEADLINE is not supported"},
	{"process.scheduler.period", deadline_period, "SCHED_DEADLINE is not supported"},
	{"process.scheduler.flags", reset_on_fork,
	 "SCHED_FLAG_RESET_ON_FORK is not supported: all guest tasks are threads of the one it is set on"},
};

int refuse_unsupported_process(const struct oci_process *p, struct error *err)
{
	for (size_t i = 0; i < sizeof(process_table) / sizeof(*process_table); i++)
		if (process_table[i].asked(p))
			return error_set(err, -ENOTSUP, "%s: %s", process_table[i].path,
					 process_table[i].why);
	return 0;
}

/* ---- exec ---------------------------------------------------------------------------------- */

/* One part of a process object as text, to compare it; everything else is left out. */
static char *part_text(const struct oci_process *part)
{
	struct oci_user nobody = {0};
	struct oci_process p = *part;

	p.user = &nobody;
	p.cwd = "/";
	return oci_process_write(&p, false);
}

static bool differs(const struct oci_process *a, const struct oci_process *b)
{
	cleanup_free char *x = part_text(a), *y = part_text(b);

	return !x || !y || strcmp(x, y);
}

int refuse_unsupported_exec(const struct oci_process *p, const struct oci_process *init,
			    struct error *err)
{
	static const char why[] = "the sandbox has one for all its processes, the container's";

	if (p->scheduler && differs(&(struct oci_process){.scheduler = p->scheduler},
				    &(struct oci_process){.scheduler = init->scheduler}))
		return error_set(err, -ENOTSUP, "process.scheduler: %s", why);
	if (p->io_priority && differs(&(struct oci_process){.io_priority = p->io_priority},
				      &(struct oci_process){.io_priority = init->io_priority}))
		return error_set(err, -ENOTSUP, "process.ioPriority: %s", why);
	if (filled(p->apparmor_profile) &&
	    (!init->apparmor_profile || strcmp(p->apparmor_profile, init->apparmor_profile)))
		return error_set(err, -ENOTSUP, "process.apparmorProfile: %s", why);
	if (filled(p->selinux_label) &&
	    (!init->selinux_label || strcmp(p->selinux_label, init->selinux_label)))
		return error_set(err, -ENOTSUP, "process.selinuxLabel: %s", why);
	return refuse_unsupported_process(p, err);
}

/* ---- the rest of config.json --------------------------------------------------------------- */

static bool resctrl_missing(const struct oci_config *c)
{
	cleanup_free char *root = c->linux->intel_rdt ? resctrl_find() : NULL;

	return c->linux->intel_rdt && !root;
}

static bool seccomp_listener(const struct oci_config *c)
{
	return c->linux->seccomp && filled(c->linux->seccomp->listener_path);
}

static bool seccomp_metadata(const struct oci_config *c)
{
	return c->linux->seccomp && filled(c->linux->seccomp->listener_metadata);
}

static bool notify_by_default(const struct oci_config *c)
{
	return c->linux->seccomp && !strcmp(c->linux->seccomp->default_action, "SCMP_ACT_NOTIFY");
}

static bool notify_for_some(const struct oci_config *c)
{
	const struct oci_seccomp *s = c->linux->seccomp;

	for (size_t i = 0; s && i < s->n_syscalls; i++)
		if (!strcmp(s->syscalls[i].action, "SCMP_ACT_NOTIFY"))
			return true;
	return false;
}

static bool vm_kernel(const struct oci_config *c)
{
	return c->vm && c->vm->kernel;
}

static bool vm_image(const struct oci_config *c)
{
	return c->vm && c->vm->image;
}

static bool vm_hypervisor(const struct oci_config *c)
{
	return c->vm && c->vm->hypervisor;
}

static bool device_tree(const struct oci_config *c)
{
	return c->vm && c->vm->hw_config && filled(c->vm->hw_config->device_tree);
}

static bool dtdevs(const struct oci_config *c)
{
	return c->vm && c->vm->hw_config && c->vm->hw_config->n_dtdevs;
}

static bool iomems(const struct oci_config *c)
{
	return c->vm && c->vm->hw_config && c->vm->hw_config->n_iomems;
}

static bool irqs(const struct oci_config *c)
{
	return c->vm && c->vm->hw_config && c->vm->hw_config->n_irqs;
}

#define NO_AGENT "an agent expects a real process and a real notify descriptor, and husk has neither for it"
#define NO_PASS_THROUGH "the guest has no hardware, so there is none to pass through"

static const struct {
	const char *path;
	bool (*asked)(const struct oci_config *c);
	const char *why;
} config_table[] = {
	{"linux.intelRdt", resctrl_missing, "this host has no resctrl file system mounted"},
	{"linux.seccomp.listenerPath", seccomp_listener, NO_AGENT},
	{"linux.seccomp.listenerMetadata", seccomp_metadata, NO_AGENT},
	{"linux.seccomp.defaultAction", notify_by_default, "SCMP_ACT_NOTIFY is not supported: " NO_AGENT},
	{"linux.seccomp.syscalls.action", notify_for_some, "SCMP_ACT_NOTIFY is not supported: " NO_AGENT},
	{"vm.hypervisor", vm_hypervisor, "husk is its own hypervisor and runs no other"},
	{"vm.kernel", vm_kernel, "husk is the kernel and boots no other"},
	{"vm.image", vm_image, "husk runs a root file system, not an image"},
	{"vm.hwConfig.deviceTree", device_tree, NO_PASS_THROUGH},
	{"vm.hwConfig.dtdevs", dtdevs, NO_PASS_THROUGH},
	{"vm.hwConfig.iomems", iomems, NO_PASS_THROUGH},
	{"vm.hwConfig.irqs", irqs, NO_PASS_THROUGH},
};

#define N_PROCESS (sizeof(process_table) / sizeof(*process_table))
#define N_CONFIG (sizeof(config_table) / sizeof(*config_table))

const char *refusal_path(size_t i)
{
	if (i < N_PROCESS)
		return process_table[i].path;
	return i - N_PROCESS < N_CONFIG ? config_table[i - N_PROCESS].path : NULL;
}

/* ---- annotations --------------------------------------------------------------------------- */

/* crun's that would change what the container may do; those that we do not know change nothing. */
static const struct {
	const char *name, *why;
} annotation_table[] = {
	{"run.oci.handler", "the program runs in husk's guest, and in no other handler"},
	{"run.oci.keep_original_groups", "guest processes have the groups that config.json names"},
	{"run.oci.seccomp.receiver", NO_AGENT},
	{"run.oci.seccomp.plugins", NO_AGENT},
	{"run.oci.timens_offset", "say it in linux.timeOffsets"},
};

static int refuse_annotations(const struct oci_config *c, struct error *err)
{
	for (size_t i = 0; i < sizeof(annotation_table) / sizeof(*annotation_table); i++) {
		const char *value = oci_map_get(&c->annotations, annotation_table[i].name);

		if (filled(value) && strcmp(value, "0") && strcmp(value, "false"))
			return error_set(err, -ENOTSUP, "annotations[%s]: %s", annotation_table[i].name,
					 annotation_table[i].why);
	}
	return 0;
}

/* ---- what must be there -------------------------------------------------------------------- */

static int check_complete(const struct oci_config *c, struct error *err)
{
	if (!c->process)
		return error_set(err, -EINVAL, "process: a container needs a process");
	if (!c->process->n_args)
		return error_set(err, -EINVAL, "process.args: a container needs a command");
	return 0;
}

int refuse_unsupported(const struct oci_config *c, struct error *err)
{
	int r = check_complete(c, err);

	for (size_t i = 0; i < N_CONFIG && !r; i++)
		if (config_table[i].asked(c))
			r = error_set(err, -ENOTSUP, "%s: %s", config_table[i].path, config_table[i].why);
	if (!r)
		r = refuse_annotations(c, err);
	return r < 0 ? r : refuse_unsupported_process(c->process, err);
}
