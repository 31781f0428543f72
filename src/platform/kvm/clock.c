/* SPDX-License-Identifier: GPL-2.0-or-later */
/*T:440 When many want few vCPUs
 * The clock event of a vCPU: one shot, a slice after its owner got it; then the vCPU gets a TIMER,
 * and its owner gives it up. It counts only when somebody else wants the vCPU. So there is no timer
 * of the host behind it, to be set and cancelled at each switch: one of those who wait sleeps until
 * the next event is due, and is the clock.
 */
#include "platform/kvm/kvm.h"

/*
 * How long a vCPU may be kept when others wait for one; doubled for a context for which that was
 * too short for a single instruction, as it can be on a host that is very busy or emulated.
 */
#define SLICE_NS 10000000UL
#define MAX_PATIENCE 6
#define CALM_SLICES 16 /* halved again after so many in a row that were not */
/* When to look again at a vCPU that is due but whose owner is not in the guest. */
#define AGAIN_NS 1000000UL

void clock_start(struct kvm_context *c, struct vcpu *v, uint64_t now)
{
	atomic_store_explicit(&v->since, now, memory_order_relaxed);
	atomic_store_explicit(&v->deadline, now + (SLICE_NS << c->patience), memory_order_relaxed);
}

void clock_judge(struct kvm_context *c, bool progressed)
{
	if (!progressed) {
		c->patience += c->patience < MAX_PATIENCE;
		c->calm = 0;
	} else if (c->patience && ++c->calm == CALM_SLICES) {
		c->patience--;
		c->calm = 0;
	}
}

static bool fire(struct vcpu *v)
{
	if (!state_ask(&v->state))
		return false;
	virq_set(v, VIRQ_TIMER);
	return true;
}

/* The one in the guest that was due first. */
static struct vcpu *first_due(struct machine *m, uint64_t now)
{
	struct vcpu *best = NULL;

	for (unsigned i = 0; i < m->n_vcpus; i++) {
		struct vcpu *v = m->vcpus[i];

		/*
		 * One whose new owner has not come to run it yet is left alone: on a busy host it
		 * would be asked before its first instruction, over and over.
		 */
		if (!state_in_guest(&v->state) || state_is_asked(&v->state) || v->deadline > now)
			continue;
		if (!best || v->deadline < best->deadline)
			best = v;
	}
	return best;
}

/* When the next event is due of those that have not come yet. */
static uint64_t next_due(struct machine *m, uint64_t now)
{
	uint64_t next = now + SLICE_NS;

	for (unsigned i = 0; i < m->n_vcpus; i++) {
		struct vcpu *v = m->vcpus[i];
		uint64_t due = v->deadline > now ? v->deadline : now + AGAIN_NS;

		if (!state_is_asked(&v->state) && !state_is_lost(&v->state) && due < next)
			next = due;
	}
	return next;
}

uint64_t clock_tick(struct machine *m, uint64_t now)
{
	unsigned asked = 0;
	struct vcpu *v;

	for (unsigned i = 0; i < m->n_vcpus; i++)
		asked += state_is_asked(&m->vcpus[i]->state);
	while (asked < atomic_load(&m->n_waiters) && (v = first_due(m, now)))
		asked += fire(v);
	return next_due(m, now);
}
