/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One virtual machine: what the host's KVM must be able to do, and what its processor shows. */
#include "platform/kvm/kvm.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define KVM_QUIRK_FIX_HYPERCALL_INSN (1UL << 5)

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

/* The MSRs that make up a vCPU's state, as KVM names them. */
static int read_msr_list(struct machine *m, int kvm_fd, struct error *err)
{
	struct kvm_msr_list probe = {.nmsrs = 0};
	int r = kvm_ioctl(kvm_fd, KVM_GET_MSR_INDEX_LIST, &probe);

	if (r < 0 && r != -E2BIG)
		return error_errno(err, r, "kvm: KVM_GET_MSR_INDEX_LIST");
	m->msr_list = calloc(1, sizeof(probe) + probe.nmsrs * sizeof(probe.indices[0]));
	if (!m->msr_list)
		return error_set(err, -ENOMEM, "kvm: out of memory");
	m->msr_list->nmsrs = probe.nmsrs;
	r = kvm_ioctl(kvm_fd, KVM_GET_MSR_INDEX_LIST, m->msr_list);
	return r < 0 ? error_errno(err, r, "kvm: KVM_GET_MSR_INDEX_LIST") : 0;
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

int machine_init(struct kvm *kvm, const struct platform_config *cfg, struct error *err)
{
	struct machine *m = &kvm->machine;
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
	if (r == 0)
		r = read_msr_list(m, cfg->kvm_fd, err);
	if (r < 0)
		return r;
	/* It takes locks that a stop of this process (by a tracer, by the freezer) interrupts. */
	do {
		m->vm_fd = kvm_ioctl(cfg->kvm_fd, KVM_CREATE_VM, NULL);
	} while (m->vm_fd == -EINTR);
	if (m->vm_fd < 0)
		return error_errno(err, m->vm_fd, "kvm: KVM_CREATE_VM");
	r = kvm_ioctl(cfg->kvm_fd, KVM_GET_VCPU_MMAP_SIZE, NULL);
	if (r < (int)sizeof(struct kvm_run))
		return r < 0 ? error_errno(err, r, "kvm: size of a vCPU's area")
			     : error_set(err, -ENOSYS, "kvm: vCPU area of %d bytes", r);
	m->run_size = r;
	/*
	 * Hosts that are VMX without 'unrestricted guest' want these pages set aside; all others
	 * do not care. And KVM is not to patch a program's VMCALL (older kernels: it may).
	 */
	kvm_ioctl(m->vm_fd, KVM_SET_TSS_ADDR, (void *)0xfffbd000UL);
	kvm_ioctl(m->vm_fd, KVM_ENABLE_CAP, &cap);
	set_limits(m, cfg);
	return fpu_probe(kvm, cfg->kvm_fd, err);
}

void machine_destroy(struct kvm *kvm)
{
	struct machine *m = &kvm->machine;

	for (unsigned i = 0; i < m->n_vcpus; i++)
		vcpu_destroy(m->vcpus[i]);
	if (m->vm_fd >= 0)
		close(m->vm_fd);
	free(m->cpuid);
	free(m->msr_list);
}
