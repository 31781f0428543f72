/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Guest memory as a stream of bytes.
 *
 *   header                                magic, version, page size, how many frames
 *   run, contents; run, contents; …       frames allocated, in rising order
 *   a run of 0 frames
 *   checksum                              over everything before it
 *
 * A run is a stretch of neighbouring frames that agree in kind, number of references and whether
 * they have host pages; only then contents follow, straight from and to the mapping of the file.
 * All integers are as x86 has them. What is read is checked before it is believed: the stream may
 * come from a file that somebody else could write to.
 */
#include "platform/memory.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <string.h>
#include <unistd.h>

#define VERSION 1

static const char magic[8] = "huskmem";

struct stream_header {
	char magic[8];
	uint32_t version;
	uint32_t page_size;
	uint64_t frames; /* allocated ones are below; a multiple of CHUNK_PAGES */
};

struct stream_run {
	uint32_t first, count;
	uint32_t kind;
	uint32_t refs;	    /* of each frame */
	uint32_t committed; /* 1: contents follow */
	uint32_t zero;
};

/* One end of the stream. The first error stays, and makes everything after it do nothing. */
struct stream {
	int fd;
	int error; /* negative errno */
	uint64_t sum;
};

/*
 * FNV-1a over words of 8 bytes. Each step is a bijection of the sum and of the word, so damage
 * within one word is found for certain, any other but for one case in 2^64. n: a multiple of 8.
 */
static uint64_t checksum(uint64_t sum, const void *data, size_t n)
{
	const char *p = data;

	for (size_t i = 0; i < n; i += sizeof(uint64_t)) {
		uint64_t word;

		memcpy(&word, p + i, sizeof(word));
		sum = (sum ^ word) * 0x100000001b3;
	}
	return sum;
}

static void put(struct stream *s, const void *data, size_t n)
{
	const char *p = data;

	s->sum = checksum(s->sum, data, n);
	while (n && !s->error) {
		ssize_t r = write(s->fd, p, n);

		if (r >= 0) {
			p += r;
			n -= r;
		} else if (errno != EINTR) {
			s->error = -errno;
		}
	}
}

static void get(struct stream *s, void *data, size_t n)
{
	char *p = data;

	for (size_t left = n; left && !s->error;) {
		ssize_t r = read(s->fd, p, left);

		if (r > 0) {
			p += r;
			left -= r;
		} else if (r == 0) {
			s->error = -EBADMSG;
		} else if (errno != EINTR) {
			s->error = -errno;
		}
	}
	if (!s->error)
		s->sum = checksum(s->sum, data, n);
}

/* ---- saving ---------------------------------------------------------------------------------- */

static struct stream_run describe(const struct memory *m, frame_t f, uint8_t committed)
{
	return (struct stream_run){
	    .first = f,
	    .count = 1,
	    .kind = m->tags[f] & TAG_KIND,
	    .refs = (uint32_t)atomic_load(&m->counts[f]),
	    .committed = committed,
	};
}

static bool continues(const struct stream_run *r, const struct stream_run *next)
{
	return r->count && r->first + r->count == next->first && r->kind == next->kind &&
	       r->refs == next->refs && r->committed == next->committed;
}

static void put_run(struct stream *s, struct memory *m, const struct stream_run *r)
{
	if (!r->count)
		return;
	put(s, r, sizeof(*r));
	if (r->committed)
		put(s, memory_ptr(m, r->first), (size_t)r->count << PAGE_SHIFT);
}

/* One chunk's frames; *run is the stretch under way, which may go on behind the chunk. */
static void put_chunk(struct stream *s, struct memory *m, frame_t chunk, struct stream_run *run)
{
	uint8_t committed[CHUNK_PAGES];
	frame_t from = chunk ? chunk : 1, end = chunk + CHUNK_PAGES;
	int r = memory_committed(m, from, end - from, committed);

	if (r < 0 && !s->error)
		s->error = r;
	for (frame_t f = from; f < end && !s->error; f++) {
		struct stream_run next;

		if (!(m->tags[f] & TAG_USED))
			continue;
		if (memory_pinned(m, f)) {
			s->error = -EBUSY;
			return;
		}
		next = describe(m, f, committed[f - from]);
		if (continues(run, &next)) {
			run->count++;
		} else {
			put_run(s, m, run);
			*run = next;
		}
	}
}

