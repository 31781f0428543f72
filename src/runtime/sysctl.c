/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "runtime/sysctl.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>

#include "base/cleanup.h"
#include "libocispec/ocispec.h"
#include "runtime/files.h"

/* Which names belong to which namespace; a name that ends in '.' stands for all below it. */
static const struct {
	const char *name;
	const char *space;
} table[] = {
	{"net.", "network"},	      {"fs.mqueue.", "ipc"},	    {"kernel.msgmax", "ipc"},
	{"kernel.msgmnb", "ipc"},     {"kernel.msgmni", "ipc"},	    {"kernel.sem", "ipc"},
	{"kernel.shmall", "ipc"},     {"kernel.shmmax", "ipc"},	    {"kernel.shmmni", "ipc"},
	{"kernel.shm_rmid_forced", "ipc"}, {"kernel.domainname", "uts"}, {"kernel.hostname", "uts"},
};

static const char *space_of(const char *key)
{
	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++) {
		size_t n = strlen(table[i].name);

		if (table[i].name[n - 1] == '.' ? !strncmp(key, table[i].name, n)
						: !strcmp(key, table[i].name))
			return table[i].space;
	}
	return NULL;
}

static bool has_namespace(const struct oci_config *c, const char *type)
{
	for (size_t i = 0; i < c->linux->n_namespaces; i++)
		if (!strcmp(c->linux->namespaces[i].type, type))
			return true;
	return false;
}

/* sysctl(8) takes both separators; with '/' first, dots belong to names ("net/ipv4/conf/eth0.1"). */
static char *with_dots(const char *key)
{
	char *s = strdup(key);
	char *slash = s ? strchr(s, '/') : NULL, *dot = s ? strchr(s, '.') : NULL;

	if (slash && (!dot || slash < dot))
		for (char *p = s; *p; p++)
			*p = *p == '/' ? '.' : *p == '.' ? '/' : *p;
	return s;
}

static int check_one(const struct oci_config *c, const char *key, struct error *err)
{
	cleanup_free char *dotted = with_dots(key);
	const char *space = dotted ? space_of(dotted) : NULL;

	if (!space)
		return error_set(err, -EINVAL, "linux.sysctl: %s is not in a namespace: it would "
					       "change the host", key);
	if (!has_namespace(c, space))
		return error_set(err, -EINVAL, "linux.sysctl: %s needs a%s %s namespace", key,
				 *space == 'i' ? "n" : "", space);
	if (strstr(key, ".."))
		return error_set(err, -EINVAL, "linux.sysctl: \"%s\"", key);
	return 0;
}

int sysctl_check(const struct oci_config *c, struct error *err)
{
	for (size_t i = 0; i < c->linux->sysctl.n; i++) {
		int r = check_one(c, c->linux->sysctl.keys[i], err);

		if (r < 0)
			return r;
	}
	return 0;
}

int sysctl_apply(const struct oci_config *c, struct error *err)
{
	for (size_t i = 0; i < c->linux->sysctl.n; i++) {
		const char *key = c->linux->sysctl.keys[i];
		cleanup_free char *dotted = with_dots(key);
		cleanup_free char *path = dotted ? string_format("/proc/sys/%s", dotted) : NULL;
		int r = -ENOMEM;

		for (char *p = path ? path + strlen("/proc/sys/") : NULL; p && *p; p++)
			*p = *p == '.' ? '/' : *p == '/' ? '.' : *p;
		if (path)
			r = file_write(AT_FDCWD, path, c->linux->sysctl.values[i]);
		if (r < 0)
			return error_errno(err, r, "linux.sysctl: cannot set %s", key);
	}
	return 0;
}
