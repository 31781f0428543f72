/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The contract of platform.h: preconditions, then the implementation's function. */
#include "platform/implementation.h"

#include <errno.h>
#include <string.h>

#include "base/log.h"

static int new_kvm(const struct platform_config *cfg, struct platform **out, struct error *err)
{
	if (cfg->kvm_fd < 0)
		return error_errno(err, cfg->kvm_fd, "cannot open /dev/kvm");
	return platform_new_kvm(cfg, out, err);
}

static int new_best(const struct platform_config *cfg, struct platform **out, struct error *err)
{
	struct error why = ERROR_INIT;
	int r = new_kvm(cfg, out, &why);

	if (r == 0)
		return 0;
	log_warning("%s; user code runs on the platform ptrace instead",
		    why.msg ? why.msg : "no KVM");
	error_free(&why);
	return platform_new_ptrace(cfg, out, err);
}

bool platform_kind_of(const char *name, enum platform_kind *kind)
{
	static const char *const names[] = {
	    [PLATFORM_KVM] = "kvm", [PLATFORM_PTRACE] = "ptrace", [PLATFORM_AUTO] = "auto"};

	for (unsigned i = 0; i < sizeof(names) / sizeof(*names); i++) {
		if (strcmp(name, names[i]) == 0) {
			*kind = i;
			return true;
		}
	}
	return false;
}

/*T:200 Two ways to run a stranger's code
 * There are two ways to run user code that is not ours: as the user mode of a KVM guest, or as a
 * traced process of the host that is never let into a system call. The first has the boundary; the
 * second needs no /dev/kvm, and in the tests it says what the first should have done.
 */
int platform_new(enum platform_kind kind, const struct platform_config *cfg, struct platform **out,
		 struct error *err)
{
	assert(cfg && out);
	switch (kind) {
	case PLATFORM_KVM:
		return new_kvm(cfg, out, err);
	case PLATFORM_PTRACE:
		return platform_new_ptrace(cfg, out, err);
	case PLATFORM_AUTO:
		return new_best(cfg, out, err);
	}
	return error_set(err, -EINVAL, "platform: no kind %d", kind);
}

void platform_destroy(struct platform *p)
{
	if (p)
		p->ops->destroy(p);
}

const struct platform_caps *platform_caps(const struct platform *p)
{
	return &p->caps;
}

struct memory *platform_memory(struct platform *p)
{
	return p->memory;
}

/* ---- address spaces -------------------------------------------------------------------------- */

static void check_user_range(const struct address_space *as, uint64_t addr, uint64_t len)
{
	const struct platform_caps *caps = &as->platform->caps;

	assert((addr & ~PAGE_MASK) == 0 && (len & ~PAGE_MASK) == 0);
	assert(addr < caps->max_user_address && len <= caps->max_user_address - addr);
	(void)caps;
	(void)addr;
	(void)len;
}

int address_space_map(struct address_space *as, uint64_t addr, frame_t first, unsigned count,
		      unsigned access, bool precommit)
{
	check_user_range(as, addr, (uint64_t)count << PAGE_SHIFT);
	assert(first && ((uint64_t)first + count) << PAGE_SHIFT <=
			    memory_total_size(as->platform->memory));
	return as->platform->ops->map(as, addr, first, count, access, precommit);
}

int address_space_map_window(struct address_space *as, uint64_t addr, struct window *w,
			     unsigned first, unsigned count, unsigned access)
{
	check_user_range(as, addr, (uint64_t)count << PAGE_SHIFT);
	assert(first + count <= w->pages && first + count >= first);
	return as->platform->ops->map_window(as, addr, w, first, count, access);
}

void address_space_unmap(struct address_space *as, uint64_t addr, uint64_t len)
{
	struct address_range range = {addr, len};

	address_space_restrict(as, &range, 1, 0);
}

void address_space_restrict(struct address_space *as, const struct address_range *ranges,
			    size_t count, unsigned access)
{
	for (size_t i = 0; i < count; i++)
		check_user_range(as, ranges[i].addr, ranges[i].len);
	as->platform->ops->restrict_ranges(as, ranges, count, access);
}

/* ---- contexts -------------------------------------------------------------------------------- */

int platform_new_context(struct platform *p, struct context **out)
{
	int r = p->ops->new_context(p, out);

	if (r == 0)
		control_add(*out);
	return r;
}

void context_release(struct context *c)
{
	if (!c)
		return;
	control_remove(c);
	c->platform->ops->release_context(c);
}

void context_unbind(struct context *c)
{
	c->platform->ops->unbind(c);
}

void context_switch(struct context *c, struct address_space *as, struct user_regs_struct *regs,
		    int cpu, struct switch_event *ev)
{
	struct platform *p = c->platform;

	assert(p == as->platform);
	do {
		memset(ev, 0, sizeof(*ev));
		if (!gate_enter(c, ev))
			return;
		p->ops->switch_to(c, as, regs, cpu, ev);
		gate_leave(c);
		/* Back to the gate, if that is what it was for. */
	} while (ev->reason == SWITCH_PREEMPTED && !gate_is_open(p));
}

void context_interrupt(struct context *c)
{
	atomic_store(&c->interrupt, 1);
	c->platform->ops->interrupt(c);
	context_wake(c);
}

uint64_t context_cpu_time(struct context *c)
{
	return c->platform->ops->cpu_time ? c->platform->ops->cpu_time(c) : 0;
}

size_t platform_fpstate_size(const struct platform *p)
{
	return p->ops->fpstate_size(p);
}

uint64_t platform_fpstate_features(const struct platform *p)
{
	return p->ops->fpstate_features(p);
}

void context_get_fpstate(struct context *c, void *buf)
{
	c->platform->ops->get_fpstate(c, buf);
}

int context_set_fpstate(struct context *c, const void *buf)
{
	return c->platform->ops->set_fpstate(c, buf);
}

void context_reset_fpstate(struct context *c)
{
	c->platform->ops->reset_fpstate(c);
}

void context_copy_fpstate(struct context *dst, struct context *src)
{
	assert(dst->platform == src->platform);
	dst->platform->ops->copy_fpstate(dst, src);
}
