/* SPDX-License-Identifier: GPL-2.0-or-later */
/*T:400 A vCPU for a moment
 * The pool of vCPUs.
 *
 * A thread owns a vCPU only while it runs user code, and usually gets the one back that it had: its
 * FPU state is still in there. A vCPU costs the host 430 KB, so they are made on demand and few.
 * Every vCPU that a thread gets is counted once, in the way it was got.
 *
 * Up to Linux 6.12 KVM_RUN waits for an RCU grace period when it is not the thread of the last time
 * that runs the vCPU (virt/kvm/kvm_main.c: vcpu->pid): 11 ms for each new process on an emulated
 * machine with 6.1. Only threads that stay, and their vCPUs with them, would avoid that.
 */
#include "platform/kvm/kvm.h"

#include <errno.h>
#include <linux/futex.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/hostcall.h"
#include "base/log.h"

/* A vCPU that nobody wanted for so long is taken over before another one is made. */
#define IDLE_NS 1000000UL

/* ---- choosing one; all under pool_lock ------------------------------------------------------- */

/* One more vCPU, owned by the caller. NULL: the limit is reached, or *err. */
static struct vcpu *add_vcpu(struct kvm *kvm, int *err)
{
	struct machine *m = &kvm->machine;
	unsigned n = m->n_vcpus;
	struct vcpu *v;
	int r;

	if (n >= m->max_vcpus)
		return NULL;
	r = vcpu_create(kvm, n, &v);
	if (r < 0) {
		/* With some there, the others wait for them. */
		if (n == 0)
			*err = r;
		log_warning("kvm: vCPU %u: %s", n, strerror(-r));
		m->max_vcpus = n;
		return NULL;
	}
	state_take(&v->state);
	m->vcpus[n] = v;
	atomic_store(&m->n_vcpus, n + 1);
	return v;
}

/* The READY vCPU that has been so for longest, if since before `before` ns. */
static struct vcpu *take_idle(struct machine *m, uint64_t before)
{
	for (;;) {
		struct vcpu *best = NULL;

		for (unsigned i = 0; i < m->n_vcpus; i++) {
			struct vcpu *v = m->vcpus[i];

			if (state_is_ready(&v->state) && v->since <= before &&
			    (!best || v->since < best->since))
				best = v;
		}
		if (!best || state_take(&best->state))
			return best;
	}
}

/* A READY vCPU without anybody's state in it. */
static struct vcpu *take_empty(struct machine *m)
{
	for (unsigned i = 0; i < m->n_vcpus; i++) {
		struct vcpu *v = m->vcpus[i];

		if (!atomic_load(&v->fpu_owner) && state_is_ready(&v->state) &&
		    state_take(&v->state))
			return v;
	}
	return NULL;
}

/*
 * In this order: the one with our FPU state, one with nobody's, one that its last user has left
 * alone for a while, a new one, any that is not in use. NULL: all are in use, or *err.
 */
static struct vcpu *choose(struct kvm_context *c, uint64_t now, int *err)
{
	struct kvm *kvm = c->kvm;
	struct machine *m = &kvm->machine;
	struct vcpu *v = c->last;

	if (v && atomic_load(&v->fpu_owner) == c && state_take(&v->state)) {
		count(&v->exact);
		return v;
	}
	if ((v = take_empty(m))) {
		count(&m->ready);
		return v;
	}
	if ((v = take_idle(m, now - IDLE_NS))) {
		count(&m->stolen);
		return v;
	}
	if ((v = add_vcpu(kvm, err))) {
		count(&m->created);
		return v;
	}
	if (!*err && (v = take_idle(m, UINT64_MAX)))
		count(&m->stolen);
	return v;
}

/* ---- waiting for one ------------------------------------------------------------------------- */

/*
 * Gives READY vCPUs to those who wait, in their order; under pool_lock. He who is served goes on
 * without the lock: his waiter is gone with `granted`, his context not before he takes the lock.
 */
static void serve_waiters(struct machine *m)
{
	while (!list_empty(&m->waiters)) {
		struct waiter *w = list_first(&m->waiters, struct waiter, link);
		struct kvm_context *c = w->context;
		struct vcpu *v = take_idle(m, UINT64_MAX);

		if (!v)
			break;
		list_del(&w->link);
		atomic_fetch_sub(&m->n_waiters, 1);
		count(&m->waited);
		atomic_store(&w->granted, v);
		context_wake(&c->base);
	}
}

/*
 * The last who came is the clock of all who wait (clock.c): he is awake when he takes over, and
 * when he is served there is nobody left who needs one. Under pool_lock.
 */
static void enter_queue(struct machine *m, struct waiter *w)
{
	list_add_tail(&m->waiters, &w->link);
	atomic_fetch_add(&m->n_waiters, 1);
	atomic_store(&m->clock, w);
	/* One may have been put before it could be seen that we wait. */
	serve_waiters(m);
}

