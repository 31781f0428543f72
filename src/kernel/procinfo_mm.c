/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Address spaces as /proc/PID shows them: maps, smaps, statm, cmdline, environ, auxv and the Vm
 * lines of status (proc(5)).
 */
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sysmacros.h>

#include "kernel/procinfo.h"
#include "mm/mm.h"
#include "vfs/file.h"
#include "vfs/pseudo.h"

#define ARGS_MAX (1 << 20) /* bytes of cmdline and environ that are shown */

/* ---- maps, smaps ------------------------------------------------------------------------------- */

struct walk {
	struct ptext *out;
	bool smaps;
	char *path; /* PATH_MAX bytes */
	struct vma_info sum;
	uint64_t first, last, pss;
};

/* Paths in maps are printed with newlines escaped. */
static void print_name(struct ptext *out, const char *name)
{
	for (; *name; name++) {
		if (*name == '\n')
			ptext_printf(out, "\\012");
		else
			ptext_write(out, name, 1);
	}
}

static void print_vma(struct walk *w, const struct vma_info *v)
{
	size_t start = w->out->len;
	const char *name = v->name;

	ptext_printf(w->out, "%08" PRIx64 "-%08" PRIx64 " %c%c%c%c %08" PRIx64 " %02x:%02x %lu ",
		     v->start, v->end, v->prot & PROT_READ ? 'r' : '-',
		     v->prot & PROT_WRITE ? 'w' : '-', v->prot & PROT_EXEC ? 'x' : '-',
		     v->shared ? 's' : 'p', v->offset, major(v->dev), minor(v->dev),
		     (unsigned long)v->ino);
	if (v->file && file_path(v->file, w->path, PATH_MAX) >= 0)
		name = w->path;
	if (name) {
		/* The name starts in column 73, as it does on 64-bit Linux. */
		while (w->out->len - start < 73 && !w->out->failed)
			ptext_write(w->out, " ", 1);
		print_name(w->out, name);
	}
	ptext_write(w->out, "\n", 1);
}

static void print_sizes(struct ptext *out, const struct vma_info *v, uint64_t pss)
{
	uint64_t private_rss = v->rss - v->shared_rss;
	uint64_t dirty = v->private_dirty < private_rss ? v->private_dirty : private_rss;

#define KB(name, bytes) ptext_printf(out, "%-15s %8" PRIu64 " kB\n", name ":", (uint64_t)(bytes) / 1024)
	KB("Rss", v->rss);
	KB("Pss", pss);
	KB("Pss_Dirty", dirty);
	KB("Shared_Clean", v->shared_rss);
	KB("Shared_Dirty", 0);
	KB("Private_Clean", private_rss - dirty);
	KB("Private_Dirty", dirty);
	KB("Referenced", v->rss);
	KB("Anonymous", dirty);
	KB("KSM", 0);
	KB("LazyFree", 0);
	KB("AnonHugePages", 0);
	KB("ShmemPmdMapped", 0);
	KB("FilePmdMapped", 0);
	KB("Shared_Hugetlb", 0);
	KB("Private_Hugetlb", 0);
	KB("Swap", v->swap);
	KB("SwapPss", v->swap);
	KB("Locked", v->locked);
}

static int show_vma(const struct vma_info *v, void *arg)
{
	struct walk *w = arg;
	/* Shared pages count half: how many share them is not kept. */
	uint64_t pss = v->rss - v->shared_rss / 2;

	print_vma(w, v);
	if (w->smaps) {
		struct ptext *out = w->out;

		KB("Size", v->end - v->start);
		KB("KernelPageSize", 4096);
		KB("MMUPageSize", 4096);
		print_sizes(out, v, pss);
		ptext_printf(out, "THPeligible:    0\nVmFlags:%s%s%s%s mr mw me%s sd \n",
			     v->prot & PROT_READ ? " rd" : "", v->prot & PROT_WRITE ? " wr" : "",
			     v->prot & PROT_EXEC ? " ex" : "", v->shared ? " sh" : "",
			     v->shared ? " ms" : "");
	}
	return w->out->failed ? -ENOMEM : 0;
}

static int sum_vma(const struct vma_info *v, void *arg)
{
	struct walk *w = arg;

	if (!w->last)
		w->first = v->start;
	w->last = v->end;
	w->sum.rss += v->rss;
	w->sum.shared_rss += v->shared_rss;
	w->sum.private_dirty += v->private_dirty;
	w->sum.swap += v->swap;
	w->sum.locked += v->locked;
	w->pss += v->rss - v->shared_rss / 2;
	return 0;
}

