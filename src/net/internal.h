/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the files of net/ share. */
#ifndef HUSK_NET_INTERNAL_H
#define HUSK_NET_INTERNAL_H

#include <stdbool.h>
#include <sys/socket.h>

#include "net/net.h"

/* A socket's description. Everything but file is constant after it was made. */
struct socket_file {
	struct file file;
	int domain, type;   /* AF_*, SOCK_* */
	pid_t pair_creator; /* guest pid that made it by socketpair(2), 0: otherwise */
};

extern const struct net_ops *net_ops;

/* The socket behind guest descriptor fd, with a reference on its file; NULL and *err: -EBADF, -ENOTSOCK */
struct socket_file *socket_get(int fd, long *err);
static inline void socket_put(struct socket_file *s)
{
	file_put(&s->file);
}

/* Wraps a host socket (consumed, also on error). */
int socket_wrap(int fd, unsigned flags, struct socket_file **out);

/* Do messages have boundaries here, so that a part of the buffers will not do? */
static inline bool socket_is_stream(const struct socket_file *s)
{
	return s->type == SOCK_STREAM;
}

/*
 * What an interrupted call on s returns: sockets with a time-out are not restarted (signal(7)).
 * timeo: SO_RCVTIMEO or SO_SNDTIMEO.
 */
long socket_interrupted(const struct socket_file *s, int timeo);

/* Copies a socket address in; len as the guest gave it. Its length, -EINVAL, -EFAULT. */
long sockaddr_in(struct sockaddr_storage *out, uint64_t addr, unsigned len);
/*
 * Copies a socket address of len bytes out as accept(2) does: cut to what *addrlen says, which then
 * is the true length. addr 0: nothing to do.
 */
long sockaddr_out(uint64_t addr, uint64_t addrlen, const struct sockaddr_storage *from,
		  socklen_t len);

long socket_ioctl(struct file *f, unsigned cmd, uint64_t arg);

/* The guest's pid for one that the host reports; 0: not in this container. */
pid_t net_translate_pid(pid_t host);

/* ---- control messages (scm.c) ------------------------------------------------------------------ */

#define CONTROL_MAX 65536
#define SCM_FDS_MAX 253 /* the kernel's SCM_MAX_FD */

/* What was prepared for one sendmsg(), to be undone after it. */
struct scm_send {
	struct file *files[SCM_FDS_MAX]; /* with a reference each */
	int tokens[SCM_FDS_MAX];	 /* descriptors sent in their place, or -1 */
	unsigned n;
};

/*
 * Translates control messages, in place: guest descriptors in SCM_RIGHTS become host ones, the pid
 * in SCM_CREDENTIALS the sandbox'. s keeps what is sent alive until scm_send_done().
 * -EBADF, -EINVAL, -EPERM, -ENOMEM.
 */
int scm_send_prepare(struct scm_send *s, void *control, size_t len);
void scm_send_done(struct scm_send *s, bool sent);

/*
 * Translates received control messages, in place: host descriptors become guest descriptors of the
 * calling task. Sets MSG_CTRUNC in *flags when there was no room for all of them.
 */
void scm_receive(void *control, size_t *len, int *flags, bool cloexec, bool peek);

#endif
