/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/ending.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"

#define OUTPUT_MAX 1024 /* bytes that a message shows */

/* The end of what was written, without white space behind it. malloc()ed, or NULL. */
static char *last_words(int output)
{
	char *text = calloc(1, OUTPUT_MAX + 1);
	struct stat st;
	ssize_t n;

	if (!text || output < 0 || fstat(output, &st) < 0)
		return text;
	n = pread(output, text, OUTPUT_MAX, st.st_size > OUTPUT_MAX ? st.st_size - OUTPUT_MAX : 0);
	while (n > 0 && (text[n - 1] == '\n' || text[n - 1] == ' '))
		n--;
	text[n > 0 ? n : 0] = '\0';
	return text;
}

int error_ending(struct error *err, const char *what, int wait_status, long long timeout, int output)
{
	cleanup_free char *words = last_words(output);
	const char *text = words ? words : "", *colon = *text ? ": " : "";

	if (timeout > 0)
		return error_set(err, -EIO, "%s took longer than %lld s%s%s", what, timeout, colon, text);
	if (WIFSIGNALED(wait_status))
		return error_set(err, -EIO, "%s died of signal %d%s%s", what, WTERMSIG(wait_status),
				 colon, text);
	return error_set(err, -EIO, "%s failed with exit status %d%s%s", what,
			 WEXITSTATUS(wait_status), colon, text);
}
