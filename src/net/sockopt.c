/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Socket options: bytes that the host understands, passed through a bounded buffer. Those whose
 * bytes contain addresses or descriptors are translated, or refused: the host would take them for
 * the sandbox' own.
 */
#include <errno.h>
#include <linux/filter.h>
#include <linux/if_packet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/hostcall.h"
#include "base/usermem.h"
#include "net/internal.h"

#define OPTION_MAX 65536

#ifndef SO_PASSPIDFD
#define SO_PASSPIDFD 76
#define SO_PEERPIDFD 77
#endif
#ifndef PACKET_FANOUT_DATA
#define PACKET_FANOUT_DATA 22
#endif
#ifndef TCP_ZEROCOPY_RECEIVE
#define TCP_ZEROCOPY_RECEIVE 35
#endif
#define NETFILTER_BASE 64 /* ip_tables and friends: structs with addresses in them */

/* Options that mean more than bytes to the host. */
static bool option_refused(int level, int name)
{
	switch (level) {
	case SOL_SOCKET:
		return name == SO_ATTACH_BPF || name == SO_ATTACH_REUSEPORT_EBPF ||
		       name == SO_PASSPIDFD || name == SO_PEERPIDFD;
	case SOL_IP:
		return name >= NETFILTER_BASE;
	case SOL_IPV6:
		return name == NETFILTER_BASE || name == NETFILTER_BASE + 1;
	case SOL_TCP:
		return name == TCP_ZEROCOPY_RECEIVE;
	case SOL_PACKET:
		return name == PACKET_FANOUT_DATA || name == PACKET_RX_RING ||
		       name == PACKET_TX_RING;
	default:
		return false;
	}
}

/* SO_ATTACH_FILTER: the program is elsewhere. */
static long attach_filter(const struct socket_file *s, int name, uint64_t val, unsigned len)
{
	struct sock_fprog prog;
	cleanup_free struct sock_filter *insns = NULL;

	if (len != sizeof(prog))
		return -EINVAL;
	if (copy_in_obj(&prog, val) != 0)
		return -EFAULT;
	if (prog.len == 0 || prog.len > BPF_MAXINSNS)
		return -EINVAL;
	insns = malloc(prog.len * sizeof(*insns));
	if (!insns)
		return -ENOMEM;
	if (copy_in(insns, (uint64_t)prog.filter, prog.len * sizeof(*insns)) != 0)
		return -EFAULT;
	prog.filter = insns;
	return host_call(SYS_setsockopt, (long)s->file.fd, (long)SOL_SOCKET, (long)name, &prog,
			 (long)sizeof(prog));
}

static long set_option(const struct socket_file *s, int level, int name, uint64_t val, unsigned len)
{
	cleanup_free char *heap = NULL;
	char small[256], *buf = small;

	if ((int)len < 0 || len > OPTION_MAX)
		return -EINVAL;
	if (level == SOL_SOCKET &&
	    (name == SO_ATTACH_FILTER || name == SO_ATTACH_REUSEPORT_CBPF))
		return attach_filter(s, name, val, len);
	/* Pages sent by reference would be in use long after the call. */
	if (level == SOL_SOCKET && name == SO_ZEROCOPY)
		return -EOPNOTSUPP;
	if (option_refused(level, name))
		return -ENOPROTOOPT;
	if (len > sizeof(small) && !(buf = heap = malloc(len)))
		return -ENOMEM;
	if (len && val && copy_in(buf, val, len) != 0)
		return -EFAULT;
	return host_call(SYS_setsockopt, (long)s->file.fd, (long)level, (long)name,
			 val ? buf : NULL, (long)len);
}

long net_setsockopt(int fd, int level, int name, uint64_t val, unsigned len)
{
	struct socket_file *s;
	long r, err;

	s = socket_get(fd, &err);
	if (!s)
		return err;
	r = set_option(s, level, name, val, len);
	socket_put(s);
	return r;
}

/* SO_PEERCRED names a process by the host's pid, which in here is the sandbox' for everybody. */
static void translate_peercred(struct socket_file *s, void *buf, socklen_t len)
{
	struct ucred cred;

	if (len < sizeof(cred))
		return;
	memcpy(&cred, buf, sizeof(cred));
	if (cred.pid > 0)
		cred.pid = peer_pid(s, cred.pid, false);
	memcpy(buf, &cred, sizeof(cred));
}

static long get_option(struct socket_file *s, int level, int name, uint64_t val, uint64_t lenp)
{
	bool filter = level == SOL_SOCKET && name == SO_GET_FILTER;
	cleanup_free char *heap = NULL;
	char small[256], *buf = small;
	size_t unit = filter ? sizeof(struct sock_filter) : 1; /* counted in instructions there */
	socklen_t host_len;
	int len;
	long r;

	if (copy_in_obj(&len, lenp) != 0)
		return -EFAULT;
	if (len < 0)
		return -EINVAL;
	if (option_refused(level, name))
		return -ENOPROTOOPT;
	if ((size_t)len > OPTION_MAX / unit)
		len = OPTION_MAX / unit;
	if (len * unit > sizeof(small) && !(buf = heap = malloc(len * unit)))
		return -ENOMEM;
	/* Some options (TCP_INFO's kin) read what they find in the buffer. */
	if (len && copy_in(buf, val, len * unit) != 0)
		memset(buf, 0, len * unit);
	host_len = len;
	r = host_call(SYS_getsockopt, (long)s->file.fd, (long)level, (long)name, buf, &host_len);
	if (r < 0) {
		/* SO_PEERGROUPS and SO_PEERSEC say how much they need. */
		if (r == -ERANGE && copy_out_obj(lenp, &host_len) != 0)
			r = -EFAULT;
		return r;
	}
	if (level == SOL_SOCKET && name == SO_PEERCRED)
		translate_peercred(s, buf, host_len);
	if (host_len <= (socklen_t)len && host_len && copy_out(val, buf, host_len * unit) != 0)
		return -EFAULT;
	return copy_out_obj(lenp, &host_len) != 0 ? -EFAULT : 0;
}

long net_getsockopt(int fd, int level, int name, uint64_t val, uint64_t len)
{
	struct socket_file *s;
	long r, err;

	s = socket_get(fd, &err);
	if (!s)
		return err;
	r = get_option(s, level, name, val, len);
	socket_put(s);
	return r;
}
