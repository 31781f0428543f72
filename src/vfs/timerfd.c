/* SPDX-License-Identifier: GPL-2.0-or-later */
/* timerfd_create(2), timerfd_settime(2): the host's timers, on the host's clocks. */
#include <errno.h>
#include <fcntl.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>

#include "base/hostcall.h"
#include "vfs/anon.h"

int timerfd_create_file(int clock, unsigned flags, struct file **out)
{
	long fd = host_call(SYS_timerfd_create, clock, flags | TFD_CLOEXEC);

	if (fd < 0)
		return fd == -EMFILE ? -ENFILE : (int)fd;
	return file_from_host((int)fd, O_RDWR | (flags & TFD_NONBLOCK), out);
}

int timerfd_set(struct file *f, int flags, const struct itimerspec *value, struct itimerspec *old)
{
	if (!file_is_host(f))
		return -EINVAL;
	return (int)host_call(SYS_timerfd_settime, f->fd, flags, value, old);
}

int timerfd_get(struct file *f, struct itimerspec *value)
{
	if (!file_is_host(f))
		return -EINVAL;
	return (int)host_call(SYS_timerfd_gettime, f->fd, value);
}
