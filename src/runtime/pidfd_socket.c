/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "runtime/pidfd_socket.h"

#include <errno.h>
#include <sys/pidfd.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "runtime/files.h"
#include "runtime/unix_socket.h"

int pidfd_socket_send(const char *path, pid_t pid, unsigned long long start, struct error *err)
{
	cleanup_close int sock = -1, pidfd = -1;
	int r;

	if (!path)
		return 0;
	sock = unix_socket_connect(path, "--pidfd-socket", err);
	if (sock < 0)
		return sock;
	pidfd = start ? process_open(pid, start) : pidfd_open(pid, 0);
	if (pidfd < 0)
		return error_errno(err, start ? pidfd : -errno, "--pidfd-socket: process %d", pid);
	r = unix_socket_send_fd(sock, "pidfd", pidfd);
	return r < 0 ? error_errno(err, r, "cannot send a pidfd to --pidfd-socket %s", path) : 0;
}
