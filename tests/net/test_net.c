/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Sockets over a real vfs and a guest memory without a machine. */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/hostcall.h"
#include "base/safecopy.h"
#include "mm/mm.h"
#include "net/net.h"
#include "tests/mm/fake_platform.h"
#include "vfs/anon.h"
#include "vfs/file.h"

static int failures;
static struct mm *mm;
static uint64_t base; /* guest memory for arguments */
static pid_t guest_pid = 7;

#define expect(cond)                                                                               \
	do {                                                                                       \
		if (!(cond)) {                                                                     \
			printf("%s:%d: not so: %s\n", __func__, __LINE__, #cond);                  \
			failures++;                                                                \
		}                                                                                  \
	} while (0)

static pid_t current_tgid(void)
{
	return guest_pid;
}

static pid_t translate(pid_t host)
{
	return host == getpid() ? guest_pid : 0;
}

static const struct net_ops ops = {current_tgid, translate};

static uint64_t put(uint64_t offset, const void *data, size_t n)
{
	if (mm_copy_out(mm, base + offset, data, n) != 0)
		abort();
	return base + offset;
}

static void get(void *data, uint64_t offset, size_t n)
{
	if (mm_copy_in(mm, data, base + offset, n) != 0)
		abort();
}

static void pair(int type, int sv[2])
{
	expect(net_socketpair(AF_UNIX, type, 0, base) == 0);
	get(sv, 0, 2 * sizeof(int));
}

static void close_fd(int fd)
{
	expect(fdtable_close(fdtable_current(), fd) == 0);
}

/* A header at offset 1024: data at 2048, control at 4096. */
static uint64_t header(size_t data_len, const void *control, size_t control_len)
{
	struct iovec iov = {(void *)(base + 2048), data_len};
	struct msghdr h = {.msg_iov = (void *)put(1200, &iov, sizeof(iov)), .msg_iovlen = 1};

	if (control_len) {
		h.msg_control = (void *)(base + 4096);
		h.msg_controllen = control_len;
		if (control)
			put(4096, control, control_len);
	}
	return put(1024, &h, sizeof(h));
}

static long send_fds(int s, const int *fds, unsigned n)
{
	union {
		char bytes[CMSG_SPACE(8 * sizeof(int))];
		struct cmsghdr h;
	} c = {.h = {CMSG_LEN(n * sizeof(int)), SOL_SOCKET, SCM_RIGHTS}};

	memcpy(CMSG_DATA(&c.h), fds, n * sizeof(int));
	put(2048, "d", 1);
	return net_sendmsg(s, header(1, &c, CMSG_SPACE(n * sizeof(int))), 0);
}

static int recv_fds(int s, int *fds, unsigned room, int flags, int *msg_flags)
{
	struct msghdr h;
	struct cmsghdr c;
	int n;

	if (net_recvmsg(s, header(1, NULL, CMSG_SPACE(room * sizeof(int))), flags) != 1)
		return -1;
	get(&h, 1024, sizeof(h));
	*msg_flags = h.msg_flags;
	if (h.msg_controllen < sizeof(c))
		return 0;
	get(&c, 4096, sizeof(c));
	n = (c.cmsg_len - CMSG_LEN(0)) / sizeof(int);
	get(fds, 4096 + CMSG_LEN(0), n * sizeof(int));
	return n;
}

static void test_stream(void)
{
	char buf[8] = "";
	int sv[2];

	pair(SOCK_STREAM | SOCK_CLOEXEC, sv);
	expect(fdtable_get_cloexec(fdtable_current(), sv[0]) == 1);
	put(100, "hello", 5);
	expect(net_sendto(sv[0], base + 100, 5, 0, 0, 0) == 5);
	expect(net_recvfrom(sv[1], base + 200, 100, 0, 0, 0) == 5);
	get(buf, 200, 5);
	expect(strcmp(buf, "hello") == 0);
	expect(net_sendto(sv[0], 0x1000, 5, 0, 0, 0) == -EFAULT);
	expect(net_recvfrom(sv[1], base + 200, 100, MSG_DONTWAIT, 0, 0) == -EAGAIN);
	expect(net_recvfrom(999, base, 1, 0, 0, 0) == -EBADF);
	expect(net_shutdown(sv[1], SHUT_RD) == 0);
	expect(net_sendto(sv[0], base + 100, 5, 0, 0, 0) == -EPIPE && net_raises_sigpipe(sv[0]));
	close_fd(sv[0]);
	close_fd(sv[1]);
}

static void test_rights(void)
{
	int sv[2], got[4], flags;
	struct file *p[2], *f;
	int fds[2];

	pair(SOCK_STREAM, sv);
	expect(pipe_create(0, p) == 0);
	fds[0] = fd_install(p[0], false);
	fds[1] = fd_install(p[1], false);
	expect(send_fds(sv[0], fds, 2) == 1);
	close_fd(fds[1]);
	expect(recv_fds(sv[1], got, 4, MSG_CMSG_CLOEXEC, &flags) == 2);
	expect(fdtable_get_cloexec(fdtable_current(), got[1]) == 1);
	f = fd_get(got[1]);
	expect(f && write(f->fd, "x", 1) == 1);
	file_put(f);
	f = fd_get(fds[0]);
	expect(f && read(f->fd, &flags, 1) == 1);
	file_put(f);
	expect(send_fds(sv[0], (int[]){999}, 1) == -EBADF);
	/* Room for one of two: the other is closed, and the caller told. */
	expect(send_fds(sv[0], (int[]){fds[0], got[1]}, 2) == 1);
	expect(recv_fds(sv[1], got + 2, 1, 0, &flags) >= 1 && (flags & MSG_CTRUNC) == 0);
	close_fd(got[0]);
	close_fd(got[1]);
	close_fd(fds[0]);
	close_fd(sv[0]);
	close_fd(sv[1]);
}

static ssize_t nothing(struct file *f, const struct iovec *iov, int n, const off_t *pos, int rwf)
{
	return 0;
}

static int stat_token(struct file *f, struct stat *st)
{
	return 0;
}

static int released;

static void count_release(struct file *f)
{
	released++;
	free(f);
}

static const struct file_ops emulated_ops = {
    .name = "emulated", .read = nothing, .stat = stat_token, .release = count_release};

static void test_emulated_rights(void)
{
	struct file *f = calloc(1, sizeof(*f)), *g;
	int sv[2], fd, got[2], flags;

	pair(SOCK_STREAM, sv);
	file_init(f, &emulated_ops, O_RDWR, S_IFCHR);
	fd = fd_install(f, false);
	expect(send_fds(sv[0], &fd, 1) == 1 && send_fds(sv[0], &fd, 1) == 1);
	close_fd(fd);
	expect(released == 0);
	expect(recv_fds(sv[1], got, 1, MSG_PEEK, &flags) == 1);
	expect(recv_fds(sv[1], got + 1, 1, 0, &flags) == 1);
	g = fd_get(got[1]);
	expect(g == f);
	file_put(g);
	close_fd(got[0]);
	close_fd(got[1]);
	expect(released == 0);
	expect(recv_fds(sv[1], got, 1, 0, &flags) == 1);
	close_fd(got[0]);
	expect(released == 1);
	close_fd(sv[0]);
	close_fd(sv[1]);
}

static pid_t peer_pid_of(int fd)
{
	struct ucred cred = {0};
	unsigned len = sizeof(cred);

	put(0, &len, sizeof(len));
	expect(net_getsockopt(fd, SOL_SOCKET, SO_PEERCRED, base + 100, base) == 0);
	get(&cred, 100, sizeof(cred));
	return cred.pid;
}

static void test_credentials(void)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	unsigned len = sizeof(a.sun_family) + 12;
	int l, c, s, sv[2], on = 1;
	struct cmsghdr h;
	struct ucred cred;

	snprintf(a.sun_path + 1, 40, "husk%07d", getpid() % 10000000);
	guest_pid = 20;
	l = net_socket(AF_UNIX, SOCK_STREAM, 0);
	expect(net_bind(l, put(300, &a, sizeof(a)), len) == 0 && net_listen(l, 5) == 0);
	guest_pid = 21;
	c = net_socket(AF_UNIX, SOCK_STREAM, 0);
	expect(net_connect(c, base + 300, len) == 0);
	guest_pid = 22;
	s = net_accept4(l, 0, 0, SOCK_NONBLOCK);
	expect(s >= 0 && peer_pid_of(c) == 20 && peer_pid_of(s) == 21);
	expect(net_recvfrom(s, base, 1, 0, 0, 0) == -EAGAIN);
	pair(SOCK_STREAM, sv);
	expect(net_setsockopt(sv[1], SOL_SOCKET, SO_PASSCRED, put(0, &on, 4), 4) == 0);
	guest_pid = 23;
	put(2048, "y", 1);
	expect(net_sendto(sv[0], base + 2048, 1, 0, 0, 0) == 1);
	guest_pid = 24;
	expect(net_recvmsg(sv[1], header(1, NULL, CMSG_SPACE(sizeof(cred))), 0) == 1);
	get(&h, 4096, sizeof(h));
	get(&cred, 4096 + CMSG_LEN(0), sizeof(cred));
	expect(h.cmsg_type == SCM_CREDENTIALS && cred.pid == 23);
	close_fd(l);
	close_fd(c);
	close_fd(s);
	close_fd(sv[0]);
	close_fd(sv[1]);
}

