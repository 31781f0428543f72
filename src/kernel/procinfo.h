/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What /proc asks about tasks: fills vfs/procfs.h's table. */
#ifndef HUSK_KERNEL_PROCINFO_H
#define HUSK_KERNEL_PROCINFO_H

#include <stdint.h>

struct mm;
struct ptext;

/* Called once by kernel_boot(). */
void procinfo_init(void);

/* The container's memory limit, bytes, for /proc/meminfo; 0: none but the host's memory. */
void procinfo_set_memory_limit(uint64_t bytes);

/* procinfo_mm.c: the files that show an address space (proc_ops.show). -ENOENT: no such name. */
int procinfo_show_mm(struct mm *mm, const char *name, struct ptext *out);

#endif
