/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/usermem.h"

#include <errno.h>
#include <limits.h>

static __thread struct user_memory *current_memory;

void user_memory_use(struct user_memory *u)
{
	current_memory = u;
}

struct user_memory *user_memory_current(void)
{
	return current_memory;
}

int copy_in(void *dst, uint64_t src, size_t n)
{
	struct user_memory *u = current_memory;

	if (n == 0)
		return 0;
	return u ? u->ops->copy_in(u, dst, src, n) : -EFAULT;
}

int copy_out(uint64_t dst, const void *src, size_t n)
{
	struct user_memory *u = current_memory;

	if (n == 0)
		return 0;
	return u ? u->ops->copy_out(u, dst, src, n) : -EFAULT;
}

ssize_t copy_in_str(char *dst, uint64_t src, size_t max)
{
	struct user_memory *u = current_memory;

	return u ? u->ops->copy_in_str(u, dst, src, max) : -EFAULT;
}

int copy_in_iovec(uint64_t guest_iov, unsigned long n, struct iovec *out, size_t *total)
{
	size_t sum = 0;

	if (n > IOV_MAX)
		return -EINVAL;
	if (copy_in(out, guest_iov, n * sizeof(*out)) < 0)
		return -EFAULT;
	for (unsigned long i = 0; i < n; i++) {
		if (out[i].iov_len > SSIZE_MAX || sum + out[i].iov_len > SSIZE_MAX)
			return -EINVAL;
		/* What is beyond the largest transfer is not moved, and so not looked at either. */
		if (out[i].iov_len > MAX_RW_COUNT - sum)
			out[i].iov_len = MAX_RW_COUNT - sum;
		sum += out[i].iov_len;
	}
	*total = sum;
	return 0;
}

int user_pin(const struct iovec *guest, int n, bool write, struct iovec *host, int max,
	     size_t *bytes)
{
	struct user_memory *u = current_memory;

	*bytes = 0;
	return u ? u->ops->pin(u, guest, n, write, host, max, bytes) : -EFAULT;
}

void user_unpin(const struct iovec *host, int n)
{
	struct user_memory *u = current_memory;

	if (u && n > 0)
		u->ops->unpin(u, host, n);
}
