/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The first stack of a program (System V ABI for x86-64, 3.4.1, and Linux' additions), from high to
 * low: eight zero bytes, the file name, environment, arguments, platform name, random bytes; then
 * auxv, envp, argv, argc, with argc 16-byte aligned.
 */
#include <errno.h>
#include <linux/auxvec.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/random.h>

#include "kernel/exec.h"
#include "kernel/internal.h"

#ifndef AT_MINSIGSTKSZ
#define AT_MINSIGSTKSZ 51
#endif

static const char platform_name[] = "x86_64";

/* What lies on the stack besides the strings at its start: Linux' initial reserve. */
#define STACK_RESERVE (128UL * 1024)
#define HWCAP2_FSGSBASE 2UL

struct builder {
	uint8_t *buf;
	size_t size;
	uint64_t top; /* guest address of buf + size */
	uint64_t sp;
};

static uint64_t push(struct builder *b, const void *data, size_t n)
{
	b->sp -= n;
	if (n) /* data may be NULL then: no environment */
		memcpy(b->buf + (b->size - (b->top - b->sp)), data, n);
	return b->sp;
}

static void aux(struct mm *mm, uint64_t type, uint64_t value)
{
	mm->auxv[mm->auxv_words++] = type;
	mm->auxv[mm->auxv_words++] = value;
}

static void fill_auxv(struct mm *mm, const struct stack_facts *f, uint64_t platform,
		      uint64_t random, uint64_t execfn)
{
	const struct cred *c = f->cred;

	mm->auxv_words = 0;
	if (mm->vdso)
		aux(mm, AT_SYSINFO_EHDR, mm->vdso);
	aux(mm, AT_MINSIGSTKSZ, sigframe_max_size());
	aux(mm, AT_HWCAP, getauxval(AT_HWCAP));
	aux(mm, AT_PAGESZ, PAGE_SIZE);
	aux(mm, AT_CLKTCK, 100);
	aux(mm, AT_PHDR, f->place.phdr);
	aux(mm, AT_PHENT, sizeof(Elf64_Phdr));
	aux(mm, AT_PHNUM, f->elf->eh.e_phnum);
	aux(mm, AT_BASE, f->interp_base);
	aux(mm, AT_FLAGS, 0);
	aux(mm, AT_ENTRY, f->place.entry);
	aux(mm, AT_UID, c->ruid);
	aux(mm, AT_EUID, c->euid);
	aux(mm, AT_GID, c->rgid);
	aux(mm, AT_EGID, c->egid);
	aux(mm, AT_SECURE, f->secure);
	aux(mm, AT_RANDOM, random);
	aux(mm, AT_HWCAP2, getauxval(AT_HWCAP2) & HWCAP2_FSGSBASE);
	aux(mm, AT_EXECFN, execfn);
	aux(mm, AT_PLATFORM, platform);
	aux(mm, AT_NULL, 0);
}

/* Pointers to the strings of v, which lie from guest address `at` on, and the NULL behind them. */
static uint64_t *put_pointers(uint64_t *out, const struct strings *v, uint64_t at)
{
	const char *s = v->data;

	for (unsigned i = 0; i < v->n; i++) {
		*out++ = at + (s - v->data);
		s += strlen(s) + 1;
	}
	*out++ = 0;
	return out;
}

static void put_vectors(struct builder *b, struct mm *mm, const struct exec_strings *args)
{
	size_t words = 1 + args->argv.n + 1 + args->env.n + 1 + mm->auxv_words;
	uint64_t *out;

	b->sp = (b->sp - words * sizeof(uint64_t)) & ~15UL;
	/* buf's end and top are both 16-byte aligned, so this is aligned as well. */
	out = (uint64_t *)(void *)(b->buf + (b->size - (b->top - b->sp)));
	*out++ = args->argv.n;
	out = put_pointers(out, &args->argv, mm->arg_start);
	out = put_pointers(out, &args->env, mm->env_start);
	memcpy(out, mm->auxv, mm->auxv_words * sizeof(uint64_t));
}

static void put_everything(struct builder *b, struct mm *mm, const struct exec_strings *args,
			   const struct stack_facts *f)
{
	static const uint64_t zero;
	uint64_t execfn, platform, random;
	uint8_t bytes[16];

	push(b, &zero, sizeof(zero));
	execfn = push(b, f->execfn, strlen(f->execfn) + 1);
	mm->env_end = b->sp;
	mm->env_start = mm->arg_end = push(b, args->env.data, args->env.len);
	mm->arg_start = push(b, args->argv.data, args->argv.len);
	platform = push(b, platform_name, sizeof(platform_name));
	b->sp &= ~15UL;
	if (getrandom(bytes, sizeof(bytes), 0) != sizeof(bytes))
		memset(bytes, 0x5a, sizeof(bytes)); /* cannot happen after boot */
	random = push(b, bytes, sizeof(bytes));
	fill_auxv(mm, f, platform, random, execfn);
	put_vectors(b, mm, args);
}

int64_t stack_build(struct mm *mm, uint64_t top, const struct exec_strings *args,
		    const struct stack_facts *facts, bool executable)
{
	size_t pointers = (args->argv.n + args->env.n + 3) * sizeof(uint64_t) + sizeof(mm->auxv);
	size_t strings = args->argv.len + args->env.len + strlen(facts->execfn) + 128;
	struct builder b = {.size = (pointers + strings + PAGE_SIZE - 1) & PAGE_MASK,
			    .top = top, .sp = top};
	uint64_t len = b.size + STACK_RESERVE;
	unsigned prot = PROT_READ | PROT_WRITE | (executable ? PROT_EXEC : 0);
	int64_t r = mm_mmap(mm, top - len, len, prot,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_GROWSDOWN | MAP_STACK, NULL, 0);

	if (r < 0)
		return r;
	mm_name(mm, top - len, len, "[stack]");
	b.buf = calloc(1, b.size);
	if (!b.buf)
		return -ENOMEM;
	put_everything(&b, mm, args, facts);
	r = mm_copy_out(mm, b.sp, b.buf + (b.size - (top - b.sp)), top - b.sp);
	free(b.buf);
	mm->stack_start = b.sp;
	return r < 0 ? r : (int64_t)b.sp;
}
