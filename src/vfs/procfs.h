/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The /proc that the guest sees. Everything in it is made here from what kernel/ answers through
 * this table (filled at boot by kernel/procinfo.c), or read from the host through base/hostproc.h
 * where the host's answer is right for a container (/proc/net, /proc/cpuinfo).
 */
#ifndef HUSK_VFS_PROCFS_H
#define HUSK_VFS_PROCFS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "vfs/file.h"
#include "vfs/fs.h"
#include "vfs/pseudo.h"

struct mm;

/* A snapshot of one task (thread), enough for stat, status and friends. */
struct proc_task {
	pid_t tid, tgid, ppid, pgrp, session, tracer;
	char comm[16];
	char state; /* R S D T t Z X */
	uid_t ruid, euid, suid, fsuid;
	gid_t rgid, egid, sgid, fsgid;
	unsigned ngroups;
	gid_t groups[64];
	uint64_t cap_inh, cap_prm, cap_eff, cap_bnd, cap_amb;
	bool no_new_privs;
	int seccomp; /* mode */
	uint64_t sig_pending, shared_pending, sig_blocked, sig_ignored, sig_caught;
	unsigned sigq_used;
	int exit_signal, exit_code;
	uint64_t utime_ns, stime_ns; /* of the whole thread group, dead threads included */
	uint64_t thread_utime_ns, thread_stime_ns; /* of this thread alone */
	uint64_t cutime_ns, cstime_ns;
	uint64_t start_ns; /* since boot of the sandbox' clock (CLOCK_BOOTTIME) */
	uint64_t minflt, majflt, vctxt, ivctxt;
	int nice, policy, rt_priority, cpu;
	unsigned threads;
	dev_t tty; /* controlling terminal or 0 */
	pid_t tpgid;
	int oom_score_adj;
	bool dumpable, kthread;
	uint64_t rlimits[16][2]; /* soft, hard */
	pid_t host_tid;		 /* of the thread that it is on the host; 0: it has none (any more) */
	uint64_t rchar, wchar, syscr, syscw;
};

struct proc_ops {
	/* The smallest thread group id ≥ from that exists (zombies included), or -1. */
	pid_t (*next_tgid)(pid_t from);
	/* The smallest tid ≥ from of thread group tgid, or -1. */
	pid_t (*next_tid)(pid_t tgid, pid_t from);
	/* 0 or -ESRCH. */
	int (*task)(pid_t tid, struct proc_task *out);
	pid_t (*current_tgid)(void);
	pid_t (*current_tid)(void);
	/* With a reference each, or NULL when the task has none (any more) or the caller may not look. */
	struct mm *(*mm)(pid_t tid);
	struct fdtable *(*files)(pid_t tid);
	struct fs *(*fs)(pid_t tid);
	/* May the caller look into this task (ptrace_may_access(PTRACE_MODE_READ))? */
	bool (*may_access)(pid_t tid);
	/*
	 * Text of things that only kernel/ can print; -ESRCH. name: "maps", "smaps", "smaps_rollup",
	 * "statm", "cmdline", "environ", "auxv", "personality", "timerslack_ns", "exe" (a path),
	 * "status-memory" (the Vm and Rss lines of status).
	 */
	int (*show)(pid_t tid, const char *name, struct ptext *out);
	int (*open_exe)(pid_t tid, struct file **out);
	ssize_t (*access_mem)(pid_t tid, uint64_t addr, void *buf, size_t n, bool write);
	int (*set_comm)(pid_t tid, const char *comm);
	int (*set_oom_score_adj)(pid_t tid, int value);
	/* Sandbox-wide. */
	const char *(*hostname)(void);
	unsigned (*processes_created)(void);
	unsigned (*tasks_running)(unsigned *total);
	pid_t (*last_pid)(void);
	uint64_t (*memory_limit)(void); /* bytes, from the cgroup or the host */
};

extern struct proc_ops proc_ops;

/*
 * The root node of /proc. masked and readonly: NULL-terminated lists of config.json's paths (absolute;
 * those below /proc are honoured: masked files read as empty and directories as empty, as
 * runc's bind mounts make them look; readonly ones refuse writes with -EROFS).
 */
struct pnode *procfs_root(const char *const *masked, const char *const *readonly);

/* The source of the mount that shows this tree to the host (sandbox/outside.c); no guest's business. */
#define PROC_OUTSIDE_SOURCE "husk-proc"

/*
 * What /proc/sys shows for a setting of the ipc namespace that linux.sysctl gives: key as there
 * ("kernel.msgmax", with '.' or '/'). Keys of other namespaces are passed over: their files ask the host.
 * At boot only. 0, -ENOMEM.
 */
int procfs_set_sysctl(const char *key, const char *value);

#endif
