/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * linux.intelRdt (config-linux.md): a share of caches and memory bandwidth, by directories of the
 * resctrl file system (the kernel's Documentation/filesystems/resctrl.rst).
 */
#ifndef HUSK_RUNTIME_RESCTRL_H
#define HUSK_RUNTIME_RESCTRL_H

#include <sys/types.h>

#include "base/error.h"

struct oci_intel_rdt;

/* Where resctrl is mounted, malloc()ed. NULL: nowhere. */
char *resctrl_find(void);

/*
 * Puts a process with one thread into its class of service below `root`, which is made and filled as
 * the spec's rules say, and into a monitoring group of its own if it asks for one. id: the
 * container's. On failure nothing that this call has made is left.
 */
int resctrl_join(const struct oci_intel_rdt *rdt, const char *root, const char *id, pid_t pid,
		 struct error *err);

/*
 * Removes what was made for the container: a class without closID in config.json is its own, one
 * with a closID may be others' too and stays. It is no error if it is gone already.
 */
int resctrl_leave(const struct oci_intel_rdt *rdt, const char *root, const char *id, struct error *err);

#endif
