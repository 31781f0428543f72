/* SPDX-License-Identifier: GPL-2.0-or-later */
/* poll(2) over guest descriptors of the current table; select(2) is built on it. */
#ifndef HUSK_VFS_POLL_H
#define HUSK_VFS_POLL_H

#include <poll.h>
#include <time.h>

/*
 * fds: a host array whose fd are guest descriptors; revents are filled. deadline: CLOCK_MONOTONIC,
 * NULL: none; one in the past does not sleep. The count of entries with events, -EINTR, -ENOMEM.
 */
int poll_files(struct pollfd *fds, unsigned n, const struct timespec *deadline);

#endif
