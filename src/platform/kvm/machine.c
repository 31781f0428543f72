/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One virtual machine, and its pool of vCPUs.
 *
 * A thread owns a vCPU only while it runs user code, and usually gets the one back that it had: its
 * FPU state is still in there. A vCPU costs the host 430 KB, so they are made on demand and few.
 */
#include "platform/kvm/kvm.h"

#include <errno.h>
#include <linux/futex.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/hostcall.h"
#include "base/log.h"

#define KVM_QUIRK_FIX_HYPERCALL_INSN (1UL << 5)
/*
 * How long a vCPU may be kept when others wait for one; doubled each time that was too short for a
 * single instruction, as it can be on a host that is very busy or emulated.
 */
#define SLICE_NS 10000000UL
#define MAX_PATIENCE 6
/* A vCPU that nobody wanted for so long is taken over before another one is made. */
#define IDLE_NS 1000000UL

/* ---- the machine ----------------------------------------------------------------------------- */

#define CPUID_LEAVES 256

/* What user code must not believe in, because it is not there for it. */
static void hide_features(struct kvm_cpuid2 *cpuid)
{
	for (unsigned i = 0; i < cpuid->nent; i++) {
		struct kvm_cpuid_entry2 *e = &cpuid->entries[i];

		switch (e->function) {
		case 1:
			e->ecx &= ~(1U << 3 | 1U << 5 | 1U << 17 | 1U << 21 | 1U << 24);
			/* MONITOR, VMX, PCID, x2APIC, TSC deadline */
			break;
		case 0x40000001:
			e->eax = 0; /* KVM's paravirtual features are for kernels */
			break;
		case 0x80000001:
			e->ecx &= ~(1U << 2); /* SVM */
			break;
		}
	}
}

static int read_cpuid(struct machine *m, int kvm_fd, struct error *err)
{
	int r;

	m->cpuid = calloc(1, sizeof(*m->cpuid) + CPUID_LEAVES * sizeof(m->cpuid->entries[0]));
	if (!m->cpuid)
		return error_set(err, -ENOMEM, "kvm: out of memory");
	m->cpuid->nent = CPUID_LEAVES;
	r = kvm_ioctl(kvm_fd, KVM_GET_SUPPORTED_CPUID, m->cpuid);
	if (r < 0)
		return error_errno(err, r, "kvm: KVM_GET_SUPPORTED_CPUID");
	m->phys_bits = 36;
	for (unsigned i = 0; i < m->cpuid->nent; i++)
		if (m->cpuid->entries[i].function == 0x80000008)
			m->phys_bits = m->cpuid->entries[i].eax & 0xff;
	if (m->phys_bits < 36)
		return error_set(err, -ENOTSUP, "kvm: only %u bits of physical address",
				 m->phys_bits);
	hide_features(m->cpuid);
	return 0;
}

static int check_extensions(int kvm_fd, struct error *err)
{
	static const struct {
		unsigned long cap;
		const char *name;
	} needed[] = {
	    {KVM_CAP_USER_MEMORY, "user memory"},
	    {KVM_CAP_SYNC_REGS, "synchronised registers"},
	    {KVM_CAP_IMMEDIATE_EXIT, "immediate exit"},
	    {KVM_CAP_XSAVE, "XSAVE"},
	    {KVM_CAP_VCPU_EVENTS, "vCPU events"},
	    {KVM_CAP_EXT_CPUID, "CPUID"},
	};
	int r = kvm_ioctl(kvm_fd, KVM_GET_API_VERSION, NULL);

	if (r < 0)
		return error_errno(err, r, "/dev/kvm");
	if (r != KVM_API_VERSION)
		return error_set(err, -ENOSYS, "/dev/kvm: API version %d, not %d", r,
				 KVM_API_VERSION);
	for (unsigned i = 0; i < sizeof(needed) / sizeof(*needed); i++)
		if (kvm_ioctl(kvm_fd, KVM_CHECK_EXTENSION, (void *)needed[i].cap) <= 0)
			return error_set(err, -ENOSYS, "/dev/kvm: this host's KVM lacks %s",
					 needed[i].name);
	return 0;
}

/* CPUs that this process may run on: the cgroup's cpuset is what counts. */
static unsigned usable_cpus(void)
{
	unsigned long mask[1024] = {0}; /* more CPUs than any host has */
	unsigned n = 0;

	if (syscall(SYS_sched_getaffinity, 0, sizeof(mask), mask) < 0)
		return 1;
	for (unsigned i = 0; i < sizeof(mask) / sizeof(*mask); i++)
		n += __builtin_popcountl(mask[i]);
	return n ? n : 1;
}

