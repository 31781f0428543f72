/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Hostile programs: every header field at its edges, every length of file, and random damage.
 * What is asserted: the right errno for the classic lies, and for everything that is accepted,
 * that the numbers are bounded (a sanitizer build finds the rest). Nothing is mapped here.
 */
#include "kernel/elf.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../base/check.h"
#include "kernel/script.h"
#include "mm/mm.h"

struct image {
	uint8_t data[8192];
	size_t len;
};

static ssize_t read_image(void *arg, void *buf, size_t n, uint64_t offset)
{
	struct image *im = arg;

	if (offset >= im->len)
		return 0;
	if (n > im->len - offset)
		n = im->len - offset;
	memcpy(buf, im->data + offset, n);
	return n;
}

/* A good little program: code, data with bss, an interpreter, a stack note. */
static void make(struct image *im)
{
	Elf64_Ehdr *eh = (void *)im->data;
	Elf64_Phdr *ph = (void *)(im->data + sizeof(*eh));

	memset(im, 0, sizeof(*im));
	im->len = 6000;
	memcpy(eh->e_ident, ELFMAG, SELFMAG);
	eh->e_ident[EI_CLASS] = ELFCLASS64;
	eh->e_ident[EI_DATA] = ELFDATA2LSB;
	eh->e_type = ET_DYN;
	eh->e_machine = EM_X86_64;
	eh->e_entry = 0x1000;
	eh->e_phoff = sizeof(*eh);
	eh->e_phentsize = sizeof(*ph);
	eh->e_phnum = 4;
	ph[0] = (Elf64_Phdr){PT_LOAD, PF_R | PF_X, 0, 0, 0, 4096, 4096, 4096};
	ph[1] = (Elf64_Phdr){PT_LOAD, PF_R | PF_W, 4096, 0x2000, 0x2000, 1000, 9000, 4096};
	ph[2] = (Elf64_Phdr){PT_INTERP, PF_R, 600, 600, 600, 11, 11, 1};
	ph[3] = (Elf64_Phdr){PT_GNU_STACK, PF_R | PF_W, 0, 0, 0, 0, 0, 16};
	memcpy(im->data + 600, "/lib/ld.so", 11);
}

static int try(struct image *im)
{
	struct elf_reader r = {read_image, im};
	struct elf e;
	int err = elf_read(&r, &e);

	if (err == 0) {
		CHECK(e.first < e.last);
		CHECK(e.last <= TASK_SIZE + PAGE_SIZE);
		CHECK(!e.interp || strlen(e.interp) < 4096);
		CHECK((e.align & (e.align - 1)) == 0);
		elf_free(&e);
	}
	return err;
}

#define WITH(change, expected)                                                                     \
	do {                                                                                       \
		struct image im;                                                                   \
		Elf64_Ehdr *eh = (void *)im.data;                                                  \
		Elf64_Phdr *ph = (void *)(im.data + sizeof(*eh));                                  \
		make(&im);                                                                         \
		(void)eh, (void)ph;                                                                \
		change;                                                                            \
		CHECK(try(&im) == (expected));                                                     \
	} while (0)

