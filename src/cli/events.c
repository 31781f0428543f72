/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * events: what the container's cgroup counts, again and again, and each time somebody in it was
 * killed for want of memory, as one JSON object a line, in the form that runc gave them.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "cli/cli.h"
#include "cli/event_json.h"
#include "runtime/cgroup/stats.h"
#include "runtime/files.h"
#include "sandbox/client.h"

#define NS_PER_S 1000000000LL

static bool stats;
static const char *interval = "5s";

static const struct cli_option options[] = {
    {"interval", 0, CLI_STRING, &interval, "time between two statistics (default: 5s)"},
    {"stats", 0, CLI_FLAG, &stats, "show the statistics once"},
    {0},
};

static int print_stats(const struct container *c, struct error *err)
{
	struct cgroup_stats s = {0};
	cleanup_free char *json = NULL;
	int r = c->cgroup_path ? cgroup_read_stats(c->cgroup_path, &s, err) : 0;

	if (r < 0)
		return r;
	json = event_stats_json(c->id, &s);
	cgroup_stats_free(&s);
	if (!json)
		return error_errno(err, -ENOMEM, "events");
	puts(json);
	fflush(stdout);
	return 0;
}

static int print_oom(const struct container *c, struct error *err)
{
	cleanup_free char *json = event_oom_json(c->id);

	if (!json)
		return error_errno(err, -ENOMEM, "events");
	puts(json);
	fflush(stdout);
	return 0;
}

/* "5s", "1m30s", "0.5s", "100ms": a duration as Go writes it, in nanoseconds. */
static int parse_interval(const char *text, long long *ns, struct error *err)
{
	static const struct {
		const char *name;
		double ns;
	} units[] = {{"ns", 1}, {"us", 1e3}, {"µs", 1e3}, {"ms", 1e6},
		     {"s", 1e9}, {"m", 60e9}, {"h", 3600e9}};
	const char *p = text;
	double sum = 0;

	do {
		char *end;
		double number = strtod(p, &end);
		size_t n = strcspn(end, "0123456789."), i = 0;

		while (i < sizeof(units) / sizeof(*units) &&
		       (strlen(units[i].name) != n || strncmp(units[i].name, end, n)))
			i++;
		if (end == p || i == sizeof(units) / sizeof(*units))
			return error_set(err, -EINVAL,
					 "invalid value \"%s\" for flag -interval: parse error", text);
		sum += number * units[i].ns;
		p = end + n;
	} while (*p);
	if (!(sum >= 1))
		return error_set(err, -EINVAL, "duration interval must be greater than 0");
	*ns = sum < 9e18 ? (long long)sum : (long long)9e18;
	return 0;
}

static int start_timer(long long ns, struct error *err)
{
	struct timespec t = {.tv_sec = ns / NS_PER_S, .tv_nsec = ns % NS_PER_S};
	struct itimerspec spec = {t, t};
	cleanup_close int fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);

	if (fd < 0 || timerfd_settime(fd, 0, &spec, NULL) < 0)
		return error_errno(err, -errno, "events: timer");
	return steal_fd(&fd);
}

enum { TIMER, HOST_OOM, GUEST_OOM, END, SOURCES };

/*
 * Kills for want of memory: those of the host's OOM killer, and those of husk's own, which comes
 * before it and takes one process of the guest. Negative: there will be no more.
 */
static int count_kills(const struct pollfd *p, struct cgroup_oom *oom)
{
	int n = p[HOST_OOM].revents ? cgroup_oom_count(oom) : 0, k;

	if (n < 0 || !p[GUEST_OOM].revents)
		return n;
	k = sandbox_next_event(p[GUEST_OOM].fd);
	return k < 0 ? k : n + k;
}

/* 1: the container is gone. */
static int look(const struct container *c, struct pollfd *p, struct cgroup_oom *oom,
		struct error *err)
{
	int r = 0, n = count_kills(p, oom);
	unsigned long long ticks;

	for (int i = 0; r == 0 && i < n; i++)
		r = print_oom(c, err);
	if (r < 0 || n < 0 || p[END].revents)
		return r < 0 ? r : 1;
	if (p[TIMER].revents && read(p[TIMER].fd, &ticks, sizeof(ticks)) == sizeof(ticks)) {
		cleanup_error struct error why = ERROR_INIT;

		if (print_stats(c, &why) < 0)
			log_error("%s", why.msg ? why.msg : "events");
	}
	return 0;
}

static int stream(const struct container *c, long long ns, struct error *err)
{
	cleanup_error struct error why = ERROR_INIT;
	cleanup_close int timer = start_timer(ns, err), pidfd = -1, guest = -1;
	struct cgroup_oom oom = {.fd = -1};
	int r = 0;

	if (timer < 0)
		return timer;
	pidfd = process_open(c->pid, c->pid_start);
	if (pidfd < 0)
		return 0;
	if (!c->cgroup_path || cgroup_oom_watch(c->cgroup_path, &oom, &why) < 0)
		log_warning("events: no notice of the OOM killer: %s",
			    why.msg ? why.msg : "the container has no cgroup");
	guest = sandbox_events(c->control_socket, err);
	if (guest < 0) {
		cgroup_oom_close(&oom);
		return guest;
	}
	while (r == 0) {
		struct pollfd p[SOURCES] = {[TIMER] = {.fd = timer, .events = POLLIN},
					    [HOST_OOM] = {.fd = oom.fd, .events = POLLIN},
					    [GUEST_OOM] = {.fd = guest, .events = POLLIN},
					    [END] = {.fd = pidfd, .events = POLLIN}};

		if (poll(p, SOURCES, -1) > 0)
			r = look(c, p, &oom, err);
		else if (errno != EINTR)
			r = error_errno(err, -errno, "poll");
	}
	cgroup_oom_close(&oom);
	return r < 0 ? r : 0;
}

static int run(const struct cli *cli, int argc, char **argv, struct error *err)
{
	struct container *c = NULL;
	long long ns = 0;
	int r = parse_interval(interval, &ns, err);

	if (r == 0)
		r = container_load(&cli->runtime, argv[0], false, &c, err);
	if (r == 0 && c->status == STATUS_STOPPED)
		r = error_set(err, -ESRCH, "container with id %s is not running", c->id);
	if (r == 0)
		r = stats ? print_stats(c, err) : stream(c, ns, err);
	container_free(c);
	return r;
}

const struct cli_command cli_events = {
    .name = "events",
    .summary = "show what a container uses, and when its memory was not enough",
    .usage = "[command options] <container-id>",
    .text = "One JSON object a line: statistics at each interval, and \"oom\" for each kill for "
	    "want of memory.\nThe command ends with the container.",
    .options = options,
    .min_args = 1,
    .max_args = 1,
    .run = run,
};
