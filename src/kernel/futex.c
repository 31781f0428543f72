/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "kernel/futex.h"

#include <errno.h>
#include <linux/futex.h>

#include "kernel/futex_queue.h"
#include "kernel/task.h"

#define BUCKETS 256

static struct futex_bucket buckets[BUCKETS] = {
    [0 ... BUCKETS - 1] = {.lock = PTHREAD_MUTEX_INITIALIZER},
};

/* ---- queues ------------------------------------------------------------------------------------- */

struct futex_bucket *futex_bucket_nr(unsigned i)
{
	return i < BUCKETS ? &buckets[i] : NULL;
}

struct futex_bucket *futex_bucket_of(const struct futex_key *key)
{
	uint64_t h = key->object ^ (key->inode * 0x9e3779b97f4a7c15) ^ (key->offset >> 2);

	h *= 0x9e3779b97f4a7c15;
	return &buckets[h >> 56];
}

bool futex_key_equal(const struct futex_key *a, const struct futex_key *b)
{
	return a->object == b->object && a->inode == b->inode && a->offset == b->offset;
}

/* Two buckets, which may be the same one. */
static void lock_both(struct futex_bucket *a, struct futex_bucket *b)
{
	if (a > b) {
		futex_bucket_lock(b);
		futex_bucket_lock(a);
	} else {
		futex_bucket_lock(a);
		if (a != b)
			futex_bucket_lock(b);
	}
}

static void unlock_both(struct futex_bucket *a, struct futex_bucket *b)
{
	futex_bucket_unlock(a);
	if (a != b)
		futex_bucket_unlock(b);
}

void futex_wake_waiter(struct futex_waiter *w)
{
	list_del(&w->link);
	w->woken = true;
	unpark(&w->parker);
}

void futex_enqueue(struct futex_bucket *b, struct futex_waiter *w)
{
	atomic_store(&w->bucket, b);
	list_add_tail(&b->waiters, &w->link);
}

/* Locks the bucket w is in, however it moves. */
static struct futex_bucket *lock_bucket_of(struct futex_waiter *w)
{
	for (;;) {
		struct futex_bucket *b = atomic_load(&w->bucket);

		futex_bucket_lock(b);
		if (atomic_load(&w->bucket) == b)
			return b;
		futex_bucket_unlock(b);
	}
}

int futex_sleep(struct futex_waiter *w, const struct timespec *deadline)
{
	struct futex_bucket *b;
	bool woken;
	int r = park(&w->parker, deadline);

	b = lock_bucket_of(w);
	woken = w->woken;
	if (!woken)
		list_del(&w->link);
	futex_bucket_unlock(b);
	return woken ? 0 : r;
}

/* ---- wait and wake ------------------------------------------------------------------------------ */

long futex_wait(uint64_t addr, bool shared, uint32_t val, uint32_t bitset,
		const struct timespec *deadline)
{
	struct futex_waiter w = {.bitset = bitset};
	struct futex_bucket *b;
	uint32_t now;
	int r;

	if (!bitset)
		return -EINVAL;
	r = mm_futex_key(current->mm, addr, shared, &w.key);
	if (r)
		return r;
	list_init(&w.link);
	b = futex_bucket_of(&w.key);
	futex_bucket_lock(b);
	r = mm_load_u32(current->mm, addr, &now);
	if (r == 0 && now != val)
		r = -EAGAIN;
	if (r == 0)
		futex_enqueue(b, &w);
	futex_bucket_unlock(b);
	return r ? r : futex_sleep(&w, deadline);
}

/* Wakes up to n waiters for key in b, which is locked. */
static int wake_in(struct futex_bucket *b, const struct futex_key *key, int n, uint32_t bitset)
{
	struct futex_waiter *w, *tmp;
	int count = 0;

	list_for_each_safe(w, tmp, &b->waiters, link) {
		if (count >= n)
			break;
		if (!futex_key_equal(&w->key, key) || !(w->bitset & bitset))
			continue;
		if (w->pi_tid)
			return -EINVAL; /* a plain wake on a lock */
		futex_wake_waiter(w);
		count++;
	}
	return count;
}

static int wake_key(const struct futex_key *key, int n, uint32_t bitset)
{
	struct futex_bucket *b = futex_bucket_of(key);
	int r;

	futex_bucket_lock(b);
	r = wake_in(b, key, n, bitset);
	futex_bucket_unlock(b);
	return r;
}

long futex_wake(uint64_t addr, bool shared, int n, uint32_t bitset)
{
	struct futex_key key;
	int r;

	if (!bitset)
		return -EINVAL;
	r = mm_futex_key(current->mm, addr, shared, &key);
	/* Linux wakes one even if asked for none. */
	return r ? r : wake_key(&key, n > 0 ? n : 1, bitset);
}

void futex_wake_addr(struct mm *mm, uint64_t addr, int n)
{
	struct futex_key key;

	if (mm_futex_key(mm, addr, true, &key) == 0)
		wake_key(&key, n, FUTEX_BITSET_MATCH_ANY);
}

