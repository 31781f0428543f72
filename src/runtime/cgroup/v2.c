/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Limits in the v2 hierarchy (the kernel's Documentation/admin-guide/cgroup-v2.rst). config.json
 * speaks v1; the scales are converted as runc and systemd do.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include "base/cleanup.h"
#include "libocispec/ocispec.h"
#include "runtime/cgroup/cgroup.h"
#include "runtime/cgroup/stats.h"
#include "runtime/files.h"

#define CGROUP2_MAGIC 0x63677270

/*
 * Enables every controller of dir's for its children. Those that cannot be (a process in a cgroup
 * that is not the root, a threaded one) are missed when a limit needs their file, and named then.
 */
static void enable_controllers(const char *dir)
{
	cleanup_free char *path = string_format("%s/cgroup.controllers", dir), *list = NULL;
	cleanup_free char *control = string_format("%s/cgroup.subtree_control", dir);
	char *save;

	if (!path || !control || file_read(AT_FDCWD, path, 4096, &list) < 0)
		return;
	for (char *c = strtok_r(list, " \n", &save); c; c = strtok_r(NULL, " \n", &save)) {
		char word[64];

		snprintf(word, sizeof(word), "+%.60s", c);
		file_write(AT_FDCWD, control, word);
	}
}

int cgroup_v2_create(const struct cgroup_set *s, struct error *err)
{
	cleanup_free char *path = strdup(s->dir[0].path);
	struct statfs sf;

	if (!path)
		return error_set(err, -ENOMEM, "out of memory");
	/* From the mount point down: each level is enabled in its parent, then made. */
	for (char *p = path + 1;; p++) {
		if (*p && *p != '/')
			continue;
		char end = *p;

		*p = '\0';
		if (mkdir(path, 0755) < 0 && errno != EEXIST)
			return error_errno(err, -errno, "cannot make the cgroup %s", path);
		if (!end)
			return 0;
		if (statfs(path, &sf) == 0 && sf.f_type == CGROUP2_MAGIC)
			enable_controllers(path);
		*p = end;
	}
}

/* A limit or, when negative, "max". */
static int write_max(const char *dir, const char *file, const char *field, long long value,
		     struct error *err)
{
	if (value < 0)
		return cgroup_write(dir, file, field, err, "max");
	return cgroup_write(dir, file, field, err, "%lld", value);
}

/* v1 limits memory and swap together, v2 swap alone. */
static int apply_swap(const char *dir, const struct oci_memory *m, struct error *err)
{
	long long swap = m->swap;

	if (!m->has_swap || !m->swap)
		return 0;
	if (swap > 0) {
		if (!m->has_limit || m->limit <= 0)
			return error_set(err, -EINVAL,
					 "linux.resources.memory.swap: needs memory.limit as well");
		if (swap < m->limit)
			return error_set(err, -EINVAL, "linux.resources.memory.swap: is memory and "
						       "swap together, and below memory.limit");
		swap -= m->limit;
	}
	/* No swap on the host: 'unlimited' and 'none' are both true already. */
	if (swap <= 0 && !cgroup_has_file(dir, "memory.swap.max"))
		return 0;
	return write_max(dir, "memory.swap.max", "memory.swap", swap, err);
}

static int apply_memory(const char *dir, const struct oci_memory *m, struct error *err)
{
	int r = 0;

	if (!m)
		return 0;
	if (m->disable_oom_killer)
		return error_set(err, -ENOTSUP,
				 "linux.resources.memory.disableOOMKiller: not in cgroup v2");
	if (m->check_before_update && m->limit > 0 &&
	    cgroup_read_u64(dir, "memory.current") > (uint64_t)m->limit)
		return error_set(err, -EBUSY, "linux.resources.memory.limit: %lld is below what is in "
					      "use, and checkBeforeUpdate is set", (long long)m->limit);
	r = apply_swap(dir, m, err);
	if (!r && m->has_limit && m->limit)
		r = write_max(dir, "memory.max", "memory.limit", m->limit, err);
	if (!r && m->has_reservation && m->reservation)
		r = write_max(dir, "memory.low", "memory.reservation", m->reservation, err);
	return r;
}

static int write_burst(const char *dir, const struct oci_cpu *c, struct error *err)
{
	if (!c->burst && !cgroup_has_file(dir, "cpu.max.burst"))
		return 0;
	return cgroup_write(dir, "cpu.max.burst", "cpu.burst", err, "%llu",
			    (unsigned long long)c->burst);
}

/* The burst may not be above the quota, neither the old nor the new one: it goes first or last. */
static int apply_bandwidth(const char *dir, const struct oci_cpu *c, struct error *err)
{
	unsigned long long period = c->period ? c->period : 100000;
	bool burst = c->has_burst && write_burst(dir, c, NULL) < 0;
	int r = 0;

	if (c->quota > 0)
		r = cgroup_write(dir, "cpu.max", "cpu.quota", err, "%lld %llu", (long long)c->quota,
				 period);
	else if (c->quota || c->period)
		r = cgroup_write(dir, "cpu.max", "cpu.period", err, "max %llu", period);
	if (!r && burst)
		r = write_burst(dir, c, err);
	return r;
}

/* 2 … 262144 becomes 1 … 10000. A cgroup that is idle takes no weight: said first and last. */
static int apply_weight(const char *dir, const struct oci_cpu *c, struct error *err)
{
	unsigned long long shares = c->shares < 2 ? 2 : c->shares > 262144 ? 262144 : c->shares;
	bool idle = c->has_idle && cgroup_has_file(dir, "cpu.idle");
	int r = 0;

	if (c->shares && idle)
		cgroup_write(dir, "cpu.idle", "cpu.idle", NULL, "0");
	if (c->shares)
		r = cgroup_write(dir, "cpu.weight", "cpu.shares", err, "%llu",
				 1 + (shares - 2) * 9999 / 262142);
	if (!r && (idle || c->idle))
		r = cgroup_write(dir, "cpu.idle", "cpu.idle", err, "%lld", (long long)c->idle);
	return r;
}

static int apply_cpu(const char *dir, const struct oci_cpu *c, struct error *err)
{
	int r = 0;

	if (!c)
		return 0;
	if (c->realtime_runtime || c->realtime_period)
		return error_set(err, -ENOTSUP,
				 "linux.resources.cpu.realtimeRuntime: not in cgroup v2");
	r = apply_weight(dir, c, err);
	if (!r)
		r = apply_bandwidth(dir, c, err);
	if (!r && c->cpus && *c->cpus)
		r = cgroup_write(dir, "cpuset.cpus", "cpu.cpus", err, "%s", c->cpus);
	if (!r && c->mems && *c->mems)
		r = cgroup_write(dir, "cpuset.mems", "cpu.mems", err, "%s", c->mems);
	return r;
}

static int apply_throttle(const char *dir, const char *key, const char *field,
			  const struct oci_throttle_device *d, size_t n, struct error *err)
{
	for (size_t i = 0; i < n; i++) {
		int r = cgroup_write(dir, "io.max", field, err, "%lld:%lld %s=%llu",
				     (long long)d[i].major, (long long)d[i].minor, key,
				     (unsigned long long)d[i].rate);

		if (r < 0)
			return r;
	}
	return 0;
}

static int apply_io_weight(const char *dir, const struct oci_block_io *b, struct error *err)
{
	bool bfq = cgroup_has_file(dir, "io.bfq.weight");
	int r = 0;

	if (b->leaf_weight)
		return error_set(err, -ENOTSUP,
				 "linux.resources.blockIO.leafWeight: not in cgroup v2");
	/* BFQ keeps v1's 10 … 1000; io.weight has 1 … 10000. */
	if (b->weight && bfq)
		r = cgroup_write(dir, "io.bfq.weight", "blockIO.weight", err, "%u", b->weight);
	else if (b->weight)
		r = cgroup_write(dir, "io.weight", "blockIO.weight", err, "%u",
				 1 + (b->weight < 10 ? 0 : b->weight - 10u) * 9999 / 990);
	for (size_t i = 0; i < b->n_weight_device && !r; i++)
		r = cgroup_write(dir, "io.bfq.weight", "blockIO.weightDevice", err, "%lld:%lld %u",
				 (long long)b->weight_device[i].major,
				 (long long)b->weight_device[i].minor, b->weight_device[i].weight);
	return r;
}

static int apply_block_io(const char *dir, const struct oci_block_io *b, struct error *err)
{
	int r;

	if (!b)
		return 0;
	r = apply_io_weight(dir, b, err);
	if (!r)
		r = apply_throttle(dir, "rbps", "blockIO.throttleReadBpsDevice",
				   b->throttle_read_bps_device, b->n_throttle_read_bps_device, err);
	if (!r)
		r = apply_throttle(dir, "wbps", "blockIO.throttleWriteBpsDevice",
				   b->throttle_write_bps_device, b->n_throttle_write_bps_device,
				   err);
	if (!r)
		r = apply_throttle(dir, "riops", "blockIO.throttleReadIOPSDevice",
				   b->throttle_read_iops_device, b->n_throttle_read_iops_device,
				   err);
	if (!r)
		r = apply_throttle(dir, "wiops", "blockIO.throttleWriteIOPSDevice",
				   b->throttle_write_iops_device, b->n_throttle_write_iops_device,
				   err);
	return r;
}

int cgroup_v2_apply(const struct cgroup_set *s, const struct oci_resources *res, struct error *err)
{
	const char *dir = s->dir[0].path;
	int r;

	if (res->network && (res->network->class_id || res->network->n_priorities))
		return error_set(err, -ENOTSUP, "linux.resources.network: not in cgroup v2");
	r = apply_memory(dir, res->memory, err);
	if (!r)
		r = apply_cpu(dir, res->cpu, err);
	if (!r && res->pids && res->pids->limit)
		r = write_max(dir, "pids.max", "pids.limit", res->pids->limit, err);
	if (!r)
		r = apply_block_io(dir, res->block_io, err);
	for (size_t i = 0; i < res->n_hugepage_limits && !r; i++) {
		char file[64];

		snprintf(file, sizeof(file), "hugetlb.%.16s.max", res->hugepage_limits[i].page_size);
		r = cgroup_write(dir, file, "hugepageLimits", err, "%llu",
				 (unsigned long long)res->hugepage_limits[i].limit);
	}
	if (!r)
		r = cgroup_apply_rdma(dir, res, err);
	for (size_t i = 0; i < res->unified.n && !r; i++) {
		const char *file = res->unified.keys[i];

		if (strchr(file, '/'))
			return error_set(err, -EINVAL, "linux.resources.unified: \"%s\" is a path",
					 file);
		r = cgroup_write(dir, file, "unified", err, "%s", res->unified.values[i]);
	}
	return r;
}
