/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ioctl_tty(2) of inner ptys: settings, window size, queues, and the master's own requests. The
 * settings belong to the slave; asked through the master they are the slave's all the same.
 */
#include "vfs/pty_line.h"

#include <asm/ioctls.h>
#include <asm/termios.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "base/usermem.h"
#include "vfs/tty_file.h"

#define N_TTY 0

/* ---- settings ---------------------------------------------------------------------------------- */

/* Bits per second of the B* constants that c_cflag carries. */
static unsigned baud(unsigned cflag)
{
	static const unsigned low[] = {0,   50,	  75,	110,  134,  150,  200,	300,
				       600, 1200, 1800, 2400, 4800, 9600, 19200, 38400};
	static const unsigned high[] = {57600,	 115200,  230400,  460800,  500000,
					576000,	 921600,  1000000, 1152000, 1500000,
					2000000, 2500000, 3000000, 3500000, 4000000};
	unsigned code = cflag & CBAUD, i = code & 15;

	if (!(code & CBAUDEX))
		return low[i];
	return i >= 1 && i <= 15 ? high[i - 1] : 0;
}

static void get_termios(struct pty *p, struct termios2 *t)
{
	pthread_mutex_lock(&p->io);
	*t = p->line.t;
	pthread_mutex_unlock(&p->io);
}

static void set_termios(struct pty *p, const struct termios2 *t, bool flush)
{
	bool was, is;

	pthread_mutex_lock(&p->io);
	if (flush)
		ldisc_flush_input(&p->line);
	was = p->line.t.c_iflag & IXON;
	ldisc_set_termios(&p->line, t);
	is = p->line.t.c_iflag & IXON;
	/* Whether the other end may do flow control itself (rlogin asks so). */
	if (p->packet && was != is)
		p->packet_status |= is ? TIOCPKT_DOSTOP : TIOCPKT_NOSTOP;
	pthread_mutex_unlock(&p->io);
	waitq_wake(&p->slave_wait, POLLIN | POLLRDNORM);
	waitq_wake(&p->master_wait, POLLIN | POLLRDNORM | POLLOUT | POLLWRNORM);
}

/* The System V struct: 16-bit flags and 8 control characters. */
static long get_termio(struct pty *p, uint64_t arg)
{
	struct termio io = {0};
	struct termios2 t;

	get_termios(p, &t);
	io.c_iflag = t.c_iflag;
	io.c_oflag = t.c_oflag;
	io.c_cflag = t.c_cflag;
	io.c_lflag = t.c_lflag;
	io.c_line = t.c_line;
	memcpy(io.c_cc, t.c_cc, sizeof(io.c_cc));
	return copy_out_obj(arg, &io);
}

static int in_termio(struct pty *p, uint64_t arg, struct termios2 *t)
{
	struct termio io;

	if (copy_in_obj(&io, arg) < 0)
		return -EFAULT;
	get_termios(p, t);
	t->c_iflag = (t->c_iflag & ~0xffffu) | io.c_iflag;
	t->c_oflag = (t->c_oflag & ~0xffffu) | io.c_oflag;
	t->c_cflag = (t->c_cflag & ~0xffffu) | io.c_cflag;
	t->c_lflag = (t->c_lflag & ~0xffffu) | io.c_lflag;
	memcpy(t->c_cc, io.c_cc, sizeof(io.c_cc));
	return 0;
}

static int in_termios(struct pty *p, unsigned cmd, uint64_t arg, struct termios2 *t)
{
	switch (cmd) {
	case TCSETA:
	case TCSETAW:
	case TCSETAF:
		return in_termio(p, arg, t);
	case TCSETS2:
	case TCSETSW2:
	case TCSETSF2:
		return copy_in_obj(t, arg);
	default:
		/* struct termios is struct termios2 without the two speeds. */
		get_termios(p, t);
		if (copy_in(t, arg, sizeof(struct termios)) < 0)
			return -EFAULT;
		t->c_ispeed = t->c_ospeed = baud(t->c_cflag);
		return 0;
	}
}

static long change_termios(struct pty *p, unsigned cmd, uint64_t arg, bool master)
{
	struct termios2 t;
	int r = master ? 0 : tty_check_background(&p->tty, SIGTTOU);

	if (r == 0)
		r = in_termios(p, cmd, arg, &t);
	if (r < 0)
		return r;
	if ((t.c_cflag & CBAUD) != BOTHER)
		t.c_ispeed = t.c_ospeed = baud(t.c_cflag);
	/* Eight bits, always a receiver: a pty has no other wire. */
	t.c_cflag = (t.c_cflag & ~(unsigned)(CSIZE | PARENB)) | CS8 | CREAD;
	t.c_line = N_TTY;
	set_termios(p, &t, cmd == TCSETSF || cmd == TCSETSF2 || cmd == TCSETAF);
	return 0;
}

/* ---- window, queues, flow ---------------------------------------------------------------------- */

static long set_size(struct pty *p, uint64_t arg)
{
	struct pty_winsize w;
	bool changed;

	if (copy_in_obj(&w, arg) < 0)
		return -EFAULT;
	pthread_mutex_lock(&p->io);
	changed = memcmp(&w, &p->size, sizeof(w)) != 0;
	p->size = w;
	pthread_mutex_unlock(&p->io);
	if (changed)
		tty_signal_foreground(&p->tty, SIGWINCH);
	return 0;
}

