/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Making, naming and connecting sockets. A guest socket is one host socket; the host checks
 * addresses, permissions (with the thread's mirrored credentials) and unix paths (against the
 * thread's mirrored root and directory).
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/hostcall.h"
#include "base/usermem.h"
#include "net/internal.h"

const struct net_ops *net_ops;

/* ---- as a file ---------------------------------------------------------------------------------- */

static struct socket_file *socket_of(struct file *f)
{
	return (struct socket_file *)f;
}

long socket_interrupted(const struct socket_file *s, int timeo)
{
	struct timeval tv = {0, 0};
	socklen_t len = sizeof(tv);

	getsockopt(s->file.fd, SOL_SOCKET, timeo, &tv, &len);
	return tv.tv_sec || tv.tv_usec ? -EINTR : -ERESTARTSYS;
}

static ssize_t socket_read(struct file *f, const struct iovec *iov, int n, const off_t *pos, int rwf)
{
	long r;

	if (pos)
		return -ESPIPE;
	r = host_call_intr(SYS_preadv2, f->fd, (long)iov, n, -1, 0, rwf);
	return r == -EINTR ? socket_interrupted(socket_of(f), SO_RCVTIMEO) : r;
}

static ssize_t socket_write(struct file *f, const struct iovec *iov, int n, const off_t *pos,
			    int rwf)
{
	long r;

	if (pos)
		return -ESPIPE;
	socket_note_sender(socket_of(f));
	r = host_call_intr(SYS_pwritev2, f->fd, (long)iov, n, -1, 0, rwf);
	return r == -EINTR ? socket_interrupted(socket_of(f), SO_SNDTIMEO) : r;
}

static void socket_release(struct file *f)
{
	peer_remove(socket_of(f));
	close(f->fd);
	free(f);
}

static const struct file_ops socket_ops = {
    .name = "socket",
    .read = socket_read,
    .write = socket_write,
    .ioctl = socket_ioctl,
    .release = socket_release,
};

static int int_option(int fd, int option)
{
	int v = 0;
	socklen_t len = sizeof(v);

	return getsockopt(fd, SOL_SOCKET, option, &v, &len) == 0 ? v : 0;
}

int socket_wrap(int fd, unsigned flags, struct socket_file **out)
{
	struct socket_file *s = calloc(1, sizeof(*s));
	struct stat st;

	if (!s || fstat(fd, &st) != 0) {
		free(s);
		close(fd);
		return -ENOMEM;
	}
	file_init(&s->file, &socket_ops, O_RDWR | (flags & O_NONBLOCK), S_IFSOCK);
	s->file.fd = fd;
	s->file.dev = st.st_dev;
	s->file.ino = st.st_ino;
	s->domain = int_option(fd, SO_DOMAIN);
	s->type = int_option(fd, SO_TYPE);
	peer_add(s);
	*out = s;
	return 0;
}

static int make_socket(int fd, unsigned flags, struct file **out)
{
	struct socket_file *s;
	int r = socket_wrap(fd, flags, &s);

	if (r == 0)
		*out = &s->file;
	return r;
}

void net_init(const struct net_ops *ops)
{
	net_ops = ops;
	file_set_socket_factory(make_socket);
}

static pid_t current_pid(void)
{
	return net_ops ? net_ops->current_tgid() : 0;
}

void socket_note_sender(struct socket_file *s)
{
	if (s->domain == AF_UNIX)
		atomic_store(&s->last_sender, current_pid());
}

struct socket_file *socket_get(int fd, long *err)
{
	struct file *f = fd_get(fd);

	if (f && f->ops == &socket_ops && !(f->flags & O_PATH))
		return socket_of(f);
	*err = !f || (f->flags & O_PATH) ? -EBADF : -ENOTSOCK;
	if (f)
		file_put(f);
	return NULL;
}

/* ---- addresses ---------------------------------------------------------------------------------- */

long sockaddr_in(struct sockaddr_storage *out, uint64_t addr, unsigned len)
{
	if ((int)len < 0 || len > sizeof(*out))
		return -EINVAL;
	memset(out, 0, sizeof(*out));
	return len && copy_in(out, addr, len) != 0 ? -EFAULT : (long)len;
}

long sockaddr_out(uint64_t addr, uint64_t addrlen, const struct sockaddr_storage *from,
		  socklen_t len)
{
	int room, n = (int)len;

	if (!addr)
		return 0;
	if (copy_in_obj(&room, addrlen) != 0)
		return -EFAULT;
	if (room < 0)
		return -EINVAL;
	if (room > n)
		room = n;
	if (room > (int)sizeof(*from))
		room = sizeof(*from);
	if (room && copy_out(addr, from, room) != 0)
		return -EFAULT;
	return copy_out_obj(addrlen, &n) != 0 ? -EFAULT : 0;
}

/* ---- calls -------------------------------------------------------------------------------------- */

/* The families whose host code is worth trusting with guest arguments. */
static bool family_allowed(int domain)
{
	return domain == AF_UNIX || domain == AF_INET || domain == AF_INET6 ||
	       domain == AF_NETLINK || domain == AF_PACKET;
}

static unsigned file_flags(int type)
{
	return type & SOCK_NONBLOCK ? O_NONBLOCK : 0;
}

long net_socket(int domain, int type, int protocol)
{
	struct socket_file *s;
	long fd;
	int r;

	if (type & ~(0xf | SOCK_CLOEXEC | SOCK_NONBLOCK))
		return -EINVAL;
	if (!family_allowed(domain))
		return -EAFNOSUPPORT;
	fd = host_call(SYS_socket, (long)domain, (long)(type | SOCK_CLOEXEC), (long)protocol);
	if (fd < 0)
		return fd == -EMFILE ? -ENFILE : fd;
	r = socket_wrap(fd, file_flags(type), &s);
	return r ? r : fd_install(&s->file, type & SOCK_CLOEXEC);
}

long net_socketpair(int domain, int type, int protocol, uint64_t sv)
{
	struct socket_file *s[2];
	int host[2], guest[2];
	long r;

	if (type & ~(0xf | SOCK_CLOEXEC | SOCK_NONBLOCK))
		return -EINVAL;
	if (!family_allowed(domain))
		return -EAFNOSUPPORT;
	r = host_call(SYS_socketpair, (long)domain, (long)(type | SOCK_CLOEXEC), (long)protocol,
		      host);
	if (r)
		return r == -EMFILE ? -ENFILE : r;
	r = socket_wrap(host[0], file_flags(type), &s[0]);
	if (r) {
		close(host[1]);
		return r;
	}
	r = socket_wrap(host[1], file_flags(type), &s[1]);
	if (r) {
		socket_put(s[0]);
		return r;
	}
	s[0]->owner_pid = s[1]->owner_pid = current_pid();
	peer_set_pair(s[0], s[1]);
	guest[0] = fd_install(&s[0]->file, type & SOCK_CLOEXEC);
	if (guest[0] < 0) {
		socket_put(s[1]);
		return guest[0];
	}
	guest[1] = fd_install(&s[1]->file, type & SOCK_CLOEXEC);
	r = guest[1] < 0 ? guest[1] : copy_out(sv, guest, sizeof(guest));
	if (r) {
		fdtable_close(fdtable_current(), guest[0]);
		if (guest[1] >= 0)
			fdtable_close(fdtable_current(), guest[1]);
	}
	return r;
}

long net_bind(int fd, uint64_t addr, unsigned len)
{
	struct sockaddr_storage ss;
	struct socket_file *s;
	long r, err;

	s = socket_get(fd, &err);
	if (!s)
		return err;
	r = sockaddr_in(&ss, addr, len);
	if (r >= 0)
		r = host_call(SYS_bind, (long)s->file.fd, &ss, r);
	socket_put(s);
	return r;
}

long net_connect(int fd, uint64_t addr, unsigned len)
{
	struct sockaddr_storage ss;
	struct socket_file *s;
	long r, err;

	s = socket_get(fd, &err);
	if (!s)
		return err;
	r = sockaddr_in(&ss, addr, len);
	if (r >= 0)
		s->owner_pid = current_pid();
	/* A started connect goes on when it is called again: the host knows what state it is in. */
	if (r >= 0)
		r = host_call_intr(SYS_connect, s->file.fd, (long)&ss, r, 0, 0, 0);
	if (r == -EINTR)
		r = socket_interrupted(s, SO_SNDTIMEO);
	socket_put(s);
	return r;
}

long net_listen(int fd, int backlog)
{
	struct socket_file *s;
	long r, err;

	s = socket_get(fd, &err);
	if (!s)
		return err;
	s->owner_pid = current_pid();
	r = host_call(SYS_listen, (long)s->file.fd, (long)backlog);
	socket_put(s);
	return r;
}

/* Waits for a connection on s; the new description in *out. */
static long accept_one(struct socket_file *s, int flags, struct sockaddr_storage *peer,
		       socklen_t *len, struct socket_file **out)
{
	long r = host_call_intr(SYS_accept4, s->file.fd, (long)peer, (long)len,
				(flags & SOCK_NONBLOCK) | SOCK_CLOEXEC, 0, 0);

	if (r == -EINTR)
		return socket_interrupted(s, SO_RCVTIMEO);
	if (r < 0)
		return r == -EMFILE ? -ENFILE : r;
	r = socket_wrap(r, file_flags(flags), out);
	if (r == 0)
		(*out)->owner_pid = s->owner_pid; /* the one who listened: unix(7) */
	return r;
}

long net_accept4(int fd, uint64_t addr, uint64_t addrlen, int flags)
{
	struct sockaddr_storage peer;
	socklen_t len = sizeof(peer);
	struct socket_file *s, *n = NULL;
	long r, err;

	if (flags & ~(SOCK_CLOEXEC | SOCK_NONBLOCK))
		return -EINVAL;
	s = socket_get(fd, &err);
	if (!s)
		return err;
	r = accept_one(s, flags, &peer, &len, &n);
	socket_put(s);
	if (r)
		return r;
	r = sockaddr_out(addr, addrlen, &peer, len);
	if (r) {
		socket_put(n);
		return r;
	}
	return fd_install(&n->file, flags & SOCK_CLOEXEC);
}

static long get_name(int fd, uint64_t addr, uint64_t addrlen, long nr)
{
	struct sockaddr_storage ss;
	socklen_t len = sizeof(ss);
	struct socket_file *s;
	long r, err;

	s = socket_get(fd, &err);
	if (!s)
		return err;
	r = host_call(nr, (long)s->file.fd, &ss, &len);
	socket_put(s);
	if (r == 0 && !addr)
		r = -EFAULT;
	return r ? r : sockaddr_out(addr, addrlen, &ss, len);
}

long net_getsockname(int fd, uint64_t addr, uint64_t addrlen)
{
	return get_name(fd, addr, addrlen, SYS_getsockname);
}

long net_getpeername(int fd, uint64_t addr, uint64_t addrlen)
{
	return get_name(fd, addr, addrlen, SYS_getpeername);
}

long net_shutdown(int fd, int how)
{
	struct socket_file *s;
	long r, err;

	s = socket_get(fd, &err);
	if (!s)
		return err;
	r = host_call(SYS_shutdown, (long)s->file.fd, (long)how);
	socket_put(s);
	return r;
}

bool net_raises_sigpipe(int fd)
{
	struct socket_file *s;
	bool stream;
	long err;

	s = socket_get(fd, &err);
	if (!s)
		return false;
	stream = socket_is_stream(s);
	socket_put(s);
	return stream;
}
