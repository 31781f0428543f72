/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Files and paths: open(2), rename(2), link(2), getdents(2), xattr(7), fcntl(2), lseek(2), stat(2). */
#include "abi.h"

#include <dirent.h>
#include <linux/openat2.h>
#include <sys/resource.h>
#include <sys/statfs.h>
#include <sys/sysmacros.h>
#include <sys/uio.h>
#include <sys/xattr.h>
#include <utime.h>

static void put(const char *name, const char *text)
{
	int fd = open(name, O_CREAT | O_WRONLY | O_TRUNC, 0644);

	REQUIRE(fd >= 0);
	REQUIRE(write(fd, text, strlen(text)) == (ssize_t)strlen(text));
	close(fd);
}

static void check_content(const char *name, const char *want, int line)
{
	char buf[256] = "";
	int fd = open(name, O_RDONLY);

	abi_check(fd >= 0 && read(fd, buf, 255) >= 0, name, __FILE__, line);
	abi_check_str(buf, want, name, __FILE__, line);
	close(fd);
}
#define CHECK_CONTENT(name, want) check_content(name, want, __LINE__)

CASE(open_flags, "O_CREAT, O_EXCL, O_TRUNC, O_APPEND, O_DIRECTORY, O_NOFOLLOW, O_PATH, lowest fd")
{
	char c;
	int a = open("f", O_CREAT | O_EXCL | O_RDWR, 0640);

	REQUIRE(a >= 0);
	CHECK_FAILS(open("f", O_CREAT | O_EXCL | O_RDWR, 0640), EEXIST);
	CHECK_FAILS(open("f", O_DIRECTORY), ENOTDIR);
	CHECK_FAILS(open(".", O_RDWR), EISDIR);
	CHECK_FAILS(open("nothing/f", O_RDWR | O_CREAT, 0600), ENOENT);
	CHECK_FAILS(open("f/g", O_RDONLY), ENOTDIR);
	CHECK_FAILS(open("", O_RDONLY), ENOENT);
	CHECK_FAILS(open((char *)8, O_RDONLY), EFAULT);
	int b = open("f", O_WRONLY | O_APPEND);

	CHECK_EQ(write(a, "abc", 3), 3);
	CHECK_EQ(write(b, "def", 3), 3);
	CHECK_EQ(lseek(b, 0, SEEK_CUR), 6);
	CHECK_EQ(pread(a, &c, 1, 3), 1);
	CHECK_EQ(c, 'd');
	CHECK_FAILS(read(b, &c, 1), EBADF);
	CHECK_EQ(fcntl(b, F_GETFL) & (O_ACCMODE | O_APPEND), O_WRONLY | O_APPEND);
	close(open("f", O_TRUNC | O_WRONLY));
	CHECK_EQ(lseek(a, 0, SEEK_END), 0);
	REQUIRE(symlink("f", "l") == 0);
	CHECK_FAILS(open("l", O_NOFOLLOW), ELOOP);
	int path = open("l", O_NOFOLLOW | O_PATH);

	CHECK(path >= 0);
	CHECK_FAILS(read(path, &c, 1), EBADF);
	close(a);
	CHECK_EQ(open("/dev/null", O_RDONLY), a);
	CHECK_EQ(dup(0), path + 1);
	CHECK_EQ(dup2(b, 100), 100);
	CHECK_EQ(dup3(b, 101, O_CLOEXEC), 101);
	CHECK_EQ(fcntl(101, F_GETFD), FD_CLOEXEC);
	CHECK_FAILS(dup3(b, b, 0), EINVAL);
	CHECK_EQ(fcntl(b, F_DUPFD, 200), 200);
	CHECK_FAILS(close(999), EBADF);
	CHECK_EQ(syscall(SYS_close_range, 100, 200, 0), 0);
	CHECK_FAILS(fcntl(101, F_GETFD), EBADF);
}

