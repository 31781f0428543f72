/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The line discipline, key by key: what the program reads, what the screen shows, what is signalled. */
#include <signal.h>
#include <string.h>

#include "tests/base/check.h"
#include "vfs/ldisc.h"

static struct ldisc l;
static unsigned signals;

static size_t type(const char *s)
{
	return ldisc_receive(&l, (const unsigned char *)s, strlen(s), &signals);
}

/* Does the next read give exactly this? */
static bool reads(const char *want)
{
	unsigned char buf[LDISC_SIZE];
	size_t n = ldisc_read(&l, buf, sizeof(buf));

	if (n == strlen(want) && memcmp(buf, want, n) == 0)
		return true;
	fprintf(stderr, "read \"%.*s\", not \"%s\"\n", (int)n, buf, want);
	return false;
}

/* Has the screen got exactly this since the last look? */
static bool shows(const char *want)
{
	unsigned char buf[LDISC_SIZE];
	size_t n = ldisc_take(&l, buf, sizeof(buf));

	if (n == strlen(want) && memcmp(buf, want, n) == 0)
		return true;
	fprintf(stderr, "screen \"%.*s\", not \"%s\"\n", (int)n, buf, want);
	return false;
}

static void fresh(void)
{
	ldisc_init(&l);
}

static void change(unsigned lflag_off, unsigned lflag_on, unsigned iflag_on)
{
	struct termios2 t = l.t;

	t.c_lflag = (t.c_lflag & ~lflag_off) | lflag_on;
	t.c_iflag |= iflag_on;
	ldisc_set_termios(&l, &t);
}

static void test_lines(void)
{
	fresh();
	type("ab");
	CHECK(!ldisc_readable(&l) && ldisc_available(&l) == 0);
	CHECK(shows("ab"));
	type("c\r");
	CHECK(shows("c\r\n"));
	CHECK(ldisc_readable(&l) && ldisc_available(&l) == 4);
	type("second\nthird");
	CHECK(reads("abc\n"));
	CHECK(reads("second\n"));
	CHECK(!ldisc_readable(&l));
}

static void test_short_reads(void)
{
	unsigned char buf[2];

	fresh();
	type("abc\n");
	CHECK(ldisc_read(&l, buf, 2) == 2 && memcmp(buf, "ab", 2) == 0);
	CHECK(reads("c\n"));
}

static void test_end_of_file(void)
{
	unsigned char buf[3];

	fresh();
	type("\4");
	CHECK(ldisc_readable(&l) && ldisc_available(&l) == 0);
	CHECK(reads(""));
	CHECK(!ldisc_readable(&l));
	type("abc\4");
	/* A buffer that is just full takes the mark along: the next read is not an end of file. */
	CHECK(ldisc_read(&l, buf, 3) == 3);
	CHECK(!ldisc_readable(&l));
	CHECK(shows("abc"));
}

static void test_erase(void)
{
	fresh();
	type("abx\177c\n");
	CHECK(shows("abx\b \bc\r\n"));
	CHECK(reads("abc\n"));
	/* Not beyond the start of the line. */
	type("\177\177a\n");
	CHECK(shows("a\r\n"));
	CHECK(reads("a\n"));
	/* A control character is two columns wide. */
	type("\1\177\n");
	CHECK(shows("^A\b \b\b \b\r\n"));
	CHECK(reads("\n"));
}

static void test_erase_tab(void)
{
	fresh();
	type("ab\t\177\n");
	CHECK(shows("ab\t\b\b\b\b\b\b\r\n"));
	CHECK(reads("ab\n"));
}

static void test_erase_utf8(void)
{
	fresh();
	change(0, 0, IUTF8);
	type("a\xc3\xa9\177b\n");
	CHECK(shows("a\xc3\xa9\b \bb\r\n"));
	CHECK(reads("ab\n"));
}

static void test_words_and_lines(void)
{
	fresh();
	type("one two\27X\n");
	CHECK(shows("one two\b \b\b \b\b \bX\r\n"));
	CHECK(reads("one X\n"));
	type("one two  \27\n");
	CHECK(reads("one \n"));
	fresh();
	type("kill\25me\n");
	CHECK(shows("kill\b \b\b \b\b \b\b \bme\r\n"));
	CHECK(reads("me\n"));
}

static void test_literal(void)
{
	fresh();
	type("a\26\3b\n");
	CHECK(signals == 0);
	CHECK(shows("a^\b^Cb\r\n"));
	CHECK(reads("a\3b\n"));
}

static void test_reprint(void)
{
	fresh();
	type("ab\22c\n");
	CHECK(shows("ab^R\r\nabc\r\n"));
	CHECK(reads("abc\n"));
}

static void test_signals(void)
{
	fresh();
	type("half a line\3");
	CHECK(signals == LDISC_SIGNAL(SIGINT));
	CHECK(shows("^C"));
	type("x\n");
	CHECK(reads("x\n"));
	type("\34");
	CHECK(signals == LDISC_SIGNAL(SIGQUIT));
	type("\32");
	CHECK(signals == LDISC_SIGNAL(SIGTSTP));
	change(0, NOFLSH, 0);
	type("kept\3\n");
	CHECK(signals == LDISC_SIGNAL(SIGINT));
	CHECK(reads("kept\n"));
	change(ISIG, 0, 0);
	type("\3\n");
	CHECK(signals == 0 && reads("\3\n"));
}

