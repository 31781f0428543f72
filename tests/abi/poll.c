/* SPDX-License-Identifier: GPL-2.0-or-later */
/* pipe(7), poll(2), select(2), epoll(7), eventfd(2), timerfd_create(2), signalfd(2), inotify(7). */
#include "abi.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/select.h>
#include <sys/sendfile.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <sys/uio.h>

CASE(pipe_rules, "pipes: order, EOF, O_NONBLOCK, FIONREAD, atomic and partial writes, F_SETPIPE_SZ")
{
	int p[2], n;
	char buf[70000];

	REQUIRE(pipe2(p, O_CLOEXEC | O_NONBLOCK) == 0);
	CHECK_EQ(fcntl(p[0], F_GETFD), FD_CLOEXEC);
	CHECK_FAILS(read(p[0], buf, 1), EAGAIN);
	CHECK_EQ(write(p[1], "hello", 5), 5);
	CHECK_EQ(ioctl(p[0], FIONREAD, &n), 0);
	CHECK_EQ(n, 5);
	CHECK_EQ(read(p[0], buf, 2), 2);
	CHECK_EQ(read(p[0], buf, 10), 3);
	memset(buf, 'x', sizeof(buf));
	CHECK_EQ(write(p[1], buf, sizeof(buf)), 65536);
	CHECK_FAILS(write(p[1], buf, 1), EAGAIN);
	CHECK_EQ(read(p[0], buf, 65536), 65536);
	CHECK_EQ(fcntl(p[0], F_GETPIPE_SZ), 65536);
	CHECK_EQ(fcntl(p[0], F_SETPIPE_SZ, 4096), 4096);
	CHECK_FAILS(read(p[1], buf, 1), EBADF);
	CHECK_FAILS(write(p[0], buf, 1), EBADF);
	CHECK_FAILS(lseek(p[0], 0, SEEK_SET), ESPIPE);
	CHECK_FAILS(pread(p[0], buf, 1, 0), ESPIPE);
	close(p[1]);
	CHECK_EQ(read(p[0], buf, 1), 0);
}

CASE(pipe_blocking, "a megabyte goes through a pipe between two processes, readv and writev")
{
	int p[2];
	size_t total = 1 << 20, sum = 0;

	REQUIRE(pipe(p) == 0);
	pid_t pid = fork();

	if (pid == 0) {
		static char a[1000], b[3000];

		memset(a, 1, sizeof(a));
		memset(b, 2, sizeof(b));
		close(p[0]);
		for (size_t left = total; left;) {
			struct iovec v[2] = {{a, left < 1000 ? left : 1000},
					     {b, left < 4000 ? 0 : 3000}};
			ssize_t n = writev(p[1], v, 2);

			REQUIRE(n > 0);
			left -= n;
		}
		_exit(0);
	}
	close(p[1]);
	for (;;) {
		char x[7], y[5000];
		struct iovec v[2] = {{x, sizeof(x)}, {y, sizeof(y)}};
		ssize_t n = readv(p[0], v, 2);

		REQUIRE(n >= 0);
		if (n == 0)
			break;
		sum += n;
	}
	CHECK_EQ(sum, total);
	CHILD_OK(pid);
}

CASE(fifo, "a FIFO opens when both ends are there; O_NONBLOCK gives ENXIO to a writer")
{
	char c;

	REQUIRE(mkfifo("fifo", 0600) == 0);
	CHECK_FAILS(open("fifo", O_WRONLY | O_NONBLOCK), ENXIO);
	pid_t pid = fork();

	if (pid == 0) {
		int w = open("fifo", O_WRONLY);

		CHECK_EQ(write(w, "f", 1), 1);
		CHILD_EXIT();
	}
	int r = open("fifo", O_RDONLY);

	CHECK_EQ(read(r, &c, 1), 1);
	CHECK_EQ(c, 'f');
	CHILD_OK(pid);
}

