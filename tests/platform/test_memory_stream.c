/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Saved memory: what is loaded is what was saved, bit by bit, with no host page more; and every
 * stream that was cut, damaged or made by somebody else is refused, and leaves nothing behind.
 */
#include <errno.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "guest.h"
#include "platform/memory.h"

#define RANGES 400

static struct range {
	frame_t first;
	unsigned count;
	enum memory_kind kind;
} range[RANGES];

static struct memory *new_memory(uint64_t frames)
{
	struct error err = ERROR_INIT;
	struct memory *m;

	CHECK(memory_new(frames << PAGE_SHIFT, &m, &err) == 0, "%s", err.msg);
	return m;
}

/* Ranges of all kinds with holes between them; pages untouched, zeroed, filled; some shared. */
static void fill(struct memory *m)
{
	for (unsigned i = 0; i < RANGES; i++) {
		struct range *r = &range[i];

		r->count = random() % 40 == 0 ? CHUNK_PAGES : 1 + random() % 20;
		r->kind = random() % MEMORY_KINDS;
		CHECK(memory_alloc(m, r->count, r->kind, &r->first) == 0);
		for (unsigned k = 0; k < r->count; k++) {
			uint64_t *w = memory_ptr(m, r->first + k);

			if (random() % 4 == 0)
				w[random() % (PAGE_SIZE / 8)] = random() % 8;
			if (random() % 16 == 0)
				memory_ref(m, r->first + k, 1);
		}
	}
	for (unsigned i = 0; i < RANGES; i += 3) {
		for (unsigned k = 0; k < range[i].count; k++)
			while (memory_refs(m, range[i].first + k) > 1)
				memory_unref(m, range[i].first + k, 1);
		memory_unref(m, range[i].first, range[i].count);
		range[i].count = 0;
	}
}

static int saved(struct memory *m)
{
	struct error err = ERROR_INIT;
	int fd = memfd_create("saved", MFD_CLOEXEC);

	CHECK(fd >= 0 && memory_save_to(m, fd, &err) == 0, "%s", err.msg);
	return fd;
}

static int load(struct memory *m, int fd)
{
	struct error err = ERROR_INIT;
	int r;

	CHECK(lseek(fd, 0, SEEK_SET) == 0);
	r = memory_load_from(m, fd, &err);
	CHECK(r == 0 || (err.code == r && strstr(err.msg, "loading memory")), "%s", err.msg);
	error_free(&err);
	return r;
}

static void compare(struct memory *a, struct memory *b)
{
	frame_t f;

	CHECK(memory_fresh(a) == memory_fresh(b));
	CHECK(memory_total_usage(a) == memory_total_usage(b), "%lu, %lu", memory_total_usage(a),
	      memory_total_usage(b));
	for (unsigned k = 0; k < MEMORY_KINDS; k++)
		CHECK(memory_usage(a, k) == memory_usage(b, k));
	for (unsigned i = 0; i < RANGES; i++) {
		uint8_t va[CHUNK_PAGES], vb[CHUNK_PAGES];
		struct range *r = &range[i];

		if (!r->count)
			continue;
		CHECK(memory_committed(a, r->first, r->count, va) == 0);
		CHECK(memory_committed(b, r->first, r->count, vb) == 0);
		CHECK(memcmp(va, vb, r->count) == 0);
		for (unsigned k = 0; k < r->count; k++) {
			f = r->first + k;
			CHECK(memory_refs(a, f) == memory_refs(b, f) && !memory_pinned(b, f));
			CHECK(!va[k] || !memcmp(memory_ptr(a, f), memory_ptr(b, f), PAGE_SIZE));
		}
	}
	/* What is free is the same: both hand out the same frames from here on. */
	for (unsigned i = 0; i < 1000; i++) {
		unsigned n = 1 + random() % 30;
		frame_t g;

		CHECK(memory_alloc(a, n, MEMORY_SHARED, &f) == 0);
		CHECK(memory_alloc(b, n, MEMORY_SHARED, &g) == 0);
		CHECK(f == g);
	}
}

static void empty(struct memory *m)
{
	for (unsigned k = 0; k < MEMORY_KINDS; k++)
		CHECK(memory_usage(m, k) == 0);
	CHECK(memory_total_usage(m) == 0);
}

static off_t length(int fd)
{
	return lseek(fd, 0, SEEK_END);
}

