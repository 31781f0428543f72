/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Locks whose word holds the owner's tid: FUTEX_LOCK_PI and friends, and the robust list.
 *
 * There are no priorities to inherit here: a lock is handed to the one who waits longest, by writing
 * its tid into the word before it wakes up. That keeps the protocol of futex(2): user space takes
 * a free lock (0 → tid) and leaves an uncontended one (tid → 0) without a call, and FUTEX_WAITERS
 * makes it call.
 */
#include <errno.h>
#include <linux/futex.h>
#include <stdatomic.h>

#include "kernel/futex.h"
#include "kernel/futex_queue.h"
#include "kernel/task.h"

/* Waiters of PI futexes that exist: an exiting thread looks for its own only if there are any. */
static atomic_uint pi_waiters;

static bool task_exists(pid_t tid)
{
	struct task *t = task_find(tid);

	if (t)
		task_put(t);
	return t;
}

/*
 * One try under the bucket's lock: takes the lock if it is free, else announces that somebody waits.
 * 0: ours. 1: *owner has it, go to sleep. Or a negative errno.
 */
static int try_lock(uint64_t addr, bool try_only, pid_t *owner)
{
	uint32_t word, seen, new;
	int r = mm_load_u32(current->mm, addr, &word);

	for (; r == 0; word = seen) {
		*owner = word & FUTEX_TID_MASK;
		if (*owner == current->tid)
			return -EDEADLK;
		if (*owner == 0)
			new = (word & (FUTEX_OWNER_DIED | FUTEX_WAITERS)) | current->tid;
		else if (try_only)
			return -EAGAIN;
		else if (!task_exists(*owner))
			return -ESRCH;
		else
			new = word | FUTEX_WAITERS;
		r = mm_cas_u32(current->mm, addr, word, new, &seen);
		if (r == 0 && seen == word)
			return *owner ? 1 : 0;
	}
	return r;
}

long futex_lock_pi(uint64_t addr, bool shared, bool try_only, const struct timespec *deadline)
{
	struct futex_waiter w = {.bitset = FUTEX_BITSET_MATCH_ANY, .pi_addr = addr};
	struct futex_bucket *b;
	int r = mm_futex_key(current->mm, addr, shared, &w.key);

	if (r)
		return r;
	list_init(&w.link);
	w.pi_tid = current->tid;
	b = futex_bucket_of(&w.key);
	futex_bucket_lock(b);
	r = try_lock(addr, try_only, &w.pi_owner);
	if (r == 1) {
		atomic_fetch_add(&pi_waiters, 1);
		futex_enqueue(b, &w);
	}
	futex_bucket_unlock(b);
	if (r != 1)
		return r;
	r = futex_sleep(&w, deadline);
	atomic_fetch_sub(&pi_waiters, 1);
	return r == -EINTR ? -ERESTARTNOINTR : r;
}

static struct futex_waiter *first_waiter(struct futex_bucket *b, const struct futex_key *key,
					 const struct futex_waiter *but)
{
	struct futex_waiter *w;

	list_for_each(w, &b->waiters, link)
		if (w != but && w->pi_tid && futex_key_equal(&w->key, key))
			return w;
	return NULL;
}

/* Gives the lock to w, or frees it (NULL). The bucket is locked; flags go into the word. */
static int hand_over(struct mm *mm, uint64_t addr, struct futex_bucket *b, struct futex_waiter *w,
		     pid_t owner, uint32_t flags)
{
	uint32_t word, seen, new = flags;
	struct futex_waiter *other;
	int r;

	if (w)
		new |= w->pi_tid | (first_waiter(b, &w->key, w) ? FUTEX_WAITERS : 0);
	r = mm_load_u32(mm, addr, &word);
	for (; r == 0; word = seen) {
		if ((pid_t)(word & FUTEX_TID_MASK) != owner)
			return -EPERM;
		r = mm_cas_u32(mm, addr, word, new, &seen);
		if (r == 0 && seen == word)
			break;
	}
	if (r == 0 && w) {
		list_for_each(other, &b->waiters, link)
			if (other->pi_tid && futex_key_equal(&other->key, &w->key))
				other->pi_owner = w->pi_tid;
		futex_wake_waiter(w);
	}
	return r;
}

