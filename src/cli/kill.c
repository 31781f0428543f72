/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <ctype.h>
#include <errno.h>
#include <regex.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/cleanup.h"
#include "cli/cli.h"

static bool all, regex;

static const struct cli_option options[] = {
    {"all", 'a', CLI_FLAG, &all, "send the signal to all processes of the container"},
    {"regex", 'r', CLI_FLAG, &regex, "<container-id> is a regular expression: all that match"},
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

/* signal NULL: SIGTERM. */
static int kill_one(const struct cli *cli, const char *id, const char *signal, struct error *err)
{
	struct container *c = NULL;
	int sig = SIGTERM;
	int r = container_load(&cli->runtime, id, true, &c, err);

	if (r == 0 && signal)
		r = cli_parse_signal(signal, &sig, err);
	if (r == 0)
		r = container_kill(c, sig, all, err);
	container_free(c);
	return r;
}

/* Those that run no more, or are gone since they were listed, are no error. */
static int kill_matching(const struct cli *cli, const regex_t *pattern, const char *signal,
			 struct error *err)
{
	char **ids = NULL;
	int r = container_list(&cli->runtime, &ids, err);

	for (char **id = ids; id && *id; id++) {
		cleanup_error struct error why = ERROR_INIT;
		int k = regexec(pattern, *id, 0, NULL, 0) ? 0 : kill_one(cli, *id, signal, &why);

		if (k < 0 && k != -ESRCH && k != -ENOENT && r == 0)
			r = error_set(err, k, "%s: %s", *id, why.msg ? why.msg : strerror(-k));
		free(*id);
	}
	free(ids);
	return r;
}

static int run(const struct cli *cli, int argc, char **argv, struct error *err)
{
	const char *signal = argc > 1 ? argv[1] : NULL;
	regex_t pattern;
	int r;

	if (!regex)
		return kill_one(cli, argv[0], signal, err);
	if (regcomp(&pattern, argv[0], REG_EXTENDED | REG_NOSUB) != 0)
		return error_set(err, -EINVAL, "invalid regular expression \"%s\"", argv[0]);
	r = kill_matching(cli, &pattern, signal, err);
	regfree(&pattern);
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
