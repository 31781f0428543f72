/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "runtime/settings.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "kernel/syscalls/syscalls.h"
#include "libocispec/ocispec.h"

static int bad(const char *name, const char *value, const char *expected, struct error *err)
{
	return error_set(err, -EINVAL, "annotations[%s]: expected %s, found \"%.40s\"", name, expected,
			 value);
}

static int read_platform(const struct oci_map *m, struct settings *s, struct error *err)
{
	static const char name[] = "org.husk.platform";
	const char *value = oci_map_get(m, name);

	s->platform = value ? value : "auto";
	if (strcmp(s->platform, "auto") && strcmp(s->platform, "kvm") && strcmp(s->platform, "ptrace"))
		return bad(name, value, "kvm, ptrace or auto", err);
	return 0;
}

/* A positive number with, perhaps, a unit behind; false for anything else. */
static bool read_number(const char *text, const char *units, unsigned long long *out)
{
	unsigned long long n;
	const char *unit;
	char *end;

	if (!isdigit((unsigned char)*text))
		return false;
	errno = 0;
	n = strtoull(text, &end, 10);
	if (errno || !n)
		return false;
	unit = *end ? strchr(units, toupper((unsigned char)*end)) : NULL;
	if (*end && (!unit || end[1]))
		return false;
	for (const char *u = units; unit && u <= unit; u++)
		if (__builtin_mul_overflow(n, 1024, &n))
			return false;
	*out = n;
	return true;
}

static int read_vcpus(const struct oci_map *m, struct settings *s, struct error *err)
{
	static const char name[] = "org.husk.vcpus";
	const char *value = oci_map_get(m, name);
	unsigned long long n;

	if (!value)
		return 0;
	if (!read_number(value, "", &n) || n > UINT_MAX)
		return bad(name, value, "a number of virtual CPUs", err);
	if (!s->vcpus || n < s->vcpus)
		s->vcpus = n;
	return 0;
}

static int read_memory(const struct oci_map *m, struct settings *s, struct error *err)
{
	static const char name[] = "org.husk.memory";
	const char *value = oci_map_get(m, name);
	unsigned long long n;

	if (!value)
		return 0;
	if (!read_number(value, "KMG", &n))
		return bad(name, value, "bytes, or a number with K, M or G", err);
	if (!s->memory || n < s->memory)
		s->memory = n;
	return 0;
}

static int read_trace(const struct oci_map *m, struct settings *s, struct error *err)
{
	static const char name[] = "org.husk.trace";
	const char *value = oci_map_get(m, name);
	cleanup_free char *names = NULL;
	char *rest, *call;

	s->trace = value && strcmp(value, "false");
	if (!s->trace)
		return 0;
	s->trace_calls.all = !strcmp(value, "true") || !strcmp(value, "all");
	if (s->trace_calls.all)
		return 0;
	rest = names = strdup(value);
	if (!names)
		return error_set(err, -ENOMEM, "out of memory");
	while ((call = strsep(&rest, ","))) {
		long nr = syscall_number(call);

		if (nr < 0)
			return bad(name, call, "true, false, all or names of system calls", err);
		s->trace_calls.named[nr] = true;
	}
	return 0;
}

int settings_read(const struct oci_config *c, struct settings *out, struct error *err)
{
	const struct oci_hw_config *hw = c->vm ? c->vm->hw_config : NULL;
	int r;

	memset(out, 0, sizeof(*out));
	if (hw) {
		out->vcpus = hw->vcpus;
		out->memory = hw->memory;
	}
	r = read_platform(&c->annotations, out, err);
	if (!r)
		r = read_vcpus(&c->annotations, out, err);
	if (!r)
		r = read_memory(&c->annotations, out, err);
	return r < 0 ? r : read_trace(&c->annotations, out, err);
}
