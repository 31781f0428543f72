/* SPDX-License-Identifier: GPL-2.0-or-later */
/*T:510 Or with a page fault
 * Page faults.
 *
 * An exit to husk costs ten times what copying a page does, so every fault does more than it is
 * asked: anonymous memory is given out for the whole 2 MiB chunk (frames only: host pages come when
 * they are touched), file windows are mapped as far as the chunk goes, and copy-on-write takes
 * neighbours along.
 */
#include "mm/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "base/safecopy.h"
#include "mm/gate.h"
#include "vfs/file.h"

#define NEIGHBOURS 8 /* pages, an aligned block: what copy-on-write looks at around the fault */

struct range {
	uint64_t start, end;
};

/* What of v lies in the same chunk as addr. */
static struct range chunk_part(const struct vma *v, uint64_t addr)
{
	uint64_t base = addr & ~(CHUNK_SIZE - 1);

	return (struct range){max_u64(base, v->start), min_u64(base + CHUNK_SIZE, v->end)};
}

static unsigned index_in_chunk(uint64_t addr)
{
	return (addr % CHUNK_SIZE) >> PAGE_SHIFT;
}

/*
 * What of v lies in the same chunk of addresses and in the same 2 MiB piece of its file or object
 * as addr: the most that one fault maps from there.
 */
static struct range piece_part(const struct vma *v, uint64_t addr)
{
	struct range r = chunk_part(v, addr);
	uint64_t before = vma_offset_of(v, addr) % CHUNK_SIZE;

	if (addr - r.start > before)
		r.start = addr - before;
	r.end = min_u64(r.end, addr - before + CHUNK_SIZE);
	return r;
}

uint64_t vma_file_size(const struct vma *v)
{
	struct stat st;

	return fstat(v->file->fd, &st) == 0 && st.st_size > 0 ? (uint64_t)st.st_size : 0;
}

static enum fault_result fault_of(int err)
{
	return err == 0 ? FAULT_DONE : err == -ENOMEM ? FAULT_OOM : FAULT_BUS_ADRERR;
}

/* ---- files and shared objects ------------------------------------------------------------------- */

/* Maps the file's pages around addr, as far as there are any and private pages do not hide them. */
static enum fault_result fault_window(struct mm *mm, struct vma *v, uint64_t addr, unsigned rights)
{
	struct range r = piece_part(v, addr);
	uint64_t size = page_up(vma_file_size(v)), offset = vma_offset_of(v, addr);
	const struct chunk *c = NULL;
	struct window *w;
	int err;

	if (offset >= size)
		return FAULT_BUS_ADRERR;
	err = vma_window(mm, v, offset, &w);
	if (err)
		return fault_of(err);
	if (vma_offset_of(v, r.end) > size)
		r.end -= vma_offset_of(v, r.end) - size;
	if (!(v->flags & VMA_SHARED))
		c = pagedir_get(&priv(mm)->dir, addr >> CHUNK_SHIFT);
	for (uint64_t a = r.start, n; a < r.end; a += n) {
		n = PAGE_SIZE;
		if (c && c->frame[index_in_chunk(a)])
			continue;
		while (a + n < r.end && !(c && c->frame[index_in_chunk(a + n)]))
			n += PAGE_SIZE;
		err = address_space_map_window(mm->as, a, w, index_in_chunk(vma_offset_of(v, a)),
					       n >> PAGE_SHIFT, rights);
		if (err)
			return fault_of(err);
	}
	return FAULT_DONE;
}

static enum fault_result fault_object(struct mm *mm, struct vma *v, uint64_t addr)
{
	struct range r = piece_part(v, addr);
	struct object *o = v->object;
	int err;

	if (o->window)
		return fault_of(address_space_map_window(
		    mm->as, r.start, o->window, index_in_chunk(vma_offset_of(v, r.start)),
		    (r.end - r.start) >> PAGE_SHIFT, vma_access(v)));
	err = object_fill(o, vma_offset_of(v, r.start), vma_offset_of(v, r.end),
			  vma_offset_of(v, addr));
	for (uint64_t a = r.start, n; err == 0 && a < r.end; a += n) {
		frame_t f = object_frame(o, vma_offset_of(v, a));

		n = PAGE_SIZE;
		if (!f)
			continue;
		while (a + n < r.end &&
		       object_frame(o, vma_offset_of(v, a + n)) == f + (n >> PAGE_SHIFT))
			n += PAGE_SIZE;
		err = address_space_map(mm->as, a, f, n >> PAGE_SHIFT, vma_access(v), false);
	}
	return fault_of(err);
}

