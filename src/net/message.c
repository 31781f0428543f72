/* SPDX-License-Identifier: GPL-2.0-or-later */
/* send(2), recv(2) and their kin: straight from and into pinned guest memory. */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#include "base/cleanup.h"
#include "base/hostcall.h"
#include "base/usermem.h"
#include "net/internal.h"

#define PIECES_SMALL 16
#define PIECES_MAX 1024 /* IOV_MAX: what one host call takes */

/* Guest buffers of one message, translated. */
struct pinned {
	struct iovec small[PIECES_SMALL], *host;
	int n;
	size_t bytes;
};

/*
 * Pins guest buffers. A message with boundaries must be pinned whole (-EFAULT else); a stream makes
 * do with a part, as partial reads and writes are its nature.
 */
static long pin_message(struct pinned *p, const struct socket_file *s, const struct iovec *guest,
			int n, size_t total, bool write)
{
	p->host = p->small;
	p->n = user_pin(guest, n, write, p->host, PIECES_SMALL, &p->bytes);
	if (p->n >= PIECES_SMALL && p->bytes < total) {
		user_unpin(p->host, p->n);
		p->host = malloc(PIECES_MAX * sizeof(*p->host));
		if (!p->host)
			return -ENOMEM;
		p->n = user_pin(guest, n, write, p->host, PIECES_MAX, &p->bytes);
	}
	if (p->n < 0 || (p->bytes < total && !socket_is_stream(s))) {
		if (p->n > 0)
			user_unpin(p->host, p->n);
		if (p->host != p->small)
			free(p->host);
		return -EFAULT;
	}
	return 0;
}

static void unpin_message(struct pinned *p)
{
	if (p->n > 0)
		user_unpin(p->host, p->n);
	if (p->host != p->small)
		free(p->host);
}

/* ---- sending ------------------------------------------------------------------------------------ */

/* One message; name and control in h are the host's already, the buffers are the guest's. */
static long send_pinned(struct socket_file *s, struct msghdr *h, const struct iovec *guest, int n,
			size_t total, int flags)
{
	struct pinned p;
	long r = pin_message(&p, s, guest, n, total, false);

	if (r)
		return r;
	h->msg_iov = p.host;
	h->msg_iovlen = p.n;
	socket_note_sender(s);
	/* SIGPIPE is made by the caller, for the guest. */
	r = host_call_intr(SYS_sendmsg, s->file.fd, (long)h, flags | MSG_NOSIGNAL, 0, 0, 0);
	unpin_message(&p);
	return r == -EINTR ? socket_interrupted(s, SO_SNDTIMEO) : r;
}

long net_sendto(int fd, uint64_t buf, size_t len, int flags, uint64_t addr, unsigned addrlen)
{
	struct iovec guest = {(void *)buf, len < MAX_RW_COUNT ? len : MAX_RW_COUNT};
	struct sockaddr_storage ss;
	struct msghdr h = {0};
	struct socket_file *s;
	long r = 0, err;

	s = socket_get(fd, &err);
	if (!s)
		return err;
	if (addr) {
		r = sockaddr_in(&ss, addr, addrlen);
		h.msg_name = &ss;
		h.msg_namelen = r > 0 ? (socklen_t)r : 0;
	}
	if (r >= 0)
		r = send_pinned(s, &h, &guest, 1, guest.iov_len, flags);
	socket_put(s);
	return r;
}

/* The guest's header of a message: the same layout as ours. */
struct message {
	struct msghdr h;	 /* addresses are the guest's */
	struct iovec *iov;	 /* malloc()ed */
	size_t total;
	char *control;		 /* malloc()ed, or NULL */
};

static void message_free(struct message *m)
{
	free(m->iov);
	free(m->control);
}

/* Copies the header and the buffer list in, and makes room for control messages. */
static long message_in(struct message *m, uint64_t msg)
{
	long r;

	m->iov = NULL;
	m->control = NULL;
	if (copy_in_obj(&m->h, msg) != 0)
		return -EFAULT;
	if (!m->h.msg_name)
		m->h.msg_namelen = 0;
	if ((int)m->h.msg_namelen < 0)
		return -EINVAL;
	if (m->h.msg_namelen > sizeof(struct sockaddr_storage))
		m->h.msg_namelen = sizeof(struct sockaddr_storage);
	if (m->h.msg_iovlen > IOV_MAX)
		return -EMSGSIZE;
	if (!m->h.msg_control)
		m->h.msg_controllen = 0;
	m->iov = malloc((m->h.msg_iovlen + 1) * sizeof(*m->iov));
	if (!m->iov)
		return -ENOMEM;
	r = copy_in_iovec((uint64_t)m->h.msg_iov, m->h.msg_iovlen, m->iov, &m->total);
	if (r < 0)
		return r;
	if (m->h.msg_controllen) {
		size_t room = m->h.msg_controllen < CONTROL_MAX ? m->h.msg_controllen : CONTROL_MAX;

		m->control = calloc(1, room + sizeof(struct cmsghdr));
		if (!m->control)
			return -ENOMEM;
	}
	return 0;
}

