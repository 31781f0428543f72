/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What terminals need to know of sessions and process groups, and what they make happen there.
 * vfs/ owns terminals, kernel/ owns sessions: kernel/ fills this table at boot (kernel/jobcontrol.c).
 *
 * Sessions and process groups are named by guest ids. A terminal is named by its struct tty.
 */
#ifndef HUSK_VFS_JOBCONTROL_H
#define HUSK_VFS_JOBCONTROL_H

#include <stdbool.h>
#include <sys/types.h>

struct tty;

struct job_control_ops {
	/* The calling task's ids and whether it leads its session. */
	pid_t (*current_session)(void);
	pid_t (*current_pgrp)(void);
	bool (*current_is_session_leader)(void);
	/* The controlling terminal of the caller's session with a reference, or NULL. */
	struct tty *(*current_tty)(void);
	/* Makes tty the controlling terminal of the caller's session (or of none: NULL). 0, -EPERM. */
	int (*set_current_tty)(struct tty *tty);
	/* Detaches tty from session sid, whoever asks (hang-up). */
	void (*clear_session_tty)(pid_t sid);
	/* Is pgrp a process group of session sid? */
	bool (*pgrp_in_session)(pid_t pgrp, pid_t sid);
	/* Is the caller's process group orphaned (setpgid(2))? */
	bool (*current_pgrp_orphaned)(void);
	/* Is sig ignored or blocked by the caller (terminal I/O from the background then fails)? */
	bool (*current_ignores)(int sig);
	void (*signal_pgrp)(pid_t pgrp, int sig);
	void (*signal_session_leader)(pid_t sid, int sig);
};

extern struct job_control_ops job_control;

#endif
