/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The control thread: one poll loop over the signals that come from outside, the control socket, and
 * its conversations. What is slow or blocks (loading a program) happens on kthreadd; nothing here
 * waits for the guest.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/list.h"
#include "base/log.h"
#include "sandbox/private.h"
#include "sandbox/process_list.h"
#include "sandbox/protocol.h"

#define CONVERSATIONS_MAX 1024

/* One connection. An EXEC one has a process, which it reports on and whose life it is. */
struct conversation {
	struct list link; /* in `conversations`: the control thread's alone */
	int sock;
	struct thread_group *group; /* counted; NULL until EXEC succeeded */
	struct tty *tty;	    /* the process' terminal with a reference, or NULL */
	bool listens; /* to what happens: EVENTS */
	/* Set by the process' last thread, read by the control thread after `ended` was signalled. */
	_Atomic bool exited;
	int wait_status;
};

static struct list conversations = LIST_INIT(conversations);
static unsigned n_conversations;
static int signals = -1; /* signalfd: all that comes from outside */
static _Atomic int ended = -1; /* eventfd: some process has exited, or was killed for memory */
static atomic_uint killed;     /* … since the listeners were told */

static void reply(struct conversation *c, enum control_type type, int value, int fd)
{
	struct control_message m = {.magic = CONTROL_MAGIC, .type = type, .value = value};

	/* A client that does not listen any more is noticed by poll. */
	control_send(c->sock, &m, &fd, fd >= 0 ? 1 : 0);
}

static void reply_error(struct conversation *c, int code, const char *text)
{
	struct control_message m = {.magic = CONTROL_MAGIC, .type = CONTROL_ERROR, .value = code};

	strncpy(m.text, text, sizeof(m.text) - 1);
	control_send(c->sock, &m, NULL, 0);
}

/* Runs on the last thread of an exec'd process. */
static void on_exec_exit(void *arg, int wait_status)
{
	struct conversation *c = arg;
	uint64_t one = 1;

	c->wait_status = wait_status;
	atomic_store(&c->exited, true);
	if (write(ended, &one, sizeof(one)) < 0)
		log_error("control: eventfd: %s", strerror(errno));
}

void control_tell_killed(int guest_pid)
{
	uint64_t one = 1;
	int fd;

	atomic_fetch_add(&killed, 1);
	fd = atomic_load(&ended);
	if (fd >= 0 && write(fd, &one, sizeof(one)) < 0)
		log_error("control: eventfd: %s", strerror(errno));
}

static int read_process(int fd, struct oci_process **out, struct error *err)
{
	cleanup_free char *text = NULL, *why = NULL;
	size_t n;
	int r = control_document_read(fd, &text, &n);

	if (r < 0)
		return error_errno(err, r, "read the process object");
	r = oci_process_parse(text, n, out, &why);
	return r < 0 ? error_set(err, r, "%s", why ? why : strerror(-r)) : 0;
}

static int start_exec(struct conversation *c, const struct oci_process *p, struct process_fds *fds,
		      const struct process_fds *cgroups, struct error *err)
{
	struct spawn_args args = {.on_exit = on_exec_exit,
				  .arg = c,
				  .cgroups = cgroups->fds,
				  .ncgroups = cgroups->n};
	struct tty *tty;
	struct task *t;
	int r = process_to_spawn(p, fds, &args, &tty, err);

	if (r < 0)
		return r;
	r = spawn_prepare(&args, &t, err);
	if (r < 0) {
		if (tty)
			tty_put(tty);
		return r;
	}
	c->tty = tty;
	c->group = group_get(t->group);
	reply(c, CONTROL_STARTED, c->group->tgid, -1);
	spawn_start(t);
	return 0;
}

static void close_all(const int *fds, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		close(fds[i]);
}

