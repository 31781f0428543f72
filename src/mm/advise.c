/* SPDX-License-Identifier: GPL-2.0-or-later */
/* madvise(2), msync(2), mincore(2), mlock(2), and files that shrank. */
#include "mm/mm.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "base/hostcall.h"
#include "base/safecopy.h"
#include "mm/internal.h"
#include "vfs/file.h"

#ifndef MADV_POPULATE_READ
#define MADV_POPULATE_READ 22
#define MADV_POPULATE_WRITE 23
#endif
#ifndef MADV_DONTNEED_LOCKED
#define MADV_DONTNEED_LOCKED 24
#endif
#ifndef MADV_SOFT_OFFLINE
#define MADV_SOFT_OFFLINE 101
#endif

/* ---- throwing pages away ------------------------------------------------------------------------ */

/*
 * Empties private anonymous pages [from, to) of one chunk. Frames that are ours alone are emptied
 * where they are: the guest's mappings stay good and later touches cost no exit. Others (shared
 * with another mm, or in use by a host call) are only counted, for the caller to take out.
 */
static unsigned empty_chunk(struct mm *mm, struct chunk *c, unsigned from, unsigned to)
{
	unsigned left = 0;

	for (unsigned i = from, n; i < to; i += n) {
		frame_t f = c->frame[i];

		n = 1;
		if (!f)
			continue;
		if (memory_refs(mm->memory, f) != 1 || memory_pinned(mm->memory, f)) {
			left++;
			continue;
		}
		while (i + n < to && c->frame[i + n] == f + n &&
		       memory_refs(mm->memory, f + n) == 1 && !memory_pinned(mm->memory, f + n))
			n++;
		if (memory_decommit(mm->memory, f, n) != 0)
			left += n;
		for (unsigned k = 0; k < n; k++)
			chunk_set_touched(c, i + k, false);
	}
	return left;
}

/* MADV_DONTNEED on [start, end) of v: what is private is forgotten. The lock is held exclusively. */
static void discard(struct mm *mm, struct vma *v, uint64_t start, uint64_t end)
{
	uint64_t index = start >> CHUNK_SHIFT;
	unsigned left = 0;
	struct chunk *c;

	if (v->object || (v->flags & VMA_SHARED))
		return; /* the object or the file keeps the contents */
	for (; vma_is_private_anon(v) && (c = pagedir_next(&priv(mm)->dir, &index)) &&
	       index << CHUNK_SHIFT < end; index++) {
		uint64_t base = index << CHUNK_SHIFT;

		left += empty_chunk(mm, c, (max_u64(start, base) - base) >> PAGE_SHIFT,
				    min_u64(end - base, CHUNK_SIZE) >> PAGE_SHIFT);
	}
	if (vma_is_private_anon(v) && !left)
		return;
	address_space_unmap(mm->as, start, end - start);
	pagedir_release(&priv(mm)->dir, mm->memory, start >> PAGE_SHIFT, end >> PAGE_SHIFT);
}

/* MADV_REMOVE: a hole in what is shared. */
static int punch(struct vma *v, uint64_t start, uint64_t end)
{
	uint64_t offset = vma_offset_of(v, start);

	if (!(v->flags & VMA_SHARED) || (v->flags & VMA_LOCKED))
		return -EINVAL;
	if (!(v->flags & VMA_MAYWRITE))
		return -EACCES;
	if (v->object) {
		object_punch(v->object, offset, offset + (end - start));
		return 0;
	}
	return host_call(SYS_fallocate, (long)v->file->fd,
			 (long)(FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE), (long)offset,
			 (long)(end - start));
}

/* ---- madvise ------------------------------------------------------------------------------------ */

/* Advice that changes flags of VMAs: which are set and cleared. False: it is another kind. */
static bool flag_advice(int advice, unsigned *set, unsigned *clear)
{
	*set = *clear = 0;
	switch (advice) {
	case MADV_DONTFORK:
		*set = VMA_DONTFORK;
		return true;
	case MADV_DOFORK:
		*clear = VMA_DONTFORK;
		return true;
	case MADV_WIPEONFORK:
		*set = VMA_WIPEONFORK;
		return true;
	case MADV_KEEPONFORK:
		*clear = VMA_WIPEONFORK;
		return true;
	default:
		return false;
	}
}

