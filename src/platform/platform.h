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
	/* Guest RDTSCP tells the host's CPU, as Linux encodes it: node << 12 | CPU. */
	bool cpu_is_host;
	/* How vCPUs are made to forget translations, for reports: "data", "flush"; NULL: no need. */
	const char *invalidation;
};

/* How translations are taken from running vCPUs (kvm/invalidate.c). */
enum platform_invalidation {
	INVALIDATION_AUTO,  /* what the start-up self-test found to work */
	INVALIDATION_DATA,  /* MADV_DONTNEED on the data pages, a purge for many: right everywhere */
	INVALIDATION_FLUSH, /* a TLB generation a vCPU; for tests, on hosts known to honour it */
};

struct platform_config {
	/* An open /dev/kvm, the caller's until platform_new() returns; or why there is none, as -errno. */
	int kvm_fd;
	unsigned vcpus_max;  /* upper bound on vCPUs; 0: the platform's own choice */
	uint64_t memory_max; /* upper bound on the memory file, bytes; 0: half of the VA budget */
	/* Upper bound on address spaces, those in use and those kept; 0: the platform's own. */
	unsigned address_spaces_max;
	enum platform_invalidation invalidation;
};

enum platform_kind {
	PLATFORM_KVM,	 /* user mode of a KVM guest */
	PLATFORM_PTRACE, /* processes of the host that are traced; needs no /dev/kvm */
	PLATFORM_AUTO,	 /* KVM where it works; elsewhere ptrace, and a warning in the log says why */
};

/*
 * Builds the platform in this process (a forked child cannot use the parent's VM: EIO) and runs
 * its start-up self-test, which for KVM decides how system calls land and how translations are
 * invalidated. -ENODEV, -EACCES, -ENOSYS, … with a message naming the failing step.
 */
int platform_new(enum platform_kind kind, const struct platform_config *cfg, struct platform **out,
		 struct error *err);
/* The kind that a person calls "kvm", "ptrace" or "auto". False: there is none of that name. */
bool platform_kind_of(const char *name, enum platform_kind *kind);
void platform_destroy(struct platform *p);
const struct platform_caps *platform_caps(const struct platform *p);
struct memory *platform_memory(struct platform *p);

/*
 * Makes every context_switch() under way return soon: SWITCH_PREEMPTED, unless something else
 * happened to it meanwhile. One that begins after the call is not touched.
 */
int platform_preempt_all_cpus(struct platform *p);

/*
 * Running counters since start, for `husk stats` and the tests. They are read while others count:
 * each is right, together they are a moment apart. An implementation that does not know a thing
 * leaves its counter 0.
 */
#define PLATFORM_REASONS 64

struct platform_stats {
	/* Out of user code, and why. */
	uint64_t exits, syscalls, faults, page_faults, interrupts, preemptions;
	uint64_t retries; /* entered again without a report: nothing had happened */
	uint64_t shrunk, fatal;
	/* The same in the host's words: platform_reason_name() has them. */
	uint64_t reason[PLATFORM_REASONS];

	/* How a context got its vCPU, and how vCPUs were got out of user code. */
	uint64_t vcpus, vcpu_exact, vcpu_ready, vcpu_new, vcpu_stolen, vcpu_waited;
	uint64_t kicks, shootdowns;

	/* Guest-physical memory. */
	uint64_t slots, pt_pages, pt_quarantine, purges;
	uint64_t windows;

	/* Address spaces now (cached: released, kept for their mappings id), and since start. */
	uint64_t spaces, spaces_cached;
	uint64_t spaces_made, spaces_reused, spaces_evicted, spaces_refused;

	/* Mapping calls and pages; invalidations, and what was done for them. */
	uint64_t maps, mapped_pages, unmaps;
	uint64_t invalidations;	     /* something was taken away from a space that had run */
	uint64_t invalidations_idle; /* … that had not: nothing to do */
	uint64_t invalidated_runs;   /* by forgetting data pages: contiguous runs of them */
	uint64_t invalidation_purges; /* by forgetting everything */
	uint64_t invalidation_flushes; /* by a new TLB generation */
};
void platform_stats(struct platform *p, struct platform_stats *out);
/* The same as a JSON object, malloc()ed; NULL without memory. */
char *platform_stats_json(struct platform *p);
/* What reason[i] counts; NULL: nothing. */
const char *platform_reason_name(const struct platform *p, unsigned i);

