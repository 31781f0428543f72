/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <ctype.h>
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <strings.h>

#include "cli/cli.h"

static bool all;

static const struct cli_option options[] = {
    {"all", 'a', CLI_FLAG, &all, "send the signal to all processes of the container"},
    {0},
};

/* Names that signal(7) has beside those of sigabbrev_np(). */
static int other_name(const char *name)
{
	static const struct {
		const char *name;
		int sig;
	} others[] = {{"IOT", SIGABRT}, {"CLD", SIGCHLD}, {"POLL", SIGPOLL}, {"IO", SIGIO},
		      {"STKFLT", SIGSTKFLT}, {"PWR", SIGPWR}, {"UNUSED", SIGSYS}};
	unsigned long n;
	const char *p = name;
	int base = SIGRTMIN;

	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		if (strcasecmp(others[i].name, name) == 0)
			return others[i].sig;
	/* RTMIN, RTMIN+3, RTMAX-2: an image's STOPSIGNAL may be such a name (systemd's is). */
	if (strncasecmp(p, "RTM", 3) != 0)
		return -1;
	if (strncasecmp(p, "RTMAX", 5) == 0)
		base = SIGRTMAX;
	else if (strncasecmp(p, "RTMIN", 5) != 0)
		return -1;
	p += 5;
	if (!*p)
		return base;
	if (*p != (base == SIGRTMIN ? '+' : '-') ||
	    cli_parse_number(p + 1, (unsigned long)(SIGRTMAX - SIGRTMIN), &n) < 0)
		return -1;
	return base == SIGRTMIN ? base + (int)n : base - (int)n;
}

int cli_parse_signal(const char *text, int *sig, struct error *err)
{
	const char *name = strncasecmp(text, "SIG", 3) == 0 ? text + 3 : text;
	unsigned long n;

	if (isdigit((unsigned char)text[0])) {
		/* 0 asks whether the process is there. */
		if (cli_parse_number(text, 64, &n) < 0)
			return error_set(err, -EINVAL, "unknown signal \"%s\"", text);
		*sig = (int)n;
		return 0;
	}
	for (int s = 1; s < 32; s++) {
		const char *abbreviation = sigabbrev_np(s);

		if (abbreviation && strcasecmp(abbreviation, name) == 0) {
			*sig = s;
			return 0;
		}
	}
	*sig = other_name(name);
	return *sig < 0 ? error_set(err, -EINVAL, "unknown signal \"%s\"", text) : 0;
}

static int run(const struct cli *cli, int argc, char **argv, struct error *err)
{
	struct container *c = NULL;
	int sig = SIGTERM;
	int r = container_load(&cli->runtime, argv[0], true, &c, err);

	if (r == 0 && argc > 1)
		r = cli_parse_signal(argv[1], &sig, err);
	if (r == 0)
		r = container_kill(c, sig, all, err);
	container_free(c);
	return r;
}

const struct cli_command cli_kill = {
    .name = "kill",
    .summary = "send a signal (default: SIGTERM) to a container's first process",
    .usage = "[command options] <container-id> [signal]",
    .text = "[signal] is a name, with or without SIG, or a number.\n\n"
	    "EXAMPLE:\n\n       # husk kill ubuntu01 KILL",
    .options = options,
    .min_args = 1,
    .max_args = 2,
    .run = run,
};
