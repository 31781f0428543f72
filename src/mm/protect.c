/* SPDX-License-Identifier: GPL-2.0-or-later */
/* mprotect(2). */
#include "mm/mm.h"

#include <errno.h>
#include <sys/mman.h>

#include "mm/internal.h"

#ifndef PROT_SEM
#define PROT_SEM 0x8
#endif

/* So many chunks are mapped anew at once when rights grow; the others wait for their faults. */
#define EAGER_CHUNKS 8

/* The AddressSpace may have less than a VMA allows, never more: takes rights away at once. */
static void apply(struct mm *mm, struct vma *v, unsigned old_access)
{
	unsigned access = vma_access(v), chunks = 0;
	struct address_range range = {v->start, v->end - v->start};
	uint64_t index = v->start >> CHUNK_SHIFT;
	struct chunk *c;

	if (!access)
		address_space_unmap(mm->as, v->start, v->end - v->start);
	else if (old_access & ~access)
		address_space_restrict(mm->as, &range, 1, access);
	if (!(access & ~old_access) || v->object || (v->flags & VMA_SHARED))
		return;
	for (; chunks < EAGER_CHUNKS && (c = pagedir_next(&priv(mm)->dir, &index)) &&
	       index << CHUNK_SHIFT < v->end; index++, chunks++)
		page_map_private(mm, v, c, max_u64(v->start, index << CHUNK_SHIFT));
}

/* Gives [start, end), which lies inside one VMA, other rights. */
static int protect_part(struct mm *mm, struct vma *v, uint64_t start, uint64_t end, unsigned prot)
{
	unsigned old_access = vma_access(v);
	int r;

	if (((prot & PROT_WRITE) && !(v->flags & VMA_MAYWRITE)) ||
	    ((prot & PROT_EXEC) && !(v->flags & VMA_MAYEXEC)))
		return -EACCES;
	if (v->prot == prot)
		return 0;
	if ((prot & ~v->prot & PROT_WRITE) &&
	    !mm_may_expand(mm, 0, prot, v->flags))
		return -ENOMEM;
	r = vma_isolate(mm, start, end);
	if (r)
		return r;
	v = vma_at(mm->vmas, start);
	mm_account(mm, v, true);
	v->prot = prot;
	mm_account(mm, v, false);
	apply(mm, v, old_access);
	if (!old_access)
		page_map_new(mm, start, end, true);
	return 0;
}

static int protect_locked(struct mm *mm, uint64_t start, uint64_t end, unsigned prot,
			  struct vma **dead)
{
	uint64_t a = start;
	int r = 0;

	while (r == 0 && a < end) {
		struct vma *v = vma_at(mm->vmas, a);
		uint64_t to = v ? min_u64(end, v->end) : 0;

		r = v ? protect_part(mm, v, a, to, prot) : -ENOMEM;
		a = to;
	}
	vma_merge(mm, start, end, dead);
	return r;
}

int mm_mprotect(struct mm *mm, uint64_t addr, uint64_t len, unsigned prot)
{
	bool down = prot & PROT_GROWSDOWN, up = prot & PROT_GROWSUP;
	uint64_t end = addr + page_up(len);
	struct vma *dead = NULL, *v;
	int r;

	prot &= ~(unsigned)(PROT_GROWSDOWN | PROT_GROWSUP);
	if ((down && up) || addr % PAGE_SIZE)
		return -EINVAL;
	if (len == 0)
		return 0;
	if (end <= addr || len > page_up(len) || end > TASK_SIZE)
		return -ENOMEM;
	if (prot & ~(unsigned)(PROT_READ | PROT_WRITE | PROT_EXEC | PROT_SEM))
		return -EINVAL;
	prot &= ~(unsigned)PROT_SEM;
	mm_lock(mm);
	v = vma_find(mm->vmas, addr);
	if (!v || v->start >= end) {
		r = -ENOMEM;
	} else if (up || (down && !(v->flags & VMA_GROWSDOWN))) {
		r = -EINVAL; /* nothing grows up on this machine */
	} else {
		if (down)
			addr = v->start;
		r = protect_locked(mm, addr, end, prot, &dead);
	}
	mm_unlock(mm);
	vma_free_list(dead);
	return r;
}
