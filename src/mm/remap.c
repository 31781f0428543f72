/* SPDX-License-Identifier: GPL-2.0-or-later */
/* mremap(2): pages move by their directory entries, nothing is copied. */
#include "mm/mm.h"

#include <errno.h>
#include <sys/mman.h>

#include "mm/internal.h"

#ifndef MREMAP_DONTUNMAP
#define MREMAP_DONTUNMAP 4
#endif

struct move {
	uint64_t from, old_len, to, new_len;
	unsigned flags;
};

/*
 * Moves the frames of n pages between page numbers; the ranges do not overlap. A chunk that cannot
 * be made ends it early, with -ENOMEM.
 */
static int move_pages(struct mm *mm, uint64_t from, uint64_t to, uint64_t n)
{
	struct pagedir *d = &priv(mm)->dir;
	uint64_t index = from / CHUNK_PAGES;
	struct chunk *src, *dst;

	for (; (src = pagedir_next(d, &index)) && index * CHUNK_PAGES < from + n; index++) {
		uint64_t base = index * CHUNK_PAGES;
		uint64_t p = max_u64(base, from), end = min_u64(base + CHUNK_PAGES, from + n);

		for (; p < end; p++) {
			uint64_t q = to + (p - from);
			frame_t f = src->frame[p - base];

			if (!f)
				continue;
			dst = pagedir_make(d, q / CHUNK_PAGES);
			if (!dst)
				return -ENOMEM;
			chunk_set(src, p - base, 0);
			chunk_set(dst, q % CHUNK_PAGES, f);
		}
		if (!src->used)
			pagedir_remove(d, index);
	}
	return 0;
}

/* The new place of what is moved, made free. */
static int64_t target(struct mm *mm, const struct move *m, const struct vma *v, struct vma **dead)
{
	uint64_t a;
	int r;

	if (m->flags & MREMAP_FIXED) {
		r = mm_unmap_locked(mm, m->to, m->to + m->new_len, dead);
		return r ? r : (int64_t)m->to;
	}
	a = mm_free_area(mm, m->flags & MREMAP_DONTUNMAP ? m->to : 0, m->new_len,
			 v->flags & VMA_SHARED ? MAP_SHARED : MAP_PRIVATE);
	return a ? (int64_t)a : -ENOMEM;
}

/* Moves (or with old_len 0, maps a second time) the part of a VMA that m names. */
static int64_t move_vma(struct mm *mm, const struct move *m, struct vma **dead)
{
	struct vma *v = vma_at(mm->vmas, m->from), *n;
	uint64_t moved = min_u64(m->old_len, m->new_len);
	int64_t at;
	int r;

	if (mm->vmas->count + 3 > VMA_COUNT_MAX)
		return -ENOMEM;
	at = target(mm, m, v, dead);
	if (at < 0)
		return at;
	/* target() may have cut things, but not the source: MREMAP_FIXED refuses overlaps. */
	n = vma_clone(v);
	if (!n)
		return -ENOMEM;
	if (v->file || v->object)
		n->offset = vma_offset_of(v, m->from);
	n->start = at;
	n->end = at + m->new_len;
	n->flags &= ~(unsigned)VMA_GROWSDOWN;
	vma_insert(mm->vmas, n);
	mm_account(mm, n, false);
	/* The old translations go before anybody can use the frames at the new place. */
	if (m->old_len)
		address_space_unmap(mm->as, m->from, m->old_len);
	r = m->old_len ? move_pages(mm, m->from >> PAGE_SHIFT, (uint64_t)at >> PAGE_SHIFT,
				    moved >> PAGE_SHIFT)
		       : 0;
	if (r) {
		move_pages(mm, (uint64_t)at >> PAGE_SHIFT, m->from >> PAGE_SHIFT,
			   moved >> PAGE_SHIFT);
		mm_unmap_locked(mm, at, at + m->new_len, dead);
		return r;
	}
	if (m->old_len && !(m->flags & MREMAP_DONTUNMAP))
		mm_unmap_locked(mm, m->from, m->from + m->old_len, dead);
	vma_merge(mm, at, at + m->new_len, dead);
	return at;
}

