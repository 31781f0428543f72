/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Guest address spaces: VMAs, copy-on-write, faults, and the mmap(2) family.
 *
 * struct mm is what Linux calls it: one a thread group (shared by CLONE_VM and vfork), counted.
 * It keeps the truth about guest memory; the platform's AddressSpace is a cache of it that may be
 * dropped at any time and is refilled by faults. mmap maps nothing: the first fault in a 2 MiB
 * chunk of a VMA allocates and maps that whole chunk, so that later touches cost no exit.
 */
#ifndef HUSK_MM_MM_H
#define HUSK_MM_MM_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/usermem.h"
#include "platform/platform.h"

struct file; /* vfs/file.h */
struct vma;
struct vma_tree;

/*
 * Where user space ends: the platform's max_user_address. Stack, programs and mappings are placed
 * below it as Linux places them below its own. Set once, by mm_init().
 */
extern uint64_t mm_task_size;
#define TASK_SIZE mm_task_size

/*
 * To be called once, before the first mm_new(). -ENOTSUP: what the platform has for user space does
 * not begin where programs expect it.
 */
int mm_init(const struct platform *p);

struct mm {
	struct user_memory user; /* first: user_memory_use(&mm->user) */
	atomic_uint refs;	 /* users: tasks, and whoever looks from outside (/proc, exec) */
	struct platform *platform;
	struct memory *memory;
	struct address_space *as;
	/* Guards everything below. Faults and copies take it shared, changes exclusively. */
	pthread_rwlock_t lock;
	struct vma_tree *vmas;
	void *priv; /* mm/'s own: page directory, windows, counters */

	uint64_t mmap_base; /* top-down allocation starts below here */
	uint64_t brk_start, brk;
	uint64_t code_start, code_end, data_start, data_end;
	uint64_t stack_start;
	uint64_t arg_start, arg_end, env_start, env_end;
	uint64_t vdso; /* address of the vDSO's ELF header, 0: none */
	uint64_t auxv[48];
	unsigned auxv_words;
	struct file *exe; /* counted; for /proc/PID/exe and ETXTBSY */

	uint64_t rlimit_as, rlimit_data, rlimit_stack, rlimit_memlock; /* bytes, kept by kernel/ */
	uint64_t total_vm, rss_peak, locked_vm; /* pages */
};

/* An empty address space with one reference. -ENOMEM; -EAGAIN: the platform has none left now. */
int mm_new(struct platform *p, struct mm **out);
/* fork(2): everything private becomes copy-on-write, MADV_DONTFORK and _WIPEONFORK are honoured. */
int mm_fork(struct mm *old, struct mm **out);
struct mm *mm_get(struct mm *mm);
void mm_put(struct mm *mm);

/* Result of mm_fault(). */
enum fault_result {
	FAULT_DONE, /* mapped: resume */
	FAULT_SEGV_MAPERR,
	FAULT_SEGV_ACCERR,
	FAULT_BUS_ADRERR, /* beyond the end of the mapped file */
	FAULT_OOM,	  /* no memory: SIGKILL to the worst, or SIGBUS */
};

/*
 * Resolves a guest page fault at addr (any value). access: one of ACCESS_*. rsp: the faulting
 * stack pointer, unused today, for the stack guard gap's sake.
 */
enum fault_result mm_fault(struct mm *mm, uint64_t addr, unsigned access);

/* After SWITCH_FILE_SHRUNK: forget mappings beyond the present ends of mapped files. */
void mm_prune_shrunk_files(struct mm *mm);

/* ---- the mmap(2) family: page-aligned or not exactly as the man pages say; negative errno ------ */

/* prot: PROT_*; flags: MAP_*; file NULL for anonymous memory, else not consumed. The address. */
int64_t mm_mmap(struct mm *mm, uint64_t addr, uint64_t len, unsigned prot, unsigned flags,
		struct file *file, uint64_t offset);
