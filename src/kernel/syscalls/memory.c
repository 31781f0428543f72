/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The mmap(2) family: decoders for mm/. */
#include <errno.h>
#include <linux/capability.h>
#include <stdbool.h>
#include <sys/mman.h>

#include "base/usermem.h"
#include "kernel/syscalls/syscalls.h"
#include "kernel/task.h"
#include "vfs/file.h"

long sys_mmap(const uint64_t a[6])
{
	unsigned flags = (unsigned)a[3];
	struct file *f = NULL;
	long r;

	if (a[5] % PAGE_SIZE)
		return -EINVAL;
	if (!(flags & MAP_ANONYMOUS)) {
		f = fd_get((int)a[4]);
		if (!f)
			return -EBADF;
	}
	r = mm_mmap(current->mm, a[0], a[1], (unsigned)a[2], flags, f, f ? a[5] : 0);
	if (f)
		file_put(f);
	return r;
}

long sys_munmap(const uint64_t a[6])
{
	return mm_munmap(current->mm, a[0], a[1]);
}

long sys_mprotect(const uint64_t a[6])
{
	return mm_mprotect(current->mm, a[0], a[1], (unsigned)a[2]);
}

long sys_mremap(const uint64_t a[6])
{
	return mm_mremap(current->mm, a[0], a[1], a[2], (unsigned)a[3], a[4]);
}

long sys_madvise(const uint64_t a[6])
{
	return mm_madvise(current->mm, a[0], a[1], (int)a[2]);
}

long sys_brk(const uint64_t a[6])
{
	return (long)mm_brk(current->mm, a[0]);
}

long sys_msync(const uint64_t a[6])
{
	return mm_msync(current->mm, a[0], a[1], (int)a[2]);
}

long sys_mincore(const uint64_t a[6])
{
	uint8_t vec[1024];
	uint64_t addr = a[0], pages = (a[1] + PAGE_SIZE - 1) >> PAGE_SHIFT, done = 0;
	int r = 0;

	if (addr % PAGE_SIZE)
		return -EINVAL;
	if (addr > TASK_SIZE || a[1] > TASK_SIZE - addr)
		return -ENOMEM;
	while (r == 0 && done < pages) {
		uint64_t n = pages - done < sizeof(vec) ? pages - done : sizeof(vec);

		r = mm_mincore(current->mm, addr + (done << PAGE_SHIFT), n << PAGE_SHIFT, vec);
		if (r == 0 && copy_out(a[2] + done, vec, n) != 0)
			r = -EFAULT;
		done += n;
	}
	return r;
}

/* May this task lock memory at all? With CAP_IPC_LOCK there is no limit (mlock(2)). */
static long lock_range(uint64_t addr, uint64_t len)
{
	bool unlimited = capable(CAP_IPC_LOCK);

	if (!unlimited && current->mm->rlimit_memlock == 0)
		return -EPERM;
	return mm_mlock(current->mm, addr, len, true, unlimited);
}

long sys_mlock(const uint64_t a[6])
{
	return lock_range(a[0], a[1]);
}

long sys_mlock2(const uint64_t a[6])
{
	if ((unsigned)a[2] & ~(unsigned)MLOCK_ONFAULT)
		return -EINVAL;
	return lock_range(a[0], a[1]);
}

long sys_munlock(const uint64_t a[6])
{
	return mm_mlock(current->mm, a[0], a[1], false, true);
}

long sys_mlockall(const uint64_t a[6])
{
	int flags = (int)a[0];
	bool unlimited = capable(CAP_IPC_LOCK);

	if (!flags || flags & ~(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT) || flags == MCL_ONFAULT)
		return -EINVAL;
	if (!unlimited && current->mm->rlimit_memlock == 0)
		return -EPERM;
	return mm_mlock_all(current->mm, flags & MCL_CURRENT, flags & MCL_FUTURE, unlimited);
}

long sys_munlockall(const uint64_t a[6])
{
	return mm_mlock_all(current->mm, false, false, true);
}
