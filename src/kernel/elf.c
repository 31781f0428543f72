/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "kernel/elf.h"

#include <errno.h>
#include <linux/limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "mm/mm.h"

/* Linux reads at most this much program header table. */
#define PHDRS_MAX 65536
/* Nothing is mapped below this (vm.mmap_min_addr's usual value). */
#define MMAP_MIN_ADDR 65536UL

#define page_down(a) ((a) & PAGE_MASK)
#define page_up(a) (((a) + PAGE_SIZE - 1) & PAGE_MASK)

static int read_exactly(const struct elf_reader *r, void *buf, size_t n, uint64_t offset)
{
	ssize_t got = r->read(r->arg, buf, n, offset);

	if (got < 0)
		return got;
	return (size_t)got == n ? 0 : -EIO;
}

static int check_header(const Elf64_Ehdr *eh)
{
	if (memcmp(eh->e_ident, ELFMAG, SELFMAG) || eh->e_ident[EI_CLASS] != ELFCLASS64 ||
	    eh->e_ident[EI_DATA] != ELFDATA2LSB)
		return -ENOEXEC;
	if ((eh->e_type != ET_EXEC && eh->e_type != ET_DYN) || eh->e_machine != EM_X86_64)
		return -ENOEXEC;
	if (eh->e_phentsize != sizeof(Elf64_Phdr) || eh->e_phnum < 1 ||
	    eh->e_phnum > PHDRS_MAX / sizeof(Elf64_Phdr))
		return -ENOEXEC;
	if (eh->e_phoff > INT64_MAX - PHDRS_MAX)
		return -ENOEXEC;
	return 0;
}

static int read_interp(const struct elf_reader *r, const Elf64_Phdr *ph, char **out)
{
	char *path;
	int err;

	if (ph->p_filesz < 2 || ph->p_filesz > PATH_MAX || ph->p_offset > INT64_MAX - PATH_MAX)
		return -ENOEXEC;
	path = malloc(ph->p_filesz);
	if (!path)
		return -ENOMEM;
	err = read_exactly(r, path, ph->p_filesz, ph->p_offset);
	if (err == 0 && path[ph->p_filesz - 1] != '\0')
		err = -ENOEXEC;
	if (err < 0) {
		free(path);
		return err;
	}
	*out = path;
	return 0;
}

/* One PT_LOAD: must lie in user space, and its file part where mmap(2) can put it. */
static int check_segment(struct elf *e, const Elf64_Phdr *ph)
{
	uint64_t start = page_down(ph->p_vaddr);

	if (ph->p_filesz > ph->p_memsz || ph->p_memsz > TASK_SIZE ||
	    ph->p_vaddr > TASK_SIZE - ph->p_memsz)
		return -EINVAL;
	if (ph->p_offset > INT64_MAX - ph->p_filesz - PAGE_SIZE)
		return -EINVAL;
	if (ph->p_filesz && (ph->p_offset & ~PAGE_MASK) != (ph->p_vaddr & ~PAGE_MASK))
		return -EINVAL;
	if (e->eh.e_type == ET_EXEC && start < MMAP_MIN_ADDR)
		return -EINVAL;
	if (e->last == 0 || start < e->first)
		e->first = start;
	if (page_up(ph->p_vaddr + ph->p_memsz) > e->last)
		e->last = page_up(ph->p_vaddr + ph->p_memsz);
	if (ph->p_align > e->align && (ph->p_align & (ph->p_align - 1)) == 0 &&
	    ph->p_align <= 1UL << 30)
		e->align = ph->p_align;
	return 0;
}

static int check_segments(const struct elf_reader *r, struct elf *e)
{
	int err = 0;

	e->align = PAGE_SIZE;
	for (unsigned i = 0; i < e->eh.e_phnum && err == 0; i++) {
		const Elf64_Phdr *ph = &e->ph[i];

		switch (ph->p_type) {
		case PT_INTERP:
			/* Linux takes the first one. */
			if (!e->interp)
				err = read_interp(r, ph, &e->interp);
			break;
		case PT_GNU_STACK:
			e->exec_stack = ph->p_flags & PF_X;
			break;
		case PT_LOAD:
			if (ph->p_memsz)
				err = check_segment(e, ph);
			break;
		}
	}
	if (err == 0 && e->last == 0)
		err = -EINVAL;
	return err;
}

int elf_read(const struct elf_reader *r, struct elf *out)
{
	struct elf e = {0};
	size_t size;
	int err = read_exactly(r, &e.eh, sizeof(e.eh), 0);

	if (err == -EIO)
		err = -ENOEXEC;
	if (err == 0)
		err = check_header(&e.eh);
	if (err < 0)
		return err;
	size = e.eh.e_phnum * sizeof(Elf64_Phdr);
	e.ph = malloc(size);
	if (!e.ph)
		return -ENOMEM;
	err = read_exactly(r, e.ph, size, e.eh.e_phoff);
	if (err == -EIO)
		err = -ENOEXEC;
	if (err == 0)
		err = check_segments(r, &e);
	if (err < 0) {
		elf_free(&e);
		return err;
	}
	*out = e;
	return 0;
}

