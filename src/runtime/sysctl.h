/* SPDX-License-Identifier: GPL-2.0-or-later */
/* linux.sysctl: kernel parameters of the container's own namespaces. */
#ifndef HUSK_RUNTIME_SYSCTL_H
#define HUSK_RUNTIME_SYSCTL_H

#include "base/error.h"

struct oci_config;

/* Refuses names that are not namespaced, or whose namespace is the host's. Before anything is made. */
int sysctl_check(const struct oci_config *c, struct error *err);

/* Writes them. In the container's namespaces, while the host's /proc can be reached. */
int sysctl_apply(const struct oci_config *c, struct error *err);

#endif
