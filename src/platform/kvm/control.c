/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What PLATFORM_DUMP_CPU_CONFIG tells: the processor that the guest sees, as JSON.
 *
 *   {
 *     "platform": "kvm",
 *     "vcpus": 2, "vcpusMax": 8,
 *     "cpuid": [{"leaf": "0x1", "subleaf": "0x0", "eax": "0x…", "ebx": …, "ecx": …, "edx": …}, …],
 *     "controlRegisters": {"cr0": "0x…", "cr4": "0x…", "efer": "0x…", "xcr0": "0x…"},
 *     "msrs": [{"index": "0xc0000082", "value": "0x…"}, …]
 *   }
 *
 * Numbers wider than a double are right about are hexadecimal strings, so all registers are. A
 * leaf that has no subleaves has no "subleaf". MSRs are those that KVM lets be saved, of vCPU 0.
 */
#include "platform/kvm/kvm.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- MSRs ------------------------------------------------------------------------------------ */

/*
 * All MSRs of the VM's list; each by itself, for the list names some that this vCPU's CPUID does
 * not have, and KVM_GET_MSRS stops at such a one.
 */
int vcpu_read_msrs(struct vcpu *v, struct kvm_msr_entry *out)
{
	const struct kvm_msr_list *list = v->kvm->machine.msr_list;
	struct {
		struct kvm_msrs head;
		struct kvm_msr_entry entry;
	} one = {.head.nmsrs = 1};
	int r, n = 0;

	for (unsigned i = 0; i < list->nmsrs; i++) {
		one.entry = (struct kvm_msr_entry){.index = list->indices[i]};
		r = kvm_ioctl(v->fd, KVM_GET_MSRS, &one);
		if (r < 0)
			return r;
		if (r == 1)
			out[n++] = one.entry;
	}
	return n;
}

static int print_msrs(struct kvm *kvm, FILE *f)
{
	struct kvm_msr_entry *entry;
	int n;

	entry = calloc(kvm->machine.msr_list->nmsrs + 1UL, sizeof(*entry));
	if (!entry)
		return -ENOMEM;
	n = vcpu_read_msrs(kvm->machine.vcpus[0], entry);
	fprintf(f, "  \"msrs\": [");
	for (int i = 0; i < n; i++)
		fprintf(f, "%s\n    {\"index\": \"0x%x\", \"value\": \"0x%llx\"}", i ? "," : "",
			entry[i].index, entry[i].data);
	fprintf(f, "\n  ]\n");
	free(entry);
	return n < 0 ? n : 0;
}

/* ---- the text -------------------------------------------------------------------------------- */

static void print_cpuid(const struct kvm_cpuid2 *cpuid, FILE *f)
{
	fprintf(f, "  \"cpuid\": [");
	for (unsigned i = 0; i < cpuid->nent; i++) {
		const struct kvm_cpuid_entry2 *e = &cpuid->entries[i];

		fprintf(f, "%s\n    {\"leaf\": \"0x%x\", ", i ? "," : "", e->function);
		if (e->flags & KVM_CPUID_FLAG_SIGNIFCANT_INDEX)
			fprintf(f, "\"subleaf\": \"0x%x\", ", e->index);
		fprintf(f, "\"eax\": \"0x%x\", \"ebx\": \"0x%x\", \"ecx\": \"0x%x\", \"edx\": \"0x%x\"}",
			e->eax, e->ebx, e->ecx, e->edx);
	}
	fprintf(f, "\n  ],\n");
}

static int print_config(struct kvm *kvm, FILE *f)
{
	struct machine *m = &kvm->machine;
	const struct kvm_sregs *s;

	/* The self-test has run on it. */
	assert(atomic_load(&m->n_vcpus) > 0);
	s = &m->vcpus[0]->sregs;
	fprintf(f, "{\n  \"platform\": \"kvm\",\n  \"vcpus\": %u,\n  \"vcpusMax\": %u,\n",
		atomic_load(&m->n_vcpus), m->max_vcpus);
	print_cpuid(m->cpuid, f);
	fprintf(f,
		"  \"controlRegisters\": {\"cr0\": \"0x%llx\", \"cr4\": \"0x%llx\", "
		"\"efer\": \"0x%llx\", \"xcr0\": \"0x%lx\"},\n",
		s->cr0, s->cr4, s->efer, m->xcr0);
	return print_msrs(kvm, f);
}

int kvm_dump_cpu_config(struct platform *p, struct platform_reply *reply)
{
	char *text = NULL;
	size_t size = 0;
	FILE *f = open_memstream(&text, &size);
	int r;

	if (!f)
		return -errno;
	r = print_config(kvm_of(p), f);
	fprintf(f, "}\n");
	if (fclose(f) != 0 && r == 0)
		r = -ENOMEM;
	if (r < 0) {
		free(text);
		return r;
	}
	reply->data = text;
	reply->size = size;
	return 0;
}