/* ---- Control --------------------------------------------------------------------------------- */

/*
 * The machine as a whole: RUNNING from platform_new() on, then RUNNING ⇄ PAUSED → EXITED, moved by
 * events. Each event gets exactly one answer, in every state; one event is handled at a time.
 *
 *                             RUNNING            PAUSED             EXITED
 *   PLATFORM_PAUSE             Paused → PAUSED    Paused             Exited
 *   PLATFORM_RESUME            Resumed            Resumed → RUNNING  Exited
 *   PLATFORM_SAVE_STATE        NotAllowed         Saved, Error       Exited
 *   PLATFORM_DUMP_CPU_CONFIG   NotAllowed         Dumped, Error      Exited
 *   PLATFORM_FINISH            Exited → EXITED    Exited → EXITED    Exited
 *
 * PAUSED: no vCPU is in guest mode and none can enter it. Who calls context_switch() waits inside
 * at a gate, where context_interrupt() reaches him; who was inside comes to the same gate, or
 * returns if something happened in the guest. Work of the callers' own goes on: to stop a sandbox
 * whole, freeze its threads after the answer. EXITED: every context_switch() returns SWITCH_EXITED;
 * none is inside when the event is answered, so that contexts can be released and platform_destroy()
 * may follow.
 */
enum platform_event {
	PLATFORM_PAUSE,
	PLATFORM_RESUME,
	PLATFORM_SAVE_STATE,
	PLATFORM_DUMP_CPU_CONFIG,
	PLATFORM_FINISH,
};

enum platform_answer {
	PLATFORM_PAUSED,
	PLATFORM_RESUMED,
	PLATFORM_SAVED,	 /* reply: the state of all vCPUs, for platform_load_state() */
	PLATFORM_DUMPED, /* reply: CPUID leaves and MSRs of the guest, a JSON text */
	PLATFORM_NOT_ALLOWED, /* not in this state: pause first */
	PLATFORM_EXITED,
	PLATFORM_ERROR, /* reply->error says why; the state is as it was */
};

struct platform_reply {
	int error;   /* PLATFORM_ERROR: negative errno; else 0 */
	void *data;  /* PLATFORM_SAVED, PLATFORM_DUMPED: to be freed by the caller; else NULL */
	size_t size; /* of data, bytes; a text's final 0 is not counted, but is there */
};

/*
 * Hands event in and waits for its answer. reply may be NULL for events that return no data.
 * Precondition: the caller is not inside context_switch().
 */
enum platform_answer platform_control(struct platform *p, enum platform_event event,
				     struct platform_reply *reply);

/*
 * Loads vCPU `index` of what PLATFORM_SAVE_STATE gave into a fresh vCPU, and makes the context that
 * has it: context_switch() with *regs goes on where the program was, bit by bit. Its memory, and
 * an address space with it at the same places, are the caller's to bring.
 * -ENOENT: there are no more; -ENODATA: that vCPU was not in the middle of user code, so that its
 * program is with the caller of context_switch(); -EINVAL: not a saved state, or one of a machine
 * that is not like this one; -EAGAIN: no vCPU left; -EOPNOTSUPP: not in this implementation. Others:
 * the host took a part of it only; that vCPU is lost, and counts as one that there is.
 */
int platform_load_state(struct platform *p, const void *data, size_t size, unsigned index,
			struct context **out, struct user_regs_struct *regs);

/* ---- Memory ---------------------------------------------------------------------------------- */

/* A frame: 4 KiB of the memory file at offset frame << 12. 0 is never handed out: 'none'. */
typedef uint32_t frame_t;

/*
 * What a frame is for, which only usage figures ask. There is none for tasks: their page tables and
 * register state are the platform's own memory, not the guest's. The page cache proper is the
 * host's (windows, below).
 */
