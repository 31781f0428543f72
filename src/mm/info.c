/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What /proc shows of an address space. */
#include "mm/mm.h"

#include <sys/mman.h>

#include "mm/internal.h"
#include "vfs/file.h"

/* Bytes of v's private pages that have host memory; *shared: those that another mm has, too. */
static uint64_t private_resident(struct mm *mm, const struct vma *v, uint64_t *shared)
{
	uint64_t index = v->start >> CHUNK_SHIFT, sum = 0;
	uint8_t used[CHUNK_PAGES];
	const struct chunk *c;

	for (; (c = pagedir_next(&priv(mm)->dir, &index)) && index << CHUNK_SHIFT < v->end; index++) {
		uint64_t base = index << CHUNK_SHIFT;
		unsigned i = (max_u64(v->start, base) - base) >> PAGE_SHIFT;
		unsigned end = min_u64(v->end - base, CHUNK_SIZE) >> PAGE_SHIFT;

		for (unsigned n; i < end; i += n) {
			n = 1;
			if (!c->frame[i])
				continue;
			while (i + n < end && c->frame[i + n] == c->frame[i] + n)
				n++;
			if (memory_committed(mm->memory, c->frame[i], n, used) != 0)
				continue;
			for (unsigned k = 0; k < n; k++) {
				if (!used[k])
					continue;
				sum += PAGE_SIZE;
				if (memory_refs(mm->memory, c->frame[i + k]) > 1)
					*shared += PAGE_SIZE;
			}
		}
	}
	return sum;
}

/* Bytes of v that held windows cover: pages of the file count as resident once one was used. */
static uint64_t window_resident(const struct vma *v)
{
	uint64_t sum = 0, end = min_u64(vma_offset_of(v, v->end), page_up(vma_file_size(v)));

	for (uint64_t i = 0; i < v->win_count; i++) {
		uint64_t lo = max_u64((v->win_first + i) << CHUNK_SHIFT, v->offset);
		uint64_t hi = min_u64((v->win_first + i + 1) << CHUNK_SHIFT, end);

		if (v->windows[i] && hi > lo)
			sum += hi - lo;
	}
	return sum;
}

static uint64_t object_resident(const struct vma *v)
{
	uint64_t sum = 0, index = v->offset >> CHUNK_SHIFT;
	struct object *o = v->object;
	const struct chunk *c;

	if (o->window)
		return v->end - v->start;
	pthread_mutex_lock(&o->lock);
	for (; (c = pagedir_next(&o->pages, &index)) &&
	       index << CHUNK_SHIFT < vma_offset_of(v, v->end); index++)
		for (unsigned i = 0; i < CHUNK_PAGES; i++) {
			uint8_t used = 0;

			if (c->frame[i] && memory_committed(o->memory, c->frame[i], 1, &used) == 0)
				sum += used ? PAGE_SIZE : 0;
		}
	pthread_mutex_unlock(&o->lock);
	return min_u64(sum, v->end - v->start);
}

static void describe(struct mm *mm, const struct vma *v, struct vma_info *out)
{
	uint64_t also_elsewhere = 0, own;

	*out = (struct vma_info){.start = v->start,
				 .end = v->end,
				 .offset = v->file ? v->offset : 0,
				 .prot = v->prot,
				 .shared = v->flags & VMA_SHARED,
				 .file = v->file,
				 .name = v->name};
	if (v->file) {
		out->dev = v->file->dev;
		out->ino = v->file->ino;
		out->shared_rss = window_resident(v);
	}
	if (v->object)
		out->shared_rss = object_resident(v);
	own = v->object || (v->flags & VMA_SHARED) ? 0 : private_resident(mm, v, &also_elsewhere);
	/* A private copy hides the file's page. */
	out->shared_rss = own < out->shared_rss ? out->shared_rss - own : 0;
	out->rss = own + out->shared_rss;
	out->private_dirty = own - also_elsewhere;
	out->shared_rss += also_elsewhere;
	out->locked = v->flags & VMA_LOCKED ? v->end - v->start : 0;
}

int mm_for_each_vma(struct mm *mm, int (*fn)(const struct vma_info *v, void *arg), void *arg)
{
	struct vma_info info;
	int r = 0;

	mm_lock_shared(mm);
	for (struct vma *v = vma_find(mm->vmas, 0); r == 0 && v; v = vma_next(mm->vmas, v)) {
		pthread_mutex_lock(&priv(mm)->pages);
		describe(mm, v, &info);
		pthread_mutex_unlock(&priv(mm)->pages);
		r = fn(&info, arg);
	}
	mm_unlock(mm);
	return r;
}


static int add_usage(const struct vma_info *v, void *arg)
{
	struct mm_usage *u = arg;
	uint64_t size = v->end - v->start;

	u->size += size;
	u->resident += v->rss;
	u->locked += v->locked;
	if (v->file || v->shared) {
		u->file += v->shared_rss;
		u->shared += v->shared_rss;
		u->anon += v->rss - min_u64(v->rss, v->shared_rss);
	} else {
		u->anon += v->rss;
	}
	if ((v->prot & PROT_WRITE) && !v->shared)
		u->data += size;
	return 0;
}

void mm_usage(struct mm *mm, struct mm_usage *out)
{
	struct vma *v;

	*out = (struct mm_usage){0};
	mm_for_each_vma(mm, add_usage, out);
	mm_lock_shared(mm);
	out->text = mm->code_end - mm->code_start;
	v = vma_at(mm->vmas, mm->stack_start ? mm->stack_start - 1 : 0);
	out->stack = v ? v->end - v->start : 0;
	mm_unlock(mm);
	pthread_mutex_lock(&priv(mm)->pages);
	mm->rss_peak = max_u64(mm->rss_peak, out->resident >> PAGE_SHIFT);
	out->hwm = mm->rss_peak << PAGE_SHIFT;
	out->peak = priv(mm)->vm_peak = max_u64(priv(mm)->vm_peak, out->size);
	pthread_mutex_unlock(&priv(mm)->pages);
}
