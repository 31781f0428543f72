/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Starting a program: what execve(2) and a process from outside have in common.
 *
 * program_load() builds the whole new address space beside the old one; nothing of the caller
 * changes. program_install() then makes current run it and cannot fail.
 */
#ifndef HUSK_KERNEL_EXEC_H
#define HUSK_KERNEL_EXEC_H

#include "kernel/elf.h"
#include "kernel/strings.h"
#include "kernel/task.h"

struct program {
	struct mm *mm;
	struct cred *cred; /* what it is to run with */
	bool secure;	   /* AT_SECURE */
	/*
	 * The headers were good, but the address space could not be built: where Linux has destroyed
	 * the old program already. execve then kills instead of returning the error.
	 */
	bool past_no_return;
	uint64_t entry, sp;
	char comm[TASK_COMM_LEN];
};

/*
 * at (its guest number: at_fd), path, flags: as execveat(2). args: scripts change it. Limits and credentials are those of
 * current. -ENOENT, -EACCES, -ENOEXEC, -ELOOP, -E2BIG, -ENOMEM …; then there is nothing to free.
 */
int program_load(struct file *at, int at_fd, const char *path, unsigned flags,
		 struct exec_strings *args, struct program *out);
/* Gives a loaded program up. */
void program_free(struct program *p);
/*
 * Takes p's parts. Precondition: current is the only task of its group. 0, or the host's refusal of
 * the new credentials, before anything has changed.
 */
int program_install(struct program *p);

/* What the auxiliary vector says about the program (getauxval(3)). */
struct stack_facts {
	const struct elf *elf;
	struct elf_place place;
	uint64_t interp_base; /* 0: no interpreter */
	const struct cred *cred;
	bool secure;
	const char *execfn;
};
/*
 * Maps the stack below top and writes what the ABI wants on it: argc, argv, envp, auxv and the
 * strings. The stack pointer, or a negative errno.
 */
int64_t stack_build(struct mm *mm, uint64_t top, const struct exec_strings *args,
		    const struct stack_facts *facts, bool executable);

#endif
