/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ROOT/ID/exec.fifo: where a created container waits for `start`. Its sandbox opens the fifo for
 * writing, which the host lets through as soon as `start` opens it for reading; it runs the
 * startContainer hooks and writes its answer: "0" when the program runs now, else why it does not.
 * While the name exists and the sandbox lives, the container is 'created'; `start` removes it.
 */
#ifndef HUSK_RUNTIME_FIFO_H
#define HUSK_RUNTIME_FIFO_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/error.h"

/* Makes the fifo and returns an O_PATH descriptor of it, for the sandbox. owner: its root user. */
int fifo_create(const char *dir, uid_t owner, gid_t group, struct error *err);

/* 1, 0, or a negative errno. */
int fifo_exists(const char *dir);

/*
 * The sandbox's side, on a thread of its own: blocks until `start`, and returns the descriptor for
 * fifo_answer(). hostproc_init() was called.
 */
int fifo_wait(int path_fd, struct error *err);

/* The answer to `start`: why NULL: the program runs. Closes fd. -errno: nobody is there to hear it. */
int fifo_answer(int fd, const struct error *why, struct error *err);

/*
 * `start`: lets the sandbox behind pidfd go, waits for its answer, and removes the fifo. -ESRCH: it
 * is dead; -EIO with the sandbox's words: a startContainer hook failed.
 */
int fifo_release(const char *dir, int pidfd, struct error *err);

#endif
