/* SPDX-License-Identifier: GPL-2.0-or-later */
/* pty(7), termios(3), tty_ioctl(4), job control. */
#include "abi.h"

#include <pty.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <utmp.h>

static int master, slave;

static void open_pair(void)
{
	REQUIRE(openpty(&master, &slave, NULL, NULL, NULL) == 0);
	/* nothing may wait for ever: what does not come fails the comparison */
	fcntl(master, F_SETFL, O_NONBLOCK);
}

static void type(const char *s)
{
	REQUIRE(write(master, s, strlen(s)) == (ssize_t)strlen(s));
}

/* All the output that comes on the master until it has been quiet for 50 ms. */
static const char *output(void)
{
	static char buf[4096];
	size_t n = 0;
	struct pollfd f = {master, POLLIN, 0};

	while (n < sizeof(buf) - 1 && poll(&f, 1, 50) > 0 && f.revents & POLLIN) {
		ssize_t r = read(master, buf + n, sizeof(buf) - 1 - n);

		if (r <= 0)
			break;
		n += r;
	}
	buf[n] = 0;
	return buf;
}

static const char *line(void)
{
	static char buf[512];
	ssize_t n = read(slave, buf, sizeof(buf) - 1);

	buf[n < 0 ? 0 : n] = 0;
	return buf;
}

CASE(pair, "posix_openpt, ptsname, isatty, ttyname; hang-up of the master is EOF and SIGHUP")
{
	int m = posix_openpt(O_RDWR | O_NOCTTY);

	REQUIRE(m >= 0);
	CHECK_EQ(grantpt(m), 0);
	CHECK_EQ(unlockpt(m), 0);
	char *name = ptsname(m), c;

	CHECK(strncmp(name, "/dev/pts/", 9) == 0);
	int s = open(name, O_RDWR | O_NOCTTY);

	REQUIRE(s >= 0);
	CHECK(isatty(s) && isatty(m));
	CHECK_STR(ttyname(s), name);
	CHECK(!isatty(abi_tmpfile()));
	close(m);
	CHECK_EQ(read(s, &c, 1), 0);
	CHECK_FAILS(write(s, "x", 1), EIO);
	open_pair();
	close(slave);
	CHECK_FAILS(read(master, &c, 1), EIO);
}

CASE(canonical, "canonical input: echo, erase, kill, word erase, end of file, CR to NL")
{
	open_pair();
	type("hello\n");
	CHECK_STR(output(), "hello\r\n");
	CHECK_STR(line(), "hello\n");
	type("helxx\177\177lo\r");
	CHECK_STR(line(), "hello\n");
	CHECK_STR(output(), "helxx\b \b\b \blo\r\n");
	type("rubbish\025good\n");
	CHECK_STR(line(), "good\n");
	type("one two\027three\n");
	CHECK_STR(line(), "one three\n");
	type("end\004");
	CHECK_STR(line(), "end");
	type("\004");
	CHECK_EQ(read(slave, (char[1]){0}, 1), 0);
	type("\026\003\n"); /* literal next */
	CHECK_STR(line(), "\003\n");
	type("two\nlines\n");
	CHECK_STR(line(), "two\n");
	CHECK_STR(line(), "lines\n");
	output();
	CHECK_EQ(write(slave, "a\nb", 3), 3);
	CHECK_STR(output(), "a\r\nb");
	fcntl(slave, F_SETFL, O_NONBLOCK);
	type("no newline");
	CHECK_FAILS(read(slave, (char[1]){0}, 1), EAGAIN);
}

