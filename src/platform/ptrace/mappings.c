/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Address spaces: what user code sees is mapped into its stub by system calls that the calling
 * thread's own worker makes there. They are done when they return: the host's page tables are the
 * only ones, and it flushes them itself.
 *
 * The table remembers what is mapped where, because the host is not asked: for what is mapped
 * already nothing is done, for what only changes its rights the pages stay.
 */
#include "platform/ptrace/ptrace.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "base/log.h"

#define CHUNK_ENTRIES 512

int traced_new_space(struct platform *base, struct address_space **out)
{
	struct traced *p = traced_of(base);
	struct traced_space *as = calloc(1, sizeof(*as));
	int r;

	if (!as)
		return -ENOMEM;
	as->traced = p;
	as->id = 1 + atomic_fetch_add(&p->next_space, 1);
	as->root = table_new();
	r = as->root ? stub_get(p, &as->stub) : -ENOMEM;
	if (r < 0) {
		table_free(as->root);
		free(as);
		return r;
	}
	*out = &as->base;
	return 0;
}

void traced_destroy_space(struct address_space *base)
{
	struct traced_space *as = traced_space_of(base);

	stub_put(as->stub);
	table_free(as->root);
	free(as);
}

/* ---- in the stub ----------------------------------------------------------------------------- */

static int protection(unsigned access)
{
	return PROT_READ | (access & ACCESS_WRITE ? PROT_WRITE : 0) |
	       (access & ACCESS_EXEC ? PROT_EXEC : 0);
}

/*
 * What cannot be taken away must not stay: without memory for the host's own bookkeeping, the stub
 * is ended.
 */
static void must(struct traced_space *as, long result, const char *what)
{
	if (result == 0)
		return;
	atomic_store(&as->stub->broken, true);
	if (result == -ESRCH)
		return; /* there is nobody any more who could use it */
	log_error("ptrace: stub %d: %s: error %ld; the address space is given up", as->stub->pid,
		  what, -result);
	trace_kill(as->traced, as->stub->pid, as->stub->pid);
}

static void unmap_there(struct traced_space *as, struct worker *w, uint64_t addr, uint64_t len)
{
	must(as, trace_call(as->traced, w->tid, SYS_munmap, addr, len, 0, 0, 0, 0), "munmap");
}

/* ---- mapping; under as->lock ----------------------------------------------------------------- */

enum change {
	CHANGE_NONE,	/* it is all there already */
	CHANGE_RIGHTS,	/* the pages are there, with other rights */
	CHANGE_MAPPING, /* something else is there, or nothing */
};

static enum change compare(struct table *root, uint64_t addr, uint64_t entry, unsigned count)
{
	enum change change = CHANGE_NONE;

	while (count) {
		unsigned i = addr >> PAGE_SHIFT & (CHUNK_ENTRIES - 1);
		uint64_t *e = table_chunk(root, addr, false);

		if (!e)
			return CHANGE_MAPPING;
		for (; i < CHUNK_ENTRIES && count; i++, count--) {
			if (!(e[i] & ENTRY_ACCESS) || (e[i] ^ entry) & ~ENTRY_ACCESS)
				return CHANGE_MAPPING;
			if (e[i] != entry)
				change = CHANGE_RIGHTS;
			entry += ENTRY_NEXT;
			addr += PAGE_SIZE;
		}
	}
	return change;
}

/* entry 0: nothing is there. The tables exist, or (0) need not. */
static void set_entries(struct table *root, uint64_t addr, uint64_t entry, unsigned count)
{
	while (count) {
		unsigned i = addr >> PAGE_SHIFT & (CHUNK_ENTRIES - 1);
		unsigned n = count < CHUNK_ENTRIES - i ? count : CHUNK_ENTRIES - i;
		uint64_t *e = table_chunk(root, addr, false);

		for (unsigned k = 0; e && k < n; k++)
			e[i + k] = entry ? entry + k * ENTRY_NEXT : 0;
		if (entry)
			entry += n * ENTRY_NEXT;
		addr += (uint64_t)n << PAGE_SHIFT;
		count -= n;
	}
}

static int make_tables(struct table *root, uint64_t addr, unsigned count)
{
	uint64_t end = addr + ((uint64_t)count << PAGE_SHIFT);

	for (uint64_t a = addr; a < end; a = (a | (CHUNK_SIZE - 1)) + 1)
		if (!table_chunk(root, a, true))
			return -ENOMEM;
	return 0;
}

/* Maps count pages of fd from offset on; entry is the first one's, with its rights. */
static int map_pages(struct traced_space *as, uint64_t addr, uint64_t entry, unsigned count, int fd,
		     uint64_t offset, int flags)
{
	uint64_t len = (uint64_t)count << PAGE_SHIFT;
	unsigned access = entry & ENTRY_ACCESS;
	struct worker *w;
	long r = worker_get(as, &w);

	if (r < 0)
		return r == -ENOMEM || r == -EAGAIN ? r : -ENOMEM;
	atomic_fetch_add_explicit(&as->traced->maps, 1, memory_order_relaxed);
	atomic_fetch_add_explicit(&as->traced->mapped_pages, count, memory_order_relaxed);
	pthread_mutex_lock(&as->base.lock);
	r = make_tables(as->root, addr, count);
	switch (r < 0 ? CHANGE_NONE : compare(as->root, addr, entry, count)) {
	case CHANGE_NONE:
		break;
	case CHANGE_RIGHTS:
		r = trace_call(as->traced, w->tid, SYS_mprotect, addr, len, protection(access), 0,
			       0, 0);
		if (r == 0) {
			set_entries(as->root, addr, entry, count);
			break;
		}
		/* No memory to split the mapping: make it anew. */
		__attribute__((fallthrough));
	case CHANGE_MAPPING:
		r = trace_call(as->traced, w->tid, SYS_mmap, addr, len, protection(access),
			       MAP_SHARED | MAP_FIXED | flags, fd, offset);
		r = r == (long)addr ? 0 : r < 0 ? r : -ENOMEM;
		set_entries(as->root, addr, r == 0 ? entry : 0, count);
		if (r < 0)
			unmap_there(as, w, addr, len);
		break;
	}
	pthread_mutex_unlock(&as->base.lock);
	return r;
}

