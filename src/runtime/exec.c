/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * exec: a further process in a running container. On the host it is stood for by a helper process:
 * in the container's cgroup, session leader of the new process' terminal if it has one, the parent's
 * child for whoever waits. The helper asks the sandbox to start the process, passes signals on, and
 * ends exactly as it does. It dies, the process dies.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "libocispec/ocispec.h"
#include "runtime/cgroup/cgroup.h"
#include "runtime/console.h"
#include "runtime/container.h"
#include "runtime/files.h"
#include "runtime/pidfd_socket.h"
#include "runtime/refusals.h"
#include "runtime/rootfs.h"
#include "runtime/scheduling.h"
#include "runtime/state.h"
#include "runtime/sync.h"
#include "runtime/terminal.h"
#include "runtime/warnings.h"
#include "sandbox/client.h"

#define PRESERVE_MAX 1000

struct execution {
	const struct container *c;
	const struct oci_process *process;
	const struct exec_options *x;
	char *process_json;
	struct terminal terminal; /* slave -1: none */
	int sync;		  /* the helper's end */
};

/* ---- the helper ---------------------------------------------------------------------------- */

/* Standard error is the command's as well, who stays until the end: there is somebody to tell. */
static bool can_tell(const struct execution *e)
{
	return !e->x->detach && e->terminal.slave < 0;
}

/*
 * The helper's own copies would keep pipes open that the process has closed. Its controlling
 * terminal stays its own without a descriptor.
 */
static void let_go(const struct execution *e, int conn, int signals)
{
	int keep[] = {conn, signals, e->sync, log_fd()};
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	for (int fd = 0; null >= 0 && fd < 3; fd++)
		if (fd != log_fd() && !(fd == 2 && can_tell(e)))
			dup2(null, fd);
	close_all_but(3, keep, sizeof(keep) / sizeof(*keep));
}

/* Ends as the process did, by exit code or by signal. */
static _Noreturn void end_like(int status)
{
	struct rlimit no_core = {0, 0};
	sigset_t set;

	if (!WIFSIGNALED(status))
		_exit(WEXITSTATUS(status));
	setrlimit(RLIMIT_CORE, &no_core);
	signal(WTERMSIG(status), SIG_DFL);
	sigemptyset(&set);
	sigaddset(&set, WTERMSIG(status));
	kill(getpid(), WTERMSIG(status));
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	_exit(128 + WTERMSIG(status));
}

static int start_process(struct execution *e, int *conn, struct error *err)
{
	cleanup_free int *fds = calloc(3 + e->x->preserve_fds, sizeof(*fds));
	int cgroups[CGROUP_HIERARCHIES_MAX], r;
	struct sandbox_exec request = {
	    .process_json = e->process_json, .fds = fds, .cgroups = cgroups};
	pid_t guest_pid;

	if (!fds)
		return error_set(err, -ENOMEM, "out of memory");
	r = cgroup_open_sub(e->c->cgroup_path, e->x->cgroups, e->x->n_cgroups, cgroups,
			    &request.ncgroups, err);
	if (r < 0)
		return r;
	request.terminal = e->terminal.slave >= 0;
	if (request.terminal)
		fds[request.nfds++] = e->terminal.slave;
	for (int fd = 0; fd < 3 && !request.terminal; fd++)
		fds[request.nfds++] = fd;
	for (unsigned i = 0; i < e->x->preserve_fds; i++)
		fds[request.nfds++] = 3 + i;
	r = sandbox_exec_start(e->c->control_socket, &request, conn, &guest_pid, err);
	cgroup_close_sub(cgroups, &request.ncgroups);
	return r;
}

static int prepare_helper(struct execution *e, struct error *err)
{
	const struct oci_exec_cpu_affinity *a = e->process->exec_cpu_affinity;
	int r = scheduling_set_affinity(a ? a->initial : NULL, "process.execCPUAffinity.initial", err);

	if (!r)
		r = container_join_cgroup(e->c, err);
	if (!r)
		r = scheduling_set_affinity(a ? a->final : NULL, "process.execCPUAffinity.final", err);
	if (r < 0)
		return r;
	if (e->terminal.slave < 0)
		return 0;
	if (setsid() < 0)
		return error_errno(err, -errno, "cannot start a session");
	close(e->terminal.master);
	r = terminal_adopt(e->terminal.slave, e->process->user->uid, err);
	if (!r)
		r = sync_wait_go(e->sync, err);
	return r;
}

static _Noreturn void helper_main(struct execution *e)
{
	cleanup_error struct error err = ERROR_INIT;
	int conn = -1, signals, status, r;
	sigset_t all;

	/* The lock is the command's: this process may live as long as the container. */
	close(e->c->lock_fd);
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, NULL);
	signals = signalfd(-1, &all, SFD_CLOEXEC);
	r = signals < 0 ? error_errno(&err, -errno, "cannot make a signalfd") : 0;
	if (!r)
		r = prepare_helper(e, &err);
	if (!r)
		r = start_process(e, &conn, &err);
	if (r < 0) {
		sync_send_error(e->sync, &err);
		_exit(255);
	}
	let_go(e, conn, signals);
	/* The command notes the pid before a short-lived process is gone. */
	if (sync_step(e->sync, SYNC_READY, -1, &err) < 0) {
		log_error("exec failed: %s", err.msg ? err.msg : "no reason");
		sync_send_error(e->sync, &err);
		_exit(255);
	}
	close(e->sync);
	if (sandbox_exec_wait(conn, signals, &status, &err) < 0) {
		/* The connection is the process' life: it dies with this helper. */
		log_error("exec failed: lost the process: %s", err.msg ? err.msg : "no reason");
		_exit(255);
	}
	end_like(status);
}