static void test_inet(void)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	unsigned len = sizeof(a), small = 4;
	int s = net_socket(AF_INET, SOCK_DGRAM, 0), c = net_socket(AF_INET, SOCK_DGRAM, 0);
	struct mmsghdr mm2[2] = {0};
	struct iovec iov[2];
	char buf[8] = "";

	expect(net_bind(s, put(300, &a, sizeof(a)), sizeof(a)) == 0);
	put(400, &len, sizeof(len));
	expect(net_getsockname(s, base + 300, base + 400) == 0);
	put(400, &small, sizeof(small));
	expect(net_getsockname(s, base + 500, base + 400) == 0);
	get(&len, 400, sizeof(len));
	expect(len == sizeof(a));
	put(2048, "onetwo", 6);
	for (int i = 0; i < 2; i++) {
		iov[i] = (struct iovec){(void *)(base + 2048 + 3 * i), 3};
		mm2[i].msg_hdr.msg_iov = (void *)(base + 600 + i * sizeof(iov[0]));
		mm2[i].msg_hdr.msg_iovlen = 1;
	}
	put(600, iov, sizeof(iov));
	put(700, mm2, sizeof(mm2));
	expect(net_connect(c, base + 300, sizeof(a)) == 0);
	expect(net_sendmmsg(c, base + 700, 2, 0) == 2);
	put(2048, "------", 6);
	expect(net_recvmmsg(s, base + 700, 2, MSG_WAITFORONE, 0) == 2);
	get(buf, 2048, 6);
	expect(strcmp(buf, "onetwo") == 0);
	expect(net_socket(AF_VSOCK, SOCK_STREAM, 0) == -EAFNOSUPPORT);
	expect(net_bind(s, base + 300, 200) == -EINVAL && net_bind(s, 0x10, 16) == -EFAULT);
	close_fd(s);
	close_fd(c);
}