static int map_or_unmap(struct traced_space *as, uint64_t addr, uint64_t page, unsigned count,
			unsigned access, int fd, uint64_t offset, int flags)
{
	struct address_range range = {addr, (uint64_t)count << PAGE_SHIFT};

	if (access & ACCESS_READ)
		return map_pages(as, addr, page << ENTRY_SHIFT | (page & ENTRY_WINDOW) | access,
				 count, fd, offset, flags);
	traced_restrict(&as->base, &range, 1, 0);
	return 0;
}

int traced_map(struct address_space *base, uint64_t addr, frame_t first, unsigned count,
	       unsigned access, bool precommit)
{
	struct traced_space *as = traced_space_of(base);

	return map_or_unmap(as, addr, first, count, access, memory_fd(as->traced->base.memory),
			    (uint64_t)first << PAGE_SHIFT, precommit ? MAP_POPULATE : 0);
}

int traced_map_window(struct address_space *base, uint64_t addr, struct window *w, unsigned first,
		      unsigned count, unsigned access)
{
	struct traced_space *as = traced_space_of(base);
	uint64_t page = ((uint64_t)w->index << (CHUNK_SHIFT - PAGE_SHIFT)) + first;

	return map_or_unmap(as, addr, page | ENTRY_WINDOW, count, access, w->fd,
			    w->offset + ((uint64_t)first << PAGE_SHIFT), 0);
}

/* ---- taking away; under as->lock ------------------------------------------------------------- */

/* A run of pages that end up with the same rights, or (access 0) with none. */
struct run {
	uint64_t addr, len;
	unsigned access;
};

static void apply(struct traced_space *as, struct worker *w, struct run *run)
{
	if (run->len && run->access)
		must(as,
		     trace_call(as->traced, w->tid, SYS_mprotect, run->addr, run->len,
				protection(run->access), 0, 0, 0),
		     "mprotect");
	else if (run->len)
		unmap_there(as, w, run->addr, run->len);
	run->len = 0;
}

static void add_page(struct traced_space *as, struct worker *w, struct run *run, uint64_t addr,
		     unsigned access)
{
	/* Where nothing is mapped in between, nothing is unmapped with it. */
	if (run->len && run->access == access && (access == 0 || run->addr + run->len == addr)) {
		run->len = addr + PAGE_SIZE - run->addr;
		return;
	}
	apply(as, w, run);
	*run = (struct run){addr, PAGE_SIZE, access};
}

static void narrow(struct traced_space *as, struct worker *w, uint64_t addr, uint64_t end,
		   unsigned access)
{
	struct run run = {0};

	if (!(access & ACCESS_READ))
		access = 0;
	while ((addr = table_skip(as->root, addr, end)) < end) {
		uint64_t *e = table_chunk(as->root, addr, false);
		uint64_t stop = (addr | (CHUNK_SIZE - 1)) + 1;

		for (; addr < end && addr < stop; addr += PAGE_SIZE) {
			uint64_t *entry = &e[addr >> PAGE_SHIFT & (CHUNK_ENTRIES - 1)];
			unsigned now = *entry & ENTRY_ACCESS;

			if (!now || (now & access) == now)
				continue;
			*entry = access ? (*entry & ~ENTRY_ACCESS) | (now & access) : 0;
			add_page(as, w, &run, addr, now & access);
		}
	}
	apply(as, w, &run);
}

/* Is there anything to take away? Then a worker is needed. */
static bool any_mapped(struct traced_space *as, const struct address_range *ranges, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		uint64_t end = ranges[i].addr + ranges[i].len;

		if (table_skip(as->root, ranges[i].addr, end) < end)
			return true;
	}
	return false;
}

void traced_restrict(struct address_space *base, const struct address_range *ranges, size_t count,
		     unsigned access)
{
	struct traced_space *as = traced_space_of(base);
	struct worker *w;
	bool any;
	int r;

	atomic_fetch_add_explicit(&as->traced->unmaps, 1, memory_order_relaxed);
	pthread_mutex_lock(&base->lock);
	any = any_mapped(as, ranges, count);
	pthread_mutex_unlock(&base->lock);
	if (!any)
		return;
	r = worker_get(as, &w);
	if (r < 0) {
		must(as, r, "a thread to take mappings away");
		return;
	}
	pthread_mutex_lock(&base->lock);
	for (size_t i = 0; i < count; i++)
		narrow(as, w, ranges[i].addr, ranges[i].addr + ranges[i].len, access);
	pthread_mutex_unlock(&base->lock);
}

/* ---- looking --------------------------------------------------------------------------------- */

void *traced_find_page(struct address_space *base, uint64_t addr, unsigned access)
{
	struct traced_space *as = traced_space_of(base);
	uint64_t *e = table_chunk(as->root, addr, false), entry, page;

	entry = e ? e[addr >> PAGE_SHIFT & (CHUNK_ENTRIES - 1)] : 0;
	if (!(entry & ENTRY_ACCESS) || (access & ~entry))
		return NULL;
	page = (entry & ~ENTRY_WINDOW) >> ENTRY_SHIFT;
	if (entry & ENTRY_WINDOW)
		return as->traced->base.windows.arena + (page << PAGE_SHIFT);
	return memory_ptr(as->traced->base.memory, page);
}
