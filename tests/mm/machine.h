/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where test_mm_random runs: on the fake platform (machine_fake.c), or with real guest accesses in a
 * KVM guest (machine_kvm.c).
 */
#ifndef HUSK_TESTS_MM_MACHINE_H
#define HUSK_TESTS_MM_MACHINE_H

#include "mm/mm.h"

struct platform *machine_platform(void);
/* Makes a new mm ready for machine_access(). */
void machine_prepare(struct mm *mm);
/* One 64-bit load or store by the guest, with the page faults it takes; *value in and out. */
enum fault_result machine_access(struct mm *mm, uint64_t addr, bool write, uint64_t *value);
/* Forgets some or all of what the AddressSpace caches. */
void machine_forget(struct mm *mm);
/* Has everything been given back? */
bool machine_is_clean(void);

#endif
