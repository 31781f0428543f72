/* SPDX-License-Identifier: GPL-2.0-or-later */
/* POSIX locks between descriptor tables of one process, and against another process. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/hostcall.h"
#include "base/hostproc.h"
#include "tests/base/check.h"
#include "vfs/lock.h"

static char path[] = "/tmp/husk-lock-XXXXXX";

static struct file *open_file(int flags)
{
	struct file *f = NULL;

	CHECK(file_from_host(open(path, flags | O_CLOEXEC), (unsigned)flags, &f) == 0);
	return f;
}

static int lk(struct fdtable *t, struct file *f, int cmd, short type, off_t start, off_t len)
{
	struct flock l = {.l_type = type, .l_start = start, .l_len = len};

	return lock_posix(t, f, cmd, &l, t ? (pid_t)(fdtable_id(t) & 0x7fff) : 0);
}

/* Who holds what stands against a write lock of [start, start + len): "start+len type pid". */
static struct flock ask(struct fdtable *t, struct file *f, off_t start, off_t len)
{
	struct flock l = {.l_type = F_WRLCK, .l_start = start, .l_len = len};

	CHECK(lock_posix(t, f, F_GETLK, &l, 1) == 0);
	return l;
}

static void ranges(void)
{
	struct fdtable *a = fdtable_new(), *b = fdtable_new();
	struct file *f = open_file(O_RDWR), *r = open_file(O_RDONLY);
	struct flock l;

	CHECK(lk(a, f, F_SETLK, F_WRLCK, 0, 100) == 0);
	CHECK(lk(a, f, F_SETLK, F_WRLCK, 50, 100) == 0);
	CHECK(lk(b, f, F_SETLK, F_RDLCK, 149, 1) == -EAGAIN);
	CHECK(lk(b, f, F_SETLK, F_RDLCK, 150, 1) == 0);
	CHECK(lk(a, f, F_SETLK, F_UNLCK, 40, 20) == 0);
	CHECK(lk(b, f, F_SETLK, F_WRLCK, 40, 20) == 0);
	CHECK(lk(a, f, F_SETLK, F_WRLCK, 40, 1) == -EAGAIN);
	l = ask(a, f, 0, 100);
	CHECK(l.l_type == F_WRLCK && l.l_start == 40 && l.l_len == 20);
	CHECK(l.l_pid == (pid_t)(fdtable_id(b) & 0x7fff));
	l = ask(b, f, 60, 0);
	CHECK(l.l_start == 60 && l.l_len == 90);
	l = ask(b, f, 151, 0);
	CHECK(l.l_type == F_UNLCK);
	CHECK(lk(a, r, F_SETLK, F_WRLCK, 0, 1) == -EBADF);
	CHECK(lk(a, f, F_SETLK, 77, 0, 1) == -EINVAL);
	CHECK(lk(a, f, F_SETLK, F_WRLCK, -1, 1) == -EINVAL);
	CHECK(lk(a, f, F_SETLK, F_WRLCK, 0x7fffffffffffffff, 2) == -EOVERFLOW);
	CHECK(lk(a, f, F_SETLK, F_WRLCK, 10, -5) == 0);
	/* Any descriptor of the file that a closes takes all its locks away, and none of b's. */
	lock_closed(a, r);
	CHECK(lk(b, f, F_SETLK, F_WRLCK, 0, 0) == 0);
	CHECK(lk(a, f, F_SETLK, F_RDLCK, 500, 1) == -EAGAIN);
	lock_closed(b, f);
	CHECK(lk(a, f, F_SETLK, F_RDLCK, 500, 1) == 0);
	lock_closed(a, f);
	file_put(f);
	file_put(r);
	fdtable_put(a);
	fdtable_put(b);
}

struct waiter {
	struct fdtable *t;
	struct file *f;
	off_t start;
	int result;
};

static void *wait_for_lock(void *arg)
{
	struct waiter *w = arg;

	host_thread_init(NULL, NULL);
	w->result = lk(w->t, w->f, F_SETLKW, F_WRLCK, w->start, 1);
	return NULL;
}

static void deadlock(void)
{
	struct fdtable *a = fdtable_new(), *b = fdtable_new();
	struct file *f = open_file(O_RDWR);
	struct waiter w = {a, f, 1, -1};
	pthread_t thread;

	CHECK(lk(a, f, F_SETLK, F_WRLCK, 0, 1) == 0);
	CHECK(lk(b, f, F_SETLK, F_WRLCK, 1, 1) == 0);
	pthread_create(&thread, NULL, wait_for_lock, &w);
	usleep(100000);
	CHECK(lk(b, f, F_SETLKW, F_WRLCK, 0, 1) == -EDEADLK);
	CHECK(lk(b, f, F_SETLK, F_UNLCK, 1, 1) == 0);
	pthread_join(thread, NULL);
	CHECK(w.result == 0);
	lock_closed(a, f);
	lock_closed(b, f);
	file_put(f);
	fdtable_put(a);
	fdtable_put(b);
}

/* A process outside: what it sees of our locks. */
static int try_from_outside(void)
{
	struct flock l = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		int fd = open(path, O_RDWR);

		_exit(fcntl(fd, F_SETLK, &l) == 0 ? 0 : errno);
	}
	waitpid(pid, &status, 0);
	return WEXITSTATUS(status);
}

static void outside(void)
{
	struct fdtable *a = fdtable_new();
	struct file *f = open_file(O_RDWR);

	CHECK(try_from_outside() == 0);
	CHECK(lk(a, f, F_SETLK, F_RDLCK, 10, 1) == 0);
	CHECK(try_from_outside() == EAGAIN);
	lock_closed(a, f);
	CHECK(try_from_outside() == 0);
	file_put(f);
	fdtable_put(a);
}

int main(void)
{
	int fd = mkstemp(path);

	hostcall_init();
	host_thread_init(NULL, NULL);
	CHECK(fd >= 0 && hostproc_init() == 0);
	ranges();
	deadlock();
	outside();
	unlink(path);
	return check_done();
}
