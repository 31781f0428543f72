/* SPDX-License-Identifier: GPL-2.0-or-later */
/* mmap(2), munmap(2), brk(2): what exists where. */
#include "mm/mm.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>

#include "mm/internal.h"
#include "vfs/file.h"

#ifndef MAP_DROPPABLE
#define MAP_DROPPABLE 0x08
#endif
#ifndef MAP_32BIT
#define MAP_32BIT 0x40
#endif
/* Flags that existed before MAP_SHARED_VALIDATE: the others are checked (LEGACY_MAP_MASK). */
#define KNOWN_FLAGS                                                                                \
	(MAP_TYPE | MAP_FIXED | MAP_ANONYMOUS | MAP_DENYWRITE | MAP_EXECUTABLE | MAP_GROWSDOWN |   \
	 MAP_LOCKED | MAP_NORESERVE | MAP_POPULATE | MAP_NONBLOCK | MAP_STACK | MAP_HUGETLB |      \
	 MAP_32BIT | MAP_FIXED_NOREPLACE | (0x3fU << 26))

/* ---- removing ----------------------------------------------------------------------------------- */

int mm_unmap_locked(struct mm *mm, uint64_t start, uint64_t end, struct vma **dead)
{
	struct vma *v;
	int r = vma_isolate(mm, start, end);

	if (r)
		return r;
	v = vma_find(mm->vmas, start);
	if (!v || v->start >= end)
		return 0;
	while ((v = vma_find(mm->vmas, start)) && v->start < end) {
		mm_account(mm, v, true);
		vma_remove(mm->vmas, v);
		v->next_dead = *dead;
		*dead = v;
	}
	/* No vCPU may hold a translation to a frame that is given up. */
	address_space_unmap(mm->as, start, end - start);
	pagedir_release(&priv(mm)->dir, mm->memory, start >> PAGE_SHIFT, end >> PAGE_SHIFT);
	return 0;
}

int mm_munmap(struct mm *mm, uint64_t addr, uint64_t len)
{
	struct vma *dead = NULL;
	int r;

	if (addr % PAGE_SIZE || addr > TASK_SIZE || len > TASK_SIZE - addr || page_up(len) == 0)
		return -EINVAL;
	mm_lock(mm);
	r = mm_unmap_locked(mm, addr, addr + page_up(len), &dead);
	mm_unlock(mm);
	vma_free_list(dead);
	return r;
}

/* ---- finding a place ---------------------------------------------------------------------------- */

bool mm_range_free(struct mm *mm, uint64_t start, uint64_t end)
{
	const struct vma *v = vma_find(mm->vmas, start);
	uint64_t gap = v && (v->flags & VMA_GROWSDOWN) ? STACK_GUARD_GAP : 0;

	return !v || (v->start >= end && v->start - end >= gap);
}

uint64_t mm_free_area(struct mm *mm, uint64_t hint, uint64_t len, unsigned flags)
{
	uint64_t a;

	if (flags & MAP_32BIT)
		return vma_gap_low(mm->vmas, len, 0x40000000, 0x80000000);
	if (hint) {
		hint = page_up(hint);
		if (hint >= MMAP_MIN_ADDR && hint < TASK_SIZE && len <= TASK_SIZE - hint &&
		    mm_range_free(mm, hint, hint + len))
			return hint;
	}
	a = vma_gap_high(mm->vmas, len, MMAP_MIN_ADDR, mm->mmap_base);
	return a ? a : vma_gap_low(mm->vmas, len, mm->mmap_base, TASK_SIZE);
}

/* The address that mmap's arguments lead to; nothing is removed yet. */
static int64_t place(struct mm *mm, uint64_t addr, uint64_t len, unsigned flags)
{
	if (!(flags & (MAP_FIXED | MAP_FIXED_NOREPLACE))) {
		uint64_t a = mm_free_area(mm, page_down(addr), len, flags);

		return a ? (int64_t)a : -ENOMEM;
	}
	if (addr > TASK_SIZE || len > TASK_SIZE - addr)
		return -ENOMEM;
	if (addr % PAGE_SIZE)
		return -EINVAL;
	if (addr < MMAP_MIN_ADDR)
		return -EPERM;
	if (flags & MAP_FIXED_NOREPLACE) {
		const struct vma *v = vma_find(mm->vmas, addr);

		if (v && v->start < addr + len)
			return -EEXIST;
	}
	return addr;
}

/* ---- mapping ------------------------------------------------------------------------------------ */

