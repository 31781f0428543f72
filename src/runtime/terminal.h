/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Pseudo terminals of containers: made in the container's devpts, handed out over a socket. */
#ifndef HUSK_RUNTIME_TERMINAL_H
#define HUSK_RUNTIME_TERMINAL_H

#include <sys/types.h>

#include "base/error.h"

struct oci_box;
struct rootfs;

struct terminal {
	int master, slave;
	char name[32]; /* "/dev/pts/0", as the container sees it */
};

/*
 * Opens a new terminal in the devpts that is mounted on /dev/pts inside root. size may be NULL. What
 * is there must be a devpts: the name belongs to the container.
 */
int terminal_open(const struct rootfs *root, const struct oci_box *size, struct terminal *t,
		  struct error *err);

/* Makes slave standard input, output and error, and the terminal of this session leader. uid owns it. */
int terminal_adopt(int slave, uid_t uid, struct error *err);

/* Connects to --console-socket. Done early: a wrong path should cost nothing. */
int terminal_connect(const char *socket_path, struct error *err);

/* Sends master there, the way runc does: one message with its name and the descriptor. */
int terminal_send(int console, int master, struct error *err);

#endif
