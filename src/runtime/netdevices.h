/* SPDX-License-Identifier: GPL-2.0-or-later */
/* linux.netDevices (config-linux.md): network devices of the host's that become the container's. */
#ifndef HUSK_RUNTIME_NETDEVICES_H
#define HUSK_RUNTIME_NETDEVICES_H

#include <sys/types.h>

#include "base/error.h"

struct oci_linux;

/*
 * Moves the devices from the caller's network namespace into that of process pid, gives them their
 * names there, their global permanent addresses back (the kernel forgets those on the way), and
 * brings them up. Nothing is moved unless all of them are there and their new names are free; when a
 * move fails all the same, what was moved comes back. By the command, with CAP_NET_ADMIN in both
 * namespaces. When the container's namespace ends, the kernel gives hardware back to the host and
 * destroys virtual devices.
 */
int netdevices_give(const struct oci_linux *l, pid_t pid, struct error *err);

#endif
