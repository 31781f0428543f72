/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Descriptions without a name: pipes, eventfd, timerfd, memfd, inotify. All of them are the host's;
 * here they are made, and timers and watches set.
 */
#ifndef HUSK_VFS_ANON_H
#define HUSK_VFS_ANON_H

#include <time.h>

#include "vfs/file.h"

/* flags: O_NONBLOCK, O_DIRECT. out[0] reads, out[1] writes. */
int pipe_create(unsigned flags, struct file *out[2]);
/* flags: EFD_SEMAPHORE, EFD_NONBLOCK. */
int eventfd_create(unsigned initial, unsigned flags, struct file **out);
/* memfd_create(2); flags without MFD_CLOEXEC. */
int memfd_create_file(const char *name, unsigned flags, struct file **out);

/* timerfd_create(2) and friends; flags as there. -EINVAL if f is no timerfd. */
int timerfd_create_file(int clock, unsigned flags, struct file **out);
struct itimerspec;
int timerfd_set(struct file *f, int flags, const struct itimerspec *value, struct itimerspec *old);
int timerfd_get(struct file *f, struct itimerspec *value);

/* inotify(7); flags: IN_NONBLOCK. A watch descriptor or a negative errno. */
int inotify_create(unsigned flags, struct file **out);
int inotify_watch(struct file *f, const char *path, unsigned mask);
int inotify_unwatch(struct file *f, int wd);

#endif