/* ---- private pages ------------------------------------------------------------------------------ */

void page_map_private(struct mm *mm, struct vma *v, const struct chunk *c, uint64_t addr)
{
	struct range r = chunk_part(v, addr);
	unsigned rights = vma_access(v), end = index_in_chunk(r.end - 1) + 1;
	uint64_t base = addr & ~(CHUNK_SIZE - 1);

	if (!rights)
		return;
	for (unsigned i = index_in_chunk(r.start), n; i < end; i += n) {
		frame_t f = c->frame[i];
		bool alone;

		n = 1;
		if (!f)
			continue;
		alone = !(rights & ACCESS_WRITE) || memory_refs(mm->memory, f) == 1;
		while (i + n < end && c->frame[i + n] == f + n &&
		       (!(rights & ACCESS_WRITE) ||
			(memory_refs(mm->memory, f + n) == 1) == alone))
			n++;
		/* It is a cache: what does not get in faults again. */
		address_space_map(mm->as, base + ((uint64_t)i << PAGE_SHIFT), f, n,
				  alone ? rights : rights & ~(unsigned)ACCESS_WRITE, false);
	}
}

/* Gives the empty pages [from, to) of c new frames; if that is too much, at least page `need`. */
static int fill_anonymous(struct mm *mm, struct chunk *c, unsigned from, unsigned to, unsigned need)
{
	frame_t f;

	for (unsigned i = from, n; i < to; i += n) {
		n = 1;
		if (c->frame[i])
			continue;
		while (i + n < to && !c->frame[i + n])
			n++;
		if (frames_alloc(mm->memory, n, MEMORY_ANONYMOUS, FRAMES_LAZY, &f) != 0)
			break;
		for (unsigned k = 0; k < n; k++)
			chunk_set(c, i + k, f + k);
	}
	if (c->frame[need])
		return 0;
	if (frames_alloc(mm->memory, 1, MEMORY_ANONYMOUS, FRAMES_LAZY, &f) != 0)
		return -ENOMEM;
	chunk_set(c, need, f);
	return 0;
}

/* Can page i of c, which lies in v's part, join a copy of file pages: not private yet, in the file? */
static bool copies_from_file(const struct vma *v, const struct chunk *c, uint64_t addr, uint64_t size)
{
	return !c->frame[index_in_chunk(addr)] && vma_offset_of(v, addr) < size;
}

/*
 * The first write to a page of a private file mapping: copies it, and what is like it in its block
 * (programs write to .data in several places). Not so if the file was opened for writing: then its
 * user may rely on seeing changes in pages it has not written to.
 */
static int copy_file_pages(struct mm *mm, struct vma *v, struct chunk *c, uint64_t addr)
{
	struct range r = piece_part(v, addr);
	uint64_t block = addr & ~(NEIGHBOURS * PAGE_SIZE - 1), size = vma_file_size(v);
	uint64_t lo = addr, hi = addr + PAGE_SIZE;
	struct window *w;
	unsigned n;
	frame_t f;
	int err;

	if (vma_offset_of(v, addr) >= size)
		return -ENXIO;
	err = vma_window(mm, v, vma_offset_of(v, addr), &w);
	if (err)
		return err;
	r.start = max_u64(r.start, block);
	r.end = min_u64(r.end, block + NEIGHBOURS * PAGE_SIZE);
	if ((v->file->flags & O_ACCMODE) != O_RDONLY)
		r = (struct range){lo, hi};
	while (lo > r.start && copies_from_file(v, c, lo - PAGE_SIZE, size))
		lo -= PAGE_SIZE;
	while (hi < r.end && copies_from_file(v, c, hi, size))
		hi += PAGE_SIZE;
	for (;;) {
		const char *src = (char *)window_ptr(w) + vma_offset_of(v, lo) % CHUNK_SIZE;

		n = (hi - lo) >> PAGE_SHIFT;
		err = frames_alloc_filled(mm->memory, n, MEMORY_PAGE_CACHE, src, hi - lo, &f);
		if (err == 0)
			break;
		/* Not with neighbours (the file shrinks, memory is short): the page alone. */
		if (n == 1)
			return err == -EFAULT ? -ENXIO : err;
		lo = addr;
		hi = addr + PAGE_SIZE;
	}
	for (unsigned k = 0; k < n; k++) {
		chunk_set(c, index_in_chunk(lo) + k, f + k);
		chunk_set_touched(c, index_in_chunk(lo) + k, true);
	}
	/* Replaces the window's pages, if they were mapped: other threads must not read on there. */
	address_space_map(mm->as, lo, f, n, vma_access(v), false);
	return 0;
}

