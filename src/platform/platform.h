/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The platform: what husk's application kernel runs on. Four objects.
 *
 *   Platform       one a sandbox: owns the machine, says what it can do, makes the other three
 *   Memory         the guest's memory: one allocatable file of 4 KiB frames, counted references
 *   AddressSpace   which frame stands at which guest virtual address; a cache that may forget
 *   Context        one a task: user-mode state that is not in the general registers (FPU), and
 *                  context_switch(), which runs user code until something happens
 *
 * Nothing here has heard of a task, a file or OCI: the room could be lifted out and used by another
 * project. All errors are negative errno. Every function may be called from any thread unless it
 * says otherwise; nothing here calls back into the rooms above.
 */
#ifndef HUSK_PLATFORM_PLATFORM_H
#define HUSK_PLATFORM_PLATFORM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/user.h>

#include "base/error.h"

/* PAGE_SHIFT, PAGE_SIZE and PAGE_MASK are sys/user.h's: 12, 4096, ~4095. */
#define CHUNK_SHIFT 21
#define CHUNK_SIZE (1UL << CHUNK_SHIFT) /* what one page-table page maps */
#define CHUNK_PAGES 512

struct platform;
struct memory;
struct address_space;
struct context;

/* ---- Platform -------------------------------------------------------------------------------- */

struct platform_caps {
	const char *name; /* "kvm" */
	/* copy_in() and friends work straight on an AddressSpace's mappings. */
	bool supports_address_space_io;
	/* An AddressSpace must be given up by its users before somebody else can have one. */
	bool cooperatively_schedules_address_space;
	/* context_switch() reports SWITCH_PREEMPTED. */
	bool detects_cpu_preemption;
	/* Mappings larger than this are made piecemeal, bytes; 0: no such limit. */
	uint64_t map_unit;
	uint64_t min_user_address;
	uint64_t max_user_address; /* first address that is not user space */
	/* Guest RDTSC is the host's, so the host's vvar pages are right in the guest. */
	bool tsc_is_host;
};

struct platform_config {
	int kvm_fd;	     /* an open /dev/kvm; kept by the caller until platform_new() returns */
	unsigned vcpus_max;  /* upper bound on vCPUs; 0: the platform's own choice */
	uint64_t memory_max; /* upper bound on the memory file, bytes; 0: half of the VA budget */
};

/*
 * Builds the KVM platform in this process (a forked child cannot use the parent's VM: EIO) and
 * runs the start-up self-test, which decides how system calls land and how translations are
 * invalidated. -ENODEV, -EACCES, -ENOSYS, … with a message naming the failing step.
 */
int platform_new_kvm(const struct platform_config *cfg, struct platform **out, struct error *err);
void platform_destroy(struct platform *p);
const struct platform_caps *platform_caps(const struct platform *p);
struct memory *platform_memory(struct platform *p);

/* Makes every context_switch() under way return SWITCH_PREEMPTED or SWITCH_INTERRUPT soon. */
int platform_preempt_all_cpus(struct platform *p);

/* Running counters since start, for `husk stats` and the tests. */
struct platform_stats {
	uint64_t exits, syscalls, faults, interrupts, kicks;
	uint64_t vcpu_exact, vcpu_ready, vcpu_new, vcpu_stolen, vcpu_waited;
	uint64_t slots, invalidations, purges, pt_pages, windows;
};
void platform_stats(struct platform *p, struct platform_stats *out);

/* ---- Memory ---------------------------------------------------------------------------------- */

/* A frame: 4 KiB of the memory file at offset frame << 12. 0 is never handed out: 'none'. */
typedef uint32_t frame_t;

enum memory_kind {
	MEMORY_ANONYMOUS, /* private and shared anonymous guest memory, copies of file pages */
	MEMORY_SYSTEM,	  /* stub, vDSO and the like */
	MEMORY_KINDS
};

/*
 * Allocates count (1 … CHUNK_PAGES) contiguous frames that read as zeros, each with one reference
 * and no host page behind it until it is touched. The first frame is aligned to the next power of
 * two ≥ count. -ENOMEM when the file has reached its bound.
 */
int memory_alloc(struct memory *m, unsigned count, enum memory_kind kind, frame_t *first);