CASE(raw, "raw mode: bytes at once, nothing echoed, VMIN and VTIME")
{
	struct termios t, got;
	char buf[16];

	open_pair();
	tcgetattr(slave, &t);
	cfmakeraw(&t);
	CHECK_EQ(tcsetattr(slave, TCSANOW, &t), 0);
	CHECK_EQ(tcgetattr(slave, &got), 0);
	CHECK_EQ(got.c_lflag, t.c_lflag);
	type("ab\003\r");
	CHECK_EQ(read(slave, buf, 16), 4);
	CHECK(memcmp(buf, "ab\003\r", 4) == 0);
	CHECK_STR(output(), "");
	CHECK_EQ(write(slave, "\n", 1), 1);
	CHECK_STR(output(), "\n");
	t.c_cc[VMIN] = 0;
	t.c_cc[VTIME] = 1;
	tcsetattr(slave, TCSANOW, &t);
	int64_t t0 = abi_now_us();

	CHECK_EQ(read(slave, buf, 16), 0);
	CHECK(abi_now_us() - t0 >= 90000);
	t.c_cc[VMIN] = 3;
	t.c_cc[VTIME] = 0;
	tcsetattr(slave, TCSAFLUSH, &t);
	type("xyz");
	CHECK_EQ(read(slave, buf, 16), 3);
}

static volatile int got;

static void on_signal(int sig)
{
	got = sig;
}

CASE(window, "TIOCSWINSZ is read back and sends SIGWINCH to the foreground group")
{
	struct winsize w = {24, 80, 0, 0}, r;

	open_pair();
	CHECK_EQ(ioctl(master, TIOCSWINSZ, &w), 0);
	CHECK_EQ(ioctl(slave, TIOCGWINSZ, &r), 0);
	CHECK(r.ws_row == 24 && r.ws_col == 80);
	pid_t pid = fork();

	if (pid == 0) {
		signal(SIGWINCH, on_signal);
		REQUIRE(login_tty(slave) == 0);
		REQUIRE(write(1, "ready", 5) == 5);
		while (!got)
			usleep(1000);
		_exit(ioctl(0, TIOCGWINSZ, &r) == 0 && r.ws_col == 132 && r.ws_row == 50 ? 0 : 1);
	}
	while (!strstr(output(), "ready"))
		;
	w = (struct winsize){50, 132, 0, 0};
	CHECK_EQ(ioctl(master, TIOCSWINSZ, &w), 0);
	CHILD_OK(pid);
}

CASE(signals, "^C, ^\\ and ^Z go to the foreground group only")
{
	static const struct {
		const char *key;
		int sig;
	} keys[] = {{"\003", SIGINT}, {"\034", SIGQUIT}, {"\032", SIGTSTP}};

	for (int i = 0; i < 3; i++) {
		open_pair();
		pid_t pid = fork();

		if (pid == 0) {
			REQUIRE(login_tty(slave) == 0);
			signal(SIGINT, SIG_IGN);
			signal(SIGQUIT, SIG_IGN);
			signal(SIGTSTP, SIG_IGN);
			signal(SIGTTOU, SIG_IGN);
			pid_t fg = fork();

			if (fg == 0) {
				setpgid(0, 0);
				tcsetpgrp(0, getpid());
				signal(SIGINT, SIG_DFL);
				signal(SIGQUIT, SIG_DFL);
				signal(SIGTSTP, SIG_DFL);
				REQUIRE(write(1, "ready", 5) == 5);
				for (;;)
					pause();
			}
			int st;

			waitpid(fg, &st, WUNTRACED);
			int sig = WIFSTOPPED(st) ? WSTOPSIG(st) : WTERMSIG(st);

			kill(fg, SIGKILL);
			_exit(sig == keys[i].sig ? 0 : 1);
		}
		close(slave);
		while (!strstr(output(), "ready"))
			;
		type(keys[i].key);
		CHILD_OK(pid);
		close(master);
	}
}

