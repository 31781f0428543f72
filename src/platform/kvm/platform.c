/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The KVM platform put together, its contexts and its statistics. */
#include "platform/kvm/kvm.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define MEMORY_FIRST_STEP (16UL << 20)
#define MEMORY_DEFAULT_MAX (1UL << 40)
#define WINDOWS_FIRST_STEP (16UL << 20)
#define WINDOWS_MAX (32UL << 30)

/* Lays out guest-physical space; half of it is for windows. */
static int make_regions(struct kvm *kvm, const struct platform_config *cfg, struct error *err)
{
	unsigned bits = kvm->machine.phys_bits < 46 ? kvm->machine.phys_bits : 46;
	uint64_t half = 1UL << (bits - 1);
	uint64_t max = half - GPA_MEMORY;
	int r;

	if (max > MEMORY_DEFAULT_MAX)
		max = MEMORY_DEFAULT_MAX;
	if (cfg->memory_max && cfg->memory_max < max)
		max = (cfg->memory_max + CHUNK_SIZE - 1) & ~(CHUNK_SIZE - 1);
	r = memory_new(max, &kvm->base.memory, err);
	if (r < 0)
		return r;
	physmap_region(&kvm->physmap, REGION_MEMORY, GPA_MEMORY, memory_base(kvm->base.memory), max,
		       MEMORY_FIRST_STEP);
	r = windows_init(&kvm->base.windows, &kvm->base, half < WINDOWS_MAX ? half : WINDOWS_MAX, err);
	physmap_region(&kvm->physmap, REGION_WINDOWS, half, kvm->base.windows.arena,
		       kvm->base.windows.max << CHUNK_SHIFT, WINDOWS_FIRST_STEP);
	return r;
}

static int build(struct kvm *kvm, const struct platform_config *cfg, struct error *err)
{
	int r = spaces_init(&kvm->base, cfg->address_spaces_max);

	if (r < 0)
		return error_errno(err, r, "kvm: eventfd");
	r = machine_init(kvm, cfg, err);
	if (r < 0)
		return r;
	r = physmap_init(&kvm->physmap, kvm->machine.vm_fd, cfg->kvm_fd, err);
	if (r == 0)
		r = pt_pool_init(&kvm->pt, &kvm->physmap, err);
	if (r == 0)
		r = make_regions(kvm, cfg, err);
	if (r == 0)
		r = traps_init(kvm, err);
	if (r == 0)
		r = selftest_run(kvm, cfg->invalidation, err);
	return r;
}

static void kvm_destroy(struct platform *p)
{
	struct kvm *kvm = kvm_of(p);

	spaces_destroy(p);
	machine_destroy(kvm);
	windows_destroy(&p->windows);
	memory_destroy(p->memory);
	pt_pool_destroy(&kvm->pt);
	control_destroy(p);
	free(kvm);
}

static void add_vcpu_stats(struct vcpu *v, struct platform_stats *out)
{
	out->exits += v->exits;
	out->syscalls += v->syscalls;
	out->faults += v->faults;
	out->page_faults += v->page_faults;
	out->vcpu_exact += v->exact;
	out->interrupts += v->interrupts;
	out->preemptions += v->preemptions;
	out->retries += v->retries;
	out->shrunk += v->shrunk;
	out->fatal += v->fatal;
	for (unsigned i = 0; i < PLATFORM_REASONS; i++)
		out->reason[i] += v->reason[i];
}

static void kvm_stats(struct platform *p, struct platform_stats *out)
{
	struct kvm *kvm = kvm_of(p);
	struct machine *m = &kvm->machine;

	*out = (struct platform_stats){
	    .vcpus = m->n_vcpus,
	    .vcpu_ready = m->ready,
	    .vcpu_new = m->created,
	    .vcpu_stolen = m->stolen,
	    .vcpu_waited = m->waited,
	    .kicks = m->kicks,
	    .shootdowns = kvm->shootdowns,
	    .slots = kvm->physmap.slots,
	    .pt_pages = kvm->pt.in_use,
	    .pt_quarantine = pt_pages_quarantined(&kvm->pt),
	    .purges = kvm->physmap.purges,
	    .maps = kvm->maps,
	    .mapped_pages = kvm->mapped_pages,
	    .unmaps = kvm->unmaps,
	    .invalidations = kvm->invalidations,
	    .invalidations_idle = kvm->invalidations_idle,
	    .invalidated_runs = kvm->forgotten_runs,
	    .invalidation_purges = kvm->forgotten_all,
	    .invalidation_flushes = kvm->flushes,
	};
	for (unsigned i = 0; i < out->vcpus; i++)
		add_vcpu_stats(m->vcpus[i], out);
}