CASE(tmpfile_link, "O_TMPFILE has no name until linkat gives it one")
{
	int fd = open(".", O_TMPFILE | O_RDWR, 0600);
	char proc[64];
	struct stat st;

	if (fd < 0 && errno == EOPNOTSUPP)
		SKIP("the file system has no O_TMPFILE");
	REQUIRE(fd >= 0);
	CHECK_EQ(fstat(fd, &st), 0);
	CHECK_EQ(st.st_nlink, 0);
	CHECK_EQ(write(fd, "hello", 5), 5);
	snprintf(proc, sizeof(proc), "/proc/self/fd/%d", fd);
	CHECK_EQ(linkat(AT_FDCWD, proc, AT_FDCWD, "named", AT_SYMLINK_FOLLOW), 0);
	CHECK_CONTENT("named", "hello");
}

CASE(shared_offset, "dup and fork share the offset; a second open does not")
{
	char c;

	put("f", "0123456789");
	int a = open("f", O_RDONLY), b = dup(a), other = open("f", O_RDONLY);

	CHECK_EQ(read(a, &c, 1), 1);
	CHECK_EQ(read(b, &c, 1), 1);
	CHECK_EQ(c, '1');
	pid_t pid = fork();

	if (pid == 0) {
		CHECK_EQ(read(a, &c, 1), 1);
		CHECK_EQ(c, '2');
		CHILD_EXIT();
	}
	CHILD_OK(pid);
	CHECK_EQ(read(b, &c, 1), 1);
	CHECK_EQ(c, '3');
	CHECK_EQ(read(other, &c, 1), 1);
	CHECK_EQ(c, '0');
}

CASE(rename_, "rename replaces, refuses directories over files, RENAME_NOREPLACE and EXCHANGE")
{
	put("a", "a");
	put("b", "b");
	CHECK_EQ(rename("a", "b"), 0);
	CHECK_CONTENT("b", "a");
	CHECK_FAILS(access("a", F_OK), ENOENT);
	put("a", "new");
	CHECK_FAILS(renameat2(AT_FDCWD, "a", AT_FDCWD, "b", RENAME_NOREPLACE), EEXIST);
	CHECK_EQ(renameat2(AT_FDCWD, "a", AT_FDCWD, "b", RENAME_EXCHANGE), 0);
	CHECK_CONTENT("b", "new");
	REQUIRE(mkdir("d", 0755) == 0 && mkdir("e", 0755) == 0);
	CHECK_FAILS(rename("a", "d"), EISDIR);
	CHECK_FAILS(rename("d", "a"), ENOTDIR);
	CHECK_FAILS(rename("d", "d/x"), EINVAL);
	put("e/x", "");
	CHECK_FAILS(rename("d", "e"), ENOTEMPTY);
	CHECK_FAILS(rmdir("e"), ENOTEMPTY);
	CHECK_FAILS(unlink("d"), EISDIR);
	CHECK_FAILS(rmdir("a"), ENOTDIR);
	CHECK_EQ(rmdir("d"), 0);
}

CASE(links, "hard and symbolic links, readlink, loops, trailing slashes")
{
	struct stat st;
	char buf[64];

	put("f", "x");
	CHECK_EQ(link("f", "g"), 0);
	CHECK_EQ(stat("g", &st), 0);
	CHECK_EQ(st.st_nlink, 2);
	CHECK_FAILS(link("f", "g"), EEXIST);
	CHECK_EQ(symlink("../nowhere", "s"), 0);
	CHECK_EQ(readlink("s", buf, sizeof(buf)), 10);
	CHECK_EQ(readlink("s", buf, 4), 4);
	CHECK_FAILS(readlink("f", buf, 4), EINVAL);
	CHECK_FAILS(stat("s", &st), ENOENT);
	CHECK_EQ(lstat("s", &st), 0);
	CHECK(S_ISLNK(st.st_mode));
	symlink("l2", "l1");
	symlink("l1", "l2");
	CHECK_FAILS(open("l1", O_RDONLY), ELOOP);
	CHECK_FAILS(open("f/", O_RDONLY), ENOTDIR);
	CHECK_FAILS(mkdir("f/", 0700), EEXIST);
	CHECK_EQ(unlink("f"), 0);
	CHECK_CONTENT("g", "x");
}

