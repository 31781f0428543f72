/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The rules of config-linux.md that types alone do not say. */
#include "libocispec/validate.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static int check_namespaces(const struct oci_config *c, char **err)
{
	static const char *const types[] = {"pid", "network", "mount",	"ipc", "uts",
					    "user", "cgroup", "time", NULL};
	const struct oci_linux *l = c->linux;
	char quoted[OCI_QUOTED];
	oci_place place;

	for (size_t i = 0; i < l->n_namespaces; i++) {
		const struct oci_namespace *n = &l->namespaces[i];

		if (oci_check_word(err, oci_at(place, "linux.namespaces[%zu].type", i), n->type,
				   types))
			return -EINVAL;
		/* An empty path is how some engines write a new namespace. */
		if (n->path && n->path[0] &&
		    oci_check_absolute(err, oci_at(place, "linux.namespaces[%zu].path", i),
				       n->path))
			return -EINVAL;
		if (oci_find_namespace(c, n->type) != n)
			return oci_error(err, -EINVAL, "linux.namespaces[%zu].type: %s given twice",
					 i, oci_quote(quoted, n->type));
	}
	return 0;
}

static int check_user_namespace(const struct oci_config *c, char **err)
{
	const struct oci_linux *l = c->linux;
	const struct oci_namespace *user = oci_find_namespace(c, "user");
	const bool joined = user && user->path && user->path[0];

	if (oci_check_mappings(err, "linux.uidMappings", l->uid_mappings, l->n_uid_mappings) ||
	    oci_check_mappings(err, "linux.gidMappings", l->gid_mappings, l->n_gid_mappings))
		return -EINVAL;
	if (!user && (l->n_uid_mappings || l->n_gid_mappings))
		return oci_error(err, -EINVAL,
				 "linux.%s: needs a user namespace in linux.namespaces",
				 l->n_uid_mappings ? "uidMappings" : "gidMappings");
	if (user && !joined && (!l->n_uid_mappings || !l->n_gid_mappings))
		return oci_error(err, -EINVAL,
				 "linux.%s: missing, but required for a new user namespace",
				 l->n_uid_mappings ? "gidMappings" : "uidMappings");
	return 0;
}

/* The namespace type that a sysctl belongs to; NULL: none, it would change the host. */
static const char *sysctl_namespace(const char *name)
{
	static const char *const ipc[] = {"kernel.msgmax", "kernel.msgmnb", "kernel.msgmni",
					  "kernel.sem",	   "kernel.shmall", "kernel.shmmax",
					  "kernel.shmmni", "kernel.shm_rmid_forced", NULL};

	if (strncmp(name, "net.", 4) == 0)
		return "network";
	if (strncmp(name, "fs.mqueue.", 10) == 0)
		return "ipc";
	if (strcmp(name, "kernel.domainname") == 0 || strcmp(name, "kernel.hostname") == 0)
		return "uts";
	for (size_t i = 0; ipc[i]; i++)
		if (strcmp(name, ipc[i]) == 0)
			return "ipc";
	return NULL;
}

/* Both spellings of sysctl(8), with dots and with slashes, are in use. */
static void sysctl_dotted(char *out, size_t size, const char *name)
{
	const char *first = strpbrk(name, "./");
	const bool slashes = first && *first == '/';
	size_t i;

	for (i = 0; name[i] && i + 1 < size; i++)
		out[i] = !slashes ? name[i] : name[i] == '/' ? '.' : name[i] == '.' ? '/' : name[i];
	out[i] = 0;
}

/*
 * Whether each part between the dots is a name. A part of slashes only is a file name of dots only
 * ("net.//.kernel.panic" is net/../kernel/panic), and would lead out of the namespace's settings.
 */
static bool sysctl_is_proper(const char *dotted)
{
	for (const char *part = dotted;; part++) {
		size_t n = strcspn(part, ".");

		if (strspn(part, "/") >= n)
			return false;
		part += n;
		if (!*part)
			return true;
	}
}

static int check_sysctl(const struct oci_config *c, char **err)
{
	const struct oci_map *m = &c->linux->sysctl;
	char quoted[OCI_QUOTED], dotted[256];

	for (size_t i = 0; i < m->n; i++) {
		const char *type;

		sysctl_dotted(dotted, sizeof(dotted), m->keys[i]);
		type = sysctl_namespace(dotted);
		if (!type || !sysctl_is_proper(dotted))
			return oci_error(
			    err, -EINVAL,
			    "linux.sysctl[%s]: is not a setting of a namespace, it would "
			    "change the host",
			    oci_quote(quoted, m->keys[i]));
		if (!oci_find_namespace(c, type))
			return oci_error(
			    err, -EINVAL,
			    "linux.sysctl[%s]: needs %s %s namespace in linux.namespaces",
			    oci_quote(quoted, m->keys[i]), type[0] == 'i' ? "an" : "a", type);
	}
	return 0;
}

static int check_device(const struct oci_device *d, size_t i, char **err)
{
	static const char *const types[] = {"c", "b", "u", "p", NULL};
	oci_place place;

	if (oci_check_absolute(err, oci_at(place, "linux.devices[%zu].path", i), d->path) ||
	    oci_check_word(err, oci_at(place, "linux.devices[%zu].type", i), d->type, types))
		return -EINVAL;
	if (d->type[0] == 'p')
		return 0;
	if (!d->has_major || !d->has_minor)
		return oci_error(err, -EINVAL, "linux.devices[%zu].%s: missing, but required", i,
				 d->has_major ? "minor" : "major");
	/* Twelve and twenty bits is what the kernel's dev_t has. */
	if (d->major < 0 || d->major > 0xfff)
		return oci_error(err, -EINVAL,
				 "linux.devices[%zu].major: expected 0 to 4095, found %lld", i,
				 (long long)d->major);
	if (d->minor < 0 || d->minor > 0xfffff)
		return oci_error(err, -EINVAL,
				 "linux.devices[%zu].minor: expected 0 to 1048575, found %lld", i,
				 (long long)d->minor);
	return 0;
}

