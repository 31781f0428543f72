/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How the command and the container's first process talk while the container is being set up: one
 * SOCK_SEQPACKET pair, one message a step. The child speaks, the command answers with SYNC_GO.
 *
 *	child				command
 *	SYNC_PID + pid (by its midwife)		writes uid and gid maps, notes the pid	GO
 *	SYNC_DEVICES	/dev/fuse is open	closes the cgroup's devices		GO
 *	SYNC_HOOKS	all is mounted		runs prestart and createRuntime hooks	GO
 *	SYNC_TERMINAL + descriptor		takes the terminal's master		GO
 *	SYNC_READY	init is loaded		writes 'created' and the pid file	GO
 *	SYNC_ERROR	text, at any time	tears everything down
 *
 * An end of file tells either side that the other is dead: the child then exits.
 */
#ifndef HUSK_RUNTIME_SYNC_H
#define HUSK_RUNTIME_SYNC_H

#include <sys/types.h>

#include "base/error.h"

enum sync_type {
	SYNC_PID = 1,
	SYNC_DEVICES,
	SYNC_HOOKS,
	SYNC_TERMINAL,
	SYNC_READY,
	SYNC_ERROR,
	SYNC_GO,
};

#define SYNC_TEXT_MAX 4096

struct sync_message {
	enum sync_type type;
	int value;		      /* SYNC_PID: the pid; SYNC_ERROR: negative errno */
	int fd;			      /* SYNC_TERMINAL, else -1 */
	char text[SYNC_TEXT_MAX + 1]; /* SYNC_ERROR */
};

/* fds[0] for the command, fds[1] for the child; close-on-exec. */
int sync_pair(int fds[2], struct error *err);

/* Sends one message; fd -1 and text NULL: none. 0 or a negative errno (-EPIPE: peer gone). */
int sync_send(int sock, enum sync_type type, int value, int fd, const char *text);

/* Sends an error with its message. */
void sync_send_error(int sock, const struct error *err);

/* Receives one message; -EPIPE: the peer is gone. */
int sync_receive(int sock, struct sync_message *m);

/* The child waits for SYNC_GO. -EPIPE: the command is gone. */
int sync_wait_go(int sock, struct error *err);

/* The child's step: sends type (with fd, or -1) and waits for SYNC_GO. */
int sync_step(int sock, enum sync_type type, int fd, struct error *err);

#endif
