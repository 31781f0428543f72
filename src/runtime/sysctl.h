/* SPDX-License-Identifier: GPL-2.0-or-later */
/* linux.sysctl: kernel parameters of the container's own namespaces. */
#ifndef HUSK_RUNTIME_SYSCTL_H
#define HUSK_RUNTIME_SYSCTL_H

#include "base/error.h"

struct oci_config;

/*
 * Writes them, in the container's namespaces, while the host's /proc can be reached. That each name
 * belongs to a namespace the container has is oci_config_validate()'s to check.
 */
int sysctl_apply(const struct oci_config *c, struct error *err);

#endif
