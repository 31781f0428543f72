/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * /proc/net and /proc/sys/net: the host's, because the sandbox' sockets are the host's. Both show
 * the network namespace of whoever opens them, and that is the container's. They are walked
 * through base/hostproc.h by name, component by component, so no guest string is ever a host path.
 */
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/hostproc.h"
#include "vfs/proc/node.h"

#define NET_NAME_MAX 512

/* The hostproc name of a node below a `net` directory: "net/dev_snmp6/lo", "sys/net/core/…". */
static int host_name(struct proc_node *n, const char *child, char *buf, size_t size)
{
	char path[NET_NAME_MAX], *net;
	int len;

	if (pnode_path(&n->node, path, sizeof(path)) < 0)
		return -ENAMETOOLONG;
	/* The part before is /sys, or /PID, or /PID/task/TID. */
	net = strstr(path, "/net");
	if (!net)
		return -ENOENT;
	if (strncmp(path, "/sys/", 5) == 0)
		net = path;
	len = snprintf(buf, size, "%s%s%s", net + 1, child ? "/" : "", child ? child : "");
	return len >= 0 && (size_t)len < size ? 0 : -ENAMETOOLONG;
}

static int show_host(struct proc_node *n, struct ptext *out)
{
	char name[NET_NAME_MAX];
	int r = host_name(n, NULL, name, sizeof(name));

	return r < 0 ? r : proc_copy_host(name, out);
}

static const struct proc_entry host_file = {.mode = S_IFREG | 0444, .show = show_host};
static const struct proc_entry host_secret = {.mode = S_IFREG | 0400, .show = show_host};
static const struct proc_entry net_dir = {
	.mode = S_IFDIR | 0555, .lookup = proc_net_lookup, .list = proc_net_list};

int proc_net_lookup(struct proc_node *dir, const char *name, struct pnode **out)
{
	const struct proc_entry *e = &host_file;
	cleanup_close int fd = -1;
	char path[NET_NAME_MAX];
	struct proc_node *n;
	struct stat st;
	int r;

	if (strchr(name, '/') || name[0] == '.')
		return -ENOENT;
	r = host_name(dir, name, path, sizeof(path));
	if (r < 0)
		return r;
	fd = hostproc_open(path);
	if (fd == -EACCES || fd == -EPERM) {
		e = &host_secret;
	} else if (fd < 0) {
		return fd;
	} else if (fstat(fd, &st) == 0) {
		if (S_ISDIR(st.st_mode))
			e = &net_dir;
		else if (!S_ISREG(st.st_mode))
			return -ENOENT;
		else if (!(st.st_mode & 0044))
			e = &host_secret;
	}
	r = proc_make(dir, e, name, &n);
	if (r == 0)
		*out = &n->node;
	return r;
}

int proc_net_list(struct proc_node *dir, proc_emit emit, void *arg)
{
	char path[NET_NAME_MAX];
	struct dirent *d;
	DIR *stream;
	int fd, r;

	r = host_name(dir, NULL, path, sizeof(path));
	if (r < 0)
		return r;
	fd = hostproc_open(path);
	/* No such directory in the host's /proc: then nothing is in ours. */
	if (fd < 0)
		return 0;
	stream = fdopendir(fd);
	if (!stream) {
		close(fd);
		return 0;
	}
	while ((d = readdir(stream))) {
		if (d->d_name[0] == '.' || (d->d_type != DT_DIR && d->d_type != DT_REG))
			continue;
		if (!emit(arg, d->d_name, d->d_type, proc_ino(dir, d->d_name)))
			break;
	}
	closedir(stream);
	return 0;
}
