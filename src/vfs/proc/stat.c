/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The files of /proc/PID that print one task's numbers, in Linux' own formats: ps, top, pgrep and
 * many scripts count fields and match these lines.
 */
#include <errno.h>
#include <inttypes.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "vfs/proc/node.h"

#define NS_PER_TICK 10000000ULL /* USER_HZ is 100 */

/* Memory of a task, in pages, as statm prints it: zeros for who has none. */
struct statm {
	unsigned long size, resident, shared, text, lib, data, dt;
};

static void read_statm(pid_t pid, struct statm *m)
{
	struct ptext t = {0};

	memset(m, 0, sizeof(*m));
	if (proc_ops.show(pid, "statm", &t) == 0 && t.data)
		sscanf(t.data, "%lu %lu %lu %lu %lu %lu %lu", &m->size, &m->resident, &m->shared,
		       &m->text, &m->lib, &m->data, &m->dt);
	free(t.data);
}

/* tty_nr of stat: the minor's low byte, the major, the rest of the minor (new_encode_dev). */
static unsigned encode_dev(dev_t d)
{
	unsigned ma = major(d), mi = minor(d);

	return (mi & 0xff) | ma << 8 | (mi & ~0xffu) << 12;
}

static int priority(const struct proc_task *t)
{
	if (t->policy == SCHED_FIFO || t->policy == SCHED_RR)
		return -1 - t->rt_priority;
	return 20 + t->nice;
}

int proc_show_stat(struct proc_node *n, struct ptext *out)
{
	bool visible;
	struct proc_task t;
	struct statm m;
	int r = proc_ops.task(n->pid, &t);

	if (r < 0)
		return r;
	if (n->thread) {
		t.utime_ns = t.thread_utime_ns;
		t.stime_ns = t.thread_stime_ns;
	}
	visible = proc_ops.may_access(n->pid);
	read_statm(n->pid, &m);
	ptext_printf(out, "%d (%s) %c %d %d %d %u %d %u", t.tid, t.comm, t.state, t.ppid, t.pgrp,
		     t.session, encode_dev(t.tty), t.tpgid, t.kthread ? 0x208040 : 0x400000);
	ptext_printf(out, " %" PRIu64 " 0 %" PRIu64 " 0", t.minflt, t.majflt);
	ptext_printf(out, " %llu %llu %llu %llu", (unsigned long long)(t.utime_ns / NS_PER_TICK),
		     (unsigned long long)(t.stime_ns / NS_PER_TICK),
		     (unsigned long long)(t.cutime_ns / NS_PER_TICK),
		     (unsigned long long)(t.cstime_ns / NS_PER_TICK));
	ptext_printf(out, " %d %d %u 0 %llu", priority(&t), t.nice, t.threads,
		     (unsigned long long)(t.start_ns / NS_PER_TICK));
	/* vsize, rss, rsslim; then addresses, which nobody may see who may not trace the task. */
	ptext_printf(out, " %lu %lu %llu 0 0 0 0 0", m.size * 4096, m.resident,
		     (unsigned long long)t.rlimits[5][0]);
	ptext_printf(out, " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64,
		     (t.sig_pending | t.shared_pending) & 0x7fffffff, t.sig_blocked & 0x7fffffff,
		     t.sig_ignored & 0x7fffffff, t.sig_caught & 0x7fffffff);
	ptext_printf(out, " 0 0 0 %d %d %d %d 0 0 0 0 0 0 0 0 0 0 %d\n", t.exit_signal, t.cpu,
		     t.rt_priority, t.policy, visible ? t.exit_code : 0);
	return 0;
}

static const char *state_name(char c)
{
	switch (c) {
	case 'R':
		return "R (running)";
	case 'S':
		return "S (sleeping)";
	case 'D':
		return "D (disk sleep)";
	case 'T':
		return "T (stopped)";
	case 't':
		return "t (tracing stop)";
	case 'Z':
		return "Z (zombie)";
	default:
		return "X (dead)";
	}
}

static void print_mask(struct ptext *out, const char *name, uint64_t mask)
{
	ptext_printf(out, "%s:\t%016" PRIx64 "\n", name, mask);
}