static void test_ioctl(void)
{
	int sv[2], n = 0;
	struct file *f;

	pair(SOCK_STREAM, sv);
	expect(net_sendto(sv[0], base + 2048, 6, 0, 0, 0) == 6);
	f = fd_get(sv[1]);
	expect(f->ops->ioctl(f, 0x541b, base + 100) == 0); /* FIONREAD */
	get(&n, 100, sizeof(n));
	expect(n == 6);
	expect(f->ops->ioctl(f, 0xdeadbeef, base) == -ENOTTY);
	file_put(f);
	close_fd(sv[0]);
	close_fd(sv[1]);
}

int main(void)
{
	static _Atomic uint64_t nofile = 100;
	int open_before, open_after;

	hostcall_init();
	safecopy_init();
	host_thread_init(NULL, NULL);
	if (mm_new(fake_platform(), &mm) != 0)
		return 1;
	user_memory_use(&mm->user);
	base = mm_mmap(mm, 0, 16 * PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
		       NULL, 0);
	fdtable_use(fdtable_new(), &nofile);
	net_init(&ops);
	open_before = dup(0);
	test_stream();
	test_rights();
	test_emulated_rights();
	test_credentials();
	test_inet();
	test_ioctl();
	open_after = dup(0);
	expect(open_after == open_before + 1);
	return failures != 0;
}
