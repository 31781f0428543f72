/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Loading a program: from a name to an address space that is ready to run. */
#include <errno.h>
#include <fcntl.h>
#include <linux/limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/personality.h>
#include <sys/random.h>

#include "kernel/action.h"
#include "kernel/exec.h"
#include "kernel/internal.h"
#include "kernel/script.h"
#include "kernel/timer.h"

/* A script may name a script as its interpreter, this deep (search_binary_handler()). */
#define SCRIPT_DEPTH_MAX 5

/* Where position-independent programs go: two thirds up, as Linux has it. */
#define PIE_BASE (TASK_SIZE / 3 * 2 & PAGE_MASK)

/* Bits of randomness, in pages: Linux' defaults for x86-64. */
#define RANDOM_MMAP_BITS 28
#define RANDOM_STACK_BITS 22
#define RANDOM_BRK_PAGES (32UL << 20 >> PAGE_SHIFT)
#define STACK_GUARD (256 * PAGE_SIZE)

struct loader {
	struct file *file; /* counted: the program itself, at the end of a chain of scripts */
	struct stat st;
	bool nosuid;
	char *name; /* what argv[0]'s script replacement and AT_EXECFN say */
	struct exec_strings *args;
	struct elf elf, interp;
	struct file *interp_file;
	bool aslr;
};

static uint64_t random_pages(const struct loader *l, uint64_t pages)
{
	uint64_t r = 0;

	if (!l->aslr || getrandom(&r, sizeof(r), 0) != sizeof(r))
		return 0;
	return r % pages << PAGE_SHIFT;
}

static ssize_t read_file(void *arg, void *buf, size_t n, uint64_t offset)
{
	struct file *f = arg;
	size_t done = 0;

	while (done < n) {
		struct iovec iov = {(char *)buf + done, n - done};
		off_t pos = offset + done;
		ssize_t r = f->ops->read ? f->ops->read(f, &iov, 1, &pos, 0) : -EINVAL;

		if (r < 0)
			return r == -EINTR || r == -ERESTARTSYS ? -ERESTARTNOINTR : r;
		if (r == 0)
			break;
		done += r;
	}
	return done;
}

/* ---- finding it: scripts lead to interpreters ---------------------------------------------------- */

/* The name as scripts and AT_EXECFN see it: execveat()'s descriptors are /dev/fd/N. */
static char *visible_name(int fd, const char *path, unsigned flags)
{
	char *s = NULL;

	if (fd < 0 || path[0] == '/')
		return strdup(path);
	if (path[0] == '\0' ? asprintf(&s, "/dev/fd/%d", fd) < 0
			    : asprintf(&s, "/dev/fd/%d/%s", fd, path) < 0)
		return NULL;
	return s;
}

static int open_program(struct loader *l, struct file *at, const char *path, unsigned flags)
{
	if (l->file)
		file_put(l->file);
	l->file = NULL;
	return path_open_exec(at, path, flags, &l->file, &l->st, &l->nosuid);
}

/* Follows `#!` lines until something else is open. */
static int follow_scripts(struct loader *l)
{
	char *script = strdup(l->name);
	int r = script ? 0 : -ENOMEM;

	for (int depth = 0; r == 0; depth++) {
		char head[SCRIPT_LINE_MAX + 1] = {0}, *interpreter, *argument;
		ssize_t n = read_file(l->file, head, SCRIPT_LINE_MAX, 0);

		if (n < 0 || script_parse(head, &interpreter, &argument) < 0) {
			r = n < 0 ? n : memcmp(head, "#!", 2) ? 0 : -ENOEXEC;
			break;
		}
		if (depth >= SCRIPT_DEPTH_MAX) {
			r = -ELOOP;
			break;
		}
		r = exec_strings_script(l->args, interpreter, argument, script);
		free(script);
		script = strdup(interpreter);
		if (r == 0)
			r = script ? open_program(l, NULL, script, 0) : -ENOMEM;
	}
	free(script);
	return r;
}

static int read_elfs(struct loader *l)
{
	struct elf_reader r = {read_file, l->file};
	struct stat st;
	bool nosuid;
	int err = elf_read(&r, &l->elf);

	if (err < 0 || !l->elf.interp)
		return err;
	err = path_open_exec(NULL, l->elf.interp, 0, &l->interp_file, &st, &nosuid);
	if (err < 0)
		return err;
	r.arg = l->interp_file;
	err = elf_read(&r, &l->interp);
	return err == -ENOEXEC ? -ELIBBAD : err;
}

/* ---- building the address space ------------------------------------------------------------------ */

