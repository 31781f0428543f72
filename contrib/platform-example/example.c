/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A sandbox on src/platform alone: loads a static ELF program, forwards its write(2) to standard
 * output and error and its exit, sets its thread pointer, and answers everything else with ENOSYS.
 * The program sees none of this process' memory, descriptors or system calls.
 *
 *     platform-example PROGRAM
 *
 * What husk's application kernel is in 40,000 lines, this is in under 200: what runs the program is
 * the same. docs/PLATFORM.md goes through it.
 */
#include <asm/prctl.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/hostcall.h"
#include "base/safecopy.h"
#include "platform/platform.h"

#define STACK_TOP 0x7f0000000000UL
#define STACK_SIZE (256UL << 10)

static struct platform *platform;
static struct address_space *space;

static void fail(const char *what, const char *why)
{
	fprintf(stderr, "platform-example: %s: %s\n", what, why);
	exit(125);
}

/* A zeroed page at addr (page-aligned); where it is in this process. */
static uint8_t *add_page(uint64_t addr, unsigned access)
{
	struct memory *memory = platform_memory(platform);
	frame_t frame;
	int r = memory_alloc(memory, 1, MEMORY_ANONYMOUS, &frame);

	if (r == 0)
		r = address_space_map(space, addr, frame, 1, access, false);
	if (r < 0)
		fail("memory", strerror(-r));
	return memory_ptr(memory, frame);
}

static void load_segment(const uint8_t *file, size_t size, const Elf64_Phdr *ph)
{
	uint64_t max = platform_caps(platform)->max_user_address;
	uint64_t from = ph->p_vaddr & PAGE_MASK, end = ph->p_vaddr + ph->p_memsz;
	unsigned access = (ph->p_flags & PF_R ? ACCESS_READ : 0) |
			  (ph->p_flags & PF_W ? ACCESS_WRITE : 0) |
			  (ph->p_flags & PF_X ? ACCESS_EXEC : 0);

	if (ph->p_offset > size || ph->p_filesz > size - ph->p_offset || ph->p_filesz > ph->p_memsz ||
	    end < ph->p_vaddr || end > max || from < platform_caps(platform)->min_user_address)
		fail("program", "a segment outside the file or outside user space");
	for (uint64_t addr = from; addr < end; addr += PAGE_SIZE) {
		uint8_t *page = add_page(addr, access);
		uint64_t a = addr > ph->p_vaddr ? addr : ph->p_vaddr;
		uint64_t z = addr + PAGE_SIZE, file_end = ph->p_vaddr + ph->p_filesz;

		if (z > file_end)
			z = file_end;
		if (a < z)
			memcpy(page + (a - addr), file + ph->p_offset + (a - ph->p_vaddr), z - a);
	}
}

/* The program's segments, mapped; its entry point. */
static uint64_t load(const char *name)
{
	int fd = open(name, O_RDONLY | O_CLOEXEC);
	const Elf64_Phdr *ph;
	Elf64_Ehdr *eh;
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		fail(name, strerror(errno));
	eh = malloc(st.st_size + sizeof(*eh));
	if (!eh || read(fd, eh, st.st_size) != st.st_size)
		fail(name, "cannot be read");
	close(fd);
	if ((size_t)st.st_size < sizeof(*eh) || memcmp(eh->e_ident, ELFMAG, SELFMAG) ||
	    eh->e_type != ET_EXEC || eh->e_machine != EM_X86_64 ||
	    eh->e_phoff > (size_t)st.st_size - sizeof(*eh) ||
	    eh->e_phnum * sizeof(*ph) > st.st_size - eh->e_phoff)
		fail(name, "not a static x86-64 program");
	ph = (const Elf64_Phdr *)((uint8_t *)eh + eh->e_phoff);
	for (unsigned i = 0; i < eh->e_phnum; i++)
		if (ph[i].p_type == PT_LOAD)
			load_segment((uint8_t *)eh, st.st_size, &ph[i]);
	return eh->e_entry;
}

/*
 * write(2): the bytes are copied out of the guest first, then written. A bad address ends the copy
 * early; what was good before it counts.
 */
static long forward_write(int fd, uint64_t addr, size_t len)
{
	uint8_t buf[4096];
	struct address_fault fault;
	size_t n;

	if (fd != STDOUT_FILENO && fd != STDERR_FILENO)
		return -EBADF;
	n = address_space_copy_in(space, buf, addr, len < sizeof(buf) ? len : sizeof(buf), &fault);
	if (n == 0 && len)
		return -EFAULT;
	len = write(fd, buf, n);
	return (long)len < 0 ? -errno : (long)len;
}

static void system_call(struct user_regs_struct *regs)
{
	switch (regs->orig_rax) {
	case SYS_write:
		regs->rax = forward_write(regs->rdi, regs->rsi, regs->rdx);
		break;
	case SYS_arch_prctl: /* where the C library keeps its thread pointer */
		if (regs->rdi == ARCH_SET_FS)
			regs->fs_base = regs->rsi;
		regs->rax = regs->rdi == ARCH_SET_FS ? 0 : -EINVAL;
		break;
	case SYS_exit:
	case SYS_exit_group:
		exit(regs->rdi);
	default:
		regs->rax = -ENOSYS;
	}
}

/* The stack comes page by page, as it is touched; any other exception is the program's end. */
static void exception(const struct switch_event *ev, const struct user_regs_struct *regs)
{
	if (ev->page_fault && ev->addr < STACK_TOP && ev->addr >= STACK_TOP - STACK_SIZE) {
		add_page(ev->addr & PAGE_MASK, ACCESS_READ | ACCESS_WRITE);
		return;
	}
	fprintf(stderr, "platform-example: %s at %llx, address %lx\n", strsignal(ev->signo),
		regs->rip, ev->addr);
	exit(128 + ev->signo);
}

int main(int argc, char **argv)
{
	struct platform_config cfg = {.kvm_fd = open("/dev/kvm", O_RDWR | O_CLOEXEC)};
	struct user_regs_struct regs = {.rsp = STACK_TOP - 128, .eflags = 0x202};
	struct error err = ERROR_INIT;
	struct context *context;
	struct switch_event ev;
	int r;

	if (argc != 2)
		fail("usage", "platform-example PROGRAM");
	hostcall_init();
	safecopy_init();
	if (platform_new(PLATFORM_KVM, &cfg, &platform, &err) < 0)
		fail("platform", err.msg);
	r = platform_new_address_space(platform, 0, &space);
	if (r == 0)
		r = platform_new_context(platform, &context);
	if (r < 0)
		fail("platform", strerror(-r));
	regs.rip = load(argv[1]);
	for (;;) {
		context_switch(context, space, &regs, -1, &ev);
		if (ev.reason == SWITCH_SYSCALL)
			system_call(&regs);
		else if (ev.reason == SWITCH_SIGNAL)
			exception(&ev, &regs);
		else if (ev.reason != SWITCH_PREEMPTED)
			fail("platform", "the machine is broken");
	}
}
