/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Getting a running vCPU out of the guest: the reason first, then immediate_exit, then a signal if
 * its thread is near KVM_RUN (vcpu.c has the other half of the protocol). A kick that comes late
 * and finds another thread or another context there costs that one an EINTR and is forgotten.
 */
#include "platform/kvm/kvm.h"

#include <limits.h>
#include <linux/futex.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/hostcall.h"

void vcpu_kick(struct vcpu *v)
{
	__atomic_store_n(&v->run->immediate_exit, 1, __ATOMIC_SEQ_CST);
	if (!(atomic_load(&v->state) & VCPU_GUEST))
		return;
	syscall(SYS_tgkill, getpid(), atomic_load(&v->tid), HOST_KICK_SIGNAL);
	atomic_fetch_add_explicit(&v->platform->machine.kicks, 1, memory_order_relaxed);
}

bool vcpu_preempt(struct vcpu *v)
{
	uint32_t state = atomic_load(&v->state);

	do {
		if (!(state & VCPU_USER) || (state & VCPU_WAITER))
			return false;
	} while (!atomic_compare_exchange_weak(&v->state, &state, state | VCPU_WAITER));
	vcpu_kick(v);
	return true;
}

void context_interrupt(struct context *c)
{
	struct vcpu *v;

	atomic_store(&c->interrupt, 1);
	v = atomic_load(&c->vcpu);
	if (v)
		vcpu_kick(v);
	atomic_fetch_add(&c->wake_seq, 1);
	if (atomic_load(&c->waiting))
		syscall(SYS_futex, &c->wake_seq, FUTEX_WAKE_PRIVATE, INT_MAX, NULL, NULL, 0);
}

int platform_preempt_all_cpus(struct platform *p)
{
	unsigned n = atomic_load(&p->machine.n_vcpus);

	for (unsigned i = 0; i < n; i++)
		vcpu_preempt(p->machine.vcpus[i]);
	return 0;
}
