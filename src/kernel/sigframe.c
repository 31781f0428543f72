/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The frame a handler runs on: struct rt_sigframe of x86-64, from low to high addresses: the return
 * address (SA_RESTORER), ucontext, siginfo; above it, aligned to 64 bytes, the FPU state in XSAVE
 * format with Linux' description of itself in its software-reserved bytes. Layouts are the kernel's
 * ABI (arch/x86/include/uapi/asm/sigcontext.h, ucontext.h): programs and unwinders know them.
 */
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/action.h"
#include "kernel/internal.h"

struct guest_sigcontext {
	uint64_t r8, r9, r10, r11, r12, r13, r14, r15;
	uint64_t rdi, rsi, rbp, rbx, rdx, rax, rcx, rsp, rip, rflags;
	uint16_t cs, gs, fs, ss;
	uint64_t err, trapno, oldmask, cr2, fpstate;
	uint64_t reserved[8];
};

struct guest_ucontext {
	uint64_t flags, link;
	stack_t stack;
	struct guest_sigcontext mc;
	ksigset_t mask;
};

struct rt_sigframe {
	uint64_t pretcode;
	struct guest_ucontext uc;
	siginfo_t info;
};

_Static_assert(sizeof(struct guest_sigcontext) == 256, "struct sigcontext_64");
_Static_assert(sizeof(struct guest_ucontext) == 304, "struct ucontext");
_Static_assert(sizeof(struct rt_sigframe) == 440, "struct rt_sigframe");

/* struct _fpx_sw_bytes, at offset 464 of the FXSAVE area. */
struct fpx_sw_bytes {
	uint32_t magic1, extended_size;
	uint64_t xfeatures;
	uint32_t xstate_size, padding[7];
};

#define FPX_SW_OFFSET 464
#define FXSAVE_SIZE 512
#define XSAVE_HEADER_SIZE 64
#define MAGIC1 0x46505853U
#define MAGIC2 0x46505845U
#define MAGIC2_SIZE sizeof(uint32_t)
#define XFEATURES_FPSSE 3

#define UC_FP_XSTATE 1
#define UC_SIGCONTEXT_SS 2
#define UC_STRICT_RESTORE_SS 4

#define RED_ZONE 128

#define EFLAGS_TF 0x100UL
#define EFLAGS_DF 0x400UL
#define EFLAGS_RF 0x10000UL
/* What a program may set through sigreturn: AC RF OF DF TF SF ZF AF PF CF (FIX_EFLAGS). */
#define EFLAGS_USER 0x50dd5UL

#define USER_CS 0x33
#define USER_SS 0x2b

size_t sigframe_max_size(void)
{
	/* Frame, FPU state with its second magic, what alignment can cost, and the red zone. */
	return sizeof(struct rt_sigframe) + platform_fpstate_size(kernel.platform) + MAGIC2_SIZE +
	       64 + 16 + RED_ZONE;
}

/* ---- FPU state ----------------------------------------------------------------------------------- */

static int put_fpstate(uint64_t addr, size_t size)
{
	struct fpx_sw_bytes sw = {.magic1 = MAGIC1,
				  .extended_size = size + MAGIC2_SIZE,
				  .xfeatures = platform_fpstate_features(kernel.platform),
				  .xstate_size = size};
	uint8_t *buf = calloc(1, size + MAGIC2_SIZE);
	const uint32_t magic2 = MAGIC2;
	uint64_t present;
	int r;

	if (!buf)
		return -ENOMEM;
	context_get_fpstate(current->context, buf);
	/* x87 and SSE always count as present: old handlers edit only the legacy area. */
	memcpy(&present, buf + FXSAVE_SIZE, sizeof(present));
	present |= XFEATURES_FPSSE;
	memcpy(buf + FXSAVE_SIZE, &present, sizeof(present));
	memcpy(buf + FPX_SW_OFFSET, &sw, sizeof(sw));
	memcpy(buf + size, &magic2, MAGIC2_SIZE);
	r = copy_out(addr, buf, size + MAGIC2_SIZE);
	free(buf);
	return r;
}

