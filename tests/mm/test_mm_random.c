/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Random operations on several address spaces, each compared after every step with a model that is
 * too simple to be wrong: an array of pages with their rights and one value each. Private file pages
 * come from one file that never changes, shared ones from another.
 *
 * usage: test_mm_random [rounds] [seed]
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/safecopy.h"
#include "fake_vfs.h"
#include "machine.h"
#include "mm/mm.h"

#define BASE 0x10055000UL /* not aligned to a chunk on purpose */
#define PAGES 1400
#define MMS 5
#ifndef ROUNDS
#define ROUNDS 20000
#endif
#define WORD 5 /* which word of a page is looked at */
#define FILE_PAGES 700
#define SHARED_SLOTS 200000

enum kind { NONE, ANON_PRIVATE, FILE_PRIVATE, SHARED };

struct model_page {
	enum kind kind;
	unsigned prot;
	uint64_t value;	  /* private kinds */
	uint64_t *shared; /* SHARED: where the value is */
};

struct space {
	struct mm *mm;
	struct model_page page[PAGES];
};

static struct space spaces[MMS];
static struct file *file_private, *file_shared;
static uint64_t file_shared_value[FILE_PAGES];
static uint64_t shared_value[SHARED_SLOTS];
static unsigned shared_next;
static unsigned long step;

static unsigned rnd(unsigned n)
{
	return (unsigned)random() % n;
}

static uint64_t address(unsigned page)
{
	return BASE + page * PAGE_SIZE;
}

