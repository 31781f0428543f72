/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Limits in the v1 hierarchies (the kernel's Documentation/admin-guide/cgroup-v1). */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "libocispec/ocispec.h"
#include "runtime/cgroup/cgroup.h"
#include "runtime/files.h"

/* ---- making -------------------------------------------------------------------------------- */

/*
 * A new cpuset has no CPUs and no memory nodes, and nobody can join it. It gets its parent's, and so
 * must every directory that was just made on the way.
 */
static int inherit_cpuset(const char *dir, const char *file)
{
	cleanup_free char *path = string_format("%s/%s", dir, file);
	cleanup_free char *value = NULL, *parent = NULL;
	char *slash;
	int r;

	if (!path)
		return -ENOMEM;
	r = file_read(AT_FDCWD, path, 65536, &value);
	if (r < 0)
		return r;
	if (value[strspn(value, " \n")])
		return 0;
	free(steal_ptr(&value));
	parent = strdup(dir);
	slash = parent ? strrchr(parent, '/') : NULL;
	if (!slash || slash == parent)
		return -EINVAL;
	*slash = '\0';
	r = inherit_cpuset(parent, file);
	if (r < 0)
		return r;
	cleanup_free char *from = string_format("%s/%s", parent, file);

	r = from ? file_read(AT_FDCWD, from, 65536, &value) : -ENOMEM;
	return r < 0 ? r : file_write(AT_FDCWD, path, value);
}

int cgroup_v1_create(const struct cgroup_set *s, struct error *err)
{
	const char *cpuset = cgroup_find(s, "cpuset");

	for (unsigned i = 0; i < s->n; i++) {
		int r = mkdir_parents(s->dir[i].path, 0755);

		if (r < 0)
			return error_errno(err, r, "cannot make the cgroup %s", s->dir[i].path);
		if (s->dir[i].path != cpuset)
			continue;
		r = inherit_cpuset(s->dir[i].path, "cpuset.cpus");
		if (!r)
			r = inherit_cpuset(s->dir[i].path, "cpuset.mems");
		if (r < 0)
			return error_errno(err, r, "cannot set up the cpuset %s", s->dir[i].path);
	}
	return 0;
}

/* ---- limits -------------------------------------------------------------------------------- */

static int need(const struct cgroup_set *s, const char *controller, const char **dir,
		struct error *err)
{
	*dir = cgroup_find(s, controller);
	return *dir ? 0
		    : error_set(err, -ENOTSUP, "linux.resources: this host has no %s cgroup",
				controller);
}

/*
 * memory.limit_in_bytes may never be above memory.memsw.limit_in_bytes, at any moment: when a limit
 * grows the second must go first, when it shrinks the first.
 */
static int apply_memory_limits(const char *dir, const struct oci_memory *m, struct error *err)
{
	static const char *const limit = "memory.limit_in_bytes";
	static const char *const memsw = "memory.memsw.limit_in_bytes";
	bool set_limit = m->has_limit && m->limit;
	bool set_swap = m->has_swap && m->swap;
	int r = 0;

	if (set_swap && m->swap > 0 && !cgroup_has_file(dir, memsw))
		return error_set(err, -ENOTSUP,
				 "linux.resources.memory.swap: this host does not account swap");
	if (set_swap && !cgroup_has_file(dir, memsw))
		set_swap = false;
	if (set_limit && set_swap) {
		cleanup_error struct error first = ERROR_INIT;

		r = cgroup_write(dir, limit, "memory.limit", &first, "%lld", (long long)m->limit);
		if (!r)
			return cgroup_write(dir, memsw, "memory.swap", err, "%lld",
					    (long long)m->swap);
	}
	if (set_swap)
		r = cgroup_write(dir, memsw, "memory.swap", err, "%lld", (long long)m->swap);
	if (!r && set_limit)
		r = cgroup_write(dir, limit, "memory.limit", err, "%lld", (long long)m->limit);
	return r;
}

static int apply_memory(const struct cgroup_set *s, const struct oci_memory *m, struct error *err)
{
	const char *dir;
	int r;

	if (!m || !((m->has_limit && m->limit) || (m->has_swap && m->swap) ||
		    (m->has_reservation && m->reservation) || (m->has_kernel_tcp && m->kernel_tcp) ||
		    m->has_swappiness || m->disable_oom_killer))
		return 0;
	r = need(s, "memory", &dir, err);
	if (!r)
		r = apply_memory_limits(dir, m, err);
	if (!r && m->has_reservation && m->reservation)
		r = cgroup_write(dir, "memory.soft_limit_in_bytes", "memory.reservation", err, "%lld",
				 (long long)m->reservation);
	if (!r && m->has_kernel_tcp && m->kernel_tcp)
		r = cgroup_write(dir, "memory.kmem.tcp.limit_in_bytes", "memory.kernelTCP", err,
				 "%lld", (long long)m->kernel_tcp);
	/* Docker and Podman write (uint64) -1 for 'not set'. */
	if (!r && m->has_swappiness && m->swappiness <= 100)
		r = cgroup_write(dir, "memory.swappiness", "memory.swappiness", err, "%llu",
				 (unsigned long long)m->swappiness);
	if (!r && m->disable_oom_killer)
		r = cgroup_write(dir, "memory.oom_control", "memory.disableOOMKiller", err, "1");
	return r;
}

static int write_period(const char *dir, const struct oci_cpu *c, struct error *err)
{
	return cgroup_write(dir, "cpu.cfs_period_us", "cpu.period", err, "%llu",
			    (unsigned long long)c->period);
}

static int write_burst(const char *dir, const struct oci_cpu *c, struct error *err)
{
	if (!c->burst && !cgroup_has_file(dir, "cpu.cfs_burst_us"))
		return 0;
	return cgroup_write(dir, "cpu.cfs_burst_us", "cpu.burst", err, "%llu",
			    (unsigned long long)c->burst);
}

/*
 * Quota, period and burst have to fit together at each moment, and with the parent's: whether the old
 * quota fits the new period depends. What does not go through at first is tried again behind the quota.
 */
static int apply_bandwidth(const char *dir, const struct oci_cpu *c, struct error *err)
{
	bool period = c->period, burst = c->has_burst;
	int r = 0;

	if (period)
		period = write_period(dir, c, NULL) < 0;
	if (burst)
		burst = write_burst(dir, c, NULL) < 0;
	if (c->quota)
		r = cgroup_write(dir, "cpu.cfs_quota_us", "cpu.quota", err, "%lld",
				 (long long)c->quota);
	if (!r && period)
		r = write_period(dir, c, err);
	if (!r && burst)
		r = write_burst(dir, c, err);
	return r;
}

/* A cgroup that is idle takes no shares, so that has to be said first and last. */
static int apply_shares(const char *dir, const struct oci_cpu *c, struct error *err)
{
	bool idle = c->has_idle && cgroup_has_file(dir, "cpu.idle");
	int r = 0;

	if (c->shares && idle)
		cgroup_write(dir, "cpu.idle", "cpu.idle", NULL, "0");
	if (c->shares)
		r = cgroup_write(dir, "cpu.shares", "cpu.shares", err, "%llu",
				 (unsigned long long)c->shares);
	if (!r && (idle || c->idle))
		r = cgroup_write(dir, "cpu.idle", "cpu.idle", err, "%lld", (long long)c->idle);
	return r;
}

static int apply_cpu(const struct cgroup_set *s, const struct oci_cpu *c, struct error *err)
{
	const char *dir;
	int r;

	if (!c || !(c->shares || c->quota || c->period || c->has_burst || c->realtime_runtime ||
		    c->realtime_period || c->has_idle))
		return 0;
	r = need(s, "cpu", &dir, err);
	if (!r)
		r = apply_shares(dir, c, err);
	if (!r)
		r = apply_bandwidth(dir, c, err);
	if (!r && c->realtime_period)
		r = cgroup_write(dir, "cpu.rt_period_us", "cpu.realtimePeriod", err, "%llu",
				 (unsigned long long)c->realtime_period);
	if (!r && c->realtime_runtime)
		r = cgroup_write(dir, "cpu.rt_runtime_us", "cpu.realtimeRuntime", err, "%lld",
				 (long long)c->realtime_runtime);
	return r;
}

static int apply_cpuset(const struct cgroup_set *s, const struct oci_cpu *c, struct error *err)
{
	bool cpus = c && c->cpus && *c->cpus, mems = c && c->mems && *c->mems;
	const char *dir;
	int r = cpus || mems ? need(s, "cpuset", &dir, err) : 0;

	if (!r && cpus)
		r = cgroup_write(dir, "cpuset.cpus", "cpu.cpus", err, "%s", c->cpus);
	if (!r && mems)
		r = cgroup_write(dir, "cpuset.mems", "cpu.mems", err, "%s", c->mems);
	return r;
}

static int apply_pids(const struct cgroup_set *s, const struct oci_pids *p, struct error *err)
{
	const char *dir;
	int r;

	if (!p || !p->limit)
		return 0;
	r = need(s, "pids", &dir, err);
	if (r < 0)
		return r;
	if (p->limit < 0)
		return cgroup_write(dir, "pids.max", "pids.limit", err, "max");
	return cgroup_write(dir, "pids.max", "pids.limit", err, "%lld", (long long)p->limit);
}

static int apply_throttle(const char *dir, const char *file, const char *field,
			  const struct oci_throttle_device *d, size_t n, struct error *err)
{
	for (size_t i = 0; i < n; i++) {
		int r = cgroup_write(dir, file, field, err, "%lld:%lld %llu", (long long)d[i].major,
				     (long long)d[i].minor, (unsigned long long)d[i].rate);

		if (r < 0)
			return r;
	}
	return 0;
}

static int apply_weights(const char *dir, const struct oci_block_io *b, struct error *err)
{
	/* Newer kernels know only the BFQ scheduler's names. */
	bool bfq = !cgroup_has_file(dir, "blkio.weight") && cgroup_has_file(dir, "blkio.bfq.weight");
	int r = 0;

	if (b->weight)
		r = cgroup_write(dir, bfq ? "blkio.bfq.weight" : "blkio.weight", "blockIO.weight", err,
				 "%u", b->weight);
	if (!r && b->leaf_weight)
		r = cgroup_write(dir, "blkio.leaf_weight", "blockIO.leafWeight", err, "%u",
				 b->leaf_weight);
	for (size_t i = 0; i < b->n_weight_device && !r; i++) {
		const struct oci_weight_device *d = &b->weight_device[i];

		if (d->weight)
			r = cgroup_write(dir, bfq ? "blkio.bfq.weight_device" : "blkio.weight_device",
					 "blockIO.weightDevice", err, "%lld:%lld %u",
					 (long long)d->major, (long long)d->minor, d->weight);
		if (!r && d->leaf_weight)
			r = cgroup_write(dir, "blkio.leaf_weight_device", "blockIO.weightDevice", err,
					 "%lld:%lld %u", (long long)d->major, (long long)d->minor,
					 d->leaf_weight);
	}
	return r;
}

static int apply_block_io(const struct cgroup_set *s, const struct oci_block_io *b,
			  struct error *err)
{
	const char *dir;
	int r;

	if (!b || !(b->weight || b->leaf_weight || b->n_weight_device ||
		    b->n_throttle_read_bps_device || b->n_throttle_write_bps_device ||
		    b->n_throttle_read_iops_device || b->n_throttle_write_iops_device))
		return 0;
	r = need(s, "blkio", &dir, err);
	if (!r)
		r = apply_weights(dir, b, err);
	if (!r)
		r = apply_throttle(dir, "blkio.throttle.read_bps_device",
				   "blockIO.throttleReadBpsDevice", b->throttle_read_bps_device,
				   b->n_throttle_read_bps_device, err);
	if (!r)
		r = apply_throttle(dir, "blkio.throttle.write_bps_device",
				   "blockIO.throttleWriteBpsDevice", b->throttle_write_bps_device,
				   b->n_throttle_write_bps_device, err);
	if (!r)
		r = apply_throttle(dir, "blkio.throttle.read_iops_device",
				   "blockIO.throttleReadIOPSDevice", b->throttle_read_iops_device,
				   b->n_throttle_read_iops_device, err);
	if (!r)
		r = apply_throttle(dir, "blkio.throttle.write_iops_device",
				   "blockIO.throttleWriteIOPSDevice", b->throttle_write_iops_device,
				   b->n_throttle_write_iops_device, err);
	return r;
}

static int apply_network(const struct cgroup_set *s, const struct oci_network *n, struct error *err)
{
	const char *dir;
	int r = 0;

	if (n && n->class_id) {
		r = need(s, "net_cls", &dir, err);
		if (!r)
			r = cgroup_write(dir, "net_cls.classid", "network.classID", err, "%u",
					 n->class_id);
	}
	if (!r && n && n->n_priorities)
		r = need(s, "net_prio", &dir, err);
	for (size_t i = 0; n && i < n->n_priorities && !r; i++)
		r = cgroup_write(dir, "net_prio.ifpriomap", "network.priorities", err, "%s %u",
				 n->priorities[i].name, n->priorities[i].priority);
	return r;
}

static int apply_hugetlb(const struct cgroup_set *s, const struct oci_resources *res,
			 struct error *err)
{
	const char *dir = NULL;
	int r = res->n_hugepage_limits ? need(s, "hugetlb", &dir, err) : 0;

	for (size_t i = 0; i < res->n_hugepage_limits && !r; i++) {
		char file[64];

		snprintf(file, sizeof(file), "hugetlb.%.16s.limit_in_bytes",
			 res->hugepage_limits[i].page_size);
		r = cgroup_write(dir, file, "hugepageLimits", err, "%llu",
				 (unsigned long long)res->hugepage_limits[i].limit);
	}
	return r;
}

int cgroup_v1_apply(const struct cgroup_set *s, const struct oci_resources *res, struct error *err)
{
	const char *rdma;
	int r;

	if (res->unified.n)
		return error_set(err, -ENOTSUP, "linux.resources.unified: needs cgroup v2");
	r = apply_memory(s, res->memory, err);
	if (!r)
		r = apply_cpu(s, res->cpu, err);
	if (!r)
		r = apply_cpuset(s, res->cpu, err);
	if (!r)
		r = apply_pids(s, res->pids, err);
	if (!r)
		r = apply_block_io(s, res->block_io, err);
	if (!r)
		r = apply_network(s, res->network, err);
	if (!r)
		r = apply_hugetlb(s, res, err);
	if (!r && res->n_rdma)
		r = need(s, "rdma", &rdma, err);
	if (!r && res->n_rdma)
		r = cgroup_apply_rdma(rdma, res, err);
	return r;
}
