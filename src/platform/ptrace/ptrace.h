/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the files of the ptrace platform share. platform.h is the contract towards the rooms above.
 *
 * User code runs in stubs: processes of the host that have the guest's mappings and nothing else,
 * resumed by PTRACE_SYSEMU, so that a SYSCALL instruction stops them and is never executed.
 *
 *   zygote     one a platform: a process with one page of code, from which all stubs are forked
 *   stub       one an address space: a process with the guest's mappings and, at STUB_BASE, that
 *              page. Its first thread sleeps there, for ever: the host does not tell the end of a
 *              process' first thread while others are not waited for, so nobody may trace it. The
 *              second, the cloner, sleeps there too and makes the others
 *   worker     a thread of a stub, traced by one host thread: only the tracer may resume it, so
 *              each host thread that runs user code in an address space has one of its own there
 *   tracer     a host thread and its workers
 *
 * A stub shares the descriptor table of this process: it maps the memory file and host files by the
 * same numbers. What may execute a system call there, when we ask it to, is the stub page only; a
 * seccomp filter says so, for the day a stub runs and is not traced.
 *
 * Locks, outermost first: address_space.lock, stub.lock, zygote_lock, traced.lock; fpu_lock and
 * memory's lock are leaves.
 */
#ifndef HUSK_PLATFORM_PTRACE_PTRACE_H
#define HUSK_PLATFORM_PTRACE_PTRACE_H

#include <assert.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <sys/user.h>

#include "base/list.h"
#include "platform/implementation.h"

/*
 * The top of user space: the stub page, then a slot for each worker, where the host puts the signal
 * frame that says what exactly a fault was (faults.c).
 */
#define HOST_USER_END 0x7ffffffff000UL
#define STUB_AREA (64UL << 20)
#define STUB_BASE (HOST_USER_END - STUB_AREA)
#define SLOT_PAGES 4 /* room for a frame with all that XSAVE can hold */
#define SLOT_SIZE (SLOT_PAGES * PAGE_SIZE)
#define SLOTS_MAX ((STUB_AREA - PAGE_SIZE) / SLOT_SIZE)
#define MAX_USER_ADDRESS STUB_BASE

#define USER_CODE 0x33
#define USER_DATA 0x2b
#define USER_CODE32 0x23

#define TRAP_DE 0
#define TRAP_DB 1
#define TRAP_BP 3
#define TRAP_UD 6
#define TRAP_GP 13
#define TRAP_PF 14

/* Offsets in the stub page (stub_amd64.S). */
#define STUB_PARK 0x10	/* sleeps for ever */
#define STUB_CALL 0x20	/* a SYSCALL, then INT3, or for a clone in rbp's sense to STUB_PARK */
#define STUB_HANDLER 0x30
#define STUB_BOOT 0x40
#define STUB_FILTER 0x200 /* a struct sock_fprog and its program */

struct worker;

struct stub {
	struct traced *traced;
	pid_t pid; /* of the process and its first thread */
	pid_t cloner;	      /* its second thread, which makes the others */
	pthread_mutex_t lock; /* held by who uses the cloner, or looks for a parked worker */
	struct list workers;  /* under traced.lock, as worker.tracer */
	unsigned slots;	      /* handed out so far; under lock */
	_Atomic bool broken;  /* killed, from outside, or because it could not be made to forget */
	struct list link;     /* in traced.idle */
};

struct worker {
	struct stub *stub;
	pid_t tid;
	struct tracer *tracer; /* NULL: parked, untraced */
	struct list in_stub, in_tracer;
	frame_t slot;	   /* its SLOT_PAGES frames */
	uint64_t slot_address; /* the same in the stub */
	_Atomic bool dead;
	/* Whom the thread's CPU time after `charged` ns of it belongs to; under fpu_lock. */
	struct traced_context *user;
	uint64_t charged;
	/* Whose FPU state is here. Changed by the tracer or the context's end, under fpu_lock. */
	struct traced_context *_Atomic fpu_owner;

	/* Counted by the tracer. */
	uint64_t exits, syscalls, faults, page_faults, interrupts, preemptions, retries, shrunk;
};

/* One a host thread and platform; freed when both have let go of it. */
struct tracer {
	struct traced *traced; /* NULL: the platform is gone. Under tracers_lock (workers.c) */
	struct tracer *next;   /* of the thread */
	struct list link;      /* in traced.tracers */
	uint64_t traced_id;
	pid_t tid;
	struct list workers;
	/* What worker_get() answered last; `last` is valid while the space with that id is. */
	uint64_t last_space;
	struct worker *last;
};

