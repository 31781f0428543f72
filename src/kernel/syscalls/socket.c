/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Sockets: decoders for net/, and SIGPIPE. */
#include <errno.h>
#include <signal.h>
#include <sys/socket.h>

#include "kernel/signal.h"
#include "kernel/syscalls/syscalls.h"
#include "kernel/task.h"
#include "net/net.h"

/* A stream without a reader: besides -EPIPE a signal, unless the caller declined (send(2)). */
static long with_sigpipe(long r, int fd, int flags)
{
	if (r == -EPIPE && !(flags & MSG_NOSIGNAL) && net_raises_sigpipe(fd)) {
		siginfo_t info = {.si_signo = SIGPIPE, .si_code = SI_USER};

		info.si_pid = current->group->tgid;
		info.si_uid = current->cred->ruid;
		signal_send_task(current, &info);
	}
	return r;
}

long sys_socket(const uint64_t a[6])
{
	return net_socket((int)a[0], (int)a[1], (int)a[2]);
}

long sys_socketpair(const uint64_t a[6])
{
	return net_socketpair((int)a[0], (int)a[1], (int)a[2], a[3]);
}

long sys_bind(const uint64_t a[6])
{
	return net_bind((int)a[0], a[1], (unsigned)a[2]);
}

long sys_connect(const uint64_t a[6])
{
	return net_connect((int)a[0], a[1], (unsigned)a[2]);
}

long sys_listen(const uint64_t a[6])
{
	return net_listen((int)a[0], (int)a[1]);
}

long sys_accept(const uint64_t a[6])
{
	return net_accept4((int)a[0], a[1], a[2], 0);
}

long sys_accept4(const uint64_t a[6])
{
	return net_accept4((int)a[0], a[1], a[2], (int)a[3]);
}

long sys_getsockname(const uint64_t a[6])
{
	return net_getsockname((int)a[0], a[1], a[2]);
}

long sys_getpeername(const uint64_t a[6])
{
	return net_getpeername((int)a[0], a[1], a[2]);
}

long sys_shutdown(const uint64_t a[6])
{
	return net_shutdown((int)a[0], (int)a[1]);
}

long sys_setsockopt(const uint64_t a[6])
{
	return net_setsockopt((int)a[0], (int)a[1], (int)a[2], a[3], (unsigned)a[4]);
}

long sys_getsockopt(const uint64_t a[6])
{
	return net_getsockopt((int)a[0], (int)a[1], (int)a[2], a[3], a[4]);
}

long sys_sendto(const uint64_t a[6])
{
	return with_sigpipe(
	    net_sendto((int)a[0], a[1], a[2], (int)a[3], a[4], (unsigned)a[5]), (int)a[0],
	    (int)a[3]);
}

long sys_recvfrom(const uint64_t a[6])
{
	return net_recvfrom((int)a[0], a[1], a[2], (int)a[3], a[4], a[5]);
}

long sys_sendmsg(const uint64_t a[6])
{
	return with_sigpipe(net_sendmsg((int)a[0], a[1], (int)a[2]), (int)a[0], (int)a[2]);
}

long sys_recvmsg(const uint64_t a[6])
{
	return net_recvmsg((int)a[0], a[1], (int)a[2]);
}

long sys_sendmmsg(const uint64_t a[6])
{
	return with_sigpipe(net_sendmmsg((int)a[0], a[1], (unsigned)a[2], (int)a[3]), (int)a[0],
			    (int)a[3]);
}

long sys_recvmmsg(const uint64_t a[6])
{
	return net_recvmmsg((int)a[0], a[1], (unsigned)a[2], (int)a[3], a[4]);
}
