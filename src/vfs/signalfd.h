/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * signalfd(2): signals as something to read. The queues are kernel/'s, which fills the table below
 * at boot; the description is emulated here.
 */
#ifndef HUSK_VFS_SIGNALFD_H
#define HUSK_VFS_SIGNALFD_H

#include <signal.h>
#include <stdint.h>

#include "vfs/file.h"

/* All about the calling task; masks have bit (sig - 1). */
struct signal_fd_ops {
	/* Takes a pending signal that is in mask off the caller's queues: 1, or 0 if there is none. */
	int (*dequeue)(uint64_t mask, siginfo_t *out);
	/* The pending signals in mask. */
	uint64_t (*pending)(uint64_t mask);
	/* Woken with POLLIN whenever a signal is queued that the caller might read. */
	struct waitq *(*queue)(void);
	/*
	 * Keeps queue() of the caller in memory until it is dropped: an epoll registration outlives
	 * the process that made it. The same object for the same queue.
	 */
	void *(*hold)(void);
	void (*drop)(void *held);
};
extern struct signal_fd_ops signal_fd_ops;

/* flags: O_NONBLOCK or 0. */
int signalfd_create(uint64_t mask, unsigned flags, struct file **out);
/* signalfd(2) on an existing one: replaces its mask; -EINVAL if f is not one. */
int signalfd_set_mask(struct file *f, uint64_t mask);

#endif
