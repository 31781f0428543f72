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
 * Locks, outermost first: address_space.lock, windows.lock, machine.pool_lock, pt_pool.lock,
 * physmap.lock; machine.fpu_lock and memory's lock are leaves.
 */
#ifndef HUSK_PLATFORM_KVM_KVM_H
#define HUSK_PLATFORM_KVM_KVM_H

#include <assert.h>
#include <linux/kvm.h>
#include <pthread.h>
#include <stdatomic.h>

#include "base/list.h"
#include "platform/memory.h"
#include "platform/platform.h"

#define MAX_USER_ADDRESS 0x7ffffffff000UL
#define KERNEL_BASE 0xffff800000000000UL

#define GPA_ARENA (1UL << 20)
#define ARENA_SIZE ((1UL << 30) - GPA_ARENA)
#define GPA_HOST (2UL << 30)
#define HOST_WINDOWS 64
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
 * adding and deleting a dummy slot.
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
/* Quarantines all pages of a chain. */
void pt_pages_retire(struct pt_pool *pool, struct page_chain *chain);
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

/* ---- windows.c ------------------------------------------------------------------------------- */

#define WINDOW_BUCKETS 1024

struct windows {
	struct platform *platform;
	pthread_mutex_t lock;
	uint8_t *arena;	  /* one 2 MiB piece a window */
	uint64_t max;	  /* how many */
	struct window **by_index;
	struct window *hash[WINDOW_BUCKETS];
	struct list unused; /* least recently used first */
	unsigned n_unused;
	uint32_t fresh;	     /* pieces from here on were never used */
	uint32_t *free_stack; /* pieces that were */
	uint32_t n_free;
	struct window *host[HOST_WINDOWS];
	unsigned n_host;
	_Atomic uint64_t live;
};

int windows_init(struct windows *ws, struct platform *p, uint64_t gpa, uint64_t size,
		 struct error *err);
void windows_destroy(struct windows *ws);
/* The guest-physical address of a window; how many pages it has. */
uint64_t window_gpa(const struct window *w);
unsigned window_pages(const struct window *w);

/* ---- machine.c, vcpu.c, interrupts.c --------------------------------------------------------- */

/*
 * A vCPU's state word. READY: nobody's. USER: some thread owns it. GUEST (with USER): its owner is
 * at, in or just behind KVM_RUN. WAITER (with USER): others want it, its owner is to give it up.
 *
 *   READY → USER                 by compare-and-swap: whoever succeeds is the owner
 *   USER → USER|GUEST → USER     by the owner, around KVM_RUN
 *   … → …|WAITER                 by anybody, before a kick
 *   any → READY                  by the owner
 */
enum { VCPU_READY = 0, VCPU_USER = 1, VCPU_GUEST = 2, VCPU_WAITER = 4 };

struct vcpu {
	struct platform *platform;
	unsigned id;
	int fd;
	struct kvm_run *run;
	_Atomic uint32_t state;
	_Atomic pid_t tid;	  /* of the owner, for kicks */
	_Atomic uint64_t since;	  /* when the owner got it, CLOCK_MONOTONIC ns */
	_Atomic uint64_t slice;	  /* how long it may keep it when others wait, ns */
	/* Whose FPU state it has. Changed by the owner, or by the context's end, under fpu_lock. */
	struct context *_Atomic fpu_owner;
	uint8_t *page;	      /* TSS and exception stack, in this process */
	uint64_t page_address; /* the same in the guest */
	struct kvm_sregs sregs; /* as at every entry, but for CR3 and the FS and GS bases */

	/* Counted by the owner. */
	uint64_t exits, syscalls, faults, interrupts;
};

struct context {
	struct platform *platform;
	_Atomic uint32_t interrupt; /* context_interrupt() is owed an answer */
	struct vcpu *_Atomic vcpu;  /* that runs it now */
	struct vcpu *last;	    /* that ran it last; of the thread in context_switch() only */
	unsigned patience;	    /* how often in a row it was preempted before it got anywhere */
	/* Sleeping for a vCPU: wake_seq is the futex, `waiting` says that somebody is there. */
	_Atomic uint32_t wake_seq, waiting;

	/* The FPU: in fpu_vcpu if set, else in fpstate. Both under machine.fpu_lock. */
	struct vcpu *fpu_vcpu;
	struct kvm_xsave *fpstate;
};