CASE(walks, "../ stays right after the directory moves; chroot holds .. ; openat2's RESOLVE flags")
{
	struct stat a, b;
	struct open_how how = {.flags = O_RDONLY, .resolve = RESOLVE_BENEATH};

	REQUIRE(mkdir("d", 0755) == 0 && mkdir("d/e", 0755) == 0 && mkdir("n", 0755) == 0);
	put("d/f", "in d");
	put("n/f", "in n");
	int fd = open("d/e", O_DIRECTORY);

	CHECK_EQ(rename("d/e", "n/e"), 0);
	int f = openat(fd, "../f", O_RDONLY);
	char buf[8] = "";

	CHECK_EQ(read(f, buf, 7), 4);
	CHECK_STR(buf, "in n");
	CHECK_FAILS(syscall(SYS_openat2, fd, "../f", &how, sizeof(how)), EXDEV);
	CHECK_EQ(stat("/..", &a), 0);
	CHECK_EQ(stat("/", &b), 0);
	CHECK_EQ(a.st_ino, b.st_ino);
	if (geteuid() != 0)
		SKIP("chroot needs root");
	pid_t pid = fork();

	if (pid == 0) {
		CHECK_EQ(chroot("n"), 0);
		CHECK_EQ(chdir("/e/../../.."), 0);
		CHECK_CONTENT("f", "in n");
		CHECK_CONTENT("/../../f", "in n");
		CHECK_FAILS(open("/d/f", O_RDONLY), ENOENT);
		CHECK_STR(getcwd(buf, 8), "/");
		CHILD_EXIT();
	}
	CHILD_OK(pid);
}

CASE(cwd, "chdir, fchdir and getcwd; a removed directory; each process its own")
{
	char buf[512], want[512];

	REQUIRE(getcwd(want, 400) != NULL);
	strcat(want, "/sub");
	REQUIRE(mkdir("sub", 0755) == 0);
	int top = open(".", O_DIRECTORY);
	pid_t pid = fork();

	if (pid == 0) {
		CHECK_EQ(chdir("sub"), 0);
		CHECK_STR(getcwd(buf, sizeof(buf)), want);
		CHILD_EXIT();
	}
	CHILD_OK(pid);
	CHECK_EQ(access("sub", F_OK), 0);
	CHECK_EQ(chdir("sub"), 0);
	CHECK_FAILS(syscall(SYS_getcwd, buf, 2), ERANGE);
	rmdir("../sub");
	CHECK_FAILS(open("x", O_CREAT | O_WRONLY, 0600), ENOENT);
	CHECK_FAILS(syscall(SYS_getcwd, buf, sizeof(buf)), ENOENT);
	CHECK_EQ(fchdir(top), 0);
	CHECK_FAILS(chdir("sub"), ENOENT);
}

CASE(modes, "umask, chmod, times, truncate and stat agree")
{
	struct stat st;
	struct timespec t[2] = {{1000000000, 5}, {1100000000, 6}};

	umask(027);
	close(open("f", O_CREAT | O_WRONLY, 0666));
	mkdir("d", 0777);
	stat("f", &st);
	CHECK_EQ(st.st_mode & 07777, 0640);
	stat("d", &st);
	CHECK_EQ(st.st_mode & 07777, 0750);
	CHECK_EQ(umask(0), 027);
	CHECK_EQ(chmod("f", 04711), 0);
	CHECK_EQ(truncate("f", 100), 0);
	CHECK_EQ(utimensat(AT_FDCWD, "f", t, 0), 0);
	stat("f", &st);
	CHECK_EQ(st.st_mode & 07777, 04711);
	CHECK_EQ(st.st_size, 100);
	CHECK_EQ(st.st_atim.tv_sec, 1000000000);
	CHECK_EQ(st.st_mtim.tv_nsec, 6);
	CHECK_FAILS(truncate("f", -1), EINVAL);
	struct statx x;

	CHECK_EQ(statx(AT_FDCWD, "f", 0, STATX_BASIC_STATS, &x), 0);
	CHECK_EQ(x.stx_size, 100);
	CHECK_EQ(x.stx_ino, st.st_ino);
	CHECK_EQ(makedev(x.stx_dev_major, x.stx_dev_minor), st.st_dev);
	int fd = open("f", O_PATH);

	CHECK_EQ(fstatat(fd, "", &st, AT_EMPTY_PATH), 0);
	CHECK_EQ(st.st_size, 100);
	CHECK_EQ(access("f", R_OK | W_OK), 0);
	CHECK_FAILS(access("nothing", F_OK), ENOENT);
	CHECK_EQ(stat("/dev/null", &st), 0);
	CHECK(S_ISCHR(st.st_mode));
	CHECK_EQ(st.st_rdev, makedev(1, 3));
}

