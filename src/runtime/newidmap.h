/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * An ordinary user may map one id into a user namespace, his own; for the ranges that /etc/subuid and
 * /etc/subgid give him there are newuidmap(1) and newgidmap(1), which are privileged and check.
 */
#ifndef HUSK_RUNTIME_NEWIDMAP_H
#define HUSK_RUNTIME_NEWIDMAP_H

#include <stddef.h>
#include <sys/types.h>

#include "base/error.h"

struct oci_id_mapping;

/*
 * Runs program ("newuidmap" or "newgidmap", looked up in PATH) for the user namespace of process pid.
 * -ENOENT: it is not installed; -EPERM: it refused, and the message has its reason.
 */
int newidmap_run(const char *program, pid_t pid, const struct oci_id_mapping *maps, size_t n,
		 struct error *err);

#endif
