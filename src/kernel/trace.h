/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The annotation org.husk.trace: a line in the sandbox's log (base/log.h, level info) for each
 * system call of the guest, when it returns, as strace(1) writes it with -f and -T:
 *
 *	[7:8] openat(AT_FDCWD, "/etc/passwd", 0x80000, 0) = 3 <0.000021>
 *	[7:8] exit_group(0) = ? <0.000003>			does not return
 *	[7:7] --- SIGSEGV, code 1, address 0x10 ---		a signal was delivered
 *	[7:7] +++ killed by SIGSEGV +++				the end of a thread
 *
 * in front the process' and the thread's id as the guest's init sees them, behind the seconds it
 * took. What the guest answers without an exit (its vDSO) is not seen, and SIGKILL only in the ends
 * that it brings. Memory is the guest's, and may change between the look and the call: a trace is
 * for debugging, no audit. Whoever reads the log too slowly slows the guest.
 */
#ifndef HUSK_KERNEL_TRACE_H
#define HUSK_KERNEL_TRACE_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

#include "kernel/syscalls/syscalls.h"

/* Which calls; signals and ends are always told. */
struct trace_calls {
	bool all;		   /* even those that have no name */
	bool named[SYSCALL_LIMIT]; /* else these */
};

/*
 * Traces all tasks from now on; called before there are any. *calls outlives the kernel. The three
 * below are for kernel.trace != NULL only: who calls them looks first.
 */
void trace_start(const struct trace_calls *calls);

/* Makes a call of current through `call`, and tells it; answers what that answers. */
long trace_syscall(long (*call)(long nr, const uint64_t args[6]), long nr, const uint64_t args[6]);
/* A signal has been taken by current, to be handled or to act by default. No lock is held. */
void trace_signal(const siginfo_t *info);
/* current has left its group's signals for good. No lock is held. */
void trace_exit(void);

#endif
