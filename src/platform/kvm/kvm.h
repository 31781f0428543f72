/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the files of the KVM platform share. platform.h is the contract towards the rooms above.
 *
 * Guest-physical space:
 *
 *   1 MiB   arena     page-table pages, GDT, IDT, trampolines, one page a vCPU (anonymous memory)
 *   2 GiB   host      pages of this process shown to the guest (vvar, vDSO), a slot each
 *   3 GiB   dummy     one page, whose slot comes and goes to make KVM forget its shadow pages
 *   4 GiB   memory    the memory file: frame f is at 4 GiB + f * 4 KiB
 *   half    windows   2 MiB windows on host files
 *
 * Guest-virtual space: user space below 2^47, and one 2 MiB of supervisor pages at KERNEL_BASE
 * (traps.c), the same in every address space.
 *
 * Locks, outermost first: control.lock, address_space.lock, windows.lock, machine.pool_lock,
 * pt_pool.lock, physmap.lock; control.contexts_lock, machine.fpu_lock and memory's lock are leaves.
 */
#ifndef HUSK_PLATFORM_KVM_KVM_H
#define HUSK_PLATFORM_KVM_KVM_H

#include <assert.h>
#include <linux/kvm.h>
#include <pthread.h>
#include <stdatomic.h>

#include "base/list.h"
#include "platform/implementation.h"
#include "platform/kvm/stateword.h"

#define MAX_USER_ADDRESS 0x7ffffffff000UL
#define KERNEL_BASE 0xffff800000000000UL

#define GPA_ARENA (1UL << 20)
#define ARENA_SIZE ((1UL << 30) - GPA_ARENA)
#define GPA_HOST (2UL << 30)
#define GPA_DUMMY (3UL << 30)
#define GPA_MEMORY (4UL << 30)

#define VCPU_LIMIT 256 /* what the page of supervisor mappings has room for, and sanity */

/* ---- physmap.c: guest-physical memory -------------------------------------------------------- */

/*
 * A stretch of guest-physical space backed by a stretch of this process' address space. Slots are
 * added at its end, in doubling steps, when somebody is about to map what lies behind it:
 * `installed` is the whole mapping cache.
 */
struct region {
	uint64_t gpa, size; /* bytes */
	uint8_t *host;
	uint64_t first_step;
	_Atomic uint64_t installed; /* bytes from the start that have slots */
};

enum { REGION_ARENA, REGION_MEMORY, REGION_WINDOWS, REGIONS };

struct physmap {
	int vm_fd;
	pthread_mutex_t lock; /* guards slot numbers and the slot system calls */
	unsigned next_slot, max_slots;
	struct region region[REGIONS];
	_Atomic uint64_t slots, purges; /* statistics */
};

int physmap_init(struct physmap *pm, int vm_fd, int kvm_fd, struct error *err);
void physmap_region(struct physmap *pm, unsigned which, uint64_t gpa, void *host, uint64_t size,
		    uint64_t first_step);
/* Makes [0, end) of the region known to KVM. -ENOMEM. */
int physmap_install(struct physmap *pm, unsigned which, uint64_t end);
static inline int physmap_ensure(struct physmap *pm, unsigned which, uint64_t end)
{
	if (end <= atomic_load_explicit(&pm->region[which].installed, memory_order_acquire))
		return 0;
	return physmap_install(pm, which, end);
}
/* A read-only slot of its own over host pages. */
int physmap_add_readonly(struct physmap *pm, uint64_t gpa, const void *host, uint64_t size);
/* Where gpa is in this process; NULL: in no region (host windows). */
void *physmap_host(struct physmap *pm, uint64_t gpa);
/*
 * Makes KVM drop every shadow page and translation of the VM, those of running vCPUs included, by
 * adding and deleting a dummy slot. If it cannot be, the machine is broken.
 */
void physmap_purge(struct physmap *pm);

/* ---- pagetables.c ---------------------------------------------------------------------------- */