static void set_limits(struct machine *m, const struct platform_config *cfg)
{
	int host = kvm_ioctl(m->vm_fd, KVM_CHECK_EXTENSION, (void *)KVM_CAP_MAX_VCPUS);

	m->max_vcpus = 4 * usable_cpus();
	if (m->max_vcpus < 4)
		m->max_vcpus = 4;
	if (cfg->vcpus_max && m->max_vcpus > cfg->vcpus_max)
		m->max_vcpus = cfg->vcpus_max;
	if (host > 0 && m->max_vcpus > (unsigned)host)
		m->max_vcpus = host;
	if (m->max_vcpus > VCPU_LIMIT)
		m->max_vcpus = VCPU_LIMIT;
}

int machine_init(struct platform *p, const struct platform_config *cfg, struct error *err)
{
	struct machine *m = &p->machine;
	struct kvm_enable_cap cap = {.cap = KVM_CAP_DISABLE_QUIRKS2,
				     .args = {KVM_QUIRK_FIX_HYPERCALL_INSN}};
	int r;

	m->vm_fd = -1;
	list_init(&m->waiters);
	pthread_mutex_init(&m->pool_lock, NULL);
	pthread_mutex_init(&m->fpu_lock, NULL);
	r = check_extensions(cfg->kvm_fd, err);
	if (r < 0)
		return r;
	r = read_cpuid(m, cfg->kvm_fd, err);
	if (r < 0)
		return r;
	m->vm_fd = kvm_ioctl(cfg->kvm_fd, KVM_CREATE_VM, NULL);
	if (m->vm_fd < 0)
		return error_errno(err, m->vm_fd, "kvm: KVM_CREATE_VM");
	r = kvm_ioctl(cfg->kvm_fd, KVM_GET_VCPU_MMAP_SIZE, NULL);
	if (r < (int)sizeof(struct kvm_run))
		return error_set(err, -ENOSYS, "kvm: vCPU area of %d bytes", r);
	m->run_size = r;
	/*
	 * Hosts that are VMX without 'unrestricted guest' want these pages set aside; all others
	 * do not care. And KVM is not to patch a program's VMCALL (older kernels: it may).
	 */
	kvm_ioctl(m->vm_fd, KVM_SET_TSS_ADDR, (void *)0xfffbd000UL);
	kvm_ioctl(m->vm_fd, KVM_ENABLE_CAP, &cap);
	set_limits(m, cfg);
	return fpu_probe(p, cfg->kvm_fd, err);
}

void machine_destroy(struct platform *p)
{
	struct machine *m = &p->machine;

	for (unsigned i = 0; i < m->n_vcpus; i++)
		vcpu_destroy(m->vcpus[i]);
	if (m->vm_fd >= 0)
		close(m->vm_fd);
	free(m->cpuid);
}

/* ---- the pool -------------------------------------------------------------------------------- */

static bool try_own(struct vcpu *v)
{
	uint32_t ready = VCPU_READY;

	return atomic_compare_exchange_strong(&v->state, &ready, VCPU_USER);
}

/* One more vCPU, owned by the caller; under pool_lock. NULL: the limit is reached, or *err. */
static struct vcpu *add_vcpu(struct platform *p, int *err)
{
	struct machine *m = &p->machine;
	unsigned n = m->n_vcpus;
	struct vcpu *v;
	int r;

	if (n >= m->max_vcpus)
		return NULL;
	r = vcpu_create(p, n, &v);
	if (r < 0) {
		/* With some there, the others wait for them. */
		if (n == 0)
			*err = r;
		log_warning("kvm: vCPU %u: %s", n, strerror(-r));
		m->max_vcpus = n;
		return NULL;
	}
	v->state = VCPU_USER;
	m->vcpus[n] = v;
	atomic_store(&m->n_vcpus, n + 1);
	return v;
}

/* The READY vCPU that has been so for longest, if since before `before` ns; under pool_lock. */
static struct vcpu *take_idle(struct machine *m, uint64_t before)
{
	for (;;) {
		struct vcpu *best = NULL;

		for (unsigned i = 0; i < m->n_vcpus; i++) {
			struct vcpu *v = m->vcpus[i];

			if (atomic_load(&v->state) == VCPU_READY && v->since <= before &&
			    (!best || v->since < best->since))
				best = v;
		}
		if (!best || try_own(best))
			return best;
	}
}

/* A READY vCPU without anybody's state in it; under pool_lock. */
static struct vcpu *take_empty(struct machine *m)
{
	for (unsigned i = 0; i < m->n_vcpus; i++) {
		struct vcpu *v = m->vcpus[i];

		if (!atomic_load(&v->fpu_owner) && atomic_load(&v->state) == VCPU_READY &&
		    try_own(v))
			return v;
	}
	return NULL;
}

/*
 * In this order: the one with our FPU state, one with nobody's, one that its last user has left
 * alone for a while, a new one, any that is not in use. NULL: all are in use, or *err.
 */
static struct vcpu *choose(struct context *c, uint64_t now, int *err)
{
	struct platform *p = c->platform;
	struct machine *m = &p->machine;
	struct vcpu *v = c->last;