CASE(io_forms, "pread, pwrite, readv, writev, preadv, lseek and their errors")
{
	int fd = abi_tmpfile();
	char a[4] = "", b[4] = "";
	struct iovec v[2] = {{a, 3}, {b, 3}};

	CHECK_EQ(pwrite(fd, "abcdef", 6, 0), 6);
	CHECK_EQ(lseek(fd, 0, SEEK_CUR), 0);
	CHECK_EQ(readv(fd, v, 2), 6);
	CHECK_STR(a, "abc");
	CHECK_STR(b, "def");
	CHECK_EQ(preadv(fd, v, 1, 2), 3);
	CHECK_STR(a, "cde");
	CHECK_EQ(writev(fd, v, 2), 6);
	CHECK_EQ(lseek(fd, 0, SEEK_END), 12);
	CHECK_FAILS(lseek(fd, -1, SEEK_SET), EINVAL);
	CHECK_FAILS(pread(fd, a, 1, -1), EINVAL);
	CHECK_FAILS(readv(fd, v, -1), EINVAL);
	CHECK_FAILS(readv(fd, v, 1025), EINVAL);
	CHECK_FAILS(pread(fd, (void *)-4096, 1, 0), EFAULT);
	CHECK_EQ(pread(fd, a, 1, 100), 0);
	CHECK_EQ(read(fd, NULL, 0), 0);
	CHECK_FAILS(write(fd, NULL, 1), EFAULT);
	/* what can be written is written: a buffer that runs into a hole */
	char *p = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	munmap(p + 4096, 4096);
	CHECK_EQ(pwrite(fd, p + 4096 - 10, 20, 0), 10);
}

CASE(sparse, "holes read as zero; SEEK_DATA and SEEK_HOLE find them; fallocate punches")
{
	int fd = abi_tmpfile();
	char buf[4096], zero[4096] = {0};

	memset(buf, 'x', sizeof(buf));
	CHECK_EQ(pwrite(fd, buf, 4096, 1 << 20), 4096);
	CHECK_EQ(lseek(fd, 0, SEEK_DATA), 1 << 20);
	CHECK_EQ(lseek(fd, 1 << 20, SEEK_HOLE), (1 << 20) + 4096);
	CHECK_FAILS(lseek(fd, 2 << 20, SEEK_DATA), ENXIO);
	CHECK_EQ(pread(fd, buf, 4096, 4096), 4096);
	CHECK(memcmp(buf, zero, 4096) == 0);
	if (fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 1 << 20, 4096) == 0) {
		CHECK_EQ(pread(fd, buf, 4096, 1 << 20), 4096);
		CHECK(memcmp(buf, zero, 4096) == 0);
	}
	CHECK_EQ(posix_fallocate(fd, 0, 3 << 20), 0);
	CHECK_EQ(lseek(fd, 0, SEEK_END), 3 << 20);
	CHECK_EQ(ftruncate(fd, 10), 0);
	CHECK_EQ(lseek(fd, 0, SEEK_END), 10);
}

