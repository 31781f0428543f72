/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Host access to guest memory: copies, pins, atomics.
 *
 * Copies go through the frames and windows themselves, never through guest mappings, with the page
 * mutex held for frames: a copy-on-write break by another thread must not give the frame away under
 * the copy. The platform's AddressSpaceIO would do small ones 40 to 80 ns sooner and page-sized ones
 * as fast, where a system call takes 3 to 20 us in all: not worth a second way.
 */
#include "mm/mm.h"

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/mman.h>

#include "base/list.h"
#include "base/safecopy.h"
#include "mm/gate.h"
#include "mm/internal.h"
#include "vfs/file.h"

static struct mm *mm_of(struct user_memory *u)
{
	return container_of(u, struct mm, user);
}

/* page_for_host(), and if nothing is there, whether a stack can grow to it. The lock is shared. */
static int find_page(struct mm *mm, uint64_t addr, unsigned access, unsigned how,
		     struct host_page *p)
{
	bool again = true;
	int r = -ENOMEM;

	while (r == -ENOMEM && again) {
		pthread_mutex_lock(&priv(mm)->pages);
		r = page_for_host(mm, addr, access, how, p);
		if (r == 0)
			return 0; /* with the mutex */
		pthread_mutex_unlock(&priv(mm)->pages);
		if (r != -ENOMEM)
			break;
		mm_unlock(mm);
		again = memory_gate_wait();
		mm_lock_shared(mm);
	}
	if (r != -EFAULT || addr >= TASK_SIZE || vma_at(mm->vmas, addr))
		return -EFAULT;
	mm_unlock(mm);
	mm_grow_stack(mm, addr);
	mm_lock_shared(mm);
	pthread_mutex_lock(&priv(mm)->pages);
	r = page_for_host(mm, addr, access, how, p);
	if (r != 0)
		pthread_mutex_unlock(&priv(mm)->pages);
	return r == 0 ? 0 : -EFAULT;
}

/* Copies n bytes within one page; buf is read if write, else written. 0 or -EFAULT. */
static int copy_page(struct mm *mm, uint64_t addr, void *buf, size_t n, bool write, unsigned how)
{
	struct host_page p;
	char *at;
	size_t left;

	if (find_page(mm, addr, write ? ACCESS_WRITE : ACCESS_READ, how, &p) != 0)
		return -EFAULT;
	at = (char *)p.ptr + addr % PAGE_SIZE;
	left = write ? safe_copy(at, buf, n) : safe_copy(buf, at, n);
	pthread_mutex_unlock(&priv(mm)->pages);
	return left ? -EFAULT : 0;
}

/* Bytes copied before the first that could not be. */
static size_t copy(struct mm *mm, uint64_t addr, void *buf, size_t n, bool write, unsigned how)
{
	size_t done = 0;

	if (addr >= TASK_SIZE || n > TASK_SIZE - addr)
		return 0;
	mm_lock_shared(mm);
	while (done < n) {
		size_t part = min_u64(n - done, PAGE_SIZE - (addr + done) % PAGE_SIZE);

		if (copy_page(mm, addr + done, (char *)buf + done, part, write, how) != 0)
			break;
		done += part;
	}
	mm_unlock(mm);
	return done;
}

int mm_copy_in(struct mm *mm, void *dst, uint64_t src, size_t n)
{
	return copy(mm, src, dst, n, false, 0) == n ? 0 : -EFAULT;
}

int mm_copy_out(struct mm *mm, uint64_t dst, const void *src, size_t n)
{
	return copy(mm, dst, (void *)src, n, true, 0) == n ? 0 : -EFAULT;
}

ssize_t mm_access_force(struct mm *mm, uint64_t addr, void *buf, size_t n, bool write)
{
	size_t done = copy(mm, addr, buf, n, write, PAGE_FORCE);

	return done || n == 0 ? (ssize_t)done : -EIO;
}

static int user_copy_in(struct user_memory *u, void *dst, uint64_t src, size_t n)
{
	return mm_copy_in(mm_of(u), dst, src, n);
}

static int user_copy_out(struct user_memory *u, uint64_t dst, const void *src, size_t n)
{
	return mm_copy_out(mm_of(u), dst, src, n);
}

static ssize_t user_copy_in_str(struct user_memory *u, char *dst, uint64_t src, size_t max)
{
	struct mm *mm = mm_of(u);
	ssize_t r = -ENAMETOOLONG;

	mm_lock_shared(mm);
	for (size_t done = 0, part; r == -ENAMETOOLONG && done < max; done += part) {
		const char *nul;

		part = min_u64(max - done, PAGE_SIZE - (src + done) % PAGE_SIZE);
		if (src + done >= TASK_SIZE ||
		    copy_page(mm, src + done, dst + done, part, false, 0) != 0)
			r = -EFAULT;
		else if ((nul = memchr(dst + done, 0, part)))
			r = nul - dst;
	}
	mm_unlock(mm);
	return r;
}

/* ---- pins --------------------------------------------------------------------------------------- */

/* The host vector being built. */
struct pinning {
	struct iovec *host;
	int n, max;
	struct host_page last; /* what the last entry's last page is */
};

/*
 * Adds a piece inside one page to the vector, pinned. Pieces join only at page boundaries, so that
 * each entry covers each of its pages once, and only inside one window, which is counted once an
 * entry. False: the vector is full.
 */
