/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The arguments and the environment of a program that is about to start, as host copies. */
#ifndef HUSK_KERNEL_STRINGS_H
#define HUSK_KERNEL_STRINGS_H

#include <stddef.h>
#include <stdint.h>

/* Strings, each with its NUL, one behind the other. */
struct strings {
	char *data;
	size_t len, cap;
	unsigned n;
};

struct exec_strings {
	struct strings argv, env;
	size_t limit; /* of both with their pointers, bytes (execve(2), "Limits on size") */
};

/* The limit that RLIMIT_STACK means. */
size_t exec_strings_limit(uint64_t stack_limit);
/* -E2BIG, -ENOMEM, and from the guest -EFAULT. */
int exec_strings_from_guest(struct exec_strings *s, uint64_t argv, uint64_t env);
int exec_strings_from_host(struct exec_strings *s, const char *const *argv,
			   const char *const *env);
/* A script: replaces argv[0] by interpreter, argument (or NULL) and the script's name. */
int exec_strings_script(struct exec_strings *s, const char *interpreter, const char *argument,
			const char *script);
void exec_strings_free(struct exec_strings *s);

#endif
