/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Private to the terminal code (tty.c, tty_host.c, pty.c, devpts.c): what both kinds of terminal
 * share.
 *
 * Locks: tty->lock guards session and pgrp and is taken inside kernel.tasklist. So no function of
 * job_control is ever called with it held.
 */
#ifndef HUSK_VFS_TTY_FILE_H
#define HUSK_VFS_TTY_FILE_H

#include "vfs/pseudo.h"
#include "vfs/tty.h"

/* An open terminal: a host one, or the slave side of an inner pty. */
struct tty_file {
	struct file f;
	struct tty *tty; /* counted */
};

extern const struct file_ops tty_host_ops;
extern const struct file_ops pty_slave_ops;

/* One reference, numbered n below /dev/pts. */
void tty_init(struct tty *t, unsigned n, bool host, void (*release)(struct tty *t));

/*
 * The requests that are about sessions and process groups, the same for every kind of terminal
 * (ioctl_tty(2)). t: the terminal asked about; caller_must_own: TIOCGPGRP and TIOCGSID are refused
 * with -ENOTTY unless t controls the caller's session (true on a slave, false on a pty's master).
 * -ENOIOCTLCMD: none of those.
 */
#define ENOIOCTLCMD 515
long tty_job_ioctl(struct tty *t, unsigned cmd, uint64_t arg, bool caller_must_own);

/*
 * What opening a terminal does: without O_NOCTTY, a session leader that has no terminal yet gets
 * this one if it controls nobody.
 */
void tty_opened(struct tty *t, unsigned flags);

/* Sends sig to the foreground process group, if there is one. */
void tty_signal_foreground(struct tty *t, int sig);
/* The line is gone: SIGHUP and SIGCONT to the session, which loses its terminal. */
void tty_hangup_session(struct tty *t);

/* tty_host.c and pty.c: their part of tty_reopen(). */
int tty_host_reopen(struct tty *t, unsigned flags, struct file **out);
int pty_open_slave(struct tty *t, unsigned flags, struct file **out);

/* ---- devpts.c: the numbers below /dev/pts ------------------------------------------------------ */

/* Takes the lowest free number for t (not counted, without references yet). It, or -ENOSPC. */
int devpts_add(struct tty *t);
/* The name goes (a master was closed), the number stays taken until devpts_remove(). */
void devpts_hide(unsigned n);
void devpts_remove(unsigned n);
/* Owner and mode of node n, as its stat shows them. */
void devpts_set_owner(unsigned n, uid_t uid, gid_t gid, mode_t mode);
/* What stat(2) of an open terminal with number n says: the same as of /dev/pts/N. */
void devpts_stat(unsigned n, struct stat *st);
/* The same for an open master: that of /dev/pts/ptmx. */
void devpts_stat_ptmx(struct stat *st);

#endif
