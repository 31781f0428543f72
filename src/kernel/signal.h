/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Signals (signal(7)): queues, actions, delivery.
 */
#ifndef HUSK_KERNEL_SIGNAL_H
#define HUSK_KERNEL_SIGNAL_H

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/list.h"

#define NSIG_GUEST 64
/* The first signal that queues; glibc keeps two of them to itself, so its SIGRTMIN differs. */
#define SIGRTMIN_KERNEL 32

struct task;
struct thread_group;

/* Linux' kernel sigset: one word; bit (sig - 1). */
typedef uint64_t ksigset_t;
#define SIGMASK(sig) (1ULL << ((sig) - 1))

struct sigpending {
	struct list queue; /* struct sigqueue, oldest first */
	ksigset_t set;
};

/* struct kernel_sigaction of the x86-64 ABI. */
struct ksigaction {
	uint64_t handler; /* SIG_DFL 0, SIG_IGN 1, or an address */
	uint64_t flags;	  /* SA_* and SA_RESTORER */
	uint64_t restorer;
	ksigset_t mask;
};

struct sighand {
	atomic_uint refs;
	pthread_mutex_t lock; /* guards action[]; inside thread_group.lock */
	struct ksigaction action[NSIG_GUEST + 1];
};

/*
 * Sends info->si_signo. To one task, or to a thread group (any task that does not block it). Signal 0
 * checks only. 0; -EAGAIN when the queue limit is reached for a real-time signal.
 * Permission is the caller's business (signal_may_send()).
 */
int signal_send_task(struct task *t, const siginfo_t *info);
int signal_send_group(struct thread_group *g, const siginfo_t *info);
/* The same with SI_KERNEL. */
void signal_kernel_group(struct thread_group *g, int sig);
/* Every group of the process group; caller need not hold tasklist. */
int signal_send_pgrp(pid_t pgid, const siginfo_t *info);
bool signal_may_send(struct task *to, int sig);

/*
 * The signal of POSIX timer `id` that is still queued at the group (or at t) gets this overrun count
 * (timer_getoverrun(2)).
 */
void signal_set_overrun(struct thread_group *g, struct task *t, int id, int overrun);

/* A synchronous fault of current: cannot be blocked or ignored (force_sig_fault). */
void signal_force(const siginfo_t *info);

/* A signal from outside the container (engine, `husk kill`): init's rules of pid_namespaces(7). */
void signal_from_outside(int sig, const siginfo_t *info);

/*
 * Before going back to the guest: stops, dies, or sets up handler frames in current->regs. nr is the
 * system call being left (-1: none), whose -ERESTART* result in regs.rax is decided here.
 */
void signal_deliver(long nr);

/* Is there a signal current must handle (unblocked, not ignored), or must it die or stop? */
bool signal_pending(void);
/* Is sig ignored by t's group (explicitly, or by default with SIG_DFL)? Takes sighand.lock. */
bool signal_is_ignored(struct task *t, int sig);

/* host_thread.interrupted for tasks. */
bool signal_interrupted(void *task);

/* Replaces current's mask; SIGKILL and SIGSTOP are left out. */
void signal_set_mask(ksigset_t mask);
/*
 * For p-calls (ppoll, epoll_pwait, sigsuspend …): installs a temporary mask that is undone when the
 * call ends, or after the handler if one runs. Pair with signal_restore_mask().
 */
void signal_temporary_mask(ksigset_t mask);
void signal_restore_mask(bool interrupted);

/*
 * Takes the first signal out of current's queues that is in `wanted`, and fills *info. Its number,
 * or 0. For rt_sigtimedwait and signalfd.
 */
int signal_dequeue(ksigset_t wanted, siginfo_t *info);

struct sighand *sighand_new(void);
struct sighand *sighand_copy(struct sighand *s);
void sighand_put(struct sighand *s);
void sigpending_init(struct sigpending *p);
void sigpending_flush(struct sigpending *p);

#endif