/* Is f /dev/zero, which maps as anonymous memory? */
static bool is_dev_zero(const struct file *f)
{
	struct stat st;

	return S_ISCHR(f->type) && f->fd >= 0 && fstat(f->fd, &st) == 0 &&
	       st.st_rdev == makedev(1, 5);
}

static bool on_noexec_mount(const struct file *f)
{
	struct statvfs st;

	return fstatvfs(f->fd, &st) == 0 && (st.f_flag & ST_NOEXEC);
}

/* The rights and kind of a file mapping, as do_mmap() decides them. VMA_* or a negative errno. */
static int file_vma_flags(const struct file *f, unsigned prot, unsigned flags)
{
	unsigned mode = f->flags & O_ACCMODE, v = 0;

	if (f->flags & O_PATH)
		return -EBADF;
	if (mode == O_WRONLY)
		return -EACCES;
	if ((flags & MAP_TYPE) == MAP_PRIVATE) {
		v = VMA_MAYWRITE;
	} else {
		if ((prot & PROT_WRITE) && mode != O_RDWR)
			return -EACCES;
		v = VMA_SHARED | (mode == O_RDWR ? VMA_MAYWRITE : 0);
	}
	if (!on_noexec_mount(f))
		v |= VMA_MAYEXEC;
	else if (prot & PROT_EXEC)
		return -EPERM;
	if (!S_ISREG(f->type) || !file_is_host(f))
		return -ENODEV;
	return flags & MAP_GROWSDOWN ? -EINVAL : (int)v;
}

static int anonymous_vma_flags(unsigned flags)
{
	unsigned v = VMA_MAYWRITE | VMA_MAYEXEC;

	switch (flags & MAP_TYPE) {
	case MAP_SHARED:
		return flags & MAP_GROWSDOWN ? -EINVAL : (int)(v | VMA_SHARED);
	case MAP_DROPPABLE:
		return v | VMA_WIPEONFORK;
	case MAP_PRIVATE:
		return v | (flags & MAP_GROWSDOWN ? VMA_GROWSDOWN : 0);
	default:
		return -EINVAL;
	}
}

/* Checks mmap's flags and file. VMA_* flags, or a negative errno. */
static int check_flags(struct file *f, unsigned prot, unsigned flags)
{
	unsigned type = flags & MAP_TYPE;

	if (flags & MAP_HUGETLB)
		return -ENOMEM; /* as a host whose pool of huge pages is empty */
	if (!f)
		return anonymous_vma_flags(flags);
	if (type == MAP_SHARED_VALIDATE && (flags & ~KNOWN_FLAGS))
		return -EOPNOTSUPP; /* MAP_SYNC among them: no DAX here */
	if (type != MAP_SHARED && type != MAP_SHARED_VALIDATE && type != MAP_PRIVATE)
		return -EINVAL;
	return file_vma_flags(f, prot, flags);
}

/*
 * Gives a new VMA what stands behind it. The first window is taken here, so that a file that cannot
 * be mapped is an error of mmap and not a SIGBUS later.
 */
static int back_vma(struct mm *mm, struct vma *v, struct file *f, uint64_t offset)
{
	struct window *w;
	int r;

	if (f) {
		v->file = file_get(f);
		v->offset = offset;
		r = vma_window(mm, v, offset, &w);
		if ((r == -EPERM || r == -EACCES) && (v->flags & VMA_SHARED) &&
		    !(v->prot & PROT_WRITE)) {
			/* A write-sealed memfd: readable all the same. */
			v->flags &= ~(unsigned)VMA_MAYWRITE;
			r = vma_window(mm, v, offset, &w);
		}
		return r;
	}
	if (v->flags & VMA_SHARED) {
		v->object = object_new(mm->memory);
		return v->object ? 0 : -ENOMEM;
	}
	return 0;
}

/* Faults in [start, end) as far as possible (MAP_POPULATE: failures do not matter). */
static void populate(struct mm *mm, uint64_t start, uint64_t end, unsigned prot)
{
	for (uint64_t a = start; a < end; a = (a & ~(CHUNK_SIZE - 1)) + CHUNK_SIZE)
		mm_fault(mm, a, prot & PROT_WRITE ? ACCESS_WRITE : ACCESS_READ);
}

/* Puts v, complete but for its place, at a place; frees it on failure. */
static int64_t insert_vma(struct mm *mm, struct vma *v, uint64_t addr, uint64_t len, unsigned flags,
			  struct vma **dead)
{
	int64_t at = place(mm, addr, len, flags);
	int r = 0;

