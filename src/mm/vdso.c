/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The vDSO: clock_gettime, gettimeofday, time and getcpu without an exit. There are two:
 *
 *   the host's   a copy of its image in guest frames; the data pages it reads ([vvar] and its
 *                companions, right below it) are the host's, mapped read-only into the guest, so
 *                the clocks are exactly the host's. For hosts whose clock is the TSC.
 *   our own      platform/vdso.h, reading a page that platform/tsc_clock.h keeps right. For hosts
 *                with another clock, or whose pages the platform cannot show.
 *
 * Both need a guest whose TSC is the host's. Without one, programs make system calls.
 */
#include "mm/mm.h"

#include <cpuid.h>
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
#include "platform/tsc_clock.h"
#include "platform/vdso.h"

/* Made once for the sandbox, shared by all address spaces; NULL objects: no vDSO here. */
static struct {
	pthread_once_t once;
	struct object *code, *vvar;
	uint64_t code_len, vvar_len;
	struct tsc_clock *clock; /* of our own vDSO */
} vdso = {.once = PTHREAD_ONCE_INIT};

static struct platform *vdso_platform; /* for the once function, which takes no argument */

enum answer { NO, YES, UNKNOWN };

/* Is "tsc" among the words of a file in the host's clocksource directory? */
static enum answer tsc_in(const char *name)
{
	char path[128], line[256] = "", *save, *w;
	cleanup_fclose FILE *f = NULL;

	snprintf(path, sizeof(path), "/sys/devices/system/clocksource/clocksource0/%s", name);
	f = fopen(path, "re");
	if (!f || !fgets(line, sizeof(line), f))
		return UNKNOWN;
	for (w = strtok_r(line, " \n", &save); w; w = strtok_r(NULL, " \n", &save))
		if (strcmp(w, "tsc") == 0)
			return YES;
	return NO;
}

/*
 * May clocks be made of the TSC? Linux takes it off its list when it finds that CPUs disagree.
 * Where there is no sysfs, the processor's own word must do: that it never stops or changes its
 * pace.
 */
static bool tsc_is_sound(void)
{
	enum answer available = tsc_in("available_clocksource");
	unsigned a, b, c, d = 0;

	if (available != UNKNOWN)
		return available == YES;
	return __get_cpuid(0x80000007, &a, &b, &c, &d) && (d & 1U << 8);
}

/* ---- the host's ------------------------------------------------------------------------------ */

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

/* mov $309,%eax (getcpu); syscall; ret */
static const uint8_t getcpu_by_call[] = {0xb8, 0x35, 0x01, 0, 0, 0x0f, 0x05, 0xc3};

/* getcpu(%rdi, %rsi), either of which may be NULL */
static const uint8_t getcpu_by_rdtscp[] = {
    0x0f, 0x01, 0xf9,		  /* rdtscp */
    0x48, 0x85, 0xff, 0x74, 0x09, /* test %rdi,%rdi; jz 1f */
    0x89, 0xc8,			  /* mov %ecx,%eax */
    0x25, 0xff, 0x0f, 0x00, 0x00, /* and $0xfff,%eax */
    0x89, 0x07,			  /* mov %eax,(%rdi) */
    0x48, 0x85, 0xf6, 0x74, 0x05, /* 1: test %rsi,%rsi; jz 2f */
    0xc1, 0xe9, 0x0c,		  /* shr $12,%ecx */
    0x89, 0x0e,			  /* mov %ecx,(%rsi) */
    0x31, 0xc0, 0xc3,		  /* 2: xor %eax,%eax; ret */
};

/* Replaces the code of a function in the image, if there is room. */
static bool patch_symbol(char *image, size_t size, const char *symbol, const uint8_t *code,
			 size_t n)
{
	const Elf64_Ehdr *eh = (const Elf64_Ehdr *)image;
	const Elf64_Shdr *sh = (const Elf64_Shdr *)(image + eh->e_shoff);
	bool done = false;

	if (eh->e_shoff + eh->e_shnum * sizeof(*sh) > size)
		return false;
	for (unsigned s = 0; s < eh->e_shnum; s++) {
		const Elf64_Sym *sym = (const Elf64_Sym *)(image + sh[s].sh_offset);
		const char *names = image + sh[sh[s].sh_link].sh_offset;

		if (sh[s].sh_type != SHT_DYNSYM)
			continue;
		for (unsigned i = 0; i < sh[s].sh_size / sizeof(*sym); i++) {
			if (strcmp(names + sym[i].st_name, symbol) != 0 || sym[i].st_size < n ||
			    sym[i].st_value + n > size)
				continue;
			memcpy(image + sym[i].st_value, code, n);
			done = true;
		}
	}
	return done;
}