CASE(poll_events, "poll: POLLIN, POLLOUT, POLLHUP, POLLERR, POLLNVAL, timeouts")
{
	int p[2];

	REQUIRE(pipe(p) == 0);
	struct pollfd f[4] = {{p[0], POLLIN, 0}, {p[1], POLLOUT, 0}, {99, POLLIN, 0}, {-1, 0, 7}};

	CHECK_EQ(poll(f, 4, 0), 2);
	CHECK_EQ(f[0].revents, 0);
	CHECK_EQ(f[1].revents, POLLOUT);
	CHECK_EQ(f[2].revents, POLLNVAL);
	CHECK_EQ(f[3].revents, 0);
	int64_t t0 = abi_now_us();

	CHECK_EQ(poll(f, 1, 30), 0);
	CHECK(abi_now_us() - t0 >= 30000);
	CHECK_EQ(write(p[1], "x", 1), 1);
	CHECK_EQ(poll(f, 1, -1), 1);
	CHECK_EQ(f[0].revents, POLLIN);
	close(p[1]);
	CHECK_EQ(poll(f, 1, -1), 1);
	CHECK_EQ(f[0].revents, POLLIN | POLLHUP);
	REQUIRE(pipe(p) == 0);
	close(p[0]);
	struct pollfd g = {p[1], POLLOUT, 0};

	CHECK_EQ(poll(&g, 1, 0), 1);
	CHECK_EQ(g.revents, POLLOUT | POLLERR);
	g.fd = abi_tmpfile();
	g.events = POLLIN | POLLOUT;
	CHECK_EQ(poll(&g, 1, 0), 1);
	CHECK_EQ(g.revents, POLLIN | POLLOUT);
}

static void on_signal(int sig)
{
	(void)sig;
}

CASE(select_events, "select and pselect: sets, timeouts, EBADF, the mask of pselect")
{
	int p[2];
	fd_set r, w;
	struct timeval t = {0, 20000};

	REQUIRE(pipe(p) == 0);
	FD_ZERO(&r);
	FD_ZERO(&w);
	FD_SET(p[0], &r);
	FD_SET(p[1], &w);
	CHECK_EQ(select(p[1] + 1, &r, &w, NULL, NULL), 1);
	CHECK(!FD_ISSET(p[0], &r) && FD_ISSET(p[1], &w));
	FD_SET(p[0], &r);
	CHECK_EQ(select(p[0] + 1, &r, NULL, NULL, &t), 0);
	CHECK_EQ(t.tv_sec + t.tv_usec, 0);
	FD_ZERO(&r);
	FD_SET(50, &r);
	CHECK_FAILS(select(51, &r, NULL, NULL, NULL), EBADF);
	sigset_t block, none;
	struct sigaction sa = {.sa_handler = on_signal};
	struct timespec ts = {5, 0};

	sigaction(SIGUSR1, &sa, NULL);
	sigemptyset(&none);
	sigemptyset(&block);
	sigaddset(&block, SIGUSR1);
	sigprocmask(SIG_BLOCK, &block, NULL);
	kill(getpid(), SIGUSR1);
	CHECK_FAILS(pselect(0, NULL, NULL, NULL, &ts, &none), EINTR);
}

static int wait1(int ep, struct epoll_event *ev, int ms)
{
	memset(ev, 0, sizeof(*ev));
	return epoll_wait(ep, ev, 1, ms);
}

