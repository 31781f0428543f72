/* SPDX-License-Identifier: GPL-2.0-or-later */
/* socket(7), unix(7), tcp(7), udp(7), netlink(7). */
#include "abi.h"

#include <arpa/inet.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>

static struct sockaddr_in loopback(int port)
{
	struct sockaddr_in a = {.sin_family = AF_INET,
				.sin_port = htons(port),
				.sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	return a;
}

static int tcp_listen(struct sockaddr_in *a)
{
	socklen_t len = sizeof(*a);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	*a = loopback(0);
	REQUIRE(fd >= 0);
	REQUIRE(bind(fd, (void *)a, sizeof(*a)) == 0);
	REQUIRE(listen(fd, 5) == 0);
	REQUIRE(getsockname(fd, (void *)a, &len) == 0);
	CHECK(a->sin_port != 0);
	return fd;
}

CASE(tcp, "tcp over loopback between processes: accept4, names, shutdown, EOF")
{
	struct sockaddr_in a, peer;
	socklen_t len = sizeof(peer);
	char buf[100];
	int l = tcp_listen(&a);
	pid_t pid = fork();

	if (pid == 0) {
		int c = socket(AF_INET, SOCK_STREAM, 0);

		CHECK_EQ(connect(c, (void *)&a, sizeof(a)), 0);
		CHECK_EQ(send(c, "question", 8, 0), 8);
		CHECK_EQ(shutdown(c, SHUT_WR), 0);
		CHECK_EQ(recv(c, buf, 100, MSG_WAITALL), 6);
		CHECK(memcmp(buf, "answer", 6) == 0);
		CHILD_EXIT();
	}
	int c = accept4(l, (void *)&peer, &len, SOCK_CLOEXEC);

	REQUIRE(c >= 0);
	CHECK_EQ(fcntl(c, F_GETFD), FD_CLOEXEC);
	CHECK_EQ(peer.sin_addr.s_addr, htonl(INADDR_LOOPBACK));
	CHECK_EQ(recv(c, buf, 4, MSG_PEEK | MSG_WAITALL), 4);
	CHECK_EQ(recv(c, buf, 100, MSG_WAITALL), 8);
	CHECK_EQ(write(c, "answer", 6), 6);
	close(c);
	CHILD_OK(pid);
}

CASE(tcp_errors, "ECONNREFUSED, EADDRINUSE, ENOTCONN, EISCONN, ENOTSOCK, EAFNOSUPPORT")
{
	struct sockaddr_in a;
	int l = tcp_listen(&a), s = socket(AF_INET, SOCK_STREAM, 0);
	char c;

	CHECK_FAILS(bind(s, (void *)&a, sizeof(a)), EADDRINUSE);
	CHECK_FAILS(recv(s, &c, 1, 0), ENOTCONN);
	CHECK_FAILS(accept(s, NULL, NULL), EINVAL);
	CHECK_EQ(connect(s, (void *)&a, sizeof(a)), 0);
	CHECK_FAILS(connect(s, (void *)&a, sizeof(a)), EISCONN);
	close(l);
	s = socket(AF_INET, SOCK_STREAM, 0);
	CHECK_FAILS(connect(s, (void *)&a, sizeof(a)), ECONNREFUSED);
	CHECK_FAILS(listen(open("/dev/null", O_RDWR), 1), ENOTSOCK);
	CHECK_FAILS(socket(99, SOCK_STREAM, 0), EAFNOSUPPORT);
	CHECK_FAILS(connect(s, (void *)&a, 3), EINVAL);
}

CASE(nonblocking, "a non-blocking connect and accept through poll and SO_ERROR; EAGAIN")
{
	struct sockaddr_in a;
	int l = tcp_listen(&a), err = -1;
	socklen_t len = sizeof(err);
	int s = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	struct pollfd f = {s, POLLOUT, 0}, lf = {l, POLLIN, 0};

	fcntl(l, F_SETFL, O_NONBLOCK);
	CHECK_FAILS(accept(l, NULL, NULL), EAGAIN);
	int r = connect(s, (void *)&a, sizeof(a));

	CHECK(r == 0 || errno == EINPROGRESS);
	CHECK_EQ(poll(&f, 1, 5000), 1);
	CHECK_EQ(getsockopt(s, SOL_SOCKET, SO_ERROR, &err, &len), 0);
	CHECK_EQ(err, 0);
	CHECK_EQ(poll(&lf, 1, 5000), 1);
	int c = accept(l, NULL, NULL);

	CHECK(c >= 0);
	char buf[4096] = "";

	CHECK_FAILS(recv(s, buf, 1, 0), EAGAIN);
	while (send(s, buf, sizeof(buf), 0) > 0)
		;
	CHECK_EQ(errno, EAGAIN);
	close(c);
	f.events = POLLIN;
	CHECK_EQ(poll(&f, 1, 5000), 1);
	CHECK(f.revents & (POLLIN | POLLHUP | POLLERR));
}

CASE(options, "socket options are set and read back; SO_RCVTIMEO ends a recv")
{
	int s = socket(AF_INET, SOCK_STREAM, 0), v = 1, type = 0;
	socklen_t len = sizeof(v);

	CHECK_EQ(setsockopt(s, SOL_SOCKET, SO_REUSEADDR, &v, sizeof(v)), 0);
	CHECK_EQ(setsockopt(s, IPPROTO_TCP, TCP_NODELAY, &v, sizeof(v)), 0);
	v = 0;
	CHECK_EQ(getsockopt(s, IPPROTO_TCP, TCP_NODELAY, &v, &len), 0);
	CHECK(v != 0);
	CHECK_EQ(getsockopt(s, SOL_SOCKET, SO_TYPE, &type, &len), 0);
	CHECK_EQ(type, SOCK_STREAM);
	CHECK_FAILS(getsockopt(s, SOL_SOCKET, 9999, &v, &len), ENOPROTOOPT);
	CHECK_FAILS(getsockopt(s, SOL_SOCKET, SO_TYPE, NULL, &len), EFAULT);
	int u = socket(AF_INET, SOCK_DGRAM, 0);
	struct timeval t = {0, 30000};
	struct sockaddr_in a = loopback(0);
	char c;

	bind(u, (void *)&a, sizeof(a));
	CHECK_EQ(setsockopt(u, SOL_SOCKET, SO_RCVTIMEO, &t, sizeof(t)), 0);
	CHECK_FAILS(recv(u, &c, 1, 0), EAGAIN);
}

CASE(udp, "udp: sendto, recvfrom, connected, truncated, sendmmsg and recvmmsg")
{
	int s = socket(AF_INET, SOCK_DGRAM, 0), c = socket(AF_INET, SOCK_DGRAM, 0);
	struct sockaddr_in a = loopback(0), from;
	socklen_t len = sizeof(a);
	char buf[8];

	bind(s, (void *)&a, sizeof(a));
	getsockname(s, (void *)&a, &len);
	CHECK_EQ(sendto(c, "datagram", 8, 0, (void *)&a, sizeof(a)), 8);
	len = sizeof(from);
	CHECK_EQ(recvfrom(s, buf, 4, MSG_TRUNC, (void *)&from, &len), 8);
	CHECK_EQ(from.sin_addr.s_addr, htonl(INADDR_LOOPBACK));
	CHECK_EQ(sendto(s, "back", 4, 0, (void *)&from, len), 4);
	CHECK_EQ(connect(c, (void *)&a, sizeof(a)), 0);
	CHECK_EQ(recv(c, buf, 8, 0), 4);
	struct iovec v[2] = {{"one", 3}, {"two", 3}}, w[2] = {{buf, 4}, {buf + 4, 4}};
	struct mmsghdr m[2] = {{{.msg_iov = v, .msg_iovlen = 1}, 0},
			       {{.msg_iov = v + 1, .msg_iovlen = 1}, 0}};

	CHECK_EQ(sendmmsg(c, m, 2, 0), 2);
	m[0].msg_hdr.msg_iov = w;
	m[1].msg_hdr.msg_iov = w + 1;
	CHECK_EQ(recvmmsg(s, m, 2, MSG_WAITFORONE, NULL), 2);
	CHECK_EQ(m[1].msg_len, 3);
	CHECK(memcmp(buf + 4, "two", 3) == 0);
}

CASE(unix_kinds, "socketpairs: stream, datagram and seqpacket keep their boundaries")
{
	static const int kinds[] = {SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET};
	char buf[16];

	for (int i = 0; i < 3; i++) {
		int s[2];

		REQUIRE(socketpair(AF_UNIX, kinds[i] | SOCK_CLOEXEC, 0, s) == 0);
		CHECK_EQ(write(s[0], "abc", 3), 3);
		CHECK_EQ(write(s[0], "de", 2), 2);
		CHECK_EQ(read(s[1], buf, 16), kinds[i] == SOCK_STREAM ? 5 : 3);
		close(s[0]);
		if (kinds[i] == SOCK_STREAM) {
			CHECK_EQ(read(s[1], buf, 16), 0);
			signal(SIGPIPE, SIG_IGN);
			CHECK_FAILS(write(s[1], "x", 1), EPIPE);
			CHECK_FAILS(send(s[1], "x", 1, MSG_NOSIGNAL), EPIPE);
		}
		close(s[1]);
	}
}

CASE(unix_names, "unix sockets by path and by abstract name; getpeername; a dead name refuses")
{
	struct sockaddr_un a = {.sun_family = AF_UNIX, .sun_path = "sock"}, got;
	socklen_t len = sizeof(got);
	int l = socket(AF_UNIX, SOCK_STREAM, 0), c = socket(AF_UNIX, SOCK_STREAM, 0);
	struct stat st;

	CHECK_FAILS(connect(c, (void *)&a, sizeof(a)), ENOENT);
	CHECK_EQ(bind(l, (void *)&a, sizeof(a)), 0);
	CHECK_FAILS(connect(c, (void *)&a, sizeof(a)), ECONNREFUSED);
	CHECK_EQ(listen(l, 1), 0);
	CHECK_EQ(stat("sock", &st), 0);
	CHECK(S_ISSOCK(st.st_mode));
	CHECK_EQ(connect(c, (void *)&a, sizeof(a)), 0);
	CHECK_EQ(getpeername(c, (void *)&got, &len), 0);
	CHECK_STR(got.sun_path, "sock");
	CHECK(accept(l, NULL, NULL) >= 0);
	l = socket(AF_UNIX, SOCK_STREAM, 0);
	CHECK_FAILS(bind(l, (void *)&a, sizeof(a)), EADDRINUSE);
	memcpy(a.sun_path, "\0husk-abi", 10);
	snprintf(a.sun_path + 9, 32, "%d", getpid());
	CHECK_EQ(bind(l, (void *)&a, 40), 0);
	CHECK_EQ(listen(l, 1), 0);
	c = socket(AF_UNIX, SOCK_STREAM, 0);
	CHECK_EQ(connect(c, (void *)&a, 40), 0);
}

static int send_fds(int s, const int *fds, int n)
{
	char control[CMSG_SPACE(sizeof(int) * 10)] = "";
	struct iovec v = {"f", 1};
	struct msghdr m = {.msg_iov = &v,
			   .msg_iovlen = 1,
			   .msg_control = control,
			   .msg_controllen = CMSG_SPACE(sizeof(int) * n)};
	struct cmsghdr *c = CMSG_FIRSTHDR(&m);

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(int) * n);
	memcpy(CMSG_DATA(c), fds, sizeof(int) * n);
	return sendmsg(s, &m, 0);
}