#define require(cond)                                                                              \
	do {                                                                                       \
		if (!(cond)) {                                                                     \
			fprintf(stderr, "step %lu, line %d: not so: %s\n", step, __LINE__, #cond); \
			abort();                                                                   \
		}                                                                                  \
	} while (0)

static uint64_t private_file_value(unsigned page)
{
	return 0xf11e0000 + page;
}

static uint64_t *value_of(struct model_page *p)
{
	return p->kind == SHARED ? p->shared : &p->value;
}

static void access_page(struct space *s, unsigned page, bool write)
{
	struct model_page *p = &s->page[page];
	uint64_t v = write ? (uint64_t)random() : 0;
	enum fault_result r;

	if (write && (p->prot & PROT_WRITE) && p->kind != NONE)
		*value_of(p) = v;
	if (rnd(2)) {
		r = machine_access(s->mm, address(page) + WORD * 8, write, &v);
		if (p->kind == NONE)
			require(r == FAULT_SEGV_MAPERR);
		else if (!p->prot || (write && !(p->prot & PROT_WRITE)))
			require(r == FAULT_SEGV_ACCERR);
		else
			require(r == FAULT_DONE && v == *value_of(p));
	} else {
		uint64_t at = address(page) + WORD * 8;
		int e = write ? mm_copy_out(s->mm, at, &v, 8) : mm_copy_in(s->mm, &v, at, 8);

		if (p->kind == NONE || !p->prot || (write && !(p->prot & PROT_WRITE)))
			require(e == -EFAULT);
		else
			require(e == 0 && v == *value_of(p));
	}
}

static void pick_range(unsigned *first, unsigned *n)
{
	*first = rnd(PAGES);
	*n = 1 + rnd(rnd(4) ? 12 : 900);
	if (*first + *n > PAGES)
		*n = PAGES - *first;
}

static unsigned random_prot(void)
{
	static const unsigned prots[] = {PROT_NONE, PROT_READ, PROT_READ | PROT_WRITE,
					 PROT_READ | PROT_WRITE, PROT_READ | PROT_EXEC};

	return prots[rnd(5)];
}

static void do_mmap(struct space *s)
{
	unsigned first, n, prot = random_prot(), flags = MAP_FIXED, offset = 0;
	enum kind kind = 1 + rnd(3);
	struct file *f = NULL;

	pick_range(&first, &n);
	if (kind == FILE_PRIVATE || (kind == SHARED && rnd(2))) {
		f = kind == SHARED ? file_shared : file_private;
		if (n > FILE_PAGES)
			n = FILE_PAGES;
		offset = rnd(FILE_PAGES - n + 1);
	} else {
		flags |= MAP_ANONYMOUS;
		if (kind == SHARED && shared_next + n > SHARED_SLOTS)
			return;
	}
	flags |= kind == SHARED ? MAP_SHARED : MAP_PRIVATE;
	require(mm_mmap(s->mm, address(first), n * PAGE_SIZE, prot, flags, f, offset * PAGE_SIZE) ==
		(int64_t)address(first));
	for (unsigned i = 0; i < n; i++) {
		struct model_page *p = &s->page[first + i];

		*p = (struct model_page){kind, prot, 0, NULL};
		if (kind == FILE_PRIVATE)
			p->value = private_file_value(offset + i);
		else if (kind == SHARED)
			p->shared = f ? &file_shared_value[offset + i]
				      : &shared_value[shared_next++];
	}
}

static void do_mprotect(struct space *s)
{
	unsigned first, n, prot = random_prot(), done;
	int r;

	pick_range(&first, &n);
	r = mm_mprotect(s->mm, address(first), n * PAGE_SIZE, prot);
	for (done = 0; done < n && s->page[first + done].kind != NONE; done++)
		s->page[first + done].prot = prot;
	require(r == (done < n ? -ENOMEM : 0));
}

static void do_munmap(struct space *s)
{
	unsigned first, n;

	pick_range(&first, &n);
	require(mm_munmap(s->mm, address(first), n * PAGE_SIZE) == 0);
	for (unsigned i = 0; i < n; i++)
		s->page[first + i].kind = NONE;
}

static void do_mremap(struct space *s)
{
	unsigned from = rnd(PAGES), to = rnd(PAGES), n = 1 + rnd(100);
	struct model_page moved[100];
	int64_t r;

	if (from < to + n && to < from + n)
		return;
	if (from + n > PAGES || to + n > PAGES || s->page[from].kind == NONE)
		return;
	memcpy(moved, &s->page[from], n * sizeof(moved[0]));
	r = mm_mremap(s->mm, address(from), n * PAGE_SIZE, n * PAGE_SIZE,
		      MREMAP_MAYMOVE | MREMAP_FIXED, address(to));
	if (r < 0) {
		require(r == -EFAULT); /* more than one VMA */
		return;
	}
	for (unsigned i = 0; i < n; i++) {
		require(moved[i].kind != NONE);
		s->page[to + i] = moved[i];
		s->page[from + i].kind = NONE;
	}
}

static void do_discard(struct space *s)
{
	unsigned first, n;

	pick_range(&first, &n);
	for (unsigned i = 0; i < n; i++)
		if (s->page[first + i].kind != ANON_PRIVATE)
			n = i;
	if (!n)
		return;
	require(mm_madvise(s->mm, address(first), n * PAGE_SIZE, MADV_DONTNEED) == 0);
	for (unsigned i = 0; i < n; i++)
		s->page[first + i].value = 0;
}

static void do_fork(struct space *s)
{
	struct space *t = &spaces[rnd(MMS)];

	if (t == s)
		return;
	if (t->mm)
		mm_put(t->mm);
	memcpy(t->page, s->page, sizeof(t->page));
	require(mm_fork(s->mm, &t->mm) == 0);
}

/* A read(2) into guest memory, with a fork in its middle now and then. */
static void do_pin(struct space *s)
{
	unsigned first, n, ok = 0;
	struct iovec guest_iov, host[64];
	size_t bytes, pos = 0;
	int count;

	pick_range(&first, &n);
	while (ok < n && s->page[first + ok].kind != NONE && (s->page[first + ok].prot & PROT_WRITE))
		ok++;
	guest_iov = (struct iovec){(void *)address(first), n * PAGE_SIZE};
	user_memory_use(&s->mm->user);
	count = user_pin(&guest_iov, 1, true, host, 64, &bytes);
	require(ok ? count > 0 && bytes <= ok * PAGE_SIZE && bytes % PAGE_SIZE == 0
		   : count == -EFAULT);
	if (count > 0 && rnd(3) == 0)
		do_fork(s);
	for (int i = 0; i < count; i++)
		for (size_t k = 0; k < host[i].iov_len; k += PAGE_SIZE, pos++) {
			uint64_t v = random();

			((uint64_t *)((char *)host[i].iov_base + k))[WORD] = v;
			*value_of(&s->page[first + pos]) = v;
		}
	if (count > 0)
		user_unpin(host, count);
	user_memory_use(NULL);
}

static void one_step(void)
{
	struct space *s = &spaces[rnd(MMS)];

	if (!s->mm) {
		memset(s->page, 0, sizeof(s->page));
		require(mm_new(machine_platform(), &s->mm) == 0);
		machine_prepare(s->mm);
	}
	switch (rnd(100)) {
	case 0 ... 9:
		do_mmap(s);
		break;
	case 10 ... 17:
		do_mprotect(s);
		break;
	case 18 ... 22:
		do_munmap(s);
		break;
	case 23 ... 27:
		do_mremap(s);
		break;
	case 28 ... 31:
		do_discard(s);
		break;
	case 32 ... 35:
		do_fork(s);
		break;
	case 36 ... 39:
		do_pin(s);
		break;
	case 40:
		machine_forget(s->mm);
		break;
	case 41:
		mm_put(s->mm);
		s->mm = NULL;
		break;
	default:
		for (int i = 0; i < 20; i++)
			access_page(s, rnd(PAGES), rnd(2));
	}
}

/* Files whose words say which page of the file they are in. */
static struct file *make_file(bool shared)
{
	int fd = memfd_create("f", MFD_CLOEXEC);
	uint64_t words[512];

	for (unsigned p = 0; p < FILE_PAGES; p++) {
		for (unsigned i = 0; i < 512; i++)
			words[i] = shared ? 0 : private_file_value(p);
		require(pwrite(fd, words, PAGE_SIZE, p * PAGE_SIZE) == (ssize_t)PAGE_SIZE);
	}
	return fake_file(fd, shared ? O_RDWR : O_RDONLY);
}

int main(int argc, char **argv)
{
	unsigned long rounds = argc > 1 ? strtoul(argv[1], NULL, 0) : ROUNDS;
	unsigned seed = argc > 2 ? strtoul(argv[2], NULL, 0) : 1;

	safecopy_init();
	srandom(seed);
	file_private = make_file(false);
	file_shared = make_file(true);
	for (step = 0; step < rounds; step++)
		one_step();
	for (int i = 0; i < MMS; i++) {
		for (unsigned p = 0; spaces[i].mm && p < PAGES; p++)
			access_page(&spaces[i], p, false);
		if (spaces[i].mm)
			mm_put(spaces[i].mm);
	}
	file_put(file_private);
	file_put(file_shared);
	require(machine_is_clean() && fake_files == 0);
	return 0;
}
