/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "runtime/sync.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "runtime/unix_socket.h"

struct header {
	int type;
	int value;
};

int sync_pair(int fds[2], struct error *err)
{
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) < 0)
		return error_errno(err, -errno, "cannot make a socket pair");
	return 0;
}

int sync_send(int sock, enum sync_type type, int value, int fd, const char *text)
{
	struct header h = {.type = type, .value = value};
	struct iovec iov[2] = {{&h, sizeof(h)}, {(char *)text, text ? strlen(text) : 0}};

	if (iov[1].iov_len > SYNC_TEXT_MAX)
		iov[1].iov_len = SYNC_TEXT_MAX;
	return unix_socket_send(sock, iov, 2, fd);
}

void sync_send_error(int sock, const struct error *err)
{
	sync_send(sock, SYNC_ERROR, err->code, -1, err->msg ? err->msg : strerror(-err->code));
}

int sync_receive(int sock, struct sync_message *m)
{
	struct header h;
	struct iovec iov[2] = {{&h, sizeof(h)}, {m->text, SYNC_TEXT_MAX}};
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control;
	struct msghdr msg = {.msg_iov = iov,
			     .msg_iovlen = 2,
			     .msg_control = &control,
			     .msg_controllen = sizeof(control)};
	ssize_t n;

	/*
	 * Who ends with one of our messages unread leaves ECONNRESET in front of what he said last; it
	 * is told once, and then come his words, or the end.
	 */
	do {
		n = recvmsg(sock, &msg, MSG_CMSG_CLOEXEC);
	} while (n < 0 && (errno == EINTR || errno == ECONNRESET));
	if (n < 0)
		return -errno;
	m->fd = -1;
	for (struct cmsghdr *c = CMSG_FIRSTHDR(&msg); c; c = CMSG_NXTHDR(&msg, c))
		if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS)
			memcpy(&m->fd, CMSG_DATA(c), sizeof(m->fd));
	if (n < (ssize_t)sizeof(h))
		return -EPIPE;
	m->type = h.type;
	m->value = h.value;
	m->text[n - sizeof(h)] = '\0';
	return 0;
}

static int lost_command(int r, struct error *err)
{
	if (r == -EPIPE)
		return error_errno(err, r, "the husk command that waits for this process is gone");
	return error_errno(err, r, "cannot talk to the husk command that waits for this process");
}

int sync_wait_go(int sock, struct error *err)
{
	struct sync_message *m = malloc(sizeof(*m));
	int r;

	if (!m)
		return error_set(err, -ENOMEM, "out of memory");
	r = sync_receive(sock, m);
	if (!r && m->type != SYNC_GO)
		r = -EPROTO;
	free(m);
	return r < 0 ? lost_command(r, err) : 0;
}

int sync_step(int sock, enum sync_type type, int fd, struct error *err)
{
	int r = sync_send(sock, type, 0, fd, NULL);

	if (r < 0)
		return lost_command(r, err);
	return sync_wait_go(sock, err);
}
