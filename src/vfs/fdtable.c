/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Descriptor tables: an array of descriptions, and two bitmaps beside it (in use, close-on-exec),
 * so that the lowest free number is found a word at a time.
 */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "vfs/file.h"
#include "vfs/lock.h"

#define WORD_BITS 64
#define INITIAL_SLOTS 64
/* fs.nr_open: no table grows beyond, whatever the limit says. */
#define MAX_SLOTS (1 << 20)

/*
 * lock guards everything but refs. Invariants: size is a multiple of 64; bit fd of used is set
 * exactly when files[fd] is not NULL; all words of used before `full` are full.
 */
struct fdtable {
	atomic_uint refs;
	pthread_mutex_t lock;
	struct file **files;
	uint64_t *used, *cloexec;
	int size;
	int full;
};

static __thread struct fdtable *current_table;
static __thread const _Atomic uint64_t *current_limit;

static bool bit_test(const uint64_t *map, int fd)
{
	return map[fd / WORD_BITS] >> (fd % WORD_BITS) & 1;
}

static void bit_put(uint64_t *map, int fd, bool on)
{
	uint64_t bit = 1ULL << (fd % WORD_BITS);

	if (on)
		map[fd / WORD_BITS] |= bit;
	else
		map[fd / WORD_BITS] &= ~bit;
}

/* Makes room for descriptor fd. The caller holds the lock (or nobody else knows t). */
static int grow(struct fdtable *t, int fd)
{
	int size = t->size ? t->size : INITIAL_SLOTS;
	struct file **files;
	uint64_t *used, *cloexec;

	while (size <= fd)
		size *= 2;
	if (size == t->size)
		return 0;
	files = calloc((size_t)size, sizeof(*files));
	used = calloc((size_t)size / WORD_BITS, sizeof(*used));
	cloexec = calloc((size_t)size / WORD_BITS, sizeof(*cloexec));
	if (!files || !used || !cloexec) {
		free(files);
		free(used);
		free(cloexec);
		return -ENOMEM;
	}
	if (t->size) {
		memcpy(files, t->files, (size_t)t->size * sizeof(*files));
		memcpy(used, t->used, (size_t)t->size / WORD_BITS * sizeof(*used));
		memcpy(cloexec, t->cloexec, (size_t)t->size / WORD_BITS * sizeof(*cloexec));
	}
	free(t->files);
	free(t->used);
	free(t->cloexec);
	t->files = files;
	t->used = used;
	t->cloexec = cloexec;
	t->size = size;
	return 0;
}

struct fdtable *fdtable_new(void)
{
	struct fdtable *t = calloc(1, sizeof(*t));

	if (!t)
		return NULL;
	atomic_init(&t->refs, 1);
	pthread_mutex_init(&t->lock, NULL);
	if (grow(t, 0) < 0) {
		free(t);
		return NULL;
	}
	return t;
}

struct fdtable *fdtable_copy(struct fdtable *t)
{
	struct fdtable *c = fdtable_new();

	if (!c)
		return NULL;
	pthread_mutex_lock(&t->lock);
	if (grow(c, t->size - 1) < 0) {
		pthread_mutex_unlock(&t->lock);
		fdtable_put(c);
		return NULL;
	}
	for (int fd = 0; fd < t->size; fd++)
		if (t->files[fd])
			c->files[fd] = file_get(t->files[fd]);
	memcpy(c->used, t->used, (size_t)t->size / WORD_BITS * sizeof(*c->used));
	memcpy(c->cloexec, t->cloexec, (size_t)t->size / WORD_BITS * sizeof(*c->cloexec));
	c->full = t->full;
	pthread_mutex_unlock(&t->lock);
	return c;
}

struct fdtable *fdtable_get(struct fdtable *t)
{
	atomic_fetch_add(&t->refs, 1);
	return t;
}

/* What follows a descriptor's end, outside the table's lock. Consumes f. */
static void descriptor_closed(struct fdtable *t, struct file *f)
{
	lock_closed(t, f);
	if (f->ops->flush)
		f->ops->flush(f);
	file_put(f);
}

void fdtable_put(struct fdtable *t)
{
	if (!t || atomic_fetch_sub(&t->refs, 1) != 1)
		return;
	for (int fd = 0; fd < t->size; fd++)
		if (t->files[fd])
			descriptor_closed(t, t->files[fd]);
	free(t->files);
	free(t->used);
	free(t->cloexec);
	pthread_mutex_destroy(&t->lock);
	free(t);
}

bool fdtable_shared(struct fdtable *t)
{
	return atomic_load(&t->refs) > 1;
}

struct file *fdtable_lookup(struct fdtable *t, int fd)
{
	struct file *f = NULL;

	pthread_mutex_lock(&t->lock);
	if (fd >= 0 && fd < t->size && t->files[fd])
		f = file_get(t->files[fd]);
	pthread_mutex_unlock(&t->lock);
	return f;
}

/* The lowest clear bit of used at or above min; t->size if there is none. Lock held. */
static int lowest_free(struct fdtable *t, int min)
{
	int words = t->size / WORD_BITS, w;

	while (t->full < words && t->used[t->full] == UINT64_MAX)
		t->full++;
	w = min / WORD_BITS;
	if (w < t->full) {
		w = t->full;
		min = w * WORD_BITS;
	}
	for (; w < words; w++) {
		uint64_t clear = ~t->used[w];

		if (w == min / WORD_BITS)
			clear &= UINT64_MAX << (min % WORD_BITS);
		if (clear)
			return w * WORD_BITS + __builtin_ctzll(clear);
	}
	return min > t->size ? min : t->size;
}

