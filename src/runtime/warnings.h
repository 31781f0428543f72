/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What runc warns of and goes on: engines expect that a newer profile works with an older runtime. */
#ifndef HUSK_RUNTIME_WARNINGS_H
#define HUSK_RUNTIME_WARNINGS_H

struct oci_config;
struct oci_process;

/* Capabilities whose names this husk, or the host's kernel, does not know: they are not given. */
void warn_of_capabilities(const struct oci_process *p);

/* A label for mounts on a host without SELinux: crun passes it over, where a process' label is an error. */
void warn_of_mount_label(const struct oci_config *c);

#endif
