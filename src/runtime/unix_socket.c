/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "runtime/unix_socket.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/cleanup.h"

int unix_socket_connect(const char *path, const char *what, struct error *err)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	cleanup_close int at = -1;
	cleanup_close int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return error_errno(err, -errno, "cannot make a socket");
	if (strlen(path) < sizeof(addr.sun_path)) {
		strcpy(addr.sun_path, path);
	} else {
		/* Too long a name: through a descriptor of the socket file. */
		at = open(path, O_PATH | O_CLOEXEC);
		if (at < 0)
			return error_errno(err, -errno, "%s %s", what, path);
		snprintf(addr.sun_path, sizeof(addr.sun_path), "/proc/self/fd/%d", at);
	}
	if (connect(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0)
		return error_errno(err, -errno, "cannot connect to %s %s", what, path);
	return steal_fd(&fd);
}

int unix_socket_send(int sock, struct iovec *iov, size_t n, int fd)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control = {{0}};
	struct msghdr msg = {.msg_iov = iov, .msg_iovlen = n};
	ssize_t sent;

	if (fd >= 0) {
		msg.msg_control = &control;
		msg.msg_controllen = sizeof(control);
		struct cmsghdr *c = CMSG_FIRSTHDR(&msg);

		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(c), &fd, sizeof(fd));
	}
	do {
		sent = sendmsg(sock, &msg, MSG_NOSIGNAL);
	} while (sent < 0 && errno == EINTR);
	return sent < 0 ? -errno : 0;
}

int unix_socket_send_fd(int sock, const char *name, int fd)
{
	struct iovec iov = {(char *)name, strlen(name)};

	return unix_socket_send(sock, &iov, 1, fd);
}
