/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the files of mm/ share and nobody else sees.
 *
 * The truth about an address space is in three places:
 *   - the tree of VMAs: which ranges exist, with which rights, backed by what;
 *   - the page directory: the private pages of the mm, one frame number a page, by address;
 *   - the objects behind shared anonymous VMAs, with their own directory, by offset.
 * Pages of files are not recorded anywhere: they are windows (platform.h), found by file offset.
 * The AddressSpace is a cache of all that: a page may be missing there, or have fewer rights than
 * its VMA, never more, and never be another frame than the one recorded here.
 *
 * Locks, outer to inner: mm->lock; mm_priv.pages; object.lock; the platform's own.
 * The tree changes under mm->lock held exclusively. Directory entries, the windows of a VMA and the
 * AddressSpace change under mm->lock held shared with mm_priv.pages, or exclusively.
 */
#ifndef HUSK_MM_INTERNAL_H
#define HUSK_MM_INTERNAL_H

#include "mm/mm.h"

/* ---- page directory (pagedir.c) ---------------------------------------------------------------- */

/* The frames of one 2 MiB-aligned piece of addresses (or of an object's offsets). */
struct chunk {
	frame_t frame[CHUNK_PAGES]; /* 0: no page */
	unsigned used;		    /* how many are not 0 */
	uint64_t touched[CHUNK_PAGES / 64]; /* bits: known to have a host page behind it */
};

/* A radix tree from chunk number (28 bits at most) to chunk. All zeros is an empty one. */
struct pagedir {
	void *root;
};

struct chunk *pagedir_get(const struct pagedir *d, uint64_t index);
/* Makes an empty chunk if there is none; NULL: no memory. */
struct chunk *pagedir_make(struct pagedir *d, uint64_t index);
/* The first chunk with a number ≥ *index, which becomes its number; NULL: none. */
struct chunk *pagedir_next(const struct pagedir *d, uint64_t *index);
/* Frees the chunk's memory; its frames are the caller's business. */
void pagedir_remove(struct pagedir *d, uint64_t index);
void pagedir_free(struct pagedir *d);
/* Gives up the references on all frames of pages [first, end) (page numbers) and forgets them. */
void pagedir_release(struct pagedir *d, struct memory *m, uint64_t first, uint64_t end);

static inline void chunk_set(struct chunk *c, unsigned i, frame_t f)
{
	c->used += (f != 0) - (c->frame[i] != 0);
	c->frame[i] = f;
	c->touched[i / 64] &= ~(1UL << i % 64);
}

static inline bool chunk_touched(const struct chunk *c, unsigned i)
{
	return c->touched[i / 64] >> i % 64 & 1;
}

static inline void chunk_set_touched(struct chunk *c, unsigned i, bool on)
{
	c->touched[i / 64] &= ~(1UL << i % 64);
	c->touched[i / 64] |= (uint64_t)on << i % 64;
}

/* ---- shared memory objects (object.c) ---------------------------------------------------------- */

/*
 * What stands behind a MAP_SHARED anonymous mapping, and behind the vDSO: frames by offset, shared
 * by every VMA that refers to it. Or, for the host's vvar pages, a window.
 */
struct object {
	atomic_uint refs;
	pthread_mutex_t lock; /* guards pages */
	struct pagedir pages;
	struct memory *memory;
	struct window *window; /* not NULL: this window is all there is */
};

struct object *object_new(struct memory *m);
struct object *object_get(struct object *o);
void object_put(struct object *o);
/*
 * Makes frames for the pages of [lo, hi) that have none; all in one chunk. When memory is short, only
 * for the one that `need` lies in. 0, -ENOMEM.
 */
int object_fill(struct object *o, uint64_t lo, uint64_t hi, uint64_t need);
/* The frame at offset, or 0. */
frame_t object_frame(struct object *o, uint64_t offset);
/* Drops the contents of [lo, hi): reads as zeros from now on (MADV_REMOVE). */
void object_punch(struct object *o, uint64_t lo, uint64_t hi);

/* ---- VMAs (vma_tree.c, vma.c) ------------------------------------------------------------------ */