#define PTE_PRESENT (1UL << 0)
#define PTE_WRITE (1UL << 1)
#define PTE_USER (1UL << 2)
#define PTE_ACCESSED (1UL << 5)
#define PTE_DIRTY (1UL << 6)
#define PTE_NX (1UL << 63)
#define PTE_ADDRESS 0x000ffffffffff000UL
/* Accessed and dirty are set in advance: KVM would stop to write them back, at 4 times the cost. */
#define PTE_LEAF (PTE_PRESENT | PTE_ACCESSED | PTE_DIRTY)
#define PTE_TABLE (PTE_PRESENT | PTE_WRITE | PTE_USER | PTE_ACCESSED)

/* A chain of arena pages, linked through pt_pool.next. */
struct page_chain {
	uint32_t head, tail, count; /* page indices; 0: none */
};

/*
 * The arena's pages. A page that has been a page table must not become another one before a
 * purge: KVM keys its shadow pages by guest-physical address, and one that is still linked
 * somewhere would show the new contents in the old place. So freed pages wait in quarantine.
 */
struct pt_pool {
	struct physmap *pm;
	uint8_t *host;
	uint32_t *next; /* link of each page */
	pthread_mutex_t lock;
	uint32_t fresh, usable; /* pages below usable are accessible, from fresh on never used */
	struct page_chain free, quarantine;
	_Atomic uint64_t in_use;
	uint64_t kernel_pdpt; /* gpa of the supervisor half's tables, shared by all roots */
};

int pt_pool_init(struct pt_pool *pool, struct physmap *pm, struct error *err);
void pt_pool_destroy(struct pt_pool *pool);
/* A zeroed page, linked into chain (NULL: kept for good); its index, or 0 without memory. */
uint32_t pt_page_alloc(struct pt_pool *pool, struct page_chain *chain);
/* Gives up all pages of a chain: into quarantine if they were `seen`, used as page tables. */
void pt_pages_retire(struct pt_pool *pool, struct page_chain *chain, bool seen);
uint64_t pt_pages_quarantined(struct pt_pool *pool);
static inline uint64_t pt_page_gpa(uint32_t page)
{
	return GPA_ARENA + ((uint64_t)page << PAGE_SHIFT);
}
static inline void *pt_page_ptr(struct pt_pool *pool, uint32_t page)
{
	return pool->host + ((uint64_t)page << PAGE_SHIFT);
}
/* Maps an arena page for the supervisor, in all address spaces. flags: PTE_WRITE, PTE_NX. */
int pt_map_kernel(struct pt_pool *pool, uint64_t addr, uint32_t page, uint64_t flags);

/* ---- machine.c, pool.c, vcpu.c ---------------------------------------------------------------- */

struct vcpu {
	struct kvm *kvm;
	unsigned id;
	int fd;
	struct kvm_run *run;
	state_word state;
	_Atomic uint32_t pending, blocked; /* virtual interrupts, a bit each: interrupts.c */
	_Atomic pid_t tid;		   /* of the owner, for kicks */
	_Atomic uint64_t since;		   /* when the owner got it, CLOCK_MONOTONIC ns */
	_Atomic uint64_t deadline;	   /* how long it may keep it when others wait: clock.c */
	/* Whose FPU state it has. Changed by the owner, or by the context's end, under fpu_lock. */
	struct kvm_context *_Atomic fpu_owner;
	uint8_t *page;	       /* TSS and exception stack, in this process */
	uint64_t page_address; /* the same in the guest */
	struct kvm_sregs sregs; /* as at every entry, but for CR3 and the FS and GS bases */
	_Atomic uint64_t generation; /* of the translations it may have: invalidate.c */
	unsigned refusals;	     /* how often in a row KVM_RUN said EAGAIN */

	/* Counted by the owner with count(), read by anybody. */
	_Atomic uint64_t exits, syscalls, faults, page_faults, interrupts, preemptions, retries;
	_Atomic uint64_t exact, shrunk, fatal, reason[PLATFORM_REASONS];
};