CASE(epoll_modes, "epoll: level, edge and one-shot; MOD re-arms; errors of epoll_ctl")
{
	int p[2], ep = epoll_create1(EPOLL_CLOEXEC);
	struct epoll_event e = {.events = EPOLLIN, .data.u64 = 0x1122334455667788}, got;
	char c;

	REQUIRE(pipe(p) == 0);
	CHECK_EQ(epoll_ctl(ep, EPOLL_CTL_ADD, p[0], &e), 0);
	CHECK_FAILS(epoll_ctl(ep, EPOLL_CTL_ADD, p[0], &e), EEXIST);
	CHECK_FAILS(epoll_ctl(ep, EPOLL_CTL_MOD, p[1], &e), ENOENT);
	CHECK_FAILS(epoll_ctl(ep, EPOLL_CTL_ADD, ep, &e), EINVAL);
	CHECK_FAILS(epoll_ctl(ep, EPOLL_CTL_ADD, 99, &e), EBADF);
	int file = abi_tmpfile();

	CHECK_FAILS(epoll_ctl(ep, EPOLL_CTL_ADD, file, &e), EPERM);
	CHECK_FAILS(epoll_wait(ep, &got, 0, 0), EINVAL);
	CHECK_EQ(wait1(ep, &got, 0), 0);
	CHECK_EQ(write(p[1], "ab", 2), 2);
	for (int i = 0; i < 2; i++) { /* level: again and again */
		CHECK_EQ(wait1(ep, &got, 1000), 1);
		CHECK_EQ(got.events, EPOLLIN);
		CHECK_EQ(got.data.u64, 0x1122334455667788);
	}
	e.events = EPOLLIN | EPOLLET;
	CHECK_EQ(epoll_ctl(ep, EPOLL_CTL_MOD, p[0], &e), 0);
	CHECK_EQ(wait1(ep, &got, 1000), 1);
	CHECK_EQ(wait1(ep, &got, 20), 0);
	CHECK_EQ(read(p[0], &c, 1), 1);
	CHECK_EQ(wait1(ep, &got, 20), 0);
	CHECK_EQ(write(p[1], "c", 1), 1); /* new data is a new edge */
	CHECK_EQ(wait1(ep, &got, 1000), 1);
	e.events = EPOLLIN | EPOLLONESHOT;
	CHECK_EQ(epoll_ctl(ep, EPOLL_CTL_MOD, p[0], &e), 0);
	CHECK_EQ(wait1(ep, &got, 1000), 1);
	CHECK_EQ(write(p[1], "d", 1), 1);
	CHECK_EQ(wait1(ep, &got, 20), 0);
	CHECK_EQ(epoll_ctl(ep, EPOLL_CTL_MOD, p[0], &e), 0);
	CHECK_EQ(wait1(ep, &got, 1000), 1);
	CHECK_EQ(epoll_ctl(ep, EPOLL_CTL_DEL, p[0], NULL), 0);
	CHECK_EQ(wait1(ep, &got, 20), 0);
}

CASE(epoll_descriptions, "epoll: one description under two descriptors is two items; close ends them")
{
	int p[2], ep = epoll_create1(0);
	struct epoll_event got[4], e = {.events = EPOLLIN};

	REQUIRE(pipe(p) == 0);
	int d = dup(p[0]);

	e.data.fd = p[0];
	CHECK_EQ(epoll_ctl(ep, EPOLL_CTL_ADD, p[0], &e), 0);
	e.data.fd = d;
	CHECK_EQ(epoll_ctl(ep, EPOLL_CTL_ADD, d, &e), 0);
	CHECK_EQ(write(p[1], "x", 1), 1);
	CHECK_EQ(epoll_wait(ep, got, 4, 1000), 2);
	CHECK_EQ(got[0].data.fd + got[1].data.fd, p[0] + d);
	/* Closing one descriptor removes nothing: the description lives through the other one. */
	close(d);
	CHECK_EQ(epoll_wait(ep, got, 4, 1000), 2);
	close(p[0]);
	CHECK_EQ(epoll_wait(ep, got, 4, 20), 0);
}

CASE(epoll_nested, "an epoll descriptor is pollable and nests; loops are refused")
{
	int p[2], in = epoll_create1(0), out = epoll_create1(0);
	struct epoll_event e = {.events = EPOLLIN}, got;
	struct pollfd f = {out, POLLIN, 0};

	REQUIRE(pipe(p) == 0);
	CHECK_EQ(epoll_ctl(in, EPOLL_CTL_ADD, p[0], &e), 0);
	e.data.u32 = 7;
	CHECK_EQ(epoll_ctl(out, EPOLL_CTL_ADD, in, &e), 0);
	CHECK_FAILS(epoll_ctl(in, EPOLL_CTL_ADD, out, &e), ELOOP);
	CHECK_EQ(poll(&f, 1, 0), 0);
	CHECK_EQ(write(p[1], "x", 1), 1);
	CHECK_EQ(poll(&f, 1, 1000), 1);
	CHECK_EQ(wait1(out, &got, 1000), 1);
	CHECK_EQ(got.data.u32, 7);
}

