/* SPDX-License-Identifier: GPL-2.0-or-later */
/*T:220 Files, without copies
 * Windows: 2 MiB pieces of host files, mapped shared, at places of their own in one arena of this
 * process. What the guest sees there is the host's page cache.
 *
 * Windows that nobody uses stay for the next user until there are too many of them. As long as a
 * window exists its mapping holds the inode, so a (device, inode) key cannot come to mean another
 * file.
 */
#include "platform/implementation.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#define MAX_UNUSED 256
#define OVERLAYFS_MAGIC 0x794c7630

int windows_init(struct windows *ws, struct platform *p, uint64_t size, struct error *err)
{
	uint8_t *raw;
	size_t skip;

	ws->platform = p;
	ws->max = size >> CHUNK_SHIFT;
	pthread_mutex_init(&ws->lock, NULL);
	list_init(&ws->unused);
	raw = mmap(NULL, size + CHUNK_SIZE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
		   -1, 0);
	ws->by_index = calloc(ws->max, sizeof(*ws->by_index));
	ws->free_stack = calloc(ws->max, sizeof(*ws->free_stack));
	if (raw == MAP_FAILED || !ws->by_index || !ws->free_stack)
		return error_set(err, -ENOMEM, "file windows: cannot reserve address space");
	skip = -(uintptr_t)raw & (CHUNK_SIZE - 1);
	if (skip)
		munmap(raw, skip);
	munmap(raw + skip + size, CHUNK_SIZE - skip);
	ws->arena = raw + skip;
	return 0;
}

void windows_destroy(struct windows *ws)
{
	if (ws->arena) {
		for (uint64_t i = 0; i < ws->fresh; i++) {
			struct window *w = ws->by_index[i];

			if (w && w->fd >= 0)
				close(w->fd);
			free(w);
		}
		munmap(ws->arena, ws->max << CHUNK_SHIFT);
	}
	for (unsigned i = 0; i < ws->n_host; i++)
		free(ws->host[i]);
	free(ws->by_index);
	free(ws->free_stack);
}

void *window_ptr(struct window *w)
{
	return w->ptr;
}

/* ---- the cache; all under the lock ----------------------------------------------------------- */

static struct window **bucket_of(struct windows *ws, dev_t dev, ino_t ino, uint64_t offset)
{
	uint64_t h = (dev * 31 + ino) * 0x9e3779b97f4a7c15 + (offset >> CHUNK_SHIFT);

	h *= 0x9e3779b97f4a7c15;
	return &ws->hash[h >> 54 & (WINDOW_BUCKETS - 1)];
}

static struct window *find(struct windows *ws, dev_t dev, ino_t ino, uint64_t offset, bool writable,
			   uint64_t generation)
{
	struct window *w = *bucket_of(ws, dev, ino, offset);

	while (w && !(w->dev == dev && w->ino == ino && w->offset == offset &&
		      w->writable == writable && w->generation == generation))
		w = w->next;
	return w;
}

/*
 * A file on overlayfs keeps its inode number when it is copied up for its first writer, yet is
 * another file from then on: who maps it later must not get a window on the lower one. Copying up
 * cannot preserve the change time, so that tells them apart. (Writable windows are always on the
 * upper file.)
 */
static uint64_t generation_of(int fd, bool writable)
{
	struct statfs fs;
	struct stat st;

	if (writable || fstatfs(fd, &fs) < 0 || fs.f_type != OVERLAYFS_MAGIC || fstat(fd, &st) < 0)
		return 0;
	return st.st_ctim.tv_sec * 1000000000UL + st.st_ctim.tv_nsec;
}

static void drop(struct window *w)
{
	struct windows *ws = w->set;
	struct window **at = bucket_of(ws, w->dev, w->ino, w->offset);

	while (*at != w)
		at = &(*at)->next;
	*at = w->next;
	list_del(&w->unused);
	ws->n_unused--;
	/* Also makes KVM forget the file's pages. */
	if (mmap(w->ptr, CHUNK_SIZE, PROT_NONE,
		 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0) == MAP_FAILED)
		return; /* no memory for a VMA: the piece is lost, not reused with old contents */
	if (w->fd >= 0)
		close(w->fd);
	ws->by_index[w->index] = NULL;
	ws->free_stack[ws->n_free++] = w->index;
	atomic_fetch_sub(&ws->live, 1);
	free(w);
}

static bool drop_oldest(struct windows *ws)
{
	if (list_empty(&ws->unused))
		return false;
	drop(list_first(&ws->unused, struct window, unused));
	return true;
}

static void ref(struct window *w)
{
	if (w->refs++ == 0) {
		list_del(&w->unused);
		w->set->n_unused--;
	}
}

/* A free piece of the arena with a slot over it. */
static int take_piece(struct windows *ws, uint32_t *index)
{
	int r;

	if (!ws->n_free && ws->fresh == ws->max && !drop_oldest(ws))
		return -ENOMEM;
	if (ws->n_free) {
		*index = ws->free_stack[--ws->n_free];
		return 0;
	}
	if (ws->fresh == ws->max)
		return -ENOMEM;
	r = ws->platform->ops->windows_room(ws->platform, ws->fresh + 1UL);
	if (r < 0)
		return r;
	*index = ws->fresh++;
	return 0;
}

