/* SPDX-License-Identifier: GPL-2.0-or-later */
/*T:450 FPU state stays where it is
 * FPU state, switched lazily: it stays in the vCPU that ran the context last, and moves only when
 * another context takes that vCPU or this one gets another vCPU.
 *
 * Invariant, under machine.fpu_lock: c->fpu_vcpu == v exactly if v->fpu_owner == c; then the vCPU
 * has the truth and c->fpstate is old. Nobody enters KVM_RUN with a context whose state was not
 * loaded under the lock first, so a vCPU whose fpu_owner is not its user's context is not in
 * KVM_RUN, and its state may be read by the thread that holds the lock, owner or not.
 */
#include "platform/kvm/kvm.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "platform/xsave.h"


static uint8_t *area_of(struct kvm_context *c)
{
	return (uint8_t *)c->fpstate->region;
}

/* The end of the last enabled feature in the standard format (CPUID leaf 0xD: size and offset). */
static size_t standard_size(const struct kvm_cpuid2 *cpuid, uint64_t features)
{
	size_t size = XSAVE_LEGACY + XSAVE_HEADER;

	for (unsigned i = 0; i < cpuid->nent; i++) {
		const struct kvm_cpuid_entry2 *e = &cpuid->entries[i];

		if (e->function == 0xd && e->index >= 2 && e->index < 63 &&
		    (features >> e->index & 1) && e->eax + e->ebx > size)
			size = e->eax + e->ebx;
	}
	return size;
}

int fpu_probe(struct kvm *kvm, int kvm_fd, struct error *err)
{
	struct machine *m = &kvm->machine;
	int size = kvm_ioctl(m->vm_fd, KVM_CHECK_EXTENSION, (void *)KVM_CAP_XSAVE2);

	m->xsave2 = size > 0;
	m->xsave_size = m->xsave2 ? (size_t)size : sizeof(struct kvm_xsave);
	if (m->xsave_size < sizeof(struct kvm_xsave))
		m->xsave_size = sizeof(struct kvm_xsave);
	m->xcr0 = XFEATURE_FP | XFEATURE_SSE;
	for (unsigned i = 0; i < m->cpuid->nent; i++) {
		struct kvm_cpuid_entry2 *e = &m->cpuid->entries[i];

		if (e->function == 0xd && e->index == 0)
			m->xcr0 |= e->eax | (uint64_t)e->edx << 32;
	}
	m->fpstate_size = standard_size(m->cpuid, m->xcr0);
	if (m->fpstate_size > m->xsave_size)
		return error_set(err, -ENOTSUP,
				 "kvm: FPU state of %zu bytes does not fit KVM's area of %zu",
				 m->fpstate_size, m->xsave_size);
	return 0;
}

/* ---- moving it; all under fpu_lock ----------------------------------------------------------- */

/* A machine that does not give its state back is broken: nobody goes on with an old one. */
static void read_state(struct vcpu *v, struct kvm_context *c)
{
	struct machine *m = &v->kvm->machine;
	int r = kvm_ioctl(v->fd, m->xsave2 ? KVM_GET_XSAVE2 : KVM_GET_XSAVE, c->fpstate);

	if (r >= 0)
		return;
	log_error("kvm: vCPU %u: reading FPU state: %s", v->id, strerror(-r));
	atomic_store(&v->kvm->broken, true);
}

/* Takes c's state out of the vCPU that has it. */
static void detach(struct kvm_context *c)
{
	c->fpu_vcpu->fpu_owner = NULL;
	c->fpu_vcpu = NULL;
}

int fpu_load(struct kvm_context *c, struct vcpu *v)
{
	struct machine *m = &v->kvm->machine;
	struct kvm_context *old;
	int r;

	pthread_mutex_lock(&m->fpu_lock);
	old = v->fpu_owner;
	if (old == c) {
		pthread_mutex_unlock(&m->fpu_lock);
		return 0;
	}
	if (old) {
		read_state(v, old);
		detach(old);
	}
	if (c->fpu_vcpu) {
		read_state(c->fpu_vcpu, c);
		detach(c);
	}
	r = kvm_ioctl(v->fd, KVM_SET_XSAVE, c->fpstate);
	if (r == 0) {
		v->fpu_owner = c;
		c->fpu_vcpu = v;
	}
	pthread_mutex_unlock(&m->fpu_lock);
	return r;
}

