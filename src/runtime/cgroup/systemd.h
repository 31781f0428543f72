/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * --systemd-cgroup: the container's cgroup is a scope of systemd's, a unit that systemd makes for
 * processes that others have started (systemd.scope(5)). Limits are told to systemd, so that it does
 * not undo them, and written to the cgroup by husk as ever, since systemd does not know them all.
 */
#ifndef HUSK_RUNTIME_CGROUP_SYSTEMD_H
#define HUSK_RUNTIME_CGROUP_SYSTEMD_H

#include <sys/types.h>

#include "base/error.h"

struct oci_resources;
struct oci_map;

struct systemd_scope {
	char *unit;	     /* "husk-ID.scope" */
	char *control_group; /* where it is, below the hierarchies' roots */
	pid_t keeper;	     /* a scope needs a process: this one, until there are others */
};

/*
 * Starts a scope. cgroups_path is "slice:prefix:name", as engines write it; NULL or "": husk's own
 * choice of all three. Annotations "org.systemd.property.NAME" are properties of the unit. -EINVAL: not such
 * a path, or no such value;
 * -ENOTSUP: no libsystemd; -EIO with systemd's own words. On failure nothing is left.
 */
int systemd_scope_start(const char *cgroups_path, const char *id, const struct oci_resources *r,
			const struct oci_map *annotations, struct systemd_scope *out,
			struct error *err);
/* The keeper is needed no more. */
void systemd_scope_release(struct systemd_scope *s);
void systemd_scope_free(struct systemd_scope *s);

/*
 * Has systemd move the calling process into a scope. For a user's own manager, when the caller may
 * not do that himself: the kernel wants write access to the cgroup above both, which between a login
 * session and the user's units is root's (cgroups(7), "Delegation containment").
 */
int systemd_scope_join(const char *unit, struct error *err);

/* Tells systemd of new limits. */
int systemd_scope_update(const char *unit, const struct oci_resources *r, struct error *err);

/* Makes systemd forget the scope; it is gone when this returns, or was before. */
int systemd_scope_stop(const char *unit, struct error *err);

#endif
