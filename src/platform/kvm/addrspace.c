/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Address spaces: page tables written by the host, read by the guest's processor or by KVM on its
 * behalf, without any lock between us.
 *
 * Adding: the entry is written, and that is all; nobody remembers an absent translation.
 * Taking away: entries are written, then KVM is made to forget what it knew, by MADV_DONTNEED on
 * our own mapping of the data pages. They keep their contents (the mapping is shared), but KVM's
 * MMU notifier drops what leads to them and flushes every vCPU, running ones included, before it
 * returns; on shadow and on two-level paging. Each contiguous run costs one such call; where there
 * are many, one purge of the whole VM is cheaper.
 */
#include "platform/kvm/kvm.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/safecopy.h"

#define ENTRIES 512
#define KERNEL_SLOT 256 /* of the root, where KERNEL_BASE is */
#define MAX_RUNS 16	/* above this a purge is cheaper */

/* ---- forgetting ------------------------------------------------------------------------------ */

struct invalidation {
	struct platform *platform;
	unsigned n;
	bool everything; /* too many runs, or pages that cannot be handled one by one */
	struct {
		uint64_t gpa, len;
	} run[MAX_RUNS];
};

/* The page at gpa has lost rights or its place. */
static void forget_page(struct invalidation *inv, uint64_t gpa)
{
	unsigned n = inv->n;

	if (n && inv->run[n - 1].gpa + inv->run[n - 1].len == gpa) {
		inv->run[n - 1].len += PAGE_SIZE;
		return;
	}
	if (n == MAX_RUNS || !physmap_host(&inv->platform->physmap, gpa)) {
		inv->everything = true;
		return;
	}
	inv->run[n].gpa = gpa;
	inv->run[n].len = PAGE_SIZE;
	inv->n++;
}

static void forget(struct invalidation *inv)
{
	struct physmap *pm = &inv->platform->physmap;

	if (!inv->n && !inv->everything)
		return;
	atomic_fetch_add_explicit(&inv->platform->invalidations, 1, memory_order_relaxed);
	for (unsigned i = 0; i < inv->n && !inv->everything; i++)
		if (madvise(physmap_host(pm, inv->run[i].gpa), inv->run[i].len, MADV_DONTNEED) < 0)
			inv->everything = true;
	if (inv->everything)
		physmap_purge(pm);
}

/* ---- entries --------------------------------------------------------------------------------- */

static uint64_t pte_make(uint64_t gpa, unsigned access)
{
	if (!(access & ACCESS_READ))
		return 0;
	return gpa | PTE_LEAF | PTE_USER | (access & ACCESS_WRITE ? PTE_WRITE : 0) |
	       (access & ACCESS_EXEC ? 0 : PTE_NX);
}

/* Does somebody who remembers the old entry know too much? */
static bool pte_narrows(uint64_t old, uint64_t new)
{
	if (!(old & PTE_PRESENT))
		return false;
	return !(new & PTE_PRESENT) || ((old ^ new) & PTE_ADDRESS) || (old & ~new & PTE_WRITE) ||
	       (new & ~old & PTE_NX);
}

static void pte_set(uint64_t *e, uint64_t value, struct invalidation *inv)
{
	uint64_t old = *e;

	if (old == value)
		return;
	__atomic_store_n(e, value, __ATOMIC_RELEASE);
	if (pte_narrows(old, value))
		forget_page(inv, old & PTE_ADDRESS);
}

/* The table that e leads to; if absent NULL, or with `make` a new one (NULL: no memory). */
static uint64_t *table_of(struct address_space *as, uint64_t *e, bool make)
{
	struct pt_pool *pool = &as->platform->pt;

	if (!(*e & PTE_PRESENT)) {
		uint32_t page = make ? pt_page_alloc(pool, &as->tables) : 0;

		if (!page)
			return NULL;
		__atomic_store_n(e, pt_page_gpa(page) | PTE_TABLE, __ATOMIC_RELEASE);
	}
	return (uint64_t *)(pool->host + ((*e & PTE_ADDRESS) - GPA_ARENA));
}

/*
 * The last-level table for addr. If there is none and `make` is not set: NULL, and *skip is the
 * first address behind addr for which there may be one.
 */
static uint64_t *leaf_table(struct address_space *as, uint64_t addr, bool make, uint64_t *skip)
{
	uint64_t *t = as->root;

	for (unsigned shift = 39; shift > CHUNK_SHIFT - 9; shift -= 9) {
		t = table_of(as, &t[addr >> shift & (ENTRIES - 1)], make);
		if (!t) {
			*skip = ((addr >> shift) + 1) << shift;
			return NULL;
		}
	}
	return t;
}

static void check_user_range(uint64_t addr, uint64_t len)
{
	assert((addr & ~PAGE_MASK) == 0 && (len & ~PAGE_MASK) == 0);
	assert(addr < MAX_USER_ADDRESS && len <= MAX_USER_ADDRESS - addr);
	(void)addr;
	(void)len;
}

/* ---- the contract ---------------------------------------------------------------------------- */

int platform_new_address_space(struct platform *p, struct address_space **out)
{
	struct address_space *as = calloc(1, sizeof(*as));
	uint32_t root;

	if (!as)
		return -ENOMEM;
	as->platform = p;
	root = pt_page_alloc(&p->pt, &as->tables);
	if (!root) {
		free(as);
		return -ENOMEM;
	}
	pthread_mutex_init(&as->lock, NULL);
	as->root = pt_page_ptr(&p->pt, root);
	as->cr3 = pt_page_gpa(root);
	as->root[KERNEL_SLOT] = p->pt.kernel_pdpt | PTE_PRESENT | PTE_WRITE | PTE_ACCESSED;
	*out = as;
	return 0;
}

