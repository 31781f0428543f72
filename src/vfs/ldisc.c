/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "vfs/ldisc.h"

#include <signal.h>
#include <string.h>

#define MASK (LDISC_SIZE - 1)
#define CTRL_BIT 0100

static bool iflag(const struct ldisc *l, unsigned f)
{
	return l->t.c_iflag & f;
}

static bool lflag(const struct ldisc *l, unsigned f)
{
	return l->t.c_lflag & f;
}

/* Is c the control character i, and is that one enabled? */
static bool is_cc(const struct ldisc *l, unsigned char c, int i)
{
	return l->t.c_cc[i] == c && c != 0;
}

void ldisc_init(struct ldisc *l)
{
	static const unsigned char cc[NCCS] = {
		[VINTR] = 3,	[VQUIT] = 28, [VERASE] = 127, [VKILL] = 21,   [VEOF] = 4,
		[VTIME] = 0,	[VMIN] = 1,   [VSTART] = 17,  [VSTOP] = 19,   [VSUSP] = 26,
		[VREPRINT] = 18, [VDISCARD] = 15, [VWERASE] = 23, [VLNEXT] = 22,
	};

	memset(l, 0, sizeof(*l));
	l->t.c_iflag = ICRNL | IXON;
	l->t.c_oflag = OPOST | ONLCR;
	l->t.c_cflag = B38400 | CS8 | CREAD;
	l->t.c_lflag = ISIG | ICANON | ECHO | ECHOE | ECHOK | ECHOCTL | ECHOKE | IEXTEN;
	memcpy(l->t.c_cc, cc, sizeof(l->t.c_cc));
	l->t.c_ispeed = l->t.c_ospeed = 38400;
}

void ldisc_set_termios(struct ldisc *l, const struct termios2 *t)
{
	unsigned changed = l->t.c_lflag ^ t->c_lflag;

	l->t = *t;
	if (changed & ICANON) {
		memset(l->in_delim, 0, sizeof(l->in_delim));
		l->canon = l->head;
		/* What was typed in raw mode counts as a line of its own. */
		if (lflag(l, ICANON) && l->tail != l->head) {
			unsigned last = (l->tail - 1) & MASK;

			l->in_delim[last / 64] |= 1ULL << last % 64;
			l->canon = l->tail;
		}
		l->literal = l->erasing = false;
	}
	if (!iflag(l, IXON))
		l->stopped = false;
}

/* ---- output ------------------------------------------------------------------------------------ */

size_t ldisc_write_room(const struct ldisc *l)
{
	return LDISC_SIZE - (l->out_tail - l->out_head);
}

static void put_raw(struct ldisc *l, unsigned char c)
{
	if (ldisc_write_room(l))
		l->out[l->out_tail++ & MASK] = c;
}

void ldisc_send_raw(struct ldisc *l, unsigned char c)
{
	put_raw(l, c);
}

/* UTF-8 continuation bytes take no column. */
static bool continuation(const struct ldisc *l, unsigned char c)
{
	return iflag(l, IUTF8) && (c & 0xc0) == 0x80;
}

/* One byte through output processing (OPOST). */
static void put_processed(struct ldisc *l, unsigned char c)
{
	unsigned o = l->t.c_oflag;

	if (!(o & OPOST)) {
		put_raw(l, c);
		return;
	}
	switch (c) {
	case '\n':
		if (o & ONLRET)
			l->column = 0;
		if (o & ONLCR) {
			l->column = 0;
			put_raw(l, '\r');
		}
		l->canon_column = l->column;
		break;
	case '\r':
		if ((o & ONOCR) && l->column == 0)
			return;
		if (o & OCRNL) {
			c = '\n';
			if (o & ONLRET)
				l->canon_column = l->column = 0;
			break;
		}
		l->canon_column = l->column = 0;
		break;
	case '\t': {
		unsigned spaces = 8 - (l->column & 7);

		l->column += spaces;
		if ((o & TABDLY) == XTABS) {
			while (spaces--)
				put_raw(l, ' ');
			return;
		}
		break;
	}
	case '\b':
		if (l->column > 0)
			l->column--;
		break;
	default:
		if (o & OLCUC && c >= 'a' && c <= 'z')
			c -= 'a' - 'A';
		if (c >= ' ' && c != 127 && !continuation(l, c))
			l->column++;
		break;
	}
	put_raw(l, c);
}

size_t ldisc_write(struct ldisc *l, const unsigned char *p, size_t n)
{
	size_t i;

	for (i = 0; i < n && ldisc_write_room(l) >= LDISC_BYTE_MAX; i++)
		put_processed(l, p[i]);
	return i;
}

size_t ldisc_output(const struct ldisc *l)
{
	return l->stopped ? 0 : l->out_tail - l->out_head;
}

size_t ldisc_take(struct ldisc *l, unsigned char *p, size_t n)
{
	size_t i, have = ldisc_output(l);

	if (n > have)
		n = have;
	for (i = 0; i < n; i++)
		p[i] = l->out[l->out_head++ & MASK];
	return n;
}

void ldisc_flush_output(struct ldisc *l)
{
	l->out_head = l->out_tail;
}