/* Counts what only the caller counts, and others read. */
static inline void count(_Atomic uint64_t *n)
{
	atomic_store_explicit(n, atomic_load_explicit(n, memory_order_relaxed) + 1,
			      memory_order_relaxed);
}

struct kvm_context {
	struct context base;
	struct kvm *kvm;
	struct vcpu *_Atomic vcpu;  /* that runs it now */
	struct vcpu *last;	    /* that ran it last; of the thread in context_switch() only */
	/* How often its slice was doubled, and how many were long enough since. Of that thread only. */
	unsigned patience, calm;

	char *fatal; /* what switch_event.fatal pointed to last, malloc()ed */

	/* The FPU: in fpu_vcpu if set, else in fpstate. Both under machine.fpu_lock. */
	struct vcpu *fpu_vcpu;
	struct kvm_xsave *fpstate;
};

struct waiter {
	struct list link;
	struct kvm_context *context;
	struct vcpu *_Atomic granted;
};

enum landing { LANDING_UNKNOWN, LANDING_CPL0, LANDING_CPL3 };

struct machine {
	int vm_fd;
	size_t run_size;
	struct kvm_cpuid2 *cpuid;
	struct kvm_msr_list *msr_list; /* those that can be saved and restored */
	unsigned phys_bits;
	uint64_t cr4, xcr0;
	size_t xsave_size;   /* what KVM_GET_XSAVE2 writes */
	size_t fpstate_size; /* what the contract speaks of */
	bool xsave2;
	/* Where SYSCALL arrives (KVM-FACTS: on some hosts at LSTAR with CPL 3). */
	enum landing landing;

	unsigned max_vcpus;
	pthread_mutex_t pool_lock; /* guards the waiters, creation and choice of vCPUs */
	_Atomic unsigned n_vcpus;
	struct vcpu *vcpus[VCPU_LIMIT];
	struct list waiters;
	_Atomic unsigned n_waiters;
	struct waiter *_Atomic clock; /* the one of them who watches the slices */
	pthread_mutex_t fpu_lock;

	_Atomic uint64_t kicks, ready, created, stolen, waited;
};

struct kvm_space {
	struct address_space base;
	struct kvm *kvm;
	/* base.lock guards the tables; KVM reads them without it. */
	uint64_t cr3;
	uint64_t *root;
	struct page_chain tables;
	/* Which vCPUs may hold translations of it, and the present state of those: invalidate.c. */
	_Atomic uint64_t dirty[VCPU_LIMIT / 64];
	_Atomic uint64_t generation;
};

/* How vCPUs are made to forget translations: invalidate.c. */
enum forgetting { FORGET_BY_DATA, FORGET_BY_FLUSH, FORGET_NOTHING /* for the self-test */ };

/* The whole platform is one object; its parts have a file each. */
struct kvm {
	struct platform base;
	struct physmap physmap;
	struct pt_pool pt;
	struct machine machine;
	uint32_t gdt_page, idt_page, lstar_page, vector_page;
	/* Something happened that must not: every context_switch() from now on is SWITCH_FATAL. */
	_Atomic bool broken;
	enum forgetting forget;
	_Atomic uint64_t generations; /* the last one that was given out */
	_Atomic uint64_t maps, mapped_pages, unmaps, invalidations, invalidations_idle;
	_Atomic uint64_t forgotten_runs, forgotten_all, flushes, shootdowns;
};

static inline struct kvm *kvm_of(struct platform *p)
{
	return container_of(p, struct kvm, base);
}

static inline struct kvm_context *kvm_context_of(struct context *c)
{
	return container_of(c, struct kvm_context, base);
}

/*
 * inject.c: ioctl() with a negative errno, and the one place where tests put their own answers.
 * KVM_RUN takes no argument; ours is the run area, for those who look at it.
 */
int kvm_ioctl(int fd, unsigned long request, void *arg);
/* Answers instead of the host, or by asking it with kvm_ioctl_host(). NULL: no more. For tests. */
typedef int kvm_injector(int fd, unsigned long request, void *arg);
void kvm_inject(kvm_injector *injector);
int kvm_ioctl_host(int fd, unsigned long request, void *arg);

