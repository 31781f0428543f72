/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The XSAVE area in its standard format (Intel SDM 1, 13.4), as all implementations keep a
 * context's FPU state.
 */
#ifndef HUSK_PLATFORM_XSAVE_H
#define HUSK_PLATFORM_XSAVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define XSAVE_LEGACY 512
#define XSAVE_HEADER 64
#define XFEATURE_FP 1UL
#define XFEATURE_SSE 2UL

struct xsave_header {
	uint64_t xstate_bv, xcomp_bv, reserved[6];
};

/* What a program begins with. area: size bytes, at least legacy area and header. */
void xsave_init(uint8_t *area, size_t size);
/*
 * Would the processor load it, if it has these features? Asked of state that came from a guest:
 * better its -EINVAL now than a surprise later.
 */
bool xsave_valid(const uint8_t *area, uint64_t features);

#endif
