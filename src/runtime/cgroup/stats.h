/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a container's cgroup says of its use of the host: the numbers of `husk events`. */
#ifndef HUSK_RUNTIME_CGROUP_STATS_H
#define HUSK_RUNTIME_CGROUP_STATS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct cgroup_numbers {
	uint64_t *v;
	size_t n;
};

/* A limit with what is used of it, bytes. limit is UINT64_MAX for none (v2). */
struct cgroup_usage {
	uint64_t limit, usage, max, failcnt;
};

struct cgroup_named {
	char *name;
	uint64_t value;
};

/* One line of a blkio file; op is "" where the file has none. */
struct cgroup_io {
	uint64_t major, minor, value;
	char op[16];
};

struct cgroup_io_list {
	struct cgroup_io *v;
	size_t n;
};

enum cgroup_io_kind {
	CGROUP_IO_BYTES,
	CGROUP_IO_SERVICED,
	CGROUP_IO_QUEUED,
	CGROUP_IO_SERVICE_TIME,
	CGROUP_IO_WAIT_TIME,
	CGROUP_IO_MERGED,
	CGROUP_IO_TIME,
	CGROUP_IO_SECTORS,
	CGROUP_IO_KINDS
};

struct cgroup_hugetlb {
	char *size; /* "2MB" */
	struct cgroup_usage usage;
};

/* Numbers of controllers that are missing are 0, their lists empty. */
struct cgroup_stats {
	/* CPU time, nanoseconds. */
	uint64_t cpu_total, cpu_kernel, cpu_user;
	struct cgroup_numbers percpu, percpu_kernel, percpu_user;
	uint64_t periods, throttled_periods, throttled_time;

	struct cgroup_numbers cpus, mems; /* of the cpuset; v1 only, as the following */
	uint64_t cpu_exclusive, mem_hardwall, mem_exclusive, memory_migrate, memory_spread_page,
	    memory_spread_slab, memory_pressure, sched_load_balance;
	int64_t sched_relax_domain_level;

	uint64_t cache;
	struct cgroup_usage memory, swap, kernel, kernel_tcp; /* swap: memory and swap together */
	struct cgroup_named *raw;			      /* memory.stat, sorted by name */
	size_t n_raw;

	uint64_t pids_current, pids_limit; /* limit 0: none */
	struct cgroup_io_list io[CGROUP_IO_KINDS];
	struct cgroup_hugetlb *hugetlb;
	size_t n_hugetlb;
};

/* text: the cgroup as cgroup.h writes it down. -ENOENT when it is gone; -ENOMEM. */
int cgroup_read_stats(const char *text, struct cgroup_stats *out, struct error *err);
void cgroup_stats_free(struct cgroup_stats *s);

/*
 * Watches for the host's OOM killer at work in the cgroup: a descriptor that polls as readable (v1:
 * an eventfd; v2: inotify on memory.events), or -ENOTSUP without a memory controller.
 * cgroup_oom_count() is asked whenever it does: the new kills since the last time; -ENOENT when the
 * cgroup is gone.
 */
struct cgroup_oom {
	int fd;
	char *dir;
	bool v2;
	uint64_t seen;
};
int cgroup_oom_watch(const char *text, struct cgroup_oom *o, struct error *err);
int cgroup_oom_count(struct cgroup_oom *o);
void cgroup_oom_close(struct cgroup_oom *o);

/* ---- for the files of this directory ----------------------------------------------------------- */

struct cgroup_set;

void cgroup_v1_stats(const struct cgroup_set *s, struct cgroup_stats *out);
void cgroup_v2_stats(const char *dir, struct cgroup_stats *out);

/* DIR/FILE as a number; "max" is UINT64_MAX, a file that is not there 0. */
uint64_t cgroup_read_u64(const char *dir, const char *file);
/* The number behind `key ` at the beginning of a line of DIR/FILE; 0 without one. */
uint64_t cgroup_read_key(const char *dir, const char *file, const char *key);
/* memory.stat into out->raw, sorted. */
void cgroup_read_memory_stat(const char *dir, struct cgroup_stats *out);
uint64_t cgroup_raw(const struct cgroup_stats *s, const char *name);
void cgroup_add_number(struct cgroup_numbers *list, uint64_t value);
void cgroup_add_io(struct cgroup_io_list *list, const struct cgroup_io *io);
/* Calls fn for each page size of which the directory has hugetlb files ("hugetlb.2MB.SUFFIX"). */
void cgroup_each_hugetlb(const char *dir, const char *suffix, struct cgroup_stats *out,
			 void (*fn)(const char *dir, const char *size, struct cgroup_usage *usage));

#endif
