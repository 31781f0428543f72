/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * FPU state, switched lazily: it stays in the worker that ran the context last, and moves only when
 * another context comes there or this one goes elsewhere.
 *
 * Invariant, under fpu_lock: c->fpu_worker == w exactly if w->fpu_owner == c; then the worker has
 * the truth and c->fpstate is old. Only w's tracer can read or write it: context_unbind() is there
 * for who takes a context to another thread, and a thread that ends does it for all it leaves.
 */
#include "platform/ptrace/ptrace.h"

#include <cpuid.h>
#include <elf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/uio.h>

#include "base/log.h"
#include "platform/xsave.h"

#define XFEATURE_AMX (3UL << 17) /* the host gives its tiles on request only */
#define SW_FEATURES_OFFSET 464 /* where the host says which features it saves */
#define LARGEST (64UL << 10)

static long get_regset(pid_t tid, void *buf, size_t *size)
{
	struct iovec v = {buf, *size};
	long r = trace(PTRACE_GETREGSET, tid, (void *)NT_X86_XSTATE, &v);

	*size = v.iov_len;
	return r;
}

static long set_regset(pid_t tid, const void *buf, size_t size)
{
	struct iovec v = {(void *)buf, size};

	return trace(PTRACE_SETREGSET, tid, (void *)NT_X86_XSTATE, &v);
}

/* The end of the last feature in the standard format. */
static size_t standard_size(uint64_t features)
{
	size_t size = XSAVE_LEGACY + XSAVE_HEADER;

	for (unsigned i = 2; i < 63; i++) {
		unsigned length, offset, c, d;

		if (!(features >> i & 1))
			continue;
		__cpuid_count(0xd, i, length, offset, c, d);
		if (offset + length > size)
			size = offset + length;
	}
	return size;
}

int fpu_probe_host(struct traced *p, pid_t tid, struct error *err)
{
	uint8_t *area = calloc(1, LARGEST);
	long r;

	if (!area)
		return error_set(err, -ENOMEM, "ptrace: out of memory");
	p->regset_size = LARGEST;
	r = get_regset(tid, area, &p->regset_size);
	memcpy(&p->features, area + SW_FEATURES_OFFSET, sizeof(p->features));
	free(area);
	if (r < 0)
		return error_errno(err, r, "ptrace: the host does not show FPU state");
	p->features = (p->features & ~XFEATURE_AMX) | XFEATURE_FP | XFEATURE_SSE;
	p->fpstate_size = standard_size(p->features);
	if (p->fpstate_size > p->regset_size)
		return error_set(err, -ENOTSUP,
				 "ptrace: FPU state of %zu bytes does not fit the host's %zu",
				 p->fpstate_size, p->regset_size);
	return 0;
}

/* ---- moving it; under fpu_lock --------------------------------------------------------------- */

static void read_state(struct worker *w, struct traced_context *c)
{
	size_t size = c->traced->regset_size;
	struct xsave_header *h = (struct xsave_header *)(c->fpstate + XSAVE_LEGACY);
	long r = get_regset(w->tid, c->fpstate, &size);

	if (r < 0) {
		if (!atomic_load(&w->dead))
			log_error("ptrace: reading FPU state: %s", strerror(-r));
		return;
	}
	/* Both are filled in even where they are as at first, and MXCSR must not be left out. */
	h->xstate_bv |= XFEATURE_FP | XFEATURE_SSE;
}

static void detach(struct traced_context *c)
{
	atomic_store(&c->fpu_worker->fpu_owner, NULL);
	c->fpu_worker = NULL;
}

static void take_out(struct worker *w)
{
	struct traced_context *c = atomic_load(&w->fpu_owner);

	if (!c)
		return;
	read_state(w, c);
	detach(c);
}

int fpu_enter(struct traced_context *c, struct worker *w)
{
	struct traced *p = c->traced;
	long r;

	pthread_mutex_lock(&p->fpu_lock);
	take_out(w);
	if (c->fpu_worker)
		take_out(c->fpu_worker);
	r = set_regset(w->tid, c->fpstate, p->regset_size);
	if (r == 0) {
		c->fpu_worker = w;
		atomic_store(&w->fpu_owner, c);
		cpu_charge(w, c);
	}
	pthread_mutex_unlock(&p->fpu_lock);
	return r;
}

