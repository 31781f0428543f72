/* SPDX-License-Identifier: GPL-2.0-or-later */
/* eventfd(2): the host's, wrapped. */
#include <errno.h>
#include <fcntl.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>

#include "base/hostcall.h"
#include "vfs/anon.h"

int eventfd_create(unsigned initial, unsigned flags, struct file **out)
{
	long fd = host_call(SYS_eventfd2, initial, flags | EFD_CLOEXEC);

	if (fd < 0)
		return fd == -EMFILE ? -ENFILE : (int)fd;
	return file_from_host((int)fd, O_RDWR | (flags & EFD_NONBLOCK), out);
}