struct traced_space {
	struct address_space base;
	struct traced *traced;
	uint64_t id; /* never used again */
	struct stub *stub;
	struct table *root; /* mappings.c */
};

struct traced_context {
	struct context base;
	struct traced *traced;
	/* The host thread inside switch_to(), or 0; and whether it is to look at why. */
	_Atomic pid_t running;
	_Atomic uint32_t kicked;
	/* The FPU: in fpu_worker if set, else in fpstate. Both under fpu_lock. */
	struct worker *fpu_worker;
	uint8_t *fpstate;
	/* CPU time that workers took for it: cpu_ns, and since then what cpu_worker took. */
	uint64_t cpu_ns;
	struct worker *cpu_worker; /* whose `user` it is; under fpu_lock, too */
	char fatal[160];
};

struct traced {
	struct platform base;
	uint64_t id;

	/* The zygote, and the thread that is its parent, and that of all stubs, on the host. */
	pthread_t keeper;
	bool has_keeper;
	sem_t keeper_ready, keeper_end;
	int boot_pipe[2];
	pid_t zygote;
	pthread_mutex_t zygote_lock; /* held by who has it fork */
	frame_t page;		     /* the stub page */
	uid_t uid;		     /* real ids of zygote and stubs */
	gid_t gid;

	size_t regset_size;  /* what the host's NT_X86_XSTATE is */
	size_t fpstate_size; /* what the contract speaks of */
	uint64_t features;
	bool int1_stays; /* the host shows INT1 with RIP at it, where hardware has it behind */

	pthread_mutex_t lock; /* guards the lists of workers and the stubs that nobody uses */
	struct list tracers;
	struct list idle;
	unsigned n_idle;
	pthread_mutex_t fpu_lock;

	_Atomic uint64_t next_space;
	_Atomic uint64_t kicks, stubs_made, stubs_reused, workers_made, workers_reused, calls;
	_Atomic uint64_t early; /* interruptions answered without a worker */
	_Atomic uint64_t maps, mapped_pages, unmaps;
	struct worker retired; /* the counters of workers that are gone; under lock */
};

static inline struct traced *traced_of(struct platform *p)
{
	return container_of(p, struct traced, base);
}

static inline struct traced_space *traced_space_of(struct address_space *as)
{
	return container_of(as, struct traced_space, base);
}

static inline struct traced_context *traced_context_of(struct context *c)
{
	return container_of(c, struct traced_context, base);
}

/* ---- requests.c: what ptrace(2) and wait4(2) say, with a negative errno ---------------------- */

long trace(long request, pid_t tid, const void *addr, const void *data);
/* Waits for tid to stop or end; kicks do not disturb. 0 or a negative errno. */
int trace_wait(pid_t tid, int *status);
/* A stop of the PTRACE_EVENT_STOP kind. */
bool stopped_by_us(int status);
bool has_ended(int status);
/* What a stub's threads share. */
#define STUB_THREAD_FLAGS                                                                          \
	(CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM)

/*
 * Seizes and stops a thread that sleeps in the stub page; the caller is its tracer afterwards.
 * What the host's permission checks compare are the real ids, so the caller has those of the
 * stubs meanwhile (a host thread that mirrors a guest's credentials has others).
 */
int trace_seize(struct traced *p, pid_t tid, unsigned long options);
/* Lets go of a stopped thread: it goes on at `rip`, in the stub page. */
int trace_release(pid_t tid, uint64_t rip);
/*
 * Has a stopped thread that the caller traces make a clone, and lets go of it. The new thread or
 * process sleeps in the stub page, untraced: so if the maker is killed before it can say which one it
 * is, there is nobody left whose end only we could be told. Its tid or a negative errno.
 */
pid_t trace_clone(struct traced *p, pid_t tid, unsigned long flags);
/* Executes a system call in a stopped thread that the caller traces; its result. */
long trace_call(struct traced *p, pid_t tid, long nr, long a, long b, long c, long d, long e,
		long f);
void trace_kill(struct traced *p, pid_t process, pid_t tid);

/* ---- zygote.c, stub_amd64.S ------------------------------------------------------------------ */

int zygote_start(struct traced *p, struct error *err);
void zygote_end(struct traced *p);

/* ---- selftest.c, control.c ------------------------------------------------------------------- */

int traced_selftest(struct traced *p, struct error *err);
int traced_save_state(struct platform *p, struct platform_reply *reply);
int traced_load_state(struct platform *p, const void *data, size_t size, unsigned index,
		      struct context *c, struct user_regs_struct *regs);