	if (at > 0 && mm->vmas->count >= VMA_COUNT_MAX)
		at = -ENOMEM;
	if (at > 0 && !mm_may_expand(mm, len >> PAGE_SHIFT, v->prot, v->flags))
		at = -ENOMEM;
	if (at > 0 && (v->flags & VMA_LOCKED) &&
	    mm->locked_vm + (len >> PAGE_SHIFT) > mm->rlimit_memlock >> PAGE_SHIFT)
		at = -EAGAIN;
	if (at > 0 && (flags & MAP_FIXED) && !(flags & MAP_FIXED_NOREPLACE))
		r = mm_unmap_locked(mm, at, at + len, dead);
	if (at < 0 || r) {
		v->next_dead = *dead;
		*dead = v;
		return r ? r : at;
	}
	v->start = at;
	v->end = at + len;
	vma_insert(mm->vmas, v);
	mm_account(mm, v, false);
	vma_merge(mm, v->start, v->end, dead);
	page_map_new(mm, at, at + len, flags & (MAP_FIXED | MAP_FIXED_NOREPLACE));
	return at;
}

int64_t mm_mmap(struct mm *mm, uint64_t addr, uint64_t len, unsigned prot, unsigned flags,
		struct file *file, uint64_t offset)
{
	struct vma *v, *dead = NULL;
	int64_t at;
	int kind, r;

	prot &= PROT_READ | PROT_WRITE | PROT_EXEC;
	if (len == 0 || offset % PAGE_SIZE)
		return -EINVAL;
	if (len > TASK_SIZE)
		return -ENOMEM;
	len = page_up(len);
	if (offset + len < offset || (file && offset + len > INT64_MAX))
		return -EOVERFLOW;
	if (file && is_dev_zero(file))
		file = NULL;
	kind = check_flags(file, prot, flags);
	if (kind < 0)
		return kind;
	if ((flags & MAP_LOCKED) || priv(mm)->lock_future)
		kind |= VMA_LOCKED;
	v = vma_new(0, len, prot, kind);
	if (!v)
		return -ENOMEM;
	r = back_vma(mm, v, file, file ? offset : 0);
	if (r) {
		vma_free(v);
		return r;
	}
	mm_lock(mm);
	at = insert_vma(mm, v, addr, len, flags, &dead);
	mm_unlock(mm);
	vma_free_list(dead);
	if (at > 0 && (flags & (MAP_POPULATE | MAP_LOCKED)) && !(flags & MAP_NONBLOCK) && prot)
		populate(mm, at, at + len, kind & VMA_SHARED || !file ? prot : prot & ~PROT_WRITE);
	return at;
}

/* ---- brk ---------------------------------------------------------------------------------------- */

/* Moves the break up over free space. The caller holds the lock. */
static bool grow_brk(struct mm *mm, uint64_t from, uint64_t to, struct vma **dead)
{
	struct vma *v;

	if (!mm_range_free(mm, from, to + PAGE_SIZE) || mm->vmas->count >= VMA_COUNT_MAX ||
	    !mm_may_expand(mm, (to - from) >> PAGE_SHIFT, PROT_READ | PROT_WRITE, 0))
		return false;
	v = vma_new(from, to, PROT_READ | PROT_WRITE,
		    VMA_MAYWRITE | VMA_MAYEXEC | (priv(mm)->lock_future ? VMA_LOCKED : 0));
	if (!v)
		return false;
	v->name = "[heap]";
	vma_insert(mm->vmas, v);
	mm_account(mm, v, false);
	vma_merge(mm, from, to, dead);
	page_map_new(mm, from, to, true);
	return true;
}

uint64_t mm_brk(struct mm *mm, uint64_t brk)
{
	struct vma *dead = NULL;
	uint64_t old, new, data;

	mm_lock(mm);
	old = page_up(mm->brk);
	new = brk < TASK_SIZE ? page_up(brk) : 0;
	data = mm->data_end - mm->data_start;
	if (brk < mm->brk_start || new == 0 ||
	    (brk - mm->brk_start > mm->rlimit_data || brk - mm->brk_start + data > mm->rlimit_data))
		brk = mm->brk;
	else if (new < old && mm_unmap_locked(mm, new, old, &dead) != 0)
		brk = mm->brk;
	else if (new > old && !grow_brk(mm, old, new, &dead))
		brk = mm->brk;
	mm->brk = brk;
	mm_unlock(mm);
	vma_free_list(dead);
	return brk;
}

void mm_name(struct mm *mm, uint64_t addr, uint64_t len, const char *name)
{
	mm_lock(mm);
	for (struct vma *v = vma_find(mm->vmas, addr); v && v->start < addr + len;
	     v = vma_next(mm->vmas, v))
		v->name = name;
	mm_unlock(mm);
}