static bool pin_piece(struct mm *mm, struct pinning *s, const struct host_page *p, size_t in_page,
		      size_t n)
{
	struct iovec *prev = s->n ? &s->host[s->n - 1] : NULL;
	char *at = (char *)p->ptr + in_page;
	bool join = prev && in_page == 0 && (char *)prev->iov_base + prev->iov_len == at &&
		    p->window == s->last.window && !p->frame == !s->last.frame;

	if (!join && s->n == s->max)
		return false;
	if (p->frame)
		memory_pin(mm->memory, p->frame, 1);
	else if (!join)
		window_ref(p->window);
	if (join)
		prev->iov_len += n;
	else
		s->host[s->n++] = (struct iovec){at, n};
	s->last = *p;
	return true;
}

/* Pins one guest buffer as far as it goes; true: all of it. */
static bool pin_buffer(struct mm *mm, struct pinning *s, uint64_t addr, size_t len, bool write,
		       size_t *bytes)
{
	while (len) {
		size_t n = min_u64(len, PAGE_SIZE - addr % PAGE_SIZE);
		struct host_page p;
		bool ok;

		if (addr >= TASK_SIZE || find_page(mm, addr, write ? ACCESS_WRITE : ACCESS_READ,
						   PAGE_OWN, &p) != 0)
			return false;
		ok = (p.frame || vma_at(mm->vmas, addr)->file) &&
		     pin_piece(mm, s, &p, addr % PAGE_SIZE, n);
		pthread_mutex_unlock(&priv(mm)->pages);
		if (!ok)
			return false;
		addr += n;
		len -= n;
		*bytes += n;
	}
	return true;
}

static int user_pin_ops(struct user_memory *u, const struct iovec *guest, int n, bool write,
			struct iovec *host, int max, size_t *bytes)
{
	struct pinning s = {host, 0, max, {NULL, 0, NULL}};
	struct mm *mm = mm_of(u);
	bool empty = true;

	*bytes = 0;
	mm_lock_shared(mm);
	for (int i = 0; i < n; i++) {
		empty &= guest[i].iov_len == 0;
		if (!pin_buffer(mm, &s, (uint64_t)guest[i].iov_base, guest[i].iov_len, write,
				bytes))
			break;
	}
	mm_unlock(mm);
	return s.n || empty ? s.n : -EFAULT;
}

static void user_unpin_ops(struct user_memory *u, const struct iovec *host, int n)
{
	struct mm *mm = mm_of(u);

	for (int i = 0; i < n; i++) {
		uintptr_t a = (uintptr_t)host[i].iov_base;
		frame_t f = memory_frame_of(mm->memory, host[i].iov_base);

		if (f)
			memory_unpin(mm->memory, f,
				     (a % PAGE_SIZE + host[i].iov_len + PAGE_SIZE - 1) >>
					 PAGE_SHIFT);
		else
			window_put(platform_window_of(mm->platform, host[i].iov_base));
	}
}

const struct user_memory_ops mm_user_memory_ops = {
    .copy_in = user_copy_in,
    .copy_out = user_copy_out,
    .copy_in_str = user_copy_in_str,
    .pin = user_pin_ops,
    .unpin = user_unpin_ops,
};

/* ---- words -------------------------------------------------------------------------------------- */

int mm_load_u32(struct mm *mm, uint64_t addr, uint32_t *value)
{
	struct host_page p;
	int r;

	if (addr % 4)
		return -EINVAL;
	mm_lock_shared(mm);
	r = find_page(mm, addr, ACCESS_READ, 0, &p);
	if (r == 0) {
		r = safe_load_u32((uint32_t *)((char *)p.ptr + addr % PAGE_SIZE), value);
		pthread_mutex_unlock(&priv(mm)->pages);
	}
	mm_unlock(mm);
	return r;
}

int mm_cas_u32(struct mm *mm, uint64_t addr, uint32_t expected, uint32_t value, uint32_t *old)
{
	struct host_page p;
	int r;

	if (addr % 4)
		return -EINVAL;
	mm_lock_shared(mm);
	r = find_page(mm, addr, ACCESS_WRITE, 0, &p);
	if (r == 0) {
		r = safe_cas_u32((uint32_t *)((char *)p.ptr + addr % PAGE_SIZE), expected, value,
				 old);
		pthread_mutex_unlock(&priv(mm)->pages);
	}
	mm_unlock(mm);
	return r;
}

int mm_futex_key(struct mm *mm, uint64_t addr, bool shared, struct futex_key *key)
{
	const struct vma *v;
	int r = 0;

	if (addr % 4)
		return -EINVAL;
	if (addr >= TASK_SIZE)
		return -EFAULT;
	*key = (struct futex_key){(uintptr_t)mm, 0, addr};
	if (!shared)
		return 0;
	mm_lock_shared(mm);
	v = vma_at(mm->vmas, addr);
	if (!v || !vma_access(v)) {
		r = -EFAULT;
	} else if (!(v->flags & VMA_SHARED)) {
		key->inode = 1; /* not the same as the private futex at this address (futex(2)) */
	} else if (v->object) {
		*key = (struct futex_key){(uintptr_t)v->object, 0, vma_offset_of(v, addr)};
	} else {
		/* Device numbers are far below any address of an object in this process. */
		*key = (struct futex_key){(uintptr_t)v->file->dev, v->file->ino,
					  vma_offset_of(v, addr)};
	}
	mm_unlock(mm);
	return r;
}