enum {
	VMA_SHARED = 1,
	VMA_GROWSDOWN = 2,
	VMA_DONTFORK = 4,
	VMA_WIPEONFORK = 8,
	VMA_LOCKED = 16,
	VMA_MAYWRITE = 32, /* PROT_WRITE may be given */
	VMA_MAYEXEC = 64,
	VMA_SPECIAL = 128, /* vDSO and vvar: immutable, no host call gets at them by pin */
};

struct vma {
	/* The tree: an AVL tree by start, each node with a summary of its subtree. */
	struct vma *left, *right;
	int height;
	uint64_t sub_lo, sub_hi, sub_gap; /* first start, last end, widest gap in between */

	uint64_t start, end; /* page-aligned */
	unsigned prot, flags;
	struct file *file;     /* counted, or NULL */
	struct object *object; /* counted, or NULL */
	uint64_t offset;       /* of start in file or object, bytes */
	const char *name;      /* a literal, or NULL */

	/* Windows in use, by number (file offset / 2 MiB) from win_first on; guarded by pages. */
	struct window **windows;
	uint64_t win_first, win_count;

	bool copy_at_fork;     /* during mm_fork() only: its pages are copied, not shared */
	struct vma *next_dead; /* between removal and vma_free() */
};

struct vma_tree {
	struct vma *root;
	unsigned count;
};

#define STACK_GUARD_GAP (256 * PAGE_SIZE)
#define MMAP_MIN_ADDR 0x10000UL
#define VMA_COUNT_MAX 65530

/* The first VMA that ends above addr, or NULL. */
struct vma *vma_find(const struct vma_tree *t, uint64_t addr);
/* The VMA that contains addr, or NULL. */
struct vma *vma_at(const struct vma_tree *t, uint64_t addr);
/* The last VMA that starts below addr, or NULL. */
struct vma *vma_before(const struct vma_tree *t, uint64_t addr);
void vma_insert(struct vma_tree *t, struct vma *v);
void vma_remove(struct vma_tree *t, struct vma *v);
/* v->start or v->end changed (without a change of order): brings the summaries up to date. */
void vma_touch(struct vma_tree *t, struct vma *v);
/* The highest (or lowest) address of len free bytes within [lo, hi); 0: none. */
uint64_t vma_gap_high(const struct vma_tree *t, uint64_t len, uint64_t lo, uint64_t hi);
uint64_t vma_gap_low(const struct vma_tree *t, uint64_t len, uint64_t lo, uint64_t hi);

static inline struct vma *vma_next(const struct vma_tree *t, const struct vma *v)
{
	return vma_find(t, v->end);
}

struct vma *vma_new(uint64_t start, uint64_t end, unsigned prot, unsigned flags);
/* A copy for another range or mm, with references of its own; windows stay behind. */
struct vma *vma_clone(const struct vma *v);
/* Gives up everything. Not under mm->lock where it can be helped: closing a file may sleep. */
void vma_free(struct vma *v);
void vma_free_list(struct vma *dead);
/* Cuts v at addr; v keeps the lower part. -ENOMEM (also when there are too many VMAs). */
int vma_split(struct mm *mm, struct vma *v, uint64_t addr);
/* Cuts at both ends of the range, so that VMAs lie inside or outside of it. */
int vma_isolate(struct mm *mm, uint64_t start, uint64_t end);
/* Joins neighbours around [start, end] that differ in nothing. */
void vma_merge(struct mm *mm, uint64_t start, uint64_t end, struct vma **dead);
/*
 * The window of v for a file offset, held by v from then on. *writable of windows: v's kind.
 * 0, -ENOMEM, -ENODEV, -EACCES …
 */
int vma_window(struct mm *mm, struct vma *v, uint64_t offset, struct window **out);
/* dst takes a share in those of src's windows that its own range touches. -ENOMEM. */
int vma_share_windows(struct vma *dst, const struct vma *src);
struct window *vma_window_held(const struct vma *v, uint64_t offset);
unsigned vma_access(const struct vma *v);
bool vma_is_private_anon(const struct vma *v);