static long send_message(struct socket_file *s, const struct message *m, struct scm_send *scm,
			 int flags)
{
	struct sockaddr_storage ss;
	struct msghdr h = {0};
	size_t len = m->h.msg_controllen;
	long r;

	if (m->h.msg_namelen) {
		r = sockaddr_in(&ss, (uint64_t)m->h.msg_name, m->h.msg_namelen);
		if (r < 0)
			return r;
		h.msg_name = &ss;
		h.msg_namelen = m->h.msg_namelen;
	}
	if (len) {
		if (len > CONTROL_MAX)
			return -ENOBUFS;
		if (copy_in(m->control, (uint64_t)m->h.msg_control, len) != 0)
			return -EFAULT;
		r = scm_send_prepare(scm, m->control, len);
		if (r)
			return r;
		h.msg_control = m->control;
		h.msg_controllen = len;
	}
	r = send_pinned(s, &h, m->iov, m->h.msg_iovlen, m->total, flags);
	if (len)
		scm_send_done(scm, r >= 0);
	return r;
}

static long send_one(struct socket_file *s, uint64_t msg, int flags)
{
	cleanup_free struct scm_send *scm = NULL;
	struct message m;
	long r = message_in(&m, msg);

	if (r == 0 && m.h.msg_controllen && !(scm = malloc(sizeof(*scm))))
		r = -ENOMEM;
	if (r == 0)
		r = send_message(s, &m, scm, flags);
	message_free(&m);
	return r;
}

long net_sendmsg(int fd, uint64_t msg, int flags)
{
	struct socket_file *s;
	long r, err;

	s = socket_get(fd, &err);
	if (!s)
		return err;
	r = send_one(s, msg, flags);
	socket_put(s);
	return r;
}

long net_sendmmsg(int fd, uint64_t vec, unsigned n, int flags)
{
	struct socket_file *s;
	unsigned done = 0;
	long r = 0, err;

	s = socket_get(fd, &err);
	if (!s)
		return err;
	if (n > IOV_MAX)
		n = IOV_MAX;
	for (; done < n; done++) {
		uint64_t at = vec + done * sizeof(struct mmsghdr);
		unsigned len;

		r = send_one(s, at, flags);
		if (r < 0)
			break;
		len = (unsigned)r;
		r = copy_out_obj(at + offsetof(struct mmsghdr, msg_len), &len);
		if (r)
			break;
	}
	socket_put(s);
	return done ? (long)done : r;
}

/* ---- receiving ---------------------------------------------------------------------------------- */

static long recv_pinned(struct socket_file *s, struct msghdr *h, const struct iovec *guest, int n,
			size_t total, int flags)
{
	struct pinned p;
	long r = pin_message(&p, s, guest, n, total, true);

	if (r)
		return r;
	h->msg_iov = p.host;
	h->msg_iovlen = p.n;
	r = host_call_intr(SYS_recvmsg, s->file.fd, (long)h, flags | MSG_CMSG_CLOEXEC, 0, 0, 0);
	unpin_message(&p);
	return r == -EINTR ? socket_interrupted(s, SO_RCVTIMEO) : r;
}

long net_recvfrom(int fd, uint64_t buf, size_t len, int flags, uint64_t addr, uint64_t addrlen)
{
	struct iovec guest = {(void *)buf, len < MAX_RW_COUNT ? len : MAX_RW_COUNT};
	struct sockaddr_storage ss;
	struct msghdr h = {.msg_name = addr ? &ss : NULL, .msg_namelen = addr ? sizeof(ss) : 0};
	struct socket_file *s;
	long r, err;

	s = socket_get(fd, &err);
	if (!s)
		return err;
	r = recv_pinned(s, &h, &guest, 1, guest.iov_len, flags);
	socket_put(s);
	if (r >= 0 && addr) {
		err = sockaddr_out(addr, addrlen, &ss, h.msg_namelen);
		r = err ? err : r;
	}
	return r;
}

/* Copies what a message brought besides its data to the guest's header at msg. */
static long message_out(struct socket_file *s, const struct message *m, uint64_t msg,
			struct msghdr *h, const struct sockaddr_storage *ss, bool cloexec, bool peek)
{
	size_t len = h->msg_controllen;
	int namelen = (int)h->msg_namelen;