/* ---- the command --------------------------------------------------------------------------- */

/* The container's own process says what the sandbox is like already. */
static int check_process(const struct container *c, const struct oci_process *p, struct error *err)
{
	struct oci_config *config;
	int r = state_load_config(c, &config, err);

	if (r < 0)
		return r;
	r = refuse_unsupported_exec(p, config->process, err);
	oci_config_free(config);
	if (!r)
		warn_of_capabilities(p);
	return r;
}

static int check(const struct container *c, const struct oci_process *p,
		 const struct exec_options *x, struct error *err)
{
	int r;

	if (c->status == STATUS_STOPPED)
		return error_set(err, -ESRCH, "cannot exec in a stopped container");
	if (c->status == STATUS_PAUSED && !x->ignore_paused)
		return error_set(err, -EBUSY, "cannot exec in a paused container (use --ignore-paused "
					   "to override)");
	if (c->status == STATUS_CREATING)
		return error_set(err, -EAGAIN, "cannot exec in a container that is being created");
	if (p->terminal && x->detach && !x->console_socket)
		return error_set(err, -EINVAL, "a detached process with a terminal needs "
					       "--console-socket");
	if (!p->terminal && x->console_socket)
		return error_set(err, -EINVAL, "--console-socket is for processes with a terminal");
	if (x->preserve_fds > PRESERVE_MAX)
		return error_set(err, -EINVAL, "--preserve-fds: at most %d", PRESERVE_MAX);
	r = container_check_descriptors(x->preserve_fds, err);
	return r < 0 ? r : check_process(c, p, err);
}

/* A terminal in the container's own devpts, so that the process finds it by name. */
static int open_terminal(struct execution *e, struct error *err)
{
	char path[40];
	struct rootfs root = {.path = path};
	int r;

	snprintf(path, sizeof(path), "/proc/%d/root", e->c->pid);
	root.fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (root.fd < 0)
		return error_errno(err, -errno, "cannot open the container's root");
	r = terminal_open(&root, e->process->console_size, &e->terminal, err);
	close(root.fd);
	return r;
}

static int write_pid_file(const char *path, pid_t pid, struct error *err)
{
	char text[16];
	int n = snprintf(text, sizeof(text), "%d", pid);
	int r = path ? file_replace(AT_FDCWD, path, text, n, 0644) : 0;

	return r < 0 ? error_errno(err, r, "cannot write the pid file %s", path) : 0;
}

/* Until the process runs, or the helper says why it does not. */
static int attend_helper(int sync, pid_t helper, const struct exec_options *x, struct error *err)
{
	cleanup_free struct sync_message *m = malloc(sizeof(*m));
	int r = m ? sync_receive(sync, m) : -ENOMEM;

	if (r < 0)
		return error_errno(err, r, "the helper process died");
	if (m->type == SYNC_ERROR)
		return error_set(err, m->value ? m->value : -EIO, "%s", m->text);
	r = write_pid_file(x->pid_file, helper, err);
	if (!r)
		r = pidfd_socket_send(x->pidfd_socket, helper, 0, err);
	if (r < 0)
		return r;
	r = sync_send(sync, SYNC_GO, 0, -1, NULL);
	return r < 0 ? error_errno(err, r, "cannot talk to the helper process") : 0;
}

/* The helper is forked; gives the terminal away and waits until the process runs. */
static int follow_helper(struct execution *e, int sync, pid_t helper, int *master, struct error *err)
{
	int r = 0;

	*master = -1;
	if (e->terminal.slave >= 0) {
		close(e->terminal.slave);
		*master = e->terminal.master;
		if (e->x->console_socket) {
			cleanup_close int console = terminal_connect(e->x->console_socket, err);

			r = console < 0 ? console : terminal_send(console, *master, err);
			close(steal_fd(master));
		}
		if (!r)
			r = sync_send(sync, SYNC_GO, 0, -1, NULL);
	}
	if (!r)
		r = attend_helper(sync, helper, e->x, err);
	if (r < 0) {
		kill(helper, SIGKILL);
		wait_child(helper);
		if (*master >= 0)
			close(steal_fd(master));
	}
	return r;
}

static int run_helper(struct execution *e, struct container *c, struct console *con,
		      int *exit_status, struct error *err)
{
	int pair[2], master = -1, r;
	pid_t helper;

	r = sync_pair(pair, err);
	if (r < 0)
		return r;
	e->sync = pair[1];
	helper = fork();
	if (helper == 0) {
		close(pair[0]);
		helper_main(e);
	}
	r = helper < 0 ? error_errno(err, -errno, "cannot fork") : 0;
	close(pair[1]);
	if (!r)
		r = follow_helper(e, pair[0], helper, &master, err);
	close(pair[0]);
	if (c->lock_fd >= 0)
		close(steal_fd(&c->lock_fd));
	if (r < 0 || e->x->detach) {
		console_end(con);
		return r;
	}
	return console_wait(con, helper, master, exit_status, err);
}

int container_exec(const struct runtime_options *o, struct container *c, const struct oci_process *p,
		   const struct exec_options *x, int *exit_status, struct error *err)
{
	struct execution e = {.c = c, .process = p, .x = x, .terminal = {-1, -1, ""}};
	struct console con;
	int r = check(c, p, x, err);

	*exit_status = 0;
	if (r < 0)
		return r;
	e.process_json = oci_process_write(p, false);
	if (!e.process_json)
		return error_set(err, -ENOMEM, "out of memory");
	if (p->terminal)
		r = open_terminal(&e, err);
	if (!r)
		r = console_begin(&con, err);
	if (!r)
		r = run_helper(&e, c, &con, exit_status, err);
	free(e.process_json);
	return r;
}
