/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "runtime/netdevices.h"

#include <errno.h>
#include <fcntl.h>
#include <libmnl/libmnl.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "libocispec/ocispec.h"

#define MESSAGE_MAX 8192   /* bytes; a request of ours, or one part of a dump */
#define ADDRESSES_MAX 256  /* of one device; more is refused */

/* What an address is on its way: the flags that say what it is, not how it fares. */
#define ADDRESS_FLAGS (IFA_F_NODAD | IFA_F_HOMEADDRESS | IFA_F_MANAGETEMPADDR | IFA_F_NOPREFIXROUTE |      \
		       IFA_F_MCAUTOJOIN)

struct address {
	struct ifaddrmsg head;
	unsigned char local[16], peer[16], broadcast[4];
	bool has_local, has_peer, has_broadcast;
	uint32_t flags, metric;
};

struct addresses {
	unsigned device; /* ifindex */
	struct address *list;
	unsigned n;
	bool too_many;
};

/* ---- talking to a namespace ---------------------------------------------------------------- */

static struct mnl_socket *open_socket(void)
{
	struct mnl_socket *s = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);

	if (s && mnl_socket_bind(s, 0, MNL_SOCKET_AUTOPID) < 0) {
		mnl_socket_close(s);
		return NULL;
	}
	return s;
}

/* A socket stays in the namespace that it was made in; this process, which has one thread, does not. */
static int open_socket_in(int netns, int own, struct mnl_socket **out, struct error *err)
{
	int r = 0;

	if (setns(netns, CLONE_NEWNET) < 0)
		return error_errno(err, -errno, "cannot enter the container's network namespace");
	*out = open_socket();
	if (!*out)
		r = error_errno(err, -errno, "cannot make a socket in the container's network namespace");
	/* Whatever comes next would happen to the wrong network. */
	if (setns(own, CLONE_NEWNET) < 0) {
		perror("husk: cannot return to the host's network namespace");
		_exit(1);
	}
	return r;
}

/* Sends a request and takes its answers until the acknowledgement. 0 or the kernel's -errno. */
static int transact(struct mnl_socket *s, struct nlmsghdr *request, mnl_cb_t callback, void *arg)
{
	char answer[MESSAGE_MAX];
	unsigned seq = request->nlmsg_seq = (unsigned)time(NULL);
	ssize_t n;
	int r;

	if (mnl_socket_sendto(s, request, request->nlmsg_len) < 0)
		return -errno;
	do {
		n = mnl_socket_recvfrom(s, answer, sizeof(answer));
		if (n < 0)
			return -errno;
		r = mnl_cb_run(answer, n, seq, mnl_socket_get_portid(s), callback, arg);
	} while (r > MNL_CB_STOP);
	return r < 0 ? -errno : 0;
}

/* ---- looking ------------------------------------------------------------------------------- */

static int see_link(const struct nlmsghdr *m, void *arg)
{
	const struct ifinfomsg *info = mnl_nlmsg_get_payload(m);

	*(struct ifinfomsg *)arg = *info;
	return MNL_CB_OK;
}

/* The device of this name; -ENODEV. */
static int find_device(struct mnl_socket *s, const char *name, struct ifinfomsg *out)
{
	char buf[MESSAGE_MAX];
	struct nlmsghdr *m = mnl_nlmsg_put_header(buf);

	m->nlmsg_type = RTM_GETLINK;
	m->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
	mnl_nlmsg_put_extra_header(m, sizeof(struct ifinfomsg));
	mnl_attr_put_strz(m, IFLA_IFNAME, name);
	return transact(s, m, see_link, out);
}

/* The number `first`, or the next one that no device of the namespace has. */
static unsigned free_index(struct mnl_socket *s, unsigned first)
{
	for (unsigned index = first;; index++) {
		char buf[MESSAGE_MAX];
		struct nlmsghdr *m = mnl_nlmsg_put_header(buf);
		struct ifinfomsg *info, found;

		m->nlmsg_type = RTM_GETLINK;
		m->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
		info = mnl_nlmsg_put_extra_header(m, sizeof(*info));
		info->ifi_index = index;
		if (transact(s, m, see_link, &found) < 0)
			return index;
	}
}

static void take_bytes(const struct nlattr *a, unsigned char *out, size_t size, bool *has)
{
	size_t n = mnl_attr_get_payload_len(a);

	*has = n <= size;
	if (*has)
		memcpy(out, mnl_attr_get_payload(a), n);
}