static int show_maps(struct mm *mm, bool smaps, struct ptext *out)
{
	struct walk w = {.out = out, .smaps = smaps, .path = malloc(PATH_MAX)};
	int r;

	if (!w.path)
		return -ENOMEM;
	r = mm_for_each_vma(mm, show_vma, &w);
	free(w.path);
	return r < 0 ? r : 0;
}

static int show_rollup(struct mm *mm, struct ptext *out)
{
	struct walk w = {.out = out};
	int r = mm_for_each_vma(mm, sum_vma, &w);

	if (r < 0)
		return r;
	ptext_printf(out, "%08" PRIx64 "-%08" PRIx64 " ---p 00000000 00:00 0 %*s[rollup]\n",
		     w.first, w.last, 24, "");
	print_sizes(out, &w.sum, w.pss);
	return 0;
}

/* ---- numbers ----------------------------------------------------------------------------------- */

static int show_statm(struct mm *mm, struct ptext *out)
{
	struct mm_usage u;

	mm_usage(mm, &u);
	ptext_printf(out, "%" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " 0 %" PRIu64 " 0\n",
		     u.size / 4096, u.resident / 4096, u.shared / 4096, u.text / 4096,
		     (u.data + u.stack) / 4096);
	return 0;
}

static int show_status(struct mm *mm, struct ptext *out)
{
	struct mm_usage u;

	mm_usage(mm, &u);
#define VM(name, bytes) ptext_printf(out, name ":\t%8" PRIu64 " kB\n", (uint64_t)(bytes) / 1024)
	VM("VmPeak", u.peak > u.size ? u.peak : u.size);
	VM("VmSize", u.size);
	VM("VmLck", u.locked);
	VM("VmPin", 0);
	VM("VmHWM", u.hwm > u.resident ? u.hwm : u.resident);
	VM("VmRSS", u.resident);
	VM("RssAnon", u.anon);
	VM("RssFile", u.file);
	VM("RssShmem", u.resident > u.anon + u.file ? u.resident - u.anon - u.file : 0);
	VM("VmData", u.data);
	VM("VmStk", u.stack);
	VM("VmExe", u.text);
	VM("VmLib", 0);
	VM("VmPTE", 0);
	VM("VmSwap", 0);
	VM("HugetlbPages", 0);
#undef VM
	return 0;
}

/* ---- strings ----------------------------------------------------------------------------------- */

/* Copies [start, end) of the address space, up to where it can be read. */
static void copy_range(struct mm *mm, uint64_t start, uint64_t end, struct ptext *out)
{
	char buf[4096];

	if (end < start)
		return;
	if (end - start > ARGS_MAX)
		end = start + ARGS_MAX;
	while (start < end) {
		/* Up to the next page, so that one unreadable page takes nothing else along. */
		size_t n = 4096 - start % 4096;

		if (n > end - start)
			n = end - start;
		if (mm_copy_in(mm, buf, start, n) < 0)
			return;
		ptext_write(out, buf, n);
		start += n;
	}
}

/*
 * A program that overwrote the NUL behind its arguments has given itself a title (setproctitle(3)):
 * then what is shown is one string that may run on into the environment.
 */
static int show_cmdline(struct mm *mm, struct ptext *out)
{
	uint64_t start = mm->arg_start, end = mm->arg_end, env_end = mm->env_end;
	char last = '\0';
	size_t len;

	if (!start || end <= start)
		return 0;
	if (mm_copy_in(mm, &last, end - 1, 1) < 0 || last == '\0') {
		copy_range(mm, start, end, out);
		return 0;
	}
	copy_range(mm, start, env_end > end ? env_end : end, out);
	len = out->len ? strnlen(out->data, out->len) : 0;
	if (len < out->len)
		out->len = len + 1;
	return 0;
}

int procinfo_show_mm(struct mm *mm, const char *name, struct ptext *out)
{
	if (strcmp(name, "maps") == 0)
		return show_maps(mm, false, out);
	if (strcmp(name, "smaps") == 0)
		return show_maps(mm, true, out);
	if (strcmp(name, "smaps_rollup") == 0)
		return show_rollup(mm, out);
	if (strcmp(name, "statm") == 0)
		return show_statm(mm, out);
	if (strcmp(name, "status-memory") == 0)
		return show_status(mm, out);
	if (strcmp(name, "cmdline") == 0)
		return show_cmdline(mm, out);
	if (strcmp(name, "environ") == 0)
		copy_range(mm, mm->env_start, mm->env_end, out);
	else if (strcmp(name, "auxv") == 0)
		ptext_write(out, mm->auxv, mm->auxv_words * sizeof(mm->auxv[0]));
	else
		return -ENOENT;
	return 0;
}