void memory_ref(struct memory *m, frame_t first, unsigned count);
/*
 * Gives up one reference each. A frame without references is decommitted (its host page goes
 * back) and may be handed out again once its pins are gone too.
 * Precondition: no AddressSpace maps the frame on behalf of the reference given up.
 */
void memory_unref(struct memory *m, frame_t first, unsigned count);
/* How many references frame has now. 1 means the caller, who holds one, is alone. */
unsigned memory_refs(struct memory *m, frame_t frame);

/* Pins: a host call is using the frame through memory_ptr(). Counted, independent of references. */
void memory_pin(struct memory *m, frame_t first, unsigned count);
void memory_unpin(struct memory *m, frame_t first, unsigned count);
bool memory_pinned(struct memory *m, frame_t frame);

/* Where the frame is in this process. Neighbouring frames are neighbours here. Never NULL. */
void *memory_ptr(struct memory *m, frame_t frame);
/* The frame that ptr points into, or 0 if ptr is not in the memory file's mapping. */
frame_t memory_frame_of(struct memory *m, const void *ptr);

/* Drops the host pages; the frames stay allocated and read as zeros. */
int memory_decommit(struct memory *m, frame_t first, unsigned count);
/* vec[i] = 1 where frame first+i has a host page (was touched), else 0. */
int memory_committed(struct memory *m, frame_t first, unsigned count, uint8_t *vec);

uint64_t memory_usage(struct memory *m, enum memory_kind kind); /* allocated, bytes */
uint64_t memory_total_size(struct memory *m);			/* of the file, bytes */

/* ---- Windows on host files ------------------------------------------------------------------- */

/*
 * A window is a 2 MiB-aligned piece of a host file, mapped shared into this process and into guest
 * physical space: file pages are then the host's page cache, shared by all containers of an image.
 * Windows are cached by (dev, inode, offset, writable) and counted; those nobody uses are evicted
 * least-recently-used.
 */
struct window;

/*
 * offset: bytes, a multiple of CHUNK_SIZE. fd must allow reading, and writing if writable; it is
 * not needed after the call. The file may end inside the window or before it.
 * -ENODEV: the file cannot be mapped; -ENOMEM; -EACCES.
 */
int platform_window_get(struct platform *p, int fd, dev_t dev, ino_t ino, uint64_t offset,
			bool writable, struct window **out);
void window_ref(struct window *w);
/* Precondition as for memory_unref(). Host calls in flight hold a reference of their own. */
void window_put(struct window *w);
/* 2 MiB in this process. Touching a page beyond the file's end raises SIGBUS: use safecopy.h. */
void *window_ptr(struct window *w);
/* The window that ptr points into, or NULL. */
struct window *platform_window_of(struct platform *p, const void *ptr);

/*
 * Frames that are pages of this process' own at host address ptr (the host's vvar and vdso pages):
 * makes a window of npages (≤ CHUNK_PAGES) over them, read-only for the guest. Never evicted.
 */
int platform_window_host(struct platform *p, const void *ptr, unsigned npages, struct window **out);

/* ---- AddressSpace ---------------------------------------------------------------------------- */

enum { ACCESS_READ = 1, ACCESS_WRITE = 2, ACCESS_EXEC = 4 };

/* -EAGAIN: none free now. -ENOMEM. */
int platform_new_address_space(struct platform *p, struct address_space **out);
/*
 * Precondition: no context is inside context_switch() with it and none will be.
 * Its page-table pages are quarantined, not reused at once (KVM-FACTS: stale shadow pages).
 */
void address_space_release(struct address_space *as);

/*
 * Maps count frames (contiguous in the memory file) at addr, replacing what was there.
 * access without ACCESS_READ means no access: such pages are left unmapped.
 * A mapping that only adds rights or fills holes costs nothing but the entries; replacing or
 * narrowing one is an invalidation like address_space_unmap(). precommit: make host pages now.
 * Preconditions: addr page-aligned, all in [min, max user address).
 */
int address_space_map(struct address_space *as, uint64_t addr, frame_t first, unsigned count,
		      unsigned access, bool precommit);

/* The same for count pages of a window from page `first` on (0 … CHUNK_PAGES-1). */
int address_space_map_window(struct address_space *as, uint64_t addr, struct window *w,
			     unsigned first, unsigned count, unsigned access);

