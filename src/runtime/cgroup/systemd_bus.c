/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "runtime/cgroup/systemd_bus.h"

#include <dlfcn.h>
#include <errno.h>
#include <stddef.h>
#include <string.h>

#define LIBRARY "libsystemd.so.0"

static const struct {
	const char *name;
	size_t at;
} functions[] = {
#define SD_BUS_ROW(type, name, args) {"sd_bus_" #name, offsetof(struct systemd_bus, name)},
	SD_BUS_FUNCTIONS(SD_BUS_ROW)
#undef SD_BUS_ROW
};

/* Stays loaded: the process lives for milliseconds. */
static int load(struct systemd_bus *b, struct error *err)
{
	void *library = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL);

	if (!library)
		return error_set(err, -ENOTSUP, "systemd cgroups: %s", dlerror());
	for (size_t i = 0; i < sizeof(functions) / sizeof(*functions); i++) {
		void *f = dlsym(library, functions[i].name);

		if (!f)
			return error_set(err, -ENOTSUP, "systemd cgroups: %s has no %s", LIBRARY,
					 functions[i].name);
		memcpy((char *)b + functions[i].at, &f, sizeof(f));
	}
	return 0;
}

int systemd_bus_open(bool user, struct systemd_bus *b, struct error *err)
{
	int r;

	memset(b, 0, sizeof(*b));
	r = load(b, err);
	if (r < 0)
		return r;
	r = user ? b->open_user(&b->bus) : b->open_system(&b->bus);
	return r < 0 ? error_errno(err, r, "systemd cgroups: cannot connect to the %s bus",
				   user ? "user" : "system")
		     : 0;
}

void systemd_bus_close(struct systemd_bus *b)
{
	if (b->bus)
		b->flush_close_unref(b->bus);
	b->bus = NULL;
}
