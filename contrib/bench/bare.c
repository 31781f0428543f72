/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "contrib/bench/bare.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#define KERNEL 0xffff800000000000UL
#define USER_CODE 0x400000UL
#define USER_STACK 0x401000UL

/* Guest-physical pages; those from GDT on are mapped for the supervisor, from KERNEL on, in order.
 */
enum {
	PML4 = 0x1000,
	USER_PDPT = 0x2000,
	USER_PD = 0x3000,
	USER_PT = 0x4000,
	KERNEL_PDPT = 0x5000,
	KERNEL_PD = 0x6000,
	KERNEL_PT = 0x7000,
	GDT = 0x8000,
	IDT = 0x9000,
	LSTAR = 0xa000,
	VECTORS = 0xb000,
	TSS = 0xc000,
	STACK = 0xd000,
	ANSWER = 0xe000,
	CODE = 0x10000,
	DATA = 0x11000,
	MEMORY = 0x20000,
};
#define AT(page) (KERNEL + (page)-GDT)

#define PTE_KERNEL 0x63UL /* present, writable, accessed, dirty */
#define PTE_USER 0x67UL
#define SEL_KERNEL 0x10
#define SEL_USER 0x33
#define SEL_USER_DATA 0x2b
#define SEL_TSS 0x40

#define ASM(name, code)                                                                            \
	extern const char name[], name##_end[];                                                    \
	__asm__(".pushsection .rodata\n" #name ":\n" code "\n" #name "_end:\n.popsection\n")

ASM(loop_syscall, "1: mov $39,%eax; syscall; jmp 1b");
ASM(loop_ud2, "1: ud2; jmp 1b");
ASM(loop_answered, "1: mov $16,%ebx; 2: mov $39,%eax; syscall; dec %ebx; jnz 2b;"
		   "mov $60,%eax; syscall; jmp 1b");
ASM(loop_other, "1: mov $60,%eax; syscall; jmp 1b");

/*
 * What answers system call 39 in the guest. Where SYSCALL lands at CPL 0, the answer is in a page
 * that the supervisor's GS base points to. Where it arrives as a page fault at LSTAR, the frame
 * says so, and the answer is in the page of the exception stack; such hosts emulate each
 * instruction.
 */
ASM(stub_syscall, "cmp $39,%eax; jne 1f; swapgs; mov %gs:0,%eax; swapgs; sysretq; 1: hlt");
ASM(stub_fault, "cmp $39,%eax; jne 1f;"
		"cmpl $0x2000,8(%rsp); jne 1f; cmpl $0xffff8000,12(%rsp); jne 1f;"
		"mov -0x100(%rsp),%eax; mov %rcx,8(%rsp); mov %r11,24(%rsp); add $8,%rsp; iretq;"
		"1: hlt");

static void put(struct bare *b, uint64_t page, const char *code, const char *end)
{
	memcpy(b->memory + page, code, end - code);
}

static void put_word(struct bare *b, uint64_t at, uint64_t value)
{
	memcpy(b->memory + at, &value, sizeof(value));
}

static void build_tables(struct bare *b)
{
	put_word(b, PML4, USER_PDPT | PTE_USER);
	put_word(b, USER_PDPT, USER_PD | PTE_USER);
	put_word(b, USER_PD + (USER_CODE >> 21) * 8, USER_PT | PTE_USER);
	put_word(b, USER_PT, CODE | PTE_USER);
	put_word(b, USER_PT + 8, DATA | PTE_USER);
	put_word(b, PML4 + 256 * 8, KERNEL_PDPT | PTE_KERNEL);
	put_word(b, KERNEL_PDPT, KERNEL_PD | PTE_KERNEL);
	put_word(b, KERNEL_PD, KERNEL_PT | PTE_KERNEL);
	for (uint64_t i = 0; i < 7; i++)
		put_word(b, KERNEL_PT + i * 8, (GDT + i * 0x1000) | PTE_KERNEL);
}

static void build_descriptors(struct bare *b)
{
	static const uint64_t gdt[] = {0,
				       0,
				       0x00af9b000000ffff,
				       0x00cf93000000ffff,
				       0,
				       0x00cff3000000ffff,
				       0x00affb000000ffff};
	uint64_t tss = AT(TSS);

	memcpy(b->memory + GDT, gdt, sizeof(gdt));
	put_word(b, GDT + SEL_TSS,
		 0x67 | (tss & 0xffffff) << 16 | 0x89UL << 40 | (tss >> 24 & 0xff) << 56);
	put_word(b, GDT + SEL_TSS + 8, tss >> 32);
	put_word(b, TSS + 0x24, AT(STACK) + 0x1000); /* IST 1 */
	for (uint64_t i = 0; i < 256; i++) {
		uint64_t stub = AT(VECTORS) + i * 16;

		put_word(b, IDT + i * 16,
			 (stub & 0xffff) | SEL_KERNEL << 16 | 1UL << 32 | 0x8eUL << 40 |
			     (stub >> 16 & 0xffff) << 48);
		put_word(b, IDT + i * 16 + 8, stub >> 32);
	}
}

static struct kvm_segment segment(unsigned selector, unsigned type, unsigned dpl, bool code)
{
	return (struct kvm_segment){.limit = 0xffffffff,
				    .selector = selector,
				    .type = type,
				    .present = 1,
				    .dpl = dpl,
				    .db = !code,
				    .s = 1,
				    .l = code,
				    .g = 1};
}

static int set_sregs(struct bare *b)
{
	struct kvm_sregs *s = &b->sregs;

	if (ioctl(b->vcpu, KVM_GET_SREGS, s) < 0)
		return -errno;
	s->cs = segment(SEL_USER, 11, 3, true);
	s->ss = s->ds = s->es = s->fs = s->gs = segment(SEL_USER_DATA, 3, 3, false);
	s->tr = (struct kvm_segment){
	    .base = AT(TSS), .limit = 0x67, .selector = SEL_TSS, .type = 11, .present = 1};
	s->ldt = (struct kvm_segment){.unusable = 1, .type = 2};
	s->gdt.base = AT(GDT);
	s->gdt.limit = 0x4f;
	s->idt.base = AT(IDT);
	s->idt.limit = 0xfff;
	s->cr0 = 0x80050033;
	s->cr3 = PML4;
	s->cr4 = 0x620;
	s->efer = 0xd01;
	return ioctl(b->vcpu, KVM_SET_SREGS, s) < 0 ? -errno : 0;
}

static int set_msrs(struct bare *b)
{
	struct {
		struct kvm_msrs head;
		struct kvm_msr_entry entry[4];
	} m = {{.nmsrs = 4},
	       {{.index = 0xc0000081, .data = (SEL_USER - 16UL) << 48 | (uint64_t)SEL_KERNEL << 32},
		{.index = 0xc0000082, .data = AT(LSTAR)},
		{.index = 0xc0000084, .data = 0x257fd5},
		{.index = 0xc0000102, .data = AT(ANSWER)}}}; /* what SWAPGS brings */

	return ioctl(b->vcpu, KVM_SET_MSRS, &m) == 4 ? 0 : -EIO;
}

static int build(struct bare *b, int kvm, const char **what)
{
	static struct {
		struct kvm_cpuid2 head;
		struct kvm_cpuid_entry2 entry[256];
	} cpuid;
	struct kvm_userspace_memory_region slot = {.memory_size = MEMORY};
	int size = ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, 0);

	*what = "KVM_CREATE_VM";
	b->vm = ioctl(kvm, KVM_CREATE_VM, 0);
	if (b->vm < 0)
		return -errno;
	*what = "memory";
	b->memory = mmap(NULL, MEMORY, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	slot.userspace_addr = (uintptr_t)b->memory;
	if (b->memory == MAP_FAILED || ioctl(b->vm, KVM_SET_USER_MEMORY_REGION, &slot) < 0)
		return -errno;
	*what = "the vCPU";
	b->vcpu = ioctl(b->vm, KVM_CREATE_VCPU, 0);
	if (b->vcpu < 0)
		return -errno;
	b->run_size = size;
	b->run = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, b->vcpu, 0);
	cpuid.head.nent = 256;
	if (b->run == MAP_FAILED || ioctl(kvm, KVM_GET_SUPPORTED_CPUID, &cpuid) < 0 ||
	    ioctl(b->vcpu, KVM_SET_CPUID2, &cpuid) < 0)
		return -errno;
	build_tables(b);
	build_descriptors(b);
	*what = "the vCPU's registers";
	size = set_sregs(b);
	return size < 0 ? size : set_msrs(b);
}

