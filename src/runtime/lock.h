/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ROOT/ID/lock: one flock(2) a container, held by every command that changes it. `delete` removes the
 * directory while it holds the lock; whoever waited meanwhile then holds a lock on a file that has no
 * name any more, notices, and finds that the container does not exist.
 */
#ifndef HUSK_RUNTIME_LOCK_H
#define HUSK_RUNTIME_LOCK_H

/*
 * Takes the lock of the container directory dir; waits as long as it takes. Returns the descriptor
 * that holds it (close to release), -ENOENT: the container is gone, or another negative errno.
 */
int lock_container(const char *dir);

#endif
