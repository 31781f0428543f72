/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the decoders of file system calls share. */
#ifndef HUSK_KERNEL_SYSCALLS_FILES_H
#define HUSK_KERNEL_SYSCALLS_FILES_H

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <time.h>

#include "vfs/file.h"

static inline void put_filep(struct file **f)
{
	file_put(*f);
}

/* `cleanup_file struct file *f = fd_get(fd)`: the reference goes with the block. */
#define cleanup_file __attribute__((cleanup(put_filep)))

/* As fd_get(), but not those that were opened for their path only (-EBADF for nearly every call). */
struct file *fd_get_real(int fd);

/*
 * The directory that an *at() call's relative path starts from: *out NULL for AT_FDCWD and for
 * absolute paths, which ignore it. 0 or -EBADF.
 */
int get_dirfd(int dirfd, const char *path, struct file **out);

/* SIGPIPE to the caller, as a write to nobody brings. */
void send_sigpipe(void);

/*
 * Moves bytes between f and the guest buffers of iov (whose entries are used up on the way). pos as
 * in struct file_ops. Bytes moved, or a negative errno if none were.
 */
long transfer(struct file *f, bool write, struct iovec *iov, int n, const off_t *pos, int rwf);

/* The 64-bit guest timespec at addr, checked: nanoseconds in range, not negative. */
int copy_in_timespec(struct timespec *ts, uint64_t addr);

#endif