static int see_attribute(const struct nlattr *a, void *arg)
{
	struct address *out = arg;

	switch (mnl_attr_get_type(a)) {
	case IFA_LOCAL:
		take_bytes(a, out->local, sizeof(out->local), &out->has_local);
		break;
	case IFA_ADDRESS:
		take_bytes(a, out->peer, sizeof(out->peer), &out->has_peer);
		break;
	case IFA_BROADCAST:
		take_bytes(a, out->broadcast, sizeof(out->broadcast), &out->has_broadcast);
		break;
	case IFA_FLAGS:
		out->flags = mnl_attr_get_u32(a);
		break;
	case IFA_RT_PRIORITY:
		out->metric = mnl_attr_get_u32(a);
		break;
	}
	return MNL_CB_OK;
}

static int see_address(const struct nlmsghdr *m, void *arg)
{
	const struct ifaddrmsg *head = mnl_nlmsg_get_payload(m);
	struct addresses *all = arg;
	struct address *a;

	if (head->ifa_index != all->device || head->ifa_scope != RT_SCOPE_UNIVERSE)
		return MNL_CB_OK;
	if (all->n == ADDRESSES_MAX) {
		all->too_many = true;
		return MNL_CB_OK;
	}
	a = &all->list[all->n];
	*a = (struct address){.head = *head, .flags = head->ifa_flags};
	mnl_attr_parse(m, sizeof(*head), see_attribute, a);
	/* One that was learned from a router is learned again. */
	if (a->flags & IFA_F_PERMANENT)
		all->n++;
	return MNL_CB_OK;
}

static int find_addresses(struct mnl_socket *s, struct addresses *all)
{
	char buf[MESSAGE_MAX];
	struct nlmsghdr *m = mnl_nlmsg_put_header(buf);

	m->nlmsg_type = RTM_GETADDR;
	m->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	mnl_nlmsg_put_extra_header(m, sizeof(struct ifaddrmsg));
	return transact(s, m, see_address, all);
}

/* ---- moving -------------------------------------------------------------------------------- */

/* A change of a device, begun; its attributes may follow. */
static struct nlmsghdr *change_device(char buf[MESSAGE_MAX], unsigned device, unsigned flags)
{
	struct nlmsghdr *m = mnl_nlmsg_put_header(buf);
	struct ifinfomsg *info;

	m->nlmsg_type = RTM_NEWLINK;
	m->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
	info = mnl_nlmsg_put_extra_header(m, sizeof(*info));
	info->ifi_index = device;
	info->ifi_flags = info->ifi_change = flags;
	return m;
}

/*
 * Into the namespace netns, with this name and this number there, in one step. In the name "%d" is a
 * number that the kernel chooses.
 */
static int move_device(struct mnl_socket *s, unsigned device, int netns, const char *name, unsigned index)
{
	char buf[MESSAGE_MAX];
	struct nlmsghdr *m = change_device(buf, device, 0);

	mnl_attr_put_u32(m, IFLA_NET_NS_FD, netns);
	mnl_attr_put_strz(m, IFLA_IFNAME, name);
	mnl_attr_put_u32(m, IFLA_NEW_IFINDEX, index);
	return transact(s, m, NULL, NULL);
}

static int raise_device(struct mnl_socket *s, unsigned device)
{
	char buf[MESSAGE_MAX];

	return transact(s, change_device(buf, device, IFF_UP), NULL, NULL);
}

static int add_address(struct mnl_socket *s, unsigned device, const struct address *a)
{
	size_t size = a->head.ifa_family == AF_INET ? 4 : 16;
	char buf[MESSAGE_MAX];
	struct nlmsghdr *m = mnl_nlmsg_put_header(buf);
	struct ifaddrmsg *head;

	m->nlmsg_type = RTM_NEWADDR;
	m->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE;
	head = mnl_nlmsg_put_extra_header(m, sizeof(*head));
	*head = a->head;
	head->ifa_index = device;
	head->ifa_flags = 0;
	if (a->has_local)
		mnl_attr_put(m, IFA_LOCAL, size, a->local);
	if (a->has_peer)
		mnl_attr_put(m, IFA_ADDRESS, size, a->peer);
	if (a->has_broadcast)
		mnl_attr_put(m, IFA_BROADCAST, 4, a->broadcast);
	mnl_attr_put_u32(m, IFA_FLAGS, a->flags & ADDRESS_FLAGS);
	if (a->metric)
		mnl_attr_put_u32(m, IFA_RT_PRIORITY, a->metric);
	return transact(s, m, NULL, NULL);
}