static int kvm_windows_room(struct platform *p, uint64_t n)
{
	return physmap_ensure(&kvm_of(p)->physmap, REGION_WINDOWS, n << CHUNK_SHIFT);
}

static int kvm_window_host(struct platform *p, struct window *w)
{
	return physmap_add_readonly(&kvm_of(p)->physmap, window_gpa(kvm_of(p), w), w->ptr,
				    (uint64_t)w->pages << PAGE_SHIFT);
}

/* ---- contexts -------------------------------------------------------------------------------- */

static int kvm_new_context(struct platform *p, struct context **out)
{
	struct kvm_context *c = calloc(1, sizeof(*c));
	int r;

	if (!c)
		return -ENOMEM;
	c->base.platform = p;
	c->kvm = kvm_of(p);
	r = fpu_context_init(c);
	if (r < 0) {
		free(c);
		return r;
	}
	*out = &c->base;
	return 0;
}

static void kvm_release_context(struct context *base)
{
	struct kvm_context *c = kvm_context_of(base);

	pool_forget(c);
	fpu_context_destroy(c);
	free(c->fatal);
	free(c);
}

/* Whatever a context leaves in a vCPU, any thread can get. */
static void kvm_unbind(struct context *c)
{
	(void)c;
}

/* ---- the table ------------------------------------------------------------------------------- */

static const struct platform_ops kvm_ops = {
    .destroy = kvm_destroy,
    .preempt_all_cpus = kvm_preempt_all_cpus,
    .save_state = kvm_save_state,
    .load_state = kvm_load_state,
    .dump_cpu_config = kvm_dump_cpu_config,
    .stats = kvm_stats,
    .reason_name = kvm_reason_name,
    .new_address_space = kvm_new_space,
    .destroy_address_space = kvm_destroy_space,
    .map = kvm_map,
    .map_window = kvm_map_window,
    .restrict_ranges = kvm_restrict,
    .find_page = kvm_find_page,
    .new_context = kvm_new_context,
    .release_context = kvm_release_context,
    .unbind = kvm_unbind,
    .switch_to = kvm_switch,
    .interrupt = kvm_interrupt,
    .fpstate_size = kvm_fpstate_size,
    .fpstate_features = kvm_fpstate_features,
    .get_fpstate = kvm_get_fpstate,
    .set_fpstate = kvm_set_fpstate,
    .reset_fpstate = kvm_reset_fpstate,
    .copy_fpstate = kvm_copy_fpstate,
    .windows_room = kvm_windows_room,
    .window_host = kvm_window_host,
    .window_keeps_fd = false,
};

int platform_new_kvm(const struct platform_config *cfg, struct platform **out, struct error *err)
{
	struct kvm *kvm = calloc(1, sizeof(*kvm));
	int r;

	if (!kvm)
		return error_set(err, -ENOMEM, "kvm: out of memory");
	kvm->base.ops = &kvm_ops;
	kvm->machine.vm_fd = -1;
	control_init(&kvm->base);
	kvm->base.caps = (struct platform_caps){
	    .name = "kvm",
	    .supports_address_space_io = true,
	    .cooperatively_schedules_address_space = false,
	    .detects_cpu_preemption = true,
	    .map_unit = 0,
	    .min_user_address = PAGE_SIZE,
	    .max_user_address = MAX_USER_ADDRESS,
	};
	r = build(kvm, cfg, err);
	if (r < 0) {
		kvm_destroy(&kvm->base);
		return r;
	}
	*out = &kvm->base;
	return 0;
}
