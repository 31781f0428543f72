/* SPDX-License-Identifier: GPL-2.0-or-later */
/*T:260 The whole kernel inside the guest
 * Everything that executes in the guest and is not the application: tables and three kinds of
 * one-instruction stubs. There is no kernel in there.
 *
 * LSTAR and each of the 256 vectors lead to a HLT, which without an in-kernel interrupt controller
 * is an exit to us, with RIP behind it and nothing pending. All gates switch to the vCPU's own
 * exception stack (IST 1), because at SYSCALL's landing RSP is still the user's. We resume user
 * code by writing all registers, so no stub ever returns.
 */
#include "platform/kvm/kvm.h"

#include <errno.h>
#include <signal.h>
#include <string.h>

#define GDT_ADDRESS KERNEL_BASE
#define IDT_ADDRESS (KERNEL_BASE + 0x1000)
#define VCPU_ADDRESS (KERNEL_BASE + 0x10000)
#define TSS_LIMIT 0x67 /* no I/O bitmap: IN and OUT are #GP */
#define TSS_IST1 0x24
#define TSS_IOMAP 0x66

#define OPCODE_HLT 0xf4
#define OPCODE_INT3 0xcc
#define OPCODE_INT 0xcd
#define OPCODE_INT1 0xf1
#define RFLAGS_TF 0x100UL

/* ---- the trap table -------------------------------------------------------------------------- */

/*
 * What each vector is. A trap is direct if the guest handles it itself, or goes to the host; here
 * none is direct: there is no kernel in the guest that could, and the stub, which is one HLT, is
 * the cheapest way out that was measured. BROKEN ones go to the host too, but nothing that user
 * mode does raises them: the machine has failed.
 *
 * DPL is the privilege that an INT instruction needs: only INT3 and INTO's vectors are for user
 * mode, all others are #GP then. Every gate switches to IST 1. Signal, code and whether si_addr is
 * the instruction's address are Linux' (arch/x86/kernel/traps.c).
 */
enum trap_kind {
	BROKEN,
	PLAIN,	    /* the signal that stands here */
	PAGE_FAULT, /* ask the VMAs */
	DEBUG,	    /* single step or INT1 */
	OPCODE,	    /* an invalid one, or INT n where KVM does not know that */
	FLOAT,	    /* si_code is in the FPU's state */
};

struct trap {
	enum trap_kind kind;
	unsigned dpl;
	bool error_code; /* on the stack, below the frame */
	int signo, si_code;
	bool at_rip;
};

static const struct trap traps[] = {
    /*             kind        DPL error  signal   code         si_addr */
    [TRAP_DE] =	  {PLAIN,	0, false, SIGFPE,  FPE_INTDIV,	true},
    [TRAP_DB] =	  {DEBUG,	0, false, SIGTRAP, 0,		true},
    [TRAP_NMI] =  {BROKEN,	0, false, 0,	   0,		false},
    [TRAP_BP] =	  {PLAIN,	3, false, SIGTRAP, SI_KERNEL,	false},
    [TRAP_OF] =	  {PLAIN,	3, false, SIGSEGV, SI_KERNEL,	false},
    [TRAP_BR] =	  {PLAIN,	0, false, SIGSEGV, SI_KERNEL,	false},
    [TRAP_UD] =	  {OPCODE,	0, false, SIGILL,  ILL_ILLOPN,	true},
    [TRAP_NM] =	  {PLAIN,	0, false, SIGSEGV, SI_KERNEL,	false},
    [TRAP_DF] =	  {BROKEN,	0, true,  0,	   0,		false},
    [9] =	  {PLAIN,	0, false, SIGSEGV, SI_KERNEL,	false}, /* a 386's */
    [TRAP_TS] =	  {PLAIN,	0, true,  SIGSEGV, SI_KERNEL,	false},
    [TRAP_NP] =	  {PLAIN,	0, true,  SIGBUS,  SI_KERNEL,	false},
    [TRAP_SS] =	  {PLAIN,	0, true,  SIGBUS,  SI_KERNEL,	false},
    [TRAP_GP] =	  {PLAIN,	0, true,  SIGSEGV, SI_KERNEL,	false},
    [TRAP_PF] =	  {PAGE_FAULT,	0, true,  SIGSEGV, 0,		true},
    [15] =	  {PLAIN,	0, false, SIGSEGV, SI_KERNEL,	false}, /* reserved */
    [TRAP_MF] =	  {FLOAT,	0, false, SIGFPE,  0,		true},
    [TRAP_AC] =	  {PLAIN,	0, true,  SIGBUS,  BUS_ADRALN,	false},
    [TRAP_MC] =	  {BROKEN,	0, false, 0,	   0,		false},
    [TRAP_XM] =	  {FLOAT,	0, false, SIGFPE,  0,		true},
    [20] =	  {BROKEN,	0, false, 0,	   0,		false}, /* #VE */
    [21] =	  {BROKEN,	0, true,  0,	   0,		false}, /* #CP: CET is off */
    [22 ... 27] = {BROKEN,	0, false, 0,	   0,		false},
    [28] =	  {BROKEN,	0, false, 0,	   0,		false}, /* #HV */
    [29] =	  {BROKEN,	0, true,  0,	   0,		false}, /* #VC */
    [30] =	  {BROKEN,	0, true,  0,	   0,		false}, /* #SX */
    [31] =	  {BROKEN,	0, false, 0,	   0,		false},
    /* Devices, of which there are none, and INT n of the software's. */
    [32 ... 255] = {PLAIN,	0, false, SIGSEGV, SI_KERNEL,	false},
};
_Static_assert(sizeof(traps) / sizeof(*traps) == 256, "each vector has its line");