void elf_free(struct elf *e)
{
	free(e->ph);
	free(e->interp);
	e->ph = NULL;
	e->interp = NULL;
}

/* ---- mapping ------------------------------------------------------------------------------------- */

static unsigned segment_prot(const Elf64_Phdr *ph)
{
	return (ph->p_flags & PF_R ? PROT_READ : 0) | (ph->p_flags & PF_W ? PROT_WRITE : 0) |
	       (ph->p_flags & PF_X ? PROT_EXEC : 0);
}

static int clear_page_tail(struct mm *mm, uint64_t addr, unsigned prot)
{
	static const char zeros[PAGE_SIZE];
	uint64_t n = page_up(addr) - addr;

	/* As Linux: what the program may not write is not cleared either. */
	if (n == 0 || !(prot & PROT_WRITE))
		return 0;
	return mm_copy_out(mm, addr, zeros, n);
}

static int map_segment(struct mm *mm, struct file *f, const Elf64_Phdr *ph, uint64_t bias)
{
	uint64_t start = ph->p_vaddr + bias, file_end = start + ph->p_filesz;
	uint64_t end = page_up(start + ph->p_memsz), from = page_down(start);
	unsigned prot = segment_prot(ph);
	int64_t r;

	if (ph->p_filesz) {
		r = mm_mmap(mm, from, page_up(file_end) - from, prot, MAP_PRIVATE | MAP_FIXED, f,
			    page_down(ph->p_offset));
		if (r < 0)
			return r;
		from = page_up(file_end);
		if (ph->p_memsz > ph->p_filesz) {
			int err = clear_page_tail(mm, file_end, prot);

			if (err < 0)
				return err;
		}
	}
	if (end <= from)
		return 0;
	r = mm_mmap(mm, from, end - from, prot, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, NULL, 0);
	return r < 0 ? r : 0;
}

/* Finds room for the whole span, as one piece. */
static int64_t find_place(const struct elf *e, struct mm *mm, uint64_t base)
{
	uint64_t size = e->last - e->first, slack = e->align > PAGE_SIZE ? e->align : 0;
	unsigned flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
	int64_t addr;

	if (e->eh.e_type == ET_EXEC)
		base = e->first;
	if (e->eh.e_type == ET_EXEC || base)
		flags |= MAP_FIXED_NOREPLACE;
	if (e->eh.e_type == ET_EXEC)
		slack = 0;
	else if (base)
		base = (base + slack) & ~(e->align - 1), slack = 0;
	addr = mm_mmap(mm, base, size + slack, PROT_NONE, flags, NULL, 0);
	if (addr < 0)
		return addr;
	mm_munmap(mm, addr, size + slack);
	return slack ? (int64_t)(((uint64_t)addr + slack) & ~(e->align - 1)) : addr;
}

static void note_limits(const Elf64_Phdr *ph, struct elf_place *p)
{
	uint64_t start = ph->p_vaddr + p->bias;

	if ((ph->p_flags & PF_X) && start < p->code_start)
		p->code_start = start;
	if ((ph->p_flags & PF_X) && start + ph->p_filesz > p->code_end)
		p->code_end = start + ph->p_filesz;
	if (start > p->data_start)
		p->data_start = start;
	if (start + ph->p_filesz > p->data_end)
		p->data_end = start + ph->p_filesz;
	if (start + ph->p_memsz > p->end)
		p->end = start + ph->p_memsz;
}

int elf_map(const struct elf *e, struct mm *mm, struct file *f, uint64_t base,
	    struct elf_place *out)
{
	struct elf_place p = {.code_start = UINT64_MAX};
	int64_t addr = find_place(e, mm, base);

	if (addr < 0)
		return addr;
	p.bias = (uint64_t)addr - e->first;
	p.entry = e->eh.e_entry + p.bias;
	for (unsigned i = 0; i < e->eh.e_phnum; i++) {
		const Elf64_Phdr *ph = &e->ph[i];
		int r;

		if (ph->p_type != PT_LOAD || !ph->p_memsz)
			continue;
		r = map_segment(mm, f, ph, p.bias);
		if (r < 0)
			return r;
		note_limits(ph, &p);
		/* Where the program finds its own headers: the segment that holds them. */
		if (ph->p_offset <= e->eh.e_phoff && e->eh.e_phoff - ph->p_offset < ph->p_filesz)
			p.phdr = e->eh.e_phoff - ph->p_offset + ph->p_vaddr + p.bias;
	}
	if (p.code_start == UINT64_MAX)
		p.code_start = p.code_end = 0;
	*out = p;
	return 0;
}