int traced_dump_cpu_config(struct platform *p, struct platform_reply *reply);

/* ---- stubs.c, workers.c ---------------------------------------------------------------------- */

/* A stub without mappings. */
int stub_get(struct traced *p, struct stub **out);
/* Nobody is in it any more. */
void stub_put(struct stub *s);
/* Ends those that nobody uses. */
void stubs_end(struct traced *p);

/* The calling host thread's worker in as. 0 or a negative errno. */
int worker_get(struct traced_space *as, struct worker **out);
/* A worker for a thread of s that the caller traces; takes a slot. Under s->lock. */
int worker_adopt(struct stub *s, struct tracer *t, pid_t tid, struct worker **out);
struct tracer *tracer_self(struct traced *p);
/* The calling thread's worker in s, if it has one. */
struct worker *worker_find(struct stub *s, struct tracer *t);
/* Takes the workers of a dead stub off their tracers, and waits for the host to end them. */
void workers_bury(struct stub *s);
/* The platform ends: its tracers forget it. */
void tracers_forget(struct traced *p);

/* ---- mappings.c ------------------------------------------------------------------------------ */

int traced_new_space(struct platform *p, struct address_space **out);
void traced_destroy_space(struct address_space *as);
int traced_map(struct address_space *as, uint64_t addr, frame_t first, unsigned count,
	       unsigned access, bool precommit);
int traced_map_window(struct address_space *as, uint64_t addr, struct window *w, unsigned first,
		      unsigned count, unsigned access);
void traced_restrict(struct address_space *as, const struct address_range *ranges, size_t count,
		     unsigned access);
void *traced_find_page(struct address_space *as, uint64_t addr, unsigned access);

/* ---- table.c: which page is where ------------------------------------------------------------ */

/*
 * An entry: ACCESS_ bits (0: nothing is mapped), and where the page is: its number in the memory
 * file, or with ENTRY_WINDOW in the arena of windows. Neighbouring pages differ by ENTRY_NEXT.
 */
#define ENTRY_WINDOW (1UL << 62)
#define ENTRY_SHIFT 12
#define ENTRY_NEXT (1UL << ENTRY_SHIFT)
#define ENTRY_ACCESS 7UL

struct table *table_new(void);
void table_free(struct table *root);
/* The 512 entries of the chunk of 2 MiB around addr; NULL: none are set, or (make) no memory. */
uint64_t *table_chunk(struct table *root, uint64_t addr, bool make);
/* The first address from addr on, below end, where table_chunk() might find something. */
uint64_t table_skip(struct table *root, uint64_t addr, uint64_t end);

/* ---- switch.c, faults.c, fpu.c --------------------------------------------------------------- */

void traced_switch(struct context *c, struct address_space *as, struct user_regs_struct *regs,
		   int cpu, struct switch_event *ev);
void traced_interrupt(struct context *c);
void traced_preempt_all(struct platform *p);

/*
 * w stopped because of signal signo at *regs. True: *ev and *regs say what happened. False: nothing
 * that user code did; w can be resumed.
 */
bool decode_signal(struct traced_context *c, struct worker *w, int signo,
		   struct user_regs_struct *regs, struct switch_event *ev);
void decode_fatal(struct traced_context *c, const struct user_regs_struct *regs, const char *what,
		  long error, struct switch_event *ev);

/* cputime.c; under fpu_lock. w runs c from now on, or (NULL) nobody. */
void cpu_charge(struct worker *w, struct traced_context *c);
uint64_t traced_cpu_time(struct context *c);

int fpu_probe_host(struct traced *p, pid_t tid, struct error *err);
int fpu_init(struct traced_context *c);
void fpu_destroy(struct traced_context *c);
/* Puts c's state into w, whose tracer the caller is, saving whoever's is there. 0 or -errno. */
int fpu_enter(struct traced_context *c, struct worker *w);
/* Takes the state of whoever's is in w out of it. The caller is w's tracer. */
void fpu_leave(struct worker *w);
/* The same, and nobody runs in w any more. */
void fpu_part(struct worker *w);
/* w is gone, and the state in it. */
void fpu_forget(struct worker *w);
void traced_unbind(struct context *c);
size_t traced_fpstate_size(const struct platform *p);
uint64_t traced_fpstate_features(const struct platform *p);
void traced_get_fpstate(struct context *c, void *buf);
int traced_set_fpstate(struct context *c, const void *buf);
void traced_reset_fpstate(struct context *c);
void traced_copy_fpstate(struct context *dst, struct context *src);

#endif
