/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What engines listen on: --console-socket and --pidfd-socket. */
#ifndef HUSK_RUNTIME_UNIX_SOCKET_H
#define HUSK_RUNTIME_UNIX_SOCKET_H

#include "base/error.h"

/* A descriptor connected to the socket at path, which may be longer than an address; `what` names it. */
int unix_socket_connect(const char *path, const char *what, struct error *err);

/* Sends a descriptor, with a name for it as the message. 0 or a negative errno. */
int unix_socket_send_fd(int sock, const char *name, int fd);

#endif