int memory_save_to(struct memory *m, int fd, struct error *err)
{
	struct stream s = {.fd = fd};
	struct stream_header h = {
	    .version = VERSION, .page_size = PAGE_SIZE, .frames = memory_fresh(m)};
	struct stream_run run = {0}, end = {0};
	uint64_t sum;

	memcpy(h.magic, magic, sizeof(h.magic));
	put(&s, &h, sizeof(h));
	for (frame_t f = 0; f < memory_fresh(m) && !s.error; f += CHUNK_PAGES)
		put_chunk(&s, m, f, &run);
	put_run(&s, m, &run);
	put(&s, &end, sizeof(end));
	sum = s.sum;
	put(&s, &sum, sizeof(sum));
	if (s.error == -EBUSY)
		return error_set(err, -EBUSY, "saving memory: a host call still uses a frame");
	return s.error ? error_errno(err, s.error, "saving memory") : 0;
}

/* ---- loading --------------------------------------------------------------------------------- */

/* Nothing is allocated any more, whatever was. */
static void make_empty(struct memory *m)
{
	uint64_t size = atomic_load(&m->size);

	if (fallocate(m->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, size) < 0)
		memset(m->base, 0, size);
	memset(m->tags, 0, memory_fresh(m));
	for (unsigned k = 0; k < MEMORY_KINDS; k++)
		atomic_store(&m->usage[k], 0);
	free_map_reset(&m->free);
}

static bool plausible(const struct memory *m, const struct stream_run *r, frame_t at)
{
	return r->first >= at && r->first < memory_fresh(m) &&
	       r->count <= memory_fresh(m) - r->first && r->kind < MEMORY_KINDS && r->refs &&
	       r->committed <= 1 && !r->zero;
}

/* The runs up to the one of 0 frames. */
static void get_runs(struct stream *s, struct memory *m)
{
	struct stream_run r;
	frame_t at = 1;

	for (get(s, &r, sizeof(r)); !s->error && r.count; get(s, &r, sizeof(r))) {
		if (!plausible(m, &r, at)) {
			s->error = -EBADMSG;
			return;
		}
		free_map_claim(&m->free, r.first, r.first + r.count);
		for (frame_t f = r.first; f < r.first + r.count; f++) {
			m->tags[f] = TAG_USED | r.kind;
			atomic_store(&m->counts[f], r.refs);
		}
		atomic_fetch_add(&m->usage[r.kind], r.count);
		if (r.committed)
			get(s, memory_ptr(m, r.first), (size_t)r.count << PAGE_SHIFT);
		at = r.first + r.count;
	}
}

static int get_header(struct stream *s, struct memory *m, struct error *err)
{
	struct stream_header h;

	get(s, &h, sizeof(h));
	if (s->error)
		return error_errno(err, s->error, "loading memory: reading the header");
	if (memcmp(h.magic, magic, sizeof(magic)) != 0)
		return error_set(err, -EBADMSG, "loading memory: this is not saved memory");
	if (h.version != VERSION || h.page_size != PAGE_SIZE)
		return error_set(err, -EPROTONOSUPPORT,
				 "loading memory: version %u with pages of %u bytes is not known "
				 "here, only version %u with %lu",
				 h.version, h.page_size, VERSION, PAGE_SIZE);
	if (h.frames % CHUNK_PAGES)
		return error_set(err, -EBADMSG, "loading memory: damaged header");
	if (h.frames > m->max >> PAGE_SHIFT)
		return error_set(err, -ENOMEM,
				 "loading memory: it needs up to %llu MiB, the bound is %llu MiB",
				 (unsigned long long)(h.frames >> (20 - PAGE_SHIFT)),
				 (unsigned long long)(m->max >> 20));
	if (h.frames << PAGE_SHIFT > atomic_load(&m->size) &&
	    memory_grow(m, h.frames << PAGE_SHIFT) < 0)
		return error_set(err, -ENOMEM, "loading memory: the host refuses to let it grow");
	while (memory_fresh(m) < h.frames)
		free_map_add_chunk(&m->free);
	return 0;
}

int memory_load_from(struct memory *m, int fd, struct error *err)
{
	struct stream s = {.fd = fd};
	uint64_t sum, expected;
	int r;

	for (unsigned k = 0; k < MEMORY_KINDS; k++)
		if (atomic_load(&m->usage[k]))
			return error_set(err, -EBUSY, "loading memory: it is in use");
	pthread_mutex_lock(&m->lock);
	make_empty(m);
	r = get_header(&s, m, err);
	if (r == 0) {
		get_runs(&s, m);
		expected = s.sum;
		get(&s, &sum, sizeof(sum));
		if (!s.error && sum != expected)
			s.error = -EBADMSG;
		if (s.error == -EBADMSG)
			r = error_set(err, s.error, "loading memory: cut short or damaged");
		else if (s.error)
			r = error_errno(err, s.error, "loading memory");
	}
	if (r < 0)
		make_empty(m);
	pthread_mutex_unlock(&m->lock);
	return r;
}
