/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which guest process is at the other end of a unix socket?
 *
 * For the host every guest socket belongs to one process, the sandbox: SO_PEERCRED and
 * SCM_CREDENTIALS name that. So each guest unix socket remembers here which guest process connected
 * (or listened, or made the pair), and which one sent on it last; the peer of a socket is found by
 * inode: known for pairs, else asked from the host once (unix_diag).
 */
#include <errno.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <linux/unix_diag.h>
#include <pthread.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/hostcall.h"
#include "net/internal.h"

#define BUCKETS 64

/* Unix sockets of the guest by inode; the lock is a leaf and guards the lists and peer_ino. */
static struct socket_file *table[BUCKETS];
static pthread_mutex_t table_lock = PTHREAD_MUTEX_INITIALIZER;

static struct socket_file **bucket_of(ino_t ino)
{
	return &table[ino % BUCKETS];
}

void peer_add(struct socket_file *s)
{
	struct socket_file **b = bucket_of(s->file.ino);

	if (s->domain != AF_UNIX)
		return;
	pthread_mutex_lock(&table_lock);
	s->peer_next = *b;
	*b = s;
	pthread_mutex_unlock(&table_lock);
}

void peer_remove(struct socket_file *s)
{
	struct socket_file **b = bucket_of(s->file.ino);

	if (s->domain != AF_UNIX)
		return;
	pthread_mutex_lock(&table_lock);
	while (*b && *b != s)
		b = &(*b)->peer_next;
	if (*b)
		*b = s->peer_next;
	pthread_mutex_unlock(&table_lock);
}

/* Asks the host for the inode of the peer of unix socket ino; 0: none, or the host does not say. */
static ino_t ask_peer(ino_t ino)
{
	struct {
		struct nlmsghdr h;
		struct unix_diag_req req;
	} q = {.h = {.nlmsg_len = sizeof(q), .nlmsg_type = SOCK_DIAG_BY_FAMILY,
		     .nlmsg_flags = NLM_F_REQUEST},
	       .req = {.sdiag_family = AF_UNIX,
		       .udiag_states = -1U,
		       .udiag_ino = (uint32_t)ino,
		       .udiag_show = UDIAG_SHOW_PEER,
		       .udiag_cookie = {-1U, -1U}}};
	union {
		struct nlmsghdr h;
		char bytes[512];
	} a;
	cleanup_close int fd =
	    (int)host_call(SYS_socket, (long)AF_NETLINK, (long)(SOCK_RAW | SOCK_CLOEXEC),
			   (long)NETLINK_SOCK_DIAG);
	ssize_t n;

	if (fd < 0 || send(fd, &q, sizeof(q), 0) != sizeof(q))
		return 0;
	n = recv(fd, &a, sizeof(a), MSG_DONTWAIT);
	if (n < (ssize_t)NLMSG_LENGTH(sizeof(struct unix_diag_msg)) ||
	    a.h.nlmsg_type != SOCK_DIAG_BY_FAMILY)
		return 0;

	struct rtattr *rta = (struct rtattr *)((char *)NLMSG_DATA(&a.h) +
					       NLMSG_ALIGN(sizeof(struct unix_diag_msg)));
	int left = (int)(n - ((char *)rta - a.bytes));

	for (; RTA_OK(rta, left); rta = RTA_NEXT(rta, left))
		if (rta->rta_type == UNIX_DIAG_PEER) {
			uint32_t peer;

			memcpy(&peer, RTA_DATA(rta), sizeof(peer));
			return peer;
		}
	return 0;
}

static pid_t pid_at_peer(struct socket_file *s, bool sender)
{
	struct socket_file *p;
	pid_t pid = 0;
	ino_t ino;

	pthread_mutex_lock(&table_lock);
	ino = s->peer_ino;
	pthread_mutex_unlock(&table_lock);
	if (!ino)
		ino = ask_peer(s->file.ino);
	pthread_mutex_lock(&table_lock);
	s->peer_ino = ino;
	for (p = *bucket_of(ino); ino && p; p = p->peer_next)
		if (p->file.ino == ino)
			pid = sender && p->last_sender ? p->last_sender : p->owner_pid;
	pthread_mutex_unlock(&table_lock);
	return pid;
}

void peer_set_pair(struct socket_file *a, struct socket_file *b)
{
	pthread_mutex_lock(&table_lock);
	a->peer_ino = b->file.ino;
	b->peer_ino = a->file.ino;
	pthread_mutex_unlock(&table_lock);
}

pid_t peer_pid(struct socket_file *s, pid_t host, bool sender)
{
	pid_t pid;

	if (host <= 0 || !net_ops)
		return 0;
	if (host == getpid() && s->domain == AF_UNIX && (pid = pid_at_peer(s, sender)))
		return pid;
	return net_ops->guest_pid(host);
}
