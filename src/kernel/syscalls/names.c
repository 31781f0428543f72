/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the table says about system calls in words; apart from table.c, which needs all of them. */
#include <errno.h>
#include <string.h>

#include "kernel/syscalls/syscalls.h"

static const char *const names[SYSCALL_LIMIT] = {
#define SYSCALL(nr, name, args) [nr] = #name,
#define SYSCALL_NONE(nr, name) [nr] = #name,
#include "kernel/syscalls/table.h"
};

static const char *const arguments[SYSCALL_LIMIT] = {
#define SYSCALL(nr, name, args) [nr] = args,
#include "kernel/syscalls/table.h"
};

const char *syscall_name(long nr)
{
	return nr >= 0 && nr < SYSCALL_LIMIT ? names[nr] : NULL;
}

long syscall_number(const char *name)
{
	for (long nr = 0; nr < SYSCALL_LIMIT; nr++)
		if (names[nr] && !strcmp(names[nr], name))
			return nr;
	return -ENOENT;
}

const char *syscall_arguments(long nr)
{
	return nr >= 0 && nr < SYSCALL_LIMIT ? arguments[nr] : NULL;
}