/*
 * The host's own getcpu reads a segment limit, for which the guest has no truth, or TSC_AUX, for
 * which it may have one.
 */
static void patch_getcpu(char *image, size_t size)
{
	static const char *const names[] = {"__vdso_getcpu", "getcpu"};

	for (unsigned i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (!platform_caps(vdso_platform)->cpu_is_host ||
		    !patch_symbol(image, size, names[i], getcpu_by_rdtscp,
				  sizeof(getcpu_by_rdtscp)))
			patch_symbol(image, size, names[i], getcpu_by_call, sizeof(getcpu_by_call));
}

/* An object of `pages` frames with these contents; *at: where it is for us. NULL: no memory. */
static struct object *object_of(const void *contents, size_t size, unsigned pages, void **at)
{
	struct memory *m = platform_memory(vdso_platform);
	struct object *o = object_new(m);
	struct chunk *c = o ? pagedir_make(&o->pages, 0) : NULL;
	frame_t f;

	if (!c || memory_alloc_filled(m, pages, MEMORY_SYSTEM, contents, size, &f) != 0) {
		if (o)
			object_put(o);
		return NULL;
	}
	for (unsigned i = 0; i < pages; i++)
		chunk_set(c, i, f + i);
	*at = memory_ptr(m, f);
	return o;
}

static bool use_host(void)
{
	uint64_t vvar, start, end;
	struct object *data;
	void *image;

	/* Without sysfs nobody can say: the vDSO itself makes a call if it is not. */
	if (tsc_in("current_clocksource") == NO || !find_host(&vvar, &start, &end))
		return false;
	data = object_new(platform_memory(vdso_platform));
	if (!data)
		return false;
	if (platform_window_host(vdso_platform, (void *)vvar, (start - vvar) >> PAGE_SHIFT,
				 &data->window) == 0)
		vdso.code =
		    object_of((void *)start, end - start, (end - start) >> PAGE_SHIFT, &image);
	if (!vdso.code) {
		object_put(data);
		return false;
	}
	patch_getcpu(image, end - start);
	vdso.vvar = data;
	vdso.vvar_len = start - vvar;
	vdso.code_len = end - start;
	return true;
}

/* ---- our own --------------------------------------------------------------------------------- */

static void use_own(void)
{
	static int64_t tsc_offset; /* none: tsc_is_host */
	struct clock_source src = clock_host;
	struct clock_page empty = {.rdtscp_cpu = platform_caps(vdso_platform)->cpu_is_host};
	size_t size = vdso_image_end - vdso_image;
	unsigned pages = (size + PAGE_SIZE - 1) >> PAGE_SHIFT;
	struct object *data, *code;
	void *page, *image;

	if (!tsc_is_sound())
		return;
	src.arg = &tsc_offset;
	data = object_of(&empty, sizeof(empty), 1, &page);
	code = object_of(vdso_image, size, pages, &image);
	if (data && code)
		vdso.clock = tsc_clock_new(&src, page);
	if (vdso.clock) {
		vdso.vvar = data;
		vdso.code = code;
		vdso.vvar_len = PAGE_SIZE;
		vdso.code_len = (uint64_t)pages << PAGE_SHIFT;
		return;
	}
	if (data)
		object_put(data);
	if (code)
		object_put(code);
}

bool mm_vdso_clock(clockid_t id, uint64_t *ns)
{
	if (!vdso.clock || !clock_page_has(id))
		return false;
	*ns = tsc_clock_read(vdso.clock, id);
	return true;
}

/* ---- either ---------------------------------------------------------------------------------- */

/* HUSK_VDSO=host, own or none in husk's own environment, for tests: only that one, or none. */
static void make_vdso(void)
{
	const char *only = getenv("HUSK_VDSO");

	if (!platform_caps(vdso_platform)->tsc_is_host)
		return;
	if ((!only || strcmp(only, "host") == 0) && use_host())
		return;
	if (!only || strcmp(only, "own") == 0)
		use_own();
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