long futex_unlock_pi(uint64_t addr, bool shared)
{
	struct futex_bucket *b;
	struct futex_key key;
	int r = mm_futex_key(current->mm, addr, shared, &key);

	if (r)
		return r;
	b = futex_bucket_of(&key);
	futex_bucket_lock(b);
	r = hand_over(current->mm, addr, b, first_waiter(b, &key, NULL), current->tid, 0);
	futex_bucket_unlock(b);
	return r;
}

/* ---- a thread ends ------------------------------------------------------------------------------ */

#define ROBUST_LIST_LIMIT 2048

/* One entry of the robust list: the dead thread's lock is marked, and a waiter told. */
static void owner_died(struct task *t, uint64_t addr, bool pi, bool pending)
{
	uint32_t word, seen;

	if (mm_load_u32(t->mm, addr, &word) != 0)
		return;
	/* Died between giving it free in the word and the wake-up call. */
	if (pending && !pi && !word) {
		futex_wake_addr(t->mm, addr, 1);
		return;
	}
	while ((pid_t)(word & FUTEX_TID_MASK) == t->tid) {
		uint32_t new = (word & FUTEX_WAITERS) | FUTEX_OWNER_DIED;

		/* PI locks with waiters are handed over below, by the tid that is still there. */
		if (pi && (word & FUTEX_WAITERS))
			return;
		if (mm_cas_u32(t->mm, addr, word, new, &seen) != 0)
			return;
		if (seen == word) {
			if (!pi && (word & FUTEX_WAITERS))
				futex_wake_addr(t->mm, addr, 1);
			return;
		}
		word = seen;
	}
}

static void walk_robust_list(struct task *t)
{
	uint64_t head = t->robust_list, words[3], entry, next; /* next, offset of the word, pending */

	if (!head || mm_copy_in(t->mm, words, head, sizeof(words)) != 0)
		return;
	entry = words[0];
	for (int n = 0; n < ROBUST_LIST_LIMIT && (entry & ~1UL) != head; n++) {
		int r = mm_copy_in(t->mm, &next, entry & ~1UL, sizeof(next));

		/* The pending one may be in the list or not: it is done once, at the end. */
		if ((entry & ~1UL) != (words[2] & ~1UL))
			owner_died(t, (entry & ~1UL) + words[1], entry & 1, false);
		if (r != 0)
			return;
		entry = next;
	}
	if (words[2] & ~1UL)
		owner_died(t, (words[2] & ~1UL) + words[1], words[2] & 1, true);
}

/* Hands over a PI lock of t's that somebody in bucket b waits for. False: there is none. */
static bool hand_over_one(struct task *t, struct futex_bucket *b)
{
	struct futex_waiter *w, *other;

	list_for_each(w, &b->waiters, link) {
		if (!w->pi_tid || w->pi_owner != t->tid)
			continue;
		if (hand_over(t->mm, w->pi_addr, b, w, t->tid, FUTEX_OWNER_DIED) == 0)
			return true;
		/* Not at that address in this mm, or no longer ours: nothing to hand over. */
		list_for_each(other, &b->waiters, link)
			if (other->pi_tid && futex_key_equal(&other->key, &w->key))
				other->pi_owner = 0;
		return true;
	}
	return false;
}

void futex_exit_robust(struct task *t)
{
	struct futex_bucket *b;

	walk_robust_list(t);
	t->robust_list = 0;
	for (unsigned i = 0; atomic_load(&pi_waiters) && (b = futex_bucket_nr(i)); i++) {
		futex_bucket_lock(b);
		while (hand_over_one(t, b))
			;
		futex_bucket_unlock(b);
	}
}
