/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The harness of tests/abi: ordinary Linux programs that assert what the man pages promise.
 *
 * A program is a list of CASEs. main() runs each in a child process of its own, so that a crash, a
 * hang (30 s) or a leaked descriptor is the matter of one case, in a fresh directory, and prints one TAP line a case.
 * A failed CHECK prints its file and line as a TAP comment and the case goes on; a failed REQUIRE
 * ends the case. Processes that a case forks report through their exit status: they end with
 * CHILD_EXIT(), and the parent calls CHILD_OK(pid).
 *
 *   program            run every case
 *   program NAME …     run only these
 *   program --here N   run one in this process, for a debugger
 */
#ifndef HUSK_TESTS_ABI_H
#define HUSK_TESTS_ABI_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define CASE_SECONDS 30
#define CASE_SKIPPED 77

struct abi_case {
	const char *name, *what;
	void (*run)(void);
	struct abi_case *next;
};

static struct abi_case *abi_first, **abi_last = &abi_first;
static volatile int abi_failures;

#define CASE(fn, what_)                                                                            \
	static void fn(void);                                                                      \
	__attribute__((constructor)) static void abi_register_##fn(void)                           \
	{                                                                                          \
		static struct abi_case c = {#fn, what_, fn, NULL};                                 \
		*abi_last = &c;                                                                    \
		abi_last = &c.next;                                                                \
	}                                                                                          \
	static void fn(void)

/* One write(2) a line: lines of several processes do not mix, and no stdio buffer is forked. */
__attribute__((format(printf, 1, 2))) static inline void abi_say(const char *fmt, ...)
{
	char line[512];
	va_list ap;

	va_start(ap, fmt);
	int n = vsnprintf(line, sizeof(line) - 1, fmt, ap);
	va_end(ap);
	if (n > (int)sizeof(line) - 2)
		n = sizeof(line) - 2;
	line[n++] = '\n';
	if (write(STDOUT_FILENO, line, n) != n)
		_exit(2);
}

#define CHECK(cond) abi_check(!!(cond), #cond, __FILE__, __LINE__)
#define REQUIRE(cond)                                                                              \
	do {                                                                                       \
		if (!CHECK(cond))                                                                  \
			_exit(1);                                                                  \
	} while (0)
#define CHECK_EQ(a, b) abi_check_eq((long long)(a), (long long)(b), #a, #b, __FILE__, __LINE__)
#define CHECK_STR(a, b) abi_check_str(a, b, #a, __FILE__, __LINE__)
/* The call fails with -1 and this errno. */
#define CHECK_FAILS(call, err)                                                                     \
	do {                                                                                       \
		errno = 0;                                                                         \
		long abi_r = (long)(call);                                                         \
		abi_check_fails(abi_r, errno, err, #call, __FILE__, __LINE__);                     \
	} while (0)
#define SKIP(why)                                                                                  \
	do {                                                                                       \
		abi_say("# skipped: %s", why);                                                     \
		_exit(CASE_SKIPPED);                                                               \
	} while (0)
#define CHILD_EXIT() _exit(abi_failures ? 1 : 0)
#define CHILD_OK(pid) abi_child_ok(pid, __FILE__, __LINE__)

static inline bool abi_check(bool ok, const char *what, const char *file, int line)
{
	int e = errno;

	if (!ok) {
		abi_failures++;
		abi_say("# %s:%d: not true: %s (errno %s)", file, line, what, strerrorname_np(e));
	}
	errno = e;
	return ok;
}

static inline bool abi_check_eq(long long a, long long b, const char *as, const char *bs,
				const char *file, int line)
{
	int e = errno;

	if (a != b) {
		abi_failures++;
		abi_say("# %s:%d: %s is %lld (0x%llx), expected %s = %lld (errno %s)", file, line, as,
			a, a, bs, b, strerrorname_np(e));
	}
	errno = e;
	return a == b;
}

static inline bool abi_check_str(const char *a, const char *b, const char *as, const char *file,
				 int line)
{
	if (strcmp(a, b) == 0)
		return true;
	abi_failures++;
	abi_say("# %s:%d: %s is \"%.200s\", expected \"%.200s\"", file, line, as, a, b);
	return false;
}

static inline void abi_check_fails(long r, int got, int want, const char *what, const char *file,
				   int line)
{
	if (r == -1 && got == want)
		return;
	abi_failures++;
	abi_say("# %s:%d: %s gave %ld, errno %s; expected -1, %s", file, line, what, r,
		r == -1 ? strerrorname_np(got) : "-", strerrorname_np(want));
}

static inline void abi_child_ok(pid_t pid, const char *file, int line)
{
	int st = 0;
	pid_t r;

	do
		r = waitpid(pid, &st, 0);
	while (r < 0 && errno == EINTR);
	if (r == pid && WIFEXITED(st) && WEXITSTATUS(st) == 0)
		return;
	abi_failures++;
	abi_say("# %s:%d: child %d: waitpid gave %d, status 0x%x", file, line, pid, r, st);
}

/* Sleeps on CLOCK_MONOTONIC, whatever signals come. */
static inline void abi_sleep_ms(long ms)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	t.tv_sec += ms / 1000;
	t.tv_nsec += ms % 1000 * 1000000;
	if (t.tv_nsec >= 1000000000) {
		t.tv_sec++;
		t.tv_nsec -= 1000000000;
	}
	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL) == EINTR)
		;
}