	if (len)
		scm_receive(s, m->control, &len, &h->msg_flags, cloexec, peek);
	h->msg_flags &= ~MSG_CMSG_CLOEXEC;
	if (cloexec)
		h->msg_flags |= MSG_CMSG_CLOEXEC;
	if (m->h.msg_name) {
		unsigned n = h->msg_namelen < m->h.msg_namelen ? h->msg_namelen : m->h.msg_namelen;

		if (n && copy_out((uint64_t)m->h.msg_name, ss, n) != 0)
			return -EFAULT;
		if (copy_out_obj(msg + offsetof(struct msghdr, msg_namelen), &namelen) != 0)
			return -EFAULT;
	}
	if (len && copy_out((uint64_t)m->h.msg_control, m->control, len) != 0)
		return -EFAULT;
	if (copy_out_obj(msg + offsetof(struct msghdr, msg_flags), &h->msg_flags) != 0 ||
	    copy_out_obj(msg + offsetof(struct msghdr, msg_controllen), &len) != 0)
		return -EFAULT;
	return 0;
}

static long recv_one(struct socket_file *s, uint64_t msg, int flags)
{
	struct sockaddr_storage ss;
	struct msghdr h = {0};
	struct message m;
	long r = message_in(&m, msg), err;

	if (r == 0) {
		if (m.h.msg_name) {
			h.msg_name = &ss;
			h.msg_namelen = sizeof(ss);
		}
		h.msg_control = m.control;
		h.msg_controllen =
		    m.h.msg_controllen < CONTROL_MAX ? m.h.msg_controllen : CONTROL_MAX;
		r = recv_pinned(s, &h, m.iov, m.h.msg_iovlen, m.total, flags);
	}
	if (r >= 0) {
		err = message_out(s, &m, msg, &h, &ss, flags & MSG_CMSG_CLOEXEC, flags & MSG_PEEK);
		r = err ? err : r;
	}
	message_free(&m);
	return r;
}

long net_recvmsg(int fd, uint64_t msg, int flags)
{
	struct socket_file *s;
	long r, err;

	s = socket_get(fd, &err);
	if (!s)
		return err;
	r = recv_one(s, msg, flags);
	socket_put(s);
	return r;
}

/* What is left until deadline, as recvmmsg(2) writes it back. */
static long remaining_out(uint64_t timeout, uint64_t deadline)
{
	uint64_t now = clock_now_ns(CLOCK_MONOTONIC);
	struct timespec ts = timespec_from_ns(deadline > now ? deadline - now : 0);

	return copy_out_obj(timeout, &ts) != 0 ? -EFAULT : 0;
}

static long deadline_of(uint64_t timeout, uint64_t *deadline)
{
	struct timespec ts;

	*deadline = UINT64_MAX;
	if (!timeout)
		return 0;
	if (copy_in_obj(&ts, timeout) != 0)
		return -EFAULT;
	if (ts.tv_sec < 0 || ts.tv_nsec < 0 || ts.tv_nsec >= 1000000000)
		return -EINVAL;
	if (ts.tv_sec < 1000000000)
		*deadline = clock_now_ns(CLOCK_MONOTONIC) + (uint64_t)ts.tv_sec * 1000000000 +
			    (uint64_t)ts.tv_nsec;
	return 0;
}

long net_recvmmsg(int fd, uint64_t vec, unsigned n, int flags, uint64_t timeout)
{
	struct socket_file *s;
	uint64_t deadline;
	unsigned done = 0;
	long r, err;

	r = deadline_of(timeout, &deadline);
	if (r)
		return r;
	s = socket_get(fd, &err);
	if (!s)
		return err;
	if (n > IOV_MAX)
		n = IOV_MAX;
	/* The time-out is looked at after each message only: that is recvmmsg(2)'s known bug. */
	while (done < n && (done == 0 || clock_now_ns(CLOCK_MONOTONIC) < deadline)) {
		uint64_t at = vec + done * sizeof(struct mmsghdr);
		unsigned len;

		r = recv_one(s, at, flags & ~MSG_WAITFORONE);
		if (r < 0)
			break;
		len = (unsigned)r;
		r = copy_out_obj(at + offsetof(struct mmsghdr, msg_len), &len);
		if (r)
			break;
		done++;
		if (flags & MSG_WAITFORONE)
			flags |= MSG_DONTWAIT;
	}
	socket_put(s);
	if (done && timeout)
		remaining_out(timeout, deadline);
	return done ? (long)done : r;
}
