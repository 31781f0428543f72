/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "kernel/script.h"

#include <errno.h>
#include <string.h>

static char *skip_blanks(char *p)
{
	return p + strspn(p, " \t");
}

int script_parse(char head[SCRIPT_LINE_MAX + 1], char **interpreter, char **argument)
{
	char *line = head + 2, *end, *p;

	if (head[0] != '#' || head[1] != '!')
		return -ENOEXEC;
	head[SCRIPT_LINE_MAX] = '\0';
	end = strchr(line, '\n');
	if (!end) {
		/* A cut-off argument is accepted, a cut-off interpreter is not. */
		p = skip_blanks(line);
		if (strlen(line) == SCRIPT_LINE_MAX - 2 && !p[strcspn(p, " \t")])
			return -ENOEXEC;
		end = line + strlen(line);
	}
	while (end > line && (end[-1] == ' ' || end[-1] == '\t'))
		end--;
	*end = '\0';
	p = skip_blanks(line);
	if (!*p)
		return -ENOEXEC;
	*interpreter = p;
	*argument = NULL;
	p += strcspn(p, " \t");
	if (*p) {
		*p++ = '\0';
		p = skip_blanks(p);
		if (*p)
			*argument = p;
	}
	return 0;
}
