/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ps: the processes of a container. They are husk's own processes, not the host's: the table shows
 * them with the numbers they have in the container. The JSON form is what engines hand on to the
 * host's ps(1) and to their statistics; there only host processes make sense: the sandbox, which is
 * all of the guest, and who else is in the container's cgroup: the helpers that `exec` leaves, whose
 * numbers engines know, and on the platform ptrace the processes that guest code runs in.
 */
#include <errno.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "cli/cli.h"
#include "runtime/cgroup/cgroup.h"
#include "sandbox/client.h"

static const char *format = "table";

static const struct cli_option options[] = {
    {"format", 'f', CLI_STRING, &format, "\"table\" or \"json\" (default: \"table\")"},
    {0},
};

#define NS_PER_S 1000000000ull

/* When the process started: the time of day if that was in the last 24 hours, else the date. */
static void start_text(char buf[16], unsigned long long start_ns)
{
	struct timespec boot, real;
	struct tm tm;
	time_t start;

	clock_gettime(CLOCK_BOOTTIME, &boot);
	clock_gettime(CLOCK_REALTIME, &real);
	start = real.tv_sec - boot.tv_sec + (time_t)(start_ns / NS_PER_S);
	localtime_r(&start, &tm);
	strftime(buf, 16, real.tv_sec - start < 24 * 3600 ? "%H:%M" : "%b%d", &tm);
}

/* ps -f's C: the CPU time used in percent of the life time. */
static unsigned cpu_percent(const struct sandbox_process *p)
{
	struct timespec boot;
	unsigned long long now, used = p->utime_ns + p->stime_ns;

	clock_gettime(CLOCK_BOOTTIME, &boot);
	now = (unsigned long long)boot.tv_sec * NS_PER_S + (unsigned long long)boot.tv_nsec;
	if (now <= p->start_ns)
		return 0;
	used = used / ((now - p->start_ns) / 100 + 1);
	return used > 99 ? 99 : (unsigned)used;
}

static void print_process(const struct sandbox_process *p)
{
	unsigned long long cpu = (p->utime_ns + p->stime_ns) / NS_PER_S;
	const struct passwd *pw = p->uid == 0 ? getpwuid(0) : NULL;
	char user[16], start[16];

	/* Names of other users are the container's business: the host's could be wrong. */
	if (pw)
		snprintf(user, sizeof(user), "%s", pw->pw_name);
	else
		snprintf(user, sizeof(user), "%u", p->uid);
	start_text(start, p->start_ns);
	printf("%-8s %7d %7d %2u %5s %-8s %02llu:%02llu:%02llu %s\n", user, p->pid, p->ppid,
	       cpu_percent(p), start, p->tty[0] ? p->tty : "?", cpu / 3600, cpu / 60 % 60, cpu % 60,
	       p->cmdline[0] ? p->cmdline : p->comm);
}

/* A paused container sleeps again afterwards, whatever the answer was. */
static int ask(struct container *c, struct sandbox_process **processes, size_t *n, struct error *err)
{
	cleanup_error struct error later = ERROR_INIT;
	int r = container_wake(c, err), k;

	if (r < 0)
		return r;
	r = sandbox_ps(c->control_socket, processes, n, err);
	k = container_sleep(c, &later);
	return r == 0 && k < 0 ? error_set(err, k, "%s", later.msg) : r;
}

static int print_table(struct container *c, bool gone, struct error *err)
{
	cleanup_free struct sandbox_process *processes = NULL;
	size_t n = 0;
	int r = gone ? 0 : ask(c, &processes, &n, err);

	if (r < 0)
		return r;
	printf("%-8s %7s %7s %2s %5s %-8s %8s %s\n", "UID", "PID", "PPID", "C", "STIME", "TTY",
	       "TIME", "CMD");
	for (size_t i = 0; i < n; i++)
		print_process(&processes[i]);
	return 0;
}

/* The sandbox is first, as the container's own process; it need not be in a cgroup that we can read. */
static int print_json(const struct container *c, struct error *err)
{
	cleanup_free pid_t *pids = NULL;
	size_t n = 0;
	int r = c->cgroup_path ? cgroup_members(c->cgroup_path, &pids, &n, err) : 0;

	if (r < 0)
		return r;
	printf("[%d", c->pid);
	for (size_t i = 0; i < n; i++)
		if (pids[i] != c->pid)
			printf(",%d", pids[i]);
	puts("]");
	return 0;
}

static int show(struct container *c, struct error *err)
{
	bool gone;

	if (strcmp(format, "table") != 0 && strcmp(format, "json") != 0)
		return error_set(err, -EINVAL, "invalid format option");
	/* Of one that has stopped nothing is left to show, which is no error. */
	gone = c->status == STATUS_STOPPED || c->status == STATUS_CREATING;
	if (format[0] == 'j' && gone)
		puts("null");
	else
		return format[0] == 'j' ? print_json(c, err) : print_table(c, gone, err);
	return 0;
}

static int run(const struct cli *cli, int argc, char **argv, struct error *err)
{
	struct container *c = NULL;
	/* Locked: `pause` and `resume` must not come in between. */
	int r = container_load(&cli->runtime, argv[0], true, &c, err);

	if (argc > 1)
		log_debug("ps: the options of ps(1) from \"%s\" on are not used", argv[1]);
	if (r == 0)
		r = show(c, err);
	container_free(c);
	return r;
}

const struct cli_command cli_ps = {
    .name = "ps",
    .summary = "show the processes of a container",
    .usage = "[command options] <container-id> [ps options]",
    .text = "The table shows the container's own process ids, as ps -ef would in it; options for "
	    "ps(1) are\naccepted and not used. The JSON form is the list of the container's "
	    "processes on "
	    "the host:\nthe sandbox, the helpers of `husk exec`, and whoever else is in its cgroup.",
    .options = options,
    .options_first = true,
    .min_args = 1,
    .max_args = -1,
    .run = run,
};
