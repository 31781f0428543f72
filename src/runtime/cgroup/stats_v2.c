/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Statistics of the v2 hierarchy, in the shape that v1's have, since that is what readers of
 * `events` know (the kernel's Documentation/admin-guide/cgroup-v2.rst).
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "runtime/cgroup/cgroup.h"
#include "runtime/cgroup/stats.h"
#include "runtime/files.h"

#define FILE_MAX (1u << 20)
#define NS_PER_US 1000ull

static void read_cpu(const char *dir, struct cgroup_stats *out)
{
	out->cpu_total = cgroup_read_key(dir, "cpu.stat", "usage_usec") * NS_PER_US;
	out->cpu_user = cgroup_read_key(dir, "cpu.stat", "user_usec") * NS_PER_US;
	out->cpu_kernel = cgroup_read_key(dir, "cpu.stat", "system_usec") * NS_PER_US;
	out->periods = cgroup_read_key(dir, "cpu.stat", "nr_periods");
	out->throttled_periods = cgroup_read_key(dir, "cpu.stat", "nr_throttled");
	out->throttled_time = cgroup_read_key(dir, "cpu.stat", "throttled_usec") * NS_PER_US;
}

static void read_memory(const char *dir, struct cgroup_stats *out)
{
	cgroup_read_memory_stat(dir, out);
	out->cache = cgroup_raw(out, "file");
	if (!cgroup_has_file(dir, "memory.current"))
		return;
	out->memory.limit = cgroup_read_u64(dir, "memory.max");
	out->memory.usage = cgroup_read_u64(dir, "memory.current");
	out->memory.max = cgroup_read_u64(dir, "memory.peak");
	out->memory.failcnt = cgroup_read_key(dir, "memory.events", "max");
	if (!cgroup_has_file(dir, "memory.swap.current"))
		return;
	/* Memory and swap together, as v1 counts. */
	out->swap.limit = cgroup_read_u64(dir, "memory.swap.max");
	if (out->swap.limit != UINT64_MAX && out->memory.limit != UINT64_MAX)
		out->swap.limit += out->memory.limit;
	else
		out->swap.limit = UINT64_MAX;
	out->swap.usage = out->memory.usage + cgroup_read_u64(dir, "memory.swap.current");
	out->swap.failcnt = cgroup_read_key(dir, "memory.swap.events", "max");
}

/* "8:0 rbytes=90 wbytes=0 rios=1 wios=0 dbytes=0 dios=0" */
static void add_device(char *line, struct cgroup_stats *out)
{
	static const struct {
		const char *key, *op;
		enum cgroup_io_kind kind;
	} table[] = {
		{"rbytes", "Read", CGROUP_IO_BYTES},  {"wbytes", "Write", CGROUP_IO_BYTES},
		{"rios", "Read", CGROUP_IO_SERVICED}, {"wios", "Write", CGROUP_IO_SERVICED},
	};
	unsigned long long major, minor;
	char *save, *word = strtok_r(line, " ", &save);

	if (!word || sscanf(word, "%llu:%llu", &major, &minor) != 2)
		return;
	while ((word = strtok_r(NULL, " ", &save))) {
		char *value = strchr(word, '=');

		if (!value)
			continue;
		*value++ = '\0';
		for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++) {
			struct cgroup_io io = {.major = major, .minor = minor};

			if (strcmp(word, table[i].key))
				continue;
			strcpy(io.op, table[i].op);
			io.value = strtoull(value, NULL, 10);
			cgroup_add_io(&out->io[table[i].kind], &io);
		}
	}
}

static void read_io(const char *dir, struct cgroup_stats *out)
{
	cleanup_free char *path = string_format("%s/io.stat", dir), *text = NULL;
	char *save, *line;

	if (!path || file_read(AT_FDCWD, path, FILE_MAX, &text) < 0)
		return;
	for (line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
		add_device(line, out);
}

/* Without the controller the members are counted: processes, where it counts threads. */
static void read_pids(const char *dir, struct cgroup_stats *out)
{
	cleanup_free char *path = string_format("%s/cgroup.procs", dir), *text = NULL;

	out->pids_limit = cgroup_read_u64(dir, "pids.max");
	if (out->pids_limit == UINT64_MAX)
		out->pids_limit = 0;
	if (cgroup_has_file(dir, "pids.current"))
		out->pids_current = cgroup_read_u64(dir, "pids.current");
	else if (path && file_read(AT_FDCWD, path, FILE_MAX, &text) > 0)
		for (const char *p = text; (p = strchr(p, '\n')); p++)
			out->pids_current++;
}

static void read_hugetlb(const char *dir, const char *size, struct cgroup_usage *usage)
{
	char file[96];

	snprintf(file, sizeof(file), "hugetlb.%.16s.current", size);
	usage->usage = cgroup_read_u64(dir, file);
	snprintf(file, sizeof(file), "hugetlb.%.16s.events", size);
	usage->failcnt = cgroup_read_key(dir, file, "max");
}

void cgroup_v2_stats(const char *dir, struct cgroup_stats *out)
{
	read_cpu(dir, out);
	read_memory(dir, out);
	read_io(dir, out);
	read_pids(dir, out);
	cgroup_each_hugetlb(dir, "current", out, read_hugetlb);
}
