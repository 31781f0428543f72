/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The life of one VMA: making, cutting, joining, and the file windows it holds. */
#include "mm/internal.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "vfs/file.h"

struct vma *vma_new(uint64_t start, uint64_t end, unsigned prot, unsigned flags)
{
	struct vma *v = calloc(1, sizeof(*v));

	if (v) {
		v->start = start;
		v->end = end;
		v->prot = prot;
		v->flags = flags;
	}
	return v;
}

struct vma *vma_clone(const struct vma *v)
{
	struct vma *n = vma_new(v->start, v->end, v->prot, v->flags);

	if (!n)
		return NULL;
	n->offset = v->offset;
	n->name = v->name;
	if (v->file)
		n->file = file_get(v->file);
	if (v->object)
		n->object = object_get(v->object);
	return n;
}

void vma_free(struct vma *v)
{
	for (uint64_t i = 0; i < v->win_count; i++)
		if (v->windows[i])
			window_put(v->windows[i]);
	free(v->windows);
	if (v->object)
		object_put(v->object);
	if (v->file)
		file_put(v->file);
	free(v);
}

void vma_free_list(struct vma *dead)
{
	while (dead) {
		struct vma *next = dead->next_dead;

		vma_free(dead);
		dead = next;
	}
}

unsigned vma_access(const struct vma *v)
{
	unsigned access = 0;

	/* The hardware has no write-only and no execute-only pages. */
	if (v->prot & (PROT_READ | PROT_WRITE | PROT_EXEC))
		access = ACCESS_READ;
	if (v->prot & PROT_WRITE)
		access |= ACCESS_WRITE;
	if (v->prot & PROT_EXEC)
		access |= ACCESS_EXEC;
	return access;
}

bool vma_is_private_anon(const struct vma *v)
{
	return !v->file && !v->object;
}

/* ---- windows ------------------------------------------------------------------------------------ */

/* Makes room for window number idx in v's array. */
static int windows_cover(struct vma *v, uint64_t idx)
{
	uint64_t first = v->offset >> CHUNK_SHIFT;
	uint64_t last = (vma_offset_of(v, v->end) - 1) >> CHUNK_SHIFT;
	struct window **w;

	if (v->windows && idx >= v->win_first && idx < v->win_first + v->win_count)
		return 0;
	if (v->windows) {
		first = min_u64(first, v->win_first);
		last = max_u64(last, v->win_first + v->win_count - 1);
	}
	w = calloc(last - first + 1, sizeof(*w));
	if (!w)
		return -ENOMEM;
	for (uint64_t i = 0; i < v->win_count; i++)
		w[v->win_first + i - first] = v->windows[i];
	free(v->windows);
	v->windows = w;
	v->win_first = first;
	v->win_count = last - first + 1;
	return 0;
}

struct window *vma_window_held(const struct vma *v, uint64_t offset)
{
	uint64_t idx = offset >> CHUNK_SHIFT;

	if (!v->windows || idx < v->win_first || idx >= v->win_first + v->win_count)
		return NULL;
	return v->windows[idx - v->win_first];
}

int vma_window(struct mm *mm, struct vma *v, uint64_t offset, struct window **out)
{
	bool writable = (v->flags & VMA_SHARED) && (v->flags & VMA_MAYWRITE);
	uint64_t idx = offset >> CHUNK_SHIFT;
	int r;

	*out = vma_window_held(v, offset);
	if (*out)
		return 0;
	r = windows_cover(v, idx);
	if (r == 0)
		r = platform_window_get(mm->platform, v->file->fd, v->file->dev, v->file->ino,
					idx << CHUNK_SHIFT, writable, out);
	if (r == 0)
		v->windows[idx - v->win_first] = *out;
	return r;
}

int vma_share_windows(struct vma *dst, const struct vma *src)
{
	uint64_t first = dst->offset >> CHUNK_SHIFT;
	uint64_t last = (vma_offset_of(dst, dst->end) - 1) >> CHUNK_SHIFT;

	for (uint64_t i = 0; i < src->win_count; i++) {
		uint64_t idx = src->win_first + i;

		if (!src->windows[i] || idx < first || idx > last)
			continue;
		if (windows_cover(dst, idx) != 0)
			return -ENOMEM;
		if (dst->windows[idx - dst->win_first])
			continue;
		window_ref(src->windows[i]);
		dst->windows[idx - dst->win_first] = src->windows[i];
	}
	return 0;
}

/* Lets go of windows that v's range does not touch any more. */
static void windows_trim(struct vma *v)
{
	uint64_t first = v->offset >> CHUNK_SHIFT;
	uint64_t last = (vma_offset_of(v, v->end) - 1) >> CHUNK_SHIFT;

	for (uint64_t i = 0; i < v->win_count; i++) {
		uint64_t idx = v->win_first + i;

		if (v->windows[i] && (idx < first || idx > last)) {
			window_put(v->windows[i]);
			v->windows[i] = NULL;
		}
	}
}

/* ---- cutting and joining ------------------------------------------------------------------------ */

int vma_split(struct mm *mm, struct vma *v, uint64_t addr)
{
	struct vma_tree *t = mm->vmas;
	struct vma *upper;

	if (t->count >= VMA_COUNT_MAX)
		return -ENOMEM;
	upper = vma_clone(v);
	if (!upper)
		return -ENOMEM;
	upper->start = addr;
	if (v->file || v->object)
		upper->offset = vma_offset_of(v, addr);
	if (vma_share_windows(upper, v) != 0) {
		vma_free(upper);
		return -ENOMEM;
	}
	upper->flags &= ~(unsigned)VMA_GROWSDOWN;
	v->end = addr;
	windows_trim(v);
	vma_touch(t, v);
	vma_insert(t, upper);
	return 0;
}

int vma_isolate(struct mm *mm, uint64_t start, uint64_t end)
{
	struct vma *v = vma_at(mm->vmas, start);
	int r = 0;

	if (v && v->start < start)
		r = vma_split(mm, v, start);
	v = vma_at(mm->vmas, end);
	if (r == 0 && v && v->start < end)
		r = vma_split(mm, v, end);
	return r;
}

static bool can_join(const struct vma *a, const struct vma *b)
{
	if (a->end != b->start || a->prot != b->prot || a->flags != b->flags ||
	    a->file != b->file || a->object != b->object || a->name != b->name)
		return false;
	if (a->flags & (VMA_GROWSDOWN | VMA_SPECIAL))
		return false;
	return vma_is_private_anon(a) || vma_offset_of(a, a->end) == b->offset;
}

void vma_merge(struct mm *mm, uint64_t start, uint64_t end, struct vma **dead)
{
	struct vma_tree *t = mm->vmas;
	struct vma *a = vma_before(t, start), *b;

	if (!a)
		a = vma_find(t, start);
	while (a && a->start <= end && (b = vma_next(t, a))) {
		uint64_t a_end = a->end;

		if (!can_join(a, b)) {
			a = b;
			continue;
		}
		a->end = b->end;
		if (vma_share_windows(a, b) != 0) {
			a->end = a_end;
			return;
		}
		vma_remove(t, b);
		vma_touch(t, a);
		b->next_dead = *dead;
		*dead = b;
	}
}