enum memory_kind {
	MEMORY_ANONYMOUS,  /* private memory of programs: heaps, stacks, copies made after fork */
	MEMORY_PAGE_CACHE, /* private copies of file pages, made by the first write to each */
	MEMORY_SHARED,	   /* shared anonymous memory */
	MEMORY_SYSTEM,	   /* the vDSO, self-tests: nothing that a program allocated */
	MEMORY_KINDS
};

/*
 * Allocates count (1 … CHUNK_PAGES) contiguous frames that read as zeros, each with one reference
 * and no host page behind it until it is touched. A whole chunk is 2 MiB-aligned, so that the host
 * can back it with one huge page. -ENOMEM when the file has reached its bound, or the host refuses
 * to let it grow.
 */
int memory_alloc(struct memory *m, unsigned count, enum memory_kind kind, frame_t *first);
/*
 * The same, filled with len bytes from src (1 ≤ len ≤ count pages; the rest reads as zeros), which
 * may be a window: -EFAULT if src cannot be read to its end, and then nothing is allocated.
 */
int memory_alloc_filled(struct memory *m, unsigned count, enum memory_kind kind, const void *src,
			size_t len, frame_t *first);

void memory_ref(struct memory *m, frame_t first, unsigned count);
/*
 * Gives up one reference each. A frame without references is decommitted (its host page goes
 * back) and may be handed out again once its pins are gone too.
 * Precondition: no AddressSpace maps the frame on behalf of the reference given up.
 */
void memory_unref(struct memory *m, frame_t first, unsigned count);
/*
 * memory_unref() for many ranges: what becomes free is collected, and host pages go back together,
 * neighbours in one host call. Begin with {.memory = m}; ranges are free for certain, and usage is
 * right, only after memory_batch_flush().
 */
#define MEMORY_BATCH_RUNS 64
struct memory_batch {
	struct memory *memory;
	unsigned n;
	struct {
		frame_t first;
		unsigned count;
	} run[MEMORY_BATCH_RUNS];
};
void memory_batch_unref(struct memory_batch *b, frame_t first, unsigned count);
void memory_batch_flush(struct memory_batch *b);
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
/* What the host really holds for the file, swapped out or not, bytes. One fstat(2). */
uint64_t memory_total_usage(struct memory *m);
/*
 * The same by kind: goes through the file's map of holes, so its cost grows with what is
 * committed (about 1 us per stretch). Bytes, exact if nobody touches memory meanwhile. -errno.
 */
int memory_update_usage(struct memory *m, uint64_t held[MEMORY_KINDS]);

/*
 * Writes which frames are allocated, with their kinds and references, and the contents of those
 * that have a host page, to fd (file, pipe or socket; blocking). Pins are not saved: they belong
 * to host calls. Precondition: nobody uses m meanwhile. -EBUSY: something is pinned; -errno of
 * write(2); with a message.
 */
int memory_save_to(struct memory *m, int fd, struct error *err);
/*
 * Makes m what was saved, bit by bit: the same frames with the same contents and references, and
 * no host page where there was none. Reads no further than the end of the saved stream.
 * -EBUSY: something is allocated in m; -EPROTONOSUPPORT: another version or page size; -EBADMSG:
 * not such a stream, cut short or damaged; -ENOMEM: more frames than m's bound; -errno of read(2);
 * with a message, and m is empty again.
 */
int memory_load_from(struct memory *m, int fd, struct error *err);

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

/*
 * mappings_id names a set of mappings, for good: the caller never uses the number for another set.
 * If an address space was released with the same number and is still in the cache, *out is that
 * one with its mappings in place, and the answer is 1. Otherwise, and always for mappings_id 0, it
 * is an empty one, and the answer is 0. It is the caller's until address_space_release().
 * -EAGAIN: none now, all that the configuration allows are in use; kept ones are given up before
 * it comes to that. platform_address_space_fd() becomes readable when it is worth asking again.
 * -ENOMEM.
 */
int platform_new_address_space(struct platform *p, uint64_t mappings_id,
			       struct address_space **out);
/*
 * Readable when an address space has become free since the last -EAGAIN. Level-triggered, the
 * platform's, for poll() only: neither read nor closed by the caller.
 */
