/* SPDX-License-Identifier: GPL-2.0-or-later */
/* File locks: fcntl(2)'s POSIX and open-file-description locks, flock(2). */
#include "abi.h"

#include <sys/file.h>

static int lock(int fd, int cmd, short type, off_t start, off_t len, struct flock *out)
{
	struct flock l = {.l_type = type, .l_whence = SEEK_SET, .l_start = start, .l_len = len};
	int r = fcntl(fd, cmd, &l);

	if (out)
		*out = l;
	return r;
}

static int shared_file(void)
{
	int fd = open("locked", O_CREAT | O_RDWR, 0600);

	REQUIRE(fd >= 0);
	return fd;
}

CASE(posix_conflict, "a write lock excludes another process; F_GETLK names the holder")
{
	int fd = shared_file();
	struct flock l;
	pid_t me = getpid();

	CHECK_EQ(lock(fd, F_SETLK, F_WRLCK, 10, 10, NULL), 0);
	pid_t pid = fork();

	if (pid == 0) {
		CHECK_FAILS(lock(fd, F_SETLK, F_RDLCK, 15, 1, NULL), EAGAIN);
		CHECK_EQ(lock(fd, F_SETLK, F_WRLCK, 0, 10, NULL), 0);
		CHECK_EQ(lock(fd, F_GETLK, F_WRLCK, 0, 100, &l), 0);
		CHECK_EQ(l.l_type, F_WRLCK);
		CHECK_EQ(l.l_pid, me);
		CHECK_EQ(l.l_start, 10);
		CHECK_EQ(l.l_len, 10);
		CHECK_EQ(lock(fd, F_GETLK, F_WRLCK, 30, 1, &l), 0);
		CHECK_EQ(l.l_type, F_UNLCK);
		CHILD_EXIT();
	}
	CHILD_OK(pid);
	CHECK_EQ(lock(fd, F_SETLK, F_WRLCK, 0, 0, NULL), 0); /* the child's are gone */
}

CASE(posix_close, "closing any descriptor of the file drops the process' locks; fork inherits none")
{
	int fd = shared_file(), other = shared_file();

	CHECK_EQ(lock(fd, F_SETLK, F_WRLCK, 0, 0, NULL), 0);
	pid_t pid = fork();

	if (pid == 0) {
		CHECK_FAILS(lock(fd, F_SETLK, F_WRLCK, 0, 0, NULL), EAGAIN);
		CHILD_EXIT();
	}
	CHILD_OK(pid);
	close(other);
	pid = fork();
	if (pid == 0) {
		CHECK_EQ(lock(fd, F_SETLK, F_WRLCK, 0, 0, NULL), 0);
		CHILD_EXIT();
	}
	CHILD_OK(pid);
}

CASE(posix_wait, "F_SETLKW waits for the holder; a circle of waiters is EDEADLK")
{
	int fd = shared_file(), p[2];
	char c;

	REQUIRE(pipe(p) == 0);
	pid_t pid = fork();

	if (pid == 0) {
		CHECK_EQ(lock(fd, F_SETLK, F_WRLCK, 0, 1, NULL), 0);
		CHECK_EQ(write(p[1], "x", 1), 1);
		abi_sleep_ms(60);
		CHILD_EXIT();
	}
	CHECK_EQ(read(p[0], &c, 1), 1);
	int64_t t0 = abi_now_us();

	CHECK_EQ(lock(fd, F_SETLKW, F_WRLCK, 0, 1, NULL), 0);
	CHECK(abi_now_us() - t0 > 30000);
	CHILD_OK(pid);
	pid = fork();
	if (pid == 0) {
		CHECK_EQ(lock(fd, F_SETLK, F_WRLCK, 5, 1, NULL), 0);
		CHECK_EQ(write(p[1], "x", 1), 1);
		CHECK_EQ(lock(fd, F_SETLKW, F_WRLCK, 0, 1, NULL), 0); /* held by the parent */
		CHILD_EXIT();
	}
	CHECK_EQ(read(p[0], &c, 1), 1);
	abi_sleep_ms(50);
	CHECK_FAILS(lock(fd, F_SETLKW, F_WRLCK, 5, 1, NULL), EDEADLK);
	CHECK_EQ(lock(fd, F_SETLK, F_UNLCK, 0, 1, NULL), 0);
	CHILD_OK(pid);
}

CASE(ofd_locks, "OFD locks belong to the description: dup shares them, another open conflicts")
{
	int a = shared_file(), b = shared_file(), d = dup(a);

	CHECK_EQ(lock(a, F_OFD_SETLK, F_WRLCK, 0, 0, NULL), 0);
	CHECK_FAILS(lock(b, F_OFD_SETLK, F_WRLCK, 0, 0, NULL), EAGAIN);
	CHECK_EQ(lock(d, F_OFD_SETLK, F_WRLCK, 0, 0, NULL), 0);
	pid_t pid = fork();

	if (pid == 0) {
		CHECK_EQ(lock(a, F_OFD_SETLK, F_RDLCK, 0, 0, NULL), 0);
		CHECK_FAILS(lock(a, F_SETLK, F_WRLCK, 0, 0, NULL), EAGAIN);
		CHILD_EXIT();
	}
	CHILD_OK(pid);
	close(a);
	CHECK_FAILS(lock(b, F_OFD_SETLK, F_WRLCK, 0, 0, NULL), EAGAIN);
	close(d);
	CHECK_EQ(lock(b, F_OFD_SETLK, F_WRLCK, 0, 0, NULL), 0);
}

CASE(flock_, "flock: exclusive and shared, by description, dropped with the last descriptor")
{
	int a = shared_file(), b = shared_file();

	CHECK_EQ(flock(a, LOCK_SH), 0);
	CHECK_EQ(flock(b, LOCK_SH | LOCK_NB), 0);
	CHECK_FAILS(flock(b, LOCK_EX | LOCK_NB), EWOULDBLOCK);
	CHECK_EQ(flock(a, LOCK_UN), 0);
	CHECK_EQ(flock(b, LOCK_EX | LOCK_NB), 0);
	pid_t pid = fork();

	if (pid == 0) {
		CHECK_EQ(flock(b, LOCK_EX | LOCK_NB), 0); /* the same description */
		CHECK_FAILS(flock(a, LOCK_EX | LOCK_NB), EWOULDBLOCK);
		CHILD_EXIT();
	}
	CHILD_OK(pid);
	close(b);
	CHECK_EQ(flock(a, LOCK_EX | LOCK_NB), 0);
}