/* Out of the queue unserved; what was granted meanwhile, if it was. */
static struct vcpu *leave_queue(struct machine *m, struct waiter *w)
{
	struct vcpu *v;

	pthread_mutex_lock(&m->pool_lock);
	v = atomic_load(&w->granted);
	if (!v) {
		list_del(&w->link);
		atomic_fetch_sub(&m->n_waiters, 1);
	}
	if (!v && atomic_load(&m->clock) == w && !list_empty(&m->waiters)) {
		w = list_entry(m->waiters.prev, struct waiter, link);
		atomic_store(&m->clock, w);
		context_wake(&w->context->base);
	}
	pthread_mutex_unlock(&m->pool_lock);
	return v;
}

static uint64_t tick(struct machine *m)
{
	uint64_t next;

	pthread_mutex_lock(&m->pool_lock);
	next = clock_tick(m, clock_now_ns(CLOCK_MONOTONIC));
	pthread_mutex_unlock(&m->pool_lock);
	return next;
}

static void sleep_until(struct kvm_context *c, uint32_t seq, uint64_t deadline)
{
	struct timespec t = timespec_from_ns(deadline);

	syscall(SYS_futex, &c->base.wake_seq, FUTEX_WAIT_BITSET_PRIVATE, seq, deadline ? &t : NULL,
		NULL, FUTEX_BITSET_MATCH_ANY);
}

/* Sleeps until w is served. NULL: its context was interrupted or preempted. */
static struct vcpu *wait_for_vcpu(struct machine *m, struct waiter *w)
{
	struct kvm_context *c = w->context;
	struct vcpu *v;

	atomic_store(&c->base.waiting, 1);
	for (;;) {
		uint32_t seq = atomic_load(&c->base.wake_seq);

		v = atomic_load(&w->granted);
		if (v)
			break;
		if (atomic_load(&c->base.interrupt) || context_is_stale(&c->base)) {
			v = leave_queue(m, w);
			break;
		}
		sleep_until(c, seq, atomic_load(&m->clock) == w ? tick(m) : 0);
	}
	atomic_store(&c->base.waiting, 0);
	return v;
}

/* ---- get and put ----------------------------------------------------------------------------- */

static struct vcpu *get_slowly(struct kvm_context *c, uint64_t now, int *err)
{
	struct machine *m = &c->kvm->machine;
	struct waiter w = {.context = c};
	struct vcpu *v = NULL;

	pthread_mutex_lock(&m->pool_lock);
	/* First come, first served: not past those who wait already. */
	if (!m->n_waiters)
		v = choose(c, now, err);
	if (!v && !*err)
		enter_queue(m, &w);
	pthread_mutex_unlock(&m->pool_lock);
	return v || *err ? v : wait_for_vcpu(m, &w);
}

void pool_forget(struct kvm_context *c)
{
	pthread_mutex_lock(&c->kvm->machine.pool_lock);
	pthread_mutex_unlock(&c->kvm->machine.pool_lock);
}

struct vcpu *vcpu_get(struct kvm_context *c, int *err)
{
	struct machine *m = &c->kvm->machine;
	uint64_t now = clock_now_ns(CLOCK_MONOTONIC);
	struct vcpu *v = c->last;

	if (v && atomic_load(&v->fpu_owner) == c && !atomic_load(&m->n_waiters) &&
	    state_take(&v->state)) {
		if (atomic_load(&v->fpu_owner) == c) {
			clock_start(c, v, now);
			count(&v->exact);
			return v;
		}
		vcpu_put(c, v);
	}
	v = get_slowly(c, now, err);
	if (!v)
		return NULL;
	c->last = v;
	*err = fpu_load(c, v);
	if (*err < 0) {
		vcpu_put(c, v);
		return NULL;
	}
	clock_start(c, v, clock_now_ns(CLOCK_MONOTONIC));
	return v;
}

void vcpu_lose(struct vcpu *v)
{
	virq_disown(v);
	state_lose(&v->state);
}

int vcpu_get_fresh(struct kvm *kvm, struct vcpu **out)
{
	struct machine *m = &kvm->machine;
	int err = 0;

	pthread_mutex_lock(&m->pool_lock);
	*out = add_vcpu(kvm, &err);
	if (*out)
		count(&m->created);
	pthread_mutex_unlock(&m->pool_lock);
	return *out ? 0 : err ? err : -EAGAIN;
}

/*
 * A waiter enters itself in n_waiters before it looks for READY vCPUs, and we make ours READY
 * before we look for waiters: one of the two sees the other.
 */
void vcpu_put(struct kvm_context *c, struct vcpu *v)
{
	struct machine *m = &c->kvm->machine;

	virq_disown(v);
	state_put(&v->state);
	if (!atomic_load(&m->n_waiters))
		return;
	pthread_mutex_lock(&m->pool_lock);
	serve_waiters(m);
	pthread_mutex_unlock(&m->pool_lock);
}