int platform_address_space_fd(const struct platform *p);
/*
 * Gives the address space up. mappings_id: as above, it may be kept with its mappings; 0: nobody
 * will ask for these mappings again.
 * Preconditions: no context is inside context_switch() with it and none will be; with a
 * mappings_id, the frames and windows mapped stay referenced until it was asked for again or
 * platform_forget_mappings() returned; the number is not that of one that is kept already.
 */
void address_space_release(struct address_space *as, uint64_t mappings_id);
/* Nobody will ask for mappings_id again: what is kept under it, if anything, goes. */
void platform_forget_mappings(struct platform *p, uint64_t mappings_id);

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

/*
 * Access through an AddressSpace's own mappings, with the rights that they give to user code
 * (caps.supports_address_space_io says whether this is there: -EOPNOTSUPP or 0 bytes if not).
 *
 * Copies answer how many bytes they did, from the first on. If that is less than n, *fault (NULL:
 * not wanted) says where and why it went no further: addr is the exact address of the first byte
 * that could not be accessed, signo is SIGSEGV where nothing is mapped there with that right, and
 * SIGBUS where the host file behind the mapping ends before. What is not mapped yet is not mapped
 * by this: ask the VMAs, map, go on at fault->addr.
 *
 * Another thread may unmap meanwhile: the unmapping waits for the page under copy and the copy
 * stops before the next one. Host files may shrink.
 * Preconditions: none on addr and n; host memory is the caller's, and not guest memory.
 */
struct address_fault {
	uint64_t addr;
	int signo;
};
size_t address_space_copy_in(struct address_space *as, void *dst, uint64_t addr, size_t n,
			     struct address_fault *fault);
size_t address_space_copy_out(struct address_space *as, uint64_t addr, const void *src, size_t n,
			      struct address_fault *fault);
size_t address_space_zero_out(struct address_space *as, uint64_t addr, size_t n,
			      struct address_fault *fault);
/*
 * Atomic for guest and host threads. *old is what was there; cas: the exchange took place if that
 * is `expected`. 0; -EFAULT with *fault as above; -EINVAL: addr is not a multiple of 4.
 */
int address_space_load_u32(struct address_space *as, uint64_t addr, uint32_t *value,
			   struct address_fault *fault);
int address_space_swap_u32(struct address_space *as, uint64_t addr, uint32_t value, uint32_t *old,
			   struct address_fault *fault);
int address_space_cas_u32(struct address_space *as, uint64_t addr, uint32_t expected,
			  uint32_t value, uint32_t *old, struct address_fault *fault);

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
	/* The machine is broken: an exit or error that must not happen. ev->fatal says which. */
	SWITCH_FATAL,
	SWITCH_EXITED, /* PLATFORM_FINISH: no user code runs any more */
};

struct switch_event {
	enum switch_reason reason;
	/* For SWITCH_SIGNAL: what Linux would send. */
	int signo;	 /* SIGSEGV, SIGFPE, SIGILL, SIGTRAP, SIGBUS */
	int si_code;	 /* as Linux would say for a bare exception; page faults: ask the VMAs */
	uint64_t addr;	 /* fault address (page faults: CR2; bad memory: where, or 0; else rip) */
	bool page_fault; /* a translation or right is missing: ask the VMAs, not a verdict yet */
	unsigned access; /* page faults: ACCESS_READ, _WRITE or _EXEC, the one that failed */
	unsigned trapno;     /* for sigcontext: the x86 vector */
	unsigned error_code; /* for sigcontext */
	/*
	 * For SWITCH_FATAL: one line that names the exit and the registers. The context's, until it
	 * is switched again or released.
	 */
	const char *fatal;
};

int platform_new_context(struct platform *p, struct context **out);
/* Precondition: no thread is inside context_switch() with it. */
void context_release(struct context *c);
/*
 * Gives up what ties the context to the thread that switched it last. Needed before another thread
 * switches it or reads or writes its FPU state (a traced process answers only its tracer).
 * Precondition: the caller is that thread, or nobody has switched it yet.
 */
void context_unbind(struct context *c);

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
 * CPU time, nanoseconds, that user code of c took and the host did not count as that of the threads
 * that called context_switch(): a traced process has threads of its own, a vCPU has not (0).
 * From any thread.
 */
uint64_t context_cpu_time(struct context *c);

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