/* How much of the state at buf's guest address is there: all of it, or the legacy area only. */
static bool extended_state(const struct fpx_sw_bytes *sw, uint64_t addr, size_t size)
{
	uint32_t magic2;

	if (sw->magic1 != MAGIC1 || sw->xstate_size < FXSAVE_SIZE + XSAVE_HEADER_SIZE ||
	    sw->xstate_size > size || sw->xstate_size > sw->extended_size)
		return false;
	return copy_in(&magic2, addr + sw->xstate_size, sizeof(magic2)) == 0 && magic2 == MAGIC2;
}

static int get_fpstate(uint64_t addr)
{
	size_t size = platform_fpstate_size(kernel.platform);
	struct fpx_sw_bytes sw;
	uint64_t present = XFEATURES_FPSSE;
	uint8_t *buf;
	int r;

	if (!addr) {
		context_reset_fpstate(current->context);
		return 0;
	}
	buf = calloc(1, size);
	if (!buf)
		return -ENOMEM;
	r = copy_in(buf, addr, FXSAVE_SIZE);
	if (r == 0) {
		memcpy(&sw, buf + FPX_SW_OFFSET, sizeof(sw));
		if (extended_state(&sw, addr, size)) {
			r = copy_in(buf + FXSAVE_SIZE, addr + FXSAVE_SIZE, sw.xstate_size - FXSAVE_SIZE);
			memcpy(&present, buf + FXSAVE_SIZE, sizeof(present));
			present &= sw.xfeatures & platform_fpstate_features(kernel.platform);
		}
		memcpy(buf + FXSAVE_SIZE, &present, sizeof(present));
		memset(buf + FPX_SW_OFFSET, 0, sizeof(sw));
	}
	if (r == 0)
		r = context_set_fpstate(current->context, buf);
	free(buf);
	return r;
}

/* ---- going in ------------------------------------------------------------------------------------ */

static void fill_sigcontext(struct guest_sigcontext *mc, uint64_t fpstate, ksigset_t mask)
{
	const struct user_regs_struct *r = &current->regs;

	mc->r8 = r->r8;
	mc->r9 = r->r9;
	mc->r10 = r->r10;
	mc->r11 = r->r11;
	mc->r12 = r->r12;
	mc->r13 = r->r13;
	mc->r14 = r->r14;
	mc->r15 = r->r15;
	mc->rdi = r->rdi;
	mc->rsi = r->rsi;
	mc->rbp = r->rbp;
	mc->rbx = r->rbx;
	mc->rdx = r->rdx;
	mc->rax = r->rax;
	mc->rcx = r->rcx;
	mc->rsp = r->rsp;
	mc->rip = r->rip;
	mc->rflags = r->eflags;
	mc->cs = USER_CS;
	mc->ss = USER_SS;
	mc->err = current->error_code;
	mc->trapno = current->trapno;
	mc->cr2 = current->cr2;
	mc->oldmask = mask;
	mc->fpstate = fpstate;
}

/* Where the frame goes: below the red zone, or on the alternate stack. 0: it would not fit there. */
static uint64_t frame_place(const struct ksigaction *sa, size_t fpsize, uint64_t *fpstate)
{
	uint64_t sp = current->regs.rsp - RED_ZONE, rsp = current->regs.rsp;
	const stack_t *ss = &current->altstack;
	bool entering = false, on_alt = altstack_contains(rsp);

	if ((sa->flags & SA_ONSTACK) && altstack_flags(rsp) == 0) {
		sp = (uint64_t)ss->ss_sp + ss->ss_size;
		entering = true;
	}
	*fpstate = (sp - fpsize) & ~63UL;
	sp = ((*fpstate - sizeof(struct rt_sigframe)) & ~15UL) - 8;
	/* An overflow of the alternate stack must not run into what lies below it. */
	if ((entering || on_alt) && (sp <= (uint64_t)ss->ss_sp ||
				     sp - (uint64_t)ss->ss_sp > ss->ss_size))
		return 0;
	return sp;
}