static int clamp_limit(int limit)
{
	return limit > MAX_SLOTS ? MAX_SLOTS : limit;
}

int fdtable_install(struct fdtable *t, struct file *f, int min, int limit, bool cloexec)
{
	int fd;

	limit = clamp_limit(limit);
	if (min < 0 || min >= limit)
		return -EMFILE;
	pthread_mutex_lock(&t->lock);
	fd = lowest_free(t, min);
	if (fd >= limit || (fd >= t->size && grow(t, fd) < 0)) {
		pthread_mutex_unlock(&t->lock);
		return -EMFILE;
	}
	t->files[fd] = f;
	bit_put(t->used, fd, true);
	bit_put(t->cloexec, fd, cloexec);
	pthread_mutex_unlock(&t->lock);
	return fd;
}

int fdtable_install_at(struct fdtable *t, struct file *f, int fd, int limit, bool cloexec)
{
	struct file *old;

	if (fd < 0 || fd >= clamp_limit(limit))
		return -EBADF;
	pthread_mutex_lock(&t->lock);
	if (fd >= t->size && grow(t, fd) < 0) {
		pthread_mutex_unlock(&t->lock);
		return -ENOMEM;
	}
	old = t->files[fd];
	t->files[fd] = f;
	bit_put(t->used, fd, true);
	bit_put(t->cloexec, fd, cloexec);
	pthread_mutex_unlock(&t->lock);
	if (old)
		descriptor_closed(t, old);
	return fd;
}

/* Takes the description out of its slot. Lock held. */
static struct file *take_out(struct fdtable *t, int fd)
{
	struct file *f = t->files[fd];

	t->files[fd] = NULL;
	bit_put(t->used, fd, false);
	bit_put(t->cloexec, fd, false);
	if (fd / WORD_BITS < t->full)
		t->full = fd / WORD_BITS;
	return f;
}

int fdtable_close(struct fdtable *t, int fd)
{
	struct file *f = NULL;

	pthread_mutex_lock(&t->lock);
	if (fd >= 0 && fd < t->size && t->files[fd])
		f = take_out(t, fd);
	pthread_mutex_unlock(&t->lock);
	if (!f)
		return -EBADF;
	descriptor_closed(t, f);
	return 0;
}

int fdtable_close_range(struct fdtable *t, unsigned first, unsigned last, bool cloexec_only)
{
	int fd = first > INT_MAX ? -1 : fdtable_next(t, (int)first);

	if (first > last)
		return -EINVAL;
	for (; fd >= 0 && (unsigned)fd <= last; fd = fdtable_next(t, fd + 1))
		if (cloexec_only)
			fdtable_set_cloexec(t, fd, true);
		else
			fdtable_close(t, fd);
	return 0;
}

int fdtable_get_cloexec(struct fdtable *t, int fd)
{
	int r = -EBADF;

	pthread_mutex_lock(&t->lock);
	if (fd >= 0 && fd < t->size && t->files[fd])
		r = bit_test(t->cloexec, fd);
	pthread_mutex_unlock(&t->lock);
	return r;
}

int fdtable_set_cloexec(struct fdtable *t, int fd, bool on)
{
	int r = -EBADF;

	pthread_mutex_lock(&t->lock);
	if (fd >= 0 && fd < t->size && t->files[fd]) {
		bit_put(t->cloexec, fd, on);
		r = 0;
	}
	pthread_mutex_unlock(&t->lock);
	return r;
}

void fdtable_close_on_exec(struct fdtable *t)
{
	for (int fd = fdtable_next(t, 0); fd >= 0; fd = fdtable_next(t, fd + 1))
		if (fdtable_get_cloexec(t, fd) == 1)
			fdtable_close(t, fd);
}

int fdtable_next(struct fdtable *t, int fd)
{
	int r = -1;

	if (fd < 0)
		fd = 0;
	pthread_mutex_lock(&t->lock);
	for (int w = fd / WORD_BITS; w < t->size / WORD_BITS; w++) {
		uint64_t used = t->used[w];

		if (w == fd / WORD_BITS)
			used &= UINT64_MAX << (fd % WORD_BITS);
		if (used) {
			r = w * WORD_BITS + __builtin_ctzll(used);
			break;
		}
	}
	pthread_mutex_unlock(&t->lock);
	return r;
}

uintptr_t fdtable_id(struct fdtable *t)
{
	return (uintptr_t)t;
}

void fdtable_use(struct fdtable *t, const _Atomic uint64_t *nofile)
{
	current_table = t;
	current_limit = nofile;
}

struct fdtable *fdtable_current(void)
{
	return current_table;
}

struct file *fd_get(int fd)
{
	return current_table ? fdtable_lookup(current_table, fd) : NULL;
}

int fd_install(struct file *f, bool cloexec)
{
	uint64_t limit = current_limit ? atomic_load(current_limit) : MAX_SLOTS;
	int fd = fdtable_install(current_table, f, 0, limit > INT_MAX ? INT_MAX : (int)limit,
				 cloexec);

	if (fd < 0)
		file_put(f);
	return fd;
}