/* ---- requeue ------------------------------------------------------------------------------------ */

/* Both buckets are locked: wakes n, moves n2 of those behind them. */
static long wake_and_move(struct futex_bucket *b1, const struct futex_key *k1, int n,
			  struct futex_bucket *b2, const struct futex_key *k2, int n2)
{
	long woken = wake_in(b1, k1, n, FUTEX_BITSET_MATCH_ANY), moved = 0;
	struct futex_waiter *w, *tmp;

	if (woken < 0 || futex_key_equal(k1, k2))
		return woken;
	list_for_each_safe(w, tmp, &b1->waiters, link) {
		if (moved >= n2)
			break;
		if (!futex_key_equal(&w->key, k1))
			continue;
		list_del(&w->link);
		w->key = *k2;
		futex_enqueue(b2, w);
		moved++;
	}
	return woken + moved;
}

long futex_requeue(uint64_t addr, bool shared, int n, int n2, uint64_t addr2, const uint32_t *cmp)
{
	struct futex_bucket *b1, *b2;
	struct futex_key k1, k2;
	uint32_t now;
	long r;

	if (n < 0 || n2 < 0)
		return -EINVAL;
	r = mm_futex_key(current->mm, addr, shared, &k1);
	if (r == 0)
		r = mm_futex_key(current->mm, addr2, shared, &k2);
	if (r)
		return r;
	b1 = futex_bucket_of(&k1);
	b2 = futex_bucket_of(&k2);
	lock_both(b1, b2);
	if (cmp) {
		r = mm_load_u32(current->mm, addr, &now);
		if (r == 0 && now != *cmp)
			r = -EAGAIN;
	}
	if (r == 0)
		r = wake_and_move(b1, &k1, n, b2, &k2, n2);
	unlock_both(b1, b2);
	return r;
}

/* ---- FUTEX_WAKE_OP ------------------------------------------------------------------------------ */

static int32_t sign_extend12(uint32_t v)
{
	return (int32_t)(v << 20) >> 20;
}

static bool apply_op(unsigned op, uint32_t old, uint32_t arg, uint32_t *new)
{
	switch (op) {
	case FUTEX_OP_SET:
		*new = arg;
		return true;
	case FUTEX_OP_ADD:
		*new = old + arg;
		return true;
	case FUTEX_OP_OR:
		*new = old | arg;
		return true;
	case FUTEX_OP_ANDN:
		*new = old & ~arg;
		return true;
	case FUTEX_OP_XOR:
		*new = old ^ arg;
		return true;
	default:
		return false;
	}
}

/* 1 or 0: the comparison's result; -ENOSYS. */
static int compare_op(unsigned cmp, int32_t old, int32_t arg)
{
	switch (cmp) {
	case FUTEX_OP_CMP_EQ:
		return old == arg;
	case FUTEX_OP_CMP_NE:
		return old != arg;
	case FUTEX_OP_CMP_LT:
		return old < arg;
	case FUTEX_OP_CMP_GE:
		return old >= arg;
	case FUTEX_OP_CMP_LE:
		return old <= arg;
	case FUTEX_OP_CMP_GT:
		return old > arg;
	default:
		return -ENOSYS;
	}
}

/* Changes the word at addr as encoded in op. The comparison's result, or a negative errno. */
static int change_word(uint64_t addr, uint32_t op)
{
	uint32_t arg = sign_extend12(op >> 12 & 0xfff), old, new, seen;
	int r;

	if (op >> 28 & FUTEX_OP_OPARG_SHIFT)
		arg = 1U << (arg & 31);
	r = mm_load_u32(current->mm, addr, &old);
	while (r == 0) {
		if (!apply_op(op >> 28 & 7, old, arg, &new))
			return -ENOSYS;
		r = mm_cas_u32(current->mm, addr, old, new, &seen);
		if (r == 0 && seen == old)
			return compare_op(op >> 24 & 15, (int32_t)old, sign_extend12(op & 0xfff));
		old = seen;
	}
	return r;
}

long futex_wake_op(uint64_t addr, bool shared, int n, int n2, uint64_t addr2, uint32_t op)
{
	struct futex_bucket *b1, *b2;
	struct futex_key k1, k2;
	long r, more;

	r = mm_futex_key(current->mm, addr, shared, &k1);
	if (r == 0)
		r = mm_futex_key(current->mm, addr2, shared, &k2);
	if (r)
		return r;
	b1 = futex_bucket_of(&k1);
	b2 = futex_bucket_of(&k2);
	lock_both(b1, b2);
	r = change_word(addr2, op);
	if (r >= 0) {
		bool test = r;

		r = wake_in(b1, &k1, n > 0 ? n : 1, FUTEX_BITSET_MATCH_ANY);
		if (r >= 0 && test) {
			more = wake_in(b2, &k2, n2 > 0 ? n2 : 1, FUTEX_BITSET_MATCH_ANY);
			r = more < 0 ? more : r + more;
		}
	}
	unlock_both(b1, b2);
	return r;
}
