/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef HUSK_TESTS_FAKE_VFS_H
#define HUSK_TESTS_FAKE_VFS_H

#include "vfs/file.h"

/* A description over fd (consumed). */
struct file *fake_file(int fd, unsigned flags);
extern unsigned fake_files; /* how many exist */

#endif