CASE(epoll_waits, "epoll_wait sleeps until another process writes, and is interrupted by signals")
{
	int p[2], ep = epoll_create1(0);
	struct epoll_event e = {.events = EPOLLIN}, got;
	struct sigaction sa = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
	pid_t me = getpid();

	REQUIRE(pipe(p) == 0);
	epoll_ctl(ep, EPOLL_CTL_ADD, p[0], &e);
	sigaction(SIGUSR1, &sa, NULL);
	pid_t pid = fork();

	if (pid == 0) {
		abi_sleep_ms(30);
		kill(me, SIGUSR1);
		abi_sleep_ms(30);
		CHECK_EQ(write(p[1], "x", 1), 1);
		CHILD_EXIT();
	}
	CHECK_FAILS(wait1(ep, &got, 5000), EINTR);
	CHECK_EQ(wait1(ep, &got, 5000), 1);
	CHILD_OK(pid);
}

CASE(eventfd_, "eventfd: counts, semaphores, blocking writes, readiness")
{
	uint64_t v = 5;
	int fd = eventfd(3, EFD_NONBLOCK);
	struct pollfd f = {fd, POLLIN | POLLOUT, 0};

	CHECK_EQ(write(fd, &v, 8), 8);
	CHECK_EQ(read(fd, &v, 8), 8);
	CHECK_EQ(v, 8);
	CHECK_FAILS(read(fd, &v, 8), EAGAIN);
	CHECK_FAILS(read(fd, &v, 4), EINVAL);
	v = UINT64_MAX;
	CHECK_FAILS(write(fd, &v, 8), EINVAL);
	v = UINT64_MAX - 1;
	CHECK_EQ(write(fd, &v, 8), 8);
	CHECK_EQ(poll(&f, 1, 0), 1);
	CHECK_EQ(f.revents, POLLIN);
	v = 1;
	CHECK_FAILS(write(fd, &v, 8), EAGAIN);
	fd = eventfd(2, EFD_SEMAPHORE | EFD_CLOEXEC | EFD_NONBLOCK);
	CHECK_EQ(fcntl(fd, F_GETFD), FD_CLOEXEC);
	CHECK_EQ(read(fd, &v, 8), 8);
	CHECK_EQ(v, 1);
	CHECK_EQ(read(fd, &v, 8), 8);
	CHECK_FAILS(read(fd, &v, 8), EAGAIN);
}

CASE(timerfd_, "timerfd: expirations, intervals, gettime, absolute times, readiness")
{
	int fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
	struct itimerspec it = {{0, 10000000}, {0, 10000000}}, now;
	uint64_t n = 0;
	struct pollfd f = {fd, POLLIN, 0};

	CHECK_FAILS(read(fd, &n, 8), EAGAIN);
	CHECK_EQ(timerfd_settime(fd, 0, &it, NULL), 0);
	CHECK_EQ(poll(&f, 1, 5000), 1);
	abi_sleep_ms(35);
	CHECK_EQ(read(fd, &n, 8), 8);
	CHECK(n >= 3 && n < 100);
	CHECK_EQ(timerfd_gettime(fd, &now), 0);
	CHECK_EQ(now.it_interval.tv_nsec, 10000000);
	memset(&it, 0, sizeof(it));
	CHECK_EQ(timerfd_settime(fd, 0, &it, NULL), 0);
	CHECK_FAILS(read(fd, &n, 8), EAGAIN);
	clock_gettime(CLOCK_MONOTONIC, &it.it_value);
	CHECK_EQ(timerfd_settime(fd, TFD_TIMER_ABSTIME, &it, NULL), 0);
	CHECK_EQ(poll(&f, 1, 5000), 1);
	CHECK_EQ(read(fd, &n, 8), 8);
	CHECK_EQ(n, 1);
	CHECK_FAILS(timerfd_create(99, 0), EINVAL);
}