static void test_raw(void)
{
	fresh();
	change(ICANON | ECHO | ISIG | IEXTEN, 0, 0);
	type("a\177\4\3");
	CHECK(ldisc_available(&l) == 4);
	CHECK(reads("a\177\4\3"));
	CHECK(shows(""));
}

static void test_switching_modes(void)
{
	fresh();
	type("typed");
	change(ICANON, 0, 0);
	CHECK(reads("typed"));
	type("again");
	change(0, ICANON, 0);
	CHECK(ldisc_readable(&l));
	CHECK(reads("again"));
}

static void test_input_flags(void)
{
	struct termios2 t;

	fresh();
	t = l.t;
	t.c_iflag = INLCR;
	t.c_lflag &= ~(unsigned)(ICANON | ECHO);
	ldisc_set_termios(&l, &t);
	type("a\nb\r");
	CHECK(reads("a\rb\r"));
	t.c_iflag = IGNCR | ISTRIP;
	ldisc_set_termios(&l, &t);
	type("a\r\xe1");
	CHECK(reads("aa"));
}

static void test_flow(void)
{
	fresh();
	type("\23");
	CHECK(ldisc_write(&l, (const unsigned char *)"out", 3) == 3);
	CHECK(ldisc_output(&l) == 0 && shows(""));
	type("\21");
	CHECK(shows("out"));
	CHECK(!ldisc_readable(&l));
}

static void test_output(void)
{
	struct termios2 t;

	fresh();
	ldisc_write(&l, (const unsigned char *)"a\nb\tc\n", 6);
	CHECK(shows("a\r\nb\tc\r\n"));
	t = l.t;
	t.c_oflag = OPOST | XTABS;
	ldisc_set_termios(&l, &t);
	ldisc_write(&l, (const unsigned char *)"ab\tc", 4);
	CHECK(shows("ab      c"));
	t.c_oflag = OPOST | OCRNL;
	ldisc_set_termios(&l, &t);
	ldisc_write(&l, (const unsigned char *)"\r", 1);
	CHECK(shows("\n"));
	t.c_oflag = 0;
	ldisc_set_termios(&l, &t);
	ldisc_write(&l, (const unsigned char *)"\r\n\t", 3);
	CHECK(shows("\r\n\t"));
}

static void test_full(void)
{
	static char big[2 * LDISC_SIZE];

	memset(big, 'x', sizeof(big) - 1);
	/* Raw: the writer waits. */
	fresh();
	change(ICANON | ECHO, 0, 0);
	CHECK(type(big) < sizeof(big) - 1);
	CHECK(!ldisc_can_receive(&l));
	/* Canonical: an endless line loses its tail, but can be ended. */
	fresh();
	change(ECHO, 0, 0);
	CHECK(type(big) == sizeof(big) - 1);
	CHECK(type("\n") == 1);
	CHECK(ldisc_readable(&l) && ldisc_available(&l) == LDISC_SIZE);
	CHECK(!ldisc_can_receive(&l));
	/* Output: what does not fit is the writer's to keep. */
	fresh();
	CHECK(ldisc_write(&l, (unsigned char *)big, sizeof(big) - 1) <= LDISC_SIZE);
	CHECK(ldisc_write_room(&l) < LDISC_BYTE_MAX);
}

/* Any bytes in any portions: the counters stay sane, and nothing is read that was not typed. */
static void test_random(void)
{
	unsigned seed = 1;

	fresh();
	for (int i = 0; i < 200000; i++) {
		unsigned char buf[64];
		size_t n, got;

		seed = seed * 1103515245 + 12345;
		n = seed >> 16 & 63;
		for (size_t k = 0; k < n; k++) {
			seed = seed * 1103515245 + 12345;
			buf[k] = seed >> 16;
		}
		CHECK(ldisc_receive(&l, buf, n, &signals) <= n);
		got = ldisc_read(&l, buf, seed >> 20 & 63);
		CHECK(got <= (seed >> 20 & 63));
		CHECK(l.tail - l.head <= LDISC_SIZE);
		CHECK(!(l.t.c_lflag & ICANON) || l.canon - l.head <= l.tail - l.head);
		ldisc_take(&l, buf, sizeof(buf));
		if ((seed >> 8 & 255) == 0)
			change(l.t.c_lflag & ICANON, ~l.t.c_lflag & ICANON, 0);
	}
}

int main(void)
{
	test_lines();
	test_short_reads();
	test_end_of_file();
	test_erase();
	test_erase_tab();
	test_erase_utf8();
	test_words_and_lines();
	test_literal();
	test_reprint();
	test_signals();
	test_raw();
	test_switching_modes();
	test_input_flags();
	test_flow();
	test_output();
	test_full();
	test_random();
	return check_done();
}
