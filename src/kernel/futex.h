/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * futex(2): queues of waiters by what a word is (mm_futex_key()), not by where it is seen.
 *
 * All functions work on words of the calling task's mm unless they say otherwise. shared: without
 * FUTEX_PRIVATE_FLAG. deadline: CLOCK_MONOTONIC, NULL for none.
 */
#ifndef HUSK_KERNEL_FUTEX_H
#define HUSK_KERNEL_FUTEX_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

struct mm;
struct task;

/*
 * Sleeps while the word has the value val, until woken with a matching bitset. 0; -EAGAIN (another
 * value); -ETIMEDOUT; -EINTR (the caller decides about restarts); -EFAULT, -EINVAL.
 */
long futex_wait(uint64_t addr, bool shared, uint32_t val, uint32_t bitset,
		const struct timespec *deadline);
/* Wakes up to n waiters whose bitset matches. How many, or -EFAULT, -EINVAL. */
long futex_wake(uint64_t addr, bool shared, int n, uint32_t bitset);
/*
 * Wakes up to n waiters and moves up to n2 of the others to addr2. cmp: only if *addr == *cmp, else
 * -EAGAIN. How many were woken or moved.
 */
long futex_requeue(uint64_t addr, bool shared, int n, int n2, uint64_t addr2, const uint32_t *cmp);
/* FUTEX_WAKE_OP: changes *addr2 as op says, wakes n at addr, and n2 at addr2 if the test holds. */
long futex_wake_op(uint64_t addr, bool shared, int n, int n2, uint64_t addr2, uint32_t op);

/* Priority-inheritance futexes (futex_pi.c), first come, first served. -EDEADLK, -EPERM, -ESRCH … */
long futex_lock_pi(uint64_t addr, bool shared, bool try_only, const struct timespec *deadline);
long futex_unlock_pi(uint64_t addr, bool shared);

/*
 * For CLONE_CHILD_CLEARTID: wakes n waiters on a word of mm, which need not be the current one, by
 * its shared key (as pthread_join() waits).
 */
void futex_wake_addr(struct mm *mm, uint64_t addr, int n);

/*
 * The thread t (the caller) ends: marks the robust futexes it owns (set_robust_list(2)) with
 * FUTEX_OWNER_DIED and wakes a waiter each; hands over the PI futexes it owns.
 * Precondition: t->mm is still there.
 */
void futex_exit_robust(struct task *t);

#endif