static long flush(struct pty *p, int which)
{
	if (which != TCIFLUSH && which != TCOFLUSH && which != TCIOFLUSH)
		return -EINVAL;
	pthread_mutex_lock(&p->io);
	if (which != TCOFLUSH)
		ldisc_flush_input(&p->line);
	if (which != TCIFLUSH)
		ldisc_flush_output(&p->line);
	if (p->packet)
		p->packet_status |= (which != TCOFLUSH ? TIOCPKT_FLUSHREAD : 0) |
				    (which != TCIFLUSH ? TIOCPKT_FLUSHWRITE : 0);
	pthread_mutex_unlock(&p->io);
	waitq_wake(&p->slave_wait, POLLOUT | POLLWRNORM);
	waitq_wake(&p->master_wait, POLLIN | POLLOUT | POLLWRNORM);
	return 0;
}

static long flow(struct pty *p, int what)
{
	unsigned char c;

	pthread_mutex_lock(&p->io);
	switch (what) {
	case TCOOFF:
	case TCOON:
		if (p->packet && p->line.stopped != (what == TCOOFF))
			p->packet_status |= what == TCOOFF ? TIOCPKT_STOP : TIOCPKT_START;
		p->line.stopped = what == TCOOFF;
		break;
	case TCIOFF:
	case TCION:
		c = p->line.t.c_cc[what == TCIOFF ? VSTOP : VSTART];
		if (c)
			ldisc_send_raw(&p->line, c);
		break;
	default:
		pthread_mutex_unlock(&p->io);
		return -EINVAL;
	}
	pthread_mutex_unlock(&p->io);
	waitq_wake(&p->master_wait, POLLIN | POLLRDNORM);
	return 0;
}

static long queued(struct pty *p, uint64_t arg, bool master)
{
	int n;

	pthread_mutex_lock(&p->io);
	n = master ? ldisc_output(&p->line) : ldisc_available(&p->line);
	pthread_mutex_unlock(&p->io);
	return copy_out_obj(arg, &n);
}

static long put_int(uint64_t arg, int value)
{
	return copy_out_obj(arg, &value);
}

/* ---- both sides -------------------------------------------------------------------------------- */

/* What only the master understands. */
static long master_request(struct pty *p, unsigned cmd, uint64_t arg)
{
	int on;

	switch (cmd) {
	case TIOCGPTN:
		return put_int(arg, minor(p->tty.rdev));
	case TIOCGPTLCK:
		return put_int(arg, p->locked);
	case TIOCGPKT:
		return put_int(arg, p->packet);
	case TIOCSPTLCK:
	case TIOCPKT:
		if (copy_in_obj(&on, arg) < 0)
			return -EFAULT;
		pthread_mutex_lock(&p->io);
		if (cmd == TIOCSPTLCK)
			p->locked = on;
		else if (p->packet != !!on)
			p->packet = on, p->packet_status = 0;
		pthread_mutex_unlock(&p->io);
		return 0;
	case TIOCSIG:
		if ((int)arg < 1 || (int)arg > 64)
			return -EINVAL;
		tty_signal_foreground(&p->tty, arg);
		return 0;
	default:
		return -ENOTTY;
	}
}

long pty_ioctl(struct pty *p, unsigned cmd, uint64_t arg, bool master)
{
	struct termios2 t;
	int r, ldisc;

	switch (cmd) {
	case TCGETS:
		get_termios(p, &t);
		return copy_out(arg, &t, sizeof(struct termios));
	case TCGETS2:
		get_termios(p, &t);
		return copy_out_obj(arg, &t);
	case TCGETA:
		return get_termio(p, arg);
	case TCSETS:
	case TCSETSW:
	case TCSETSF:
	case TCSETS2:
	case TCSETSW2:
	case TCSETSF2:
	case TCSETA:
	case TCSETAW:
	case TCSETAF:
		return change_termios(p, cmd, arg, master);
	case TIOCGWINSZ:
		return copy_out_obj(arg, &p->size);
	case TIOCSWINSZ:
		return set_size(p, arg);
	case FIONREAD:
		return queued(p, arg, master);
	case TIOCOUTQ:
		return put_int(arg, 0);
	case TCFLSH:
	case TCXONC:
	case TCSBRK:
	case TCSBRKP:
		r = master ? 0 : tty_check_background(&p->tty, SIGTTOU);
		if (r < 0)
			return r;
		/* Breaks are not seen by anybody, and output is the master's at once: drained. */
		return cmd == TCFLSH ? flush(p, arg) : cmd == TCXONC ? flow(p, arg) : 0;
	case TIOCEXCL:
	case TIOCNXCL:
		p->exclusive = cmd == TIOCEXCL;
		return 0;
	case TIOCGEXCL:
		return put_int(arg, p->exclusive);
	case TIOCGETD:
		return put_int(arg, N_TTY);
	case TIOCSETD:
		if (copy_in_obj(&ldisc, arg) < 0)
			return -EFAULT;
		return ldisc == N_TTY ? 0 : -EINVAL;
	default:
		return master ? master_request(p, cmd, arg) : -ENOTTY;
	}
}
