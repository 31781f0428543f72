/* SPDX-License-Identifier: GPL-2.0-or-later */
/* linux.namespaces (config-linux.md): which are made, which are joined, and the id maps. */
#ifndef HUSK_RUNTIME_NAMESPACES_H
#define HUSK_RUNTIME_NAMESPACES_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/error.h"

struct oci_config;
struct oci_id_mapping;

#define NAMESPACE_TYPES 8

struct namespaces {
	unsigned create; /* CLONE_NEW… flags of those to be made */
	unsigned joined; /* CLONE_NEW… flags of those given by path */
	/*
	 * Without a mount namespace in the list the container has the runtime's (config-linux.md): this
	 * is it, else -1. Its mounts are made in a new one all the same, or they would stay behind on the
	 * host; the sandbox returns when all is built (sandbox.h).
	 */
	int runtime_mounts;
	int fd[NAMESPACE_TYPES];	/* of those to be joined, in the order of the table; -1 */
	const char *path[NAMESPACE_TYPES];
};

/*
 * Reads the list and opens the paths (before anything is made, so that a wrong path costs nothing).
 * An empty path is a new namespace. -EINVAL: a wrong type, or not a namespace of that type.
 */
int namespaces_open(const struct oci_config *c, struct namespaces *n, struct error *err);
void namespaces_close(struct namespaces *n);

/*
 * setns(2) into all that were opened. The user namespace comes last when the caller has power over
 * the others from outside, and first when it has it only from inside. A pid namespace takes effect
 * for children only: the caller is to clone after this.
 */
int namespaces_join(const struct namespaces *n, struct error *err);

/* The descriptor of a namespace that was given by path; -1: that type was not. */
int namespaces_fd(const struct namespaces *n, const char *type);

/* Mappings as uid_map and gid_map take them, one a line. malloc()ed; NULL: no memory. */
char *namespaces_map_text(const struct oci_id_mapping *maps, size_t n);

/* Writes uid_map and gid_map of a process in a new user namespace. By the parent, from outside. */
int namespaces_write_maps(const struct oci_config *c, pid_t pid, struct error *err);

/*
 * The first process of a new user namespace becomes its root, once the maps are written. Without a
 * user namespace there is nothing to do.
 */
int namespaces_become_root(const struct namespaces *n, struct error *err);

/* linux.timeOffsets: written for the children of the caller, who has unshared CLONE_NEWTIME. */
int namespaces_set_time_offsets(const struct oci_config *c, struct error *err);

/* The host id behind a container id in a map of linux.uidMappings or gidMappings; itself if no map. */
uid_t namespaces_host_uid(const struct oci_config *c, uid_t uid);
gid_t namespaces_host_gid(const struct oci_config *c, gid_t gid);

#endif