/*
 * Removes what is mapped in [addr, addr+len). When it returns, no vCPU can read or write through
 * the old translations any more, running ones included. Cost grows with what is mapped there, not
 * with len.
 */
void address_space_unmap(struct address_space *as, uint64_t addr, uint64_t len);

/*
 * Takes rights away from what is mapped in the ranges: afterwards pages there have at most
 * `access`. Ranges are handled as one batch with one invalidation (fork's write-protect).
 */
struct address_range {
	uint64_t addr, len;
};
void address_space_restrict(struct address_space *as, const struct address_range *ranges,
			    size_t count, unsigned access);

/* ---- Context --------------------------------------------------------------------------------- */

enum switch_reason {
	/*
	 * A SYSCALL instruction. regs->orig_rax is its number; rip is behind the instruction; rcx
	 * and r11 are as the instruction leaves them. The caller puts the result into regs->rax.
	 */
	SWITCH_SYSCALL,
	SWITCH_SIGNAL,	  /* the instruction at rip raised an exception: see the other fields */
	SWITCH_CPUID,	  /* a CPUID instruction faulted (hosts that can do that only) */
	SWITCH_INTERRUPT, /* context_interrupt(): nothing happened in the guest */
	SWITCH_PREEMPTED, /* the vCPU was taken away: call again */
	/*
	 * The host could not supply a page: some host file shrank under a mapping. The caller must
	 * unmap what lies beyond its files' ends and try again; then the guest's fault has an address.
	 */
	SWITCH_FILE_SHRUNK,
	/* The machine is broken (a KVM exit that must not happen): details are in the log. */
	SWITCH_FATAL,
};

struct switch_event {
	enum switch_reason reason;
	/* For SWITCH_SIGNAL: what Linux would send. */
	int signo;	 /* SIGSEGV, SIGFPE, SIGILL, SIGTRAP, SIGBUS */
	int si_code;	 /* as Linux would say for a bare exception; page faults: ask the VMAs */
	uint64_t addr;	 /* fault address (page faults: CR2; else rip) */
	bool page_fault; /* a translation or right is missing: ask the VMAs, not a verdict yet */
	unsigned access; /* page faults: ACCESS_READ, _WRITE or _EXEC, the one that failed */
	unsigned trapno;     /* for sigcontext: the x86 vector */
	unsigned error_code; /* for sigcontext */
};

int platform_new_context(struct platform *p, struct context **out);
/* Precondition: no thread is inside context_switch() with it. */
void context_release(struct context *c);

/*
 * Runs user code from *regs in as until something happens, and says what in *ev; *regs is then the
 * user state at that point, complete. fs_base and gs_base are part of *regs; segment selectors are
 * ignored on entry and read as 64-bit user ones on return. cpu: the CPU the caller believes to be
 * on, or -1.
 * A regs->rip outside user space gives SWITCH_SIGNAL with SIGSEGV, without running anything.
 * Preconditions: one thread at a time per context; the caller holds no lock that others need.
 */
void context_switch(struct context *c, struct address_space *as, struct user_regs_struct *regs,
		    int cpu, struct switch_event *ev);

/*
 * Makes a context_switch() under way return SWITCH_INTERRUPT, or the next one return so at once.
 * Any number before one return count as one. Callable from any thread, async-signal-safe.
 */
void context_interrupt(struct context *c);

/*
 * FPU state: the XSAVE area in standard (not compacted) format, as signal frames and ptrace carry
 * it. context_fpstate_size() bytes, a constant of the platform, legacy area and header included.
 * Preconditions: the context is not inside context_switch().
 */
size_t platform_fpstate_size(const struct platform *p);
/* The feature bits that may be set in XSTATE_BV (XCR0 as the guest sees it). */
uint64_t platform_fpstate_features(const struct platform *p);
void context_get_fpstate(struct context *c, void *buf);
/* Checks the header; bad state from a guest is -EINVAL and changes nothing. */
int context_set_fpstate(struct context *c, const void *buf);
void context_reset_fpstate(struct context *c);
void context_copy_fpstate(struct context *dst, struct context *src);

#endif
