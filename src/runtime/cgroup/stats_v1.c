/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Statistics of the v1 hierarchies (the kernel's Documentation/admin-guide/cgroup-v1). */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "runtime/cgroup/cgroup.h"
#include "runtime/cgroup/stats.h"
#include "runtime/files.h"

#define FILE_MAX (1u << 20)
#define NS_PER_S 1000000000ull

static void read_percpu(const char *dir, struct cgroup_stats *out)
{
	cleanup_free char *path = string_format("%s/cpuacct.usage_percpu", dir), *text = NULL;
	cleanup_free char *all_path = string_format("%s/cpuacct.usage_all", dir), *all = NULL;
	char *save, *word, *line;

	if (path && file_read(AT_FDCWD, path, FILE_MAX, &text) > 0)
		for (word = strtok_r(text, " \n", &save); word; word = strtok_r(NULL, " \n", &save))
			cgroup_add_number(&out->percpu, strtoull(word, NULL, 10));
	if (!all_path || file_read(AT_FDCWD, all_path, FILE_MAX, &all) <= 0)
		return;
	for (line = strtok_r(all, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		unsigned long long user, system;

		if (sscanf(line, "%*u %llu %llu", &user, &system) != 2)
			continue;
		cgroup_add_number(&out->percpu_user, user);
		cgroup_add_number(&out->percpu_kernel, system);
	}
}

static void read_cpu(const struct cgroup_set *s, struct cgroup_stats *out)
{
	const char *acct = cgroup_find(s, "cpuacct"), *cpu = cgroup_find(s, "cpu");
	uint64_t tick = NS_PER_S / (uint64_t)sysconf(_SC_CLK_TCK);

	if (acct) {
		out->cpu_total = cgroup_read_u64(acct, "cpuacct.usage");
		out->cpu_user = cgroup_read_key(acct, "cpuacct.stat", "user") * tick;
		out->cpu_kernel = cgroup_read_key(acct, "cpuacct.stat", "system") * tick;
		read_percpu(acct, out);
	}
	if (cpu) {
		out->periods = cgroup_read_key(cpu, "cpu.stat", "nr_periods");
		out->throttled_periods = cgroup_read_key(cpu, "cpu.stat", "nr_throttled");
		out->throttled_time = cgroup_read_key(cpu, "cpu.stat", "throttled_time");
	}
}

/* "0-2,7" */
static void read_list(const char *dir, const char *file, struct cgroup_numbers *out)
{
	cleanup_free char *path = string_format("%s/%s", dir, file), *text = NULL;
	char *save, *range;

	if (!path || file_read(AT_FDCWD, path, FILE_MAX, &text) < 0)
		return;
	for (range = strtok_r(text, ",\n", &save); range; range = strtok_r(NULL, ",\n", &save)) {
		unsigned first, last;
		int n = sscanf(range, "%u-%u", &first, &last);

		for (unsigned i = first; n >= 1 && i <= (n == 2 ? last : first); i++)
			cgroup_add_number(out, i);
	}
}

static void read_cpuset(const char *dir, struct cgroup_stats *out)
{
	if (!dir)
		return;
	read_list(dir, "cpuset.cpus", &out->cpus);
	read_list(dir, "cpuset.mems", &out->mems);
	out->cpu_exclusive = cgroup_read_u64(dir, "cpuset.cpu_exclusive");
	out->mem_hardwall = cgroup_read_u64(dir, "cpuset.mem_hardwall");
	out->mem_exclusive = cgroup_read_u64(dir, "cpuset.mem_exclusive");
	out->memory_migrate = cgroup_read_u64(dir, "cpuset.memory_migrate");
	out->memory_spread_page = cgroup_read_u64(dir, "cpuset.memory_spread_page");
	out->memory_spread_slab = cgroup_read_u64(dir, "cpuset.memory_spread_slab");
	out->memory_pressure = cgroup_read_u64(dir, "cpuset.memory_pressure");
	out->sched_load_balance = cgroup_read_u64(dir, "cpuset.sched_load_balance");
	/* -1 comes back from the unsigned reader as it is. */
	out->sched_relax_domain_level = (int64_t)cgroup_read_u64(dir, "cpuset.sched_relax_domain_level");
}

/* kind: "", ".memsw", ".kmem", ".kmem.tcp" */
static void read_usage(const char *dir, const char *kind, struct cgroup_usage *out)
{
	char file[64];

	snprintf(file, sizeof(file), "memory%s.limit_in_bytes", kind);
	out->limit = cgroup_read_u64(dir, file);
	snprintf(file, sizeof(file), "memory%s.usage_in_bytes", kind);
	out->usage = cgroup_read_u64(dir, file);
	snprintf(file, sizeof(file), "memory%s.max_usage_in_bytes", kind);
	out->max = cgroup_read_u64(dir, file);
	snprintf(file, sizeof(file), "memory%s.failcnt", kind);
	out->failcnt = cgroup_read_u64(dir, file);
}

static void read_memory(const char *dir, struct cgroup_stats *out)
{
	if (!dir)
		return;
	cgroup_read_memory_stat(dir, out);
	out->cache = cgroup_raw(out, "cache");
	read_usage(dir, "", &out->memory);
	read_usage(dir, ".memsw", &out->swap);
	read_usage(dir, ".kmem", &out->kernel);
	read_usage(dir, ".kmem.tcp", &out->kernel_tcp);
}

/* "8:0 Read 4096", or "8:0 17" in files without operations; "Total 0" is no device's. */
static bool read_io(const char *dir, const char *file, struct cgroup_io_list *out)
{
	cleanup_free char *path = string_format("%s/%s", dir, file), *text = NULL;
	char *save, *line;

	if (!path || file_read(AT_FDCWD, path, FILE_MAX, &text) < 0)
		return false;
	for (line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		unsigned long long major, minor, value;
		struct cgroup_io io = {0};

		if (sscanf(line, "%llu:%llu %15s %llu", &major, &minor, io.op, &value) != 4) {
			io.op[0] = '\0';
			if (sscanf(line, "%llu:%llu %llu", &major, &minor, &value) != 3)
				continue;
		}
		io.major = major;
		io.minor = minor;
		io.value = value;
		cgroup_add_io(out, &io);
	}
	return out->n > 0;
}

/* Which files count anything depends on the disks' scheduler; the first that does is taken. */
static void read_blkio(const char *dir, struct cgroup_stats *out)
{
	static const char *const prefixes[] = {"blkio.bfq.", "blkio.", "blkio.throttle."};
	static const char *const names[CGROUP_IO_KINDS] = {
		[CGROUP_IO_BYTES] = "io_service_bytes_recursive",
		[CGROUP_IO_SERVICED] = "io_serviced_recursive",
		[CGROUP_IO_QUEUED] = "io_queued_recursive",
		[CGROUP_IO_SERVICE_TIME] = "io_service_time_recursive",
		[CGROUP_IO_WAIT_TIME] = "io_wait_time_recursive",
		[CGROUP_IO_MERGED] = "io_merged_recursive",
		[CGROUP_IO_TIME] = "time_recursive",
		[CGROUP_IO_SECTORS] = "sectors_recursive",
	};
	bool found = false;

	for (size_t p = 0; dir && !found && p < sizeof(prefixes) / sizeof(*prefixes); p++)
		for (int kind = 0; kind < CGROUP_IO_KINDS; kind++) {
			char file[64];

			snprintf(file, sizeof(file), "%s%s", prefixes[p], names[kind]);
			found |= read_io(dir, file, &out->io[kind]);
		}
}

static void read_pids(const char *dir, struct cgroup_stats *out)
{
	if (!dir)
		return;
	out->pids_current = cgroup_read_u64(dir, "pids.current");
	out->pids_limit = cgroup_read_u64(dir, "pids.max");
	if (out->pids_limit == UINT64_MAX)
		out->pids_limit = 0;
}

static void read_hugetlb(const char *dir, const char *size, struct cgroup_usage *usage)
{
	char file[96];

	snprintf(file, sizeof(file), "hugetlb.%.16s.usage_in_bytes", size);
	usage->usage = cgroup_read_u64(dir, file);
	snprintf(file, sizeof(file), "hugetlb.%.16s.max_usage_in_bytes", size);
	usage->max = cgroup_read_u64(dir, file);
	snprintf(file, sizeof(file), "hugetlb.%.16s.failcnt", size);
	usage->failcnt = cgroup_read_u64(dir, file);
}

void cgroup_v1_stats(const struct cgroup_set *s, struct cgroup_stats *out)
{
	const char *hugetlb = cgroup_find(s, "hugetlb");

	read_cpu(s, out);
	read_cpuset(cgroup_find(s, "cpuset"), out);
	read_memory(cgroup_find(s, "memory"), out);
	read_pids(cgroup_find(s, "pids"), out);
	read_blkio(cgroup_find(s, "blkio"), out);
	if (hugetlb)
		cgroup_each_hugetlb(hugetlb, "usage_in_bytes", out, read_hugetlb);
}
