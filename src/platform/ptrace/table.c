/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which page is where: four levels of 512 entries, as the processor's own tables are, since the
 * host does not say what we once asked it to map.
 */
#include "platform/ptrace/ptrace.h"

#include <stdlib.h>

#define ENTRIES 512
#define LEVELS 4 /* the last has the entries */

struct table {
	union {
		struct table *down[ENTRIES];
		uint64_t entry[ENTRIES];
	};
};

struct table *table_new(void)
{
	return calloc(1, sizeof(struct table));
}

static void free_level(struct table *t, unsigned level)
{
	if (!t)
		return;
	for (unsigned i = 0; level > 1 && i < ENTRIES; i++)
		free_level(t->down[i], level - 1);
	free(t);
}

void table_free(struct table *root)
{
	free_level(root, LEVELS);
}

static unsigned index_at(uint64_t addr, unsigned level)
{
	return addr >> (PAGE_SHIFT + 9 * (level - 1)) & (ENTRIES - 1);
}

uint64_t *table_chunk(struct table *root, uint64_t addr, bool make)
{
	struct table *t = root;

	for (unsigned level = LEVELS; level > 1; level--) {
		struct table **down = &t->down[index_at(addr, level)];

		if (!*down && make)
			*down = table_new();
		if (!*down)
			return NULL;
		t = *down;
	}
	return t->entry;
}

uint64_t table_skip(struct table *root, uint64_t addr, uint64_t end)
{
	while (addr < end) {
		struct table *t = root;
		unsigned level = LEVELS;

		for (; level > 1 && t; level--)
			t = t->down[index_at(addr, level)];
		if (t)
			return addr;
		/* What is missing is of this level: go behind all that it would cover. */
		level++;
		addr = (addr | ((1UL << (PAGE_SHIFT + 9 * (level - 1))) - 1)) + 1;
	}
	return end;
}