/* A damaged copy of the stream is refused; then it is whole again. */
static void refused_byte(struct memory *m, int fd, off_t at)
{
	uint8_t byte, bad;

	CHECK(pread(fd, &byte, 1, at) == 1);
	bad = byte ^ (1 << random() % 8);
	CHECK(pwrite(fd, &bad, 1, at) == 1);
	CHECK(load(m, fd) < 0, "byte %ld", at);
	empty(m);
	CHECK(pwrite(fd, &byte, 1, at) == 1);
}

static void refused_length(struct memory *m, int fd, off_t len)
{
	off_t whole = length(fd);
	char *copy = malloc(whole);

	CHECK(copy && pread(fd, copy, whole, 0) == whole);
	CHECK(ftruncate(fd, len) == 0);
	CHECK(load(m, fd) == -EBADMSG, "cut at %ld", len);
	empty(m);
	CHECK(pwrite(fd, copy, whole, 0) == whole);
	free(copy);
}

static void damage(void)
{
	struct memory *m = new_memory(64 * CHUNK_PAGES), *small = new_memory(CHUNK_PAGES);
	struct error err = ERROR_INIT;
	frame_t f;
	int fd;

	fill(m);
	fd = saved(m);
	memory_destroy(m);
	m = new_memory(64 * CHUNK_PAGES);

	for (off_t at = 0; at < 80; at++)
		refused_byte(m, fd, at);
	for (unsigned i = 0; i < 100; i++)
		refused_byte(m, fd, random() % length(fd));
	refused_byte(m, fd, length(fd) - 1);
	for (off_t len = 0; len < 60; len += 7)
		refused_length(m, fd, len);
	for (unsigned i = 0; i < 20; i++)
		refused_length(m, fd, random() % length(fd));
	refused_length(m, fd, length(fd) - 1);

	CHECK(load(small, fd) == -ENOMEM);
	CHECK(memory_alloc(small, 1, MEMORY_SYSTEM, &f) == 0);
	CHECK(load(small, fd) == -EBUSY);
	CHECK(memory_refs(small, f) == 1);
	memory_unref(small, f, 1);

	/* A frame in use by a host call cannot be saved; a full disk is an error. */
	CHECK(memory_alloc(small, 1, MEMORY_SYSTEM, &f) == 0);
	memory_pin(small, f, 1);
	CHECK(memory_save_to(small, fd, &err) == -EBUSY);
	memory_unpin(small, f, 1);
	close(fd);
	fd = open("/dev/full", O_WRONLY | O_CLOEXEC);
	CHECK(fd >= 0 && memory_save_to(small, fd, &err) == -ENOSPC);
	error_free(&err);
	close(fd);
	memory_destroy(small);
	memory_destroy(m);
}

/* Through a pipe, which takes and gives little at a time; the stream ends where it ends. */
static void through_pipe(struct memory *from, struct memory *to)
{
	struct error err = ERROR_INIT;
	int p[2], status;
	char rest[8];

	CHECK(pipe(p) == 0);
	if (fork() == 0) {
		close(p[0]);
		_exit(memory_save_to(from, p[1], &err) != 0 || write(p[1], "after", 6) != 6);
	}
	close(p[1]);
	CHECK(memory_load_from(to, p[0], &err) == 0, "%s", err.msg);
	CHECK(read(p[0], rest, sizeof(rest)) == 6 && strcmp(rest, "after") == 0);
	close(p[0]);
	CHECK(wait(&status) > 0 && status == 0);
}

int main(void)
{
	srandom(7);
	safecopy_init();
	for (int i = 0; i < 4; i++) {
		struct memory *m = new_memory(64 * CHUNK_PAGES), *n = new_memory(64 * CHUNK_PAGES);

		if (i == 3) { /* into memory that was used before */
			fill(n);
			for (unsigned k = 0; k < RANGES; k++)
				for (unsigned j = 0; j < range[k].count; j++)
					while (memory_usage(n, range[k].kind) &&
					       memory_refs(n, range[k].first + j))
						memory_unref(n, range[k].first + j, 1);
			empty(n);
		}
		if (i)
			fill(m);
		else
			memset(range, 0, sizeof(range));
		if (i % 2) {
			through_pipe(m, n);
		} else {
			int fd = saved(m);

			CHECK(load(n, fd) == 0);
			close(fd);
		}
		compare(m, n);
		memory_destroy(m);
		memory_destroy(n);
	}
	damage();
	return 0;
}