/* Its addresses and its state, in the namespace behind s. */
static int set_up(struct mnl_socket *s, unsigned device, const struct addresses *all, bool raise)
{
	int r = 0;

	for (unsigned i = 0; !r && i < all->n; i++)
		r = add_address(s, device, &all->list[i]);
	return r || !raise ? r : raise_device(s, device);
}

/* ---- all of them --------------------------------------------------------------------------- */

struct mover {
	const struct oci_linux *l;
	int own, theirs; /* namespaces */
	struct mnl_socket *host, *container;
};

static const char *new_name(const struct oci_linux *l, size_t i)
{
	const char *name = l->net_devices[i].name;

	return name && *name ? name : l->net_devices_keys[i];
}

static int check_all(const struct mover *m, struct error *err)
{
	for (size_t i = 0; i < m->l->n_net_devices; i++) {
		const char *old = m->l->net_devices_keys[i], *name = new_name(m->l, i);
		struct ifinfomsg info;
		int r = find_device(m->host, old, &info);

		if (r < 0)
			return error_errno(err, r, "linux.netDevices: \"%s\"", old);
		if (info.ifi_flags & IFF_LOOPBACK)
			return error_set(err, -EINVAL, "linux.netDevices: \"%s\" is the loopback device, "
						       "which each namespace has its own of", old);
		if (!strstr(name, "%d") && find_device(m->container, name, &info) == 0)
			return error_set(err, -EEXIST, "linux.netDevices: \"%s\": the container has a device "
						       "\"%s\" already", old, name);
	}
	return 0;
}

/* Gives a device back as it was, after something went wrong with it. */
static void take_back(const struct mover *m, unsigned device, const char *old,
		      const struct addresses *all, bool was_up)
{
	unsigned index = free_index(m->host, all->device);

	if (move_device(m->container, device, m->own, old, index) == 0)
		set_up(m->host, index, all, was_up);
}

static int give_from(const struct mover *m, size_t i, struct error *err);

static int give_one(const struct mover *m, size_t i, struct addresses *all, struct error *err)
{
	const char *old = m->l->net_devices_keys[i], *name = new_name(m->l, i);
	struct ifinfomsg info = {0};
	int r = find_device(m->host, old, &info);
	unsigned device;

	all->device = info.ifi_index;
	if (!r)
		r = find_addresses(m->host, all);
	if (!r && all->too_many)
		r = -E2BIG;
	if (r < 0)
		return error_errno(err, r, "linux.netDevices: \"%s\": cannot read its addresses", old);
	device = free_index(m->container, all->device);
	r = move_device(m->host, all->device, m->theirs, name, device);
	if (r < 0)
		return error_errno(err, r, "linux.netDevices: cannot move \"%s\"", old);
	r = set_up(m->container, device, all, true);
	if (r < 0)
		error_errno(err, r, "linux.netDevices: cannot set up \"%s\" as \"%s\"", old, name);
	/* The others next, so that each that is given knows how to come back. */
	if (!r)
		r = give_from(m, i + 1, err);
	if (r < 0)
		take_back(m, device, old, all, info.ifi_flags & IFF_UP);
	return r;
}

static int give_from(const struct mover *m, size_t i, struct error *err)
{
	cleanup_free struct address *list = NULL;
	struct addresses all = {0};

	if (i == m->l->n_net_devices)
		return 0;
	list = all.list = calloc(ADDRESSES_MAX, sizeof(*list));
	return list ? give_one(m, i, &all, err) : error_set(err, -ENOMEM, "out of memory");
}

int netdevices_give(const struct oci_linux *l, pid_t pid, struct error *err)
{
	struct mover m = {.l = l};
	char path[40];
	int r;

	snprintf(path, sizeof(path), "/proc/%d/ns/net", pid);
	cleanup_close int theirs = open(path, O_RDONLY | O_CLOEXEC);
	cleanup_close int own = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);

	if (theirs < 0 || own < 0)
		return error_errno(err, -errno, "cannot open %s", theirs < 0 ? path : "/proc/self/ns/net");
	m.theirs = theirs;
	m.own = own;
	m.host = open_socket();
	r = m.host ? open_socket_in(theirs, own, &m.container, err)
		   : error_errno(err, -errno, "cannot make a netlink socket");
	if (!r)
		r = check_all(&m, err);
	if (!r)
		r = give_from(&m, 0, err);
	if (m.container)
		mnl_socket_close(m.container);
	if (m.host)
		mnl_socket_close(m.host);
	return r;
}
