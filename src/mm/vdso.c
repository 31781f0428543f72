/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The vDSO: clock_gettime, gettimeofday and time without an exit.
 *
 * The code is a copy of the host's own vDSO image in guest frames; the data pages it reads ([vvar]
 * and its companions, right below it) are the host's, mapped read-only into the guest, so the clocks
 * are exactly the host's. That is right only where the guest's TSC is the host's and the host's
 * clock is the TSC. getcpu reads a segment limit or TSC_AUX, which the guest has no truth for: it is
 * patched into a system call.
 */
#include "mm/mm.h"

#include <elf.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>

#include "base/cleanup.h"
#include "base/hostproc.h"
#include "mm/internal.h"

/* Made once for the sandbox, shared by all address spaces; NULL objects: no vDSO here. */
static struct {
	pthread_once_t once;
	struct object *code, *vvar;
	uint64_t code_len, vvar_len;
} vdso = {.once = PTHREAD_ONCE_INIT};

static struct platform *vdso_platform; /* for the once function, which takes no argument */

static bool clocksource_is_tsc(void)
{
	cleanup_fclose FILE *f =
	    fopen("/sys/devices/system/clocksource/clocksource0/current_clocksource", "re");
	char name[32] = "";

	/* Without sysfs nobody can say: the vDSO itself falls back to a call if it is not. */
	return !f || (fgets(name, sizeof(name), f) && strcmp(name, "tsc\n") == 0);
}

/* Where this process has its vDSO and the data pages below it. */
static bool find_host(uint64_t *vvar, uint64_t *start, uint64_t *end)
{
	int fd = hostproc_open("maps");
	cleanup_fclose FILE *f = fd >= 0 ? fdopen(fd, "r") : NULL;
	char line[512], name[64];
	uint64_t lo, hi;

	*vvar = *start = *end = 0;
	while (f && fgets(line, sizeof(line), f)) {
		name[0] = 0;
		if (sscanf(line, "%lx-%lx %*s %*s %*s %*s %63s", &lo, &hi, name) < 2)
			continue;
		if (strncmp(name, "[vvar", 5) == 0 && !*vvar)
			*vvar = lo;
		if (strcmp(name, "[vdso]") == 0) {
			*start = lo;
			*end = hi;
		}
	}
	return *vvar && *start > *vvar && *end - *start <= CHUNK_SIZE &&
	       *start - *vvar <= CHUNK_SIZE && *start == getauxval(AT_SYSINFO_EHDR);
}

/* Replaces the code of a function in the image by `mov $nr, %eax; syscall; ret`. */
static void patch_symbol(char *image, size_t size, const char *symbol, uint32_t nr)
{
	const Elf64_Ehdr *eh = (const Elf64_Ehdr *)image;
	const Elf64_Shdr *sh = (const Elf64_Shdr *)(image + eh->e_shoff);
	unsigned char code[] = {0xb8, 0, 0, 0, 0, 0x0f, 0x05, 0xc3};

	memcpy(code + 1, &nr, sizeof(nr));
	if (eh->e_shoff + eh->e_shnum * sizeof(*sh) > size)
		return;
	for (unsigned s = 0; s < eh->e_shnum; s++) {
		const Elf64_Sym *sym = (const Elf64_Sym *)(image + sh[s].sh_offset);
		const char *names = image + sh[sh[s].sh_link].sh_offset;

		if (sh[s].sh_type != SHT_DYNSYM)
			continue;
		for (unsigned i = 0; i < sh[s].sh_size / sizeof(*sym); i++)
			if (strcmp(names + sym[i].st_name, symbol) == 0 &&
			    sym[i].st_size >= sizeof(code) &&
			    sym[i].st_value + sizeof(code) <= size)
				memcpy(image + sym[i].st_value, code, sizeof(code));
	}
}

static struct object *copy_image(struct memory *m, const void *host, size_t size)
{
	unsigned pages = size >> PAGE_SHIFT;
	struct object *o = object_new(m);
	struct chunk *c = o ? pagedir_make(&o->pages, 0) : NULL;
	char *image;
	frame_t f;

	if (!c || memory_alloc(m, pages, MEMORY_SYSTEM, &f) != 0) {
		if (o)
			object_put(o);
		return NULL;
	}
	for (unsigned i = 0; i < pages; i++)
		chunk_set(c, i, f + i);
	image = memory_ptr(m, f);
	memcpy(image, host, size);
	patch_symbol(image, size, "__vdso_getcpu", 309);
	patch_symbol(image, size, "getcpu", 309);
	return o;
}

static void make_vdso(void)
{
	struct memory *m = platform_memory(vdso_platform);
	uint64_t vvar, start, end;
	struct object *data;

	if (!platform_caps(vdso_platform)->tsc_is_host || !clocksource_is_tsc() ||
	    !find_host(&vvar, &start, &end))
		return;
	data = object_new(m);
	if (!data)
		return;
	if (platform_window_host(vdso_platform, (void *)vvar, (start - vvar) >> PAGE_SHIFT,
				 &data->window) != 0 ||
	    !(vdso.code = copy_image(m, (void *)start, end - start))) {
		object_put(data);
		return;
	}
	vdso.vvar = data;
	vdso.vvar_len = start - vvar;
	vdso.code_len = end - start;
}

static struct vma *special_vma(uint64_t start, uint64_t len, unsigned prot, struct object *o,
			       const char *name)
{
	struct vma *v = vma_new(start, start + len, prot, VMA_SPECIAL);

	if (v) {
		v->object = object_get(o);
		v->name = name;
	}
	return v;
}

void mm_map_vdso(struct mm *mm)
{
	struct vma *data, *code;
	uint64_t at;

	vdso_platform = mm->platform;
	pthread_once(&vdso.once, make_vdso);
	if (!vdso.code)
		return;
	data = special_vma(0, vdso.vvar_len, PROT_READ, vdso.vvar, "[vvar]");
	code = special_vma(0, vdso.code_len, PROT_READ | PROT_EXEC, vdso.code, "[vdso]");
	mm_lock(mm);
	at = data && code ? mm_free_area(mm, 0, vdso.vvar_len + vdso.code_len, 0) : 0;
	if (at) {
		data->start = at;
		data->end = code->start = at + vdso.vvar_len;
		code->end = code->start + vdso.code_len;
		vma_insert(mm->vmas, data);
		vma_insert(mm->vmas, code);
		mm_account(mm, data, false);
		mm_account(mm, code, false);
		mm->vdso = code->start;
		page_map_new(mm, data->start, data->end, true);
		page_map_new(mm, code->start, code->end, true);
	}
	mm_unlock(mm);
	if (!at && data)
		vma_free(data);
	if (!at && code)
		vma_free(code);
}