static uint64_t choose_layout(const struct loader *l, struct mm *mm)
{
	uint64_t stack_limit = group_rlimit(current->group, RLIMIT_STACK);
	uint64_t room = (1UL << RANDOM_STACK_BITS << PAGE_SHIFT) + STACK_GUARD;
	uint64_t gap = stack_limit > TASK_SIZE ? TASK_SIZE : stack_limit + room;
	uint64_t top = TASK_SIZE - random_pages(l, 1UL << RANDOM_STACK_BITS);

	if (gap < (128UL << 20) + room)
		gap = (128UL << 20) + room;
	if (gap > TASK_SIZE / 6 * 5)
		gap = TASK_SIZE / 6 * 5;
	mm->mmap_base = (TASK_SIZE - gap - random_pages(l, 1UL << RANDOM_MMAP_BITS)) & PAGE_MASK;
	return top & PAGE_MASK;
}

static int map_program(struct loader *l, struct mm *mm, struct elf_place *place,
		       struct elf_place *interp)
{
	uint64_t base = 0;
	int r;

	/* The dynamic loader itself, run as a program, and static-pie go where mmap puts them. */
	if (l->elf.eh.e_type == ET_DYN && l->elf.interp)
		base = PIE_BASE + random_pages(l, 1UL << RANDOM_MMAP_BITS);
	r = elf_map(&l->elf, mm, l->file, base, place);
	if (r == 0 && l->interp_file)
		r = elf_map(&l->interp, mm, l->interp_file, 0, interp);
	if (r < 0)
		return r;
	mm->code_start = place->code_start;
	mm->code_end = place->code_end;
	mm->data_start = place->data_start;
	mm->data_end = place->data_end;
	base = place->end;
	/* A static-pie's heap must not start in the middle of the mappings: Linux moves it away. */
	if (l->elf.eh.e_type == ET_DYN && !l->elf.interp)
		base = PIE_BASE;
	mm->brk_start = mm->brk = ((base + PAGE_SIZE - 1) & PAGE_MASK) +
				  random_pages(l, RANDOM_BRK_PAGES);
	return 0;
}

static int build(struct loader *l, struct program *p)
{
	struct elf_place place, interp = {0};
	struct mm *mm = p->mm;
	struct stack_facts facts = {.elf = &l->elf, .cred = p->cred, .secure = p->secure,
				    .execfn = l->name};
	uint64_t top;
	int64_t sp;
	int r;

	rlimit_push(current->group, mm);
	top = choose_layout(l, mm);
	r = map_program(l, mm, &place, &interp);
	if (r < 0)
		return r;
	mm_map_vdso(mm);
	facts.place = place;
	facts.interp_base = l->interp_file ? interp.bias : 0;
	sp = stack_build(mm, top, l->args, &facts, l->elf.exec_stack);
	if (sp < 0)
		return sp;
	p->sp = sp;
	p->entry = l->interp_file ? interp.entry : place.entry;
	mm->exe = file_get(l->file);
	return 0;
}

static void set_comm(struct program *p, const char *name)
{
	const char *slash = strrchr(name, '/');

	snprintf(p->comm, sizeof(p->comm), "%s", slash ? slash + 1 : name);
}

static int load(struct loader *l, struct program *p)
{
	int r = follow_scripts(l);

	if (r == 0)
		r = read_elfs(l);
	if (r < 0)
		return r;
	p->cred = cred_for_exec(current->cred, l->st.st_mode, l->st.st_uid, l->st.st_gid, l->nosuid,
				&p->secure);
	if (!p->cred)
		return -ENOMEM;
	l->aslr = !(current->personality & ADDR_NO_RANDOMIZE);
	r = mm_new(kernel.platform, &p->mm);
	if (r < 0)
		return r;
	r = build(l, p);
	p->past_no_return = r < 0;
	set_comm(p, l->name);
	return r;
}

/*T:310 Its program
 * execve(2) from a name to an address space that is ready to run: the file is opened and held against
 * writers, scripts lead to their interpreters, the ELF segments become VMAs (nothing is read yet:
 * faults will), the stack gets its arguments and auxiliary vector. Up to the point of no return a
 * failure leaves the old program as it was.
 */
int program_load(struct file *at, int at_fd, const char *path, unsigned flags,
		 struct exec_strings *args, struct program *out)
{
	struct loader l = {.args = args};
	int r;

	memset(out, 0, sizeof(*out));
	l.name = visible_name(at ? at_fd : -1, path, flags);
	if (!l.name)
		return -ENOMEM;
	r = open_program(&l, at, path, flags);
	if (r == 0)
		r = load(&l, out);
	if (r < 0)
		program_free(out);
	if (l.file)
		file_put(l.file);
	if (l.interp_file)
		file_put(l.interp_file);
	elf_free(&l.elf);
	elf_free(&l.interp);
	free(l.name);
	return r;
}

void program_free(struct program *p)
{
	if (p->mm)
		mm_put(p->mm);
	if (p->cred)
		cred_put(p->cred);
	p->mm = NULL;
	p->cred = NULL;
}