/* Hexadecimal words of 32 CPUs, highest first, and the list form: Linux prints both. */
static void print_cpus(struct ptext *out)
{
	unsigned words[CPU_SETSIZE / 32] = {0};
	int top = 0, start = -1;
	bool first = true;
	cpu_set_t set;

	CPU_ZERO(&set);
	if (sched_getaffinity(0, sizeof(set), &set) < 0)
		CPU_SET(0, &set);
	for (int i = 0; i < CPU_SETSIZE; i++) {
		if (CPU_ISSET(i, &set)) {
			words[i / 32] |= 1u << i % 32;
			top = i / 32;
		}
	}
	ptext_printf(out, "Cpus_allowed:\t%x", words[top]);
	while (top-- > 0)
		ptext_printf(out, ",%08x", words[top]);
	ptext_printf(out, "\nCpus_allowed_list:\t");
	for (int i = 0; i <= CPU_SETSIZE; i++) {
		bool on = i < CPU_SETSIZE && CPU_ISSET(i, &set);

		if (on && start < 0)
			start = i;
		if (on || start < 0)
			continue;
		ptext_printf(out, first ? "%d" : ",%d", start);
		if (i - 1 > start)
			ptext_printf(out, "-%d", i - 1);
		first = false;
		start = -1;
	}
	ptext_printf(out, "\nMems_allowed:\t1\nMems_allowed_list:\t0\n");
}

static void print_ids(struct ptext *out, const struct proc_task *t)
{
	ptext_printf(out, "Tgid:\t%d\nNgid:\t0\nPid:\t%d\nPPid:\t%d\nTracerPid:\t%d\n", t->tgid,
		     t->tid, t->ppid, t->tracer);
	ptext_printf(out, "Uid:\t%u\t%u\t%u\t%u\n", t->ruid, t->euid, t->suid, t->fsuid);
	ptext_printf(out, "Gid:\t%u\t%u\t%u\t%u\n", t->rgid, t->egid, t->sgid, t->fsgid);
}

int proc_show_status(struct proc_node *n, struct ptext *out)
{
	struct ptext mem = {0};
	struct proc_task t;
	unsigned fdsize = 64;
	struct fdtable *files;
	struct fs *fs;
	int r = proc_ops.task(n->pid, &t);

	if (r < 0)
		return r;
	files = proc_ops.files(n->pid);
	if (files) {
		for (int fd = fdtable_next(files, 0); fd >= 0; fd = fdtable_next(files, fd + 1))
			while ((unsigned)fd >= fdsize)
				fdsize *= 2;
		fdtable_put(files);
	} else {
		fdsize = 0;
	}
	ptext_printf(out, "Name:\t%s\n", t.comm);
	fs = proc_ops.fs ? proc_ops.fs(n->pid) : NULL;
	if (fs) {
		ptext_printf(out, "Umask:\t%04o\n", (unsigned)fs_get_umask(fs));
		fs_put(fs);
	}
	ptext_printf(out, "State:\t%s\n", state_name(t.state));
	print_ids(out, &t);
	ptext_printf(out, "FDSize:\t%u\nGroups:\t", fdsize);
	for (unsigned i = 0; i < t.ngroups && i < 64; i++)
		ptext_printf(out, "%u ", t.groups[i]);
	ptext_printf(out, "\nNStgid:\t%d\nNSpid:\t%d\nNSpgid:\t%d\nNSsid:\t%d\nKthread:\t%d\n",
		     t.tgid, t.tid, t.pgrp, t.session, t.kthread);
	/* VmPeak … VmSwap come ready-made; a zombie has none of them. */
	if (proc_ops.show(n->pid, "status-memory", &mem) == 0 && mem.data)
		ptext_write(out, mem.data, mem.len);
	free(mem.data);
	ptext_printf(out, "CoreDumping:\t0\nTHP_enabled:\t1\nuntag_mask:\t0xffffffffffffffff\n");
	ptext_printf(out, "Threads:\t%u\nSigQ:\t%u/%llu\n", t.threads, t.sigq_used,
		     (unsigned long long)t.rlimits[11][0]);
	print_mask(out, "SigPnd", t.sig_pending);
	print_mask(out, "ShdPnd", t.shared_pending);
	print_mask(out, "SigBlk", t.sig_blocked);
	print_mask(out, "SigIgn", t.sig_ignored);
	print_mask(out, "SigCgt", t.sig_caught);
	print_mask(out, "CapInh", t.cap_inh);
	print_mask(out, "CapPrm", t.cap_prm);
	print_mask(out, "CapEff", t.cap_eff);
	print_mask(out, "CapBnd", t.cap_bnd);
	print_mask(out, "CapAmb", t.cap_amb);
	ptext_printf(out, "NoNewPrivs:\t%d\nSeccomp:\t%d\nSeccomp_filters:\t%d\n", t.no_new_privs,
		     t.seccomp, t.seccomp == 2);
	ptext_printf(out, "Speculation_Store_Bypass:\tvulnerable\n"
			  "SpeculationIndirectBranch:\talways enabled\n");
	print_cpus(out);
	ptext_printf(out, "voluntary_ctxt_switches:\t%" PRIu64 "\n"
			  "nonvoluntary_ctxt_switches:\t%" PRIu64 "\n", t.vctxt, t.ivctxt);
	return 0;
}