	if (v && atomic_load(&v->fpu_owner) == c && try_own(v)) {
		m->exact++;
		return v;
	}
	if ((v = take_empty(m))) {
		m->ready++;
		return v;
	}
	if ((v = take_idle(m, now - IDLE_NS))) {
		m->stolen++;
		return v;
	}
	if ((v = add_vcpu(p, err))) {
		m->created++;
		return v;
	}
	if (!*err && (v = take_idle(m, UINT64_MAX)))
		m->stolen++;
	return v;
}

static void wake_context(struct context *c)
{
	atomic_fetch_add(&c->wake_seq, 1);
	syscall(SYS_futex, &c->wake_seq, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

/* Gives READY vCPUs to those who wait, in their order; under pool_lock. */
static void serve_waiters(struct machine *m)
{
	struct waiter *w, *tmp;

	list_for_each_safe(w, tmp, &m->waiters, link) {
		struct vcpu *v = take_idle(m, UINT64_MAX);

		if (!v)
			break;
		list_del(&w->link);
		w->granted = v;
		wake_context(w->context);
	}
}

/*
 * Asks the vCPU that has run user code for longest, if that is more than a slice; under pool_lock.
 * One whose new owner has not come to run it yet is left alone: on a busy host it would be asked
 * before its first instruction, over and over.
 */
static void preempt_longest(struct machine *m, uint64_t now)
{
	struct vcpu *best = NULL;

	for (unsigned i = 0; i < m->n_vcpus; i++) {
		struct vcpu *v = m->vcpus[i];
		uint32_t state = atomic_load(&v->state);

		if ((state & VCPU_GUEST) && !(state & VCPU_WAITER) && v->since + v->slice <= now &&
		    (!best || v->since < best->since))
			best = v;
	}
	if (best)
		vcpu_preempt(best);
}

/*
 * Sleeps until somebody puts a vCPU for us, asking for one each slice. Called with pool_lock held,
 * which is dropped meanwhile. NULL: c was interrupted.
 */
static struct vcpu *wait_for_vcpu(struct context *c)
{
	struct machine *m = &c->platform->machine;
	struct waiter w = {.context = c};

	m->waited++;
	list_add_tail(&m->waiters, &w.link);
	atomic_fetch_add(&m->n_waiters, 1);
	atomic_store(&c->waiting, 1);
	for (;;) {
		struct timespec slice = {.tv_nsec = SLICE_NS};
		uint32_t seq = atomic_load(&c->wake_seq);

		serve_waiters(m);
		if (w.granted || atomic_load(&c->interrupt))
			break;
		pthread_mutex_unlock(&m->pool_lock);
		syscall(SYS_futex, &c->wake_seq, FUTEX_WAIT_PRIVATE, seq, &slice, NULL, 0);
		pthread_mutex_lock(&m->pool_lock);
		if (!w.granted)
			preempt_longest(m, clock_now_ns(CLOCK_MONOTONIC));
	}
	atomic_store(&c->waiting, 0);
	atomic_fetch_sub(&m->n_waiters, 1);
	list_del(&w.link);
	return w.granted;
}

static struct vcpu *get_slowly(struct context *c, uint64_t now, int *err)
{
	struct machine *m = &c->platform->machine;
	struct vcpu *v = NULL;

	pthread_mutex_lock(&m->pool_lock);
	/* First come, first served: not past those who wait already. */
	if (!m->n_waiters)
		v = choose(c, now, err);
	if (!v && !*err)
		v = wait_for_vcpu(c);
	pthread_mutex_unlock(&m->pool_lock);
	return v;
}

static void start_slice(struct context *c, struct vcpu *v, uint64_t now)
{
	unsigned patience = c->patience < MAX_PATIENCE ? c->patience : MAX_PATIENCE;

	atomic_store_explicit(&v->slice, SLICE_NS << patience, memory_order_relaxed);
	atomic_store_explicit(&v->since, now, memory_order_relaxed);
}

struct vcpu *vcpu_get(struct context *c, int *err)
{
	struct machine *m = &c->platform->machine;
	uint64_t now = clock_now_ns(CLOCK_MONOTONIC);
	struct vcpu *v = c->last;

	if (v && atomic_load(&v->fpu_owner) == c && !atomic_load(&m->n_waiters) && try_own(v)) {
		if (atomic_load(&v->fpu_owner) == c) {
			start_slice(c, v, now);
			atomic_fetch_add_explicit(&m->exact, 1, memory_order_relaxed);
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
	start_slice(c, v, clock_now_ns(CLOCK_MONOTONIC));
	return v;
}

/*
 * A waiter enters itself in n_waiters before it looks for READY vCPUs, and we make ours READY
 * before we look for waiters: one of the two sees the other.
 */
void vcpu_put(struct context *c, struct vcpu *v)
{
	struct machine *m = &c->platform->machine;

	atomic_store(&v->state, VCPU_READY);
	if (!atomic_load(&m->n_waiters))
		return;
	pthread_mutex_lock(&m->pool_lock);
	serve_waiters(m);
	pthread_mutex_unlock(&m->pool_lock);
}
