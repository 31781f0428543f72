/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * System calls: thin decoders. Each takes the six argument registers (rdi rsi rdx r10 r8 r9) of
 * `current`, copies in what they point to, checks the copy, calls the room that does the work, and
 * returns a result ≥ 0 or a negative errno (restart codes of base/hostcall.h included).
 * Arguments that the ABI says are int are cut to int by the decoder, as Linux does.
 */
#ifndef HUSK_KERNEL_SYSCALLS_H
#define HUSK_KERNEL_SYSCALLS_H

#include <stdint.h>

typedef long (*syscall_fn)(const uint64_t a[6]);

#define SYSCALL(nr, name, args) long sys_##name(const uint64_t a[6]);
#include "kernel/syscalls/table.h"

/* All numbers in the table are below. */
#define SYSCALL_LIMIT 512

/* The name of a system call, or NULL if Linux has none of that number (that husk knows of). */
const char *syscall_name(long nr);
/* The number of that name, or -ENOENT. */
long syscall_number(const char *name);
/* The letters of table.h for its arguments, or NULL where husk does not implement it. */
const char *syscall_arguments(long nr);

/* Goes on with the call that left its arguments in current->restart_* (restart_syscall(2)). */
long syscall_restart(void);

#endif
