/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ioctl(2) on sockets (netdevice(7), tcp(7), unix(7)). Only known requests are passed on, each with
 * the size of what its argument points to; the few that contain addresses are translated.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <net/route.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/time.h>

#include "base/cleanup.h"
#include "base/hostcall.h"
#include "base/usermem.h"
#include "net/internal.h"

#define IFCONF_MAX 65536
#define IN6_RTMSG_SIZE 80

/* Requests whose argument is plain data. Data goes both ways, the host decides. */
static size_t plain_size(unsigned cmd)
{
	switch (cmd) {
	case FIONREAD: /* SIOCINQ */
	case TIOCOUTQ: /* SIOCOUTQ */
	case SIOCOUTQNSD:
	case SIOCATMARK:
		return sizeof(int);
	case SIOCGIFNAME:
	case SIOCGIFFLAGS:
	case SIOCSIFFLAGS:
	case SIOCGIFADDR:
	case SIOCSIFADDR:
	case SIOCGIFDSTADDR:
	case SIOCSIFDSTADDR:
	case SIOCGIFBRDADDR:
	case SIOCSIFBRDADDR:
	case SIOCGIFNETMASK:
	case SIOCSIFNETMASK:
	case SIOCGIFMETRIC:
	case SIOCSIFMETRIC:
	case SIOCGIFMTU:
	case SIOCSIFMTU:
	case SIOCSIFNAME:
	case SIOCGIFHWADDR:
	case SIOCSIFHWADDR:
	case SIOCSIFHWBROADCAST:
	case SIOCGIFMAP:
	case SIOCGIFINDEX:
	case SIOCGIFPFLAGS:
	case SIOCSIFPFLAGS:
	case SIOCGIFTXQLEN:
	case SIOCSIFTXQLEN:
	case SIOCADDMULTI:
	case SIOCDELMULTI:
	case SIOCDIFADDR:
		return sizeof(struct ifreq);
	case SIOCGARP:
	case SIOCSARP:
	case SIOCDARP:
		return sizeof(struct arpreq);
	case SIOCGSTAMP_OLD:
	case SIOCGSTAMPNS_OLD:
		return sizeof(struct timeval);
	default:
		return cmd == (unsigned)SIOCGSTAMP_NEW || cmd == (unsigned)SIOCGSTAMPNS_NEW
			   ? sizeof(struct timeval)
			   : 0;
	}
}

/* Does the request only write, so that what the guest's buffer contains does not matter? */
static bool is_output_only(unsigned cmd)
{
	return cmd == FIONREAD || cmd == TIOCOUTQ || cmd == SIOCOUTQNSD || cmd == SIOCATMARK;
}

static long plain_ioctl(int fd, unsigned cmd, uint64_t arg, size_t size)
{
	char buf[128] = {0};
	long r;

	if (!is_output_only(cmd) && copy_in(buf, arg, size) != 0)
		return -EFAULT;
	r = host_call(SYS_ioctl, (long)fd, (long)cmd, buf);
	return r >= 0 && copy_out(arg, buf, size) != 0 ? -EFAULT : r;
}

/* SIOCGIFCONF: the list goes to a buffer elsewhere; without one, its size is asked. */
static long ifconf_ioctl(int fd, uint64_t arg)
{
	cleanup_free char *list = NULL;
	struct ifconf conf;
	char *guest;
	long r;

	if (copy_in_obj(&conf, arg) != 0)
		return -EFAULT;
	if (conf.ifc_len < 0)
		return -EINVAL;
	if (conf.ifc_len > IFCONF_MAX)
		conf.ifc_len = IFCONF_MAX;
	guest = conf.ifc_buf;
	if (guest) {
		list = malloc(conf.ifc_len + 1);
		if (!list)
			return -ENOMEM;
	}
	conf.ifc_buf = list;
	r = host_call(SYS_ioctl, (long)fd, (long)SIOCGIFCONF, &conf);
	if (r < 0)
		return r;
	if (guest && copy_out((uint64_t)guest, list, conf.ifc_len) != 0)
		return -EFAULT;
	conf.ifc_buf = guest;
	return copy_out_obj(arg, &conf) != 0 ? -EFAULT : r;
}

/* SIOCADDRT, SIOCDELRT: IPv4's struct names its device by an address. */
static long route_ioctl(const struct socket_file *s, unsigned cmd, uint64_t arg)
{
	char v6[IN6_RTMSG_SIZE], dev[IFNAMSIZ];
	struct rtentry rt;

	if (s->domain == AF_INET6) {
		if (copy_in(v6, arg, sizeof(v6)) != 0)
			return -EFAULT;
		return host_call(SYS_ioctl, (long)s->file.fd, (long)cmd, v6);
	}
	if (s->domain != AF_INET)
		return -ENOTTY;
	if (copy_in_obj(&rt, arg) != 0)
		return -EFAULT;
	if (rt.rt_dev) {
		if (copy_in_str(dev, (uint64_t)rt.rt_dev, sizeof(dev)) < 0)
			return -EFAULT;
		rt.rt_dev = dev;
	}
	return host_call(SYS_ioctl, (long)s->file.fd, (long)cmd, &rt);
}

static long nonblock_ioctl(struct file *f, uint64_t arg)
{
	int on;
	long r;

	if (copy_in_obj(&on, arg) != 0)
		return -EFAULT;
	on = !!on;
	r = host_call(SYS_ioctl, (long)f->fd, (long)FIONBIO, &on);
	if (r == 0 && on)
		atomic_fetch_or(&f->flags, O_NONBLOCK);
	else if (r == 0)
		atomic_fetch_and(&f->flags, ~(unsigned)O_NONBLOCK);
	return r;
}

long socket_ioctl(struct file *f, unsigned cmd, uint64_t arg)
{
	size_t size = plain_size(cmd);

	if (size)
		return plain_ioctl(f->fd, cmd, arg, size);
	switch (cmd) {
	case FIONBIO:
		return nonblock_ioctl(f, arg);
	case SIOCGIFCONF:
		return ifconf_ioctl(f->fd, arg);
	case SIOCADDRT:
	case SIOCDELRT:
		return route_ioctl((struct socket_file *)f, cmd, arg);
	case SIOCETHTOOL:
		return -EOPNOTSUPP;
	default:
		return -ENOTTY;
	}
}