int proc_show_limits(struct proc_node *n, struct ptext *out)
{
	static const struct {
		const char *name, *unit;
	} rows[16] = {
		{"Max cpu time", "seconds"},	   {"Max file size", "bytes"},
		{"Max data size", "bytes"},	   {"Max stack size", "bytes"},
		{"Max core file size", "bytes"},   {"Max resident set", "bytes"},
		{"Max processes", "processes"},	   {"Max open files", "files"},
		{"Max locked memory", "bytes"},	   {"Max address space", "bytes"},
		{"Max file locks", "locks"},	   {"Max pending signals", "signals"},
		{"Max msgqueue size", "bytes"},	   {"Max nice priority", NULL},
		{"Max realtime priority", NULL},   {"Max realtime timeout", "us"},
	};
	struct proc_task t;
	int r = proc_ops.task(n->pid, &t);

	if (r < 0)
		return r;
	ptext_printf(out, "%-25s %-20s %-20s %-10s\n", "Limit", "Soft Limit", "Hard Limit",
		     "Units");
	for (int i = 0; i < 16; i++) {
		ptext_printf(out, "%-25s ", rows[i].name);
		for (int k = 0; k < 2; k++) {
			if (t.rlimits[i][k] == ~0ULL)
				ptext_printf(out, "%-20s ", "unlimited");
			else
				ptext_printf(out, "%-20" PRIu64 " ", t.rlimits[i][k]);
		}
		if (rows[i].unit)
			ptext_printf(out, "%-10s", rows[i].unit);
		ptext_write(out, "\n", 1);
	}
	return 0;
}

int proc_show_schedstat(struct proc_node *n, struct ptext *out)
{
	struct proc_task t;
	int r = proc_ops.task(n->pid, &t);

	if (r == 0)
		ptext_printf(out, "%" PRIu64 " 0 %" PRIu64 "\n",
			     t.thread_utime_ns + t.thread_stime_ns, t.vctxt + t.ivctxt);
	return r;
}

int proc_show_sched(struct proc_node *n, struct ptext *out)
{
	struct proc_task t;
	int r = proc_ops.task(n->pid, &t);
	uint64_t run;

	if (r < 0)
		return r;
	run = t.thread_utime_ns + t.thread_stime_ns;
	ptext_printf(out, "%s (%d, #threads: %u)\n", t.comm, t.tid, t.threads);
	ptext_printf(out, "---------------------------------------------------------\n");
	ptext_printf(out, "%-45s:%14" PRIu64 ".%06" PRIu64 "\n", "se.sum_exec_runtime",
		     run / 1000000, run % 1000000);
	ptext_printf(out, "%-45s:%21" PRIu64 "\n", "nr_switches", t.vctxt + t.ivctxt);
	ptext_printf(out, "%-45s:%21" PRIu64 "\n", "nr_voluntary_switches", t.vctxt);
	ptext_printf(out, "%-45s:%21" PRIu64 "\n", "nr_involuntary_switches", t.ivctxt);
	ptext_printf(out, "%-45s:%21d\n", "policy", t.policy);
	ptext_printf(out, "%-45s:%21d\n", "prio", 100 + priority(&t));
	return 0;
}

int proc_show_io(struct proc_node *n, struct ptext *out)
{
	struct proc_task t;
	int r;

	if (!proc_ops.may_access(n->pid))
		return -EACCES;
	r = proc_ops.task(n->pid, &t);
	if (r < 0)
		return r;
	ptext_printf(out,
		     "rchar: %" PRIu64 "\nwchar: %" PRIu64 "\nsyscr: %" PRIu64 "\nsyscw: %" PRIu64
		     "\nread_bytes: 0\nwrite_bytes: 0\ncancelled_write_bytes: 0\n",
		     t.rchar, t.wchar, t.syscr, t.syscw);
	return 0;
}
