/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Paths. A guest process' root, current directory and umask (struct fs, shared by CLONE_FS) are
 * mirrored into the host fs_struct of its host threads, so the fast path of any call is the host's
 * own call with the guest's own string: one openat2(dirfd, path, RESOLVE_NO_MAGICLINKS).
 *
 * husk's own file systems (/proc, /dev/pts) are not on the host. At their mount points the task
 * side's private mount namespace has placeholders: FUSE mounts whose connection is dead, which
 * answer -ENOTCONN to whatever walks into them. That error sends the walk to the slow path, which
 * goes component by component and enters the pseudo file system there. A host without FUSE has no
 * placeholder; then every path takes the slow path, and a mount point is known by its identity.
 */
#ifndef HUSK_VFS_FS_H
#define HUSK_VFS_FS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>

#include "vfs/file.h"

struct fs;
struct pnode; /* vfs/pseudo.h: an object of an emulated file system */

/* ---- the per-process part ---------------------------------------------------------------------- */

/* For the container's first process: root "/", cwd "/" and umask as the calling thread has them. */
struct fs *fs_new(void);
/*
 * For fork: a copy. The new process' first host thread must call fs_attach() before it does
 * anything with paths: that thread then gets a host fs_struct of its own (unshare(CLONE_FS)),
 * inherited with the same contents from the thread that made it.
 */
struct fs *fs_copy(struct fs *fs);
struct fs *fs_get(struct fs *fs);
void fs_put(struct fs *fs);
/* own: this thread is the first of its fs (unshare); else it was made by a thread that shares it. */
int fs_attach(struct fs *fs, bool own);
struct fs *fs_current(void);

int fs_chdir(const char *path);
int fs_fchdir(struct file *dir);
int fs_chroot(const char *path); /* the caller has checked CAP_SYS_CHROOT */
/* The current directory as getcwd(2) gives it, NUL included in the count. -ERANGE, -ENOENT. */
int fs_getcwd(char *buf, size_t n);
mode_t fs_umask(mode_t mask);
/* For /proc/PID/cwd and root of any process: the path as seen from the container's root. */
int fs_describe(struct fs *fs, bool root, char *buf, size_t n);

/* ---- emulated file systems --------------------------------------------------------------------- */

/*
 * Says that the tree `root` stands at the absolute path `at`. Called at boot, before any task runs,
 * after the sandbox has put (or not put: placeholder false) a dead FUSE mount there.
 */
int fs_mount_pseudo(const char *at, struct pnode *root, bool placeholder);

/* ---- operations on names ------------------------------------------------------------------------
 * at: the description of the directory that relative paths start from; NULL means the cwd
 * (AT_FDCWD). path: a host string, copied in already, at most PATH_MAX with its NUL.
 * All return 0 (or what is said) or a negative errno.
 */

/* flags, mode: openat(2); resolve: RESOLVE_* of openat2(2). */
int path_open(struct file *at, const char *path, unsigned flags, mode_t mode, uint64_t resolve,
	      struct file **out);
/* flags: AT_EMPTY_PATH, AT_SYMLINK_NOFOLLOW, AT_NO_AUTOMOUNT. */
int path_stat(struct file *at, const char *path, unsigned flags, struct stat *st);
int path_statx(struct file *at, const char *path, unsigned flags, unsigned mask,
	       struct statx *stx);
int path_access(struct file *at, const char *path, int mode, unsigned flags);
ssize_t path_readlink(struct file *at, const char *path, char *buf, size_t n);

/*
 * Opens a program for execve(2): a regular file, executable for the caller, not on a noexec mount.
 * flags: AT_EMPTY_PATH, AT_SYMLINK_NOFOLLOW. *st is its stat. nosuid: its mount ignores set-id bits.
 * -EACCES, -ENOENT, -ELOOP, -ETXTBSY …
 */
int path_open_exec(struct file *at, const char *path, unsigned flags, struct file **out,
		   struct stat *st, bool *nosuid);

#endif
