/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What husk's commands and the sandbox say to each other over the control socket (SOCK_SEQPACKET:
 * one message, one packet). Both ends are the same program, but the sandbox runs hostile code, so
 * the client checks what it is told as the server does.
 *
 *   client                                   sandbox
 *   EXEC   fds: document, 0, 1, 2, …,   →
 *               files of cgroups
 *                                        ←   STARTED  value: guest pid       (or ERROR text)
 *   SIGNAL value: number, from_tty      →        any number of times
 *                                        ←   EXITED   value: wait status
 *   PS                                  →
 *                                        ←   DONE     fds: struct sandbox_process[]
 *   KILL_ALL value: signal              →
 *                                        ←   DONE     value: processes told
 *   PAUSE                               →       no vCPU runs until RESUME
 *   RESUME                              →
 *                                        ←   DONE
 *   LIMITS                              →       the cgroup's limits have changed
 *                                        ←   DONE
 *   STATS value: 1: the platform's alone →
 *   CPU_CONFIG                          →
 *                                        ←   DONE     fds: JSON text
 *   EVENTS                              →
 *                                        ←   OOM      any number of times
 *
 * A connection is one conversation. The client that closes an EXEC conversation kills its process.
 * Documents of any size travel as a memfd, which the receiver reads once.
 */
#ifndef HUSK_SANDBOX_PROTOCOL_H
#define HUSK_SANDBOX_PROTOCOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

#define CONTROL_MAGIC 0x6b737568 /* "husk" */
#define CONTROL_TEXT 1024
#define CONTROL_FDS 253			      /* SCM_MAX_FD */
#define CONTROL_DOCUMENT_MAX (16UL << 20)     /* bytes of a process object or a process list */

enum control_type {
	CONTROL_EXEC,
	CONTROL_SIGNAL,
	CONTROL_PS,
	CONTROL_KILL_ALL,
	CONTROL_STARTED,
	CONTROL_EXITED,
	CONTROL_DONE,
	CONTROL_ERROR,
	CONTROL_PAUSE,
	CONTROL_RESUME,
	CONTROL_STATS,
	CONTROL_CPU_CONFIG,
	CONTROL_EVENTS,
	CONTROL_OOM,
	CONTROL_LIMITS,
};

struct control_message {
	uint32_t magic;
	uint32_t type; /* enum control_type */
	int32_t value;
	uint32_t terminal; /* EXEC: fds[0] is a terminal for 0, 1, 2; SIGNAL: sent by the terminal */
	uint32_t cgroups;  /* EXEC: so many of the last fds are files of cgroups to enter */
	char text[CONTROL_TEXT]; /* ERROR: why; NUL-terminated */
};

/* Sends one message with nfds descriptors. 0, -errno; never SIGPIPE. */
int control_send(int sock, const struct control_message *m, const int *fds, unsigned nfds);

/*
 * Receives one message; descriptors (close-on-exec) go to fds, which has room for CONTROL_FDS, and
 * *nfds says how many: they are the caller's to close. 0; -EPIPE when the other end has closed;
 * -EAGAIN where nothing has come; -EBADMSG for a message that is none.
 */
int control_receive(int sock, struct control_message *m, int *fds, unsigned *nfds);

/* A memfd with these bytes, or -errno. */
int control_document_make(const void *data, size_t n);
/* Reads a document whole: malloc()ed with a NUL behind it. -EFBIG above CONTROL_DOCUMENT_MAX. */
int control_document_read(int fd, char **out, size_t *n);

#endif
