/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The host side of the control socket: what husk's commands ask of a running sandbox.
 * `socket` is the path of the container's control socket (runtime/ knows it). Every function has
 * a bounded wait: a sandbox that does not answer is -ETIMEDOUT, one that is gone -ECONNREFUSED.
 */
#ifndef HUSK_SANDBOX_CLIENT_H
#define HUSK_SANDBOX_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/error.h"

struct sandbox_exec {
	const char *process_json; /* config.json's process object */
	/*
	 * Host descriptors: the process' 0, 1, 2 and, from 3 on, preserved ones. With terminal, fds[0]
	 * is the terminal's slave side and stands for 0, 1 and 2; nfds counts array entries.
	 */
	const int *fds;
	unsigned nfds;
	bool terminal;
	/* Files of cgroups (`tasks`, `cgroup.threads`) that the process is to be in, open for writing. */
	const int *cgroups;
	unsigned ncgroups;
};

/*
 * Starts a process in the container. On success *conn is a connection that stands for it: it is to
 * be passed to sandbox_exec_wait(); closing it kills the process (SIGKILL).
 */
int sandbox_exec_start(const char *socket, const struct sandbox_exec *x, int *conn, pid_t *guest_pid,
		       struct error *err);
/*
 * Waits for the process to end and returns its wait status in *status. Meanwhile signals that arrive
 * at the caller (read from signal_fd, a signalfd; -1: none) are forwarded to it.
 */
int sandbox_exec_wait(int conn, int signal_fd, int *status, struct error *err);

/* The sandbox process itself, by who listens at the socket. -ECONNREFUSED, -ENOENT: nobody. */
pid_t sandbox_pid(const char *socket, struct error *err);

/* The guest's processes. The array is malloc()ed; comm is cut to 15 bytes. */
struct sandbox_process {
	pid_t pid, ppid, pgrp, session;
	uid_t uid;
	unsigned threads;
	unsigned long long start_ns, utime_ns, stime_ns; /* start: CLOCK_BOOTTIME */
	char state;
	char comm[16];
	char tty[24];
	char cmdline[256]; /* spaces between arguments */
};
int sandbox_ps(const char *socket, struct sandbox_process **out, size_t *count, struct error *err);

/* The guest stands still when pause returns, and goes on after resume. */
int sandbox_pause(const char *socket, struct error *err);
int sandbox_resume(const char *socket, struct error *err);

/* The memory limit is another one now. */
int sandbox_limits_changed(const char *socket, struct error *err);

/* The machine's counters, and the configuration of its CPU: JSON texts, malloc()ed. */
/* platform: the platform's counters alone. */
int sandbox_stats(const char *socket, bool platform, char **json, struct error *err);
int sandbox_cpu_config(const char *socket, char **json, struct error *err);

/*
 * A connection on which the sandbox tells what happens; poll it for POLLIN. sandbox_next_event() then
 * reads one: 1 (a process was killed for want of memory), 0 (nothing), -EPIPE: the sandbox has ended.
 */
int sandbox_events(const char *socket, struct error *err);
int sandbox_next_event(int conn);

/* Sends sig to every process of the guest (`kill --all`). */
int sandbox_kill_all(const char *socket, int sig, struct error *err);

#endif
