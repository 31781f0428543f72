/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "machine.h"

#include <stdlib.h>

#include "fake_platform.h"

struct platform *machine_platform(void)
{
	return fake_platform();
}

void machine_prepare(struct mm *mm)
{
}

enum fault_result machine_access(struct mm *mm, uint64_t addr, bool write, uint64_t *value)
{
	unsigned access = write ? ACCESS_WRITE : ACCESS_READ;

	for (int tries = 0; tries < 3; tries++) {
		char *page = fake_translate(mm->as, addr, access);
		enum fault_result r;

		if (page) {
			uint64_t *p = (uint64_t *)(page + addr % PAGE_SIZE);

			if (write)
				*p = *value;
			*value = *p;
			return FAULT_DONE;
		}
		r = mm_fault(mm, addr, access);
		if (r != FAULT_DONE)
			return r;
	}
	abort(); /* a fault that is resolved must not come back */
}

void machine_forget(struct mm *mm)
{
	fake_forget(mm->as);
}

bool machine_is_clean(void)
{
	return fake_frames_used() == 0 && fake_windows_used() == 0;
}