CASE(directories, "getdents lists each name once, also with many; rewind and seek work")
{
	char name[32];
	int n = 0, sum = 0;
	struct dirent *e;

	REQUIRE(mkdir("d", 0755) == 0);
	for (int i = 0; i < 1000; i++) {
		snprintf(name, sizeof(name), "d/%d", i);
		close(open(name, O_CREAT | O_WRONLY, 0600));
	}
	DIR *d = opendir("d");

	REQUIRE(d);
	while ((e = readdir(d)))
		if (e->d_name[0] != '.') {
			n++;
			sum += atoi(e->d_name);
			CHECK_EQ(e->d_type, DT_REG);
		}
	CHECK_EQ(n, 1000);
	CHECK_EQ(sum, 499500);
	rewinddir(d);
	n = 0;
	while (readdir(d))
		n++;
	CHECK_EQ(n, 1002);
	CHECK_FAILS(syscall(SYS_getdents64, open("/dev/null", O_RDONLY), name, 32), ENOTDIR);
}

CASE(xattrs, "user extended attributes: set, get, list, remove")
{
	char buf[64] = "";

	put("f", "");
	if (setxattr("f", "user.husk", "value", 5, XATTR_CREATE) < 0 && errno == EOPNOTSUPP)
		SKIP("the file system has no user attributes");
	CHECK_FAILS(setxattr("f", "user.husk", "v", 1, XATTR_CREATE), EEXIST);
	CHECK_EQ(getxattr("f", "user.husk", buf, sizeof(buf)), 5);
	CHECK_STR(buf, "value");
	CHECK_EQ(getxattr("f", "user.husk", NULL, 0), 5);
	CHECK_FAILS(getxattr("f", "user.husk", buf, 2), ERANGE);
	CHECK_FAILS(getxattr("f", "user.none", buf, 64), ENODATA);
	CHECK_EQ(listxattr("f", buf, sizeof(buf)), sizeof("user.husk"));
	CHECK_EQ(removexattr("f", "user.husk"), 0);
	CHECK_FAILS(removexattr("f", "user.husk"), ENODATA);
}

CASE(unlinked, "an unlinked open file lives; /proc/self/fd names and re-opens it")
{
	char link[64], path[512];
	ssize_t n;

	put("f", "content");
	int fd = open("f", O_RDWR);

	unlink("f");
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = readlink(link, path, sizeof(path) - 1);
	REQUIRE(n > 0);
	path[n] = 0;
	CHECK(strstr(path, "/f (deleted)") != NULL);
	int again = open(link, O_RDONLY);

	CHECK(again >= 0 && again != fd);
	CHECK_EQ(read(again, path, 7), 7);
	CHECK(memcmp(path, "content", 7) == 0);
	CHECK_EQ(lseek(fd, 0, SEEK_CUR), 0);
}

CASE(ten_thousand, "10,000 descriptors at once, used and closed")
{
	struct rlimit r;
	static int fds[10000];
	uint64_t v = 0;

	getrlimit(RLIMIT_NOFILE, &r);
	if (r.rlim_max < 10010)
		SKIP("hard limit of descriptors is below 10,010");
	r.rlim_cur = r.rlim_max;
	REQUIRE(setrlimit(RLIMIT_NOFILE, &r) == 0);
	for (int i = 0; i < 10000; i++) {
		fds[i] = open("/dev/zero", O_RDONLY);
		if (!CHECK(fds[i] >= 0))
			break;
	}
	CHECK_EQ(read(fds[9999], &v, 8), 8);
	CHECK_EQ(read(fds[5000], &v, 8), 8);
	for (int i = 0; i < 10000; i++)
		close(fds[i]);
	r.rlim_cur = 10;
	CHECK_EQ(setrlimit(RLIMIT_NOFILE, &r), 0);
	int last = -1;

	for (int fd; (fd = open("/dev/null", O_RDONLY)) >= 0;)
		last = fd;
	CHECK_EQ(errno, EMFILE);
	CHECK(last <= 9);
}

CASE(statfs_and_sync, "statfs, fsync, fdatasync, sync_file_range answer")
{
	struct statfs s;
	int fd = abi_tmpfile();

	CHECK_EQ(statfs("/", &s), 0);
	CHECK(s.f_bsize > 0);
	CHECK_EQ(statfs("/proc", &s), 0);
	CHECK_EQ(s.f_type, 0x9fa0);
	CHECK_EQ(fstatfs(fd, &s), 0);
	CHECK_EQ(fsync(fd), 0);
	CHECK_EQ(fdatasync(fd), 0);
}