static int map_file(struct windows *ws, uint32_t index, int fd, uint64_t offset, bool writable)
{
	uint8_t *ptr = ws->arena + ((uint64_t)index << CHUNK_SHIFT);
	int prot = PROT_READ | (writable ? PROT_WRITE : 0);

	for (;;) {
		if (mmap(ptr, CHUNK_SIZE, prot, MAP_SHARED | MAP_FIXED, fd, offset) != MAP_FAILED)
			return 0;
		/* vm.max_map_count is for the whole process: make room. */
		if (errno != ENOMEM || !drop_oldest(ws))
			return -errno;
	}
}

static int make(struct windows *ws, int fd, dev_t dev, ino_t ino, uint64_t offset, bool writable,
		uint64_t generation, struct window **out)
{
	struct window *w = calloc(1, sizeof(*w)), **bucket;
	int r;

	if (!w)
		return -ENOMEM;
	r = take_piece(ws, &w->index);
	if (r < 0) {
		free(w);
		return r;
	}
	r = map_file(ws, w->index, fd, offset, writable);
	w->fd = -1;
	if (r == 0 && ws->platform->ops->window_keeps_fd) {
		w->fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
		if (w->fd < 0)
			r = -errno;
	}
	if (r < 0) {
		ws->free_stack[ws->n_free++] = w->index;
		free(w);
		return r;
	}
	w->set = ws;
	w->refs = 1;
	w->writable = writable;
	w->pages = CHUNK_PAGES;
	w->ptr = ws->arena + ((uint64_t)w->index << CHUNK_SHIFT);
	w->dev = dev;
	w->ino = ino;
	w->offset = offset;
	w->generation = generation;
	list_init(&w->unused);
	bucket = bucket_of(ws, dev, ino, offset);
	w->next = *bucket;
	*bucket = w;
	ws->by_index[w->index] = w;
	atomic_fetch_add(&ws->live, 1);
	*out = w;
	return 0;
}

/* ---- the contract ---------------------------------------------------------------------------- */

int platform_window_get(struct platform *p, int fd, dev_t dev, ino_t ino, uint64_t offset,
			bool writable, struct window **out)
{
	uint64_t generation = generation_of(fd, writable);
	struct windows *ws = &p->windows;
	struct window *w;
	int r = 0;

	assert((offset & (CHUNK_SIZE - 1)) == 0);
	pthread_mutex_lock(&ws->lock);
	w = find(ws, dev, ino, offset, writable, generation);
	if (w)
		ref(w);
	else
		r = make(ws, fd, dev, ino, offset, writable, generation, &w);
	pthread_mutex_unlock(&ws->lock);
	if (r == 0)
		*out = w;
	return r;
}

void window_ref(struct window *w)
{
	pthread_mutex_lock(&w->set->lock);
	assert(w->refs > 0);
	ref(w);
	pthread_mutex_unlock(&w->set->lock);
}

void window_put(struct window *w)
{
	struct windows *ws = w->set;

	pthread_mutex_lock(&ws->lock);
	assert(w->refs > 0);
	if (--w->refs == 0 && !w->is_host) {
		list_add_tail(&ws->unused, &w->unused);
		if (++ws->n_unused > MAX_UNUSED)
			drop_oldest(ws);
	}
	pthread_mutex_unlock(&ws->lock);
}

struct window *platform_window_of(struct platform *p, const void *ptr)
{
	struct windows *ws = &p->windows;
	uint64_t off = (uintptr_t)ptr - (uintptr_t)ws->arena;
	struct window *w = NULL;

	pthread_mutex_lock(&ws->lock);
	if (off < ws->max << CHUNK_SHIFT)
		w = ws->by_index[off >> CHUNK_SHIFT];
	for (unsigned i = 0; !w && i < ws->n_host; i++) {
		struct window *h = ws->host[i];

		if ((uintptr_t)ptr - (uintptr_t)h->ptr < (uint64_t)h->pages << PAGE_SHIFT)
			w = h;
	}
	pthread_mutex_unlock(&ws->lock);
	return w;
}

int platform_window_host(struct platform *p, const void *ptr, unsigned npages, struct window **out)
{
	struct windows *ws = &p->windows;
	struct window *w = calloc(1, sizeof(*w));
	int r = 0;

	assert(((uintptr_t)ptr & ~PAGE_MASK) == 0 && npages >= 1 && npages <= CHUNK_PAGES);
	if (!w)
		return -ENOMEM;
	pthread_mutex_lock(&ws->lock);
	if (ws->n_host == HOST_WINDOWS)
		r = -ENOMEM;
	w->set = ws;
	w->refs = 2; /* one of ours: never evicted */
	w->is_host = true;
	w->index = ws->n_host;
	w->pages = npages;
	w->ptr = (uint8_t *)ptr;
	w->fd = -1;
	list_init(&w->unused);
	if (r == 0)
		r = p->ops->window_host(p, w);
	if (r == 0) {
		ws->host[ws->n_host++] = w;
		atomic_fetch_add(&ws->live, 1);
	}
	pthread_mutex_unlock(&ws->lock);
	if (r < 0) {
		free(w);
		return r;
	}
	*out = w;
	return 0;
}
