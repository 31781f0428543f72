/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Between the command and the child stands a midwife, a process that lives for a moment: it joins
 * the cgroup and the namespaces that are given by path (none of which the command could leave
 * again), and clones the child into the new ones with CLONE_PARENT, so that the command is the
 * child's parent. In this order the child never lives outside its cgroup, its cgroup namespace
 * starts there, and what it costs is charged there.
 */
#include "runtime/launch.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "libocispec/ocispec.h"
#include "runtime/cgroup/cgroup.h"
#include "runtime/container.h"
#include "runtime/files.h"
#include "runtime/hooks.h"
#include "runtime/netdevices.h"
#include "runtime/resctrl.h"
#include "runtime/scheduling.h"
#include "runtime/pidfd_socket.h"
#include "runtime/state.h"
#include "runtime/sync.h"
#include "runtime/terminal.h"

/* ---- the midwife --------------------------------------------------------------------------- */

static int set_oom_score(const struct oci_config *c, struct error *err)
{
	char text[16];
	int r;

	if (!c->process->has_oom_score_adj)
		return 0;
	snprintf(text, sizeof(text), "%d", c->process->oom_score_adj);
	r = file_write(AT_FDCWD, "/proc/self/oom_score_adj", text);
	return r < 0 ? error_errno(err, r, "process.oomScoreAdj: cannot set %s", text) : 0;
}

/*
 * fork(2) with new namespaces and CLONE_PARENT. glibc keeps the thread's id in its descriptor and
 * has told the kernel where, to be cleared at exit: the same place is given to clone3(2), so that
 * the child's is right as well.
 */
static pid_t clone_child(unsigned flags)
{
	struct clone_args args = {.flags = flags | CLONE_PARENT};
	uintptr_t tid = 0;

	if (prctl(PR_GET_TID_ADDRESS, &tid) == 0 && tid) {
		args.flags |= CLONE_CHILD_SETTID | CLONE_CHILD_CLEARTID;
		args.child_tid = tid;
	}
	return syscall(SYS_clone3, &args, sizeof(args));
}

static int give_birth(const struct launch *l, struct error *err)
{
	/* A time namespace takes its offsets before anybody lives in it. */
	unsigned flags = l->ns->create & ~CLONE_NEWTIME;
	int r = set_oom_score(l->bundle->config, err);
	pid_t pid;

	if (!r)
		r = container_join_cgroup(l->container, err);
	/* In the cgroup, which says what may be had, and with the host's privileges. */
	if (!r)
		r = scheduling_apply(l->bundle->config->process, err);
	if (!r)
		r = namespaces_join(l->ns, err);
	if (!r && l->ns->create & CLONE_NEWTIME) {
		if (unshare(CLONE_NEWTIME) < 0)
			return error_errno(err, -errno, "cannot make a time namespace");
		r = namespaces_set_time_offsets(l->bundle->config, err);
	}
	if (r < 0)
		return r;
	pid = clone_child(flags);
	if (pid < 0)
		return error_errno(err, -errno, "cannot make the container's first process");
	if (pid == 0)
		child_main(l);
	r = sync_send(l->sync, SYNC_PID, pid, -1, NULL);
	if (r < 0) {
		kill(pid, SIGKILL);
		error_errno(err, r, "cannot tell the pid of the container's first process");
	}
	return r;
}

static _Noreturn void midwife_main(const struct launch *l, pid_t command)
{
	cleanup_error struct error err = ERROR_INIT;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != command)
		_exit(1);
	if (give_birth(l, &err) < 0) {
		sync_send_error(l->sync, &err);
		_exit(1);
	}
	_exit(0);
}

/* ---- the command --------------------------------------------------------------------------- */

struct attendant {
	const struct launch *l;
	struct container *c;
	int sync, signals, console;
	struct launched *out;
};

/* What belongs to the process and not to its cgroup. It has one thread, and waits. */
static int give_resources(struct attendant *a, struct error *err)
{
	const struct oci_linux *l = a->l->bundle->config->linux;
	cleanup_free char *resctrl = l->intel_rdt ? resctrl_find() : NULL;
	int r = 0;

	if (resctrl)
		r = resctrl_join(l->intel_rdt, resctrl, a->c->id, a->c->pid, err);
	a->out->resctrl_joined = resctrl && !r;
	if (!r && l->n_net_devices)
		r = netdevices_give(l, a->c->pid, err);
	return r;
}

static int on_pid(struct attendant *a, pid_t pid, struct error *err)
{
	char state;
	int r;

	a->c->pid = pid;
	r = process_stat(pid, &a->c->pid_start, &state);
	if (r == -ESRCH)
		return error_set(err, r, "the container's first process died at once");
	if (r < 0)
		return error_errno(err, r, "cannot look at the container's first process");
	if (a->l->ns->create & CLONE_NEWUSER)
		r = namespaces_write_maps(a->l->bundle->config, pid, err);
	if (!r)
		r = state_save(a->c, false, err);
	return r < 0 ? r : give_resources(a, err);
}

static int on_hooks(struct attendant *a, struct error *err)
{
	const struct oci_hooks *h = a->l->bundle->config->hooks;
	int r;

	a->out->hooks_started = true;
	if (!h || !(h->n_prestart || h->n_create_runtime))
		return 0;
	cleanup_free char *state = state_oci_json(a->c, "created", a->c->pid, false);

	if (!state)
		return error_set(err, -ENOMEM, "out of memory");
	struct hook_setting s = {"prestart", a->c->bundle, state,
				 &a->l->bundle->config->annotations};

	r = hooks_run(&s, h->prestart, h->n_prestart, err);
	s.kind = "createRuntime";
	return r < 0 ? r : hooks_run(&s, h->create_runtime, h->n_create_runtime, err);
}

