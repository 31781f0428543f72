/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * POSIX record locks (fcntl(2), F_SETLK and friends).
 *
 * A lock belongs to a process, which here is its descriptor table. Each (table, inode) pair that
 * holds locks has a private host descriptor with OFD locks on it: the host then arbitrates between
 * guest processes, containers on one volume, and the host alike. husk keeps a mirror, for what the
 * host cannot know: who would deadlock (EDEADLK) and which guest pid to name (F_GETLK).
 */
#ifndef HUSK_VFS_LOCK_H
#define HUSK_VFS_LOCK_H

#include <fcntl.h>

#include "vfs/file.h"

/*
 * F_GETLK, F_SETLK, F_SETLKW for table t, pid being the guest pid that others are told. l is a host
 * copy of the guest's struct flock (64-bit); F_GETLK fills it.
 * -EAGAIN, -EDEADLK, -EBADF (wrong access mode), -EINVAL, -ENOLCK, -ERESTARTSYS.
 */
int lock_posix(struct fdtable *t, struct file *f, int cmd, struct flock *l, pid_t pid);
/* F_OFD_GETLK, F_OFD_SETLK, F_OFD_SETLKW. */
int lock_ofd(struct file *f, int cmd, struct flock *l);
/* flock(2). */
int lock_flock(struct file *f, int operation);

/* A descriptor of f in table t was closed: all locks of t on that inode go, as POSIX has it. */
void lock_closed(struct fdtable *t, struct file *f);

#endif
