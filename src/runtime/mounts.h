/* SPDX-License-Identifier: GPL-2.0-or-later */
/* mounts[] of config.json, made inside the container's mount namespace before pivot_root. */
#ifndef HUSK_RUNTIME_MOUNTS_H
#define HUSK_RUNTIME_MOUNTS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

struct oci_config;
struct oci_mount;
struct mount_options;
struct rootfs;

struct mount_context {
	const struct oci_config *config;
	const struct rootfs *root;
	const char *bundle;	 /* relative sources of bind mounts start here */
	const char *cgroup_path; /* what cgroup mounts show (runtime/cgroup); NULL: none */
	const int *idmapped;	 /* of idmap_open(), or sources cloned already; NULL: none */
	bool cgroup_namespace;	 /* the process is in a cgroup namespace of its own */
	bool user_namespace;
};

/*
 * What a bind mount shows, as a mount that hangs nowhere yet: its descriptor, or a negative errno.
 */
int mount_clone_source(const struct oci_mount *m, const char *bundle, const struct mount_options *o,
		       struct error *err);

/* All of them, in order; or the one with this index. The error names which. */
int mounts_apply(const struct mount_context *x, struct error *err);
int mounts_apply_one(const struct mount_context *x, size_t i, struct error *err);

/*
 * A mount that hangs nowhere yet, made of a file system type and its options: a descriptor for
 * mount_attach(), or a negative errno with what the kernel says.
 */
int mount_new(const char *type, const char *source, const struct mount_options *o,
	      struct error *err);

/* Puts a mount where target (O_PATH) is, and applies propagation options. */
int mount_attach(int mnt, int target, const struct mount_options *o, struct error *err);

/* "type": "cgroup", which is a different thing on each kind of host (mount_cgroup.c). */
int mount_cgroup(const struct mount_context *x, const struct oci_mount *m,
		 const struct mount_options *o, struct error *err);

/*
 * tmpcopyup (copyup.c): copies the tree below directory `from` into directory `to`, which gets its owner,
 * too. Both O_PATH.
 */
int copy_up(int from, int to, struct error *err);

#endif