void fpu_leave(struct worker *w)
{
	struct traced *p = w->stub->traced;

	pthread_mutex_lock(&p->fpu_lock);
	take_out(w);
	pthread_mutex_unlock(&p->fpu_lock);
}

void fpu_part(struct worker *w)
{
	struct traced *p = w->stub->traced;

	pthread_mutex_lock(&p->fpu_lock);
	take_out(w);
	cpu_charge(w, NULL);
	pthread_mutex_unlock(&p->fpu_lock);
}

void fpu_forget(struct worker *w)
{
	struct traced *p = w->stub->traced;
	struct traced_context *c;

	pthread_mutex_lock(&p->fpu_lock);
	c = atomic_load(&w->fpu_owner);
	if (c)
		detach(c);
	cpu_charge(w, NULL);
	pthread_mutex_unlock(&p->fpu_lock);
}

/* ---- contexts -------------------------------------------------------------------------------- */

int fpu_init(struct traced_context *c)
{
	c->fpstate = calloc(1, c->traced->regset_size);
	if (!c->fpstate)
		return -ENOMEM;
	traced_reset_fpstate(&c->base);
	return 0;
}

void fpu_destroy(struct traced_context *c)
{
	pthread_mutex_lock(&c->traced->fpu_lock);
	if (c->fpu_worker)
		detach(c);
	if (c->cpu_worker)
		cpu_charge(c->cpu_worker, NULL);
	pthread_mutex_unlock(&c->traced->fpu_lock);
	free(c->fpstate);
}

void traced_unbind(struct context *base)
{
	struct traced_context *c = traced_context_of(base);

	pthread_mutex_lock(&c->traced->fpu_lock);
	if (c->fpu_worker)
		take_out(c->fpu_worker);
	pthread_mutex_unlock(&c->traced->fpu_lock);
}

size_t traced_fpstate_size(const struct platform *p)
{
	return container_of(p, struct traced, base)->fpstate_size;
}

uint64_t traced_fpstate_features(const struct platform *p)
{
	return container_of(p, struct traced, base)->features;
}

void traced_get_fpstate(struct context *base, void *buf)
{
	struct traced_context *c = traced_context_of(base);

	pthread_mutex_lock(&c->traced->fpu_lock);
	if (c->fpu_worker)
		read_state(c->fpu_worker, c);
	memcpy(buf, c->fpstate, c->traced->fpstate_size);
	pthread_mutex_unlock(&c->traced->fpu_lock);
	/* The host's note on its own format; it means nothing to the guest. */
	memset((uint8_t *)buf + SW_FEATURES_OFFSET, 0, XSAVE_LEGACY - SW_FEATURES_OFFSET);
}

int traced_set_fpstate(struct context *base, const void *buf)
{
	struct traced_context *c = traced_context_of(base);
	struct traced *p = c->traced;

	if (!xsave_valid(buf, p->features))
		return -EINVAL;
	pthread_mutex_lock(&p->fpu_lock);
	if (c->fpu_worker)
		detach(c);
	memset(c->fpstate, 0, p->regset_size);
	memcpy(c->fpstate, buf, p->fpstate_size);
	pthread_mutex_unlock(&p->fpu_lock);
	return 0;
}

void traced_reset_fpstate(struct context *base)
{
	struct traced_context *c = traced_context_of(base);
	struct traced *p = c->traced;

	pthread_mutex_lock(&p->fpu_lock);
	if (c->fpu_worker)
		detach(c);
	xsave_init(c->fpstate, p->regset_size);
	pthread_mutex_unlock(&p->fpu_lock);
}

void traced_copy_fpstate(struct context *to, struct context *from)
{
	struct traced_context *dst = traced_context_of(to), *src = traced_context_of(from);
	struct traced *p = dst->traced;

	pthread_mutex_lock(&p->fpu_lock);
	if (src->fpu_worker)
		read_state(src->fpu_worker, src);
	if (dst->fpu_worker)
		detach(dst);
	memcpy(dst->fpstate, src->fpstate, p->regset_size);
	pthread_mutex_unlock(&p->fpu_lock);
}