int bare_open(struct bare *b, const char **what)
{
	int kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC), r;

	*b = (struct bare){.vm = -1, .vcpu = -1, .run = MAP_FAILED, .memory = MAP_FAILED};
	*what = "/dev/kvm";
	if (kvm < 0)
		return -errno;
	r = build(b, kvm, what);
	close(kvm);
	if (r == 0) {
		/* Where does SYSCALL land? The first step finds out. */
		*what = "the first system call";
		bare_start(b, BARE_SYSCALL);
		if (!bare_step(b, BARE_SYSCALL)) {
			b->lands_in_user = true;
			bare_start(b, BARE_SYSCALL);
			r = bare_step(b, BARE_SYSCALL) ? 0 : -ENOTSUP;
		}
	}
	if (r < 0)
		bare_close(b);
	return r;
}

void bare_close(struct bare *b)
{
	if (b->run != MAP_FAILED)
		munmap(b->run, b->run_size);
	if (b->vcpu >= 0)
		close(b->vcpu);
	if (b->vm >= 0)
		close(b->vm);
	if (b->memory != MAP_FAILED)
		munmap(b->memory, MEMORY);
}

static void resume(struct bare *b, uint64_t rip, uint64_t rsp, uint64_t rflags)
{
	struct kvm_sync_regs *s = &b->run->s.regs;

	s->regs.rip = rip;
	s->regs.rsp = rsp;
	s->regs.rflags = rflags | 2;
	s->sregs = b->sregs;
	b->run->kvm_valid_regs = KVM_SYNC_X86_REGS | KVM_SYNC_X86_SREGS;
	b->run->kvm_dirty_regs = KVM_SYNC_X86_REGS | KVM_SYNC_X86_SREGS;
}

