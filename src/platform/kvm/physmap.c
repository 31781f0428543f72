/* SPDX-License-Identifier: GPL-2.0-or-later */
/*T:240 What KVM may see
 * Guest-physical memory: which part of this process is seen where by KVM.
 *
 * A memory slot costs the host 0.2 to 0.4 % of its size at once, so nothing is installed ahead of
 * need, and steps double: a small container pays for 16 MiB, a large one makes few slots.
 */
#include "platform/kvm/kvm.h"

#include <errno.h>
#include <string.h>

#include "base/log.h"

enum { SLOT_DUMMY, SLOT_FIRST };

int physmap_init(struct physmap *pm, int vm_fd, int kvm_fd, struct error *err)
{
	int slots = kvm_ioctl(kvm_fd, KVM_CHECK_EXTENSION, (void *)KVM_CAP_NR_MEMSLOTS);

	pthread_mutex_init(&pm->lock, NULL);
	pm->vm_fd = vm_fd;
	pm->next_slot = SLOT_FIRST;
	pm->max_slots = slots > 0 ? slots : 32;
	return 0;
}

void physmap_region(struct physmap *pm, unsigned which, uint64_t gpa, void *host, uint64_t size,
		    uint64_t first_step)
{
	pm->region[which] = (struct region){
	    .gpa = gpa, .host = host, .size = size, .first_step = first_step};
}

static int set_slot(struct physmap *pm, unsigned slot, uint64_t gpa, const void *host,
		    uint64_t size, unsigned flags)
{
	struct kvm_userspace_memory_region r = {
	    .slot = slot,
	    .flags = flags,
	    .guest_phys_addr = gpa,
	    .memory_size = size,
	    .userspace_addr = (uintptr_t)host,
	};

	return kvm_ioctl(pm->vm_fd, KVM_SET_USER_MEMORY_REGION, &r);
}

/* A new slot; under the lock. */
static int add_slot(struct physmap *pm, uint64_t gpa, const void *host, uint64_t size,
		    unsigned flags)
{
	int r;

	if (pm->next_slot >= pm->max_slots)
		return -ENOMEM;
	r = set_slot(pm, pm->next_slot, gpa, host, size, flags);
	if (r < 0) {
		log_error("kvm: memory slot of %llu MiB: %s", (unsigned long long)(size >> 20),
			  strerror(-r));
		return -ENOMEM;
	}
	pm->next_slot++;
	atomic_fetch_add(&pm->slots, 1);
	return 0;
}

int physmap_install(struct physmap *pm, unsigned which, uint64_t end)
{
	struct region *g = &pm->region[which];
	int r = 0;

	if (end > g->size)
		return -ENOMEM;
	pthread_mutex_lock(&pm->lock);
	while (r == 0 && g->installed < end) {
		uint64_t have = g->installed;
		uint64_t next = growth_step(have, have + 1, g->first_step, g->size);

		r = add_slot(pm, g->gpa + have, g->host + have, next - have, 0);
		if (r == 0)
			atomic_store_explicit(&g->installed, next, memory_order_release);
	}
	pthread_mutex_unlock(&pm->lock);
	return r;
}

int physmap_add_readonly(struct physmap *pm, uint64_t gpa, const void *host, uint64_t size)
{
	int r;

	pthread_mutex_lock(&pm->lock);
	r = add_slot(pm, gpa, host, size, KVM_MEM_READONLY);
	pthread_mutex_unlock(&pm->lock);
	return r;
}

void *physmap_host(struct physmap *pm, uint64_t gpa)
{
	for (unsigned i = 0; i < REGIONS; i++) {
		struct region *g = &pm->region[i];

		if (gpa - g->gpa < g->size)
			return g->host + (gpa - g->gpa);
	}
	return NULL;
}

/*
 * Deleting a slot makes KVM drop all shadow pages of the VM and flush every vCPU, running ones
 * too, before the call returns. That is the one thing that works on shadow paging and on two-level
 * paging alike; it relies on the quirk KVM_X86_QUIRK_SLOT_ZAP_ALL staying enabled.
 */
void physmap_purge(struct physmap *pm)
{
	int r;

	pthread_mutex_lock(&pm->lock);
	r = set_slot(pm, SLOT_DUMMY, GPA_DUMMY, pm->region[REGION_ARENA].host, PAGE_SIZE, 0);
	if (r == 0)
		r = set_slot(pm, SLOT_DUMMY, GPA_DUMMY, NULL, 0, 0);
	pthread_mutex_unlock(&pm->lock);
	atomic_fetch_add(&pm->purges, 1);
	if (r >= 0)
		return;
	/* Old translations may live on: then no vCPU may run on. */
	log_error("kvm: dummy memory slot: %s", strerror(-r));
	machine_break(container_of(pm, struct kvm, physmap));
}
