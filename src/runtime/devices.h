/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is in the container's /dev (config-linux.md, Default Devices and linux.devices). */
#ifndef HUSK_RUNTIME_DEVICES_H
#define HUSK_RUNTIME_DEVICES_H

#include <stdbool.h>

#include "base/error.h"

struct oci_config;
struct rootfs;

/*
 * Makes the default devices, those of linux.devices, /dev/ptmx and the links /dev/fd, /dev/stdin …
 * Nothing is made when /dev is bound from the host, as runc decides too. In a user namespace, where
 * mknod(2) is not allowed, the host's nodes are bound.
 */
int devices_make(const struct oci_config *c, const struct rootfs *root, bool user_namespace,
		 struct error *err);

/* Binds the terminal's slave onto /dev/console. */
int devices_bind_console(const struct rootfs *root, int slave, struct error *err);

#endif
