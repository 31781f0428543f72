/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sandbox/client.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "sandbox/protocol.h"

/* A sandbox that says nothing for so long is stuck (or its container is frozen). */
#define ANSWER_SECONDS 30

static int control_connect(const char *path, struct error *err)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	struct timeval limit = {.tv_sec = ANSWER_SECONDS};
	cleanup_close int sock = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	if (sock < 0)
		return error_errno(err, -errno, "socket");
	if (strlen(path) >= sizeof(addr.sun_path))
		return error_errno(err, -ENAMETOOLONG, "control socket %s", path);
	strcpy(addr.sun_path, path);
	if (connect(sock, (struct sockaddr *)&addr, sizeof(addr)) < 0)
		return error_errno(err, -errno, "connect to the sandbox at %s", path);
	if (setsockopt(sock, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)) < 0 ||
	    setsockopt(sock, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit)) < 0)
		return error_errno(err, -errno, "set the time limit of the control socket");
	return steal_fd(&sock);
}

/*
 * Waits for an answer of this type. At most one descriptor comes with it; *fd is -1 without one.
 */
static int expect(int sock, enum control_type type, struct control_message *m, int *fd,
		  struct error *err)
{
	int fds[CONTROL_FDS];
	unsigned nfds;
	int r = control_receive(sock, m, fds, &nfds);

	*fd = -1;
	if (r == -EAGAIN)
		return error_set(err, -ETIMEDOUT, "the sandbox did not answer within %d seconds",
				 ANSWER_SECONDS);
	if (r == -EPIPE)
		return error_set(err, r, "the sandbox ended without an answer");
	if (r < 0)
		return error_errno(err, r, "read the sandbox' answer");
	for (unsigned i = 1; i < nfds; i++)
		close(fds[i]);
	if (nfds > 0)
		*fd = fds[0];
	if (m->type == type)
		return 0;
	if (*fd >= 0) {
		close(*fd);
		*fd = -1;
	}
	if (m->type == CONTROL_ERROR)
		return error_set(err, m->value < 0 ? m->value : -EIO, "%s", m->text);
	return error_set(err, -EBADMSG, "the sandbox answered with message %u", m->type);
}

int sandbox_exec_start(const char *socket, const struct sandbox_exec *x, int *conn, pid_t *guest_pid,
		       struct error *err)
{
	struct control_message m = {.magic = CONTROL_MAGIC, .type = CONTROL_EXEC,
				    .terminal = x->terminal, .cgroups = x->ncgroups};
	cleanup_close int sock = -1, document = -1;
	int fds[CONTROL_FDS], none, r;

	if (x->nfds > CONTROL_FDS - 1 - x->ncgroups)
		return error_set(err, -EINVAL, "at most %u descriptors can be passed, not %u",
				 CONTROL_FDS - 1 - x->ncgroups, x->nfds);
	sock = control_connect(socket, err);
	if (sock < 0)
		return sock;
	document = control_document_make(x->process_json, strlen(x->process_json));
	if (document < 0)
		return error_errno(err, document, "memfd_create");
	fds[0] = document;
	memcpy(fds + 1, x->fds, x->nfds * sizeof(int));
	if (x->ncgroups)
		memcpy(fds + 1 + x->nfds, x->cgroups, x->ncgroups * sizeof(int));
	r = control_send(sock, &m, fds, 1 + x->nfds + x->ncgroups);
	if (r < 0)
		return error_errno(err, r, "send the process to the sandbox");
	r = expect(sock, CONTROL_STARTED, &m, &none, err);
	if (none >= 0)
		close(none);
	if (r < 0)
		return r;
	*guest_pid = m.value;
	*conn = steal_fd(&sock);
	return 0;
}

/* One signal that arrived here, on to the guest process. */
static void forward_signal(int conn, int signal_fd)
{
	struct control_message m = {.magic = CONTROL_MAGIC, .type = CONTROL_SIGNAL};
	struct signalfd_siginfo si;

	if (read(signal_fd, &si, sizeof(si)) != sizeof(si))
		return;
	if (si.ssi_signo == SIGCHLD || si.ssi_signo == SIGURG)
		return; /* news for this process, not for that one */
	m.value = si.ssi_signo;
	m.terminal = si.ssi_code == SI_KERNEL;
	control_send(conn, &m, NULL, 0);
}

int sandbox_exec_wait(int conn, int signal_fd, int *status, struct error *err)
{
	struct pollfd p[2] = {{.fd = conn, .events = POLLIN}, {.fd = signal_fd, .events = POLLIN}};
	struct control_message m;
	int none, r;

	for (;;) {
		if (poll(p, 2, -1) < 0 && errno != EINTR)
			return error_errno(err, -errno, "poll");
		if (p[1].revents & POLLIN)
			forward_signal(conn, signal_fd);
		if (p[0].revents)
			break;
	}
	r = expect(conn, CONTROL_EXITED, &m, &none, err);
	if (none >= 0)
		close(none);
	if (r == -EPIPE) {
		/* The container's init ended and took every process with it: SIGKILL, as in Linux. */
		error_free(err);
		*status = SIGKILL;
		return 0;
	}
	if (r == 0)
		*status = m.value;
	return r;
}

