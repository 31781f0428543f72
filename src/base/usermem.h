/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Guest memory as the rooms below mm see it: that of the task running on this thread.
 *
 * mm implements it and installs itself with user_memory_use() whenever a task gets another address
 * space. vfs and net copy through it and never learn what a VMA is. Addresses are guest virtual
 * ones, as the guest gave them: any 64-bit value is legal input and gets -EFAULT where nothing is
 * mapped, the range wraps, or the access is not allowed.
 *
 * Never read the same guest bytes twice: copy in, check the copy, use the copy.
 */
#ifndef HUSK_BASE_USERMEM_H
#define HUSK_BASE_USERMEM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

struct user_memory;

struct user_memory_ops {
	int (*copy_in)(struct user_memory *u, void *dst, uint64_t src, size_t n);
	int (*copy_out)(struct user_memory *u, uint64_t dst, const void *src, size_t n);
	ssize_t (*copy_in_str)(struct user_memory *u, char *dst, uint64_t src, size_t max);
	int (*pin)(struct user_memory *u, const struct iovec *guest, int n, bool write,
		   struct iovec *host, int max, size_t *bytes);
	void (*unpin)(struct user_memory *u, const struct iovec *host, int n);
};

/* Embedded in struct mm. */
struct user_memory {
	const struct user_memory_ops *ops;
};

/* Makes u the memory that the calls below mean on this thread (NULL: none, all -EFAULT). */
void user_memory_use(struct user_memory *u);
struct user_memory *user_memory_current(void);

/* 0 or -EFAULT; on -EFAULT a prefix may have been copied. */
int copy_in(void *dst, uint64_t src, size_t n);
int copy_out(uint64_t dst, const void *src, size_t n);

/*
 * Copies a string with its NUL. Returns its length without the NUL; -EFAULT; -ENAMETOOLONG when
 * no NUL is among the first max bytes, which are in dst then.
 */
ssize_t copy_in_str(char *dst, uint64_t src, size_t max);

/*
 * Copies in a guest iovec array and checks it as readv(2) does: n above IOV_MAX (1024) or a sum
 * above SSIZE_MAX is -EINVAL. out has room for n; *total is the sum of lengths, cut to MAX_RW_COUNT.
 */
int copy_in_iovec(uint64_t guest_iov, unsigned long n, struct iovec *out, size_t *total);

/*
 * Translates guest buffers (iov_base is a guest address) into host pointers for one host call, and
 * pins what is behind them until user_unpin(): a fork copies a pinned private page instead of
 * sharing it, and a pinned frame is never reused. With write, copy-on-write is broken first.
 * Neighbouring pages that are neighbours on the host too become one entry of host[].
 *
 * Returns the number of entries of host[] (at most max, and then the rest of the buffers is left
 * out: *bytes says how much is covered), or -EFAULT if not even the first byte is accessible.
 * A range that becomes inaccessible in its middle is cut there, like Linux' partial read(2).
 */
int user_pin(const struct iovec *guest, int n, bool write, struct iovec *host, int max,
	     size_t *bytes);
void user_unpin(const struct iovec *host, int n);

/* The largest count that one read or write moves (include/linux/fs.h). */
#define MAX_RW_COUNT 0x7ffff000UL

/* Typed helpers. */
#define copy_in_obj(obj, src) copy_in((obj), (src), sizeof(*(obj)))
#define copy_out_obj(dst, obj) copy_out((dst), (obj), sizeof(*(obj)))

#endif
