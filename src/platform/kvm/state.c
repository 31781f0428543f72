/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The state of vCPUs, saved while the machine is paused, and loaded into fresh ones.
 *
 * A saved machine is a header and one record a vCPU: the fixed part, then KVM's XSAVE area, then
 * the MSRs. It is made for this host's KVM and is checked when it comes back, for it may have been
 * through a file.
 *
 * What belongs to the machine rather than to the program stays the fresh vCPU's own: its tables
 * and their registers, its task segment, the control registers, which must be the same anyway.
 */
#include "platform/kvm/kvm.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"

#define MAGIC 0x3155504356484b56UL /* "VKHVCPU1" */

struct saved_machine {
	uint64_t magic;
	uint32_t vcpus, record_size; /* how many, and of how many bytes each */
	uint32_t xsave_size, msrs;   /* bytes; room for how many */
	uint64_t xcr0, cr4;
};

struct saved_vcpu {
	struct kvm_regs regs;
	struct kvm_sregs sregs;
	struct kvm_vcpu_events events;
	struct kvm_debugregs debug;
	struct kvm_xcrs xcrs;
	uint32_t tsc_khz, n_msrs;
	uint8_t tail[]; /* XSAVE area, MSRs */
};

static struct saved_machine describe(const struct machine *m, unsigned vcpus)
{
	struct saved_machine s = {
	    .magic = MAGIC,
	    .vcpus = vcpus,
	    .xsave_size = m->xsave_size,
	    .msrs = m->msr_list->nmsrs,
	    .xcr0 = m->xcr0,
	    /* Not the bit that is toggled to flush translations. */
	    .cr4 = m->cr4,
	};

	s.record_size = sizeof(struct saved_vcpu) + s.xsave_size +
			s.msrs * sizeof(struct kvm_msr_entry);
	s.record_size = (s.record_size + 15) & ~15U;
	return s;
}

/* ---- saving ---------------------------------------------------------------------------------- */

static int save_vcpu(struct vcpu *v, const struct saved_machine *head, struct saved_vcpu *out)
{
	struct machine *m = &v->kvm->machine;
	const struct {
		unsigned long request;
		void *to;
	} parts[] = {
	    {KVM_GET_REGS, &out->regs},
	    {KVM_GET_SREGS, &out->sregs},
	    {KVM_GET_VCPU_EVENTS, &out->events},
	    {KVM_GET_DEBUGREGS, &out->debug},
	    {KVM_GET_XCRS, &out->xcrs},
	    {m->xsave2 ? KVM_GET_XSAVE2 : KVM_GET_XSAVE, out->tail},
	};
	int r;

	assert(state_is_ready(&v->state));
	for (unsigned i = 0; i < sizeof(parts) / sizeof(*parts); i++) {
		r = kvm_ioctl(v->fd, parts[i].request, parts[i].to);
		if (r < 0)
			return r;
	}
	r = kvm_ioctl(v->fd, KVM_GET_TSC_KHZ, NULL);
	out->tsc_khz = r > 0 ? r : 0;
	r = vcpu_read_msrs(v, (struct kvm_msr_entry *)(out->tail + head->xsave_size));
	out->n_msrs = r > 0 ? r : 0;
	return r < 0 ? r : 0;
}

static unsigned usable_vcpus(const struct machine *m)
{
	unsigned n = 0;

	for (unsigned i = 0; i < atomic_load(&m->n_vcpus); i++)
		n += !state_is_lost(&m->vcpus[i]->state);
	return n;
}

int kvm_save_state(struct platform *p, struct platform_reply *reply)
{
	struct machine *m = &kvm_of(p)->machine;
	struct saved_machine head = describe(m, usable_vcpus(m));
	size_t size = sizeof(head) + (size_t)head.vcpus * head.record_size;
	uint8_t *data = calloc(1, size), *record;

	if (!data)
		return -ENOMEM;
	memcpy(data, &head, sizeof(head));
	record = data + sizeof(head);
	for (unsigned i = 0; i < atomic_load(&m->n_vcpus) && record < data + size; i++) {
		int r;

		if (state_is_lost(&m->vcpus[i]->state))
			continue;
		r = save_vcpu(m->vcpus[i], &head, (struct saved_vcpu *)record);
		record += head.record_size;
		if (r < 0) {
			log_error("kvm: vCPU %u: saving its state: %s", i, strerror(-r));
			free(data);
			return r;
		}
	}
	reply->data = data;
	reply->size = size;
	return 0;
}

/* ---- loading --------------------------------------------------------------------------------- */