static int recv_fds(int s, int *fds, int n, int flags)
{
	char control[CMSG_SPACE(sizeof(int) * 10)] = "", byte;
	struct iovec v = {&byte, 1};
	struct msghdr m = {.msg_iov = &v,
			   .msg_iovlen = 1,
			   .msg_control = control,
			   .msg_controllen = CMSG_SPACE(sizeof(int) * n)};

	if (recvmsg(s, &m, flags) != 1)
		return -1;
	struct cmsghdr *c = CMSG_FIRSTHDR(&m);

	if (!c || c->cmsg_type != SCM_RIGHTS)
		return -1;
	memcpy(fds, CMSG_DATA(c), c->cmsg_len - CMSG_LEN(0));
	return (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
}

CASE(scm_rights, "descriptors travel: files share their offset, pipes work, cloexec by flag")
{
	int s[2], p[2], got[3] = {-1, -1, -1}, file = abi_tmpfile();
	char buf[8] = "";

	REQUIRE(socketpair(AF_UNIX, SOCK_STREAM, 0, s) == 0 && pipe(p) == 0);
	CHECK_EQ(write(file, "0123456789", 10), 10);
	lseek(file, 3, SEEK_SET);
	pid_t pid = fork();

	if (pid == 0) {
		CHECK_EQ(recv_fds(s[1], got, 2, MSG_CMSG_CLOEXEC), 2);
		CHECK_EQ(fcntl(got[0], F_GETFD), FD_CLOEXEC);
		CHECK_EQ(read(got[0], buf, 2), 2);
		CHECK(memcmp(buf, "34", 2) == 0);
		CHECK_EQ(write(got[1], "pipe", 4), 4);
		CHILD_EXIT();
	}
	int fds[2] = {file, p[1]};

	CHECK_EQ(send_fds(s[0], fds, 2), 1);
	CHILD_OK(pid);
	CHECK_EQ(lseek(file, 0, SEEK_CUR), 5);
	CHECK_EQ(read(p[0], buf, 8), 4);
	/* in flight, closed by its sender, and still there */
	REQUIRE(pipe(p) == 0);
	CHECK_EQ(write(p[1], "kept", 4), 4);
	CHECK_EQ(send_fds(s[0], p, 1), 1);
	close(p[0]);
	CHECK_EQ(recv_fds(s[1], got, 1, 0), 1);
	CHECK_EQ(read(got[0], buf, 8), 4);
	CHECK(memcmp(buf, "kept", 4) == 0);
	int bad = 999;

	CHECK_FAILS(send_fds(s[0], &bad, 1), EBADF);
}

CASE(peer_credentials, "SO_PEERCRED and SCM_CREDENTIALS say pid, uid and gid")
{
	int s[2], on = 1;
	struct ucred cred;
	socklen_t len = sizeof(cred);
	char control[CMSG_SPACE(sizeof(cred))], b;
	struct iovec v = {&b, 1};
	struct msghdr m = {.msg_iov = &v,
			   .msg_iovlen = 1,
			   .msg_control = control,
			   .msg_controllen = sizeof(control)};

	REQUIRE(socketpair(AF_UNIX, SOCK_STREAM, 0, s) == 0);
	CHECK_EQ(getsockopt(s[0], SOL_SOCKET, SO_PEERCRED, &cred, &len), 0);
	CHECK_EQ(cred.pid, getpid());
	CHECK_EQ(cred.uid, geteuid());
	CHECK_EQ(setsockopt(s[1], SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)), 0);
	pid_t pid = fork();

	if (pid == 0) {
		CHECK_EQ(write(s[0], "x", 1), 1);
		CHILD_EXIT();
	}
	CHECK_EQ(recvmsg(s[1], &m, 0), 1);
	struct cmsghdr *c = CMSG_FIRSTHDR(&m);

	REQUIRE(c && c->cmsg_type == SCM_CREDENTIALS);
	memcpy(&cred, CMSG_DATA(c), sizeof(cred));
	CHECK_EQ(cred.pid, pid);
	CHECK_EQ(cred.gid, getegid());
	CHILD_OK(pid);
}

