/* SPDX-License-Identifier: GPL-2.0-or-later */
/* `#!` lines (execve(2), "Interpreter scripts"). */
#ifndef HUSK_KERNEL_SCRIPT_H
#define HUSK_KERNEL_SCRIPT_H

#include <stddef.h>

/* How much of a program's beginning Linux looks at (BINPRM_BUF_SIZE). */
#define SCRIPT_LINE_MAX 256

/*
 * Takes the first line of a script apart, in place. head: the file's first bytes, zero-filled to
 * SCRIPT_LINE_MAX, and one more byte of room. *argument is NULL if there is none. -ENOEXEC: not a
 * script, no interpreter, or its name does not end within the buffer.
 */
int script_parse(char head[SCRIPT_LINE_MAX + 1], char **interpreter, char **argument);

#endif
