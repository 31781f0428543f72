/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "runtime/terminal.h"

#include <asm/ioctls.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "libocispec/ocispec.h"
#include "runtime/rootfs.h"
#include "runtime/unix_socket.h"

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
	if (fstatfs(master, &sf) < 0)
		return error_errno(err, -errno, "process.terminal: cannot look at /dev/pts");
	if (sf.f_type != DEVPTS_MAGIC)
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
	return unix_socket_connect(socket_path, "the console socket", err);
}

int terminal_send(int console, int master, struct error *err)
{
	int r = unix_socket_send_fd(console, "/dev/ptmx", master);

	return r < 0 ? error_errno(err, r, "cannot send the terminal to the console socket") : 0;
}
