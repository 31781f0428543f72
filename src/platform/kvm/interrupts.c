/* SPDX-License-Identifier: GPL-2.0-or-later */
/*T:430 Out, when somebody else wants it
 * Virtual interrupts of a vCPU, and how its owner is got out of the guest for them.
 *
 * A pending bit is a note that says "look": the cause behind it has the truth, and is made visible
 * before the bit is set. The owner clears a bit before he looks at its cause. So a note that comes
 * late, and finds another context on the vCPU, costs that one a look and nothing more; and a cause
 * is acted upon as often as it exists, however many notes were sent for it.
 *
 *   bit        cause                                   what its delivery does
 *   SIGNAL     the context's `interrupt` flag          SWITCH_INTERRUPT; takes the flag
 *   EXIT       the context is older than the           SWITCH_PREEMPTED: back to the gate, which is
 *   PAUSE        platform's generation                   shut …
 *   PREEMPT                                              … or open: the caller may come again
 *   TIMER      the WAITER bit of the state word        SWITCH_PREEMPTED: others get the vCPU
 *   SHOOTDOWN  the address space's generation          none: the way in looks at it each time
 *
 * A bit that is blocked stays pending until it is not. All are, while nothing is known of the
 * program because KVM has an exception to deliver first (EXIT_MUST_RUN): the guest comes out by
 * itself then.
 *
 * Setting a bit bounces the vCPU. The owner clears immediate_exit, sets GUEST in the state word,
 * and then looks at the bits; who bounces sets the bit, then immediate_exit, and then looks at
 * GUEST to send a signal. In every interleaving either the owner sees the bit, or KVM_RUN sees
 * immediate_exit, or the signal finds the owner in KVM_RUN. Whoever finds a bit set already need
 * not bounce: the owner has not looked at the cause since, and the one who set it sees to it.
 */
#include "platform/kvm/kvm.h"

#include <errno.h>
#include <sched.h>

#include "base/hostcall.h"

/* ---- bounces --------------------------------------------------------------------------------- */

/* EAGAIN: the host has too many queued signals for this user just now. */
static void kick(struct vcpu *v)
{
	__atomic_store_n(&v->run->immediate_exit, 1, __ATOMIC_SEQ_CST);
	while (state_in_guest(&v->state)) {
		if (host_signal(atomic_load(&v->tid)) == -EAGAIN)
			continue;
		atomic_fetch_add_explicit(&v->kvm->machine.kicks, 1, memory_order_relaxed);
		return;
	}
}

bool bounce_to_kernel(struct vcpu *v)
{
	if (state_is_ready(&v->state))
		return false;
	kick(v);
	return true;
}

/* ---- set, pending, deliver ------------------------------------------------------------------- */

void virq_set(struct vcpu *v, enum virq n)
{
	uint32_t bit = 1U << n;

	if ((atomic_fetch_or(&v->pending, bit) & bit) || (atomic_load(&v->blocked) & bit))
		return;
	bounce_to_kernel(v);
}

int virq_pending(struct vcpu *v, bool *more)
{
	uint32_t set = atomic_load(&v->pending) & ~atomic_load(&v->blocked);

	*more = set & (set - 1);
	return set ? __builtin_ctz(set) : -1;
}

bool virq_deliver(struct kvm_context *c, struct vcpu *v, enum virq n, struct switch_event *ev)
{
	atomic_fetch_and(&v->pending, ~(1U << n));
	switch (n) {
	case VIRQ_SIGNAL:
		if (!atomic_exchange(&c->base.interrupt, 0))
			return false;
		count(&v->interrupts);
		ev->reason = SWITCH_INTERRUPT;
		return true;
	case VIRQ_EXIT:
	case VIRQ_PAUSE:
	case VIRQ_PREEMPT:
		if (!context_is_stale(&c->base))
			return false;
		break;
	case VIRQ_TIMER:
		if (!state_is_asked(&v->state))
			return false;
		break;
	case VIRQ_SHOOTDOWN:
		return false;
	}
	count(&v->preemptions);
	ev->reason = SWITCH_PREEMPTED;
	return true;
}

bool virq_deliver_all(struct kvm_context *c, struct vcpu *v, struct switch_event *ev)
{
	bool more = true;

	while (more) {
		int n = virq_pending(v, &more);

		if (n < 0)
			return false;
		if (virq_deliver(c, v, n, ev))
			return true;
	}
	return false;
}

void virq_adopt(struct kvm_context *c, struct vcpu *v)
{
	uint32_t bits = 0;

	if (atomic_load(&c->base.interrupt))
		bits |= 1U << VIRQ_SIGNAL;
	if (context_is_stale(&c->base))
		bits |= 1U << VIRQ_PREEMPT;
	if (bits)
		atomic_fetch_or(&v->pending, bits);
}

void virq_disown(struct vcpu *v)
{
	if (atomic_load_explicit(&v->pending, memory_order_relaxed))
		atomic_store(&v->pending, 0);
}

/* ---- who sets them --------------------------------------------------------------------------- */

void kvm_interrupt(struct context *base)
{
	struct vcpu *v = atomic_load(&kvm_context_of(base)->vcpu);

	if (v)
		virq_set(v, VIRQ_SIGNAL);
}

static enum virq reason_for_all(const struct platform *p)
{
	switch (atomic_load(&p->control.state)) {
	case CONTROL_STATE_RUNNING:
		return VIRQ_PREEMPT;
	case CONTROL_STATE_PAUSED:
		return VIRQ_PAUSE;
	default:
		return VIRQ_EXIT;
	}
}

/* Who takes a vCPU from now on sees for himself that he is older than the generation. */
void kvm_preempt_all_cpus(struct platform *p)
{
	struct machine *m = &kvm_of(p)->machine;
	enum virq n = reason_for_all(p);

	for (unsigned i = 0; i < atomic_load(&m->n_vcpus); i++)
		if (!state_is_ready(&m->vcpus[i]->state))
			virq_set(m->vcpus[i], n);
}

/*
 * The owner takes the bit while he is not in the guest, or it waits for him outside. All of it is
 * one more kick at most: with the bit set, immediate_exit cannot be cleared unseen.
 */
void bounce_to_host(struct vcpu *v)
{
	virq_set(v, VIRQ_SHOOTDOWN);
	while ((atomic_load(&v->pending) & 1U << VIRQ_SHOOTDOWN) && state_in_guest(&v->state))
		sched_yield();
}
