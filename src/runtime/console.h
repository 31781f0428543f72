/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A command in the foreground: it stands between the user and a process of its own (the container's
 * first, or the helper of an `exec`), passes signals on, and with a terminal copies between the
 * user's and the container's.
 */
#ifndef HUSK_RUNTIME_CONSOLE_H
#define HUSK_RUNTIME_CONSOLE_H

#include <signal.h>
#include <sys/types.h>

#include "base/error.h"

struct console {
	int signals;	 /* signalfd of all that are blocked */
	sigset_t before; /* the mask to go back to */
};

/*
 * Blocks all signals and collects them, so that none is lost between the start of the process and
 * console_wait(). Every console_begin() is followed by a console_wait() or console_end().
 */
int console_begin(struct console *con, struct error *err);
void console_end(struct console *con);

/*
 * Waits for child (of this process) to end and returns the exit status for the shell: its exit code,
 * or 128 + the signal that killed it. master: the container's terminal, or -1; it is closed. With
 * it the user's terminal is in raw mode meanwhile, and is what it was before afterwards.
 */
int console_wait(struct console *con, pid_t child, int master, int *exit_status, struct error *err);

#endif
