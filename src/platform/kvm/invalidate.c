/* SPDX-License-Identifier: GPL-2.0-or-later */
/*T:470 Taking away, for certain
 * Forgetting: what has to happen between a page-table entry that has lost rights and the moment
 * when no vCPU can use the old ones any more.
 *
 * First of all: who could remember? Only a vCPU that has run the address space. The dirty set says
 * which have; while it is empty (a child before its first instruction, an exec's new image) taking
 * away is as cheap as adding.
 *
 * The host decides how the others are made to forget (selftest.c finds out, KVM-FACTS has the
 * measurements):
 *
 *   by data    MADV_DONTNEED on our own mapping of the data pages. They keep their contents (the
 *              mapping is shared), but KVM's MMU notifier drops what leads to them and flushes
 *              every vCPU, running ones included, before it returns; on shadow and on two-level
 *              paging. Each contiguous run costs one such call; where there are many, one purge of
 *              the whole VM is cheaper. Right everywhere.
 *   by flush   Each entry to user mode compares generations: the address space has a new one after
 *              each loss, the vCPU has that of its translations. If they differ, CR4.PGE is
 *              toggled, which has KVM flush that vCPU's translations. Those that run the address
 *              space at the moment are kicked and waited for; nobody else notices anything. Only
 *              where the processor walks our tables itself, and the self-test has seen both that a
 *              translation went stale and that this removes it.
 *
 * Generations come from one counter, so a number says which address space it belongs to: a vCPU
 * that comes from another one, or from a dead one at the same place, never has the right number.
 */
#include "platform/kvm/kvm.h"

#include <sys/mman.h>

#define CR4_PGE (1UL << 7)

/*
 * Above so many pages a purge is cheaper, even with a refill of what others use: forgetting by data
 * costs 0.3 us a page, and as much again when the page comes back, because our own mapping has lost
 * it too. Write-protecting 100 MB took 14 ms and takes 1.5. (A purge waits for KVM's readers, which
 * on a busy host takes milliseconds: hence not for less.)
 */
#define FORGET_PAGES 8192

/* ---- entering -------------------------------------------------------------------------------- */

uint64_t generation_next(struct kvm *kvm)
{
	return atomic_fetch_add(&kvm->generations, 1) + 1;
}

/* Puts v into the dirty set of as. */
static void show(struct vcpu *v, struct kvm_space *as)
{
	_Atomic uint64_t *word = &as->dirty[v->id / 64];
	uint64_t bit = 1UL << v->id % 64;

	if (!(atomic_load(word) & bit))
		atomic_fetch_or(word, bit);
}

/*
 * Either the one who takes away finds us in the dirty set with GUEST set, or we find what he wrote:
 * he writes the entries and the generation before he looks for us, we look for those after we have
 * shown ourselves.
 */
bool space_enter(struct vcpu *v, struct kvm_space *as)
{
	bool toggled = false;
	uint64_t now;

	if (v->kvm->forget != FORGET_BY_FLUSH) {
		show(v, as);
		return !atomic_load(&v->kvm->broken);
	}
	while ((now = atomic_load(&as->generation)) != atomic_load(&v->generation)) {
		if (!toggled)
			v->sregs.cr4 ^= CR4_PGE;
		toggled = true;
		atomic_store(&v->generation, now);
		show(v, as);
	}
	if (toggled) {
		v->run->s.regs.sregs.cr4 = v->sregs.cr4;
		v->run->kvm_dirty_regs |= KVM_SYNC_X86_SREGS;
	}
	return !atomic_load(&v->kvm->broken);
}

void machine_break(struct kvm *kvm)
{
	atomic_store(&kvm->broken, true);
	for (unsigned i = 0; i < atomic_load(&kvm->machine.n_vcpus); i++)
		bounce_to_host(kvm->machine.vcpus[i]);
}

