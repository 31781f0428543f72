/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the files of net/ share. */
#ifndef HUSK_NET_INTERNAL_H
#define HUSK_NET_INTERNAL_H

#include <stdbool.h>
#include <sys/socket.h>

#include "net/net.h"

/* A socket's description. */
struct socket_file {
	struct file file;
	int domain, type; /* AF_*, SOCK_*; constant */
	/* For credentials over unix sockets (peer.c): guest pids, 0: unknown. */
	_Atomic pid_t owner_pid;   /* who connected, listened, or made the pair */
	_Atomic pid_t last_sender; /* who sent last */
	ino_t peer_ino;		   /* of the socket at the other end, 0: not known; peer.c's lock */
	struct socket_file *peer_next;
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

/* The calling process is about to send on s. */
void socket_note_sender(struct socket_file *s);

/* Copies a socket address in; len as the guest gave it. Its length, -EINVAL, -EFAULT. */
long sockaddr_in(struct sockaddr_storage *out, uint64_t addr, unsigned len);
/*
 * Copies a socket address of len bytes out as accept(2) does: cut to what *addrlen says, which then
 * is the true length. addr 0: nothing to do.
 */
long sockaddr_out(uint64_t addr, uint64_t addrlen, const struct sockaddr_storage *from,
		  socklen_t len);

long socket_ioctl(struct file *f, unsigned cmd, uint64_t arg);

/* ---- who is at the other end (peer.c) ----------------------------------------------------------- */

/* Every socket is added when made and removed before it is freed. */
void peer_add(struct socket_file *s);
void peer_remove(struct socket_file *s);
void peer_set_pair(struct socket_file *a, struct socket_file *b);
/*
 * The guest's pid for the one that the host reports for s' peer (sender: for who sent to s last);
 * 0: not in this container.
 */
pid_t peer_pid(struct socket_file *s, pid_t host, bool sender);

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
void scm_receive(struct socket_file *sock, void *control, size_t *len, int *flags, bool cloexec, bool peek);

#endif