static int change_flags(struct mm *mm, struct vma *v, uint64_t start, uint64_t end, int advice)
{
	unsigned set, clear;
	int r;

	flag_advice(advice, &set, &clear);
	if (set == VMA_WIPEONFORK && !vma_is_private_anon(v))
		return -EINVAL;
	if (clear == VMA_DONTFORK && (v->flags & VMA_SPECIAL))
		return -EINVAL;
	if (((v->flags | set) & ~clear) == v->flags)
		return 0;
	r = vma_isolate(mm, start, end);
	if (r == 0) {
		v = vma_at(mm->vmas, start);
		v->flags = (v->flags | set) & ~clear;
	}
	return r;
}

static int advise_vma(struct mm *mm, struct vma *v, uint64_t start, uint64_t end, int advice)
{
	switch (advice) {
	case MADV_DONTNEED:
		if (v->flags & (VMA_LOCKED | VMA_SPECIAL))
			return -EINVAL;
		discard(mm, v, start, end);
		return 0;
	case MADV_DONTNEED_LOCKED:
		if (v->flags & VMA_SPECIAL)
			return -EINVAL;
		discard(mm, v, start, end);
		return 0;
	case MADV_FREE:
		if (!vma_is_private_anon(v) || (v->flags & VMA_LOCKED))
			return -EINVAL;
		discard(mm, v, start, end);
		return 0;
	case MADV_REMOVE:
		return punch(v, start, end);
	case MADV_DONTFORK:
	case MADV_DOFORK:
	case MADV_WIPEONFORK:
	case MADV_KEEPONFORK:
		return change_flags(mm, v, start, end, advice);
	case MADV_COLD:
	case MADV_PAGEOUT:
		return v->flags & (VMA_LOCKED | VMA_SPECIAL) ? -EINVAL : 0;
	default:
		return 0; /* a hint that changes nothing one could see */
	}
}

static bool known_advice(int advice)
{
	/* NORMAL … DONTNEED; FREE … DOFORK; MERGEABLE … DONTNEED_LOCKED. No poisoning of host memory. */
	return (advice >= MADV_NORMAL && advice <= MADV_DONTNEED) ||
	       (advice >= MADV_FREE && advice <= MADV_DOFORK) ||
	       (advice >= MADV_MERGEABLE && advice <= MADV_DONTNEED_LOCKED);
}

/* MADV_POPULATE_READ, _WRITE: faults every page in, and says what went wrong. */
static int populate(struct mm *mm, uint64_t start, uint64_t end, unsigned access)
{
	for (uint64_t a = start; a < end; a += PAGE_SIZE) {
		struct host_page p;
		uint8_t byte;
		int r;

		if ((a == start || a % CHUNK_SIZE == 0) && host_interrupted())
			return -EINTR;
		switch (mm_fault(mm, a, access)) {
		case FAULT_DONE:
			break;
		case FAULT_SEGV_MAPERR:
			return -ENOMEM;
		case FAULT_SEGV_ACCERR:
			return -EINVAL;
		default:
			return -EFAULT;
		}
		mm_lock_shared(mm);
		pthread_mutex_lock(&priv(mm)->pages);
		r = page_for_host(mm, a, access, 0, &p);
		if (r == 0 && safe_copy(&byte, p.ptr, 1) != 0)
			r = -EFAULT;
		pthread_mutex_unlock(&priv(mm)->pages);
		mm_unlock(mm);
		if (r)
			return r;
	}
	return 0;
}

