/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cli/event_json.h"

#include <string.h>
#include <yajl/yajl_gen.h>

#include "runtime/cgroup/stats.h"
#include "runtime/json_put.h"

/*
 * runc leaves a number out when it is 0 in some places and not in others; readers that check for
 * presence have come to rely on it. put() writes always, put_some() leaves out zeros.
 */
static void put(yajl_gen g, const char *key, uint64_t value)
{
	json_put_text(g, key);
	json_put_number(g, value);
}

static void put_some(yajl_gen g, const char *key, uint64_t value)
{
	if (value)
		put(g, key, value);
}

static void put_list(yajl_gen g, const char *key, const struct cgroup_numbers *list)
{
	if (!list->n)
		return;
	json_put_text(g, key);
	yajl_gen_array_open(g);
	for (size_t i = 0; i < list->n; i++)
		json_put_number(g, list->v[i]);
	yajl_gen_array_close(g);
}

static void put_cpu(yajl_gen g, const struct cgroup_stats *s)
{
	json_put_text(g, "cpu");
	yajl_gen_map_open(g);
	json_put_text(g, "usage");
	yajl_gen_map_open(g);
	put_some(g, "total", s->cpu_total);
	put_list(g, "percpu", &s->percpu);
	put_list(g, "percpu_kernel", &s->percpu_kernel);
	put_list(g, "percpu_user", &s->percpu_user);
	put(g, "kernel", s->cpu_kernel);
	put(g, "user", s->cpu_user);
	yajl_gen_map_close(g);
	json_put_text(g, "throttling");
	yajl_gen_map_open(g);
	put_some(g, "periods", s->periods);
	put_some(g, "throttledPeriods", s->throttled_periods);
	put_some(g, "throttledTime", s->throttled_time);
	yajl_gen_map_close(g);
	yajl_gen_map_close(g);
}

static void put_cpuset(yajl_gen g, const struct cgroup_stats *s)
{
	json_put_text(g, "cpuset");
	yajl_gen_map_open(g);
	put_list(g, "cpus", &s->cpus);
	put(g, "cpu_exclusive", s->cpu_exclusive);
	put_list(g, "mems", &s->mems);
	put(g, "mem_hardwall", s->mem_hardwall);
	put(g, "mem_exclusive", s->mem_exclusive);
	put(g, "memory_migrate", s->memory_migrate);
	put(g, "memory_spread_page", s->memory_spread_page);
	put(g, "memory_spread_slab", s->memory_spread_slab);
	put(g, "memory_pressure", s->memory_pressure);
	put(g, "sched_load_balance", s->sched_load_balance);
	json_put_text(g, "sched_relax_domain_level");
	yajl_gen_integer(g, s->sched_relax_domain_level);
	yajl_gen_map_close(g);
}

static void put_usage(yajl_gen g, const char *key, const struct cgroup_usage *u)
{
	json_put_text(g, key);
	yajl_gen_map_open(g);
	put(g, "limit", u->limit);
	put_some(g, "usage", u->usage);
	put_some(g, "max", u->max);
	put(g, "failcnt", u->failcnt);
	yajl_gen_map_close(g);
}

static void put_memory(yajl_gen g, const struct cgroup_stats *s)
{
	json_put_text(g, "memory");
	yajl_gen_map_open(g);
	put_some(g, "cache", s->cache);
	put_usage(g, "usage", &s->memory);
	put_usage(g, "swap", &s->swap);
	put_usage(g, "kernel", &s->kernel);
	put_usage(g, "kernelTCP", &s->kernel_tcp);
	if (s->n_raw) {
		json_put_text(g, "raw");
		yajl_gen_map_open(g);
		for (size_t i = 0; i < s->n_raw; i++)
			put(g, s->raw[i].name, s->raw[i].value);
		yajl_gen_map_close(g);
	}
	yajl_gen_map_close(g);
}

