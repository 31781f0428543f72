/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The least KVM guest that shows what an exit costs on this host: one vCPU, user mode, no platform
 * around it. It uses the guest ABI of husk's platform (a HLT behind every entry, registers through
 * the shared page in both directions), so that what the platform adds can be told from what KVM
 * costs.
 */
#ifndef HUSK_BENCH_BARE_H
#define HUSK_BENCH_BARE_H

#include <linux/kvm.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct bare {
	int vm, vcpu;
	size_t run_size;
	struct kvm_run *run;
	uint8_t *memory;
	struct kvm_sregs sregs; /* as at every entry */
	bool lands_in_user; /* SYSCALL faults at LSTAR with user rights, instead of running there */
};

enum bare_loop {
	BARE_SYSCALL,  /* a SYSCALL an exit */
	BARE_UD2,      /* an illegal instruction an exit */
	BARE_ANSWERED, /* many SYSCALLs answered by a stub in the guest; then one that exits */
	BARE_OTHER,    /* a SYSCALL that the same stub lets through to an exit */
	BARE_LOOPS
};
/* How many BARE_ANSWERED answers before each exit. */
#define BARE_ANSWERS 16

/* 0, or a negative errno with what failed in *what. */
int bare_open(struct bare *b, const char **what);
void bare_close(struct bare *b);
/* Puts the loop's code in place and starts at its beginning. */
void bare_start(struct bare *b, enum bare_loop loop);
/* Runs until the next exit, and makes ready to go on behind it. False: not the exit expected. */
bool bare_step(struct bare *b, enum bare_loop loop);

#endif