/* fds: the document, the process' descriptors, files of cgroups; consumed. */
static int exec_request(struct conversation *c, const struct control_message *m, int *fds, unsigned n,
			struct error *err)
{
	struct process_fds cgroups = {.fds = fds + n - m->cgroups, .n = m->cgroups};
	struct process_fds pfds = {.fds = fds + 1, .n = n - 1 - m->cgroups, .terminal = m->terminal};
	struct oci_process *p = NULL;
	int r = read_process(fds[0], &p, err);

	close(fds[0]);
	if (r < 0)
		close_all(pfds.fds, pfds.n);
	else
		r = start_exec(c, p, &pfds, &cgroups, err);
	oci_process_free(p);
	close_all(cgroups.fds, cgroups.n);
	return r;
}

static int check_exec_request(const struct conversation *c, const struct control_message *m, unsigned n,
			      struct error *err)
{
	if (c->group)
		return error_set(err, -EBADMSG, "one exec a connection");
	if (m->cgroups >= n)
		return error_set(err, -EBADMSG, "no process object");
	if (m->cgroups && !strcmp(platform_caps(kernel.platform)->name, "ptrace"))
		return error_set(err, -ENOTSUP, "--cgroup: on the platform ptrace a process' code runs in "
						"processes of the host that others use after it");
	return 0;
}

static void serve_exec(struct conversation *c, const struct control_message *m, int *fds, unsigned n)
{
	cleanup_error struct error err = ERROR_INIT;
	int r = check_exec_request(c, m, n, &err);

	if (r < 0)
		close_all(fds, n);
	else
		r = exec_request(c, m, fds, n, &err);
	if (r < 0)
		reply_error(c, r, err.msg ? err.msg : strerror(-r));
}

static void serve_signal(struct conversation *c, const struct control_message *m)
{
	siginfo_t info = {.si_signo = m->value, .si_code = SI_USER};

	if (!c->group || m->value < 1 || m->value > NSIG_GUEST)
		return;
	if (m->terminal && c->tty)
		tty_host_signal(c->tty, m->value);
	else
		signal_send_group(c->group, &info);
}

/* fd: a document for the client, or a negative errno. */
static void reply_document(struct conversation *c, int fd)
{
	if (fd < 0) {
		reply_error(c, fd, strerror(-fd));
		return;
	}
	reply(c, CONTROL_DONE, 0, fd);
	close(fd);
}

static void reply_result(struct conversation *c, int r)
{
	if (r < 0)
		reply_error(c, r, strerror(-r));
	else
		reply(c, CONTROL_DONE, r, -1);
}

static void drop(struct conversation *c)
{
	close(c->sock);
	c->sock = -1;
	if (c->group && !atomic_load(&c->exited)) {
		/* The helper is gone: so is the process. It reports to `ended`, and is freed then. */
		siginfo_t info = {.si_signo = SIGKILL, .si_code = SI_USER};

		signal_send_group(c->group, &info);
		return;
	}
	list_del(&c->link);
	n_conversations--;
	if (c->tty)
		tty_put(c->tty);
	if (c->group)
		group_put(c->group);
	free(c);
}

/* Answers one message; the descriptors that came with it go to EXEC or are closed. */
static void serve(struct conversation *c)
{
	struct control_message m;
	int fds[CONTROL_FDS];
	unsigned n;
	int r = control_receive(c->sock, &m, fds, &n);

	if (r == -EAGAIN)
		return;
	if (r < 0) {
		drop(c);
		return;
	}
	if (m.type == CONTROL_EXEC) {
		serve_exec(c, &m, fds, n);
		return;
	}
	for (unsigned i = 0; i < n; i++)
		close(fds[i]);
	switch (m.type) {
	case CONTROL_SIGNAL:
		serve_signal(c, &m);
		break;
	case CONTROL_PS:
		reply_document(c, process_list_document());
		break;
	case CONTROL_KILL_ALL:
		reply_result(c, process_list_signal(m.value));
		break;
	case CONTROL_PAUSE:
		reply_result(c, machine_pause());
		break;
	case CONTROL_RESUME:
		reply_result(c, machine_resume());
		break;
	case CONTROL_STATS:
		reply_document(c, machine_stats_document(m.value));
		break;
	case CONTROL_CPU_CONFIG:
		reply_document(c, machine_cpu_config_document());
		break;
	case CONTROL_LIMITS:
		memory_watch_limit_changed();
		reply_result(c, 0);
		break;
	case CONTROL_EVENTS:
		c->listens = true;
		break;
	default:
		reply_error(c, -EBADMSG, "not a request");
	}
}

