/* SPDX-License-Identifier: GPL-2.0-or-later */
/*T:460 Which frame stands where
 * Address spaces: page tables written by the host, read by the guest's processor or by KVM on its
 * behalf, without any lock between us.
 *
 * Adding: the entry is written, and that is all; nobody remembers an absent translation.
 * Taking away: entries are written, and then everybody is made to forget the old ones
 * (invalidate.c), all entries of one call together.
 */
#include "platform/kvm/kvm.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "base/safecopy.h"

#define ENTRIES 512
#define KERNEL_SLOT 256 /* of the root, where KERNEL_BASE is */

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
static uint64_t *table_of(struct kvm_space *as, uint64_t *e, bool make)
{
	struct pt_pool *pool = &as->kvm->pt;

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
static uint64_t *leaf_table(struct kvm_space *as, uint64_t addr, bool make, uint64_t *skip)
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

/* ---- the contract ---------------------------------------------------------------------------- */

int kvm_new_space(struct platform *p, struct address_space **out)
{
	struct kvm *kvm = kvm_of(p);
	struct kvm_space *as = calloc(1, sizeof(*as));
	uint32_t root;

	if (!as)
		return -ENOMEM;
	as->kvm = kvm;
	root = pt_page_alloc(&kvm->pt, &as->tables);
	if (!root) {
		free(as);
		return -ENOMEM;
	}
	as->root = pt_page_ptr(&kvm->pt, root);
	as->cr3 = pt_page_gpa(root);
	as->generation = generation_next(kvm);
	as->root[KERNEL_SLOT] = kvm->pt.kernel_pdpt | PTE_PRESENT | PTE_WRITE | PTE_ACCESSED;
	*out = &as->base;
	return 0;
}

void kvm_destroy_space(struct address_space *base)
{
	struct kvm_space *as = kvm_space_of(base);

	pt_pages_retire(&as->kvm->pt, &as->tables, space_ran(as));
	free(as);
}

static int map_gpa(struct kvm_space *as, uint64_t addr, uint64_t gpa, unsigned count,
		   unsigned access)
{
	struct invalidation inv = {.as = as};
	unsigned mapped = 0;
	int r = 0;

	pthread_mutex_lock(&as->base.lock);
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
		mapped += n;
	}
	forget(&inv);
	pthread_mutex_unlock(&as->base.lock);
	atomic_fetch_add_explicit(&as->kvm->maps, 1, memory_order_relaxed);
	atomic_fetch_add_explicit(&as->kvm->mapped_pages, mapped, memory_order_relaxed);
	return r;
}

int kvm_map(struct address_space *base, uint64_t addr, frame_t first, unsigned count,
	    unsigned access, bool precommit)
{
	struct kvm_space *as = kvm_space_of(base);
	struct kvm *kvm = as->kvm;
	uint64_t offset = (uint64_t)first << PAGE_SHIFT, len = (uint64_t)count << PAGE_SHIFT;
	int r;

	r = physmap_ensure(&kvm->physmap, REGION_MEMORY, offset + len);
	if (r < 0)
		return r;
	if (precommit && (access & ACCESS_READ))
		/* A hint: on hosts before 5.14 the pages come when they are touched. */
		(void)madvise(memory_ptr(kvm->base.memory, first), len, MADV_POPULATE_WRITE);
	return map_gpa(as, addr, GPA_MEMORY + offset, count, access);
}

int kvm_map_window(struct address_space *base, uint64_t addr, struct window *w, unsigned first,
		   unsigned count, unsigned access)
{
	struct kvm_space *as = kvm_space_of(base);

	return map_gpa(as, addr, window_gpa(as->kvm, w) + ((uint64_t)first << PAGE_SHIFT), count, access);
}

/* Calls for each present entry in [addr, end): access is the most that stays (0: unmap). */
static void narrow(struct kvm_space *as, uint64_t addr, uint64_t end, unsigned access,
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

void kvm_restrict(struct address_space *base, const struct address_range *ranges, size_t count,
		  unsigned access)
{
	struct kvm_space *as = kvm_space_of(base);
	struct invalidation inv = {.as = as};

	pthread_mutex_lock(&as->base.lock);
	for (size_t i = 0; i < count; i++)
		narrow(as, ranges[i].addr, ranges[i].addr + ranges[i].len, access, &inv);
	forget(&inv);
	pthread_mutex_unlock(&as->base.lock);
	atomic_fetch_add_explicit(&as->kvm->unmaps, 1, memory_order_relaxed);
}

/* Where the page at guest-physical gpa is in this process; NULL: in no memory of ours. */
static void *host_of(struct kvm *kvm, uint64_t gpa)
{
	struct windows *ws = &kvm->base.windows;
	uint64_t host_window = (gpa - GPA_HOST) >> CHUNK_SHIFT;

	if (host_window >= HOST_WINDOWS)
		return physmap_host(&kvm->physmap, gpa);
	/* Host windows are made once and stay: whoever has mapped one has seen it made. */
	return ws->host[host_window]->ptr + ((gpa - GPA_HOST) & (CHUNK_SIZE - 1));
}

void *kvm_find_page(struct address_space *base, uint64_t addr, unsigned access)
{
	struct kvm_space *as = kvm_space_of(base);
	uint64_t skip, e;
	uint64_t *pt = leaf_table(as, addr, false, &skip);

	e = pt ? pt[addr >> PAGE_SHIFT & (ENTRIES - 1)] : 0;
	if (!(e & PTE_PRESENT) || ((access & ACCESS_WRITE) && !(e & PTE_WRITE)) ||
	    ((access & ACCESS_EXEC) && (e & PTE_NX)))
		return NULL;
	return host_of(as->kvm, e & PTE_ADDRESS);
}

uint64_t address_space_where(struct kvm_space *as, uint64_t gpa)
{
	uint64_t addr = 0, skip, found = 0;

	pthread_mutex_lock(&as->base.lock);
	while (!found && addr < MAX_USER_ADDRESS) {
		uint64_t *pt = leaf_table(as, addr, false, &skip);

		for (unsigned i = 0; pt && i < ENTRIES && !found; i++)
			if ((pt[i] & PTE_PRESENT) && (pt[i] & PTE_ADDRESS) == gpa)
				found = addr + ((uint64_t)i << PAGE_SHIFT);
		addr = pt ? addr + CHUNK_SIZE : skip;
	}
	pthread_mutex_unlock(&as->base.lock);
	return found;
}

size_t address_space_peek(struct kvm_space *as, uint64_t rip, uint8_t *buf, size_t n)
{
	size_t done = 0;

	pthread_mutex_lock(&as->base.lock);
	for (; done < n && rip + done < MAX_USER_ADDRESS; done++) {
		uint64_t at = rip + done;
		uint8_t *page = kvm_find_page(&as->base, at & PAGE_MASK, ACCESS_EXEC);

		if (!page || safe_copy(buf + done, page + (at & ~PAGE_MASK), 1) != 0)
			break;
	}
	pthread_mutex_unlock(&as->base.lock);
	return done;
}