int machine_init(struct kvm *kvm, const struct platform_config *cfg, struct error *err);
void machine_destroy(struct kvm *kvm);

/*
 * pool.c: a vCPU for c, owned by the calling thread afterwards and with c's FPU state in it. Waits when
 * all are taken; NULL: c was interrupted or preempted meanwhile, or (with *err < 0) the host refused.
 */
struct vcpu *vcpu_get(struct kvm_context *c, int *err);
void vcpu_put(struct kvm_context *c, struct vcpu *v);
/* One that was never used, owned by the calling thread. -EAGAIN: there are as many as may be. */
int vcpu_get_fresh(struct kvm *kvm, struct vcpu **out);
/* The owner gives v up, and nobody gets it any more: its state could not be set as a whole. */
void vcpu_lose(struct vcpu *v);
/* When it returns, nobody touches c any more who once served it a vCPU. */
void pool_forget(struct kvm_context *c);

/* vcpu.c */
int vcpu_create(struct kvm *kvm, unsigned id, struct vcpu **out);
void vcpu_destroy(struct vcpu *v);

/* control.c */
/* Reads into out what v has of machine.msr_list (room for all of it); how many that are, or -errno. */
int vcpu_read_msrs(struct vcpu *v, struct kvm_msr_entry *out);

/* ---- interrupts.c, clock.c ------------------------------------------------------------------- */

/* In the order in which they are delivered. interrupts.c has a table of them. */
enum virq { VIRQ_SIGNAL, VIRQ_EXIT, VIRQ_PAUSE, VIRQ_PREEMPT, VIRQ_TIMER, VIRQ_SHOOTDOWN };
#define VIRQ_ALL ((1U << (VIRQ_SHOOTDOWN + 1)) - 1)

/*
 * Sets the bit and, unless it is blocked, bounces v to the kernel. Its cause must be visible
 * already. Async-signal-safe.
 */
void virq_set(struct vcpu *v, enum virq n);

/* The rest is for the owner of v. */
static inline bool virq_any(struct vcpu *v)
{
	return atomic_load(&v->pending) & ~atomic_load_explicit(&v->blocked, memory_order_relaxed);
}
/* The first that is pending and not blocked, or -1; *more: there are others. */
int virq_pending(struct vcpu *v, bool *more);
/*
 * Clears n and does what is to be done about it. True: *ev is what context_switch() has to return.
 * Precondition: the registers loaded into v are the program's.
 */
bool virq_deliver(struct kvm_context *c, struct vcpu *v, enum virq n, struct switch_event *ev);
/* Delivers what is pending, up to the first that says true. */
bool virq_deliver_all(struct kvm_context *c, struct vcpu *v, struct switch_event *ev);
static inline void virq_block(struct vcpu *v, uint32_t bits)
{
	if (atomic_load_explicit(&v->blocked, memory_order_relaxed) != bits)
		atomic_store(&v->blocked, bits);
}
/* c has come to v, and c->vcpu says so: sets the bits for what was asked of c before. */
void virq_adopt(struct kvm_context *c, struct vcpu *v);
/* c has left v, which is about to be put: what was asked of c is not the next one's business. */
void virq_disown(struct vcpu *v);

/* Makes v's owner leave KVM_RUN, or not enter it; false: it has none. Async-signal-safe. */
bool bounce_to_kernel(struct vcpu *v);
/* SHOOTDOWN for v, owned or not; returns when it has left guest mode, or was not in it. */
void bounce_to_host(struct vcpu *v);

/* c got v: its slice begins. now: CLOCK_MONOTONIC ns. */
void clock_start(struct kvm_context *c, struct vcpu *v, uint64_t now);
/* A slice of c's is over; was it long enough to get anywhere? */
void clock_judge(struct kvm_context *c, bool progressed);
/*
 * Raises TIMER on vCPUs whose slice is over, as many as there are waiters; under pool_lock.
 * When to be called again, CLOCK_MONOTONIC ns.
 */
uint64_t clock_tick(struct machine *m, uint64_t now);

