/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The queues behind futex.c and futex_pi.c; nobody else includes this. */
#ifndef HUSK_KERNEL_FUTEX_QUEUE_H
#define HUSK_KERNEL_FUTEX_QUEUE_H

#include "base/list.h"
#include "base/waitq.h"
#include "mm/mm.h"

/*
 * Waiters hang in buckets by a hash of their key. A bucket's lock is taken outside of mm's locks
 * (words are read and changed under it), two buckets in the order of their addresses.
 */
struct futex_bucket {
	pthread_mutex_t lock;
	struct list waiters; /* oldest first */
};

/* On the sleeper's stack. It leaves only after it has held its bucket's lock once more. */
struct futex_waiter {
	struct list link;
	struct futex_key key;
	struct futex_bucket *_Atomic bucket; /* changes by requeueing, under both locks */
	uint32_t bitset;
	bool woken; /* off the list; guarded by the bucket's lock */
	struct parker parker;
	/* Priority inheritance only: who sleeps, on which word, and who owned it. */
	pid_t pi_tid, pi_owner;
	uint64_t pi_addr;
};

static inline void futex_bucket_lock(struct futex_bucket *b)
{
	pthread_mutex_lock(&b->lock);
	if (!b->waiters.next)
		list_init(&b->waiters); /* the first time */
}

static inline void futex_bucket_unlock(struct futex_bucket *b)
{
	pthread_mutex_unlock(&b->lock);
}

struct futex_bucket *futex_bucket_of(const struct futex_key *key);
/* All buckets, by number from 0 on; NULL behind the last. */
struct futex_bucket *futex_bucket_nr(unsigned i);
bool futex_key_equal(const struct futex_key *a, const struct futex_key *b);
/* Takes w off its queue and makes its sleeper go on. The bucket is locked. */
void futex_wake_waiter(struct futex_waiter *w);
/* Puts w last. The bucket is locked. */
void futex_enqueue(struct futex_bucket *b, struct futex_waiter *w);
/*
 * Sleeps until w is woken, then (or earlier, for another reason) takes it off its queue. 0: woken;
 * -ETIMEDOUT, -EINTR.
 */
int futex_sleep(struct futex_waiter *w, const struct timespec *deadline);

#endif