CASE(job_control, "a background reader gets SIGTTIN, a background tcsetattr SIGTTOU")
{
	open_pair();
	pid_t pid = fork();

	if (pid == 0) {
		int st;
		struct termios t;

		REQUIRE(login_tty(slave) == 0);
		CHECK_EQ(tcgetpgrp(0), getpid());
		CHECK_EQ(tcgetsid(0), getpid());
		for (int i = 0; i < 2; i++) {
			pid_t bg = fork();

			if (bg == 0) {
				setpgid(0, 0);
				char c;

				if (i == 0)
					(void)!read(0, &c, 1);
				tcgetattr(0, &t);
				tcsetattr(0, TCSANOW, &t);
				_exit(0);
			}
			setpgid(bg, bg);
			CHECK_EQ(waitpid(bg, &st, WUNTRACED), bg);
			CHECK(WIFSTOPPED(st));
			CHECK_EQ(WSTOPSIG(st), i == 0 ? SIGTTIN : SIGTTOU);
			kill(bg, SIGKILL);
			waitpid(bg, &st, 0);
		}
		/* an orphaned or blocking background reader gets EIO instead */
		pid_t bg = fork();

		if (bg == 0) {
			char c;

			setpgid(0, 0);
			signal(SIGTTIN, SIG_IGN);
			CHECK_FAILS(read(0, &c, 1), EIO);
			CHILD_EXIT();
		}
		CHILD_OK(bg);
		CHILD_EXIT();
	}
	close(slave);
	int st;

	for (int i = 0; i < 600 && waitpid(pid, &st, WNOHANG) == 0; i++) {
		const char *s = output();

		if (*s)
			abi_say("# %s", s);
	}
	CHECK(WIFEXITED(st) && WEXITSTATUS(st) == 0);
}

CASE(controlling, "/dev/tty is the controlling terminal; without one it is ENXIO; SIGHUP at its end")
{
	open_pair();
	pid_t pid = fork();

	if (pid == 0) {
		setsid();
		CHECK_FAILS(open("/dev/tty", O_RDWR), ENXIO);
		CHECK_EQ(ioctl(slave, TIOCSCTTY, 0), 0);
		int t = open("/dev/tty", O_RDWR);

		CHECK(t >= 0);
		CHECK_EQ(write(t, "via tty", 7), 7);
		signal(SIGHUP, on_signal);
		close(master);
		if (!abi_failures)
			CHECK_EQ(write(t, "!", 1), 1);
		while (!got)
			usleep(1000);
		CHECK_EQ(got, SIGHUP);
		CHILD_EXIT();
	}
	close(slave);
	char all[64] = "";

	for (int i = 0; i < 100 && !strchr(all, '!'); i++)
		strncat(all, output(), 20);
	CHECK_STR(all, "via tty!");
	close(master);
	CHILD_OK(pid);
}

CASE(readiness, "poll on both ends; FIONREAD and tcflush")
{
	open_pair();
	struct pollfd f[2] = {{master, POLLIN | POLLOUT, 0}, {slave, POLLIN | POLLOUT, 0}};
	int n = -1;

	CHECK_EQ(poll(f, 2, 0), 2);
	CHECK_EQ(f[0].revents, POLLOUT);
	CHECK_EQ(f[1].revents, POLLOUT);
	type("abc\n");
	f[0].events = POLLIN; /* the echo comes a moment later */
	CHECK_EQ(poll(f, 1, 1000), 1);
	CHECK_EQ(f[0].revents, POLLIN);
	CHECK_EQ(poll(f + 1, 1, 1000), 1);
	CHECK_EQ(f[1].revents, POLLIN | POLLOUT);
	CHECK_EQ(ioctl(slave, FIONREAD, &n), 0);
	CHECK_EQ(n, 4);
	CHECK_EQ(tcflush(slave, TCIFLUSH), 0);
	CHECK_EQ(poll(f + 1, 1, 0), 1);
	CHECK_EQ(f[1].revents, POLLOUT);
	close(slave);
	output();
	CHECK_EQ(poll(f, 1, 1000), 1);
	CHECK(f[0].revents & POLLHUP);
}

CASE(leader_exits, "a session leader's end hangs up nobody who else holds the slave")
{
	open_pair();
	pid_t pid = fork();

	if (pid == 0) {
		REQUIRE(login_tty(dup(slave)) == 0);
		REQUIRE(write(1, "bye", 3) == 3);
		_exit(3);
	}
	CHECK_EQ(waitpid(pid, NULL, 0), pid);
	CHECK_STR(output(), "bye");
	struct pollfd f[2] = {{master, POLLIN, 0}, {slave, POLLIN, 0}};

	CHECK_EQ(poll(f, 2, 50), 0);
	CHECK_EQ(write(slave, "more", 4), 4);
	CHECK_STR(output(), "more");
	type("in\n");
	CHECK_STR(line(), "in\n");
}