static void lies(void)
{
	WITH(, 0);
	WITH(im.len = 0, -ENOEXEC);
	WITH(im.len = 63, -ENOEXEC);
	WITH(im.len = 100, -ENOEXEC);
	WITH(eh->e_ident[0] = 0, -ENOEXEC);
	WITH(eh->e_ident[EI_CLASS] = ELFCLASS32, -ENOEXEC);
	WITH(eh->e_machine = EM_AARCH64, -ENOEXEC);
	WITH(eh->e_type = ET_REL, -ENOEXEC);
	WITH(eh->e_phnum = 0, -ENOEXEC);
	WITH(eh->e_phnum = 0xffff, -ENOEXEC);
	WITH(eh->e_phnum = 1170, -ENOEXEC);
	WITH(eh->e_phentsize = 55, -ENOEXEC);
	WITH(eh->e_phoff = UINT64_MAX - 8, -ENOEXEC);
	WITH(eh->e_phoff = 5990, -ENOEXEC);
	WITH(ph[1].p_filesz = 9001, -EINVAL);
	WITH(ph[1].p_memsz = UINT64_MAX, -EINVAL);
	WITH(ph[1].p_memsz = TASK_SIZE, -EINVAL);
	WITH(ph[1].p_vaddr = TASK_SIZE - 0x1000, -EINVAL);
	WITH(ph[1].p_vaddr = UINT64_MAX - 0xfff, -EINVAL);
	WITH(ph[1].p_offset = 4097, -EINVAL);
	WITH(ph[1].p_offset = UINT64_MAX & PAGE_MASK, -EINVAL);
	WITH(ph[0].p_memsz = ph[0].p_filesz = 0; ph[1].p_type = PT_NULL, -EINVAL);
	WITH(eh->e_type = ET_EXEC, -EINVAL); /* at address 0 */
	WITH(ph[2].p_filesz = 1, -ENOEXEC);
	WITH(ph[2].p_filesz = 4097, -ENOEXEC);
	WITH(ph[2].p_filesz = 10, -ENOEXEC); /* no NUL at its end */
	WITH(ph[2].p_offset = 5995, -EIO);
	WITH(ph[2].p_offset = UINT64_MAX, -ENOEXEC);
	WITH(ph[0].p_align = 3, 0);
	WITH(ph[0].p_align = 1UL << 63, 0);
}

/* Truncated anywhere, it is an error or it is not, but never a crash or an endless loop. */
static void truncations(void)
{
	struct image im;

	for (size_t n = 0; n < 700; n++) {
		make(&im);
		im.len = n;
		CHECK(n >= 611 || try(&im) < 0);
	}
}

static void damage(unsigned seed)
{
	struct image im;

	srandom(seed);
	for (int round = 0; round < 20000; round++) {
		make(&im);
		for (int i = random() % 8; i >= 0; i--)
			im.data[random() % 300] = random() % 3 ? random() : random() % 2 ? 0xff : 0;
		im.len = random() % 4 ? im.len : (size_t)random() % im.len;
		try(&im);
	}
}

static int script(const char *text, char *interpreter, char *argument)
{
	char head[SCRIPT_LINE_MAX + 1] = {0}, *i, *a;
	size_t n = strlen(text);
	int r;

	memcpy(head, text, n < SCRIPT_LINE_MAX ? n : SCRIPT_LINE_MAX);
	r = script_parse(head, &i, &a);
	if (r == 0) {
		strcpy(interpreter, i);
		strcpy(argument, a ? a : "(none)");
	}
	return r;
}

static void scripts(void)
{
	char i[300], a[300], line[400];

	CHECK(script("#!/bin/sh\necho", i, a) == 0 && !strcmp(i, "/bin/sh") && !strcmp(a, "(none)"));
	CHECK(script("#! \t/bin/sh -e  \n", i, a) == 0 && !strcmp(i, "/bin/sh") && !strcmp(a, "-e"));
	CHECK(script("#!/usr/bin/env  python3 -u\n", i, a) == 0 && !strcmp(a, "python3 -u"));
	CHECK(script("#!/bin/sh", i, a) == 0 && !strcmp(i, "/bin/sh"));
	CHECK(script("#!\n", i, a) == -ENOEXEC);
	CHECK(script("#!   \t\n/bin/sh", i, a) == -ENOEXEC);
	CHECK(script("", i, a) == -ENOEXEC);
	CHECK(script("#", i, a) == -ENOEXEC);
	CHECK(script("echo\n", i, a) == -ENOEXEC);
	/* The interpreter's name is cut off by the buffer's end: it must not be run. */
	memset(line, 'x', sizeof(line) - 1);
	line[sizeof(line) - 1] = '\0';
	memcpy(line, "#!/", 3);
	CHECK(script(line, i, a) == -ENOEXEC);
	/* Only the argument is. */
	memcpy(line, "#!/bin/sh ", 10);
	CHECK(script(line, i, a) == 0 && !strcmp(i, "/bin/sh") && strlen(a) == 256 - 10);
}

int main(void)
{
	lies();
	truncations();
	damage(1);
	damage(20261121);
	scripts();
	return check_done();
}