bool space_ran(struct kvm_space *as)
{
	for (unsigned i = 0; i < VCPU_LIMIT / 64; i++)
		if (atomic_load(&as->dirty[i]))
			return true;
	return false;
}

/* ---- collecting ------------------------------------------------------------------------------ */

void forget_page(struct invalidation *inv, uint64_t gpa)
{
	unsigned n = inv->n;

	inv->any = true;
	if (n && inv->run[n - 1].gpa + inv->run[n - 1].len == gpa) {
		inv->run[n - 1].len += PAGE_SIZE;
		return;
	}
	if (n == INVALIDATION_RUNS || !physmap_host(&inv->as->kvm->physmap, gpa)) {
		inv->everything = true;
		return;
	}
	inv->run[n].gpa = gpa;
	inv->run[n].len = PAGE_SIZE;
	inv->n++;
}

/* ---- by data --------------------------------------------------------------------------------- */

static void forget_data(struct invalidation *inv)
{
	struct kvm *kvm = inv->as->kvm;
	struct physmap *pm = &kvm->physmap;
	uint64_t len = 0;

	for (unsigned i = 0; i < inv->n; i++)
		len += inv->run[i].len;
	if (len > FORGET_PAGES * PAGE_SIZE)
		inv->everything = true;
	for (unsigned i = 0; i < inv->n && !inv->everything; i++) {
		void *host = physmap_host(pm, inv->run[i].gpa);

		if (madvise(host, inv->run[i].len, MADV_DONTNEED) < 0)
			inv->everything = true;
		atomic_fetch_add_explicit(&kvm->forgotten_runs, 1, memory_order_relaxed);
	}
	if (inv->everything) {
		physmap_purge(pm);
		atomic_fetch_add_explicit(&kvm->forgotten_all, 1, memory_order_relaxed);
	}
}

/* ---- by flush -------------------------------------------------------------------------------- */

/* Until v is not in user mode with translations of generation `old` any more. */
static void shoot_down(struct vcpu *v, uint64_t old)
{
	if (!state_in_guest(&v->state) || atomic_load(&v->generation) != old)
		return;
	atomic_fetch_add_explicit(&v->kvm->shootdowns, 1, memory_order_relaxed);
	bounce_to_host(v);
}

/*
 * A vCPU leaves the dirty set here, when it turns out to have run something else since. One that
 * is about to enter has the old or the new generation and stays: it relies on being in the set.
 */
static void forget_generation(struct kvm_space *as)
{
	struct kvm *kvm = as->kvm;
	uint64_t old = atomic_load(&as->generation), new = generation_next(kvm);

	atomic_store(&as->generation, new);
	for (unsigned i = 0; i < VCPU_LIMIT / 64; i++) {
		uint64_t left = atomic_load(&as->dirty[i]);

		for (; left; left &= left - 1) {
			struct vcpu *v = kvm->machine.vcpus[i * 64 + __builtin_ctzl(left)];
			uint64_t bit = left & -left, has;

			atomic_fetch_and(&as->dirty[i], ~bit);
			has = atomic_load(&v->generation);
			if (has != old && has != new)
				continue;
			atomic_fetch_or(&as->dirty[i], bit);
			shoot_down(v, old);
		}
	}
	atomic_fetch_add_explicit(&kvm->flushes, 1, memory_order_relaxed);
}

/* ---- both ------------------------------------------------------------------------------------ */

void forget(struct invalidation *inv)
{
	struct kvm *kvm = inv->as->kvm;

	if (!inv->any)
		return;
	if (!space_ran(inv->as)) {
		atomic_fetch_add_explicit(&kvm->invalidations_idle, 1, memory_order_relaxed);
		return;
	}
	atomic_fetch_add_explicit(&kvm->invalidations, 1, memory_order_relaxed);
	switch (kvm->forget) {
	case FORGET_BY_DATA:
		forget_data(inv);
		break;
	case FORGET_BY_FLUSH:
		forget_generation(inv->as);
		break;
	case FORGET_NOTHING:
		break;
	}
}
