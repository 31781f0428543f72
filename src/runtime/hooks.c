/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "runtime/hooks.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "libocispec/ocispec.h"
#include "runtime/files.h"

#define OUTPUT_MAX 1024 /* bytes of a failed hook's output that its message shows */

/* A file in memory with this content, at its beginning. */
static int memory_file(const char *name, const char *content)
{
	cleanup_close int fd = memfd_create(name, MFD_CLOEXEC);
	int r;

	if (fd < 0)
		return -errno;
	r = write_all(fd, content, strlen(content));
	if (r < 0 || lseek(fd, 0, SEEK_SET) < 0)
		return r < 0 ? r : -errno;
	return steal_fd(&fd);
}

/* In the child. Does not return. Only calls that are safe after fork. */
static _Noreturn void become_hook(const struct oci_hook *h, int in, int out)
{
	char *no_env[] = {NULL};
	char *only_path[] = {h->path, NULL};
	sigset_t none;

	sigemptyset(&none);
	for (int sig = 1; sig < NSIG; sig++)
		signal(sig, SIG_DFL);
	sigprocmask(SIG_SETMASK, &none, NULL);
	if (dup2(in, 0) < 0 || dup2(out, 1) < 0 || dup2(out, 2) < 0)
		_exit(127);
	close_range(3, UINT_MAX, CLOSE_RANGE_CLOEXEC);
	execve(h->path, h->n_args ? h->args : only_path, h->n_env ? h->env : no_env);
	dprintf(2, "cannot execute %s: %s", h->path, strerror(errno));
	_exit(127);
}

static int64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000LL + ts.tv_nsec / 1000000;
}

/* Waits for the hook; *timed_out when it had to be killed. Returns its wait status. */
static int wait_hook(pid_t pid, const struct oci_hook *h, bool *timed_out)
{
	int64_t deadline = h->has_timeout && h->timeout > 0 ? now_ms() + h->timeout * 1000 : -1;
	cleanup_close int pidfd = deadline < 0 ? -1 : pidfd_open(pid, 0);

	*timed_out = false;
	while (pidfd >= 0) {
		int64_t left = deadline - now_ms();
		struct pollfd p = {.fd = pidfd, .events = POLLIN};

		if (left <= 0) {
			*timed_out = true;
			kill(pid, SIGKILL);
			break;
		}
		if (poll(&p, 1, left > INT_MAX ? INT_MAX : (int)left) > 0)
			break;
	}
	return wait_child(pid);
}

/* The last bytes that the hook wrote, fit for a message. malloc()ed. */
static char *output_of(int out)
{
	struct stat st;
	char *text = calloc(1, OUTPUT_MAX + 1);
	off_t from;

	if (!text || fstat(out, &st) < 0)
		return text;
	from = st.st_size > OUTPUT_MAX ? st.st_size - OUTPUT_MAX : 0;
	ssize_t n = pread(out, text, OUTPUT_MAX, from);

	while (n > 0 && (text[n - 1] == '\n' || text[n - 1] == ' '))
		n--;
	text[n > 0 ? n : 0] = '\0';
	return text;
}

static int hook_error(const char *kind, size_t i, const struct oci_hook *h, int status,
		      bool timed_out, int out, struct error *err)
{
	cleanup_free char *output = output_of(out), *what = NULL;

	if (timed_out)
		what = string_format("took longer than %lld s", (long long)h->timeout);
	else if (WIFSIGNALED(status))
		what = string_format("died of signal %d", WTERMSIG(status));
	else
		what = string_format("failed with exit status %d", WEXITSTATUS(status));
	if (!output || !what)
		return error_set(err, -EIO, "hooks.%s[%zu] failed", kind, i);
	return error_set(err, -EIO, "hooks.%s[%zu] (%s) %s%s%s", kind, i, h->path, what,
			 *output ? ": " : "", output);
}

static int run_one(const char *kind, size_t i, const struct oci_hook *h, const char *state,
		   struct error *err)
{
	cleanup_close int in = memory_file("hook-state", state);
	cleanup_close int out = memory_file("hook-output", "");
	bool timed_out;
	int status;

	if (in < 0 || out < 0)
		return error_errno(err, in < 0 ? in : out, "hooks.%s[%zu]", kind, i);
	/* Appending, so that standard output and standard error do not overwrite each other. */
	fcntl(out, F_SETFL, O_APPEND);
	pid_t pid = fork();

	if (pid < 0)
		return error_errno(err, -errno, "hooks.%s[%zu]: cannot fork", kind, i);
	if (pid == 0)
		become_hook(h, in, out);
	status = wait_hook(pid, h, &timed_out);
	if (status < 0)
		return error_errno(err, status, "hooks.%s[%zu]: cannot wait", kind, i);
	if (status || timed_out)
		return hook_error(kind, i, h, status, timed_out, out, err);
	return 0;
}

int hooks_run(const char *kind, const struct oci_hook *hooks, size_t n, const char *state,
	      struct error *err)
{
	for (size_t i = 0; i < n; i++) {
		int r = run_one(kind, i, &hooks[i], state, err);

		if (r < 0)
			return r;
	}
	return 0;
}