int mm_munmap(struct mm *mm, uint64_t addr, uint64_t len);
int mm_mprotect(struct mm *mm, uint64_t addr, uint64_t len, unsigned prot);
int64_t mm_mremap(struct mm *mm, uint64_t addr, uint64_t old_len, uint64_t new_len, unsigned flags,
		  uint64_t new_addr);
int mm_madvise(struct mm *mm, uint64_t addr, uint64_t len, int advice);
int mm_msync(struct mm *mm, uint64_t addr, uint64_t len, int flags);
int mm_mincore(struct mm *mm, uint64_t addr, uint64_t len, uint8_t *vec);
/* unlimited: RLIMIT_MEMLOCK does not count (CAP_IPC_LOCK). */
int mm_mlock(struct mm *mm, uint64_t addr, uint64_t len, bool lock, bool unlimited);
/* mlockall(2), munlockall(2) (both false): what is there now, what will be. -ENOMEM: the limit. */
int mm_mlock_all(struct mm *mm, bool now, bool future, bool unlimited);
/* brk(2) as the system call answers: the new break, or the old one on failure. */
uint64_t mm_brk(struct mm *mm, uint64_t brk);

/* Names a mapping for /proc/PID/maps: "[stack]", "[heap]", "[vdso]" … (a string literal). */
void mm_name(struct mm *mm, uint64_t addr, uint64_t len, const char *name);

/*
 * Puts the vDSO (and its vvar pages below it) at a random place, if the platform can; sets
 * mm->vdso. Not an error when it cannot: programs then make system calls.
 */
void mm_map_vdso(struct mm *mm);
/*
 * The time of a clock that the vDSO keeps by itself, ns: system calls must say the same. False:
 * there is no such vDSO or clock; the host's clock is right.
 */
bool mm_vdso_clock(clockid_t id, uint64_t *ns);

/* ---- memory of an mm that need not be the current one ------------------------------------------ */

int mm_copy_in(struct mm *mm, void *dst, uint64_t src, size_t n);
int mm_copy_out(struct mm *mm, uint64_t dst, const void *src, size_t n);
/* As ptrace and /proc/PID/mem write: through read-only private mappings too. Bytes done, -EIO. */
ssize_t mm_access_force(struct mm *mm, uint64_t addr, void *buf, size_t n, bool write);

/* Atomics on guest words (futex). addr is aligned to 4, else -EINVAL; -EFAULT. */
int mm_load_u32(struct mm *mm, uint64_t addr, uint32_t *value);
int mm_cas_u32(struct mm *mm, uint64_t addr, uint32_t expected, uint32_t value, uint32_t *old);

/* What makes two futex words the same: see futex(2), private and shared. */
struct futex_key {
	uintptr_t object; /* the mm, the shared memory object, or the device and inode folded */
	uint64_t inode;
	uint64_t offset; /* address or file offset, bytes */
};
/* -EFAULT, -EINVAL (alignment). */
int mm_futex_key(struct mm *mm, uint64_t addr, bool shared, struct futex_key *key);

/* ---- looking at it (for /proc) ----------------------------------------------------------------- */

struct vma_info {
	uint64_t start, end, offset;
	unsigned prot; /* PROT_* */
	bool shared;
	dev_t dev;
	ino_t ino;
	struct file *file; /* borrowed, NULL for anonymous */
	const char *name;  /* "[heap]", … or NULL */
	uint64_t rss, shared_rss, private_dirty, swap, locked; /* bytes */
};
/* Calls fn for each VMA in address order under the shared lock; a non-zero answer ends the walk. */
int mm_for_each_vma(struct mm *mm, int (*fn)(const struct vma_info *v, void *arg), void *arg);

struct mm_usage {
	uint64_t size, resident, shared, text, data, stack, locked, peak, hwm, anon, file; /* bytes */
};
void mm_usage(struct mm *mm, struct mm_usage *out);

#endif
