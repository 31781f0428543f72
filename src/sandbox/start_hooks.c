/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * startContainer hooks (config.md, POSIX-platform Hooks): programs of the container's, which run in
 * it before the user's program does. Here that means as guest processes: init is loaded and sleeps,
 * `husk start` waits, and one hook after the other runs with init's user, capabilities, limits and
 * system call filter, its state on stdin.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/ending.h"
#include "sandbox/private.h"

/* A hook that runs. The kernel below calls back when its last thread is gone. */
struct running {
	struct thread_group *group; /* counted */
	int ended;		    /* eventfd */
	int wait_status;
};

static void on_exit_of_hook(void *arg, int wait_status)
{
	struct running *h = arg;

	h->wait_status = wait_status;
	eventfd_write(h->ended, 1);
}

static int64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000LL + ts.tv_nsec / 1000000;
}

/* Until the hook has ended; one that takes longer than its timeout is killed. True: it was. */
static bool wait_for_end(struct running *h, const struct oci_hook *hook)
{
	int64_t deadline = hook->has_timeout ? now_ms() + hook->timeout * 1000 : -1;
	struct pollfd p = {.fd = h->ended, .events = POLLIN};
	siginfo_t kill_it = {.si_signo = SIGKILL, .si_code = SI_USER};
	bool late = false;

	while (!(p.revents & POLLIN)) {
		int64_t left = deadline < 0 || late ? -1 : deadline - now_ms();

		if (deadline >= 0 && !late && left <= 0) {
			late = true;
			signal_send_group(h->group, &kill_it);
			continue;
		}
		poll(&p, 1, left > INT_MAX ? INT_MAX : (int)left);
	}
	return late;
}

/* Descriptors 0, 1 and 2: the state, and one file for all that it says. *output is our own of that. */
static int make_descriptors(const char *state, struct process_fds *fds, int *output, struct error *err)
{
	ssize_t n = strlen(state);

	fds->n = 3;
	fds->fds = calloc(3, sizeof(int));
	if (!fds->fds)
		return error_errno(err, -ENOMEM, "descriptors");
	fds->fds[0] = memfd_create("hook-state", MFD_CLOEXEC);
	*output = memfd_create("hook-output", MFD_CLOEXEC);
	if (fds->fds[0] >= 0 && *output >= 0 && pwrite(fds->fds[0], state, n, 0) == n &&
	    fcntl(*output, F_SETFL, O_APPEND) == 0) {
		fds->fds[1] = fcntl(*output, F_DUPFD_CLOEXEC, 0);
		fds->fds[2] = fcntl(*output, F_DUPFD_CLOEXEC, 0);
		if (fds->fds[1] >= 0 && fds->fds[2] >= 0)
			return 0;
	}
	return error_errno(err, -errno, "descriptors");
}

static int start_hook(const struct oci_process *init, const struct oci_hook *hook,
		      struct process_fds *fds, struct running *h, struct error *err)
{
	struct spawn_args args = {.on_exit = on_exit_of_hook, .arg = h, .path = hook->path};
	char *only_path[] = {hook->path, NULL}, *no_env[] = {NULL};
	struct oci_process p = *init;
	struct tty *none;
	struct task *t;
	int r;

	p.terminal = false;
	p.exec_cpu_affinity = NULL; /* that is exec's */
	p.args = hook->n_args ? hook->args : only_path;
	p.env = hook->n_env ? hook->env : no_env;
	r = process_to_spawn(&p, fds, &args, &none, err);
	if (!r)
		r = spawn_prepare(&args, &t, err);
	if (r < 0)
		return r;
	h->group = group_get(t->group);
	spawn_start(t);
	return 0;
}

static int run_one(const struct oci_process *init, const struct oci_hook *hook, const char *what,
		   const char *state, struct error *err)
{
	cleanup_close int ended = eventfd(0, EFD_CLOEXEC), output = -1;
	struct running h = {.ended = ended};
	struct process_fds fds = {0};
	bool late;
	int r = ended < 0 ? error_errno(err, -errno, "eventfd")
			  : make_descriptors(state, &fds, &output, err);

	if (!r)
		r = start_hook(init, hook, &fds, &h, err);
	free(fds.fds);
	if (r < 0) /* the sandbox ends: what else is open goes with it */
		return error_wrap(err, "%s", what), r;
	late = wait_for_end(&h, hook);
	group_put(h.group);
	if (!late && h.wait_status == 0)
		return 0;
	return error_ending(err, what, h.wait_status, late ? hook->timeout : 0, output);
}

int start_hooks_run(const struct oci_config *c, const char *state, struct error *err)
{
	const struct oci_hooks *hooks = c->hooks;

	for (size_t i = 0; hooks && i < hooks->n_start_container; i++) {
		const struct oci_hook *hook = &hooks->start_container[i];
		char what[160];
		int r;

		snprintf(what, sizeof(what), "hooks.startContainer[%zu] (%.100s)", i, hook->path);
		r = run_one(c->process, hook, what, state, err);
		if (r < 0)
			return r;
	}
	return 0;
}
