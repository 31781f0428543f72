/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The start-up self-test: a few instructions run in a scratch address space, through the same code
 * that will run programs. It decides how SYSCALL lands on this host, or refuses the host, and
 * whether the guest's time stamp counter is the host's.
 */
#include "platform/kvm/kvm.h"

#include <errno.h>
#include <string.h>
#include <x86intrin.h>

#define CODE_ADDRESS 0x400000UL
#define TSC_ROUNDS 3

/* mov $39,%eax; syscall; 1: rdtsc; shl $32,%rdx; or %rax,%rdx; mov $60,%eax; syscall; jmp 1b */
static const uint8_t code[] = {
    0xb8, 39,	0,    0,    0,			/* 00 mov $39,%eax */
    0x0f, 0x05,					/* 05 syscall */
    0x0f, 0x31,					/* 07 rdtsc */
    0x48, 0xc1, 0xe2, 32,			/* 09 shl $32,%rdx */
    0x48, 0x09, 0xc2,				/* 0d or %rax,%rdx */
    0xb8, 60,	0,    0,    0,			/* 10 mov $60,%eax */
    0x0f, 0x05,					/* 15 syscall */
    0xeb, 0xee,					/* 17 jmp 07 */
};
#define AFTER_FIRST (CODE_ADDRESS + 0x07)
#define AFTER_SECOND (CODE_ADDRESS + 0x17)

static int refuse(struct error *err, const char *what, const struct switch_event *ev,
		  const struct user_regs_struct *regs)
{
	return error_set(err, -ENOTSUP,
			 "kvm: this host's KVM is not usable: %s (event %d, vector %u, error 0x%x, "
			 "rip 0x%llx, rax 0x%llx)",
			 what, ev->reason, ev->trapno, ev->error_code, regs->rip, regs->rax);
}

static int run_code(struct platform *p, struct context *c, struct address_space *as,
		    struct error *err)
{
	struct user_regs_struct regs = {.rip = CODE_ADDRESS, .eflags = 0x202};
	struct switch_event ev;
	bool same_tsc = true;

	context_switch(c, as, &regs, -1, &ev);
	if (ev.reason != SWITCH_SYSCALL || regs.orig_rax != 39 || regs.rip != AFTER_FIRST)
		return refuse(err, "SYSCALL does not arrive", &ev, &regs);
	for (int i = 0; i < TSC_ROUNDS; i++) {
		uint64_t before = __rdtsc(), after;

		context_switch(c, as, &regs, -1, &ev);
		after = __rdtsc();
		if (ev.reason != SWITCH_SYSCALL || regs.orig_rax != 60 || regs.rip != AFTER_SECOND)
			return refuse(err, "user mode does not go on behind SYSCALL", &ev, &regs);
		same_tsc &= before <= regs.rdx && regs.rdx <= after;
	}
	p->caps.tsc_is_host = same_tsc;
	return 0;
}

int selftest_run(struct platform *p, struct error *err)
{
	struct address_space *as = NULL;
	struct context *c = NULL;
	frame_t frame = 0;
	int r;

	r = platform_new_address_space(p, &as);
	if (r == 0)
		r = platform_new_context(p, &c);
	if (r == 0)
		r = memory_alloc(p->memory, 1, MEMORY_SYSTEM, &frame);
	if (r == 0) {
		memcpy(memory_ptr(p->memory, frame), code, sizeof(code));
		r = address_space_map(as, CODE_ADDRESS, frame, 1, ACCESS_READ | ACCESS_EXEC, false);
	}
	r = r == 0 ? run_code(p, c, as, err) : error_errno(err, r, "kvm: self-test");
	address_space_release(as);
	context_release(c);
	if (frame)
		memory_unref(p->memory, frame, 1);
	return r;
}
