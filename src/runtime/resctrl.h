/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * linux.intelRdt (config-linux.md): a share of caches and memory bandwidth, by directories of the
 * resctrl file system (the kernel's Documentation/filesystems/resctrl.rst).
 */
#ifndef HUSK_RUNTIME_RESCTRL_H
#define HUSK_RUNTIME_RESCTRL_H

#include <stdbool.h>
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
 * For a container that runs: writes the schemas of rdt to its class, which is that of closID or its
 * own. joined: it has one; else one of its own is made, and all threads of process pid go there. On
 * failure nothing that this call has made is left; of several lines the first may be written.
 */
int resctrl_update(const struct oci_intel_rdt *rdt, bool joined, const char *root, const char *id,
		   pid_t pid, struct error *err);

/* Puts all threads of process pid into the class that dir is, also those made meanwhile. */
int resctrl_add_threads(const char *dir, pid_t pid, struct error *err);

/*
 * Removes what was made for the container: a class without closID in config.json is its own, one
 * with a closID may be others' too and stays. It is no error if it is gone already.
 */
int resctrl_leave(const struct oci_intel_rdt *rdt, const char *root, const char *id, struct error *err);

#endif