pid_t sandbox_pid(const char *socket, struct error *err)
{
	cleanup_close int sock = control_connect(socket, err);
	struct ucred peer;
	socklen_t n = sizeof(peer);

	if (sock < 0)
		return sock;
	/* Of who called listen(2). */
	if (getsockopt(sock, SOL_SOCKET, SO_PEERCRED, &peer, &n) < 0)
		return error_errno(err, -errno, "cannot find out who listens at %s", socket);
	return peer.pid;
}

/* One question, one answer. */
static int ask(const char *socket, struct control_message *m, int *fd, struct error *err)
{
	cleanup_close int sock = control_connect(socket, err);
	int r;

	if (sock < 0)
		return sock;
	r = control_send(sock, m, NULL, 0);
	if (r < 0)
		return error_errno(err, r, "send a request to the sandbox");
	return expect(sock, CONTROL_DONE, m, fd, err);
}

int sandbox_ps(const char *socket, struct sandbox_process **out, size_t *count, struct error *err)
{
	struct control_message m = {.magic = CONTROL_MAGIC, .type = CONTROL_PS};
	cleanup_close int document = -1;
	char *text;
	size_t n;
	int r = ask(socket, &m, &document, err);

	if (r < 0)
		return r;
	r = document < 0 ? -EBADMSG : control_document_read(document, &text, &n);
	if (r < 0)
		return error_errno(err, r, "read the sandbox' process list");
	*out = (struct sandbox_process *)text;
	*count = n / sizeof(**out);
	for (size_t i = 0; i < *count; i++) {
		struct sandbox_process *p = &(*out)[i];

		p->comm[sizeof(p->comm) - 1] = '\0';
		p->tty[sizeof(p->tty) - 1] = '\0';
		p->cmdline[sizeof(p->cmdline) - 1] = '\0';
	}
	return 0;
}

int sandbox_kill_all(const char *socket, int sig, struct error *err)
{
	struct control_message m = {.magic = CONTROL_MAGIC, .type = CONTROL_KILL_ALL, .value = sig};
	int none = -1, r = ask(socket, &m, &none, err);

	if (none >= 0)
		close(none);
	return r;
}

/* A request whose whole answer is that it was done. */
static int tell(const char *socket, enum control_type type, struct error *err)
{
	struct control_message m = {.magic = CONTROL_MAGIC, .type = type};
	int none = -1, r = ask(socket, &m, &none, err);

	if (none >= 0)
		close(none);
	return r;
}

int sandbox_pause(const char *socket, struct error *err)
{
	return tell(socket, CONTROL_PAUSE, err);
}

int sandbox_resume(const char *socket, struct error *err)
{
	return tell(socket, CONTROL_RESUME, err);
}

int sandbox_limits_changed(const char *socket, struct error *err)
{
	return tell(socket, CONTROL_LIMITS, err);
}

/* A request that a text answers. */
static int ask_text(const char *socket, enum control_type type, int value, char **text,
		    struct error *err)
{
	struct control_message m = {.magic = CONTROL_MAGIC, .type = type, .value = value};
	cleanup_close int document = -1;
	size_t n;
	int r = ask(socket, &m, &document, err);

	if (r < 0)
		return r;
	r = document < 0 ? -EBADMSG : control_document_read(document, text, &n);
	return r < 0 ? error_errno(err, r, "read the sandbox' answer") : 0;
}

int sandbox_stats(const char *socket, bool platform, char **json, struct error *err)
{
	return ask_text(socket, CONTROL_STATS, platform, json, err);
}

int sandbox_cpu_config(const char *socket, char **json, struct error *err)
{
	return ask_text(socket, CONTROL_CPU_CONFIG, 0, json, err);
}

int sandbox_events(const char *socket, struct error *err)
{
	struct control_message m = {.magic = CONTROL_MAGIC, .type = CONTROL_EVENTS};
	cleanup_close int sock = control_connect(socket, err);
	int r;

	if (sock < 0)
		return sock;
	r = control_send(sock, &m, NULL, 0);
	return r < 0 ? error_errno(err, r, "send a request to the sandbox") : steal_fd(&sock);
}

int sandbox_next_event(int conn)
{
	struct control_message m;
	int fds[CONTROL_FDS], r;
	unsigned nfds;

	r = control_receive(conn, &m, fds, &nfds);
	if (r < 0)
		return r == -EAGAIN ? 0 : -EPIPE;
	for (unsigned i = 0; i < nfds; i++)
		close(fds[i]);
	return m.type == CONTROL_OOM;
}