/* Grows v, whose end is the end of the range, where it stands. */
static bool grow_in_place(struct mm *mm, struct vma *v, uint64_t grow, struct vma **dead)
{
	uint64_t end = v->end + grow;

	if (end < v->end || end > TASK_SIZE || !mm_range_free(mm, v->end, end))
		return false;
	mm_account(mm, v, true);
	v->end = end;
	vma_touch(mm->vmas, v);
	mm_account(mm, v, false);
	vma_merge(mm, v->start, v->end, dead);
	return true;
}

static int64_t remap_locked(struct mm *mm, const struct move *m, struct vma **dead)
{
	struct vma *v = vma_at(mm->vmas, m->from);
	bool must_move = m->flags & (MREMAP_FIXED | MREMAP_DONTUNMAP);
	uint64_t grow = m->new_len > m->old_len ? m->new_len - m->old_len : 0;
	int r;

	if (!v)
		return -EFAULT;
	if (m->old_len == 0 && !(v->flags & VMA_SHARED))
		return -EINVAL;
	if ((m->flags & MREMAP_DONTUNMAP) && (v->flags & VMA_SPECIAL))
		return -EINVAL;
	if (m->old_len > v->end - m->from && m->old_len > m->new_len && !must_move) {
		/* Shrinking works across VMAs, as munmap does. */
		r = mm_unmap_locked(mm, m->from + m->new_len, m->from + m->old_len, dead);
		return r ? r : (int64_t)m->from;
	}
	if (m->old_len > v->end - m->from)
		return -EFAULT;
	if ((v->flags & VMA_SPECIAL) && (grow || must_move))
		return -EFAULT;
	if (grow && !mm_may_expand(mm, grow >> PAGE_SHIFT, v->prot, v->flags))
		return -ENOMEM;
	if (grow && (v->flags & VMA_LOCKED) &&
	    mm->locked_vm + (grow >> PAGE_SHIFT) > mm->rlimit_memlock >> PAGE_SHIFT)
		return -EAGAIN;
	if (must_move)
		return move_vma(mm, m, dead);
	if (!grow) {
		r = m->new_len < m->old_len
			? mm_unmap_locked(mm, m->from + m->new_len, m->from + m->old_len, dead)
			: 0;
		return r ? r : (int64_t)m->from;
	}
	if (m->old_len && v->end == m->from + m->old_len && grow_in_place(mm, v, grow, dead))
		return m->from;
	return m->flags & MREMAP_MAYMOVE ? move_vma(mm, m, dead) : -ENOMEM;
}

int64_t mm_mremap(struct mm *mm, uint64_t addr, uint64_t old_len, uint64_t new_len, unsigned flags,
		  uint64_t new_addr)
{
	struct move m = {addr, page_up(old_len), new_addr, page_up(new_len), flags};
	struct vma *dead = NULL;
	int64_t r;

	if (flags & ~(unsigned)(MREMAP_MAYMOVE | MREMAP_FIXED | MREMAP_DONTUNMAP) ||
	    ((flags & (MREMAP_FIXED | MREMAP_DONTUNMAP)) && !(flags & MREMAP_MAYMOVE)) ||
	    ((flags & MREMAP_DONTUNMAP) && m.old_len != m.new_len))
		return -EINVAL;
	if (addr % PAGE_SIZE || m.new_len == 0 || m.old_len < old_len)
		return -EINVAL;
	if (m.new_len > TASK_SIZE || addr > TASK_SIZE || m.old_len > TASK_SIZE - addr)
		return flags & MREMAP_FIXED ? -EINVAL : -EFAULT;
	if (flags & MREMAP_FIXED) {
		if (new_addr % PAGE_SIZE || new_addr > TASK_SIZE - m.new_len)
			return -EINVAL;
		if (new_addr < addr + m.old_len && addr < new_addr + m.new_len)
			return -EINVAL;
		if (new_addr < MMAP_MIN_ADDR)
			return -EPERM;
	}
	mm_lock(mm);
	r = remap_locked(mm, &m, &dead);
	mm_unlock(mm);
	vma_free_list(dead);
	return r;
}
