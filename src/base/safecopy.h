/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Copies that survive SIGBUS and SIGSEGV: for memory that maps a host file, which somebody outside
 * may truncate at any time. The fault handler (installed by safecopy_init()) recognises faults
 * inside these routines by the program counter and makes them return early.
 *
 * Each returns the number of bytes NOT copied (0: all done).
 */
#ifndef HUSK_BASE_SAFECOPY_H
#define HUSK_BASE_SAFECOPY_H

#include <stddef.h>
#include <stdint.h>

void safecopy_init(void);

size_t safe_copy(void *dst, const void *src, size_t n);
size_t safe_zero(void *dst, size_t n);

/* 0 or -EFAULT. p is aligned to 4. */
int safe_load_u32(const uint32_t *p, uint32_t *value);
/* Atomic exchange; *old is what was there. 0 or -EFAULT. */
int safe_swap_u32(uint32_t *p, uint32_t value, uint32_t *old);
/* Atomic compare-and-swap; *old is what was there (== expected: it was swapped). 0 or -EFAULT. */
int safe_cas_u32(uint32_t *p, uint32_t expected, uint32_t value, uint32_t *old);

#endif
