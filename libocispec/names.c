/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Small things callers of the structs need: maps, string arrays, capabilities and limits. */
#include "libocispec/validate.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

const char *oci_map_get(const struct oci_map *map, const char *key)
{
	for (size_t i = 0; i < map->n; i++)
		if (strcmp(map->keys[i], key) == 0)
			return map->values[i];
	return NULL;
}

/* Makes room for one more entry. The arrays are as long as the map, so each entry reallocates. */
static int map_grow(struct oci_map *map)
{
	char **keys = reallocarray(map->keys, map->n + 1, sizeof(*keys));
	char **values;

	if (!keys)
		return -ENOMEM;
	map->keys = keys;
	values = reallocarray(map->values, map->n + 1, sizeof(*values));
	if (!values)
		return -ENOMEM;
	map->values = values;
	return 0;
}

int oci_map_set(struct oci_map *map, const char *key, const char *value)
{
	char *v = strdup(value);
	char *k;

	if (!v)
		return -ENOMEM;
	for (size_t i = 0; i < map->n; i++) {
		if (strcmp(map->keys[i], key) == 0) {
			free(map->values[i]);
			map->values[i] = v;
			return 0;
		}
	}
	k = strdup(key);
	if (!k || map_grow(map) < 0) {
		free(k);
		free(v);
		return -ENOMEM;
	}
	map->keys[map->n] = k;
	map->values[map->n++] = v;
	return 0;
}

int oci_strs_append(char ***strs, size_t *n, const char *s)
{
	char **p = reallocarray(*strs, *n + 2, sizeof(*p));
	char *copy;

	if (!p)
		return -ENOMEM;
	*strs = p;
	copy = strdup(s);
	if (!copy) {
		p[*n] = NULL;
		return -ENOMEM;
	}
	p[(*n)++] = copy;
	p[*n] = NULL;
	return 0;
}

/* By number (linux/capability.h, capabilities(7)). */
static const char *const capabilities[] = {
    "CAP_CHOWN",	    "CAP_DAC_OVERRIDE",	   "CAP_DAC_READ_SEARCH", "CAP_FOWNER",
    "CAP_FSETID",	    "CAP_KILL",		   "CAP_SETGID",	  "CAP_SETUID",
    "CAP_SETPCAP",	    "CAP_LINUX_IMMUTABLE", "CAP_NET_BIND_SERVICE", "CAP_NET_BROADCAST",
    "CAP_NET_ADMIN",	    "CAP_NET_RAW",	   "CAP_IPC_LOCK",	  "CAP_IPC_OWNER",
    "CAP_SYS_MODULE",	    "CAP_SYS_RAWIO",	   "CAP_SYS_CHROOT",	  "CAP_SYS_PTRACE",
    "CAP_SYS_PACCT",	    "CAP_SYS_ADMIN",	   "CAP_SYS_BOOT",	  "CAP_SYS_NICE",
    "CAP_SYS_RESOURCE",	    "CAP_SYS_TIME",	   "CAP_SYS_TTY_CONFIG",  "CAP_MKNOD",
    "CAP_LEASE",	    "CAP_AUDIT_WRITE",	   "CAP_AUDIT_CONTROL",	  "CAP_SETFCAP",
    "CAP_MAC_OVERRIDE",	    "CAP_MAC_ADMIN",	   "CAP_SYSLOG",	  "CAP_WAKE_ALARM",
    "CAP_BLOCK_SUSPEND",    "CAP_AUDIT_READ",	   "CAP_PERFMON",	  "CAP_BPF",
    "CAP_CHECKPOINT_RESTORE",
};
#define N_CAPABILITIES ((int)(sizeof(capabilities) / sizeof(capabilities[0])))

int oci_capability_number(const char *name)
{
	for (int i = 0; i < N_CAPABILITIES; i++)
		if (strcmp(capabilities[i], name) == 0)
			return i;
	return -1;
}

const char *oci_capability_name(int number)
{
	return number >= 0 && number < N_CAPABILITIES ? capabilities[number] : NULL;
}

int oci_rlimit_number(const char *name)
{
	static const struct {
		const char *name;
		int number;
	} limits[] = {
	    {"RLIMIT_AS", RLIMIT_AS},
	    {"RLIMIT_CORE", RLIMIT_CORE},
	    {"RLIMIT_CPU", RLIMIT_CPU},
	    {"RLIMIT_DATA", RLIMIT_DATA},
	    {"RLIMIT_FSIZE", RLIMIT_FSIZE},
	    {"RLIMIT_LOCKS", RLIMIT_LOCKS},
	    {"RLIMIT_MEMLOCK", RLIMIT_MEMLOCK},
	    {"RLIMIT_MSGQUEUE", RLIMIT_MSGQUEUE},
	    {"RLIMIT_NICE", RLIMIT_NICE},
	    {"RLIMIT_NOFILE", RLIMIT_NOFILE},
	    {"RLIMIT_NPROC", RLIMIT_NPROC},
	    {"RLIMIT_RSS", RLIMIT_RSS},
	    {"RLIMIT_RTPRIO", RLIMIT_RTPRIO},
	    {"RLIMIT_RTTIME", RLIMIT_RTTIME},
	    {"RLIMIT_SIGPENDING", RLIMIT_SIGPENDING},
	    {"RLIMIT_STACK", RLIMIT_STACK},
	};

	for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++)
		if (strcmp(limits[i].name, name) == 0)
			return limits[i].number;
	return -1;
}

int oci_scheduler_policy(const char *name)
{
	/* By number; four was never given out. */
	static const char *const policies[] = {"SCHED_OTHER", "SCHED_FIFO", "SCHED_RR",
					       "SCHED_BATCH", "SCHED_ISO",  "SCHED_IDLE",
					       "SCHED_DEADLINE"};

	for (size_t i = 0; i < sizeof(policies) / sizeof(policies[0]); i++)
		if (strcmp(policies[i], name) == 0)
			return (int)i;
	return -1;
}

/* ---- lists of CPUs and memory nodes (cpuset(7), List format) ------------------------------ */

int oci_read_number(const char **s, unsigned long *n)
{
	char *end;

	if (!isdigit((unsigned char)**s))
		return -EINVAL;
	*n = strtoul(*s, &end, 10);
	*s = end;
	return *n < 65536 ? 0 : -EINVAL;
}

int oci_list_parse(const char *list, unsigned char *mask, size_t size)
{
	const char *p = list;
	int r = 0;

	if (size)
		memset(mask, 0, size);
	while (*p && *p != '\n') {
		unsigned long first, last;

		if (oci_read_number(&p, &first) < 0)
			return -EINVAL;
		last = first;
		if (*p == '-' && (p++, oci_read_number(&p, &last) < 0 || last < first))
			return -EINVAL;
		for (unsigned long n = first; n <= last; n++) {
			if (n / 8 < size)
				mask[n / 8] |= 1 << n % 8;
			else
				r = -ERANGE;
		}
		if (*p == ',' && p[1])
			p++;
		else if (*p && *p != '\n')
			return -EINVAL;
	}
	return r;
}
