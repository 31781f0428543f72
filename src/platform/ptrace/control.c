/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the machine as a whole can say about itself: here it is the host's processor, as user code
 * sees it. The JSON is that of kvm/control.c; user mode reads no MSRs, so there are none.
 */
#include "platform/ptrace/ptrace.h"

#include <cpuid.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define SUBLEAVES_MAX 64

/* Leaves whose answer depends on ECX; each has subleaves until one of them is all 0. */
static bool has_subleaves(unsigned leaf)
{
	static const unsigned leaves[] = {0x4,  0x7,  0xb,  0xd,  0xf,	0x10,	    0x12,
					  0x14, 0x17, 0x18, 0x1d, 0x1f, 0x8000001d, 0x80000020};

	for (unsigned i = 0; i < sizeof(leaves) / sizeof(*leaves); i++)
		if (leaves[i] == leaf)
			return true;
	return false;
}

static void print_leaf(FILE *f, unsigned leaf, bool *first)
{
	unsigned last = leaf == 0xd ? SUBLEAVES_MAX - 1 : 0; /* that one has gaps */

	for (unsigned sub = 0; sub < SUBLEAVES_MAX; sub++) {
		unsigned a, b, c, d;

		__cpuid_count(leaf, sub, a, b, c, d);
		if (sub && !(a | b | c | d)) {
			if (sub > last)
				break;
			continue;
		}
		fprintf(f, "%s\n    {\"leaf\": \"0x%x\", ", *first ? "" : ",", leaf);
		*first = false;
		if (has_subleaves(leaf))
			fprintf(f, "\"subleaf\": \"0x%x\", ", sub);
		fprintf(f, "\"eax\": \"0x%x\", \"ebx\": \"0x%x\", \"ecx\": \"0x%x\", \"edx\": \"0x%x\"}",
			a, b, c, d);
		if (!has_subleaves(leaf))
			break;
	}
}

static void print_config(struct traced *p, FILE *f)
{
	bool first = true;

	fprintf(f, "{\n  \"platform\": \"ptrace\",\n  \"cpuid\": [");
	for (unsigned leaf = 0; leaf <= __get_cpuid_max(0, NULL); leaf++)
		print_leaf(f, leaf, &first);
	for (unsigned leaf = 0x80000000; leaf <= __get_cpuid_max(0x80000000, NULL); leaf++)
		print_leaf(f, leaf, &first);
	fprintf(f, "\n  ],\n  \"controlRegisters\": {\"xcr0\": \"0x%lx\"},\n  \"msrs\": []\n}\n",
		p->features);
}

int traced_dump_cpu_config(struct platform *p, struct platform_reply *reply)
{
	char *text = NULL;
	size_t size = 0;
	FILE *f = open_memstream(&text, &size);

	if (!f)
		return -errno;
	print_config(traced_of(p), f);
	if (fclose(f) != 0) {
		free(text);
		return -ENOMEM;
	}
	reply->data = text;
	reply->size = size;
	return 0;
}

/* There is no machine to save: a context's state is its registers and its FPU state. */
int traced_save_state(struct platform *p, struct platform_reply *reply)
{
	(void)p;
	(void)reply;
	return -EOPNOTSUPP;
}

int traced_load_state(struct platform *p, const void *data, size_t size, unsigned index,
		      struct context *c, struct user_regs_struct *regs)
{
	(void)p;
	(void)data;
	(void)size;
	(void)index;
	(void)c;
	(void)regs;
	return -EOPNOTSUPP;
}
