/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The inner side of platform.h: what the rooms of the module share, and what an implementation
 * has to bring. platform.c checks the contract's preconditions and calls through struct
 * platform_ops; memory.c, windows.c and spaces.c are the same for all implementations.
 *
 * An implementation embeds these structs as the first member of its own (struct kvm, struct
 * kvm_space, struct kvm_context …), so that a pointer to one is a pointer to the other.
 */
#ifndef HUSK_PLATFORM_IMPLEMENTATION_H
#define HUSK_PLATFORM_IMPLEMENTATION_H

#include <assert.h>
#include <cpuid.h>
#include <pthread.h>
#include <stdatomic.h>

#include "base/list.h"
#include "platform/memory.h"
#include "platform/platform.h"
#include "platform/windows.h"

/*
 * Each function implements the one of platform.h with its name, preconditions checked already.
 * None may be NULL, but where that is said.
 */
struct platform_ops {
	void (*destroy)(struct platform *p); /* also frees p itself */
	/*
	 * Makes every switch_to() whose context_is_stale() return soon, with SWITCH_PREEMPTED if nothing
	 * happened to it. Those asleep in the implementation are woken by the caller of this.
	 */
	void (*preempt_all_cpus)(struct platform *p);
	/*
	 * PLATFORM_SAVE_STATE and PLATFORM_DUMP_CPU_CONFIG: malloc'd data into reply, or a negative errno.
	 * Nobody is inside switch_to() and nobody enters meanwhile.
	 */
	int (*save_state)(struct platform *p, struct platform_reply *reply);
	/* platform_load_state(), with a new context. */
	int (*load_state)(struct platform *p, const void *data, size_t size, unsigned index,
			  struct context *c, struct user_regs_struct *regs);
	int (*dump_cpu_config)(struct platform *p, struct platform_reply *reply);
	void (*stats)(struct platform *p, struct platform_stats *out);
	const char *(*reason_name)(unsigned i);

	int (*new_address_space)(struct platform *p, struct address_space **out);
	void (*destroy_address_space)(struct address_space *as);
	int (*map)(struct address_space *as, uint64_t addr, frame_t first, unsigned count,
		   unsigned access, bool precommit);
	int (*map_window)(struct address_space *as, uint64_t addr, struct window *w,
			  unsigned first, unsigned count, unsigned access);
	/* access 0: unmap. */
	void (*restrict_ranges)(struct address_space *as, const struct address_range *ranges,
				size_t count, unsigned access);
	/*
	 * Where the page at addr (page-aligned, in user space) is in this process, if it is mapped
	 * with `access`; else NULL. Under as->lock, which the caller holds until it is done with the
	 * page. NULL as a function: no AddressSpaceIO here.
	 */
	void *(*find_page)(struct address_space *as, uint64_t addr, unsigned access);

	int (*new_context)(struct platform *p, struct context **out);
	void (*release_context)(struct context *c);
	void (*unbind)(struct context *c);
	void (*switch_to)(struct context *c, struct address_space *as,
			  struct user_regs_struct *regs, int cpu, struct switch_event *ev);
	/*
	 * Makes a switch_to() under way look at c->interrupt, which is set already; woken up from a
	 * sleep on c->wake_seq it is by the caller. Async-signal-safe. Whoever answers with
	 * SWITCH_INTERRUPT takes the flag: atomic_exchange(&c->interrupt, 0).
	 */
	void (*interrupt)(struct context *c);

	/* NULL: all of it is the calling thread's. */
	uint64_t (*cpu_time)(struct context *c);

	size_t (*fpstate_size)(const struct platform *p);
	uint64_t (*fpstate_features)(const struct platform *p);
	void (*get_fpstate)(struct context *c, void *buf);
	int (*set_fpstate)(struct context *c, const void *buf);
	void (*reset_fpstate)(struct context *c);
	void (*copy_fpstate)(struct context *dst, struct context *src);

