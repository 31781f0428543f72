/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A platform without a machine: memory is a memfd, an AddressSpace is a table that records what mm
 * maps, and "guest" accesses go through that table as a CPU's would. It checks the preconditions of
 * platform.h that mm must keep and aborts when one is broken.
 */
#ifndef HUSK_TESTS_FAKE_PLATFORM_H
#define HUSK_TESTS_FAKE_PLATFORM_H

#include "platform/platform.h"

struct platform *fake_platform(void);

/* The page a guest access to addr would reach, or NULL: a page fault. */
void *fake_translate(struct address_space *as, uint64_t addr, unsigned access);
/* How many pages are mapped; forgets all mappings (a cache may). */
unsigned fake_mapped(struct address_space *as);
void fake_forget(struct address_space *as);

/* Frames with a reference, windows in use: 0 when all is given back. */
unsigned fake_frames_used(void);
unsigned fake_windows_used(void);
/* What its capabilities say about user space: [from, end). */
void fake_set_user_space(uint64_t from, uint64_t end);
/* At most so many address spaces at a time from now on. */
void fake_set_spaces(unsigned n);
/* At most so many frames may be in use from now on. */
void fake_set_limit(unsigned frames);

#endif