static void accept_one(int control_fd)
{
	struct conversation *c;
	int sock = accept4(control_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	if (sock < 0)
		return;
	c = n_conversations < CONVERSATIONS_MAX ? calloc(1, sizeof(*c)) : NULL;
	if (!c) {
		close(sock);
		return;
	}
	c->sock = sock;
	list_add_tail(&conversations, &c->link);
	n_conversations++;
}

static void report_kills(void)
{
	struct conversation *c;

	for (unsigned n = atomic_exchange(&killed, 0); n > 0; n--)
		list_for_each(c, &conversations, link)
			if (c->listens && c->sock >= 0)
				reply(c, CONTROL_OOM, 0, -1);
}

static void report_exits(void)
{
	struct conversation *c, *tmp;
	uint64_t count;

	if (read(ended, &count, sizeof(count)) < 0)
		return;
	report_kills();
	list_for_each_safe(c, tmp, &conversations, link) {
		if (!c->group || !atomic_load(&c->exited))
			continue;
		if (c->sock >= 0)
			reply(c, CONTROL_EXITED, c->wait_status, -1);
		drop(c);
	}
}

/* A signal that the host sent to the sandbox: the terminal's, the engine's, or a person's kill. */
static void take_signal(int fd, struct tty *console)
{
	struct signalfd_siginfo si;
	siginfo_t info = {0};

	if (read(fd, &si, sizeof(si)) != sizeof(si))
		return;
	if (si.ssi_code == SI_KERNEL && console) {
		tty_host_signal(console, si.ssi_signo);
		return;
	}
	info.si_signo = si.ssi_signo;
	info.si_code = SI_USER; /* with pid and uid 0: the sender is outside the container */
	signal_from_outside(si.ssi_signo, &info);
}

static int open_signals(void)
{
	sigset_t set;

	sigfillset(&set);
	sigdelset(&set, HOST_KICK_SIGNAL);
	/* Faults of husk's own are delivered, not read; what they would be as messages is nothing. */
	sigdelset(&set, SIGPIPE);
	sigdelset(&set, SIGCHLD);
	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

int control_open(struct error *err)
{
	signals = open_signals();
	if (signals < 0)
		return error_errno(err, -errno, "control: cannot make a signalfd");
	ended = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	return ended < 0 ? error_errno(err, -errno, "control: cannot make an eventfd") : 0;
}

_Noreturn void control_loop(int control_fd, struct tty *console)
{
	static struct pollfd p[3 + CONVERSATIONS_MAX];
	static struct conversation *who[CONVERSATIONS_MAX];

	p[0] = (struct pollfd){.fd = signals, .events = POLLIN};
	p[1] = (struct pollfd){.fd = ended, .events = POLLIN};
	p[2] = (struct pollfd){.fd = control_fd, .events = POLLIN};
	for (;;) {
		struct conversation *c;
		unsigned n = 0;

		list_for_each(c, &conversations, link) {
			p[3 + n] = (struct pollfd){.fd = c->sock, .events = POLLIN};
			who[n++] = c;
		}
		if (poll(p, 3 + n, -1) < 0)
			continue;
		/* Conversations first: report_exits() may free some of who[]. */
		for (unsigned i = 0; i < n; i++)
			if (p[3 + i].revents)
				serve(who[i]);
		if (p[0].revents)
			take_signal(signals, console);
		if (p[1].revents)
			report_exits();
		if (p[2].revents)
			accept_one(control_fd);
	}
}
