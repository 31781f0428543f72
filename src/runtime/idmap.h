/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Id-mapped bind mounts (mount_setattr(2), MOUNT_ATTR_IDMAP; config.md, mounts[].uidMappings): the
 * owners of a tree look different below the mount than they are on disk.
 */
#ifndef HUSK_RUNTIME_IDMAP_H
#define HUSK_RUNTIME_IDMAP_H

#include "base/error.h"

struct namespaces;
struct oci_config;

/*
 * Makes the id-mapped ones among mounts[], as descriptors of mounts that hang nowhere yet. Only the
 * host's root may map ids, so it is the command that calls this, and the child inherits what it
 * makes. *fds is NULL when there are none, else an array of c->n_mounts with -1 for the others; free
 * it with idmap_close(). -errno with a message that names the mount.
 */
int idmap_open(const struct oci_config *c, const char *bundle, const struct namespaces *ns, int **fds,
	       struct error *err);
void idmap_close(const struct oci_config *c, int *fds);

#endif
