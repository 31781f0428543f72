/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "runtime/refusals.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "libocispec/ocispec.h"

#define NOT_YET "not supported yet"

static bool filled(const char *s)
{
	return s && *s;
}

/* ---- process ------------------------------------------------------------------------------- */

/* A security module's label is no use without the module; with it, guests are not labelled yet. */
static bool asks_apparmor(const struct oci_process *p)
{
	return filled(p->apparmor_profile) && strcmp(p->apparmor_profile, "unconfined");
}

static bool asks_selinux(const struct oci_process *p)
{
	return filled(p->selinux_label);
}

static bool asks_scheduler(const struct oci_process *p)
{
	return p->scheduler;
}

static bool asks_io_priority(const struct oci_process *p)
{
	return p->io_priority;
}

static bool asks_cpu_affinity(const struct oci_process *p)
{
	return p->exec_cpu_affinity &&
	       (filled(p->exec_cpu_affinity->initial) || filled(p->exec_cpu_affinity->final));
}

static const struct {
	const char *path;
	bool (*asked)(const struct oci_process *p);
	const char *why;
} process_table[] = {
	{"apparmorProfile", asks_apparmor, "AppArmor profiles are " NOT_YET},
	{"selinuxLabel", asks_selinux, "SELinux labels are " NOT_YET},
	{"scheduler", asks_scheduler, NOT_YET},
	{"ioPriority", asks_io_priority, NOT_YET},
	{"execCPUAffinity", asks_cpu_affinity, NOT_YET},
};

int refuse_unsupported_process(const struct oci_process *p, struct error *err)
{
	for (size_t i = 0; i < sizeof(process_table) / sizeof(*process_table); i++)
		if (process_table[i].asked(p))
			return error_set(err, -ENOTSUP, "process.%s: %s", process_table[i].path,
					 process_table[i].why);
	return 0;
}

/* ---- the rest of config.json --------------------------------------------------------------- */

static bool no_process(const struct oci_config *c)
{
	return !c->process;
}

static bool no_args(const struct oci_config *c)
{
	return !c->process->n_args;
}

static bool start_container_hooks(const struct oci_config *c)
{
	return c->hooks && c->hooks->n_start_container;
}

static bool mount_label(const struct oci_config *c)
{
	return filled(c->linux->mount_label);
}

static bool intel_rdt(const struct oci_config *c)
{
	return c->linux->intel_rdt;
}

static bool net_devices(const struct oci_config *c)
{
	return c->linux->n_net_devices;
}

static bool memory_policy(const struct oci_config *c)
{
	return c->linux->memory_policy && filled(c->linux->memory_policy->mode);
}

static bool personality(const struct oci_config *c)
{
	return c->linux->personality && strcmp(c->linux->personality->domain, "LINUX");
}

static bool seccomp_notify(const struct oci_config *c)
{
	return c->linux->seccomp && filled(c->linux->seccomp->listener_path);
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

static bool idmapped_mounts(const struct oci_config *c)
{
	for (size_t i = 0; i < c->n_mounts; i++) {
		const struct oci_mount *m = &c->mounts[i];

		if (m->n_uid_mappings || m->n_gid_mappings)
			return true;
		for (size_t k = 0; k < m->n_options; k++)
			if (!strcmp(m->options[k], "idmap") || !strcmp(m->options[k], "ridmap"))
				return true;
	}
	return false;
}

static bool no_mount_namespace(const struct oci_config *c)
{
	for (size_t i = 0; i < c->linux->n_namespaces; i++)
		if (!strcmp(c->linux->namespaces[i].type, "mount"))
			return false;
	return true;
}

static bool rdma(const struct oci_config *c)
{
	return c->linux->resources && c->linux->resources->n_rdma;
}

static const struct {
	const char *path;
	bool (*asked)(const struct oci_config *c);
	const char *why;
} config_table[] = {
	{"process", no_process, "a container needs a process"},
	{"process.args", no_args, "a container needs a command"},
	{"hooks.startContainer", start_container_hooks, NOT_YET},
	{"mounts", idmapped_mounts, "id-mapped mounts are " NOT_YET},
	{"linux.mountLabel", mount_label, "SELinux labels are " NOT_YET},
	{"linux.intelRdt", intel_rdt, NOT_YET},
	{"linux.netDevices", net_devices, NOT_YET},
	{"linux.memoryPolicy", memory_policy, NOT_YET},
	{"linux.personality", personality, "32-bit personalities are not supported"},
	{"linux.namespaces", no_mount_namespace,
	 "a container needs a mount namespace (of its own, or joined by path)"},
	{"linux.resources.rdma", rdma, NOT_YET},
	{"linux.seccomp.listenerPath", seccomp_notify, NOT_YET},
	{"vm.hypervisor", vm_hypervisor, "husk is its own hypervisor and runs no other"},
	{"vm.kernel", vm_kernel, "husk is the kernel and boots no other"},
	{"vm.image", vm_image, "husk runs a root file system, not an image"},
};

int refuse_unsupported(const struct oci_config *c, struct error *err)
{
	for (size_t i = 0; i < sizeof(config_table) / sizeof(*config_table); i++)
		if (config_table[i].asked(c))
			return error_set(err, -ENOTSUP, "%s: %s", config_table[i].path,
					 config_table[i].why);
	return refuse_unsupported_process(c->process, err);
}