void bare_start(struct bare *b, enum bare_loop loop)
{
	memset(b->memory + CODE, 0x90, 0x100);
	memset(b->memory + LSTAR, 0xf4, 0x1000); /* HLT */
	memset(b->memory + VECTORS, 0xf4, 0x1000);
	switch (loop) {
	case BARE_SYSCALL:
		put(b, CODE, loop_syscall, loop_syscall_end);
		break;
	case BARE_UD2:
		put(b, CODE, loop_ud2, loop_ud2_end);
		break;
	default:
		if (loop == BARE_ANSWERED)
			put(b, CODE, loop_answered, loop_answered_end);
		else
			put(b, CODE, loop_other, loop_other_end);
		if (b->lands_in_user)
			put(b, VECTORS + 14 * 16, stub_fault, stub_fault_end);
		else
			put(b, LSTAR, stub_syscall, stub_syscall_end);
	}
	memset(&b->run->s.regs.regs, 0, sizeof(b->run->s.regs.regs));
	resume(b, USER_CODE, USER_STACK + 0x800, 0x202);
}

/* What the processor pushed for an exception: error code, RIP, CS, RFLAGS, RSP. */
static uint64_t pushed(const struct bare *b, unsigned i)
{
	uint64_t word, at = b->run->s.regs.regs.rsp - AT(STACK) + i * 8;

	if (at > 0xff8)
		return 0;
	memcpy(&word, b->memory + STACK + at, sizeof(word));
	return word;
}

bool bare_step(struct bare *b, enum bare_loop loop)
{
	const struct kvm_regs *r = &b->run->s.regs.regs;
	uint64_t at;

	if (ioctl(b->vcpu, KVM_RUN, 0) < 0 || b->run->exit_reason != KVM_EXIT_HLT)
		return false;
	at = r->rip - 1;
	if (loop == BARE_UD2) {
		if (at != AT(VECTORS) + 6 * 16)
			return false;
		resume(b, pushed(b, 0) + 2, pushed(b, 3), pushed(b, 2));
		return true;
	}
	if (b->lands_in_user) {
		/* A stub that looks at the number first ends a few bytes further. */
		if (at - (AT(VECTORS) + 14 * 16) > 64 || b->run->s.regs.sregs.cr2 != AT(LSTAR))
			return false;
		resume(b, r->rcx, pushed(b, 4), r->r11);
		return true;
	}
	if (at - AT(LSTAR) > 64)
		return false;
	resume(b, r->rcx, r->rsp, r->r11);
	return true;
}