int mm_madvise(struct mm *mm, uint64_t addr, uint64_t len, int advice)
{
	uint64_t end = addr + page_up(len), a = addr;
	struct vma *dead = NULL, *v;
	int r = 0, holes = 0;

	if (advice == MADV_HWPOISON || advice == MADV_SOFT_OFFLINE)
		return -EPERM;
	if (!known_advice(advice) || addr % PAGE_SIZE || page_up(len) < len || end < addr)
		return -EINVAL;
	if (end == addr)
		return 0;
	if (advice == MADV_POPULATE_READ)
		return populate(mm, addr, end, ACCESS_READ);
	if (advice == MADV_POPULATE_WRITE)
		return populate(mm, addr, end, ACCESS_WRITE);
	mm_lock(mm);
	while (r == 0 && a < end) {
		v = vma_find(mm->vmas, a);
		if (!v || v->start >= end) {
			holes = -ENOMEM;
			break;
		}
		if (v->start > a) {
			holes = -ENOMEM;
			a = v->start;
		}
		uint64_t to = min_u64(end, v->end);

		r = advise_vma(mm, v, a, to, advice);
		a = to;
	}
	vma_merge(mm, addr, end, &dead);
	mm_unlock(mm);
	vma_free_list(dead);
	return r ? r : holes;
}

/* ---- msync -------------------------------------------------------------------------------------- */

/* Writes one window's part back, without the lock: it takes the disk's time. */
static int sync_window(struct mm *mm, struct window *w, uint64_t offset, uint64_t len, int flags)
{
	int r = host_call(SYS_msync, (long)((char *)window_ptr(w) + offset % CHUNK_SIZE), (long)len,
			  (long)flags);

	window_put(w);
	return r;
}

/* Finds the next window at or above *addr to write back, with a reference. */
static struct window *next_shared_window(struct mm *mm, uint64_t *addr, uint64_t end, uint64_t *len,
					 uint64_t *offset, int *holes)
{
	while (*addr < end) {
		struct vma *v = vma_find(mm->vmas, *addr);
		struct window *w;

		if (!v || v->start >= end) {
			*holes = -ENOMEM;
			return NULL;
		}
		if (v->start > *addr) {
			*holes = -ENOMEM;
			*addr = v->start;
		}
		*len = min_u64(end, v->end) - *addr;
		if (!v->file || !(v->flags & VMA_SHARED)) {
			*addr += *len;
			continue;
		}
		*offset = vma_offset_of(v, *addr);
		*len = min_u64(*len, CHUNK_SIZE - *offset % CHUNK_SIZE);
		w = vma_window_held(v, *offset);
		if (w) {
			window_ref(w);
			return w;
		}
		*addr += *len;
	}
	return NULL;
}

int mm_msync(struct mm *mm, uint64_t addr, uint64_t len, int flags)
{
	uint64_t end = addr + page_up(len), n, offset;
	struct window *w;
	int r = 0, holes = 0;

	if (flags & ~(MS_ASYNC | MS_INVALIDATE | MS_SYNC) || addr % PAGE_SIZE ||
	    ((flags & MS_ASYNC) && (flags & MS_SYNC)))
		return -EINVAL;
	if (end < addr || page_up(len) < len)
		return -ENOMEM;
	while (r == 0 && addr < end) {
		mm_lock_shared(mm);
		pthread_mutex_lock(&priv(mm)->pages);
		w = next_shared_window(mm, &addr, end, &n, &offset, &holes);
		pthread_mutex_unlock(&priv(mm)->pages);
		mm_unlock(mm);
		if (!w)
			break;
		r = sync_window(mm, w, offset, n, flags);
		addr += n;
	}
	return r ? r : holes;
}

/* ---- mincore, mlock ----------------------------------------------------------------------------- */

static uint8_t page_resident(struct mm *mm, struct vma *v, uint64_t addr)
{
	struct chunk *c = pagedir_get(&priv(mm)->dir, addr >> CHUNK_SHIFT);
	frame_t f = c ? c->frame[(addr % CHUNK_SIZE) >> PAGE_SHIFT] : 0;
	uint8_t vec = 0;
	struct window *w;

	if (v->object && v->object->window)
		return 1;
	if (v->object)
		f = object_frame(v->object, vma_offset_of(v, addr));
	if (f) {
		memory_committed(mm->memory, f, 1, &vec);
	} else if (v->file) {
		w = vma_window_held(v, vma_offset_of(v, addr));
		if (w && mincore((char *)window_ptr(w) + vma_offset_of(v, addr) % CHUNK_SIZE,
				 PAGE_SIZE, &vec) != 0)
			vec = 0;
	}
	return vec & 1;
}

