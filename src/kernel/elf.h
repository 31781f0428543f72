/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ELF programs (elf(5)), checked. The file is hostile: nothing in it is used before it is bounded,
 * and every sum of two of its numbers is checked for overflow.
 */
#ifndef HUSK_KERNEL_ELF_H
#define HUSK_KERNEL_ELF_H

#include <elf.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct file;
struct mm;

/* Reads n bytes at offset; bytes read (less at the end of the file) or a negative errno. */
struct elf_reader {
	ssize_t (*read)(void *arg, void *buf, size_t n, uint64_t offset);
	void *arg;
};

struct elf {
	Elf64_Ehdr eh;
	Elf64_Phdr *ph; /* malloc()ed; eh.e_phnum of them */
	char *interp;	/* malloc()ed path of PT_INTERP, or NULL */
	bool exec_stack;
	/* The page-aligned span of all PT_LOAD segments, and the strictest alignment asked for. */
	uint64_t first, last, align;
};

/*
 * Reads and checks the headers. -ENOEXEC: not an x86-64 program, or a broken one; -EINVAL:
 * segments that cannot be (outside of user space, file part larger than memory, misaligned); -EIO, -ENOMEM. With an error there is nothing to free.
 */
int elf_read(const struct elf_reader *r, struct elf *out);
void elf_free(struct elf *e);

struct elf_place {
	uint64_t bias; /* what is to be added to the file's addresses */
	uint64_t entry, phdr;
	uint64_t code_start, code_end, data_start, data_end, end;
};

/*
 * Maps the segments into mm. base: where a position-independent one is wanted (0: anywhere).
 * 0 or what mmap(2) says.
 */
int elf_map(const struct elf *e, struct mm *mm, struct file *f, uint64_t base,
	    struct elf_place *out);

#endif