CASE(signalfd_, "signalfd: reads siginfo, is pollable, in epoll too; other signals do not show")
{
	sigset_t m;
	struct signalfd_siginfo si;

	sigemptyset(&m);
	sigaddset(&m, SIGUSR1);
	sigaddset(&m, SIGCHLD);
	sigprocmask(SIG_BLOCK, &m, NULL);
	int fd = signalfd(-1, &m, SFD_NONBLOCK | SFD_CLOEXEC), ep = epoll_create1(0);
	struct pollfd f = {fd, POLLIN, 0};
	struct epoll_event e = {.events = EPOLLIN}, got;

	CHECK_EQ(epoll_ctl(ep, EPOLL_CTL_ADD, fd, &e), 0);
	CHECK_FAILS(read(fd, &si, sizeof(si)), EAGAIN);
	CHECK_EQ(poll(&f, 1, 0), 0);
	kill(getpid(), SIGUSR1);
	CHECK_EQ(poll(&f, 1, 1000), 1);
	CHECK_EQ(wait1(ep, &got, 1000), 1);
	CHECK_EQ(read(fd, &si, sizeof(si)), sizeof(si));
	CHECK_EQ(si.ssi_signo, SIGUSR1);
	CHECK_EQ(si.ssi_pid, getpid());
	pid_t pid = fork();

	if (pid == 0)
		_exit(11);
	CHECK_EQ(poll(&f, 1, 5000), 1);
	CHECK_EQ(read(fd, &si, sizeof(si)), sizeof(si));
	CHECK_EQ(si.ssi_signo, SIGCHLD);
	CHECK_EQ(si.ssi_status, 11);
	CHECK_FAILS(read(fd, &si, 10), EINVAL);
	waitpid(pid, NULL, 0);
}

CASE(inotify_, "inotify: create, modify, move and delete in a directory, in order")
{
	char buf[4096] __attribute__((aligned(8)));
	int fd = inotify_init1(IN_NONBLOCK);
	uint32_t want[] = {IN_CREATE, IN_MODIFY, IN_MOVED_FROM, IN_MOVED_TO, IN_DELETE};
	unsigned n = 0;

	REQUIRE(mkdir("watched", 0700) == 0);
	CHECK(inotify_add_watch(fd, "watched", IN_CREATE | IN_MODIFY | IN_MOVE | IN_DELETE) >= 0);
	CHECK_FAILS(inotify_add_watch(fd, "nothing", IN_CREATE), ENOENT);
	int f = open("watched/a", O_CREAT | O_WRONLY, 0600);

	CHECK_EQ(write(f, "x", 1), 1);
	close(f);
	rename("watched/a", "watched/b");
	unlink("watched/b");
	ssize_t len = read(fd, buf, sizeof(buf));

	for (ssize_t at = 0; at < len;) {
		struct inotify_event *ev = (void *)(buf + at);

		if (n < 5) {
			CHECK_EQ(ev->mask, want[n]);
			CHECK_STR(ev->name, n < 3 ? "a" : "b");
		}
		n++;
		at += sizeof(*ev) + ev->len;
	}
	CHECK_EQ(n, 5);
}

CASE(splice_family, "sendfile, splice, tee, copy_file_range move bytes without loss")
{
	int p[2], q[2], a = abi_tmpfile(), b = abi_tmpfile();
	char buf[16] = "";
	off_t off = 2;

	REQUIRE(pipe(p) == 0 && pipe(q) == 0);
	CHECK_EQ(write(a, "0123456789", 10), 10);
	CHECK_EQ(sendfile(p[1], a, &off, 4), 4);
	CHECK_EQ(off, 6);
	CHECK_EQ(tee(p[0], q[1], 100, 0), 4);
	CHECK_EQ(read(p[0], buf, 16), 4);
	CHECK(memcmp(buf, "2345", 4) == 0);
	CHECK_EQ(splice(q[0], NULL, b, NULL, 100, 0), 4);
	CHECK_EQ(pread(b, buf, 16, 0), 4);
	CHECK(memcmp(buf, "2345", 4) == 0);
	loff_t from = 8, to = 4;

	CHECK_EQ(copy_file_range(a, &from, b, &to, 100, 0), 2);
	CHECK_EQ(pread(b, buf, 16, 0), 6);
	CHECK(memcmp(buf, "234589", 6) == 0);
}
