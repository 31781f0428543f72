/* SPDX-License-Identifier: GPL-2.0-or-later */
/* linux.resources.devices: which device nodes work in the container, on v1 and v2. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "libocispec/ocispec.h"
#include "runtime/cgroup/cgroup.h"
#include "runtime/files.h"

#define ALL (DEVICE_MKNOD | DEVICE_READ | DEVICE_WRITE)

/* Made in every container, or opened by every program: these stay open whatever the rules say. */
static const struct device_rule defaults[] = {
	{true, 'c', -1, -1, DEVICE_MKNOD},
	{true, 'b', -1, -1, DEVICE_MKNOD},
	{true, 'c', 1, 3, ALL},	  /* null */
	{true, 'c', 1, 5, ALL},	  /* zero */
	{true, 'c', 1, 7, ALL},	  /* full */
	{true, 'c', 1, 8, ALL},	  /* random */
	{true, 'c', 1, 9, ALL},	  /* urandom */
	{true, 'c', 5, 0, ALL},	  /* tty */
	{true, 'c', 5, 2, ALL},	  /* ptmx */
	{true, 'c', 136, -1, ALL}, /* pts */
};
#define DEFAULTS (sizeof(defaults) / sizeof(*defaults))

static int parse_rule(const struct oci_device_rule *in, size_t i, struct device_rule *out,
		      struct error *err)
{
	const char *access = in->access && *in->access ? in->access : "rwm";

	out->allow = in->allow;
	out->type = in->type && *in->type ? in->type[0] : 'a';
	out->major = in->has_major ? in->major : -1;
	out->minor = in->has_minor ? in->minor : -1;
	out->access = 0;
	if (!strchr("abc", out->type) || (in->type && in->type[0] && in->type[1]))
		return error_set(err, -EINVAL, "linux.resources.devices[%zu].type: \"%s\"", i,
				 in->type);
	for (const char *a = access; *a; a++) {
		if (*a != 'r' && *a != 'w' && *a != 'm')
			return error_set(err, -EINVAL, "linux.resources.devices[%zu].access: \"%s\"",
					 i, access);
		out->access |= *a == 'r' ? DEVICE_READ : *a == 'w' ? DEVICE_WRITE : DEVICE_MKNOD;
	}
	/* v1 has no such thing as "all types, but only these"; it always means everything. */
	if (out->type == 'a') {
		out->major = out->minor = -1;
		out->access = ALL;
	}
	return 0;
}

int device_rules(const struct oci_resources *res, struct device_rule **rules, size_t *n,
		 struct error *err)
{
	size_t given = res ? res->n_devices : 0;
	struct device_rule *list = calloc(given + DEFAULTS + 1, sizeof(*list));

	if (!list)
		return error_set(err, -ENOMEM, "out of memory");
	list[0] = (struct device_rule){false, 'a', -1, -1, ALL};
	for (size_t i = 0; i < given; i++) {
		int r = parse_rule(&res->devices[i], i, &list[1 + i], err);

		if (r < 0) {
			free(list);
			return r;
		}
	}
	memcpy(list + 1 + given, defaults, sizeof(defaults));
	*rules = list;
	*n = 1 + given + DEFAULTS;
	return 0;
}

static void number(char buf[24], long value)
{
	if (value < 0)
		strcpy(buf, "*");
	else
		snprintf(buf, 24, "%ld", value);
}

static int write_v1(const char *dir, const struct device_rule *rules, size_t n, struct error *err)
{
	for (size_t i = 0; i < n; i++) {
		const struct device_rule *d = &rules[i];
		char major[24], minor[24];
		int r;

		number(major, d->major);
		number(minor, d->minor);
		r = cgroup_write(dir, d->allow ? "devices.allow" : "devices.deny", "devices", err,
				 "%c %s:%s %s%s%s", d->type, major, minor,
				 d->access & DEVICE_READ ? "r" : "", d->access & DEVICE_WRITE ? "w" : "",
				 d->access & DEVICE_MKNOD ? "m" : "");
		if (r < 0)
			return r;
	}
	return 0;
}

/*
 * Only the host's root may load the program. A rootless container has no more than its user's
 * permissions for the host's devices, rules or not; runc does without them, too.
 */
static int apply_v2(const char *dir, const struct device_rule *rules, size_t n, struct error *err)
{
	int r = device_rules_attach_bpf(dir, rules, n, err);

	if (r != -EPERM || (geteuid() == 0 && !in_user_namespace()))
		return r;
	log_debug("%s", err->msg);
	error_free(err);
	return 0;
}

int cgroup_apply_devices(const char *text, const struct oci_resources *res, struct error *err)
{
	struct device_rule *rules;
	struct cgroup_set s;
	const char *dir;
	size_t n;
	int r = device_rules(res, &rules, &n, err);

	if (r < 0)
		return r;
	if (cgroup_parse(text, &s) < 0) {
		free(rules);
		return error_set(err, -ENOMEM, "out of memory");
	}
	dir = cgroup_find(&s, "devices");
	if (!dir)
		r = error_set(err, -ENOTSUP, "linux.resources.devices: this host has no devices cgroup");
	else if (s.v2)
		r = apply_v2(dir, rules, n, err);
	else
		r = write_v1(dir, rules, n, err);
	cgroup_set_free(&s);
	free(rules);
	return r;
}