void address_space_release(struct address_space *as)
{
	if (!as)
		return;
	pt_pages_retire(&as->platform->pt, &as->tables);
	pthread_mutex_destroy(&as->lock);
	free(as);
}

static int map_gpa(struct address_space *as, uint64_t addr, uint64_t gpa, unsigned count,
		   unsigned access)
{
	struct invalidation inv = {.platform = as->platform};
	int r = 0;

	check_user_range(addr, (uint64_t)count << PAGE_SHIFT);
	pthread_mutex_lock(&as->lock);
	while (count) {
		uint64_t skip;
		uint64_t *pt = leaf_table(as, addr, true, &skip);
		unsigned i = addr >> PAGE_SHIFT & (ENTRIES - 1);
		unsigned n = count < ENTRIES - i ? count : ENTRIES - i;

		if (!pt) {
			r = -ENOMEM;
			break;
		}
		for (unsigned k = 0; k < n; k++)
			pte_set(&pt[i + k], pte_make(gpa + ((uint64_t)k << PAGE_SHIFT), access),
				&inv);
		addr += (uint64_t)n << PAGE_SHIFT;
		gpa += (uint64_t)n << PAGE_SHIFT;
		count -= n;
	}
	forget(&inv);
	pthread_mutex_unlock(&as->lock);
	return r;
}

int address_space_map(struct address_space *as, uint64_t addr, frame_t first, unsigned count,
		      unsigned access, bool precommit)
{
	struct platform *p = as->platform;
	uint64_t offset = (uint64_t)first << PAGE_SHIFT, len = (uint64_t)count << PAGE_SHIFT;
	int r;

	assert(first && offset + len <= memory_total_size(p->memory));
	r = physmap_ensure(&p->physmap, REGION_MEMORY, offset + len);
	if (r < 0)
		return r;
	if (precommit && (access & ACCESS_READ))
		/* A hint: on hosts before 5.14 the pages come when they are touched. */
		(void)madvise(memory_ptr(p->memory, first), len, MADV_POPULATE_WRITE);
	return map_gpa(as, addr, GPA_MEMORY + offset, count, access);
}

int address_space_map_window(struct address_space *as, uint64_t addr, struct window *w,
			     unsigned first, unsigned count, unsigned access)
{
	assert(first + count <= window_pages(w) && first + count >= first);
	return map_gpa(as, addr, window_gpa(w) + ((uint64_t)first << PAGE_SHIFT), count, access);
}

/* Calls for each present entry in [addr, end): access is the most that stays (0: unmap). */
static void narrow(struct address_space *as, uint64_t addr, uint64_t end, unsigned access,
		   struct invalidation *inv)
{
	while (addr < end) {
		uint64_t skip, stop;
		uint64_t *pt = leaf_table(as, addr, false, &skip);

		if (!pt) {
			addr = skip;
			continue;
		}
		stop = (addr | (CHUNK_SIZE - 1)) + 1;
		for (; addr < end && addr < stop; addr += PAGE_SIZE) {
			uint64_t *e = &pt[addr >> PAGE_SHIFT & (ENTRIES - 1)];
			uint64_t keep = *e;

			if (!(keep & PTE_PRESENT))
				continue;
			if (!(access & ACCESS_READ))
				keep = 0;
			if (!(access & ACCESS_WRITE))
				keep &= ~PTE_WRITE;
			if (!(access & ACCESS_EXEC) && keep)
				keep |= PTE_NX;
			pte_set(e, keep, inv);
		}
	}
}

void address_space_unmap(struct address_space *as, uint64_t addr, uint64_t len)
{
	struct address_range range = {addr, len};

	address_space_restrict(as, &range, 1, 0);
}

void address_space_restrict(struct address_space *as, const struct address_range *ranges,
			    size_t count, unsigned access)
{
	struct invalidation inv = {.platform = as->platform};

	pthread_mutex_lock(&as->lock);
	for (size_t i = 0; i < count; i++) {
		check_user_range(ranges[i].addr, ranges[i].len);
		narrow(as, ranges[i].addr, ranges[i].addr + ranges[i].len, access, &inv);
	}
	forget(&inv);
	pthread_mutex_unlock(&as->lock);
}

size_t address_space_peek(struct address_space *as, uint64_t rip, uint8_t *buf, size_t n)
{
	size_t done = 0;

	pthread_mutex_lock(&as->lock);
	for (; done < n && rip + done < MAX_USER_ADDRESS; done++) {
		uint64_t at = rip + done, skip, e;
		uint64_t *pt = leaf_table(as, at, false, &skip);
		uint8_t *page;

		e = pt ? pt[at >> PAGE_SHIFT & (ENTRIES - 1)] : 0;
		if (!(e & PTE_PRESENT) || (e & PTE_NX))
			break;
		page = physmap_host(&as->platform->physmap, e & PTE_ADDRESS);
		if (!page || safe_copy(buf + done, page + (at & ~PAGE_MASK), 1) != 0)
			break;
	}
	pthread_mutex_unlock(&as->lock);
	return done;
}
