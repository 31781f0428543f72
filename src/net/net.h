/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Sockets: host-backed, in the container's network namespace. What is husk's: descriptors in
 * SCM_RIGHTS become guest descriptors and back, pids in credentials are translated, unix socket
 * paths go through the same walk as files, and blocking calls can be interrupted.
 *
 * Arguments are those of the system calls: guest addresses and lengths as the guest gave them.
 * Results are the system call's: ≥ 0 or a negative errno (base/hostcall.h's restart codes included).
 */
#ifndef HUSK_NET_NET_H
#define HUSK_NET_NET_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "vfs/file.h"

/* Registers the socket factory with vfs; names the translations of pids (0: no such process). */
struct net_ops {
	pid_t (*current_tgid)(void);   /* guest pid for SCM_CREDENTIALS and SO_PEERCRED */
	pid_t (*guest_pid)(pid_t host); /* host pid of a peer's thread group → guest pid, or 0 */
};
void net_init(const struct net_ops *ops);

long net_socket(int domain, int type, int protocol);
long net_socketpair(int domain, int type, int protocol, uint64_t sv);
long net_bind(int fd, uint64_t addr, unsigned len);
long net_connect(int fd, uint64_t addr, unsigned len);
long net_listen(int fd, int backlog);
long net_accept4(int fd, uint64_t addr, uint64_t addrlen, int flags);
long net_getsockname(int fd, uint64_t addr, uint64_t addrlen);
long net_getpeername(int fd, uint64_t addr, uint64_t addrlen);
long net_setsockopt(int fd, int level, int name, uint64_t val, unsigned len);
long net_getsockopt(int fd, int level, int name, uint64_t val, uint64_t len);
long net_sendto(int fd, uint64_t buf, size_t len, int flags, uint64_t addr, unsigned addrlen);
long net_recvfrom(int fd, uint64_t buf, size_t len, int flags, uint64_t addr, uint64_t addrlen);
long net_sendmsg(int fd, uint64_t msg, int flags);
long net_recvmsg(int fd, uint64_t msg, int flags);
long net_sendmmsg(int fd, uint64_t vec, unsigned n, int flags);
long net_recvmmsg(int fd, uint64_t vec, unsigned n, int flags, uint64_t timeout);
long net_shutdown(int fd, int how);
/* Does -EPIPE from sending on fd come with SIGPIPE (streams only)? The signal is the caller's to send. */
bool net_raises_sigpipe(int fd);

#endif
