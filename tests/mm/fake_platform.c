/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fake_platform.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/safecopy.h"

#define FRAMES (1U << 17)
#define BUCKETS 4096

#define check(cond)                                                                                \
	do {                                                                                       \
		if (!(cond)) {                                                                     \
			fprintf(stderr, "%s:%d: broken: %s\n", __FILE__, __LINE__, #cond);         \
			abort();                                                                   \
		}                                                                                  \
	} while (0)

struct platform {
	struct platform_caps caps;
};

struct memory {
	int fd;
	char *base;
	unsigned refs[FRAMES], pins[FRAMES], mapped[FRAMES];
	unsigned next, used, limit;
};

struct window {
	struct window *next;
	dev_t dev;
	ino_t ino;
	uint64_t offset;
	bool writable;
	unsigned refs, mapped;
	void *ptr;
};

struct entry {
	struct entry *next;
	uint64_t page;
	frame_t frame;
	struct window *window;
	unsigned index, access;
};

struct address_space {
	struct entry *bucket[BUCKETS];
	unsigned count;
};

static struct platform the_platform = {
    {.name = "fake", .min_user_address = 0x1000, .max_user_address = 0x7ffffffff000}};
static struct memory mem;
static struct window *windows;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

struct platform *fake_platform(void)
{
	if (!mem.base) {
		mem.fd = memfd_create("fake", MFD_CLOEXEC);
		check(mem.fd >= 0 && ftruncate(mem.fd, FRAMES * PAGE_SIZE) == 0);
		mem.base = mmap(NULL, FRAMES * PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED,
				mem.fd, 0);
		check(mem.base != MAP_FAILED);
		mem.next = 1;
		mem.limit = FRAMES;
	}
	return &the_platform;
}

const struct platform_caps *platform_caps(const struct platform *p)
{
	return &p->caps;
}

struct memory *platform_memory(struct platform *p)
{
	return &mem;
}

/* ---- memory ------------------------------------------------------------------------------------- */

static bool free_run(unsigned first, unsigned count)
{
	if (first == 0 || first + count > FRAMES)
		return false;
	for (unsigned i = 0; i < count; i++)
		if (mem.refs[first + i] || mem.pins[first + i])
			return false;
	return true;
}

int memory_alloc(struct memory *m, unsigned count, enum memory_kind kind, frame_t *first)
{
	unsigned align = 1;
	int r = -ENOMEM;

	check(count >= 1 && count <= CHUNK_PAGES);
	while (align < count)
		align *= 2;
	pthread_mutex_lock(&lock);
	for (unsigned tries = 0; mem.used + count <= mem.limit && tries < FRAMES / align; tries++) {
		unsigned f = (mem.next + align - 1) / align * align;

		mem.next = f + count < FRAMES ? f + count : 1;
		if (!free_run(f, count))
			continue;
		for (unsigned i = 0; i < count; i++) {
			check(mem.mapped[f + i] == 0);
			mem.refs[f + i] = 1;
		}
		mem.used += count;
		*first = f;
		r = 0;
		break;
	}
	pthread_mutex_unlock(&lock);
	return r;
}

int memory_alloc_filled(struct memory *m, unsigned count, enum memory_kind kind, const void *src,
			size_t len, frame_t *first)
{
	int r = memory_alloc(m, count, kind, first);

	if (r == 0 && safe_copy(memory_ptr(m, *first), src, len) != 0) {
		memory_unref(m, *first, count);
		r = -EFAULT;
	}
	return r;
}

void memory_ref(struct memory *m, frame_t first, unsigned count)
{
	pthread_mutex_lock(&lock);
	for (unsigned i = 0; i < count; i++)
		check(first && mem.refs[first + i]++ > 0);
	pthread_mutex_unlock(&lock);
}

static void drop(frame_t f)
{
	check(fallocate(mem.fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
			(off_t)f << PAGE_SHIFT, PAGE_SIZE) == 0);
}

void memory_unref(struct memory *m, frame_t first, unsigned count)
{
	pthread_mutex_lock(&lock);
	for (unsigned i = 0; i < count; i++) {
		frame_t f = first + i;

		check(f && mem.refs[f] > 0);
		if (--mem.refs[f])
			continue;
		check(mem.mapped[f] == 0); /* the precondition */
		mem.used--;
		if (!mem.pins[f])
			drop(f);
	}
	pthread_mutex_unlock(&lock);
}

void memory_batch_unref(struct memory_batch *b, frame_t first, unsigned count)
{
	memory_unref(b->memory, first, count);
}

void memory_batch_flush(struct memory_batch *b)
{
	b->n = 0;
}

unsigned memory_refs(struct memory *m, frame_t frame)
{
	return __atomic_load_n(&mem.refs[frame], __ATOMIC_SEQ_CST);
}

void memory_pin(struct memory *m, frame_t first, unsigned count)
{
	pthread_mutex_lock(&lock);
	for (unsigned i = 0; i < count; i++)
		mem.pins[first + i]++;
	pthread_mutex_unlock(&lock);
}

void memory_unpin(struct memory *m, frame_t first, unsigned count)
{
	pthread_mutex_lock(&lock);
	for (unsigned i = 0; i < count; i++) {
		check(mem.pins[first + i]-- > 0);
		if (!mem.pins[first + i] && !mem.refs[first + i])
			drop(first + i);
	}
	pthread_mutex_unlock(&lock);
}

bool memory_pinned(struct memory *m, frame_t frame)
{
	return mem.pins[frame] > 0;
}

void *memory_ptr(struct memory *m, frame_t frame)
{
	return mem.base + ((size_t)frame << PAGE_SHIFT);
}

frame_t memory_frame_of(struct memory *m, const void *ptr)
{
	size_t d = (const char *)ptr - mem.base;

	return (const char *)ptr >= mem.base && d < FRAMES * PAGE_SIZE ? d >> PAGE_SHIFT : 0;
}

int memory_decommit(struct memory *m, frame_t first, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		drop(first + i);
	return 0;
}

int memory_committed(struct memory *m, frame_t first, unsigned count, uint8_t *vec)
{
	check(mincore(memory_ptr(m, first), count * PAGE_SIZE, vec) == 0);
	for (unsigned i = 0; i < count; i++)
		vec[i] &= 1;
	return 0;
}

unsigned fake_frames_used(void)
{
	return mem.used;
}

void fake_set_limit(unsigned frames)
{
	mem.limit = frames;
}

/* ---- windows ------------------------------------------------------------------------------------ */

int platform_window_get(struct platform *p, int fd, dev_t dev, ino_t ino, uint64_t offset,
			bool writable, struct window **out)
{
	struct window *w;
	int r = 0;

	check(offset % CHUNK_SIZE == 0);
	pthread_mutex_lock(&lock);
	for (w = windows; w; w = w->next)
		if (w->dev == dev && w->ino == ino && w->offset == offset && w->writable == writable)
			break;
	if (!w) {
		void *ptr = mmap(NULL, CHUNK_SIZE, PROT_READ | (writable ? PROT_WRITE : 0),
				 MAP_SHARED, fd, offset);

		if (ptr == MAP_FAILED) {
			r = -errno;
		} else {
			w = calloc(1, sizeof(*w));
			*w = (struct window){windows, dev, ino, offset, writable, 0, 0, ptr};
			windows = w;
		}
	}
	if (w) {
		w->refs++;
		*out = w;
	}
	pthread_mutex_unlock(&lock);
	return r;
}

void window_ref(struct window *w)
{
	pthread_mutex_lock(&lock);
	check(w->refs++ > 0);
	pthread_mutex_unlock(&lock);
}

void window_put(struct window *w)
{
	pthread_mutex_lock(&lock);
	check(w && w->refs > 0);
	if (--w->refs == 0)
		check(w->mapped == 0); /* the precondition */
	pthread_mutex_unlock(&lock);
}

void *window_ptr(struct window *w)
{
	return w->ptr;
}

struct window *platform_window_of(struct platform *p, const void *ptr)
{
	struct window *w;

	pthread_mutex_lock(&lock);
	for (w = windows; w; w = w->next)
		if ((const char *)ptr >= (char *)w->ptr &&
		    (const char *)ptr < (char *)w->ptr + CHUNK_SIZE)
			break;
	pthread_mutex_unlock(&lock);
	return w;
}

int platform_window_host(struct platform *p, const void *ptr, unsigned npages, struct window **out)
{
	return -ENODEV;
}

unsigned fake_windows_used(void)
{
	unsigned n = 0;

	for (struct window *w = windows; w; w = w->next)
		n += w->refs > 0;
	return n;
}

/* ---- address spaces ----------------------------------------------------------------------------- */

void fake_set_user_space(uint64_t from, uint64_t end)
{
	the_platform.caps.min_user_address = from;
	the_platform.caps.max_user_address = end;
}

static unsigned spaces, spaces_max = UINT32_MAX;

void fake_set_spaces(unsigned n)
{
	spaces_max = n;
}

int platform_new_address_space(struct platform *p, uint64_t id, struct address_space **out)
{
	(void)id;
	if (spaces >= spaces_max)
		return -EAGAIN;
	spaces++;
	*out = calloc(1, sizeof(**out));
	return *out ? 0 : -ENOMEM;
}

static struct entry **find(struct address_space *as, uint64_t page)
{
	struct entry **e = &as->bucket[page % BUCKETS];

	while (*e && (*e)->page != page)
		e = &(*e)->next;
	return e;
}

static void erase(struct address_space *as, struct entry **at)
{
	struct entry *e = *at;

	*at = e->next;
	if (e->frame)
		mem.mapped[e->frame]--;
	else
		e->window->mapped--;
	as->count--;
	free(e);
}

static void set(struct address_space *as, uint64_t page, frame_t f, struct window *w, unsigned index,
		unsigned access)
{
	struct entry **at = find(as, page), *e;

	if (*at)
		erase(as, at);
	if (!(access & ACCESS_READ))
		return;
	if (f) {
		check(mem.refs[f] > 0);
		mem.mapped[f]++;
	} else {
		check(w->refs > 0 && index < CHUNK_PAGES);
		check(w->writable || !(access & ACCESS_WRITE));
		w->mapped++;
	}
	e = calloc(1, sizeof(*e));
	*e = (struct entry){NULL, page, f, w, index, access};
	*find(as, page) = e;
	as->count++;
}

int address_space_map(struct address_space *as, uint64_t addr, frame_t first, unsigned count,
		      unsigned access, bool precommit)
{
	check(addr % PAGE_SIZE == 0 && addr + count * PAGE_SIZE <= the_platform.caps.max_user_address);
	pthread_mutex_lock(&lock);
	for (unsigned i = 0; i < count; i++)
		set(as, (addr >> PAGE_SHIFT) + i, first + i, NULL, 0, access);
	pthread_mutex_unlock(&lock);
	return 0;
}

int address_space_map_window(struct address_space *as, uint64_t addr, struct window *w,
			     unsigned first, unsigned count, unsigned access)
{
	check(addr % PAGE_SIZE == 0);
	pthread_mutex_lock(&lock);
	for (unsigned i = 0; i < count; i++)
		set(as, (addr >> PAGE_SHIFT) + i, 0, w, first + i, access);
	pthread_mutex_unlock(&lock);
	return 0;
}

void address_space_unmap(struct address_space *as, uint64_t addr, uint64_t len)
{
	uint64_t lo = addr >> PAGE_SHIFT, hi = (addr + len) >> PAGE_SHIFT;

	check(addr % PAGE_SIZE == 0 && len % PAGE_SIZE == 0);
	pthread_mutex_lock(&lock);
	for (unsigned b = 0; b < BUCKETS; b++)
		for (struct entry **e = &as->bucket[b]; *e;) {
			if ((*e)->page >= lo && (*e)->page < hi)
				erase(as, e);
			else
				e = &(*e)->next;
		}
	pthread_mutex_unlock(&lock);
}

void address_space_restrict(struct address_space *as, const struct address_range *ranges,
			    size_t count, unsigned access)
{
	pthread_mutex_lock(&lock);
	for (size_t i = 0; i < count; i++) {
		uint64_t lo = ranges[i].addr >> PAGE_SHIFT, hi = lo + (ranges[i].len >> PAGE_SHIFT);

		for (unsigned b = 0; b < BUCKETS; b++)
			for (struct entry *e = as->bucket[b]; e; e = e->next)
				if (e->page >= lo && e->page < hi)
					e->access &= access;
	}
	pthread_mutex_unlock(&lock);
}

void fake_forget(struct address_space *as)
{
	address_space_unmap(as, 0, the_platform.caps.max_user_address);
}

void address_space_release(struct address_space *as, uint64_t id)
{
	(void)id;
	fake_forget(as);
	free(as);
	spaces--;
}

unsigned fake_mapped(struct address_space *as)
{
	return as->count;
}

void *fake_translate(struct address_space *as, uint64_t addr, unsigned access)
{
	struct entry *e = *find(as, addr >> PAGE_SHIFT);

	if (!e || (e->access & access) != access)
		return NULL;
	if (e->frame)
		return memory_ptr(&mem, e->frame);
	return (char *)e->window->ptr + e->index * PAGE_SIZE;
}
