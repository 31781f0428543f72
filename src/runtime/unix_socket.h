/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Unix sockets: what engines listen on (--console-socket, --pidfd-socket), and messages with a descriptor. */
#ifndef HUSK_RUNTIME_UNIX_SOCKET_H
#define HUSK_RUNTIME_UNIX_SOCKET_H

#include <sys/uio.h>

#include "base/error.h"

/* A descriptor connected to the socket at path, which may be longer than an address; `what` names it. */
int unix_socket_connect(const char *path, const char *what, struct error *err);

/* Sends one message of n pieces, and a descriptor with it if fd >= 0. 0 or a negative errno. */
int unix_socket_send(int sock, struct iovec *iov, size_t n, int fd);

/* Sends a descriptor, with a name for it as the message. 0 or a negative errno. */
int unix_socket_send_fd(int sock, const char *name, int fd);

#endif
