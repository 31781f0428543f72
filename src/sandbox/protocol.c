/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sandbox/protocol.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"

int control_send(int sock, const struct control_message *m, const int *fds, unsigned nfds)
{
	union {
		struct cmsghdr align;
		char space[CMSG_SPACE(CONTROL_FDS * sizeof(int))];
	} control;
	struct iovec iov = {.iov_base = (void *)m, .iov_len = sizeof(*m)};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
	ssize_t k;

	if (nfds > CONTROL_FDS)
		return -EINVAL;
	if (nfds > 0) {
		struct cmsghdr *c = &control.align;

		msg.msg_control = &control;
		msg.msg_controllen = CMSG_SPACE(nfds * sizeof(int));
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(nfds * sizeof(int));
		memcpy(CMSG_DATA(c), fds, nfds * sizeof(int));
	}
	do
		k = sendmsg(sock, &msg, MSG_NOSIGNAL);
	while (k < 0 && errno == EINTR);
	return k < 0 ? -errno : 0;
}

static void take_fds(struct msghdr *msg, int *fds, unsigned *nfds)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
		unsigned n;

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		memcpy(fds + *nfds, CMSG_DATA(c), n * sizeof(int));
		*nfds += n;
	}
}

int control_receive(int sock, struct control_message *m, int *fds, unsigned *nfds)
{
	union {
		struct cmsghdr align;
		char space[CMSG_SPACE(CONTROL_FDS * sizeof(int))];
	} control;
	struct iovec iov = {.iov_base = m, .iov_len = sizeof(*m)};
	struct msghdr msg = {.msg_iov = &iov,
			     .msg_iovlen = 1,
			     .msg_control = &control,
			     .msg_controllen = sizeof(control)};
	ssize_t k;

	*nfds = 0;
	do
		k = recvmsg(sock, &msg, MSG_CMSG_CLOEXEC);
	while (k < 0 && errno == EINTR);
	if (k < 0)
		return errno == ECONNRESET ? -EPIPE : -errno;
	if (k == 0)
		return -EPIPE;
	take_fds(&msg, fds, nfds);
	if (k != sizeof(*m) || m->magic != CONTROL_MAGIC || (msg.msg_flags & (MSG_TRUNC | MSG_CTRUNC))) {
		for (unsigned i = 0; i < *nfds; i++)
			close(fds[i]);
		*nfds = 0;
		return -EBADMSG;
	}
	m->text[CONTROL_TEXT - 1] = '\0';
	return 0;
}

int control_document_make(const void *data, size_t n)
{
	cleanup_close int fd = memfd_create("husk-document", MFD_CLOEXEC);
	const char *p = data;

	if (fd < 0)
		return -errno;
	while (n > 0) {
		ssize_t k = write(fd, p, n);

		if (k < 0)
			return -errno;
		p += k;
		n -= k;
	}
	return steal_fd(&fd);
}

int control_document_read(int fd, char **out, size_t *n)
{
	cleanup_free char *text = NULL;
	size_t done = 0, size;
	struct stat st;

	if (fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -EINVAL;
	if (st.st_size < 0 || (size_t)st.st_size > CONTROL_DOCUMENT_MAX)
		return -EFBIG;
	size = st.st_size;
	text = malloc(size + 1);
	if (!text)
		return -ENOMEM;
	while (done < size) {
		ssize_t k = pread(fd, text + done, size - done, done);

		if (k < 0)
			return -errno;
		if (k == 0)
			break;
		done += k;
	}
	text[done] = '\0';
	*n = done;
	*out = steal_ptr(&text);
	return 0;
}
