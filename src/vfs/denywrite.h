/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Inside vfs: who may write to a program's file, and who may run it. See denywrite.c. */
#ifndef HUSK_VFS_DENYWRITE_H
#define HUSK_VFS_DENYWRITE_H

#include "vfs/file.h"

/* f is a program's file: as long as this description lives, nobody opens it for writing. -ETXTBSY. */
int deny_write(struct file *f);
/*
 * f was opened with flags; if for writing, it counts as a writer until its release. -ETXTBSY:
 * somebody runs it. O_TRUNC is done here and not by the host's open (deny_write_open_flags() took it
 * out), since a running program must be refused before it is truncated.
 */
int deny_write_opened(struct file *f, unsigned flags);
unsigned deny_write_open_flags(unsigned flags);
/* From release(). */
void deny_write_release(struct file *f);

#endif
