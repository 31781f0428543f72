/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * As much of libsystemd's sd-bus as --systemd-cgroup needs, loaded when it is asked for: husk runs on
 * hosts without systemd, and a static husk has no use for it. The prototypes are those of sd-bus(3), whose
 * ABI is stable.
 */
#ifndef HUSK_RUNTIME_CGROUP_SYSTEMD_BUS_H
#define HUSK_RUNTIME_CGROUP_SYSTEMD_BUS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

typedef struct sd_bus sd_bus;
typedef struct sd_bus_message sd_bus_message;
typedef struct sd_bus_slot sd_bus_slot;
typedef struct {
	const char *name, *message;
	int need_free;
} sd_bus_error;
typedef int (*sd_bus_handler)(sd_bus_message *m, void *userdata, sd_bus_error *e);

#define SD_BUS_FUNCTIONS(F)                                                                        \
	F(int, open_system, (sd_bus * *bus))                                                       \
	F(int, open_user, (sd_bus * *bus))                                                         \
	F(sd_bus *, flush_close_unref, (sd_bus * bus))                                             \
	F(int, message_new_method_call,                                                            \
	  (sd_bus * bus, sd_bus_message * *m, const char *destination, const char *path,           \
	   const char *interface, const char *member))                                             \
	F(int, message_append, (sd_bus_message * m, const char *types, ...))                       \
	F(int, message_open_container, (sd_bus_message * m, char type, const char *contents))      \
	F(int, message_close_container, (sd_bus_message * m))                                      \
	F(int, message_read, (sd_bus_message * m, const char *types, ...))                         \
	F(sd_bus_message *, message_unref, (sd_bus_message * m))                                   \
	F(int, call,                                                                               \
	  (sd_bus * bus, sd_bus_message * m, uint64_t usec, sd_bus_error * error,                  \
	   sd_bus_message * *reply))                                                               \
	F(int, match_signal,                                                                       \
	  (sd_bus * bus, sd_bus_slot * *slot, const char *sender, const char *path,                \
	   const char *interface, const char *member, sd_bus_handler handler, void *userdata))     \
	F(int, process, (sd_bus * bus, sd_bus_message * *m))                                       \
	F(int, wait, (sd_bus * bus, uint64_t usec))                                                \
	F(int, get_property_string,                                                                \
	  (sd_bus * bus, const char *destination, const char *path, const char *interface,         \
	   const char *member, sd_bus_error *error, char **out))                                   \
	F(void, error_free, (sd_bus_error * error))

struct systemd_bus {
#define SD_BUS_MEMBER(type, name, args) type(*name) args;
	SD_BUS_FUNCTIONS(SD_BUS_MEMBER)
#undef SD_BUS_MEMBER
	sd_bus *bus;
};

/*
 * Loads the library and connects: user: to the caller's own service manager, else to the host's.
 * -ENOTSUP: there is no libsystemd; else what connecting said.
 */
int systemd_bus_open(bool user, struct systemd_bus *b, struct error *err);
void systemd_bus_close(struct systemd_bus *b);

#endif
