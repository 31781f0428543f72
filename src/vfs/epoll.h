/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * epoll(7) over host-backed and emulated descriptions.
 *
 * Host-backed ones are registered in a host epoll instance, which is what the guest's instance is.
 * Emulated ones have an entry in the file's wait queue that pings an internal eventfd, registered in
 * the same host instance; the ping only means "ask again": husk then asks the file for its events.
 *
 * A registration is keyed (description, guest descriptor), as on Linux, and dies with the
 * description's last reference, not with the descriptor.
 */
#ifndef HUSK_VFS_EPOLL_H
#define HUSK_VFS_EPOLL_H

#include <sys/epoll.h>

#include "vfs/file.h"

int epoll_create_file(struct file **out);
/* epoll_ctl(2): ep and f are borrowed, fd is the guest's number for f. ev NULL for DEL. */
int epoll_control(struct file *ep, int op, struct file *f, int fd, const struct epoll_event *ev);
/*
 * epoll_wait(2) into a host array. deadline: CLOCK_MONOTONIC, NULL: none; a deadline of 0 s 0 ns
 * does not sleep. The number of events, -EINVAL if ep is no epoll instance, -EINTR.
 */
int epoll_wait_events(struct file *ep, struct epoll_event *out, int max,
		      const struct timespec *deadline);
/* The last reference of f is gone: drops its registrations. Called by file_put() only. */
void epoll_forget(struct file *f);

#endif
