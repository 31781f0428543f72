/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The container's root: preparing it as a mount, walking inside it without ever leaving it, and
 * making it the root of the process. Runs in the container's mount namespace, before capabilities
 * are dropped, while nobody else runs there; but the root's contents belong to the image, and what
 * they contain (symbolic links above all) is hostile.
 */
#ifndef HUSK_RUNTIME_ROOTFS_H
#define HUSK_RUNTIME_ROOTFS_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/error.h"

struct oci_config;

struct rootfs {
	const char *path; /* on the host */
	int fd;		  /* O_PATH, of the mount that will become the root */
};

/*
 * Sets the propagation of the namespace as linux.rootfsPropagation says (rslave by default), and
 * makes path a mount point of its own (pivot_root(2) wants one).
 */
int rootfs_prepare(const struct oci_config *c, const char *path, struct rootfs *root,
		   struct error *err);

/* openat2(2) with RESOLVE_IN_ROOT and without magic links. A descriptor or a negative errno. */
int rootfs_open(const struct rootfs *root, const char *path, int flags);

/* The same, but any symbolic link in path is -ELOOP. */
int rootfs_open_literally(const struct rootfs *root, const char *path, int flags);

enum rootfs_kind { ROOTFS_DIRECTORY, ROOTFS_FILE };
/*
 * Opens (O_PATH) what path names inside the root; makes it, and the directories above it, when it
 * is missing. A symbolic link to something missing is followed, inside the root.
 */
int rootfs_make(const struct rootfs *root, const char *path, enum rootfs_kind kind);

/* Opens (O_PATH) the directory that path's last component is in, making it when missing; *name
 * points at the component inside path. */
int rootfs_open_parent(const struct rootfs *root, const char *path, const char **name);

/*
 * linux.maskedPaths: files are covered with /dev/null, directories with an empty read-only tmpfs.
 * linux.readonlyPaths: bind mounted on themselves, read-only. Paths that do not exist are skipped.
 */
int rootfs_mask_paths(const struct oci_config *c, const struct rootfs *root, struct error *err);

/* root.readonly, then pivot_root(2); no_pivot: the mount is moved over / and chroot(2)ed into.
 * joined: the mount namespace is somebody else's, so only chroot(2). Leaves cwd at "/". */
int rootfs_enter(const struct oci_config *c, struct rootfs *root, bool no_pivot, bool joined,
		 struct error *err);

#endif
