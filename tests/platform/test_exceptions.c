/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Each exception that user code can raise, against what Linux sends for it. The expectations were
 * taken from the host's own kernel with a SIGINFO handler around the same code.
 */
#include "guest.h"

#include <signal.h>

#ifndef SI_KERNEL
#define SI_KERNEL 0x80
#endif

#define AT_RIP 1 /* si_addr is the instruction's address */
#define BEHIND 2 /* rip is behind the instruction */
#define NOT_TCG 4 /* QEMU's software emulation of the machine below us does not raise it so … */
#define LATER 16 /* a traced process is told at its first stop in the wrong segment */
#define TCG_RIP 8 /* … or raises it with rip behind the instruction */

struct expectation {
	const char *name, *code, *end;
	int signo, si_code;
	unsigned trapno;
	unsigned flags;
	int at; /* offset of the instruction from the blob's start; -1: not checked */
};

BLOB(x_ud2, "ud2");
BLOB(x_int3, "int3");
BLOB(x_int80, "int $0x80");
BLOB(x_int20, "int $0x20");
BLOB(x_int2, "int $2");
BLOB(x_int8, "int $8");
BLOB(x_int14, "int $14");
BLOB(x_div, "xor %edx,%edx\n xor %ecx,%ecx\n div %ecx");
BLOB(x_idiv, "mov $0x80000000,%eax\n cltd\n mov $-1,%ecx\n idiv %ecx");
BLOB(x_hlt, "hlt");
BLOB(x_out, "out %al,$0x80");
BLOB(x_in, "in $0x80,%al");
BLOB(x_cli, "cli");
BLOB(x_sti, "sti");
BLOB(x_rdmsr, "rdmsr");
BLOB(x_wrmsr, "wrmsr");
BLOB(x_cr3, "mov %cr3,%rax");
BLOB(x_wcr3, "mov %rax,%cr3");
BLOB(x_lgdt, "lgdt (%rsp)");
BLOB(x_lidt, "lidt (%rsp)");
BLOB(x_ltr, "ltr %ax");
BLOB(x_invlpg, "invlpg (%rsp)");
BLOB(x_wbinvd, "wbinvd");
BLOB(x_swapgs, "swapgs");
BLOB(x_sysret, "sysretq");
BLOB(x_clts, "clts");
BLOB(x_noncanonical, "movabs $0x8000000000000000,%rax\n mov (%rax),%al");
BLOB(x_stack, "movabs $0x8000000000000000,%rsp\n push %rax");
BLOB(x_mf, "fninit\n push $0x37b\n fldcw (%rsp)\n fld1\n fldz\n fdivrp\n fwait");
BLOB(x_xm, "push $0x1d80\n ldmxcsr (%rsp)\n mov $0x3f800000,%eax\n movd %eax,%xmm0\n"
	   "xorps %xmm1,%xmm1\n divss %xmm1,%xmm0");
BLOB(x_ac, "pushfq\n orq $0x40000,(%rsp)\n popfq\n mov 1(%rsp),%eax");
BLOB(x_tf, "pushfq\n orq $0x100,(%rsp)\n popfq\n nop\n nop");
BLOB(x_icebp, ".byte 0xf1");
BLOB(x_sysenter, "sysenter");
BLOB(x_far32, "push $0x23\n push $0x400040\n lretq");
BLOB(x_far_kernel, "push $0x10\n push $0x400040\n lretq");
BLOB(x_data_kernel, "mov $0x18,%eax\n mov %ax,%ds");
BLOB(x_iret_iopl, "push $0x10\n push %rsp\n push $0x3202\n push $0x10\n push $0x400040\n iretq");