/* ---- echo -------------------------------------------------------------------------------------- */

static bool is_control(unsigned char c)
{
	return c < ' ' || c == 127;
}

static void echo_caret(struct ldisc *l, unsigned char c)
{
	put_processed(l, '^');
	put_processed(l, c ^ CTRL_BIT);
}

/* As typed, but control characters as ^X. */
static void echo(struct ldisc *l, unsigned char c)
{
	if (lflag(l, ECHOCTL) && is_control(c) && c != '\t' && c != '\n')
		echo_caret(l, c);
	else
		put_processed(l, c);
}

/* How wide the byte at ring position i is on the screen; tabs depend on what stands before. */
static unsigned echo_width(const struct ldisc *l, unsigned char c)
{
	if (is_control(c))
		return lflag(l, ECHOCTL) ? 2 : 0;
	return continuation(l, c) ? 0 : 1;
}

static void rub_out(struct ldisc *l, unsigned width)
{
	while (width--) {
		put_raw(l, '\b');
		put_raw(l, ' ');
		put_raw(l, '\b');
		if (l->column > 0)
			l->column--;
	}
}

/* The cursor goes back over a tab: to the column behind what is left of the line. */
static void rub_out_tab(struct ldisc *l)
{
	unsigned column = l->canon_column;

	for (unsigned i = l->canon; i != l->tail; i++) {
		unsigned char c = l->in[i & MASK];

		column = c == '\t' ? (column | 7) + 1 : column + echo_width(l, c);
	}
	while (l->column > column) {
		put_raw(l, '\b');
		l->column--;
	}
}

/* ---- editing ----------------------------------------------------------------------------------- */

static bool word_byte(unsigned char c)
{
	return c >= 0x80 || c == '_' || (c >= '0' && c <= '9') || ((c | 32) >= 'a' && (c | 32) <= 'z');
}

/* Takes the last character (all its UTF-8 bytes) off the line and off the screen. */
static void erase_one(struct ldisc *l)
{
	unsigned char c;

	do
		c = l->in[--l->tail & MASK];
	while (continuation(l, c) && l->tail != l->canon);
	if (!lflag(l, ECHO))
		return;
	if (lflag(l, ECHOPRT)) {
		if (!l->erasing)
			put_processed(l, '\\');
		l->erasing = true;
		echo(l, c);
	} else if (!lflag(l, ECHOE)) {
		echo(l, l->t.c_cc[VERASE]);
	} else if (c == '\t') {
		rub_out_tab(l);
	} else {
		rub_out(l, echo_width(l, c));
	}
}

static void erase_word(struct ldisc *l)
{
	bool seen = false;

	while (l->tail != l->canon) {
		bool word = word_byte(l->in[(l->tail - 1) & MASK]);

		if (seen && !word)
			break;
		seen |= word;
		erase_one(l);
	}
}

static void erase_line(struct ldisc *l)
{
	if (lflag(l, ECHO) && lflag(l, ECHOK) && lflag(l, ECHOKE) && lflag(l, ECHOE)) {
		while (l->tail != l->canon)
			erase_one(l);
		return;
	}
	l->tail = l->canon;
	if (lflag(l, ECHO)) {
		echo(l, l->t.c_cc[VKILL]);
		if (lflag(l, ECHOK))
			put_processed(l, '\n');
	}
}

static void reprint(struct ldisc *l)
{
	echo(l, l->t.c_cc[VREPRINT]);
	put_processed(l, '\n');
	for (unsigned i = l->canon; i != l->tail; i++)
		echo(l, l->in[i & MASK]);
}

static void end_erasing(struct ldisc *l)
{
	if (l->erasing) {
		put_processed(l, '/');
		l->erasing = false;
	}
}

/* ---- input ------------------------------------------------------------------------------------- */

static unsigned in_room(const struct ldisc *l)
{
	return LDISC_SIZE - (l->tail - l->head);
}

static void store(struct ldisc *l, unsigned char c, bool delimiter)
{
	unsigned i = l->tail++ & MASK;

	l->in[i] = c;
	if (delimiter) {
		l->in_delim[i / 64] |= 1ULL << i % 64;
		l->canon = l->tail;
	} else {
		l->in_delim[i / 64] &= ~(1ULL << i % 64);
	}
}

/* The last place is kept for a line's end. */
static void store_char(struct ldisc *l, unsigned char c)
{
	if (in_room(l) <= 1)
		return;
	if (lflag(l, ECHO)) {
		end_erasing(l);
		if (l->tail == l->canon)
			l->canon_column = l->column;
		echo(l, c);
	}
	store(l, c, false);
}

/* INTR, QUIT, SUSP: true if c was one. */
static bool typed_signal(struct ldisc *l, unsigned char c, unsigned *signals)
{
	int sig;

	if (!lflag(l, ISIG))
		return false;
	if (is_cc(l, c, VINTR))
		sig = SIGINT;
	else if (is_cc(l, c, VQUIT))
		sig = SIGQUIT;
	else if (is_cc(l, c, VSUSP))
		sig = SIGTSTP;
	else
		return false;
	if (!lflag(l, NOFLSH)) {
		ldisc_flush_input(l);
		ldisc_flush_output(l);
	}
	l->stopped = false;
	if (lflag(l, ECHO))
		echo(l, c);
	*signals |= LDISC_SIGNAL(sig);
	return true;
}