bool trap_has_error_code(unsigned vector)
{
	return traps[vector].error_code;
}

bool trap_is_possible(unsigned vector)
{
	return traps[vector].kind != BROKEN;
}

/* ---- the guest's tables ---------------------------------------------------------------------- */

static void build_gdt(uint64_t *gdt)
{
	gdt[SEL_KERNEL_CODE >> 3] = 0x00af9b000000ffff;
	gdt[SEL_KERNEL_DATA >> 3] = 0x00cf93000000ffff;
	gdt[SEL_USER_DATA >> 3] = 0x00cff3000000ffff;
	gdt[SEL_USER_CODE >> 3] = 0x00affb000000ffff;
}

/* Interrupt gates (type 14, present) with IST 1. */
static void build_idt(uint64_t *idt)
{
	for (unsigned i = 0; i < 256; i++) {
		uint64_t stub = VECTORS_ADDRESS + i * VECTOR_SIZE;
		uint64_t dpl = traps[i].dpl;

		idt[2 * i] = (stub & 0xffff) | (uint64_t)SEL_KERNEL_CODE << 16 | 1UL << 32 |
			     (0x8e | dpl << 5) << 40 | (stub >> 16 & 0xffff) << 48;
		idt[2 * i + 1] = stub >> 32;
	}
}

int traps_init(struct kvm *kvm, struct error *err)
{
	struct pt_pool *pt = &kvm->pt;
	uint8_t *code;
	int r;

	kvm->gdt_page = pt_page_alloc(pt, NULL);
	kvm->idt_page = pt_page_alloc(pt, NULL);
	kvm->lstar_page = pt_page_alloc(pt, NULL);
	kvm->vector_page = pt_page_alloc(pt, NULL);
	if (!kvm->vector_page || !kvm->lstar_page || !kvm->idt_page || !kvm->gdt_page)
		return error_set(err, -ENOMEM, "kvm: no memory for the guest's tables");

	build_gdt(pt_page_ptr(pt, kvm->gdt_page));
	build_idt(pt_page_ptr(pt, kvm->idt_page));
	code = pt_page_ptr(pt, kvm->lstar_page);
	memset(code, OPCODE_INT3, PAGE_SIZE);
	code[LSTAR_ADDRESS & ~PAGE_MASK] = OPCODE_HLT;
	code[CSTAR_ADDRESS & ~PAGE_MASK] = OPCODE_HLT;
	code = pt_page_ptr(pt, kvm->vector_page);
	memset(code, OPCODE_INT3, PAGE_SIZE);
	for (unsigned i = 0; i < 256; i++)
		code[i * VECTOR_SIZE] = OPCODE_HLT;

	r = pt_map_kernel(pt, GDT_ADDRESS, kvm->gdt_page, PTE_WRITE | PTE_NX);
	if (r == 0)
		r = pt_map_kernel(pt, IDT_ADDRESS, kvm->idt_page, PTE_NX);
	if (r == 0)
		r = pt_map_kernel(pt, LSTAR_ADDRESS, kvm->lstar_page, 0);
	if (r == 0)
		r = pt_map_kernel(pt, VECTORS_ADDRESS, kvm->vector_page, 0);
	return r == 0 ? 0 : error_errno(err, r, "kvm: mapping the guest's tables");
}

int traps_init_vcpu(struct vcpu *v)
{
	struct pt_pool *pt = &v->kvm->pt;
	uint32_t page = pt_page_alloc(pt, NULL);
	uint64_t top;

	if (!page)
		return -ENOMEM;
	v->page = pt_page_ptr(pt, page);
	v->page_address = VCPU_ADDRESS + ((uint64_t)v->id << PAGE_SHIFT);
	/* The TSS at the page's start, the stack down from its end. */
	top = v->page_address + PAGE_SIZE;
	memcpy(v->page + TSS_IST1, &top, sizeof(top));
	v->page[TSS_IOMAP] = TSS_LIMIT + 1;
	return pt_map_kernel(pt, v->page_address, page, PTE_WRITE | PTE_NX);
}

