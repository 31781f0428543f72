/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A vCPU's state word, and everything that may happen to it.
 *
 *   READY    nobody's
 *   USER     some thread owns it: only that one may touch its registers and its run page
 *   GUEST    (with USER) its owner is at, in or just behind KVM_RUN
 *   WAITER   (with USER) others want it: its owner is to give it up
 *   LOST     nobody's, and never anybody's again: what is in it is not known
 *
 *   what     by whom        from                            to
 *   take     whoever wins   READY                           USER
 *   ask      anybody        USER, USER|GUEST                the same with WAITER
 *   enter    the owner      USER, USER|WAITER               the same with GUEST
 *   leave    the owner      USER|GUEST, USER|GUEST|WAITER   the same without GUEST
 *   put      the owner      USER, USER|WAITER               READY
 *   lose     the owner      USER, USER|WAITER               LOST
 *
 * There is no other way from one to another. All of it is sequentially consistent, for each change
 * is one half of a protocol: who makes it looks at something else next (interrupts.c, pool.c).
 */
#ifndef HUSK_PLATFORM_KVM_STATEWORD_H
#define HUSK_PLATFORM_KVM_STATEWORD_H

#include <assert.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum { VCPU_READY = 0, VCPU_USER = 1, VCPU_GUEST = 2, VCPU_WAITER = 4, VCPU_LOST = 8 };

typedef _Atomic uint32_t state_word;

static inline bool state_is_ready(const state_word *w)
{
	return atomic_load(w) == VCPU_READY;
}

static inline bool state_in_guest(const state_word *w)
{
	return atomic_load(w) & VCPU_GUEST;
}

static inline bool state_is_asked(const state_word *w)
{
	return atomic_load(w) & VCPU_WAITER;
}

static inline bool state_is_lost(const state_word *w)
{
	return atomic_load(w) == VCPU_LOST;
}

/* False: it is somebody else's. */
static inline bool state_take(state_word *w)
{
	uint32_t ready = VCPU_READY;

	return atomic_compare_exchange_strong(w, &ready, VCPU_USER);
}

/* False: it is nobody's, or it was asked for already. */
static inline bool state_ask(state_word *w)
{
	uint32_t old = atomic_load(w);

	do {
		if (!(old & VCPU_USER) || (old & VCPU_WAITER))
			return false;
	} while (!atomic_compare_exchange_weak(w, &old, old | VCPU_WAITER));
	return true;
}

static inline void state_enter(state_word *w)
{
	uint32_t old = atomic_fetch_or(w, VCPU_GUEST);

	assert((old & ~VCPU_WAITER) == VCPU_USER);
	(void)old;
}

static inline void state_leave(state_word *w)
{
	uint32_t old = atomic_fetch_and(w, ~VCPU_GUEST);

	assert((old & ~VCPU_WAITER) == (VCPU_USER | VCPU_GUEST));
	(void)old;
}

static inline void state_put(state_word *w)
{
	uint32_t old = atomic_exchange(w, VCPU_READY);

	assert((old & ~VCPU_WAITER) == VCPU_USER);
	(void)old;
}

static inline void state_lose(state_word *w)
{
	uint32_t old = atomic_exchange(w, VCPU_LOST);

	assert((old & ~VCPU_WAITER) == VCPU_USER);
	(void)old;
}

#endif
