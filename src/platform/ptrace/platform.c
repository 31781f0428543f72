/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The ptrace platform put together, its contexts and its statistics. */
#include "platform/ptrace/ptrace.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define MEMORY_DEFAULT_MAX (1UL << 40)
#define WINDOWS_SIZE (32UL << 30)

static int build(struct traced *p, const struct platform_config *cfg, struct error *err)
{
	uint64_t max = MEMORY_DEFAULT_MAX;
	int r = spaces_init(&p->base, cfg->address_spaces_max);

	if (r < 0)
		return error_errno(err, r, "ptrace: eventfd");
	if (cfg->memory_max && cfg->memory_max < max)
		max = (cfg->memory_max + CHUNK_SIZE - 1) & ~(CHUNK_SIZE - 1);
	r = memory_new(max, &p->base.memory, err);
	if (r == 0)
		r = windows_init(&p->base.windows, &p->base, WINDOWS_SIZE, err);
	if (r == 0)
		r = zygote_start(p, err);
	if (r == 0)
		r = traced_selftest(p, err);
	return r;
}

static void traced_destroy(struct platform *base)
{
	struct traced *p = traced_of(base);

	spaces_destroy(base);
	stubs_end(p);
	zygote_end(p);
	tracers_forget(p);
	windows_destroy(&base->windows);
	memory_destroy(base->memory);
	control_destroy(base);
	sem_destroy(&p->keeper_ready);
	sem_destroy(&p->keeper_end);
	pthread_mutex_destroy(&p->zygote_lock);
	pthread_mutex_destroy(&p->lock);
	pthread_mutex_destroy(&p->fpu_lock);
	free(p);
}

static void add_worker(struct platform_stats *out, const struct worker *w)
{
	out->exits += w->exits;
	out->syscalls += w->syscalls;
	out->faults += w->faults;
	out->page_faults += w->page_faults;
	out->interrupts += w->interrupts;
	out->preemptions += w->preemptions;
	out->retries += w->retries;
	out->shrunk += w->shrunk;
}

enum { REASON_CALLS, REASON_STUBS, REASON_STUBS_REUSED, REASON_WORKERS, REASON_WORKERS_REUSED };

static const char *traced_reason_name(unsigned i)
{
	static const char *const names[] = {
	    [REASON_CALLS] = "stub_calls",
	    [REASON_STUBS] = "stubs_made",
	    [REASON_STUBS_REUSED] = "stubs_reused",
	    [REASON_WORKERS] = "workers_made",
	    [REASON_WORKERS_REUSED] = "workers_reused",
	};

	return i < sizeof(names) / sizeof(*names) ? names[i] : NULL;
}

static void traced_stats(struct platform *base, struct platform_stats *out)
{
	struct traced *p = traced_of(base);
	struct tracer *t;
	struct worker *w;

	out->kicks = p->kicks;
	out->interrupts = p->early;
	out->maps = p->maps;
	out->mapped_pages = p->mapped_pages;
	out->unmaps = p->unmaps;
	out->reason[REASON_CALLS] = p->calls;
	out->reason[REASON_STUBS] = p->stubs_made;
	out->reason[REASON_STUBS_REUSED] = p->stubs_reused;
	out->reason[REASON_WORKERS] = p->workers_made;
	out->reason[REASON_WORKERS_REUSED] = p->workers_reused;
	pthread_mutex_lock(&p->lock);
	add_worker(out, &p->retired);
	list_for_each(t, &p->tracers, link)
		list_for_each(w, &t->workers, in_tracer)
			add_worker(out, w);
	pthread_mutex_unlock(&p->lock);
}

/* ---- contexts -------------------------------------------------------------------------------- */

static int traced_new_context(struct platform *base, struct context **out)
{
	struct traced_context *c = calloc(1, sizeof(*c));
	int r;

	if (!c)
		return -ENOMEM;
	c->base.platform = base;
	c->traced = traced_of(base);
	r = fpu_init(c);
	if (r < 0) {
		free(c);
		return r;
	}
	*out = &c->base;
	return 0;
}

static void traced_release_context(struct context *base)
{
	struct traced_context *c = traced_context_of(base);

	fpu_destroy(c);
	free(c);
}

/* ---- what it does not do --------------------------------------------------------------------- */

static int traced_windows_room(struct platform *p, uint64_t n)
{
	(void)p;
	(void)n;
	return 0;
}

/* A stub maps files, not pages of this process. */
static int traced_window_host(struct platform *p, struct window *w)
{
	(void)p;
	(void)w;
	return -ENODEV;
}

/* ---- the table ------------------------------------------------------------------------------- */

static const struct platform_ops traced_ops = {
    .destroy = traced_destroy,
    .preempt_all_cpus = traced_preempt_all,
    .save_state = traced_save_state,
    .load_state = traced_load_state,
    .dump_cpu_config = traced_dump_cpu_config,
    .stats = traced_stats,
    .reason_name = traced_reason_name,
    .new_address_space = traced_new_space,
    .destroy_address_space = traced_destroy_space,
    .map = traced_map,
    .map_window = traced_map_window,
    .restrict_ranges = traced_restrict,
    .find_page = traced_find_page,
    .new_context = traced_new_context,
    .release_context = traced_release_context,
    .unbind = traced_unbind,
    .switch_to = traced_switch,
    .interrupt = traced_interrupt,
    .cpu_time = traced_cpu_time,
    .fpstate_size = traced_fpstate_size,
    .fpstate_features = traced_fpstate_features,
    .get_fpstate = traced_get_fpstate,
    .set_fpstate = traced_set_fpstate,
    .reset_fpstate = traced_reset_fpstate,
    .copy_fpstate = traced_copy_fpstate,
    .windows_room = traced_windows_room,
    .window_host = traced_window_host,
    .window_keeps_fd = true,
};

int platform_new_ptrace(const struct platform_config *cfg, struct platform **out, struct error *err)
{
	static _Atomic uint64_t ids;
	struct traced *p = calloc(1, sizeof(*p));
	int r;

	if (!p)
		return error_set(err, -ENOMEM, "ptrace: out of memory");
	p->id = 1 + atomic_fetch_add(&ids, 1);
	p->base.ops = &traced_ops;
	control_init(&p->base);
	pthread_mutex_init(&p->zygote_lock, NULL);
	pthread_mutex_init(&p->lock, NULL);
	pthread_mutex_init(&p->fpu_lock, NULL);
	sem_init(&p->keeper_ready, 0, 0);
	sem_init(&p->keeper_end, 0, 0);
	list_init(&p->tracers);
	list_init(&p->idle);
	p->base.caps = (struct platform_caps){
	    .name = "ptrace",
	    .supports_address_space_io = true,
	    .cooperatively_schedules_address_space = false,
	    .detects_cpu_preemption = true,
	    .map_unit = 0,
	    .min_user_address = PAGE_SIZE,
	    .max_user_address = MAX_USER_ADDRESS,
	    .tsc_is_host = true,
	    .cpu_is_host = host_has_rdtscp(),
	};
	r = build(p, cfg, err);
	if (r < 0) {
		traced_destroy(&p->base);
		return r;
	}
	*out = &p->base;
	return 0;
}