/* The MSRs that are not as they should be already: some of the list can only be read. */
static int load_msrs(struct vcpu *v, const struct kvm_msr_entry *entry, unsigned n)
{
	struct {
		struct kvm_msrs head;
		struct kvm_msr_entry entry;
	} one = {.head.nmsrs = 1};

	for (unsigned i = 0; i < n; i++) {
		one.entry = (struct kvm_msr_entry){.index = entry[i].index};
		if (kvm_ioctl(v->fd, KVM_GET_MSRS, &one) == 1 && one.entry.data == entry[i].data)
			continue;
		one.entry.data = entry[i].data;
		if (kvm_ioctl(v->fd, KVM_SET_MSRS, &one) != 1) {
			log_error("kvm: vCPU %u: MSR 0x%x cannot be 0x%llx", v->id, entry[i].index,
				  entry[i].data);
			return -EIO;
		}
	}
	return 0;
}

static int load_tsc_rate(struct vcpu *v, uint32_t khz)
{
	if (!khz || kvm_ioctl(v->fd, KVM_GET_TSC_KHZ, NULL) == (int)khz)
		return 0;
	return kvm_ioctl(v->fd, KVM_SET_TSC_KHZ, (void *)(uintptr_t)khz);
}

static int load_vcpu(struct vcpu *v, const struct saved_machine *head, struct saved_vcpu *s)
{
	struct kvm_sregs sregs = v->sregs;
	const struct {
		unsigned long request;
		void *from;
	} parts[] = {
	    {KVM_SET_REGS, &s->regs},	     {KVM_SET_SREGS, &sregs},
	    {KVM_SET_XCRS, &s->xcrs},	     {KVM_SET_XSAVE, s->tail},
	    {KVM_SET_DEBUGREGS, &s->debug},
	};
	int r;

	sregs.fs = s->sregs.fs;
	sregs.gs = s->sregs.gs;
	sregs.cr2 = s->sregs.cr2;
	r = load_tsc_rate(v, s->tsc_khz);
	for (unsigned i = 0; r >= 0 && i < sizeof(parts) / sizeof(*parts); i++)
		r = kvm_ioctl(v->fd, parts[i].request, parts[i].from);
	if (r >= 0)
		r = load_msrs(v, (struct kvm_msr_entry *)(s->tail + head->xsave_size), s->n_msrs);
	/* Last: the others may queue an event, or drop one. */
	if (r >= 0)
		r = kvm_ioctl(v->fd, KVM_SET_VCPU_EVENTS, &s->events);
	if (r < 0)
		log_error("kvm: vCPU %u: loading a saved state: %s", v->id, strerror(-r));
	return r < 0 ? r : 0;
}

/* A copy of record `index`, if the whole is what describe() says. */
static int find_record(const struct machine *m, const void *data, size_t size, unsigned index,
		       struct saved_machine *head, struct saved_vcpu **out)
{
	struct saved_machine want;
	struct saved_vcpu *s;

	if (size < sizeof(*head))
		return -EINVAL;
	memcpy(head, data, sizeof(*head));
	want = describe(m, head->vcpus);
	if (memcmp(head, &want, sizeof(want)) != 0 || head->vcpus > VCPU_LIMIT ||
	    size != sizeof(*head) + (size_t)head->vcpus * head->record_size)
		return -EINVAL;
	if (index >= head->vcpus)
		return -ENOENT;
	s = malloc(head->record_size);
	if (!s)
		return -ENOMEM;
	memcpy(s, (const uint8_t *)data + sizeof(*head) + (size_t)index * head->record_size,
	       head->record_size);
	*out = s;
	return s->n_msrs > head->msrs ? -EINVAL : 0;
}

/* Did the vCPU stop in the middle of user code? Else its program is with its caller. */
static bool in_the_middle(const struct saved_vcpu *s)
{
	return s->sregs.cs.dpl == 3 && s->regs.rip < MAX_USER_ADDRESS &&
	       !s->events.exception.injected && !s->events.exception.pending;
}

int kvm_load_state(struct platform *p, const void *data, size_t size, unsigned index,
		   struct context *base, struct user_regs_struct *regs)
{
	struct kvm *kvm = kvm_of(p);
	struct saved_vcpu *s = NULL;
	struct saved_machine head;
	struct vcpu *v = NULL;
	int r = find_record(&kvm->machine, data, size, index, &head, &s);

	if (r == 0 && !in_the_middle(s))
		r = -ENODATA;
	if (r == 0)
		r = vcpu_get_fresh(kvm, &v);
	if (r == 0)
		r = load_vcpu(v, &head, s);
	if (r == 0) {
		fpu_adopt(kvm_context_of(base), v);
		exit_user_registers(&s->regs, &s->sregs, regs);
	}
	if (v && r == 0)
		vcpu_put(kvm_context_of(base), v);
	else if (v)
		vcpu_lose(v);
	free(s);
	return r;
}