static inline uint64_t vma_offset_of(const struct vma *v, uint64_t addr)
{
	return v->offset + (addr - v->start);
}

/* ---- an mm's private part ---------------------------------------------------------------------- */

struct mm_priv {
	pthread_mutex_t pages;
	struct pagedir dir;
	struct vma_tree tree;
	uint64_t data_vm; /* pages of private writable mappings, for RLIMIT_DATA */
	uint64_t vm_peak; /* bytes, as far as somebody looked; guarded by pages */
	bool lock_future; /* mlockall(MCL_FUTURE) */
};

static inline struct mm_priv *priv(const struct mm *mm)
{
	return mm->priv;
}

static inline uint64_t page_down(uint64_t a)
{
	return a & PAGE_MASK;
}

static inline uint64_t page_up(uint64_t a)
{
	return (a + PAGE_SIZE - 1) & PAGE_MASK;
}

static inline uint64_t min_u64(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static inline uint64_t max_u64(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

void mm_lock_shared(struct mm *mm);
void mm_lock(struct mm *mm);
void mm_unlock(struct mm *mm);

/* Adds (or with minus, takes away) v's pages from the counters. */
void mm_account(struct mm *mm, const struct vma *v, bool minus);
/* May npages more be mapped with these rights, RLIMIT_AS and RLIMIT_DATA considered? */
bool mm_may_expand(const struct mm *mm, uint64_t npages, unsigned prot, unsigned flags);

/*
 * Removes all of [start, end): cuts VMAs, forgets pages, and puts the dead VMAs on *dead for the
 * caller to free without the lock. The caller holds the lock exclusively. -ENOMEM.
 */
int mm_unmap_locked(struct mm *mm, uint64_t start, uint64_t end, struct vma **dead);
/* A free place for len bytes: hint if it is free, else as mmap(2) chooses. 0: none. */
uint64_t mm_free_area(struct mm *mm, uint64_t hint, uint64_t len, unsigned flags);
/* Is [start, end) free, with room for a stack above it to keep its guard gap? */
bool mm_range_free(struct mm *mm, uint64_t start, uint64_t end);

/* ---- faults (fault.c) -------------------------------------------------------------------------- */

/* These are called with the lock shared and mm_priv.pages, or with the lock exclusively. */

/* Makes the page at addr present for access (which v allows, or force) and maps what is around. */
enum fault_result page_fault(struct mm *mm, struct vma *v, uint64_t addr, unsigned access);
/* Maps the present private pages of v in the chunk of addr, with the rights they may have. */
void page_map_private(struct mm *mm, struct vma *v, const struct chunk *c, uint64_t addr);
/*
 * Maps what v has already (private pages, held windows), as faults would one by one; at most
 * *budget chunks, which is counted down.
 */
void page_premap(struct mm *mm, struct vma *v, unsigned *budget);
/*
 * Pages [start, end) of v have just become accessible: maps them at once where that is likely to
 * save a fault and cheap if it does not. final: nobody will map something else over it (MAP_FIXED).
 */
void page_map_new(struct mm *mm, uint64_t start, uint64_t end, bool final);
/* A stack below v's start? Takes the lock itself. True: v (or a new state) covers addr now. */
bool mm_grow_stack(struct mm *mm, uint64_t addr);
/* The size of the file behind v now, bytes. */
uint64_t vma_file_size(const struct vma *v);

/* Where a page is for this process. */
struct host_page {
	void *ptr;		/* the page's first byte */
	frame_t frame;		/* not 0: a frame of the memory file */
	struct window *window;	/* else: borrowed from the VMA */
};

enum {
	PAGE_FORCE = 1, /* regardless of rights, as ptrace(2) does */
	PAGE_OWN = 2,	/* even for reading, a private page must be nobody else's (pins) */
};
/* The page at addr (any alignment) for a host access. 0, -EFAULT, -ENOMEM. */
int page_for_host(struct mm *mm, uint64_t addr, unsigned access, unsigned how,
		  struct host_page *out);

extern const struct user_memory_ops mm_user_memory_ops;

#endif