/* May page i be copied along with a neighbour? Fork shares only pages that were touched. */
static bool copies_along(struct mm *mm, const struct chunk *c, unsigned i)
{
	return c->frame[i] && memory_refs(mm->memory, c->frame[i]) > 1;
}

/* Copies frames [i, i+n) of c to new ones. The old ones are in old[], still referenced. */
static int copy_frames(struct mm *mm, struct chunk *c, unsigned i, unsigned n, frame_t *old)
{
	frame_t f;
	int err = frames_alloc(mm->memory, n, MEMORY_ANONYMOUS, FRAMES_FILLED, &f);

	for (unsigned k = 0; err == 0 && k < n; k++) {
		old[k] = c->frame[i + k];
		if (safe_copy(memory_ptr(mm->memory, f + k), memory_ptr(mm->memory, old[k]),
			      PAGE_SIZE) != 0) {
			memory_unref(mm->memory, f, n);
			return -ENOMEM;
		}
	}
	for (unsigned k = 0; err == 0 && k < n; k++) {
		chunk_set(c, i + k, f + k);
		chunk_set_touched(c, i + k, true);
	}
	return err;
}

/* Page addr is shared by fork with another mm: makes it, and neighbours like it, our own. */
static int break_cow(struct mm *mm, struct vma *v, struct chunk *c, uint64_t addr)
{
	struct range r = chunk_part(v, addr);
	unsigned i = index_in_chunk(addr), lo = i, hi = i + 1, block = i & ~(NEIGHBOURS - 1U);
	unsigned first = index_in_chunk(r.start), end = index_in_chunk(r.end - 1) + 1;
	uint64_t base = addr & ~(CHUNK_SIZE - 1);
	frame_t old[NEIGHBOURS];
	int err;

	while (lo > first && lo > block && copies_along(mm, c, lo - 1))
		lo--;
	while (hi < end && hi < block + NEIGHBOURS && copies_along(mm, c, hi))
		hi++;
	err = copy_frames(mm, c, lo, hi - lo, old);
	if (err && hi - lo > 1) {
		lo = i;
		hi = i + 1;
		err = copy_frames(mm, c, lo, 1, old);
	}
	if (err)
		return err;
	if (address_space_map(mm->as, base + ((uint64_t)lo << PAGE_SHIFT), c->frame[lo], hi - lo,
			      vma_access(v), false) != 0)
		address_space_unmap(mm->as, base + ((uint64_t)lo << PAGE_SHIFT),
				    (uint64_t)(hi - lo) << PAGE_SHIFT);
	for (unsigned k = 0; k < hi - lo; k++)
		memory_unref(mm->memory, old[k], 1);
	return 0;
}

/*
 * Makes the private page at addr exist, and with own, be nobody else's. A page that is there and
 * alone already is only mapped (again): the AddressSpace forgot it, or the last sharer went away.
 */
static int make_private(struct mm *mm, struct vma *v, uint64_t addr, bool own)
{
	struct chunk *c = pagedir_make(&priv(mm)->dir, addr >> CHUNK_SHIFT);
	struct range r = chunk_part(v, addr);
	unsigned i = index_in_chunk(addr);
	int err = 0;

	if (!c)
		return -ENOMEM;
	if (!c->frame[i] && v->file)
		err = copy_file_pages(mm, v, c, addr);
	else if (!c->frame[i])
		err = fill_anonymous(mm, c, index_in_chunk(r.start),
				     index_in_chunk(r.end - 1) + 1, i);
	else if (own && memory_refs(mm->memory, c->frame[i]) > 1)
		err = break_cow(mm, v, c, addr);
	if (err == 0)
		page_map_private(mm, v, c, addr);
	return err;
}

static frame_t private_frame(struct mm *mm, uint64_t addr)
{
	const struct chunk *c = pagedir_get(&priv(mm)->dir, addr >> CHUNK_SHIFT);

	return c ? c->frame[index_in_chunk(addr)] : 0;
}

enum fault_result page_fault(struct mm *mm, struct vma *v, uint64_t addr, unsigned access)
{
	bool write = access & ACCESS_WRITE;

