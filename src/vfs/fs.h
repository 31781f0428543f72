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
#include <time.h>

#include "vfs/file.h"

struct fs;
struct pnode; /* vfs/pseudo.h: an object of an emulated file system */

/* ---- the per-process part -------------------------------------------------------------------- */

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
/* The umask of any process. */
mode_t fs_get_umask(struct fs *fs);
/* For /proc/PID/cwd and root of any process: the path as seen from the container's root. */
int fs_describe(struct fs *fs, bool root, char *buf, size_t n);

/* Opens the current directory or root of any process (/proc/PID/cwd, root), O_PATH or as asked. */
int fs_open(struct fs *fs, bool root, unsigned flags, struct file **out);

/* ---- emulated file systems ------------------------------------------------------------------- */

/*
 * Says that the tree `root` stands at the absolute path `at`. Called at boot, before any task runs,
 * after the sandbox has put (or not put: placeholder false) a dead FUSE mount there.
 */
int fs_mount_pseudo(const char *at, struct pnode *root, bool placeholder);

/* The absolute path of an emulated node, NUL-terminated: its mount point's and its own. 0, -errno. */
int fs_pnode_path(struct pnode *n, char *buf, size_t size);

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

/* mkdir(2), unlink(2) (flags: AT_REMOVEDIR), symlink(2), link(2), rename(2), mknod(2). */
int path_mkdir(struct file *at, const char *path, mode_t mode);
int path_unlink(struct file *at, const char *path, unsigned flags);
int path_symlink(const char *target, struct file *at, const char *path);
int path_mknod(struct file *at, const char *path, mode_t mode, dev_t dev);
/* flags: AT_EMPTY_PATH, AT_SYMLINK_FOLLOW; renameat2(2)'s RENAME_*. */
int path_link(struct file *oldat, const char *old, struct file *newat, const char *new,
	      unsigned flags);
int path_rename(struct file *oldat, const char *old, struct file *newat, const char *new,
		unsigned flags);

/* flags: AT_SYMLINK_NOFOLLOW, AT_EMPTY_PATH. */
int path_chmod(struct file *at, const char *path, mode_t mode, unsigned flags);
int path_chown(struct file *at, const char *path, uid_t uid, gid_t gid, unsigned flags);
/* times: utimensat(2), two of them or NULL. */
int path_utimens(struct file *at, const char *path, const struct timespec *times, unsigned flags);
int path_truncate(const char *path, off_t length);
struct statfs;
int path_statfs(const char *path, struct statfs *out);
int file_statfs(struct file *f, struct statfs *out);

/*
 * Extended attributes of a path (follow or not) or of a description (f, path NULL). Host buffers.
 * get and list: size 0 asks for the length. Length or negative errno.
 */
ssize_t path_getxattr(struct file *f, const char *path, bool follow, const char *name, void *value,
		      size_t size);
ssize_t path_listxattr(struct file *f, const char *path, bool follow, char *list, size_t size);
int path_setxattr(struct file *f, const char *path, bool follow, const char *name,
		  const void *value, size_t size, int flags);
int path_removexattr(struct file *f, const char *path, bool follow, const char *name);

/*
 * Opens a program for execve(2): a regular file, executable for the caller, not on a noexec mount.
 * flags: AT_EMPTY_PATH, AT_SYMLINK_NOFOLLOW. *st is its stat. nosuid: its mount ignores set-id bits.
 * -EACCES, -ENOENT, -ELOOP, -ETXTBSY …
 */
int path_open_exec(struct file *at, const char *path, unsigned flags, struct file **out,
		   struct stat *st, bool *nosuid);

#endif
