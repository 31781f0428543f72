/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Signal actions and alternate stacks of current: sigaction(2), sigaltstack(2). */
#ifndef HUSK_KERNEL_ACTION_H
#define HUSK_KERNEL_ACTION_H

#include "kernel/signal.h"

/* linux/signal.h: disarm the alternate stack while a handler runs on it. */
#define SS_AUTODISARM_KERNEL (1U << 31)
#define MINSIGSTKSZ_KERNEL 2048
#define SA_RESTORER_KERNEL 0x04000000

/* Reads and replaces an action; new or old may be NULL. -EINVAL: SIGKILL, SIGSTOP, no such signal. */
int action_set(int sig, const struct ksigaction *new, struct ksigaction *old);
/* execve(2): handlers are gone, what is ignored stays so. */
void action_reset_for_exec(struct sighand *s);

/* Is stack pointer sp on the alternate stack? */
bool altstack_contains(uint64_t sp);
/* SS_DISABLE, SS_ONSTACK or 0, as sigaltstack(2) reports. */
int altstack_flags(uint64_t sp);
/* -EPERM: in use; -EINVAL; -ENOMEM: smaller than minimum. */
int altstack_set(const stack_t *new, uint64_t sp, size_t minimum);
void altstack_get(stack_t *out, uint64_t sp);

#endif
