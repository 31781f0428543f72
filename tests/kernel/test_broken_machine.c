/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * When the machine fails under one process the sandbox ends, with all of them, killed; and one line
 * says what KVM's exit was, the registers, and which process ran.
 */
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

/* Processes that would never end: one that waits, one that runs, one that makes others. */
#define PROGRAM                                                                                    \
	"sleep 1000 & (while :; do :; done) & while :; do /bin/true; done"

/* Does the text have exactly one line, and is it a good one? */
static int good(const char *text)
{
	static const char *const must[] = {"the sandbox ends", "under pid ", "triple fault",
					   "exit 8, SHUTDOWN", "rip ", "rsp ", "cr3 "};
	const char *end = strchr(text, '\n');

	if (!end || end[1])
		return 0;
	for (unsigned i = 0; i < sizeof(must) / sizeof(*must); i++)
		if (!strstr(text, must[i]))
			return 0;
	return strstr(text, "(sh)") || strstr(text, "(true)") || strstr(text, "(sleep)");
}

int main(int argc, char **argv)
{
	static const unsigned when[] = {1, 2, 10, 100, 500, 1000};
	char self[PATH_MAX];

	(void)argc;
	snprintf(self, sizeof(self), "%s", argv[0]);
	for (unsigned i = 0; i < sizeof(when) / sizeof(*when); i++) {
		char command[PATH_MAX + 256], text[65536];
		size_t n;
		FILE *f;
		int status;

		snprintf(command, sizeof(command), "timeout 60 %s/guest_run -b %u /bin/sh -c '%s' 2>&1",
			 dirname(strdupa(self)), when[i], PROGRAM);
		f = popen(command, "r");
		if (!f)
			return 1;
		n = fread(text, 1, sizeof(text) - 1, f);
		text[n] = 0;
		status = pclose(f);
		if (!WIFEXITED(status) || WEXITSTATUS(status) != 128 + 9 || !good(text)) {
			fprintf(stderr, "run %u: status %x, said: %s\n", when[i], status, text);
			return 1;
		}
	}
	return 0;
}
