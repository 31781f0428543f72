/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Filters on the guest's own system calls (seccomp(2)): config.json's profile and what programs
 * install themselves. husk runs the BPF; the host's filter over the sandbox is another matter
 * (sandbox/syscall_filter.c).
 */
#ifndef HUSK_KERNEL_SECCOMP_H
#define HUSK_KERNEL_SECCOMP_H

#include <linux/filter.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct task;
/* A chain of filters, newest first; immutable and counted. NULL: none. */
struct seccomp_filter;

struct seccomp_filter *seccomp_get(struct seccomp_filter *f);
void seccomp_put(struct seccomp_filter *f);

/*
 * Checks n instructions as Linux does (kernel/seccomp.c seccomp_check_filter) and puts them in front of
 * prev, of which it takes a reference. -EINVAL for a program that could go astray, -ENOMEM when
 * the chain is longer than 32768 instructions.
 */
int seccomp_new(struct seccomp_filter *prev, const struct sock_filter *insns, size_t n,
		struct seccomp_filter **out);

/*
 * What the filters say to the system call in current->regs. true: go on. false: it is not to be
 * executed and *result is what it answers (a signal may be on its way).
 */
bool seccomp_allows(long nr, const uint64_t args[6], long *result);

/* The mode for /proc/PID/status: 0 none, 1 strict, 2 filters. */
int seccomp_mode(const struct task *t);

/* prctl(PR_SET_SECCOMP, mode, filter): the older form of seccomp(2). */
long prctl_set_seccomp(uint64_t mode, uint64_t filter);

/* Is `old` (NULL: the empty chain) part of the chain f? */
bool seccomp_is_ancestor(const struct seccomp_filter *old, const struct seccomp_filter *f);

#endif
