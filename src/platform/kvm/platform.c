/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The KVM platform put together, its contexts and its statistics. */
#include "platform/kvm/kvm.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define MEMORY_FIRST_STEP (16UL << 20)
#define MEMORY_DEFAULT_MAX (1UL << 40)
#define WINDOWS_MAX (32UL << 30)

/* Lays out guest-physical space; half of it is for windows. */
static int make_regions(struct platform *p, const struct platform_config *cfg, struct error *err)
{
	unsigned bits = p->machine.phys_bits < 46 ? p->machine.phys_bits : 46;
	uint64_t half = 1UL << (bits - 1);
	uint64_t max = half - GPA_MEMORY;
	int r;

	if (max > MEMORY_DEFAULT_MAX)
		max = MEMORY_DEFAULT_MAX;
	if (cfg->memory_max && cfg->memory_max < max)
		max = (cfg->memory_max + CHUNK_SIZE - 1) & ~(CHUNK_SIZE - 1);
	r = memory_new(max, &p->memory, err);
	if (r < 0)
		return r;
	physmap_region(&p->physmap, REGION_MEMORY, GPA_MEMORY, memory_base(p->memory), max,
		       MEMORY_FIRST_STEP);
	return windows_init(&p->windows, p, half, half < WINDOWS_MAX ? half : WINDOWS_MAX, err);
}

static int build(struct platform *p, const struct platform_config *cfg, struct error *err)
{
	int r = machine_init(p, cfg, err);

	if (r < 0)
		return r;
	r = physmap_init(&p->physmap, p->machine.vm_fd, cfg->kvm_fd, err);
	if (r == 0)
		r = pt_pool_init(&p->pt, &p->physmap, err);
	if (r == 0)
		r = make_regions(p, cfg, err);
	if (r == 0)
		r = traps_init(p, err);
	if (r == 0)
		r = selftest_run(p, err);
	return r;
}

int platform_new_kvm(const struct platform_config *cfg, struct platform **out, struct error *err)
{
	struct platform *p = calloc(1, sizeof(*p));
	int r;

	if (!p)
		return error_set(err, -ENOMEM, "kvm: out of memory");
	p->caps = (struct platform_caps){
	    .name = "kvm",
	    .supports_address_space_io = true,
	    .cooperatively_schedules_address_space = false,
	    .detects_cpu_preemption = true,
	    .map_unit = 0,
	    .min_user_address = PAGE_SIZE,
	    .max_user_address = MAX_USER_ADDRESS,
	};
	r = build(p, cfg, err);
	if (r < 0) {
		platform_destroy(p);
		return r;
	}
	*out = p;
	return 0;
}

void platform_destroy(struct platform *p)
{
	if (!p)
		return;
	machine_destroy(p);
	windows_destroy(&p->windows);
	memory_destroy(p->memory);
	pt_pool_destroy(&p->pt);
	free(p);
}

const struct platform_caps *platform_caps(const struct platform *p)
{
	return &p->caps;
}

struct memory *platform_memory(struct platform *p)
{
	return p->memory;
}

/* Counters are read while others count: each is right, together they are a moment apart. */
void platform_stats(struct platform *p, struct platform_stats *out)
{
	struct machine *m = &p->machine;

	*out = (struct platform_stats){
	    .kicks = m->kicks,
	    .vcpu_exact = m->exact,
	    .vcpu_ready = m->ready,
	    .vcpu_new = m->created,
	    .vcpu_stolen = m->stolen,
	    .vcpu_waited = m->waited,
	    .slots = p->physmap.slots,
	    .invalidations = p->invalidations,
	    .purges = p->physmap.purges,
	    .pt_pages = p->pt.in_use,
	    .windows = p->windows.live,
	};
	for (unsigned i = 0; i < atomic_load(&m->n_vcpus); i++) {
		struct vcpu *v = m->vcpus[i];

		out->exits += v->exits;
		out->syscalls += v->syscalls;
		out->faults += v->faults;
		out->interrupts += v->interrupts;
	}
}

/* ---- contexts -------------------------------------------------------------------------------- */

int platform_new_context(struct platform *p, struct context **out)
{
	struct context *c = calloc(1, sizeof(*c));
	int r;

	if (!c)
		return -ENOMEM;
	c->platform = p;
	r = fpu_context_init(c);
	if (r < 0) {
		free(c);
		return r;
	}
	*out = c;
	return 0;
}

void context_release(struct context *c)
{
	if (!c)
		return;
	fpu_context_destroy(c);
	free(c);
}
