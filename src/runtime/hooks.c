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
#include "base/ending.h"
#include "libocispec/ocispec.h"
#include "runtime/files.h"

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

/* A file that an annotation names, for descriptor fd. The hook does not run without it. */
static void send_to_file(const struct oci_map *annotations, const char *name, int fd)
{
	const char *path = annotations ? oci_map_get(annotations, name) : NULL;
	int file;

	if (!path)
		return;
	file = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	if (file < 0 || dup2(file, fd) < 0) {
		dprintf(2, "cannot open %s (%s): %s", path, name, strerror(errno));
		_exit(127);
	}
}

/* In the child. Does not return. Only calls that are safe after fork. */
static _Noreturn void become_hook(const struct hook_setting *s, const struct oci_hook *h, int in,
				  int out)
{
	char *no_env[] = {NULL};
	char *only_path[] = {h->path, NULL};
	sigset_t none;

	sigemptyset(&none);
	for (int sig = 1; sig < NSIG; sig++)
		signal(sig, SIG_DFL);
	sigprocmask(SIG_SETMASK, &none, NULL);
	if (dup2(in, 0) < 0 || dup2(out, 1) < 0 || dup2(out, 2) < 0) {
		dprintf(out, "cannot set up its descriptors: %s", strerror(errno));
		_exit(127);
	}
	send_to_file(s->annotations, "run.oci.hooks.stdout", 1);
	send_to_file(s->annotations, "run.oci.hooks.stderr", 2);
	close_range(3, UINT_MAX, CLOSE_RANGE_CLOEXEC);
	/* A bundle may be gone by the time of its poststop hooks: they run all the same. */
	if (chdir(s->cwd) < 0 && chdir("/") < 0)
		_exit(127);
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

static int hook_error(const char *kind, size_t i, const struct oci_hook *h, int status,
		      bool timed_out, int out, struct error *err)
{
	cleanup_free char *what = string_format("hooks.%s[%zu] (%s)", kind, i, h->path);

	return error_ending(err, what ? what : kind, status, timed_out ? h->timeout : 0, out);
}

static int run_one(const struct hook_setting *s, const struct oci_hook *h, size_t i, struct error *err)
{
	cleanup_close int in = memory_file("hook-state", s->state);
	cleanup_close int out = memory_file("hook-output", "");
	bool timed_out;
	int status;

	if (in < 0 || out < 0)
		return error_errno(err, in < 0 ? in : out, "hooks.%s[%zu]", s->kind, i);
	/* Appending, so that standard output and standard error do not overwrite each other. */
	fcntl(out, F_SETFL, O_APPEND);
	pid_t pid = fork();

	if (pid < 0)
		return error_errno(err, -errno, "hooks.%s[%zu]: cannot fork", s->kind, i);
	if (pid == 0)
		become_hook(s, h, in, out);
	status = wait_hook(pid, h, &timed_out);
	if (status < 0)
		return error_errno(err, status, "hooks.%s[%zu]: cannot wait", s->kind, i);
	if (status || timed_out)
		return hook_error(s->kind, i, h, status, timed_out, out, err);
	return 0;
}

int hooks_run(const struct hook_setting *s, const struct oci_hook *hooks, size_t n, struct error *err)
{
	for (size_t i = 0; i < n; i++) {
		int r = run_one(s, &hooks[i], i, err);

		if (r < 0)
			return r;
	}
	return 0;
}
