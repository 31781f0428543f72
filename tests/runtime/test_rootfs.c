/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Walking in a hostile root: whatever the links say, nothing outside is opened or made. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/files.h"
#include "runtime/rootfs.h"
#include "tests/base/check.h"

static char top[] = "/tmp/husk-rootfs-XXXXXX";

static bool exists(const char *name)
{
	char *path = string_format("%s/%s", top, name);
	struct stat st;
	bool yes = lstat(path, &st) == 0;

	free(path);
	return yes;
}

static int make(const struct rootfs *root, const char *path, enum rootfs_kind kind)
{
	int fd = rootfs_make(root, path, kind);

	if (fd >= 0)
		close(fd);
	return fd < 0 ? fd : 0;
}

static void test_plain(const struct rootfs *root)
{
	CHECK(make(root, "/a/b//c/", ROOTFS_DIRECTORY) == 0);
	CHECK(exists("root/a/b/c"));
	CHECK(make(root, "/a/file", ROOTFS_FILE) == 0);
	CHECK(exists("root/a/file"));
	CHECK(make(root, "/a/file/below", ROOTFS_DIRECTORY) < 0);
	CHECK(make(root, "/", ROOTFS_DIRECTORY) == 0);
	CHECK(make(root, "/a/./b/../d", ROOTFS_DIRECTORY) == 0);
	CHECK(exists("root/a/d"));
}

static void test_outside(const struct rootfs *root)
{
	CHECK(make(root, "/../../outside1", ROOTFS_DIRECTORY) == 0);
	CHECK(!exists("outside1") && exists("root/outside1"));
	CHECK(symlink("../../..", "root/up") == 0);
	CHECK(make(root, "/up/outside2", ROOTFS_FILE) == 0);
	CHECK(!exists("outside2") && exists("root/outside2"));
	CHECK(symlink("/etc", "root/etc-link") == 0);
	CHECK(make(root, "/etc-link/husk-test-file", ROOTFS_FILE) == 0);
	CHECK(access("/etc/husk-test-file", F_OK) < 0);
	CHECK(exists("root/etc/husk-test-file"));
	CHECK(symlink("/proc/self/root/etc", "root/magic") == 0);
	CHECK(make(root, "/magic/husk-test-file", ROOTFS_FILE) == 0);
	CHECK(access("/etc/husk-test-file", F_OK) < 0);
}

static void test_dangling(const struct rootfs *root)
{
	/* As /etc/resolv.conf of many images: it points to a file that systemd would make. */
	CHECK(symlink("../run/resolve/stub.conf", "root/etc/resolv.conf") == 0);
	CHECK(make(root, "/etc/resolv.conf", ROOTFS_FILE) == 0);
	CHECK(exists("root/run/resolve/stub.conf"));
	CHECK(symlink("/var/new", "root/dangling") == 0);
	CHECK(make(root, "/dangling/deep/er", ROOTFS_DIRECTORY) == 0);
	CHECK(exists("root/var/new/deep/er"));
	CHECK(symlink("loop2", "root/loop1") == 0 && symlink("loop1", "root/loop2") == 0);
	CHECK(make(root, "/loop1/x", ROOTFS_DIRECTORY) == -ELOOP);
	CHECK(symlink("self/x", "root/self") == 0);
	CHECK(make(root, "/self", ROOTFS_DIRECTORY) == -ELOOP);
}

static void test_parent(const struct rootfs *root)
{
	const char *name;
	int fd = rootfs_open_parent(root, "/new/dir/node", &name);

	CHECK(fd >= 0 && !strcmp(name, "node") && exists("root/new/dir"));
	if (fd >= 0)
		close(fd);
	CHECK(rootfs_open_parent(root, "/new/..", &name) == -EINVAL);
	CHECK(rootfs_open_parent(root, "/new/", &name) == -EINVAL);
	CHECK(rootfs_open(root, "/nowhere", O_PATH) == -ENOENT);
}

int main(void)
{
	struct rootfs root;
	char *command;

	if (!mkdtemp(top) || chdir(top) < 0 || mkdir("root", 0755) < 0 || mkdir("root/etc", 0755) < 0) {
		perror(top);
		return 99;
	}
	root.path = "root";
	root.fd = open("root", O_PATH | O_DIRECTORY | O_CLOEXEC);
	test_plain(&root);
	test_outside(&root);
	test_dangling(&root);
	test_parent(&root);
	close(root.fd);
	command = string_format("rm -rf %s", top);
	if (command && system(command) != 0)
		perror("rm");
	free(command);
	return check_done();
}