int sigframe_setup(int sig, const siginfo_t *info, const struct ksigaction *sa, ksigset_t mask)
{
	size_t size = platform_fpstate_size(kernel.platform);
	struct user_regs_struct *r = &current->regs;
	struct rt_sigframe frame = {.pretcode = sa->restorer, .info = *info};
	uint64_t fpstate, sp = frame_place(sa, size + MAGIC2_SIZE, &fpstate);

	/* x86-64 has no trampoline of the kernel's own: without SA_RESTORER there is no way back. */
	if (!sp || !(sa->flags & SA_RESTORER_KERNEL))
		return -EFAULT;
	frame.uc.flags = UC_FP_XSTATE | UC_SIGCONTEXT_SS | UC_STRICT_RESTORE_SS;
	altstack_get(&frame.uc.stack, r->rsp);
	/* The frame carries the flags as they were set, not whether it is in use now. */
	frame.uc.stack.ss_flags = current->altstack.ss_flags;
	frame.uc.mask = mask;
	fill_sigcontext(&frame.uc.mc, fpstate, mask);
	if (put_fpstate(fpstate, size) < 0 || copy_out(sp, &frame, sizeof(frame)) < 0)
		return -EFAULT;
	if (current->altstack.ss_flags & SS_AUTODISARM_KERNEL) {
		memset(&current->altstack, 0, sizeof(current->altstack));
		current->altstack.ss_flags = SS_DISABLE;
	}
	r->rdi = sig;
	r->rax = 0; /* for variadic handlers */
	r->rsi = sp + offsetof(struct rt_sigframe, info);
	r->rdx = sp + offsetof(struct rt_sigframe, uc);
	r->rip = sa->handler;
	r->rsp = sp;
	r->eflags &= ~(EFLAGS_DF | EFLAGS_RF | EFLAGS_TF);
	context_reset_fpstate(current->context);
	return 0;
}

/* ---- coming back --------------------------------------------------------------------------------- */

static void take_sigcontext(const struct guest_sigcontext *mc)
{
	struct user_regs_struct *r = &current->regs;

	r->r8 = mc->r8;
	r->r9 = mc->r9;
	r->r10 = mc->r10;
	r->r11 = mc->r11;
	r->r12 = mc->r12;
	r->r13 = mc->r13;
	r->r14 = mc->r14;
	r->r15 = mc->r15;
	r->rdi = mc->rdi;
	r->rsi = mc->rsi;
	r->rbp = mc->rbp;
	r->rbx = mc->rbx;
	r->rdx = mc->rdx;
	r->rax = mc->rax;
	r->rcx = mc->rcx;
	r->rsp = mc->rsp;
	/* A bad address faults at the first instruction: the platform never enters it. */
	r->rip = mc->rip;
	r->eflags = (r->eflags & ~EFLAGS_USER) | (mc->rflags & EFLAGS_USER);
	r->orig_rax = -1;
}

long sigframe_return(void)
{
	uint64_t sp = current->regs.rsp - sizeof(uint64_t); /* the handler's RET popped pretcode */
	siginfo_t info = {.si_signo = SIGSEGV, .si_code = SI_KERNEL};
	struct rt_sigframe frame;

	current->syscall_nr = -1; /* nothing here is to be restarted */
	if (copy_in(&frame, sp, offsetof(struct rt_sigframe, info)) < 0)
		goto bad;
	signal_set_mask(frame.uc.mask);
	if (get_fpstate(frame.uc.mc.fpstate) < 0)
		goto bad;
	take_sigcontext(&frame.uc.mc);
	/* As Linux: an unacceptable stack there is left alone, not an error. */
	altstack_set(&frame.uc.stack, current->regs.rsp, MINSIGSTKSZ_KERNEL);
	return current->regs.rax;
bad:
	signal_force(&info);
	return 0;
}
