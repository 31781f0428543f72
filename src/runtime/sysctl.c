/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "runtime/sysctl.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "base/cleanup.h"
#include "libocispec/ocispec.h"
#include "runtime/files.h"

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
