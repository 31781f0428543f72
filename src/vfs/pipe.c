/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Pipes (pipe(2)) and memfds (memfd_create(2)): the host's, wrapped. */
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/hostcall.h"
#include "vfs/anon.h"

int pipe_create(unsigned flags, struct file *out[2])
{
	int fds[2];
	int r = (int)host_call(SYS_pipe2, fds, flags | O_CLOEXEC);

	if (r < 0)
		return r == -EMFILE ? -ENFILE : r;
	r = file_from_host(fds[0], O_RDONLY | flags, &out[0]);
	if (r < 0) {
		close(fds[1]);
		return r;
	}
	r = file_from_host(fds[1], O_WRONLY | flags, &out[1]);
	if (r < 0)
		file_put(out[0]);
	return r;
}

int memfd_create_file(const char *name, unsigned flags, struct file **out)
{
	long fd = host_call(SYS_memfd_create, name, flags | MFD_CLOEXEC);

	if (fd < 0)
		return fd == -EMFILE ? -ENFILE : (int)fd;
	return file_from_host((int)fd, O_RDWR, out);
}