static inline int64_t abi_now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000ll + t.tv_nsec / 1000;
}

/* An unnamed file in the current directory (the scratch directory main() made). */
static inline int abi_tmpfile(void)
{
	char name[] = "tmp.XXXXXX";
	int fd = mkstemp(name);

	REQUIRE(fd >= 0);
	unlink(name);
	return fd;
}

static int abi_run_case(struct abi_case *c, int nr)
{
	int st = 0;
	pid_t r, pid = fork();

	if (pid < 0) {
		abi_say("not ok %d - %s: cannot fork: %s", nr, c->name, strerrorname_np(errno));
		return 1;
	}
	if (pid == 0) {
		setpgid(0, 0);
		if (mkdir(c->name, 0777) < 0 || chmod(c->name, 0777) < 0 || chdir(c->name) < 0)
			_exit(2);
		alarm(CASE_SECONDS);
		c->run();
		CHILD_EXIT();
	}
	do
		r = waitpid(pid, &st, 0);
	while (r < 0 && errno == EINTR);
	kill(-pid, SIGKILL);
	if (WIFEXITED(st) && WEXITSTATUS(st) == 0) {
		abi_say("ok %d - %s: %s", nr, c->name, c->what);
		return 0;
	}
	if (WIFEXITED(st) && WEXITSTATUS(st) == CASE_SKIPPED) {
		abi_say("ok %d - %s # SKIP", nr, c->name);
		return 0;
	}
	if (WIFSIGNALED(st) && WTERMSIG(st) == SIGALRM)
		abi_say("# %s: no end after %d s", c->name, CASE_SECONDS);
	else if (WIFSIGNALED(st))
		abi_say("# %s: killed by SIG%s", c->name, sigabbrev_np(WTERMSIG(st)));
	abi_say("not ok %d - %s: %s", nr, c->name, c->what);
	return 1;
}

static bool abi_wanted(const struct abi_case *c, int argc, char **argv)
{
	for (int i = 1; i < argc; i++)
		if (strcmp(argv[i], c->name) == 0)
			return true;
	return argc < 2;
}

static int abi_remove(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
	(void)st, (void)flag, (void)ftw;
	return remove(path), 0;
}

/* What exec tests of a program run instead of the cases; a program that needs it defines it. */
#ifdef ABI_EXECED
static int abi_execed(int argc, char **argv);
#endif

int main(int argc, char **argv)
{
	char scratch[] = "/tmp/abi.XXXXXX";
	int n = 0, failed = 0;

#ifdef ABI_EXECED
	if (argc > 1 && strcmp(argv[1], "--execed") == 0)
		return abi_execed(argc, argv);
#endif
	if (!mkdtemp(scratch) || chdir(scratch) < 0) {
		abi_say("Bail out! cannot use %s: %s", scratch, strerrorname_np(errno));
		return 2;
	}
	chmod(scratch, 0777);
	if (argc > 2 && strcmp(argv[1], "--here") == 0) {
		for (struct abi_case *c = abi_first; c; c = c->next)
			if (strcmp(argv[2], c->name) == 0)
				c->run();
		return abi_failures ? 1 : 0;
	}
	for (struct abi_case *c = abi_first; c; c = c->next)
		n += abi_wanted(c, argc, argv);
	abi_say("1..%d", n);
	n = 0;
	for (struct abi_case *c = abi_first; c; c = c->next)
		if (abi_wanted(c, argc, argv))
			failed += abi_run_case(c, ++n);
	nftw(scratch, abi_remove, 16, FTW_DEPTH | FTW_PHYS);
	return failed ? 1 : 0;
}

#endif
