/* SPDX-License-Identifier: GPL-2.0-or-later */
/*T:250 Tables, and why none is reused at once
 * The pages that page tables are made of, and the supervisor's tables.
 *
 * Leaves are 4 KiB. A 2 MiB leaf would save a page-table page, but where KVM shadows our tables
 * a table entry that changes between 'leaf' and 'table' leaves KVM's own tables linked in a way
 * that only a purge undoes, so each split would cost a refill of everything; measured, a 2 MiB
 * leaf over 4 KiB host pages is no faster there (1.3 us a page either way).
 */
#include "platform/kvm/kvm.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#define ARENA_STEP (4UL << 20)
#define ARENA_PAGES (ARENA_SIZE >> PAGE_SHIFT)
/* Purging costs 30 us and a refill of what is in use; this many pages (1 MiB) are worth it. */
#define QUARANTINE_MAX 256

int pt_pool_init(struct pt_pool *pool, struct physmap *pm, struct error *err)
{
	uint32_t pdpt;

	pool->pm = pm;
	pthread_mutex_init(&pool->lock, NULL);
	pool->host = mmap(NULL, ARENA_SIZE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
			  -1, 0);
	pool->next = mmap(NULL, ARENA_PAGES * sizeof(*pool->next), PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (pool->host == MAP_FAILED || pool->next == MAP_FAILED)
		return error_set(err, -ENOMEM, "page tables: cannot reserve address space");
	/* Page 0 is never used, so that index 0 can mean 'none'. */
	pool->fresh = 1;
	physmap_region(pm, REGION_ARENA, GPA_ARENA, pool->host, ARENA_SIZE, ARENA_STEP);
	pdpt = pt_page_alloc(pool, NULL);
	if (!pdpt)
		return error_set(err, -ENOMEM, "page tables: no memory for the first slot");
	pool->kernel_pdpt = pt_page_gpa(pdpt);
	return 0;
}

void pt_pool_destroy(struct pt_pool *pool)
{
	if (pool->host && pool->host != MAP_FAILED)
		munmap(pool->host, ARENA_SIZE);
	if (pool->next && pool->next != MAP_FAILED)
		munmap(pool->next, ARENA_PAGES * sizeof(*pool->next));
}

static void chain_push(struct pt_pool *pool, struct page_chain *chain, uint32_t page)
{
	pool->next[page] = chain->head;
	chain->head = page;
	if (!chain->tail)
		chain->tail = page;
	chain->count++;
}

/* Moves all of `from` in front of `to`. */
static void chain_splice(struct pt_pool *pool, struct page_chain *to, struct page_chain *from)
{
	if (!from->count)
		return;
	pool->next[from->tail] = to->head;
	if (!to->tail)
		to->tail = from->tail;
	to->head = from->head;
	to->count += from->count;
	*from = (struct page_chain){0};
}

/* Quarantined pages are harmless after a purge; under the lock. */
static void purge(struct pt_pool *pool)
{
	physmap_purge(pool->pm);
	chain_splice(pool, &pool->free, &pool->quarantine);
}

/* A page that was never used (so it is zero), or 0; under the lock. */
static uint32_t take_fresh(struct pt_pool *pool)
{
	if (pool->fresh == ARENA_PAGES)
		return 0;
	if (pool->fresh >= pool->usable) {
		uint64_t have = (uint64_t)pool->usable << PAGE_SHIFT;
		uint64_t next = growth_step(have, have + 1, ARENA_STEP, ARENA_SIZE);

		if (mprotect(pool->host + have, next - have, PROT_READ | PROT_WRITE) < 0 ||
		    physmap_ensure(pool->pm, REGION_ARENA, next) < 0)
			return 0;
		pool->usable = next >> PAGE_SHIFT;
	}
	return pool->fresh++;
}

uint32_t pt_page_alloc(struct pt_pool *pool, struct page_chain *chain)
{
	uint32_t page;
	bool used;

	pthread_mutex_lock(&pool->lock);
	page = pool->free.count ? 0 : take_fresh(pool);
	used = !page;
	if (!page && !pool->free.count && pool->quarantine.count)
		purge(pool);
	if (!page && pool->free.count) {
		page = pool->free.head;
		pool->free.head = pool->next[page];
		if (--pool->free.count == 0)
			pool->free.tail = 0;
	}
	pthread_mutex_unlock(&pool->lock);
	if (!page)
		return 0;
	if (used)
		memset(pt_page_ptr(pool, page), 0, PAGE_SIZE);
	atomic_fetch_add(&pool->in_use, 1);
	/* The chain belongs to the caller, who has its lock. */
	if (chain)
		chain_push(pool, chain, page);
	return page;
}

/* Pages that no processor and no KVM has ever seen as tables have nothing to be forgotten. */
void pt_pages_retire(struct pt_pool *pool, struct page_chain *chain, bool seen)
{
	pthread_mutex_lock(&pool->lock);
	atomic_fetch_sub(&pool->in_use, chain->count);
	chain_splice(pool, seen ? &pool->quarantine : &pool->free, chain);
	if (pool->quarantine.count >= QUARANTINE_MAX)
		purge(pool);
	pthread_mutex_unlock(&pool->lock);
}

uint64_t pt_pages_quarantined(struct pt_pool *pool)
{
	uint64_t n;

	pthread_mutex_lock(&pool->lock);
	n = pool->quarantine.count;
	pthread_mutex_unlock(&pool->lock);
	return n;
}

/* The table that entry e leads to, made if it is missing; NULL without memory. */
static uint64_t *kernel_table(struct pt_pool *pool, uint64_t *e)
{
	if (!(*e & PTE_PRESENT)) {
		uint32_t page = pt_page_alloc(pool, NULL);

		if (!page)
			return NULL;
		__atomic_store_n(e, pt_page_gpa(page) | PTE_PRESENT | PTE_WRITE | PTE_ACCESSED,
				 __ATOMIC_RELEASE);
	}
	return physmap_host(pool->pm, *e & PTE_ADDRESS);
}

int pt_map_kernel(struct pt_pool *pool, uint64_t addr, uint32_t page, uint64_t flags)
{
	uint64_t *pdpt = physmap_host(pool->pm, pool->kernel_pdpt);
	uint64_t *pd = kernel_table(pool, &pdpt[addr >> 30 & 511]);
	uint64_t *pt = pd ? kernel_table(pool, &pd[addr >> 21 & 511]) : NULL;

	if (!pt)
		return -ENOMEM;
	__atomic_store_n(&pt[addr >> 12 & 511], pt_page_gpa(page) | PTE_LEAF | flags,
			 __ATOMIC_RELEASE);
	return 0;
}
