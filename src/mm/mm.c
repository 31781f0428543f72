/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The life of an address space: making, forking, freeing. */
#include "mm/mm.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>

#include "base/safecopy.h"
#include "mm/internal.h"
#include "vfs/file.h"

void mm_lock_shared(struct mm *mm)
{
	pthread_rwlock_rdlock(&mm->lock);
}

void mm_lock(struct mm *mm)
{
	pthread_rwlock_wrlock(&mm->lock);
}

void mm_unlock(struct mm *mm)
{
	pthread_rwlock_unlock(&mm->lock);
}

/*
 * As Linux' mmap_base(): below the largest stack's place, with 28 random bits of pages. The stack
 * itself is placed by exec within the 16 GiB above it.
 */
static uint64_t random_mmap_base(void)
{
	uint64_t r = 0;

	if (getrandom(&r, sizeof(r), GRND_NONBLOCK) != sizeof(r))
		r = 0; /* early boot of a host: no entropy, no randomisation */
	return TASK_SIZE - (16UL << 30) - (128UL << 20) - ((r & 0xfffffff) << PAGE_SHIFT);
}

int mm_new(struct platform *p, struct mm **out)
{
	struct mm *mm = calloc(1, sizeof(*mm));
	struct mm_priv *pr = calloc(1, sizeof(*pr));
	pthread_rwlockattr_t attr;
	int r = -ENOMEM;

	if (mm && pr)
		r = platform_new_address_space(p, &mm->as);
	if (r) {
		free(mm);
		free(pr);
		return r;
	}
	mm->user.ops = &mm_user_memory_ops;
	atomic_init(&mm->refs, 1);
	mm->platform = p;
	mm->memory = platform_memory(p);
	mm->priv = pr;
	mm->vmas = &pr->tree;
	pthread_mutex_init(&pr->pages, NULL);
	/* Threads that fault all the time must not keep an mmap out for ever. */
	pthread_rwlockattr_init(&attr);
	pthread_rwlockattr_setkind_np(&attr, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
	pthread_rwlock_init(&mm->lock, &attr);
	pthread_rwlockattr_destroy(&attr);
	mm->mmap_base = random_mmap_base();
	mm->rlimit_as = mm->rlimit_data = UINT64_MAX;
	mm->rlimit_stack = 8UL << 20;
	mm->rlimit_memlock = 8UL << 20;
	*out = mm;
	return 0;
}

struct mm *mm_get(struct mm *mm)
{
	atomic_fetch_add(&mm->refs, 1);
	return mm;
}

void mm_put(struct mm *mm)
{
	struct vma *v, *dead = NULL;

	if (atomic_fetch_sub(&mm->refs, 1) != 1)
		return;
	/* First nothing maps the frames any more, then they are given up. */
	address_space_release(mm->as);
	while ((v = vma_find(mm->vmas, 0))) {
		vma_remove(mm->vmas, v);
		v->next_dead = dead;
		dead = v;
	}
	pagedir_release(&priv(mm)->dir, mm->memory, 0, UINT64_MAX);
	pagedir_free(&priv(mm)->dir);
	vma_free_list(dead);
	if (mm->exe)
		file_put(mm->exe);
	pthread_mutex_destroy(&priv(mm)->pages);
	pthread_rwlock_destroy(&mm->lock);
	free(mm->priv);
	free(mm);
}

/* ---- counters ----------------------------------------------------------------------------------- */

static bool counts_as_data(unsigned prot, unsigned flags)
{
	return (prot & PROT_WRITE) && !(flags & (VMA_SHARED | VMA_GROWSDOWN));
}

void mm_account(struct mm *mm, const struct vma *v, bool minus)
{
	uint64_t n = (v->end - v->start) >> PAGE_SHIFT;

	if (minus)
		n = -n;
	mm->total_vm += n;
	if (counts_as_data(v->prot, v->flags))
		priv(mm)->data_vm += n;
	if (v->flags & VMA_LOCKED)
		mm->locked_vm += n;
}

bool mm_may_expand(const struct mm *mm, uint64_t npages, unsigned prot, unsigned flags)
{
	if (mm->total_vm + npages > mm->rlimit_as >> PAGE_SHIFT)
		return false;
	return !counts_as_data(prot, flags) ||
	       priv(mm)->data_vm + npages <= mm->rlimit_data >> PAGE_SHIFT;
}

#define PREMAP_CHUNKS 64 /* what fork maps for the child: 128 MiB at most */

/* ---- fork --------------------------------------------------------------------------------------- */

/* Does fork turn (some of) v's pages, mapped writable, into shared ones? */
static bool becomes_shared(const struct mm *mm, const struct vma *v)
{
	uint64_t index = v->start >> CHUNK_SHIFT;

	return !(v->flags & (VMA_SHARED | VMA_DONTFORK | VMA_WIPEONFORK | VMA_SPECIAL)) &&
	       (v->prot & PROT_WRITE) && pagedir_next(&priv(mm)->dir, &index) &&
	       index << CHUNK_SHIFT < v->end;
}

/*
 * Takes the right to write away from everything that will be shared, in one go and before anything
 * is looked at: from here on the pages do not change, whatever the parent's other threads do.
 */
static int write_protect(struct mm *old)
{
	struct address_range *ranges = malloc((old->vmas->count + 1) * sizeof(*ranges));
	size_t n = 0;

	if (!ranges)
		return -ENOMEM;
	for (struct vma *v = vma_find(old->vmas, 0); v; v = vma_next(old->vmas, v))
		if (becomes_shared(old, v))
			ranges[n++] = (struct address_range){v->start, v->end - v->start};
	if (n)
		address_space_restrict(old->as, ranges, n, ACCESS_READ | ACCESS_EXEC);
	free(ranges);
	return 0;
}

/* A frame for the child in place of f, which a host call is using right now. */
static frame_t copy_pinned(struct mm *mm, frame_t f)
{
	frame_t copy;

	if (memory_alloc(mm->memory, 1, MEMORY_ANONYMOUS, &copy) != 0)
		return 0;
	if (safe_copy(memory_ptr(mm->memory, copy), memory_ptr(mm->memory, f), PAGE_SIZE) != 0) {
		memory_unref(mm->memory, copy, 1);
		return 0;
	}
	return copy;
}

/*
 * Finds out which of pages [from, to) have been touched. What is known already is not asked again:
 * shells fork all the time. A copied file page was touched by the copying.
 */
static void look_for_touched(struct memory *m, struct chunk *c, unsigned from, unsigned to)
{
	uint8_t used[CHUNK_PAGES];

	for (unsigned i = from, n; i < to; i += n) {
		n = 1;
		if (!c->frame[i] || chunk_touched(c, i))
			continue;
		while (i + n < to && c->frame[i + n] == c->frame[i] + n && !chunk_touched(c, i + n))
			n++;
		if (memory_committed(m, c->frame[i], n, used) != 0)
			memset(used, 1, n);
		for (unsigned k = 0; k < n; k++)
			chunk_set_touched(c, i + k, used[k]);
	}
}

/*
 * Shares pages [from, to) of the parent's chunk c with the child's chunk number index. Frames nobody
 * touched stay the parent's: the child's own will read as zeros too.
 */
static int share_chunk(struct mm *old, struct mm *new, struct chunk *c, uint64_t index,
		       unsigned from, unsigned to)
{
	struct memory *m = old->memory;
	struct chunk *copy = NULL;

	look_for_touched(m, c, from, to);
	for (unsigned i = from; i < to; i++) {
		frame_t f = c->frame[i];

		if (!f || !chunk_touched(c, i))
			continue;
		if (!copy && !(copy = pagedir_make(&priv(new)->dir, index)))
			return -ENOMEM;
		if (!memory_pinned(m, f))
			memory_ref(m, f, 1);
		else if (!(f = copy_pinned(old, f)))
			return -ENOMEM;
		chunk_set(copy, i, f);
		chunk_set_touched(copy, i, true);
	}
	return 0;
}

static int share_pages(struct mm *old, struct mm *new, const struct vma *v)
{
	uint64_t index = v->start >> CHUNK_SHIFT;
	struct chunk *c;
	int r = 0;

	while (r == 0 && (c = pagedir_next(&priv(old)->dir, &index)) &&
	       index << CHUNK_SHIFT < v->end) {
		uint64_t base = index << CHUNK_SHIFT;
		uint64_t lo = max_u64(v->start, base), hi = min_u64(v->end, base + CHUNK_SIZE);

		r = share_chunk(old, new, c, index, (lo - base) >> PAGE_SHIFT,
				(hi - base) >> PAGE_SHIFT);
		index++;
	}
	return r;
}

static int fork_vma(struct mm *old, struct mm *new, const struct vma *v)
{
	struct vma *n = vma_clone(v);

	if (!n)
		return -ENOMEM;
	n->flags &= ~(unsigned)VMA_LOCKED; /* mlock(2): not inherited */
	vma_insert(new->vmas, n);
	mm_account(new, n, false);
	if (vma_share_windows(n, v) != 0)
		return -ENOMEM;
	if ((v->flags & (VMA_SHARED | VMA_WIPEONFORK)) || v->object)
		return 0;
	return share_pages(old, new, v);
}

/*
 * The child runs at once, and would fault in the same dozen places its parent did: some table
 * entries written here save it as many exits. Not all of a giant's, though.
 */
static void premap(struct mm *mm)
{
	unsigned budget = PREMAP_CHUNKS;

	for (struct vma *v = vma_find(mm->vmas, 0); v && budget; v = vma_next(mm->vmas, v))
		page_premap(mm, v, &budget);
}

static void copy_layout(struct mm *new, const struct mm *old)
{
	new->mmap_base = old->mmap_base;
	new->brk_start = old->brk_start;
	new->brk = old->brk;
	new->code_start = old->code_start;
	new->code_end = old->code_end;
	new->data_start = old->data_start;
	new->data_end = old->data_end;
	new->stack_start = old->stack_start;
	new->arg_start = old->arg_start;
	new->arg_end = old->arg_end;
	new->env_start = old->env_start;
	new->env_end = old->env_end;
	new->vdso = old->vdso;
	memcpy(new->auxv, old->auxv, sizeof(new->auxv));
	new->auxv_words = old->auxv_words;
	new->exe = old->exe ? file_get(old->exe) : NULL;
	new->rlimit_as = old->rlimit_as;
	new->rlimit_data = old->rlimit_data;
	new->rlimit_stack = old->rlimit_stack;
	new->rlimit_memlock = old->rlimit_memlock;
}

int mm_fork(struct mm *old, struct mm **out)
{
	struct mm *new;
	int r = mm_new(old->platform, &new);

	if (r)
		return r;
	mm_lock(old);
	copy_layout(new, old);
	r = write_protect(old);
	for (struct vma *v = vma_find(old->vmas, 0); r == 0 && v; v = vma_next(old->vmas, v))
		if (!(v->flags & VMA_DONTFORK))
			r = fork_vma(old, new, v);
	mm_unlock(old);
	if (r == 0)
		premap(new);
	if (r)
		mm_put(new);
	else
		*out = new;
	return r;
}