static void put_io(yajl_gen g, const struct cgroup_io *io)
{
	yajl_gen_map_open(g);
	put_some(g, "major", io->major);
	put_some(g, "minor", io->minor);
	if (io->op[0]) {
		json_put_text(g, "op");
		json_put_text(g, io->op);
	}
	put_some(g, "value", io->value);
	yajl_gen_map_close(g);
}

static void put_blkio(yajl_gen g, const struct cgroup_stats *s)
{
	static const char *const names[CGROUP_IO_KINDS] = {
	    [CGROUP_IO_BYTES] = "ioServiceBytesRecursive",
	    [CGROUP_IO_SERVICED] = "ioServicedRecursive",
	    [CGROUP_IO_QUEUED] = "ioQueueRecursive",
	    [CGROUP_IO_SERVICE_TIME] = "ioServiceTimeRecursive",
	    [CGROUP_IO_WAIT_TIME] = "ioWaitTimeRecursive",
	    [CGROUP_IO_MERGED] = "ioMergedRecursive",
	    [CGROUP_IO_TIME] = "ioTimeRecursive",
	    [CGROUP_IO_SECTORS] = "sectorsRecursive",
	};

	json_put_text(g, "blkio");
	yajl_gen_map_open(g);
	for (int kind = 0; kind < CGROUP_IO_KINDS; kind++) {
		if (!s->io[kind].n)
			continue;
		json_put_text(g, names[kind]);
		yajl_gen_array_open(g);
		for (size_t i = 0; i < s->io[kind].n; i++)
			put_io(g, &s->io[kind].v[i]);
		yajl_gen_array_close(g);
	}
	yajl_gen_map_close(g);
}

static void put_hugetlb(yajl_gen g, const struct cgroup_stats *s)
{
	json_put_text(g, "hugetlb");
	yajl_gen_map_open(g);
	for (size_t i = 0; i < s->n_hugetlb; i++) {
		const struct cgroup_usage *u = &s->hugetlb[i].usage;

		json_put_text(g, s->hugetlb[i].size);
		yajl_gen_map_open(g);
		put_some(g, "usage", u->usage);
		put_some(g, "max", u->max);
		put(g, "failcnt", u->failcnt);
		yajl_gen_map_close(g);
	}
	yajl_gen_map_close(g);
}

static void put_data(yajl_gen g, const struct cgroup_stats *s)
{
	yajl_gen_map_open(g);
	put_cpu(g, s);
	put_cpuset(g, s);
	put_memory(g, s);
	json_put_text(g, "pids");
	yajl_gen_map_open(g);
	put_some(g, "current", s->pids_current);
	put_some(g, "limit", s->pids_limit);
	yajl_gen_map_close(g);
	put_blkio(g, s);
	put_hugetlb(g, s);
	json_put_text(g, "intel_rdt");
	yajl_gen_map_open(g);
	yajl_gen_map_close(g);
	/* Engines count their own interfaces. */
	json_put_text(g, "network_interfaces");
	yajl_gen_null(g);
	yajl_gen_map_close(g);
}

/* stats NULL: an event without data. */
static char *event(const char *type, const char *id, const struct cgroup_stats *stats)
{
	yajl_gen g = yajl_gen_alloc(NULL);
	const unsigned char *text;
	char *json = NULL;
	size_t n;

	if (!g)
		return NULL;
	yajl_gen_map_open(g);
	json_put_text(g, "type");
	json_put_text(g, type);
	json_put_text(g, "id");
	json_put_text(g, id);
	if (stats) {
		json_put_text(g, "data");
		put_data(g, stats);
	}
	yajl_gen_map_close(g);
	if (yajl_gen_get_buf(g, &text, &n) == yajl_gen_status_ok)
		json = strndup((const char *)text, n);
	yajl_gen_free(g);
	return json;
}

char *event_stats_json(const char *id, const struct cgroup_stats *s)
{
	return event("stats", id, s);
}

char *event_oom_json(const char *id)
{
	return event("oom", id, NULL);
}