/* ^S and ^Q: true if c was one. */
static bool typed_flow(struct ldisc *l, unsigned char c)
{
	if (!iflag(l, IXON))
		return false;
	if (is_cc(l, c, VSTART)) {
		l->stopped = false;
		return true;
	}
	if (is_cc(l, c, VSTOP)) {
		l->stopped = true;
		return true;
	}
	return false;
}

/* A line ends with c; c 0 stands for end of file, which is no byte of the line. */
static void end_line(struct ldisc *l, unsigned char c, bool show)
{
	if (show) {
		end_erasing(l);
		echo(l, c);
	}
	store(l, c, true);
}

/* Editing and line ends of canonical mode: true if c was one of them. */
static bool typed_canonical(struct ldisc *l, unsigned char c)
{
	bool ext = lflag(l, IEXTEN);

	if (is_cc(l, c, VERASE)) {
		if (l->tail != l->canon)
			erase_one(l);
	} else if (is_cc(l, c, VKILL)) {
		erase_line(l);
	} else if (ext && is_cc(l, c, VWERASE)) {
		erase_word(l);
	} else if (ext && is_cc(l, c, VLNEXT)) {
		l->literal = true;
		if (lflag(l, ECHO) && lflag(l, ECHOCTL)) {
			end_erasing(l);
			put_raw(l, '^');
			put_raw(l, '\b');
		}
	} else if (ext && lflag(l, ECHO) && is_cc(l, c, VREPRINT)) {
		end_erasing(l);
		reprint(l);
	} else if (c == '\n') {
		end_line(l, c, lflag(l, ECHO) || lflag(l, ECHONL));
	} else if (is_cc(l, c, VEOF)) {
		end_line(l, 0, false);
	} else if (is_cc(l, c, VEOL) || (ext && is_cc(l, c, VEOL2))) {
		end_line(l, c, lflag(l, ECHO));
	} else {
		return false;
	}
	return true;
}

/* One byte from the master. */
static void receive_one(struct ldisc *l, unsigned char c, unsigned *signals)
{
	if (iflag(l, ISTRIP))
		c &= 0x7f;
	if (iflag(l, IUCLC) && lflag(l, IEXTEN) && c >= 'A' && c <= 'Z')
		c += 'a' - 'A';
	if (l->literal) {
		l->literal = false;
		store_char(l, c);
		return;
	}
	if (typed_flow(l, c) || typed_signal(l, c, signals))
		return;
	if (l->stopped && iflag(l, IXON) && iflag(l, IXANY))
		l->stopped = false;
	if (c == '\r') {
		if (iflag(l, IGNCR))
			return;
		if (iflag(l, ICRNL))
			c = '\n';
	} else if (c == '\n' && iflag(l, INLCR)) {
		c = '\r';
	}
	if (lflag(l, ICANON) && typed_canonical(l, c))
		return;
	store_char(l, c);
}

/*
 * Full: in raw mode, or when there are lines to read first, the writer waits. One endless line loses
 * what does not fit, so that its end can still be typed.
 */
bool ldisc_can_receive(const struct ldisc *l)
{
	unsigned room = in_room(l);

	return room > 1 || (room == 1 && !ldisc_readable(l));
}

size_t ldisc_receive(struct ldisc *l, const unsigned char *p, size_t n, unsigned *signals)
{
	size_t i;

	*signals = 0;
	for (i = 0; i < n && ldisc_can_receive(l); i++)
		receive_one(l, p[i], signals);
	return i;
}

static bool is_delim(const struct ldisc *l, unsigned pos)
{
	unsigned i = pos & MASK;

	return l->in_delim[i / 64] >> i % 64 & 1;
}

size_t ldisc_available(const struct ldisc *l)
{
	size_t n = 0;

	if (!lflag(l, ICANON))
		return l->tail - l->head;
	for (unsigned i = l->head; i != l->canon; i++)
		n += !(is_delim(l, i) && l->in[i & MASK] == 0);
	return n;
}

bool ldisc_readable(const struct ldisc *l)
{
	return lflag(l, ICANON) ? l->canon != l->head : l->tail != l->head;
}

size_t ldisc_read(struct ldisc *l, unsigned char *p, size_t n)
{
	bool canonical = lflag(l, ICANON);
	unsigned end = canonical ? l->canon : l->tail;
	size_t done = 0;

	while (l->head != end) {
		unsigned char c = l->in[l->head & MASK];
		bool delim = canonical && is_delim(l, l->head);

		/* The mark of an end of file is taken even when the buffer is just full. */
		if (done == n && !(delim && c == 0))
			break;
		l->head++;
		if (!(delim && c == 0))
			p[done++] = c;
		if (delim)
			break;
	}
	return done;
}

void ldisc_flush_input(struct ldisc *l)
{
	l->head = l->tail;
	l->canon = l->tail;
	memset(l->in_delim, 0, sizeof(l->in_delim));
}