#define X(n, ...) {#n, x_##n, x_##n##_end, __VA_ARGS__}
static const struct expectation table[] = {
    X(ud2, SIGILL, ILL_ILLOPN, 6, AT_RIP, 0),
    X(int3, SIGTRAP, SI_KERNEL, 3, BEHIND, 1),
    X(int80, SIGSEGV, SI_KERNEL, 13, TCG_RIP, 0),
    X(int20, SIGSEGV, SI_KERNEL, 13, TCG_RIP, 0),
    X(int2, SIGSEGV, SI_KERNEL, 13, TCG_RIP, 0),
    X(int8, SIGSEGV, SI_KERNEL, 13, TCG_RIP, 0),
    X(int14, SIGSEGV, SI_KERNEL, 13, TCG_RIP, 0),
    X(div, SIGFPE, FPE_INTDIV, 0, AT_RIP, 4),
    X(idiv, SIGFPE, FPE_INTDIV, 0, AT_RIP, 11),
    X(hlt, SIGSEGV, SI_KERNEL, 13, 0, 0),
    X(out, SIGSEGV, SI_KERNEL, 13, 0, 0),
    X(in, SIGSEGV, SI_KERNEL, 13, 0, 0),
    X(cli, SIGSEGV, SI_KERNEL, 13, 0, 0),
    X(sti, SIGSEGV, SI_KERNEL, 13, 0, 0),
    X(rdmsr, SIGSEGV, SI_KERNEL, 13, 0, 0),
    X(wrmsr, SIGSEGV, SI_KERNEL, 13, 0, 0),
    X(cr3, SIGSEGV, SI_KERNEL, 13, 0, 0),
    X(wcr3, SIGSEGV, SI_KERNEL, 13, 0, 0),
    X(lgdt, SIGSEGV, SI_KERNEL, 13, 0, 0),
    X(lidt, SIGSEGV, SI_KERNEL, 13, 0, 0),
    X(ltr, SIGSEGV, SI_KERNEL, 13, 0, 0),
    X(invlpg, SIGSEGV, SI_KERNEL, 13, 0, 0),
    X(wbinvd, SIGSEGV, SI_KERNEL, 13, 0, 0),
    X(swapgs, SIGSEGV, SI_KERNEL, 13, 0, 0),
    X(sysret, SIGSEGV, SI_KERNEL, 13, 0, 0),
    X(clts, SIGSEGV, SI_KERNEL, 13, 0, 0),
    X(noncanonical, SIGSEGV, SI_KERNEL, 13, 0, 10),
    X(stack, SIGBUS, SI_KERNEL, 12, NOT_TCG, 10),
    X(mf, SIGFPE, FPE_FLTDIV, 16, AT_RIP, 16),
    X(xm, SIGFPE, FPE_FLTDIV, 19, AT_RIP | NOT_TCG, 21),
    X(ac, SIGBUS, BUS_ADRALN, 17, NOT_TCG, 10),
    X(tf, SIGTRAP, TRAP_TRACE, 1, AT_RIP | BEHIND, 11),
    X(icebp, SIGTRAP, TRAP_BRKPT, 1, AT_RIP | BEHIND | NOT_TCG, 1),
    X(sysenter, SIGILL, ILL_ILLOPN, 6, AT_RIP, 0),
    X(far32, SIGSEGV, SI_KERNEL, 13, LATER, 7),
    X(far_kernel, SIGSEGV, SI_KERNEL, 13, 0, 7),
    X(data_kernel, SIGSEGV, SI_KERNEL, 13, 0, 5),
    X(iret_iopl, SIGSEGV, SI_KERNEL, 13, 0, -1),
};

static void one(struct platform *p, struct context *c, const struct expectation *x, bool tcg)
{
	struct address_space *as = test_space(p, x->code, x->end);
	struct user_regs_struct regs = test_regs();
	struct switch_event ev;

	regs.r15 = 0x5a5a;
	context_switch(c, as, &regs, -1, &ev);
	CHECK(ev.reason == SWITCH_SIGNAL && ev.signo == x->signo && ev.si_code == x->si_code,
	      "%s: reason %d signal %d code %d trap %u", x->name, ev.reason, ev.signo, ev.si_code,
	      ev.trapno);
	CHECK(ev.trapno == x->trapno && !ev.page_fault, "%s: trap %u", x->name, ev.trapno);
	if (x->at >= 0 && !(test_on_ptrace() && (x->flags & LATER)) && !(tcg && (x->flags & TCG_RIP)))
		CHECK(regs.rip == CODE + x->at, "%s: rip %llx", x->name, regs.rip);
	CHECK(ev.addr == (x->flags & AT_RIP ? regs.rip : 0), "%s: addr %lx", x->name, ev.addr);
	CHECK(regs.r15 == 0x5a5a && regs.orig_rax == -1UL);
	CHECK(!(regs.eflags & 0x10000), "%s: RF shows", x->name);
	address_space_release(as, 0);
	context_reset_fpstate(c);
}

/* After an exception the same program goes on where it is told to. */
BLOB(resume, "1: int3\n ud2\n syscall\n jmp 1b");

static void resumes(struct platform *p, struct context *c)
{
	struct address_space *as = TEST_SPACE(p, resume);
	struct user_regs_struct regs = test_regs();
	struct switch_event ev;

	for (int i = 0; i < 300; i++) {
		context_switch(c, as, &regs, -1, &ev);
		CHECK(ev.reason == SWITCH_SIGNAL && ev.trapno == 3 && regs.rip == CODE + 1);
		context_switch(c, as, &regs, -1, &ev);
		CHECK(ev.reason == SWITCH_SIGNAL && ev.trapno == 6 && regs.rip == CODE + 1);
		regs.rip += 2;
		context_switch(c, as, &regs, -1, &ev);
		CHECK(ev.reason == SWITCH_SYSCALL && regs.rip == CODE + 5);
	}
	address_space_release(as, 0);
}

int main(void)
{
	struct platform *p = test_platform(0);
	struct context *c = test_context(p);
	bool tcg = test_on_tcg();

	for (unsigned i = 0; i < sizeof(table) / sizeof(*table); i++)
		if (!(tcg && (table[i].flags & NOT_TCG)))
			one(p, c, &table[i], tcg);
	resumes(p, c);
	context_release(c);
	platform_destroy(p);
	return 0;
}