/* ---- exits.c, traps.c ------------------------------------------------------------------------ */

/* Selectors in the guest's GDT. There is no 32-bit user code segment. */
enum {
	SEL_KERNEL_CODE = 0x10,
	SEL_KERNEL_DATA = 0x18,
	SEL_USER_DATA = 0x2b,
	SEL_USER_CODE = 0x33,
	SEL_TSS = 0x40,
};

#define LSTAR_ADDRESS (KERNEL_BASE + 0x2000)
#define CSTAR_ADDRESS (LSTAR_ADDRESS + 0x20)
#define VECTORS_ADDRESS (KERNEL_BASE + 0x3000)
#define VECTOR_SIZE 16

#define TRAP_DE 0
#define TRAP_DB 1
#define TRAP_NMI 2
#define TRAP_BP 3
#define TRAP_OF 4
#define TRAP_BR 5
#define TRAP_UD 6
#define TRAP_NM 7
#define TRAP_DF 8
#define TRAP_TS 10
#define TRAP_NP 11
#define TRAP_SS 12
#define TRAP_GP 13
#define TRAP_PF 14
#define TRAP_MF 16
#define TRAP_AC 17
#define TRAP_MC 18
#define TRAP_XM 19

/* The frame that the processor pushes for an exception, error code (if any) taken off. */
struct trap_frame {
	uint64_t rip, cs, rflags, rsp, ss;
};

/* Builds GDT, IDT and trampolines and maps them. */
int traps_init(struct kvm *kvm, struct error *err);
/* Maps the TSS and exception stack of vCPU v->id; sets page and page_address. */
int traps_init_vcpu(struct vcpu *v);
void traps_load_segments(struct vcpu *v);
/* Does the processor push an error code for it? Can user code raise it at all? vector: 0 … 255. */
bool trap_has_error_code(unsigned vector);
bool trap_is_possible(unsigned vector);
/* What Linux would send for exception `vector` in user mode; *regs: the user state at it. */
void trap_to_signal(struct kvm_context *c, struct vcpu *v, struct kvm_space *as, unsigned vector,
		    uint64_t error_code, uint64_t cr2, struct user_regs_struct *regs,
		    struct switch_event *ev);

/* A program's registers out of KVM's. */
void exit_user_registers(const struct kvm_regs *r, const struct kvm_sregs *s,
			 struct user_regs_struct *u);

/* What an exit leaves to do. */
enum exit_action {
	EXIT_DONE,     /* *ev and *regs are filled: return to the caller */
	EXIT_COMPLETE, /* only interrupted; *regs has the complete user state */
	EXIT_MUST_RUN, /* KVM_RUN again, nothing changed: the guest is about to exit by itself */
	EXIT_UNSURE,   /* KVM_RUN again: nothing of the program's is known */
};

/* Counts what KVM_RUN answered: 0 with v->run->exit_reason, or a negative errno. */
void exit_count(struct vcpu *v, int r);
/* Decodes that answer and what is in v->run into *regs and *ev. */
enum exit_action exit_decode(struct kvm_context *c, struct vcpu *v, struct kvm_space *as, int r,
			     struct user_regs_struct *regs, struct switch_event *ev);
/* There is no vCPU for c, because of `error` or because the machine is broken: SWITCH_FATAL. */
void exit_no_vcpu(struct kvm_context *c, int error, struct switch_event *ev);

/* ---- fpu.c ----------------------------------------------------------------------------------- */

int fpu_probe(struct kvm *kvm, int kvm_fd, struct error *err);
/* Puts c's FPU state into v, which the caller owns, saving whoever's is there. 0, -errno. */
int fpu_load(struct kvm_context *c, struct vcpu *v);
/* v, which the caller owns and which was nobody's, has c's FPU state in it already. */
void fpu_adopt(struct kvm_context *c, struct vcpu *v);
/*
 * Brings c->fpstate up to date, wherever the state is; the area, valid until c runs again. By the
 * owner of the vCPU that has the state, if one has.
 */