int mm_mincore(struct mm *mm, uint64_t addr, uint64_t len, uint8_t *vec)
{
	uint64_t end = addr + page_up(len);
	int r = 0;

	if (addr % PAGE_SIZE)
		return -EINVAL;
	if (end < addr || end > TASK_SIZE || page_up(len) < len)
		return -ENOMEM;
	mm_lock_shared(mm);
	pthread_mutex_lock(&priv(mm)->pages);
	for (uint64_t a = addr; r == 0 && a < end; a += PAGE_SIZE) {
		struct vma *v = vma_at(mm->vmas, a);

		if (v)
			*vec++ = page_resident(mm, v, a);
		else
			r = -ENOMEM;
	}
	pthread_mutex_unlock(&priv(mm)->pages);
	mm_unlock(mm);
	return r;
}

/*
 * Guest memory is as resident as the host makes it; what mlock(2) promises that a program can see
 * (limits, VmLck, errors) is kept.
 */
static int lock_locked(struct mm *mm, uint64_t addr, uint64_t end, bool lock)
{
	int r = 0;

	for (uint64_t a = addr, to; r == 0 && a < end; a = to) {
		struct vma *v = vma_at(mm->vmas, a);

		if (!v)
			return -ENOMEM;
		to = min_u64(end, v->end);
		if (!!(v->flags & VMA_LOCKED) == lock || (v->flags & VMA_SPECIAL))
			continue;
		r = vma_isolate(mm, a, to);
		if (r)
			break;
		v = vma_at(mm->vmas, a);
		mm_account(mm, v, true);
		v->flags ^= VMA_LOCKED;
		mm_account(mm, v, false);
	}
	return r;
}

int mm_mlock(struct mm *mm, uint64_t addr, uint64_t len, bool lock, bool unlimited)
{
	uint64_t start = page_down(addr), end = page_up(addr + len);
	struct vma *dead = NULL;
	int r = 0;

	if (addr + len < addr || end < start)
		return -EINVAL;
	if (end > TASK_SIZE)
		return -ENOMEM;
	mm_lock(mm);
	if (lock && !unlimited && mm->locked_vm + ((end - start) >> PAGE_SHIFT) >
			mm->rlimit_memlock >> PAGE_SHIFT)
		r = -ENOMEM;
	if (r == 0)
		r = lock_locked(mm, start, end, lock);
	vma_merge(mm, start, end, &dead);
	mm_unlock(mm);
	vma_free_list(dead);
	return r;
}

int mm_mlock_all(struct mm *mm, bool now, bool future, bool unlimited)
{
	struct vma *dead = NULL;
	int r = 0;

	mm_lock(mm);
	if (now && !unlimited && mm->total_vm > mm->rlimit_memlock >> PAGE_SHIFT)
		r = -ENOMEM;
	if (r == 0)
		priv(mm)->lock_future = future;
	for (struct vma *v = vma_find(mm->vmas, 0); r == 0 && v && (now || !future);
	     v = vma_next(mm->vmas, v))
		r = lock_locked(mm, v->start, v->end, now);
	vma_merge(mm, 0, TASK_SIZE, &dead);
	mm_unlock(mm);
	vma_free_list(dead);
	return r;
}

/* ---- files that shrank -------------------------------------------------------------------------- */

void mm_prune_shrunk_files(struct mm *mm)
{
	mm_lock(mm);
	for (struct vma *v = vma_find(mm->vmas, 0); v; v = vma_next(mm->vmas, v)) {
		uint64_t size = v->file ? page_up(vma_file_size(v)) : UINT64_MAX, start = v->start;

		if (!v->file || vma_offset_of(v, v->end) <= size)
			continue;
		if (size > v->offset)
			start += size - v->offset;
		/* Truncation takes private copies along, too (mmap(2)). */
		address_space_unmap(mm->as, start, v->end - start);
		pagedir_release(&priv(mm)->dir, mm->memory, start >> PAGE_SHIFT,
				v->end >> PAGE_SHIFT);
	}
	mm_unlock(mm);
}
