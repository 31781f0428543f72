/* SPDX-License-Identifier: GPL-2.0-or-later */
/* run: create, start, and unless detached wait for the end and delete. */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "runtime/console.h"
#include "runtime/container.h"
#include "runtime/state.h"

/* The command has the lock, and gives it up while the container runs. */
static void unlock(struct container *c)
{
	close(steal_fd(&c->lock_fd));
}

/* Nothing of the container is left when `run` returns, unless it was told to keep it. */
static void delete_at_end(const struct runtime_options *o, const char *id)
{
	cleanup_error struct error err = ERROR_INIT;
	int r = container_delete(o, id, true, &err);

	if (r < 0 && r != -ENOENT)
		log_error("%s", err.msg ? err.msg : strerror(-r));
}

static int start_and_wait(const struct runtime_options *o, struct container *c,
			  const struct create_options *x, struct console *con, int master,
			  int *exit_status, struct error *err)
{
	pid_t pid = c->pid;
	int r = container_start(o, c, err);

	unlock(c);
	if (r < 0) {
		kill(pid, SIGKILL);
		console_end(con);
		if (master >= 0)
			close(master);
		return r;
	}
	return console_wait(con, pid, master, exit_status, err);
}

int container_run(const struct runtime_options *o, const char *id, const struct create_options *x,
		  int *exit_status, struct error *err)
{
	struct container *c;
	struct console con;
	int master, r;

	*exit_status = 0;
	r = container_check_descriptors(x->preserve_fds, err);
	if (r < 0)
		return r;
	if (x->detach) {
		r = container_make(o, id, x, false, &c, &master, err);
		if (r < 0)
			return r;
		r = container_start(o, c, err);
		container_free(c);
		if (r < 0)
			delete_at_end(o, id);
		return r;
	}
	/* Processes that the container leaves behind on the host would be ours to bury. */
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	r = console_begin(&con, err);
	if (r < 0)
		return r;
	r = container_make(o, id, x, !x->console_socket, &c, &master, err);
	if (r < 0) {
		console_end(&con);
		return r;
	}
	r = start_and_wait(o, c, x, &con, master, exit_status, err);
	container_free(c);
	if (!x->keep || r < 0)
		delete_at_end(o, id);
	return r;
}