void fpu_adopt(struct kvm_context *c, struct vcpu *v)
{
	struct machine *m = &v->kvm->machine;

	pthread_mutex_lock(&m->fpu_lock);
	assert(!v->fpu_owner && !c->fpu_vcpu);
	v->fpu_owner = c;
	c->fpu_vcpu = v;
	pthread_mutex_unlock(&m->fpu_lock);
	c->last = v;
}

const uint8_t *fpu_sync(struct kvm_context *c)
{
	struct machine *m = &c->kvm->machine;

	pthread_mutex_lock(&m->fpu_lock);
	if (c->fpu_vcpu)
		read_state(c->fpu_vcpu, c);
	pthread_mutex_unlock(&m->fpu_lock);
	return area_of(c);
}

/* ---- contexts -------------------------------------------------------------------------------- */

int fpu_context_init(struct kvm_context *c)
{
	c->fpstate = calloc(1, c->kvm->machine.xsave_size);
	if (!c->fpstate)
		return -ENOMEM;
	kvm_reset_fpstate(&c->base);
	return 0;
}

void fpu_context_destroy(struct kvm_context *c)
{
	pthread_mutex_lock(&c->kvm->machine.fpu_lock);
	if (c->fpu_vcpu)
		detach(c);
	pthread_mutex_unlock(&c->kvm->machine.fpu_lock);
	free(c->fpstate);
}

size_t kvm_fpstate_size(const struct platform *p)
{
	return ((const struct kvm *)p)->machine.fpstate_size;
}

uint64_t kvm_fpstate_features(const struct platform *p)
{
	return ((const struct kvm *)p)->machine.xcr0;
}

void kvm_get_fpstate(struct context *base, void *buf)
{
	struct kvm_context *c = kvm_context_of(base);
	struct machine *m = &c->kvm->machine;

	/* All of it under the lock: who takes the vCPU now writes the same area. */
	pthread_mutex_lock(&m->fpu_lock);
	if (c->fpu_vcpu)
		read_state(c->fpu_vcpu, c);
	memcpy(buf, area_of(c), m->fpstate_size);
	pthread_mutex_unlock(&m->fpu_lock);
}

int kvm_set_fpstate(struct context *base, const void *buf)
{
	struct kvm_context *c = kvm_context_of(base);
	struct machine *m = &c->kvm->machine;

	if (!xsave_valid(buf, m->xcr0))
		return -EINVAL;
	pthread_mutex_lock(&m->fpu_lock);
	if (c->fpu_vcpu)
		detach(c);
	memset(c->fpstate, 0, m->xsave_size);
	memcpy(c->fpstate, buf, m->fpstate_size);
	pthread_mutex_unlock(&m->fpu_lock);
	return 0;
}

void kvm_reset_fpstate(struct context *base)
{
	struct kvm_context *c = kvm_context_of(base);
	struct machine *m = &c->kvm->machine;

	pthread_mutex_lock(&m->fpu_lock);
	if (c->fpu_vcpu)
		detach(c);
	xsave_init(area_of(c), m->xsave_size);
	pthread_mutex_unlock(&m->fpu_lock);
}

void kvm_copy_fpstate(struct context *to, struct context *from)
{
	struct kvm_context *dst = kvm_context_of(to), *src = kvm_context_of(from);
	struct machine *m = &dst->kvm->machine;

	pthread_mutex_lock(&m->fpu_lock);
	if (src->fpu_vcpu)
		read_state(src->fpu_vcpu, src);
	if (dst->fpu_vcpu)
		detach(dst);
	memcpy(dst->fpstate, src->fpstate, m->xsave_size);
	pthread_mutex_unlock(&m->fpu_lock);
}
