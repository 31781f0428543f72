/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The line discipline of an inner pty: what happens to bytes between the master (the "keyboard and
 * screen") and the slave (the program's terminal), as termios(3) describes it. A pure state
 * machine: it neither sleeps nor locks nor signals; pty.c does that around it.
 *
 *   master write → ldisc_receive() → input buffer → ldisc_read() → slave read
 *                        │ echo
 *   master read ← ldisc_take() ← output buffer ← ldisc_write() ← slave write
 */
#ifndef HUSK_VFS_LDISC_H
#define HUSK_VFS_LDISC_H

#include <asm/termbits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LDISC_SIZE 4096 /* bytes in either buffer; a power of two */

struct ldisc {
	struct termios2 t;
	/* Input: a ring of bytes. Counters run freely; the buffer holds [head, tail). */
	unsigned char in[LDISC_SIZE];
	uint64_t in_delim[LDISC_SIZE / 64]; /* bit: this byte ends a line (canonical mode) */
	unsigned head, tail;
	unsigned canon; /* canonical mode: the end of the last complete line, what a read may take */
	/* Output, towards the master. */
	unsigned char out[LDISC_SIZE];
	unsigned out_head, out_tail;
	unsigned column;       /* of the cursor, for tabs, ONOCR and erasing */
	unsigned canon_column; /* where the present line began */
	bool literal;	       /* LNEXT was typed */
	bool stopped;	       /* ^S, TCOOFF: no output reaches the master */
	bool erasing;	       /* between \ and / of ECHOPRT */
};

/* The settings of a fresh pty: those of Linux' tty_std_termios at 38400 baud. */
void ldisc_init(struct ldisc *l);

/*
 * New settings. Switching canonical mode on or off makes what has been typed so far readable or a
 * line, as on Linux.
 */
void ldisc_set_termios(struct ldisc *l, const struct termios2 *t);

/* Signals that typed characters asked for, in *signals as a mask of 1 << sig. */
#define LDISC_SIGNAL(sig) (1u << (sig))

/*
 * Takes n bytes from the master. How many were taken: fewer than n if the input buffer is full in
 * raw mode; a full canonical line drops what comes, but never a line's end.
 */
size_t ldisc_receive(struct ldisc *l, const unsigned char *p, size_t n, unsigned *signals);

/* Would ldisc_receive() take a byte? */
bool ldisc_can_receive(const struct ldisc *l);

/* How many bytes a read would find now; in canonical mode 0 unless a line is complete. */
size_t ldisc_available(const struct ldisc *l);
/* In canonical mode: is there a line (that may be empty: ^D)? Else: is there a byte? */
bool ldisc_readable(const struct ldisc *l);
/* Takes at most n bytes, and in canonical mode at most one line. An end of file alone gives 0. */
size_t ldisc_read(struct ldisc *l, unsigned char *p, size_t n);

/* Free bytes of the output buffer. One byte written may take up to LDISC_BYTE_MAX of them. */
#define LDISC_BYTE_MAX 8
size_t ldisc_write_room(const struct ldisc *l);
/* Takes bytes of the slave through output processing. How many were taken (room). */
size_t ldisc_write(struct ldisc *l, const unsigned char *p, size_t n);
/* One byte as it is (TCIOFF, TCION). */
void ldisc_send_raw(struct ldisc *l, unsigned char c);

/* Output for the master: how much there is (0 while stopped), and taking it. */
size_t ldisc_output(const struct ldisc *l);
size_t ldisc_take(struct ldisc *l, unsigned char *p, size_t n);

void ldisc_flush_input(struct ldisc *l);
void ldisc_flush_output(struct ldisc *l);

#endif
