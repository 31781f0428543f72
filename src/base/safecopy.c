/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/safecopy.h"

#include <errno.h>
#include <signal.h>
#include <ucontext.h>

/* safecopy_amd64.S */
extern size_t safecopy_copy(void *dst, const void *src, size_t n);
extern size_t safecopy_zero(void *dst, size_t n);
extern size_t safecopy_load(const uint32_t *p, uint32_t *value);
extern size_t safecopy_swap(uint32_t *p, uint32_t value, uint32_t *old);
extern size_t safecopy_cas(uint32_t *p, uint32_t expected, uint32_t value, uint32_t *old);
extern const char safecopy_begin[], safecopy_end[], safecopy_fixup[];

/* What was installed before us (a sanitizer's handler), for faults that are not ours. */
static struct sigaction previous_segv, previous_bus;

static void on_fault(int sig, siginfo_t *info, void *context)
{
	greg_t *gregs = ((ucontext_t *)context)->uc_mcontext.gregs;
	uintptr_t pc = gregs[REG_RIP];

	if (pc >= (uintptr_t)safecopy_begin && pc < (uintptr_t)safecopy_end) {
		gregs[REG_RIP] = (uintptr_t)safecopy_fixup;
		return;
	}
	/* A fault of husk's own: put back what was there and let the instruction fault again. */
	sigaction(sig, sig == SIGSEGV ? &previous_segv : &previous_bus, NULL);
}

void safecopy_init(void)
{
	struct sigaction sa = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO | SA_NODEFER};

	sigaction(SIGSEGV, &sa, &previous_segv);
	sigaction(SIGBUS, &sa, &previous_bus);
}

size_t safe_copy(void *dst, const void *src, size_t n)
{
	return safecopy_copy(dst, src, n);
}

size_t safe_zero(void *dst, size_t n)
{
	return safecopy_zero(dst, n);
}

int safe_load_u32(const uint32_t *p, uint32_t *value)
{
	return safecopy_load(p, value) ? -EFAULT : 0;
}

int safe_swap_u32(uint32_t *p, uint32_t value, uint32_t *old)
{
	return safecopy_swap(p, value, old) ? -EFAULT : 0;
}

int safe_cas_u32(uint32_t *p, uint32_t expected, uint32_t value, uint32_t *old)
{
	return safecopy_cas(p, expected, value, old) ? -EFAULT : 0;
}
