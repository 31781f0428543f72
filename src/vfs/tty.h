/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Terminals. Two kinds behind one struct tty, which holds what job control needs (the session it
 * controls, the foreground process group):
 *   - inner ptys, opened through /dev/ptmx in the guest: line discipline, termios, window size and
 *     signals are husk's own (vfs/pty.c, vfs/ldisc.c);
 *   - the container's terminal (and an exec's): a host pty. Line discipline and editing are the
 *     host's; which guest process group a ^C means, SIGTTIN, SIGTTOU and tcsetpgrp are husk's.
 */
#ifndef HUSK_VFS_TTY_H
#define HUSK_VFS_TTY_H

#include "vfs/file.h"
#include "vfs/jobcontrol.h"

struct tty {
	atomic_uint refs;
	pthread_mutex_t lock;
	pid_t session; /* guest session it controls, 0: none */
	pid_t pgrp;    /* foreground process group, 0: none */
	dev_t rdev;    /* what stat and /proc/PID/stat show: 136:N or the host's */
	bool host;
	char name[32]; /* "pts/3", "console" */
	void (*release)(struct tty *t);
};

struct tty *tty_get(struct tty *t);
void tty_put(struct tty *t);

/*
 * The check that every read, write and most ioctls of a terminal start with: a background process
 * group of the terminal's own session gets sig (SIGTTIN or SIGTTOU) and the caller -ERESTARTSYS;
 * -EIO if it is orphaned or ignores SIGTTIN. 0: go on.
 */
int tty_check_background(struct tty *t, int sig);

/* The terminal behind an open description, borrowed; NULL if it is none. */
struct tty *tty_of_file(struct file *f);

/*
 * Wraps a host terminal (stdin/out/err of the container; consumed) as a guest file with its tty.
 * share NULL: the tty of an earlier opening of the same terminal, or a new one, which gets a number
 * below /dev/pts.
 */
int tty_open_host(int fd, unsigned flags, struct tty *share, struct file **out);

/* Opens the terminal t once more (/proc/PID/fd/N, /dev/tty, /dev/pts/N). -EIO after hang-up. */
int tty_reopen(struct tty *t, unsigned flags, struct file **out);

/*
 * A signal that the host's terminal sent to the sandbox (SIGINT, SIGQUIT, SIGTSTP, SIGWINCH, SIGHUP;
 * si_code SI_KERNEL): goes to the foreground process group of the container's terminal.
 */
void tty_host_signal(struct tty *t, int sig);

/* The calling task's session leader exits, or gives up its terminal by TIOCNOTTY: hang up. */
void tty_disassociate(struct tty *t, bool exiting);

/* /dev/tty, /dev/ptmx and /dev/console as opened by the guest. */
int tty_open_current(unsigned flags, struct file **out);
int pty_open_master(unsigned flags, struct file **out);
bool pty_is_master(struct file *f);
/* The root of the guest's /dev/pts. */
struct pnode;
struct pnode *devpts_root(void);

#endif
