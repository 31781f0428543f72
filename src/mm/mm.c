/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The life of an address space: making and freeing it, and what it counts. */
#include "mm/mm.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/random.h>

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

/* As on Linux with four levels of tables, unless the platform has less. */
uint64_t mm_task_size = 0x7ffffffff000;

int mm_init(const struct platform *p)
{
	const struct platform_caps *caps = platform_caps(p);

	if (caps->min_user_address > MMAP_MIN_ADDR || caps->max_user_address < 1UL << 44)
		return -ENOTSUP;
	mm_task_size = caps->max_user_address;
	return 0;
}

int mm_new(struct platform *p, struct mm **out)
{
	struct mm *mm = calloc(1, sizeof(*mm));
	struct mm_priv *pr = calloc(1, sizeof(*pr));
	pthread_rwlockattr_t attr;
	int r = -ENOMEM;

	if (mm && pr)
		r = platform_new_address_space(p, 0, &mm->as);
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
	address_space_release(mm->as, 0);
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