static int check_paths(const struct oci_linux *l, char **err)
{
	oci_place place;

	for (size_t i = 0; i < l->n_masked_paths; i++)
		if (oci_check_absolute(err, oci_at(place, "linux.maskedPaths[%zu]", i),
				       l->masked_paths[i]))
			return -EINVAL;
	for (size_t i = 0; i < l->n_readonly_paths; i++)
		if (oci_check_absolute(err, oci_at(place, "linux.readonlyPaths[%zu]", i),
				       l->readonly_paths[i]))
			return -EINVAL;
	return 0;
}

static int check_time_offsets(const struct oci_config *c, char **err)
{
	static const char *const clocks[] = {"monotonic", "boottime", NULL};
	const struct oci_linux *l = c->linux;

	for (size_t i = 0; i < l->n_time_offsets; i++) {
		if (oci_check_word(err, "linux.timeOffsets", l->time_offsets_keys[i], clocks))
			return -EINVAL;
		if (l->time_offsets[i].nanosecs >= 1000000000)
			return oci_error(err, -EINVAL,
					 "linux.timeOffsets[\"%s\"].nanosecs: expected at most "
					 "999999999, found %u",
					 l->time_offsets_keys[i], l->time_offsets[i].nanosecs);
	}
	if (l->n_time_offsets && !oci_find_namespace(c, "time"))
		return oci_error(err, -EINVAL,
				 "linux.timeOffsets: needs a time namespace in linux.namespaces");
	return 0;
}

/* As dev_valid_name() of the kernel has it. */
static bool is_interface_name(const char *s)
{
	size_t n = strlen(s);

	return n > 0 && n < 16 && strcmp(s, ".") != 0 && strcmp(s, "..") != 0 &&
	       !strpbrk(s, "/: \t\n\v\f\r");
}

static int check_net_devices(const struct oci_config *c, char **err)
{
	const struct oci_linux *l = c->linux;
	char quoted[OCI_QUOTED];

	for (size_t i = 0; i < l->n_net_devices; i++) {
		const char *name = l->net_devices[i].name;

		if (!is_interface_name(l->net_devices_keys[i]) ||
		    (name && !is_interface_name(name)))
			return oci_error(err, -EINVAL, "linux.netDevices: %s is not a device name",
					 oci_quote(quoted, is_interface_name(l->net_devices_keys[i])
							       ? name
							       : l->net_devices_keys[i]));
	}
	if (l->n_net_devices && !oci_find_namespace(c, "network"))
		return oci_error(err, -EINVAL,
				 "linux.netDevices: needs a network namespace in linux.namespaces");
	return 0;
}

static int check_memory_policy(const struct oci_memory_policy *p, char **err)
{
	static const char *const modes[] = {
	    "MPOL_DEFAULT",    "MPOL_BIND",  "MPOL_INTERLEAVE", "MPOL_WEIGHTED_INTERLEAVE",
	    "MPOL_PREFERRED", "MPOL_LOCAL", "MPOL_PREFERRED_MANY", NULL};
	static const char *const flags[] = {"MPOL_F_NUMA_BALANCING", "MPOL_F_RELATIVE_NODES",
					    "MPOL_F_STATIC_NODES", NULL};

	if (!p)
		return 0;
	if (oci_check_word(err, "linux.memoryPolicy.mode", p->mode, modes) ||
	    oci_check_words(err, "linux.memoryPolicy.flags", p->flags, p->n_flags, flags) ||
	    oci_check_list(err, "linux.memoryPolicy.nodes", p->nodes))
		return -EINVAL;
	return 0;
}

static int check_personality(const struct oci_personality *p, char **err)
{
	static const char *const domains[] = {"LINUX", "LINUX32", NULL};
	char quoted[OCI_QUOTED];

	if (!p)
		return 0;
	if (p->n_flags)
		return oci_error(err, -EINVAL, "linux.personality.flags[0]: %s is not known",
				 oci_quote(quoted, p->flags[0]));
	return oci_check_word(err, "linux.personality.domain", p->domain, domains);
}

int oci_linux_validate(const struct oci_config *c, char **err)
{
	static const char *const propagations[] = {"shared", "slave", "private", "unbindable",
						   "rshared", "rslave", "rprivate", "runbindable",
						   NULL};
	const struct oci_linux *l = c->linux;
	const char *propagation = l->rootfs_propagation;

	if (check_namespaces(c, err) || check_user_namespace(c, err) || check_sysctl(c, err) ||
	    check_paths(l, err) || check_time_offsets(c, err) || check_net_devices(c, err) ||
	    check_memory_policy(l->memory_policy, err) || check_personality(l->personality, err))
		return -EINVAL;
	for (size_t i = 0; i < l->n_devices; i++)
		if (check_device(&l->devices[i], i, err))
			return -EINVAL;
	if (propagation && propagation[0] &&
	    oci_check_word(err, "linux.rootfsPropagation", propagation, propagations))
		return -EINVAL;
	if (l->resources && oci_resources_validate(l->resources, err))
		return -EINVAL;
	return l->seccomp ? oci_seccomp_validate(l->seccomp, err) : 0;
}