	/*
	 * Windows: the first n pieces of the arena, or the host pages of window w, are about to be
	 * used. -ENOMEM; -ENODEV: this implementation cannot show pages of this process.
	 */
	int (*windows_room)(struct platform *p, uint64_t n);
	int (*window_host)(struct platform *p, struct window *w);
	/* Must a window keep a descriptor of its file, to be mapped again elsewhere? */
	bool window_keeps_fd;
};

/* The address spaces of a platform, in use and kept (spaces.c). */
struct spaces {
	pthread_mutex_t lock; /* guards all of it but event_fd */
	unsigned max;	      /* 0: no limit */
	unsigned live, cached;
	struct list cache; /* least recently released first */
	int event_fd;	   /* platform_address_space_fd() */
	bool wanted;	   /* somebody was refused since event_fd was written last */
	uint64_t made, reused, evicted, refused;
};

/* ---- control.c: the gate in front of user code, and who has passed it ------------------------ */

enum control_state { CONTROL_STATE_RUNNING, CONTROL_STATE_PAUSED, CONTROL_STATE_EXITED };

struct control {
	pthread_mutex_t lock; /* held while an event is handled */
	_Atomic uint32_t state;
	/* Counted up by everything that makes all switches under way return. */
	_Atomic uint32_t generation;
	_Atomic uint32_t left; /* counted up by those who leave while the gate is shut; a futex */
	pthread_mutex_t contexts_lock; /* a leaf; guards the list */
	struct list contexts;
};

struct platform {
	const struct platform_ops *ops;
	struct platform_caps caps;
	struct memory *memory;
	struct windows windows;
	struct spaces spaces;
	struct control control;
};

struct address_space {
	struct platform *platform;
	/*
	 * The implementation changes mappings under it, until the old ones are forgotten everywhere,
	 * and access.c touches pages under it.
	 */
	pthread_mutex_t lock;
	uint64_t mappings_id; /* of one that is kept */
	struct list cached;   /* in spaces.cache */
};

struct context {
	struct platform *platform;
	struct list link;	     /* in control.contexts */
	_Atomic uint32_t inside;     /* has passed the gate and not come back yet */
	_Atomic uint32_t generation; /* of the platform when it came to the gate */
	_Atomic uint32_t interrupt;  /* context_interrupt() is owed an answer */
	/* Asleep in context_switch(): wake_seq is the futex, `waiting` says that somebody is there. */
	_Atomic uint32_t wake_seq, waiting;
};

/* spaces.c. Before anything else of the platform, and after everything. 0 or a negative errno. */
int spaces_init(struct platform *p, unsigned max);
/* Gives up those that are kept. */
void spaces_destroy(struct platform *p);
void spaces_stats(struct platform *p, struct platform_stats *out);

/* Before anything else of p is used. */
void control_init(struct platform *p);
void control_destroy(struct platform *p);
void control_add(struct context *c);
void control_remove(struct context *c);
/*
 * Passes the gate, or waits there, or fills *ev and says false. Who has passed it leaves by
 * gate_leave().
 */
bool gate_enter(struct context *c, struct switch_event *ev);
void gate_leave(struct context *c);
/* Wakes whoever sleeps on c->wake_seq. Async-signal-safe. */
void context_wake(struct context *c);

static inline bool gate_is_open(const struct platform *p)
{
	return atomic_load(&p->control.state) == CONTROL_STATE_RUNNING;
}

/* Has somebody asked for all vCPUs since c came to the gate? */
static inline bool context_is_stale(const struct context *c)
{
	return atomic_load(&c->platform->control.generation) !=
	       atomic_load_explicit(&c->generation, memory_order_relaxed);
}

/* Can guests read the number of their CPU with RDTSCP? */
static inline bool host_has_rdtscp(void)
{
	unsigned a, b, c, d = 0;

	return __get_cpuid(0x80000001, &a, &b, &c, &d) && (d & 1U << 27);
}

int platform_new_kvm(const struct platform_config *cfg, struct platform **out, struct error *err);
int platform_new_ptrace(const struct platform_config *cfg, struct platform **out, struct error *err);

#endif