struct waiter {
	struct list link;
	struct context *context;
	struct vcpu *granted;
};

enum landing { LANDING_UNKNOWN, LANDING_CPL0, LANDING_CPL3 };

struct machine {
	int vm_fd;
	size_t run_size;
	struct kvm_cpuid2 *cpuid;
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
	pthread_mutex_t fpu_lock;

	_Atomic uint64_t kicks, exact, ready, created, stolen, waited;
};

/* The whole platform is one object; its parts have a file each. */
struct platform {
	struct platform_caps caps;
	struct memory *memory;
	struct physmap physmap;
	struct pt_pool pt;
	struct machine machine;
	struct windows windows;
	uint32_t gdt_page, idt_page, lstar_page, vector_page;
	_Atomic uint64_t invalidations;
};

/* ioctl() with a negative errno. */
int kvm_ioctl(int fd, unsigned long request, void *arg);

int machine_init(struct platform *p, const struct platform_config *cfg, struct error *err);
void machine_destroy(struct platform *p);

/*
 * A vCPU for c, owned by the calling thread afterwards and with c's FPU state in it. Waits when
 * all are taken; NULL: c was interrupted meanwhile, or (with *err < 0) the host refused.
 */
struct vcpu *vcpu_get(struct context *c, int *err);
void vcpu_put(struct context *c, struct vcpu *v);

/* vcpu.c */
int vcpu_create(struct platform *p, unsigned id, struct vcpu **out);
void vcpu_destroy(struct vcpu *v);

/* interrupts.c */
/* Makes v's owner leave KVM_RUN, or not enter it. The reason must be visible already. */
void vcpu_kick(struct vcpu *v);
/* Asks for v if its owner has it and nobody has asked before. */
bool vcpu_preempt(struct vcpu *v);

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
int traps_init(struct platform *p, struct error *err);
/* Maps the TSS and exception stack of vCPU v->id; sets page and page_address. */
int traps_init_vcpu(struct vcpu *v);
void traps_load_segments(struct vcpu *v);
/* What Linux would send for exception `vector` in user mode; *regs: the user state at it. */
void trap_to_signal(struct context *c, struct vcpu *v, struct address_space *as, unsigned vector,
		    uint64_t error_code, uint64_t cr2, struct user_regs_struct *regs,
		    struct switch_event *ev);

/* What an exit leaves to do. */
enum exit_action {
	EXIT_DONE,     /* *ev and *regs are filled: return to the caller */
	EXIT_COMPLETE, /* only interrupted; *regs has the complete user state */
	EXIT_MUST_RUN, /* KVM_RUN again, nothing changed: the guest is about to exit by itself */
	EXIT_UNSURE,   /* KVM_RUN again: nothing of the program's is known */
};

/* Decodes the exit in v->run into *regs and *ev. */
enum exit_action exit_decode(struct context *c, struct vcpu *v, struct address_space *as,
			     struct user_regs_struct *regs, struct switch_event *ev);
/* The same after KVM_RUN failed with -EINTR. */
enum exit_action exit_interrupted(struct vcpu *v, struct user_regs_struct *regs,
				  struct switch_event *ev);
/* The same after any other `error` (negative errno). */
enum exit_action exit_decode_error(struct context *c, struct vcpu *v, int error,
				   struct user_regs_struct *regs, struct switch_event *ev);

/* ---- fpu.c ----------------------------------------------------------------------------------- */

int fpu_probe(struct platform *p, int kvm_fd, struct error *err);
/* Puts c's FPU state into v, which the caller owns, saving whoever's is there. 0, -errno. */
int fpu_load(struct context *c, struct vcpu *v);
/* Brings c->fpstate up to date, wherever the state is; the area, valid until c runs again. */
const uint8_t *fpu_sync(struct context *c);
int fpu_context_init(struct context *c);
void fpu_context_destroy(struct context *c);

/* ---- addrspace.c, selftest.c ----------------------------------------------------------------- */

struct address_space {
	struct platform *platform;
	pthread_mutex_t lock; /* guards the tables; KVM reads them without it */
	uint64_t cr3;
	uint64_t *root;
	struct page_chain tables;
};

/* Copies up to n instruction bytes at rip as the guest would see them; how many. */
size_t address_space_peek(struct address_space *as, uint64_t rip, uint8_t *buf, size_t n);

int selftest_run(struct platform *p, struct error *err);

#endif