CASE(netlink, "RTM_GETLINK lists the loopback device; SIOCGIFCONF and if_nametoindex agree")
{
	struct {
		struct nlmsghdr h;
		struct ifinfomsg i;
	} req = {{sizeof(req), RTM_GETLINK, NLM_F_REQUEST | NLM_F_DUMP, 1, 0}, {0}};
	static char buf[32768];
	int s = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE), seen = 0;
	bool done = false;

	REQUIRE(s >= 0);
	CHECK_EQ(send(s, &req, sizeof(req), 0), sizeof(req));
	while (!done) {
		ssize_t n = recv(s, buf, sizeof(buf), 0);

		REQUIRE(n > 0);
		for (struct nlmsghdr *h = (void *)buf; NLMSG_OK(h, n); h = NLMSG_NEXT(h, n)) {
			struct ifinfomsg *i = NLMSG_DATA(h);

			if (h->nlmsg_type == NLMSG_DONE)
				done = true;
			else if (h->nlmsg_type == RTM_NEWLINK && (i->ifi_flags & IFF_LOOPBACK))
				seen++;
		}
	}
	CHECK_EQ(seen, 1);
	CHECK(if_nametoindex("lo") > 0);
}

static void on_signal(int sig)
{
	(void)sig;
}

CASE(blocking_is_interrupted, "accept and recv are interrupted by a handler without SA_RESTART")
{
	struct sockaddr_in a;
	int l = tcp_listen(&a), s[2];
	struct sigaction sa = {.sa_handler = on_signal};
	char c;
	pid_t me = getpid();

	REQUIRE(socketpair(AF_UNIX, SOCK_STREAM, 0, s) == 0);
	sigaction(SIGUSR1, &sa, NULL);
	pid_t pid = fork();

	if (pid == 0) {
		abi_sleep_ms(30);
		kill(me, SIGUSR1);
		abi_sleep_ms(30);
		kill(me, SIGUSR1);
		_exit(0);
	}
	CHECK_FAILS(accept(l, NULL, NULL), EINTR);
	CHECK_FAILS(recv(s[0], &c, 1, 0), EINTR);
	CHILD_OK(pid);
}