	addr = page_down(addr);
	if (v->object)
		return fault_object(mm, v, addr);
	if (v->file && (v->flags & VMA_SHARED))
		return fault_window(mm, v, addr, vma_access(v));
	if (v->file && !write && !private_frame(mm, addr))
		return fault_window(mm, v, addr, vma_access(v) & ~(unsigned)ACCESS_WRITE);
	return fault_of(make_private(mm, v, addr, write));
}

void page_premap(struct mm *mm, struct vma *v, unsigned *budget)
{
	uint64_t index = v->start >> CHUNK_SHIFT, start, end;
	const struct chunk *c;

	for (; *budget && (c = pagedir_next(&priv(mm)->dir, &index)) &&
	       index << CHUNK_SHIFT < v->end;
	     index++, --*budget)
		page_map_private(mm, v, c, max_u64(v->start, index << CHUNK_SHIFT));
	for (uint64_t i = 0; *budget && vma_access(v) && i < v->win_count; i++) {
		if (!v->windows[i])
			continue;
		start = max_u64((v->win_first + i) << CHUNK_SHIFT, v->offset);
		end = min_u64((v->win_first + i + 1) << CHUNK_SHIFT, vma_offset_of(v, v->end));
		start = v->start + (start - v->offset);
		end = v->start + (end - v->offset);
		for (; *budget && start < end;
		     start = (start & ~(CHUNK_SIZE - 1)) + CHUNK_SIZE, --*budget)
			fault_window(mm, v, start,
				     v->flags & VMA_SHARED
					 ? vma_access(v)
					 : vma_access(v) & ~(unsigned)ACCESS_WRITE);
	}
}

/*
 * What a program maps in small pieces it uses at once: heap, thread data, the segments of programs
 * and libraries. A fault costs more than mapping hundreds of pages.
 *
 * But the dynamic linker maps a library as a whole first, and its segments over that: large file
 * mappings are left alone until they are final, since taking entries away is not cheap.
 */
#define EAGER_PAGES 64	     /* anonymous memory */
#define EAGER_COPY_PAGES 16  /* writable segments: relocation writes to most of them */
#define EAGER_FILE_PAGES 32  /* file mappings that are not final */
#define EAGER_WINDOW_PIECES 4

static void map_new_file(struct mm *mm, struct vma *v, uint64_t start, uint64_t end, bool final)
{
	uint64_t pages = (end - start) >> PAGE_SHIFT, next;
	bool shared = v->flags & VMA_SHARED;

	if (!shared && (v->prot & PROT_WRITE)) {
		if (!final || pages > EAGER_COPY_PAGES ||
		    (v->file->flags & O_ACCMODE) != O_RDONLY)
			return;
		for (; start < end; start = next) {
			next = (start & ~(NEIGHBOURS * PAGE_SIZE - 1)) + NEIGHBOURS * PAGE_SIZE;
			if (make_private(mm, v, start, true) != 0)
				return;
		}
		return;
	}
	if (!final && pages > EAGER_FILE_PAGES)
		return;
	for (int i = 0; i < EAGER_WINDOW_PIECES && start < end; i++) {
		next = piece_part(v, start).end;
		if (fault_window(mm, v, start, vma_access(v)) != FAULT_DONE)
			return;
		start = next;
	}
}

void page_map_new(struct mm *mm, uint64_t start, uint64_t end, bool final)
{
	struct vma *v = vma_at(mm->vmas, start);

	if (!v || !vma_access(v) || v->end < end)
		return;
	if (v->file) {
		map_new_file(mm, v, start, end, final);
	} else if (v->object) {
		if (v->flags & VMA_SPECIAL)
			fault_object(mm, v, start);
	} else if ((v->prot & PROT_WRITE) && end - start <= EAGER_PAGES * PAGE_SIZE) {
		for (; start < end; start = (start & ~(CHUNK_SIZE - 1)) + CHUNK_SIZE)
			if (make_private(mm, v, start, false) != 0)
				return;
	}
}

/* ---- the entry points --------------------------------------------------------------------------- */

