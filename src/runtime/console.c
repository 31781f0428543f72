/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "runtime/console.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "runtime/files.h"

/* How much the container's last words may delay the end: one read each, so this is 4 MiB. */
#define DRAIN_ROUNDS 1024
#define CHUNK 4096

struct proxy {
	pid_t child;
	int master;   /* -1: no terminal */
	int user;     /* the user's terminal, for size and modes; -1: none */
	bool input;   /* standard input is still open */
	bool raw;
	struct termios saved;
};

int console_begin(struct console *con, struct error *err)
{
	sigset_t all;

	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, &con->before);
	con->signals = signalfd(-1, &all, SFD_CLOEXEC | SFD_NONBLOCK);
	if (con->signals < 0) {
		int r = -errno;

		sigprocmask(SIG_SETMASK, &con->before, NULL);
		return error_errno(err, r, "cannot make a signalfd");
	}
	return 0;
}

void console_end(struct console *con)
{
	close(con->signals);
	sigprocmask(SIG_SETMASK, &con->before, NULL);
}

/* ---- the user's terminal ------------------------------------------------------------------- */

static void copy_size(const struct proxy *p)
{
	struct winsize w;

	if (p->user >= 0 && p->master >= 0 && ioctl(p->user, TIOCGWINSZ, &w) == 0)
		ioctl(p->master, TIOCSWINSZ, &w);
}

static void open_user_terminal(struct proxy *p)
{
	struct termios raw;

	p->user = -1;
	for (int fd = 0; fd < 3 && p->user < 0; fd++)
		if (isatty(fd))
			p->user = fd;
	copy_size(p);
	if (p->user < 0 || tcgetattr(p->user, &p->saved) < 0)
		return;
	raw = p->saved;
	cfmakeraw(&raw);
	p->raw = tcsetattr(p->user, TCSANOW, &raw) == 0;
}

static void close_user_terminal(struct proxy *p)
{
	if (p->raw)
		tcsetattr(p->user, TCSANOW, &p->saved);
}

/* ---- copying ------------------------------------------------------------------------------- */

/* One chunk from `from` to `to`. 0: end of file or of the terminal; -EAGAIN: nothing there. */
static ssize_t copy_chunk(int from, int to)
{
	char buf[CHUNK];
	ssize_t n;
	int r;

	do {
		n = read(from, buf, sizeof(buf));
	} while (n < 0 && errno == EINTR);
	if (n <= 0)
		return n < 0 && errno == EAGAIN ? -EAGAIN : 0;
	r = write_all(to, buf, n);
	return r < 0 ? r : n;
}

/* What was written before the end is still in the terminal; nobody else holds its other side then,
 * except programs that were left in the background: hence without waiting. */
static void drain(const struct proxy *p)
{
	struct pollfd f = {.fd = p->master, .events = POLLIN};

	for (int i = 0; i < DRAIN_ROUNDS && poll(&f, 1, 0) > 0 && f.revents & POLLIN; i++)
		if (copy_chunk(p->master, 1) <= 0)
			break;
}

/* End of the user's input: the container's terminal is told as a person would, with ^D. */
static void send_end_of_file(const struct proxy *p)
{
	struct termios t;
	char eof = 4;

	if (tcgetattr(p->master, &t) == 0)
		eof = t.c_cc[VEOF];
	write_all(p->master, &eof, 1);
}

/* ---- signals ------------------------------------------------------------------------------- */

/* 1 when the child has ended, with its wait status in *status; 0 when it lives; a negative errno. */
static int reap(const struct proxy *p, int *status)
{
	for (;;) {
		int s;
		pid_t pid = waitpid(-1, &s, WNOHANG);

		if (pid == p->child) {
			*status = s;
			return 1;
		}
		if (pid == 0)
			return 0;
		if (pid < 0 && errno != EINTR)
			return -errno;
	}
}

/* As reap(). */
static int handle_signals(const struct proxy *p, int signals, int *status)
{
	struct signalfd_siginfo si;
	int r;

	while (read(signals, &si, sizeof(si)) == sizeof(si)) {
		switch (si.ssi_signo) {
		case SIGCHLD:
			r = reap(p, status);
			if (r)
				return r;
			break;
		case SIGWINCH:
			copy_size(p);
			if (p->master < 0)
				kill(p->child, SIGWINCH);
			break;
		case SIGPIPE:
		case SIGURG:
			break;
		/* From the keyboard, in a terminal that both are in: only this side got it. */
		default:
			kill(p->child, si.ssi_signo);
		}
	}
	return 0;
}

/* ---- the loop ------------------------------------------------------------------------------ */

static int loop(struct proxy *p, int signals, int *status)
{
	for (;;) {
		struct pollfd f[3] = {
			{.fd = signals, .events = POLLIN},
			{.fd = p->master, .events = POLLIN},
			{.fd = p->master >= 0 && p->input ? 0 : -1, .events = POLLIN},
		};

		if (poll(f, 3, -1) < 0) {
			if (errno == EINTR)
				continue;
			return -errno;
		}
		if (f[1].revents && copy_chunk(p->master, 1) <= 0) {
			/* EIO: nobody has it open at the moment, or any more. Its end comes as
			 * SIGCHLD; until then somebody may open it again, but not busily waited for. */
			struct pollfd only = {.fd = signals, .events = POLLIN};

			poll(&only, 1, 20);
		}
		if (f[2].revents && copy_chunk(0, p->master) <= 0) {
			p->input = false;
			send_end_of_file(p);
		}
		if (f[0].revents) {
			int r = handle_signals(p, signals, status);

			if (r)
				return r < 0 ? r : 0;
		}
	}
}

int console_wait(struct console *con, pid_t child, int master, int *exit_status, struct error *err)
{
	struct proxy p = {.child = child, .master = master, .user = -1, .input = true};
	int status = 0, r;

	if (master >= 0)
		open_user_terminal(&p);
	/* It may have ended before the first signal was looked at. */
	r = reap(&p, &status);
	if (r == 0)
		r = loop(&p, con->signals, &status);
	if (master >= 0) {
		drain(&p);
		close_user_terminal(&p);
		close(master);
	}
	console_end(con);
	if (r < 0)
		return error_errno(err, r, "cannot wait for the container");
	*exit_status = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
	return 0;
}