const uint8_t *fpu_sync(struct kvm_context *c);
int fpu_context_init(struct kvm_context *c);
void fpu_context_destroy(struct kvm_context *c);

/* ---- invalidate.c ---------------------------------------------------------------------------- */

#define INVALIDATION_RUNS 16 /* of contiguous pages; above this a purge is cheaper */

/* What one call has taken away from an address space, under its lock. */
struct invalidation {
	struct kvm_space *as;
	bool any, everything; /* too many runs, or pages that cannot be handled one by one */
	unsigned n;
	struct {
		uint64_t gpa, len;
	} run[INVALIDATION_RUNS];
};

/* The page at gpa has lost rights or its place. */
void forget_page(struct invalidation *inv, uint64_t gpa);
/* When it returns nobody can use what was taken away any more. */
void forget(struct invalidation *inv);

/* A generation that no other address space ever had. */
uint64_t generation_next(struct kvm *kvm);
/*
 * v is about to run user code of as: called with VCPU_GUEST set and the registers to enter with in
 * the run area, before each KVM_RUN that may execute user instructions. False: it must not, the
 * machine is broken.
 */
bool space_enter(struct vcpu *v, struct kvm_space *as);
/* Something happened that must not: when it returns, no user instruction is executed any more. */
void machine_break(struct kvm *kvm);
/* Has any vCPU run it? */
bool space_ran(struct kvm_space *as);

/* ---- addrspace.c, selftest.c ----------------------------------------------------------------- */

static inline struct kvm_space *kvm_space_of(struct address_space *as)
{
	return container_of(as, struct kvm_space, base);
}

/* The guest-physical address of a window. */
static inline uint64_t window_gpa(struct kvm *kvm, const struct window *w)
{
	uint64_t base = w->is_host ? GPA_HOST : kvm->physmap.region[REGION_WINDOWS].gpa;

	return base + ((uint64_t)w->index << CHUNK_SHIFT);
}

/* The lowest user address at which guest-physical page gpa can be read; 0: at none. */
uint64_t address_space_where(struct kvm_space *as, uint64_t gpa);
/* Copies up to n instruction bytes at rip as the guest would see them; how many. */
size_t address_space_peek(struct kvm_space *as, uint64_t rip, uint8_t *buf, size_t n);

/* ---- the entries of struct platform_ops (platform.h says what they do) ----------------------- */

void kvm_preempt_all_cpus(struct platform *p);
int kvm_save_state(struct platform *p, struct platform_reply *reply);
int kvm_load_state(struct platform *p, const void *data, size_t size, unsigned index,
		   struct context *c, struct user_regs_struct *regs);
int kvm_dump_cpu_config(struct platform *p, struct platform_reply *reply);
int kvm_new_space(struct platform *p, struct address_space **out);
void kvm_destroy_space(struct address_space *as);
int kvm_map(struct address_space *as, uint64_t addr, frame_t first, unsigned count, unsigned access,
	    bool precommit);
int kvm_map_window(struct address_space *as, uint64_t addr, struct window *w, unsigned first,
		   unsigned count, unsigned access);
void kvm_restrict(struct address_space *as, const struct address_range *ranges, size_t count,
		  unsigned access);
void *kvm_find_page(struct address_space *as, uint64_t addr, unsigned access);
void kvm_switch(struct context *c, struct address_space *as, struct user_regs_struct *regs, int cpu,
		struct switch_event *ev);
void kvm_interrupt(struct context *c);
size_t kvm_fpstate_size(const struct platform *p);
uint64_t kvm_fpstate_features(const struct platform *p);
void kvm_get_fpstate(struct context *c, void *buf);
int kvm_set_fpstate(struct context *c, const void *buf);
void kvm_reset_fpstate(struct context *c);
void kvm_copy_fpstate(struct context *dst, struct context *src);

/* What vcpu.reason[i] counts; NULL: nothing. */
const char *kvm_reason_name(unsigned i);
int selftest_run(struct kvm *kvm, enum platform_invalidation invalidation, struct error *err);

#endif