/* Fills v->sregs' segments and table registers, as they are at every entry to user mode. */
void traps_load_segments(struct vcpu *v)
{
	struct kvm_sregs *s = &v->sregs;
	struct kvm_segment data = {.limit = 0xffffffff, .selector = SEL_USER_DATA, .type = 3,
				   .present = 1, .dpl = 3, .db = 1, .s = 1, .g = 1};

	s->cs = (struct kvm_segment){.limit = 0xffffffff, .selector = SEL_USER_CODE, .type = 11,
				     .present = 1, .dpl = 3, .s = 1, .l = 1, .g = 1};
	s->ss = s->ds = s->es = s->fs = s->gs = data;
	s->tr = (struct kvm_segment){.base = v->page_address, .limit = TSS_LIMIT,
				     .selector = SEL_TSS, .type = 11, .present = 1};
	s->ldt = (struct kvm_segment){.type = 2, .unusable = 1};
	s->gdt.base = GDT_ADDRESS;
	s->gdt.limit = SEL_TSS + 15;
	s->idt.base = IDT_ADDRESS;
	s->idt.limit = 256 * 16 - 1;
}

/* ---- exceptions as Linux reports them (arch/x86/kernel/traps.c) ------------------------------ */

static void signal_set(struct switch_event *ev, int signo, int si_code, uint64_t addr)
{
	ev->signo = signo;
	ev->si_code = si_code;
	ev->addr = addr;
}

/* fpu__exception_code(): which of the unmasked exceptions is reported. */
static int fpe_code(struct kvm_context *c, unsigned vector)
{
	const uint8_t *area = fpu_sync(c);
	uint16_t cwd, swd;
	uint32_t mxcsr, e;

	memcpy(&cwd, area, 2);
	memcpy(&swd, area + 2, 2);
	memcpy(&mxcsr, area + 24, 4);
	e = vector == TRAP_MF ? swd & ~cwd : ~(mxcsr >> 7) & mxcsr;
	if (e & 0x01)
		return FPE_FLTINV;
	if (e & 0x04)
		return FPE_FLTDIV;
	if (e & 0x08)
		return FPE_FLTOVF;
	if (e & 0x12)
		return FPE_FLTUND;
	if (e & 0x20)
		return FPE_FLTRES;
	return SI_KERNEL;
}

static void page_fault(uint64_t error_code, uint64_t cr2, struct switch_event *ev)
{
	ev->page_fault = true;
	ev->access = error_code & 16 ? ACCESS_EXEC : error_code & 2 ? ACCESS_WRITE : ACCESS_READ;
	signal_set(ev, SIGSEGV, error_code & 1 ? SEGV_ACCERR : SEGV_MAPERR, cr2);
}

/*
 * Where KVM does not deliver `int n` to its gate it is an invalid opcode with RIP at the
 * instruction; Linux would have seen #GP(n * 8 + 2) from the gate's privilege.
 */
static bool is_int_n(struct kvm_space *as, uint64_t rip, uint8_t *n)
{
	uint8_t insn[2];

	if (address_space_peek(as, rip, insn, 2) != 2 || insn[0] != OPCODE_INT)
		return false;
	*n = insn[1];
	return true;
}

/* The same hosts report INT1 with RIP at the instruction, where hardware has it behind. */
static void debug_trap(struct kvm_space *as, bool quirks, struct user_regs_struct *regs,
		       struct switch_event *ev)
{
	bool single_step = regs->eflags & RFLAGS_TF;
	uint8_t insn;

	if (!single_step && quirks && address_space_peek(as, regs->rip, &insn, 1) == 1 &&
	    insn == OPCODE_INT1)
		regs->rip++;
	signal_set(ev, SIGTRAP, single_step ? TRAP_TRACE : TRAP_BRKPT, regs->rip);
}

void trap_to_signal(struct kvm_context *c, struct vcpu *v, struct kvm_space *as, unsigned vector,
		    uint64_t error_code, uint64_t cr2, struct user_regs_struct *regs,
		    struct switch_event *ev)
{
	bool quirks = v->kvm->machine.landing == LANDING_CPL3;
	const struct trap *t = &traps[vector];
	uint8_t n;

	ev->reason = SWITCH_SIGNAL;
	ev->trapno = vector;
	ev->error_code = error_code;
	switch (t->kind) {
	case PAGE_FAULT:
		page_fault(error_code, cr2, ev);
		break;
	case DEBUG:
		debug_trap(as, quirks, regs, ev);
		break;
	case OPCODE:
		if (quirks && is_int_n(as, regs->rip, &n)) {
			ev->trapno = TRAP_GP;
			ev->error_code = n * 8 + 2;
			t = &traps[TRAP_GP];
		}
		signal_set(ev, t->signo, t->si_code, t->at_rip ? regs->rip : 0);
		break;
	case FLOAT:
		signal_set(ev, t->signo, fpe_code(c, vector), regs->rip);
		break;
	case PLAIN:
	case BROKEN: /* does not come here: trap_is_possible() */
		signal_set(ev, t->signo, t->si_code, t->at_rip ? regs->rip : 0);
		break;
	}
}
