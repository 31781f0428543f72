/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Loads and stores by a real guest, an instruction and a system call each. */
#include "machine.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/hostcall.h"

#define CODE 0x400000UL

static const uint8_t code[] = {
    0x48, 0x8b, 0x07, 0x0f, 0x05, /* mov (%rdi),%rax; syscall */
    0x48, 0x89, 0x37, 0x0f, 0x05, /* mov %rsi,(%rdi); syscall */
};
#define LOAD 0
#define STORE 5

static struct context *context;

struct platform *machine_platform(void)
{
	static struct platform *p;
	struct platform_config cfg = {0};
	struct error err = ERROR_INIT;

	if (p)
		return p;
	hostcall_init();
	host_thread_init(NULL, NULL);
	cfg.kvm_fd = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	if (cfg.kvm_fd < 0 || platform_new(PLATFORM_KVM, &cfg, &p, &err) != 0 ||
	    platform_new_context(p, &context) != 0) {
		fprintf(stderr, "no machine: %s\n", err.msg ? err.msg : "/dev/kvm");
		exit(1);
	}
	close(cfg.kvm_fd);
	return p;
}

void machine_prepare(struct mm *mm)
{
	if (mm_mmap(mm, CODE, PAGE_SIZE, PROT_READ | PROT_EXEC,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, NULL, 0) != CODE ||
	    mm_access_force(mm, CODE, (void *)code, sizeof(code), true) != sizeof(code))
		abort();
}

enum fault_result machine_access(struct mm *mm, uint64_t addr, bool write, uint64_t *value)
{
	struct user_regs_struct regs = {.rip = CODE + (write ? STORE : LOAD),
					.rdi = addr,
					.rsi = *value,
					.eflags = 0x202};
	struct switch_event ev;

	for (int faults = 0; faults < 8;) {
		enum fault_result r;

		context_switch(context, mm->as, &regs, -1, &ev);
		switch (ev.reason) {
		case SWITCH_SYSCALL:
			if (!write)
				*value = regs.orig_rax;
			return FAULT_DONE;
		case SWITCH_INTERRUPT:
		case SWITCH_PREEMPTED:
			break;
		case SWITCH_SIGNAL:
			if (!ev.page_fault) {
				fprintf(stderr, "signal %d at %llx\n", ev.signo, regs.rip);
				abort();
			}
			r = mm_fault(mm, ev.addr, ev.access);
			if (r != FAULT_DONE)
				return r;
			faults++;
			break;
		default:
			fprintf(stderr, "the machine answers %d\n", ev.reason);
			abort();
		}
	}
	fprintf(stderr, "page fault at %lx without end\n", addr);
	abort();
}

void machine_forget(struct mm *mm)
{
	address_space_unmap(mm->as, 0x10000, TASK_SIZE - 0x10000);
}

bool machine_is_clean(void)
{
	return memory_usage(platform_memory(machine_platform()), MEMORY_ANONYMOUS) == 0;
}
