/* SPDX-License-Identifier: GPL-2.0-or-later */
/* --pidfd-socket: whoever listens there gets a pidfd of the new process, which no pid can replace. */
#ifndef HUSK_RUNTIME_PIDFD_SOCKET_H
#define HUSK_RUNTIME_PIDFD_SOCKET_H

#include <sys/types.h>

#include "base/error.h"

/* path NULL: nothing is sent. start: of process_stat(), or 0: whoever has this pid now. */
int pidfd_socket_send(const char *path, pid_t pid, unsigned long long start, struct error *err);

#endif