static int on_terminal(struct attendant *a, int master, struct error *err)
{
	if (master < 0)
		return error_set(err, -EPROTO, "the container's terminal got lost");
	if (a->console < 0) {
		a->out->master = master;
		return 0;
	}
	int r = terminal_send(a->console, master, err);

	close(master);
	return r;
}

static int write_pid_file(const char *path, pid_t pid, struct error *err)
{
	char text[16];
	int n = snprintf(text, sizeof(text), "%d", pid);
	int r = path ? file_replace(AT_FDCWD, path, text, n, 0644) : 0;

	return r < 0 ? error_errno(err, r, "cannot write the pid file %s", path) : 0;
}

static int on_ready(struct attendant *a, struct error *err)
{
	int r = state_save(a->c, true, err);

	if (r < 0)
		return r;
	a->c->status = STATUS_CREATED;
	r = write_pid_file(a->l->create->pid_file, a->c->pid, err);
	return r < 0 ? r : pidfd_socket_send(a->l->create->pidfd_socket, a->c->pid, a->c->pid_start, err);
}

/* One message from the child; a signal to the command ends the whole attempt. */
static int receive(struct attendant *a, struct sync_message *m, struct error *err)
{
	struct pollfd p[2] = {{.fd = a->sync, .events = POLLIN},
			      {.fd = a->signals, .events = POLLIN}};

	while (poll(p, 2, -1) < 0)
		if (errno != EINTR)
			return error_errno(err, -errno, "cannot wait for the container");
	if (p[1].revents)
		return error_set(err, -EINTR, "interrupted by a signal");
	return sync_receive(a->sync, m);
}

static int answer(struct attendant *a, const struct sync_message *m, struct error *err)
{
	switch (m->type) {
	case SYNC_PID:
		return on_pid(a, m->value, err);
	case SYNC_DEVICES:
		if (!a->c->cgroup_path)
			return 0;
		return cgroup_apply_devices(a->c->cgroup_path, a->l->bundle->config->linux->resources,
					    err);
	case SYNC_HOOKS:
		return on_hooks(a, err);
	case SYNC_TERMINAL:
		return on_terminal(a, m->fd, err);
	case SYNC_READY:
		return on_ready(a, err);
	case SYNC_ERROR:
		return error_set(err, m->value ? m->value : -EIO, "%s", m->text);
	default:
		return error_set(err, -EPROTO, "the container's process sent nonsense");
	}
}

static int attend(struct attendant *a, struct error *err)
{
	cleanup_free struct sync_message *m = malloc(sizeof(*m));
	int r;

	if (!m)
		return error_set(err, -ENOMEM, "out of memory");
	for (;;) {
		r = receive(a, m, err);
		if (r == -EPIPE)
			return r; /* the caller says how it died */
		if (r < 0)
			return err->msg ? r : error_errno(err, r, "cannot hear the container's process");
		r = answer(a, m, err);
		if (r < 0)
			return r;
		r = sync_send(a->sync, SYNC_GO, 0, -1, NULL);
		if (r < 0 && r != -EPIPE)
			return error_errno(err, r, "cannot talk to the container's process");
		/* Gone already: what it said last is still to be read. */
		if (!r && m->type == SYNC_READY)
			return 0;
	}
}

static int say_how_it_died(int status, struct error *err)
{
	if (status >= 0 && WIFSIGNALED(status))
		return error_set(err, -EPIPE,
				 "the sandbox was killed by signal %d before it was ready%s",
				 WTERMSIG(status),
				 WTERMSIG(status) == SIGKILL ? " (out of memory?)" : "");
	return error_set(err, -EPIPE, "the sandbox ended before it was ready (exit status %d)",
			 status >= 0 ? WEXITSTATUS(status) : -1);
}

/* Signals that ask the command to stop; they are blocked by the caller. */
static int open_signals(void)
{
	sigset_t set;
	int fd;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGQUIT);
	fd = signalfd(-1, &set, SFD_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

static int launch(struct launch *l, struct attendant *a, struct error *err)
{
	pid_t command = getpid(), midwife;
	int pair[2], r, status;

	r = sync_pair(pair, err);
	if (r < 0)
		return r;
	l->sync = pair[1];
	midwife = fork();
	if (midwife == 0) {
		close(pair[0]);
		midwife_main(l, command);
	}
	r = midwife < 0 ? -errno : 0;
	close(pair[1]);
	if (r < 0) {
		close(pair[0]);
		return error_errno(err, r, "cannot fork");
	}
	a->sync = pair[0];
	r = attend(a, err);
	close(pair[0]);
	status = 0;
	if (r < 0 && a->c->pid > 0) {
		if (r != -EPIPE)
			kill(a->c->pid, SIGKILL);
		status = wait_child(a->c->pid);
	}
	if (r == -EPIPE && !err->msg)
		say_how_it_died(status, err);
	if (r < 0)
		kill(midwife, SIGKILL);
	wait_child(midwife);
	return r;
}

int launch_container(struct launch *l, struct container *c, int console, struct launched *out,
		     struct error *err)
{
	cleanup_close int signals = -1;
	struct attendant a = {.l = l, .c = c, .console = console, .out = out};
	sigset_t all, before;
	int r;

	out->master = -1;
	out->hooks_started = out->resctrl_joined = false;
	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, &before);
	signals = open_signals();
	a.signals = signals;
	r = launch(l, &a, err);
	sigprocmask(SIG_SETMASK, &before, NULL);
	return r;
}