bool mm_grow_stack(struct mm *mm, uint64_t addr)
{
	uint64_t limit = max_u64(mm->rlimit_stack, 32 * PAGE_SIZE), start = page_down(addr), step;
	const struct vma *below;
	struct vma *v;
	bool ok = false;

	mm_lock(mm);
	v = vma_find(mm->vmas, addr);
	if (v && v->start <= addr) {
		ok = true; /* another thread was here first */
	} else if (v && (v->flags & VMA_GROWSDOWN) && v->end - start <= limit &&
		   start >= MMAP_MIN_ADDR) {
		/* 128 KiB at a time, where limit and neighbours allow. */
		step = start & ~(32 * PAGE_SIZE - 1);
		if (step >= MMAP_MIN_ADDR && v->end - step <= limit)
			start = step;
		below = vma_before(mm->vmas, v->start);
		if (below && below->prot != PROT_NONE && !(below->flags & VMA_GROWSDOWN) &&
		    page_down(addr) < below->end + STACK_GUARD_GAP)
			start = v->start;
		else if (below && start < below->end + STACK_GUARD_GAP)
			start = page_down(addr);
		if (start < v->start && !(below && start < below->end) &&
		    mm_may_expand(mm, (v->start - start) >> PAGE_SHIFT, v->prot, v->flags)) {
			mm_account(mm, v, true);
			v->start = start;
			vma_touch(mm->vmas, v);
			mm_account(mm, v, false);
			ok = true;
		}
	}
	mm_unlock(mm);
	return ok;
}

enum fault_result mm_fault(struct mm *mm, uint64_t addr, unsigned access)
{
	enum fault_result result;
	struct vma *v;

	if (addr >= TASK_SIZE)
		return FAULT_SEGV_MAPERR;
	mm_lock_shared(mm);
	v = vma_at(mm->vmas, addr);
	if (!v) {
		mm_unlock(mm);
		if (!mm_grow_stack(mm, addr))
			return FAULT_SEGV_MAPERR;
		mm_lock_shared(mm);
		v = vma_at(mm->vmas, addr);
	}
	if (!v) {
		result = FAULT_SEGV_MAPERR;
	} else if ((vma_access(v) & access) != access) {
		result = FAULT_SEGV_ACCERR;
	} else {
		pthread_mutex_lock(&priv(mm)->pages);
		result = page_fault(mm, v, addr, access);
		pthread_mutex_unlock(&priv(mm)->pages);
	}
	mm_unlock(mm);
	return result;
}

/* Where an object's page is: makes it exist. */
static int object_for_host(struct mm *mm, struct vma *v, uint64_t addr, struct host_page *out)
{
	struct object *o = v->object;
	uint64_t offset = vma_offset_of(v, addr);

	if (o->window) {
		out->window = o->window;
		out->ptr = (char *)window_ptr(o->window) + offset;
		return 0;
	}
	out->frame = object_frame(o, offset);
	if (!out->frame) {
		struct range r = piece_part(v, addr);
		int err = object_fill(o, vma_offset_of(v, r.start), vma_offset_of(v, r.end),
				      offset);

		if (err)
			return err;
		out->frame = object_frame(o, offset);
	}
	out->ptr = memory_ptr(mm->memory, out->frame);
	return 0;
}

int page_for_host(struct mm *mm, uint64_t addr, unsigned access, unsigned how, struct host_page *out)
{
	struct vma *v = addr < TASK_SIZE ? vma_at(mm->vmas, addr) : NULL;
	bool own = (access & ACCESS_WRITE) || (how & PAGE_OWN);
	int err;

	*out = (struct host_page){NULL, 0, NULL};
	addr = page_down(addr);
	if (!v)
		return -EFAULT;
	if ((vma_access(v) & access) != access &&
	    (!(how & PAGE_FORCE) || (v->flags & VMA_SPECIAL) ||
	     ((access & ACCESS_WRITE) && (v->flags & VMA_SHARED))))
		return -EFAULT;
	if (v->object)
		return object_for_host(mm, v, addr, out);
	if (!(v->flags & VMA_SHARED)) {
		out->frame = private_frame(mm, addr);
		if ((!out->frame && (!v->file || (access & ACCESS_WRITE))) ||
		    (out->frame && own && memory_refs(mm->memory, out->frame) > 1)) {
			err = make_private(mm, v, addr, own);
			if (err)
				return err == -ENOMEM ? err : -EFAULT;
			out->frame = private_frame(mm, addr);
		}
	}
	if (out->frame) {
		out->ptr = memory_ptr(mm->memory, out->frame);
		return 0;
	}
	err = vma_window(mm, v, vma_offset_of(v, addr), &out->window);
	if (err)
		return err == -ENOMEM ? err : -EFAULT;
	out->ptr = (char *)window_ptr(out->window) + vma_offset_of(v, addr) % CHUNK_SIZE;
	return 0;
}
