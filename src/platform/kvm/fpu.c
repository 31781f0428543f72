/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
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

#define XSAVE_LEGACY 512
#define XSAVE_HEADER 64
#define XFEATURE_FP 1UL
#define XFEATURE_SSE 2UL
#define XFEATURE_YMM 4UL
#define FCW_INIT 0x37f
#define MXCSR_INIT 0x1f80
#define MXCSR_OFFSET 24
#define MXCSR_MASK 0xffffU

struct xsave_header {
	uint64_t xstate_bv, xcomp_bv, reserved[6];
};

static uint8_t *area_of(struct context *c)
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

int fpu_probe(struct platform *p, int kvm_fd, struct error *err)
{
	struct machine *m = &p->machine;
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

static void read_state(struct vcpu *v, struct context *c)
{
	struct machine *m = &v->platform->machine;
	int r = kvm_ioctl(v->fd, m->xsave2 ? KVM_GET_XSAVE2 : KVM_GET_XSAVE, c->fpstate);

	if (r < 0)
		log_error("kvm: reading FPU state: %s", strerror(-r));
}

/* Takes c's state out of the vCPU that has it. */
static void detach(struct context *c)
{
	c->fpu_vcpu->fpu_owner = NULL;
	c->fpu_vcpu = NULL;
}

int fpu_load(struct context *c, struct vcpu *v)
{
	struct machine *m = &v->platform->machine;
	struct context *old;
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

const uint8_t *fpu_sync(struct context *c)
{
	struct machine *m = &c->platform->machine;

	pthread_mutex_lock(&m->fpu_lock);
	if (c->fpu_vcpu)
		read_state(c->fpu_vcpu, c);
	pthread_mutex_unlock(&m->fpu_lock);
	return area_of(c);
}

/* ---- contexts -------------------------------------------------------------------------------- */

int fpu_context_init(struct context *c)
{
	c->fpstate = calloc(1, c->platform->machine.xsave_size);
	if (!c->fpstate)
		return -ENOMEM;
	context_reset_fpstate(c);
	return 0;
}

void fpu_context_destroy(struct context *c)
{
	pthread_mutex_lock(&c->platform->machine.fpu_lock);
	if (c->fpu_vcpu)
		detach(c);
	pthread_mutex_unlock(&c->platform->machine.fpu_lock);
	free(c->fpstate);
}

size_t platform_fpstate_size(const struct platform *p)
{
	return p->machine.fpstate_size;
}

uint64_t platform_fpstate_features(const struct platform *p)
{
	return p->machine.xcr0;
}

void context_get_fpstate(struct context *c, void *buf)
{
	memcpy(buf, fpu_sync(c), c->platform->machine.fpstate_size);
}

/* What KVM_SET_XSAVE would refuse: better the guest's -EINVAL now than a surprise later. */
static bool valid_state(const struct machine *m, const uint8_t *area)
{
	struct xsave_header h;
	uint32_t mxcsr;

	memcpy(&h, area + XSAVE_LEGACY, sizeof(h));
	memcpy(&mxcsr, area + MXCSR_OFFSET, sizeof(mxcsr));
	for (unsigned i = 0; i < 6; i++)
		if (h.reserved[i])
			return false;
	return !(h.xstate_bv & ~m->xcr0) && !h.xcomp_bv && !(mxcsr & ~MXCSR_MASK);
}

int context_set_fpstate(struct context *c, const void *buf)
{
	struct machine *m = &c->platform->machine;

	if (!valid_state(m, buf))
		return -EINVAL;
	pthread_mutex_lock(&m->fpu_lock);
	if (c->fpu_vcpu)
		detach(c);
	memset(c->fpstate, 0, m->xsave_size);
	memcpy(c->fpstate, buf, m->fpstate_size);
	pthread_mutex_unlock(&m->fpu_lock);
	return 0;
}

void context_reset_fpstate(struct context *c)
{
	struct machine *m = &c->platform->machine;
	uint8_t *area = area_of(c);
	uint16_t fcw = FCW_INIT;
	uint32_t mxcsr[2] = {MXCSR_INIT, MXCSR_MASK};
	/* Named present, so that MXCSR is taken from the area and not left as it was. */
	struct xsave_header h = {.xstate_bv = XFEATURE_FP | XFEATURE_SSE};

	pthread_mutex_lock(&m->fpu_lock);
	if (c->fpu_vcpu)
		detach(c);
	memset(area, 0, m->xsave_size);
	memcpy(area, &fcw, sizeof(fcw));
	memcpy(area + MXCSR_OFFSET, mxcsr, sizeof(mxcsr));
	memcpy(area + XSAVE_LEGACY, &h, sizeof(h));
	pthread_mutex_unlock(&m->fpu_lock);
}

void context_copy_fpstate(struct context *dst, struct context *src)
{
	struct machine *m = &dst->platform->machine;

	assert(dst->platform == src->platform);
	pthread_mutex_lock(&m->fpu_lock);
	if (src->fpu_vcpu)
		read_state(src->fpu_vcpu, src);
	if (dst->fpu_vcpu)
		detach(dst);
	memcpy(dst->fpstate, src->fpstate, m->xsave_size);
	pthread_mutex_unlock(&m->fpu_lock);
}
