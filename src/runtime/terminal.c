/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "runtime/terminal.h"

#include <asm/ioctls.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "libocispec/ocispec.h"
#include "runtime/rootfs.h"

#define DEVPTS_MAGIC 0x1cd1

int terminal_open(const struct rootfs *root, const struct oci_box *size, struct terminal *t,
		  struct error *err)
{
	cleanup_close int master = rootfs_open(root, "/dev/pts/ptmx", O_RDWR | O_NOCTTY);
	struct statfs sf;
	int unlock = 0, number;

	if (master < 0)
		return error_errno(err, master, "process.terminal: cannot open /dev/pts/ptmx in the "
						"container (it needs a devpts on /dev/pts)");
	if (fstatfs(master, &sf) < 0 || sf.f_type != DEVPTS_MAGIC)
		return error_set(err, -ENODEV,
				 "process.terminal: /dev/pts in the container is not a devpts");
	if (ioctl(master, TIOCSPTLCK, &unlock) < 0 || ioctl(master, TIOCGPTN, &number) < 0)
		return error_errno(err, -errno, "process.terminal: cannot unlock the terminal");
	cleanup_close int slave = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);

	if (slave < 0)
		return error_errno(err, -errno, "process.terminal: cannot open the slave side");
	if (size) {
		struct winsize w = {.ws_row = size->height, .ws_col = size->width};

		if (ioctl(slave, TIOCSWINSZ, &w) < 0)
			return error_errno(err, -errno, "process.consoleSize");
	}
	snprintf(t->name, sizeof(t->name), "/dev/pts/%d", number);
	t->master = steal_fd(&master);
	t->slave = steal_fd(&slave);
	return 0;
}

int terminal_adopt(int slave, uid_t uid, struct error *err)
{
	if (ioctl(slave, TIOCSCTTY, 0) < 0)
		return error_errno(err, -errno, "cannot make the terminal the controlling one");
	/* A program that drops to this user must be able to open its own terminal again. */
	if (fchown(slave, uid, -1) < 0 && errno != EPERM && errno != EROFS && errno != EINVAL)
		return error_errno(err, -errno, "cannot give the terminal to user %u", uid);
	for (int fd = 0; fd < 3; fd++)
		if (dup2(slave, fd) < 0)
			return error_errno(err, -errno, "cannot use the terminal");
	return 0;
}

int terminal_connect(const char *socket_path, struct error *err)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	cleanup_close int dir = -1;
	cleanup_close int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return error_errno(err, -errno, "cannot make a socket");
	if (strlen(socket_path) < sizeof(addr.sun_path)) {
		strcpy(addr.sun_path, socket_path);
	} else {
		/* Too long a name: through a descriptor of the socket file. */
		dir = open(socket_path, O_PATH | O_CLOEXEC);
		if (dir < 0)
			return error_errno(err, -errno, "console socket %s", socket_path);
		snprintf(addr.sun_path, sizeof(addr.sun_path), "/proc/self/fd/%d", dir);
	}
	if (connect(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0)
		return error_errno(err, -errno, "cannot connect to the console socket %s",
				   socket_path);
	return steal_fd(&fd);
}

int terminal_send(int console, int master, struct error *err)
{
	static char name[] = "/dev/ptmx";
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control = {{0}};
	struct iovec iov = {name, strlen(name)};
	struct msghdr msg = {.msg_iov = &iov,
			     .msg_iovlen = 1,
			     .msg_control = &control,
			     .msg_controllen = sizeof(control)};
	struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
	ssize_t n;

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(c), &master, sizeof(master));
	do {
		n = sendmsg(console, &msg, MSG_NOSIGNAL);
	} while (n < 0 && errno == EINTR);
	return n < 0 ? error_errno(err, -errno, "cannot send the terminal to the console socket") : 0;
}
