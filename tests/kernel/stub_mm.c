/* SPDX-License-Identifier: GPL-2.0-or-later */
/* elf.c's way into memory, for tests that only read headers: any use of it is a failure. */
#include <stdlib.h>

#include "mm/mm.h"

int64_t mm_mmap(struct mm *mm, uint64_t addr, uint64_t len, unsigned prot, unsigned flags,
		struct file *file, uint64_t offset)
{
	abort();
}

int mm_munmap(struct mm *mm, uint64_t addr, uint64_t len)
{
	abort();
}

int mm_copy_out(struct mm *mm, uint64_t dst, const void *src, size_t n)
{
	abort();
}

uint64_t mm_task_size = 0x7ffffffff000;
