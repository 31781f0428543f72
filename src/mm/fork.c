/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fork(2): an address space becomes two. Pages are shared copy-on-write, but for the few that both
 * sides will write to at once.
 */
#include "mm/mm.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/safecopy.h"
#include "mm/gate.h"
#include "mm/internal.h"
#include "vfs/file.h"

#define PREMAP_CHUNKS 64 /* what fork maps for the child: 128 MiB at most */
#define COPY_PAGES 48	 /* what fork copies at once instead of sharing it, in all … */
#define COPY_PAGES_VMA 16 /* … and at most in one VMA */

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

/* Does fork turn (some of) v's pages, mapped writable, into shared ones? */
static bool becomes_shared(const struct mm *mm, const struct vma *v)
{
	uint64_t index = v->start >> CHUNK_SHIFT;

	return !(v->flags & (VMA_SHARED | VMA_DONTFORK | VMA_WIPEONFORK | VMA_SPECIAL)) &&
	       (v->prot & PROT_WRITE) && pagedir_next(&priv(mm)->dir, &index) &&
	       index << CHUNK_SHIFT < v->end;
}

/* Calls look_for_touched() on v's pages and counts those that are the parent's alone, up to max. */
static unsigned count_own(struct mm *mm, const struct vma *v, unsigned max)
{
	uint64_t index = v->start >> CHUNK_SHIFT;
	unsigned n = 0;
	struct chunk *c;

	for (; n <= max && (c = pagedir_next(&priv(mm)->dir, &index)) &&
	       index << CHUNK_SHIFT < v->end;
	     index++) {
		uint64_t base = index << CHUNK_SHIFT;
		unsigned from = (max_u64(v->start, base) - base) >> PAGE_SHIFT;
		unsigned to = min_u64(v->end - base, CHUNK_SIZE) >> PAGE_SHIFT;

		look_for_touched(mm->memory, c, from, to);
		for (unsigned i = from; i < to; i++)
			n += c->frame[i] && chunk_touched(c, i) &&
			     memory_refs(mm->memory, c->frame[i]) == 1;
	}
	return n;
}

/*
 * Data, small heaps and the top of the stack are written to at once by parent and child both, and a
 * copy-on-write fault costs as much as copying some fifty pages. So where few pages are in use they
 * are copied right away: then neither side faults, and nothing is write-protected. Only without
 * other threads, which might write meanwhile.
 */
static void choose_copied(struct mm *old)
{
	bool alone = atomic_load(&old->refs) == 1;
	unsigned budget = COPY_PAGES;

	for (struct vma *v = vma_find(old->vmas, 0); v; v = vma_next(old->vmas, v)) {
		unsigned max = budget < COPY_PAGES_VMA ? budget : COPY_PAGES_VMA, n;

		v->copy_at_fork = false;
		if (!alone || !max || !becomes_shared(old, v))
			continue;
		n = count_own(old, v, max);
		if (n <= max) {
			v->copy_at_fork = true;
			budget -= n;
		}
	}
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
		if (becomes_shared(old, v) && !v->copy_at_fork)
			ranges[n++] = (struct address_range){v->start, v->end - v->start};
	if (n)
		address_space_restrict(old->as, ranges, n, ACCESS_READ | ACCESS_EXEC);
	free(ranges);
	return 0;
}

/* Gives the child's chunk copies of the parent's pages [i, i+n), in neighbouring frames. */
static int copy_pages(struct memory *m, const struct chunk *from, struct chunk *to, unsigned i,
		      unsigned n)
{
	frame_t f;
	int r = frames_alloc(m, n, MEMORY_ANONYMOUS, FRAMES_FILLED, &f);

	for (unsigned k = 0; r == 0 && k < n; k++) {
		if (safe_copy(memory_ptr(m, f + k), memory_ptr(m, from->frame[i + k]), PAGE_SIZE))
			r = -ENOMEM;
		if (r)
			memory_unref(m, f, n);
	}
	for (unsigned k = 0; r == 0 && k < n; k++)
		chunk_set(to, i + k, f + k);
	return r;
}

/* A pinned page is in use by a host call: what that writes is for the parent only. */
static bool must_copy(struct memory *m, const struct vma *v, frame_t f)
{
	return memory_pinned(m, f) || (v->copy_at_fork && memory_refs(m, f) == 1);
}

/*
 * Gives the child what it needs of pages [from, to) of the parent's chunk c, in its chunk number
 * index. Frames nobody touched stay the parent's: the child's own will read as zeros too.
 */
static int share_chunk(struct mm *old, struct mm *new, const struct vma *v, struct chunk *c,
		       uint64_t index, unsigned from, unsigned to)
{
	struct memory *m = old->memory;
	struct chunk *copy = NULL;
	int r = 0;

	look_for_touched(m, c, from, to);
	for (unsigned i = from, n; r == 0 && i < to; i += n) {
		n = 1;
		if (!c->frame[i] || !chunk_touched(c, i))
			continue;
		if (!copy && !(copy = pagedir_make(&priv(new)->dir, index)))
			return -ENOMEM;
		if (must_copy(m, v, c->frame[i])) {
			while (i + n < to && c->frame[i + n] && chunk_touched(c, i + n) &&
			       must_copy(m, v, c->frame[i + n]))
				n++;
			r = copy_pages(m, c, copy, i, n);
		} else {
			memory_ref(m, c->frame[i], 1);
			chunk_set(copy, i, c->frame[i]);
		}
		for (unsigned k = 0; r == 0 && k < n; k++)
			chunk_set_touched(copy, i + k, true);
	}
	return r;
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

		r = share_chunk(old, new, v, c, index, (lo - base) >> PAGE_SHIFT,
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
	choose_copied(old);
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
