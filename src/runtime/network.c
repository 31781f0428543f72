/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "runtime/network.h"

#include <errno.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "base/cleanup.h"

int network_raise_loopback(struct error *err)
{
	cleanup_close int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ifreq r = {.ifr_name = "lo"};

	if (fd < 0 || ioctl(fd, SIOCGIFFLAGS, &r) < 0)
		return error_errno(err, -errno, "network: cannot look at the loopback device");
	r.ifr_flags |= IFF_UP;
	if (ioctl(fd, SIOCSIFFLAGS, &r) < 0)
		return error_errno(err, -errno, "network: cannot bring the loopback device up");
	return 0;
}
