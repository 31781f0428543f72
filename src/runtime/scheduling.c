/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "runtime/scheduling.h"

#include <errno.h>
#include <linux/ioprio.h>
#include <linux/mempolicy.h>
#include <linux/sched.h>
#include <linux/sched/types.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "libocispec/ocispec.h"

#ifndef MPOL_WEIGHTED_INTERLEAVE
#define MPOL_WEIGHTED_INTERLEAVE 6 /* Linux 6.9 */
#endif
#ifndef MPOL_F_NUMA_BALANCING
#define MPOL_F_NUMA_BALANCING (1 << 13)
#endif

struct word {
	const char *name;
	unsigned value;
};

/* The value of a word that libocispec has checked to be one of the table's (0 after the last). */
static unsigned value_of(const struct word *table, const char *name)
{
	while (table->name && strcmp(table->name, name))
		table++;
	return table->value;
}

/* ---- the scheduler ------------------------------------------------------------------------- */

static const struct word flags[] = {
	{"SCHED_FLAG_RECLAIM", SCHED_FLAG_RECLAIM},
	{"SCHED_FLAG_DL_OVERRUN", SCHED_FLAG_DL_OVERRUN},
	{"SCHED_FLAG_KEEP_POLICY", SCHED_FLAG_KEEP_POLICY},
	{"SCHED_FLAG_KEEP_PARAMS", SCHED_FLAG_KEEP_PARAMS},
	{"SCHED_FLAG_UTIL_CLAMP_MIN", SCHED_FLAG_UTIL_CLAMP_MIN},
	{"SCHED_FLAG_UTIL_CLAMP_MAX", SCHED_FLAG_UTIL_CLAMP_MAX},
	{NULL, 0},
};

static int set_scheduler(const struct oci_scheduler *s, struct error *err)
{
	struct sched_attr a = {.size = sizeof(a),
			       .sched_policy = oci_scheduler_policy(s->policy),
			       .sched_nice = s->nice,
			       .sched_priority = s->priority};

	for (size_t i = 0; i < s->n_flags; i++)
		a.sched_flags |= value_of(flags, s->flags[i]);
	if (syscall(SYS_sched_setattr, 0, &a, 0) < 0)
		return error_errno(err, -errno, "process.scheduler: cannot set %s, nice %d, priority %d",
				   s->policy, s->nice, s->priority);
	return 0;
}

/* ---- the priority of input and output ------------------------------------------------------ */

static int set_io_priority(const struct oci_io_priority *p, struct error *err)
{
	static const struct word classes[] = {
		{"IOPRIO_CLASS_RT", IOPRIO_CLASS_RT},
		{"IOPRIO_CLASS_BE", IOPRIO_CLASS_BE},
		{"IOPRIO_CLASS_IDLE", IOPRIO_CLASS_IDLE},
		{NULL, 0},
	};
	int value = IOPRIO_PRIO_VALUE(value_of(classes, p->class), p->priority);

	if (syscall(SYS_ioprio_set, IOPRIO_WHO_PROCESS, 0, value) < 0)
		return error_errno(err, -errno, "process.ioPriority: cannot set %s, priority %d", p->class,
				   p->priority);
	return 0;
}

int scheduling_apply(const struct oci_process *p, struct error *err)
{
	int r = p->scheduler ? set_scheduler(p->scheduler, err) : 0;

	return r || !p->io_priority ? r : set_io_priority(p->io_priority, err);
}

/* ---- CPUs ---------------------------------------------------------------------------------- */

int scheduling_set_affinity(const char *cpus, const char *field, struct error *err)
{
	unsigned char mask[OCI_LIST_MAX / 8];

	if (!cpus || !*cpus)
		return 0;
	if (oci_list_parse(cpus, mask, sizeof(mask)) < 0)
		return error_set(err, -EINVAL, "%s: \"%s\" is above %d", field, cpus, OCI_LIST_MAX - 1);
	if (syscall(SYS_sched_setaffinity, 0, sizeof(mask), mask) < 0)
		return error_errno(err, -errno, "%s: cannot run on \"%s\"", field, cpus);
	return 0;
}

/* ---- memory nodes -------------------------------------------------------------------------- */

static const struct word modes[] = {
	{"MPOL_DEFAULT", MPOL_DEFAULT},
	{"MPOL_BIND", MPOL_BIND},
	{"MPOL_INTERLEAVE", MPOL_INTERLEAVE},
	{"MPOL_WEIGHTED_INTERLEAVE", MPOL_WEIGHTED_INTERLEAVE},
	{"MPOL_PREFERRED", MPOL_PREFERRED},
	{"MPOL_PREFERRED_MANY", MPOL_PREFERRED_MANY},
	{"MPOL_LOCAL", MPOL_LOCAL},
	{NULL, 0},
};

static const struct word mode_flags[] = {
	{"MPOL_F_NUMA_BALANCING", MPOL_F_NUMA_BALANCING},
	{"MPOL_F_RELATIVE_NODES", MPOL_F_RELATIVE_NODES},
	{"MPOL_F_STATIC_NODES", MPOL_F_STATIC_NODES},
	{NULL, 0},
};

const char *memory_policy_mode_name(size_t i)
{
	return modes[i].name;
}

const char *memory_policy_flag_name(size_t i)
{
	return mode_flags[i].name;
}

int memory_policy_apply(const struct oci_memory_policy *p, struct error *err)
{
	unsigned char nodes[OCI_LIST_MAX / 8];
	bool any = p && p->nodes && *p->nodes;
	unsigned mode;

	if (!p || !*p->mode)
		return 0;
	if (any && oci_list_parse(p->nodes, nodes, sizeof(nodes)) < 0)
		return error_set(err, -EINVAL, "linux.memoryPolicy.nodes: \"%s\" is above %d", p->nodes,
				 OCI_LIST_MAX - 1);
	mode = value_of(modes, p->mode);
	for (size_t i = 0; i < p->n_flags; i++)
		mode |= value_of(mode_flags, p->flags[i]);
	/* The kernel takes one bit less than it is told, and bits beyond its nodes if they are clear. */
	if (syscall(SYS_set_mempolicy, mode, any ? nodes : NULL, any ? OCI_LIST_MAX : 0) < 0)
		return error_errno(err, -errno, "linux.memoryPolicy: cannot set %s for nodes \"%s\"",
				   p->mode, any ? p->nodes : "");
	return 0;
}
