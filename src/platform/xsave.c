/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "platform/xsave.h"

#include <string.h>

#define FCW_INIT 0x37f
#define MXCSR_INIT 0x1f80
#define MXCSR_OFFSET 24
#define MXCSR_MASK 0xffffU

void xsave_init(uint8_t *area, size_t size)
{
	uint16_t fcw = FCW_INIT;
	uint32_t mxcsr[2] = {MXCSR_INIT, MXCSR_MASK};
	/* Named present, so that MXCSR is taken from the area and not left as it was. */
	struct xsave_header h = {.xstate_bv = XFEATURE_FP | XFEATURE_SSE};

	memset(area, 0, size);
	memcpy(area, &fcw, sizeof(fcw));
	memcpy(area + MXCSR_OFFSET, mxcsr, sizeof(mxcsr));
	memcpy(area + XSAVE_LEGACY, &h, sizeof(h));
}

bool xsave_valid(const uint8_t *area, uint64_t features)
{
	struct xsave_header h;
	uint32_t mxcsr;

	memcpy(&h, area + XSAVE_LEGACY, sizeof(h));
	memcpy(&mxcsr, area + MXCSR_OFFSET, sizeof(mxcsr));
	for (unsigned i = 0; i < 6; i++)
		if (h.reserved[i])
			return false;
	return !(h.xstate_bv & ~features) && !h.xcomp_bv && !(mxcsr & ~MXCSR_MASK);
}
