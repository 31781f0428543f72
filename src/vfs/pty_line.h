/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Private to pty.c and pty_ioctl.c: an inner pty. See pty.c for its life and its lock. */
#ifndef HUSK_VFS_PTY_LINE_H
#define HUSK_VFS_PTY_LINE_H

#include <pthread.h>

#include "vfs/ldisc.h"
#include "vfs/tty.h"

struct pty_winsize {
	uint16_t row, col, xpixel, ypixel;
};

struct pty {
	struct tty tty;
	pthread_mutex_t io;
	struct ldisc line;
	struct pty_winsize size;
	struct waitq slave_wait, master_wait;
	bool master_open;
	bool locked;	 /* TIOCSPTLCK: until unlockpt(3) the slave does not open */
	bool exclusive;	 /* TIOCEXCL */
	bool slave_seen; /* a slave has been open: without one the master reads EIO */
	bool packet;	 /* TIOCPKT */
	unsigned packet_status;
	unsigned slaves; /* open descriptions */
};

static inline struct pty *pty_of(struct tty *t)
{
	return (struct pty *)((char *)t - offsetof(struct pty, tty));
}

/* The ioctls of both sides that are not about sessions. */
long pty_ioctl(struct pty *p, unsigned cmd, uint64_t arg, bool master);

#endif
