/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Lowest address first, because then holes are filled before the end of the file moves. After a
 * million random requests of the sizes that mm/ asks for (pages, blocks, whole chunks) the file is
 * 2 % longer than what was in use at most; with sizes spread evenly over 1 … 512 it is 15 %, and
 * best fit instead would make that 14 %. (Blocks of powers of two, the allocator that was here
 * before, had 64 %.)
 */
#include "platform/free_map.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#define WORDS (CHUNK_PAGES / 64)

static void *reserve(uint64_t bytes)
{
	void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	return p == MAP_FAILED ? NULL : p;
}

static uint64_t bits_size(const struct free_map *fm)
{
	return fm->max_chunks * WORDS * sizeof(*fm->bits);
}

/* The tree is as if there were a power of two of chunks. */
static uint64_t nodes_size(const struct free_map *fm)
{
	uint64_t n = 1;

	while (n < fm->max_chunks)
		n *= 2;
	return n * 2 * sizeof(*fm->nodes);
}

int free_map_init(struct free_map *fm, uint64_t max_chunks)
{
	fm->max_chunks = max_chunks;
	fm->bits = reserve(bits_size(fm));
	fm->nodes = reserve(nodes_size(fm));
	return fm->bits && fm->nodes ? 0 : -ENOMEM;
}

void free_map_destroy(struct free_map *fm)
{
	if (fm->bits)
		munmap(fm->bits, bits_size(fm));
	if (fm->nodes)
		munmap(fm->nodes, nodes_size(fm));
}

/* ---- the tree -------------------------------------------------------------------------------- */

/*
 * Node i of level k covers chunks [i << k, (i + 1) << k). Nodes are stored in order, as one would
 * write the tree on a line, so those of a small memory lie together.
 */
static struct free_node *node_at(struct free_map *fm, unsigned level, uint64_t i)
{
	return &fm->nodes[((2 * i + 1) << level) - 1];
}

static unsigned root_level(const struct free_map *fm)
{
	return fm->chunks <= 1 ? 0 : 32 - __builtin_clz(fm->chunks - 1);
}

/* The first frame of a chunk from `at` on that is free (or not free); CHUNK_PAGES: none. */
static unsigned next(const uint64_t *bits, unsigned at, bool free)
{
	while (at < CHUNK_PAGES) {
		uint64_t word = (free ? bits[at / 64] : ~bits[at / 64]) >> at % 64;

		if (word)
			return at + __builtin_ctzll(word);
		at = (at | 63) + 1;
	}
	return CHUNK_PAGES;
}

static struct free_node of_bits(const uint64_t *bits)
{
	struct free_node n = {0};
	unsigned at = next(bits, 0, true), end;

	for (; at < CHUNK_PAGES; at = next(bits, end, true)) {
		end = next(bits, at, false);
		if (at == 0)
			n.prefix = end;
		if (end == CHUNK_PAGES)
			n.suffix = end - at;
		if (end - at > n.max)
			n.max = end - at;
	}
	n.whole = n.max == CHUNK_PAGES;
	return n;
}

static struct free_node unite(const struct free_node *l, const struct free_node *r, unsigned level)
{
	/* What each of the two covers, frames. */
	uint64_t each = (uint64_t)CHUNK_PAGES << (level - 1);
	struct free_node n = {
	    .prefix = l->prefix == each ? l->prefix + r->prefix : l->prefix,
	    .suffix = r->suffix == each ? r->suffix + l->suffix : r->suffix,
	    .max = l->suffix + r->prefix,
	    .whole = l->whole | r->whole,
	};

	if (l->max > n.max)
		n.max = l->max;
	if (r->max > n.max)
		n.max = r->max;
	return n;
}

/* The bits of a chunk have changed. */
static void update(struct free_map *fm, uint64_t chunk)
{
	*node_at(fm, 0, chunk) = of_bits(&fm->bits[chunk * WORDS]);
	for (unsigned level = 1; level <= root_level(fm); level++) {
		uint64_t i = chunk >> level;

		*node_at(fm, level, i) =
		    unite(node_at(fm, level - 1, 2 * i), node_at(fm, level - 1, 2 * i + 1), level);
	}
}

static void set_bits(struct free_map *fm, frame_t first, frame_t end, bool free)
{
	for (frame_t f = first; f < end;) {
		unsigned from = f % 64, n = end - f < 64 - from ? end - f : 64 - from;
		uint64_t mask = (n == 64 ? ~0UL : (1UL << n) - 1) << from;

		assert((fm->bits[f / 64] & mask) == (free ? 0 : mask));
		fm->bits[f / 64] ^= mask;
		f += n;
	}
	for (uint64_t c = first / CHUNK_PAGES; c <= (end - 1) / CHUNK_PAGES; c++)
		update(fm, c);
}

/* The first of n free frames in a row within one chunk, where there are so many. */
static frame_t find_in_chunk(const struct free_map *fm, uint64_t chunk, unsigned n)
{
	const uint64_t *bits = &fm->bits[chunk * WORDS];
	unsigned at = next(bits, 0, true), end = next(bits, at, false);

	while (end - at < n) {
		at = next(bits, end, true);
		end = next(bits, at, false);
	}
	return chunk * CHUNK_PAGES + at;
}

static frame_t find(struct free_map *fm, unsigned n)
{
	unsigned level = root_level(fm);
	uint64_t i = 0;

	if (node_at(fm, level, 0)->max < n)
		return 0;
	for (; level > 0; level--) {
		const struct free_node *l = node_at(fm, level - 1, 2 * i);
		const struct free_node *r = node_at(fm, level - 1, 2 * i + 1);

		i *= 2;
		if (l->max >= n)
			continue;
		if (l->suffix + r->prefix >= n)
			return ((i + 1) << (level - 1)) * CHUNK_PAGES - l->suffix;
		i++;
	}
	return find_in_chunk(fm, i, n);
}

static frame_t find_whole(struct free_map *fm)
{
	unsigned level = root_level(fm);
	uint64_t i = 0;

	if (!node_at(fm, level, 0)->whole)
		return 0;
	for (; level > 0; level--)
		i = 2 * i + !node_at(fm, level - 1, 2 * i)->whole;
	return i * CHUNK_PAGES;
}

/* ---- the functions of free_map.h ------------------------------------------------------------- */

void free_map_add_chunk(struct free_map *fm)
{
	frame_t first = fm->chunks * CHUNK_PAGES;

	assert(fm->chunks < fm->max_chunks);
	fm->chunks++;
	set_bits(fm, first ? first : 1, first + CHUNK_PAGES, true);
}

frame_t free_map_take(struct free_map *fm, unsigned count)
{
	frame_t f = 0;

	assert(count >= 1 && count <= CHUNK_PAGES);
	if (fm->chunks)
		f = count == CHUNK_PAGES ? find_whole(fm) : find(fm, count);
	if (f)
		set_bits(fm, f, f + count, false);
	return f;
}

void free_map_claim(struct free_map *fm, frame_t first, frame_t end)
{
	set_bits(fm, first, end, false);
}

void free_map_give(struct free_map *fm, frame_t first, frame_t end)
{
	assert(first && first < end && end <= fm->chunks * CHUNK_PAGES);
	set_bits(fm, first, end, true);
}

void free_map_reset(struct free_map *fm)
{
	uint64_t n = 1;

	while (n < fm->chunks)
		n *= 2;
	memset(fm->bits, 0, fm->chunks * WORDS * sizeof(*fm->bits));
	memset(fm->nodes, 0, n * 2 * sizeof(*fm->nodes));
	fm->chunks = 0;
}
