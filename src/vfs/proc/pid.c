/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * /proc/PID and /proc/PID/task/TID: the directories and their small files. The long lines of
 * numbers are in stat.c, descriptors and magic links in fd.c.
 */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/hostproc.h"
#include "vfs/proc/node.h"

/* Files whose text only kernel/ can make: the name says which. */
static int show_kernel(struct proc_node *n, struct ptext *out)
{
	return proc_ops.show(n->pid, n->name, out);
}

/* The same for files that tell about memory: only for who might trace the task (ptrace(2)). */
static int show_private(struct proc_node *n, struct ptext *out)
{
	if (!proc_ops.may_access(n->pid))
		return -EACCES;
	return proc_ops.show(n->pid, n->name, out);
}

static int show_comm(struct proc_node *n, struct ptext *out)
{
	struct proc_task t;
	int r = proc_ops.task(n->pid, &t);

	if (r == 0)
		ptext_printf(out, "%s\n", t.comm);
	return r;
}

static ssize_t store_comm(struct proc_node *n, const char *data, size_t len)
{
	char comm[16] = {0};
	size_t m = len < sizeof(comm) - 1 ? len : sizeof(comm) - 1;
	int r;

	memcpy(comm, data, m);
	r = proc_ops.set_comm(n->pid, comm);
	return r < 0 ? r : (ssize_t)len;
}

/* One signed number, blanks around it allowed. */
static int parse_number(const char *data, size_t len, long min, long max, long *out)
{
	char text[32], *end;
	long v;

	if (len == 0 || len >= sizeof(text))
		return -EINVAL;
	memcpy(text, data, len);
	text[len] = '\0';
	errno = 0;
	v = strtol(text, &end, 0);
	while (isspace((unsigned char)*end))
		end++;
	if (errno || end == text || *end || v < min || v > max)
		return -EINVAL;
	*out = v;
	return 0;
}

static int show_oom_score_adj(struct proc_node *n, struct ptext *out)
{
	struct proc_task t;
	int r = proc_ops.task(n->pid, &t);

	if (r == 0)
		ptext_printf(out, "%d\n", t.oom_score_adj);
	return r;
}

static ssize_t store_oom_score_adj(struct proc_node *n, const char *data, size_t len)
{
	long v;
	int r = parse_number(data, len, -1000, 1000, &v);

	if (r == 0)
		r = proc_ops.set_oom_score_adj(n->pid, v);
	return r < 0 ? r : (ssize_t)len;
}

/* The old scale: -17 … 15 (proc(5), oom_adj). */
static int show_oom_adj(struct proc_node *n, struct ptext *out)
{
	struct proc_task t;
	int r = proc_ops.task(n->pid, &t);

	if (r == 0)
		ptext_printf(out, "%d\n",
			     t.oom_score_adj == 1000 ? 15 : t.oom_score_adj * 17 / 1000);
	return r;
}

static ssize_t store_oom_adj(struct proc_node *n, const char *data, size_t len)
{
	long v;
	int r = parse_number(data, len, -17, 15, &v);

	if (r == 0)
		r = proc_ops.set_oom_score_adj(n->pid, v == 15 ? 1000 : v * 1000 / 17);
	return r < 0 ? r : (ssize_t)len;
}

static int show_oom_score(struct proc_node *n, struct ptext *out)
{
	struct proc_task t;
	int r = proc_ops.task(n->pid, &t);

	/* Linux: 1000 + adj of what memory use contributes, scaled to 0 … 2000. */
	if (r == 0)
		ptext_printf(out, "%d\n", (1000 + t.oom_score_adj) * 2 / 3);
	return r;
}

/* Mounts and user-namespace maps: the sandbox' own, which are the container's. */
static int show_host_self(struct proc_node *n, struct ptext *out)
{
	return proc_copy_host(n->name, out);
}

/* The mounts as the container made them, without the one by which the host sees this tree. */
static int show_mounts(struct proc_node *n, struct ptext *out)
{
	size_t from = 0, to = 0;
	int r = proc_copy_host(n->name, out);

	while (from < out->len) {
		const char *line = out->data + from, *end = memchr(line, '\n', out->len - from);
		size_t len = end ? (size_t)(end - line) + 1 : out->len - from;

		if (!memmem(line, len, PROC_OUTSIDE_SOURCE " ", sizeof(PROC_OUTSIDE_SOURCE))) {
			memmove(out->data + to, line, len);
			to += len;
		}
		from += len;
	}
	out->len = to;
	return r;
}

/* Of the task's own thread: exec --cgroup, and whoever moves threads on the host, make a difference. */
static int show_cgroup(struct proc_node *n, struct ptext *out)
{
	char name[40];
	struct proc_task t;
	int r = proc_ops.task(n->pid, &t);

	if (r < 0)
		return r;
	if (t.host_tid) {
		snprintf(name, sizeof(name), "/self/task/%d/cgroup", t.host_tid);
		r = proc_copy_host(name, out);
	}
	/* Of one that is dead, or died just now, what the sandbox itself is in. */
	return !t.host_tid || r == -ENOENT ? proc_copy_host("cgroup", out) : r;
}

static int show_wchan(struct proc_node *n, struct ptext *out)
{
	ptext_write(out, "0", 1);
	return 0;
}

static int show_syscall(struct proc_node *n, struct ptext *out)
{
	if (!proc_ops.may_access(n->pid))
		return -EACCES;
	ptext_printf(out, "running\n");
	return 0;
}

/* Namespaces: guest processes are all in the sandbox', whose links say which those are. */
static ssize_t readlink_ns(struct proc_node *n, char *buf, size_t size)
{
	char name[64], path[64];
	struct stat st;
	int fd, len;

	if (!proc_ops.may_access(n->pid))
		return -EACCES;
	snprintf(name, sizeof(name), "ns/%s", n->name);
	fd = hostproc_open(name);
	if (fd < 0)
		return fd;
	len = fstat(fd, &st) < 0 ? -errno : 0;
	close(fd);
	if (len < 0)
		return len;
	/* pid_for_children names a pid namespace. */
	len = snprintf(path, sizeof(path), "%.*s:[%lu]", (int)strcspn(n->name, "_"), n->name,
		       (unsigned long)st.st_ino);
	if ((size_t)len > size)
		len = size;
	memcpy(buf, path, len);
	return len;
}

static int open_ns(struct proc_node *n, unsigned flags, struct file **out)
{
	char name[64];
	int fd;

	if (!proc_ops.may_access(n->pid))
		return -EACCES;
	snprintf(name, sizeof(name), "ns/%s", n->name);
	fd = hostproc_open(name);
	return fd < 0 ? fd : file_from_host(fd, flags, out);
}

#define PROC_NS(n) \
	{.name = n, .mode = S_IFLNK | 0777, .readlink = readlink_ns, .open_target = open_ns}

static const struct proc_entry ns_entries[] = {
	PROC_NS("cgroup"),	     PROC_NS("ipc"),	PROC_NS("mnt"),
	PROC_NS("net"),		     PROC_NS("pid"),	PROC_NS("pid_for_children"),
	PROC_NS("time"),	     PROC_NS("time_for_children"), PROC_NS("user"),
	PROC_NS("uts"),		     {0},
};

/* What a process and a thread of it have in common. */
#define PROC_COMMON_ENTRIES                                                                        \
	PROC_FILE("auxv", 0400, show_private), PROC_FILE("cgroup", 0444, show_cgroup),          \
	PROC_FILE("cmdline", 0444, show_kernel),                                                   \
	PROC_FILE_RW("comm", 0644, show_comm, store_comm),                                         \
	{.name = "cwd",                                                                            \
	 .mode = S_IFLNK | 0777,                                                                   \
	 .readlink = proc_readlink_cwd,                                                            \
	 .open_target = proc_open_cwd},                                                            \
	PROC_FILE("environ", 0400, show_private),                                                  \
	{.name = "exe",                                                                            \
	 .mode = S_IFLNK | 0777,                                                                   \
	 .readlink = proc_readlink_exe,                                                            \
	 .open_target = proc_open_exe},                                                            \
	{.name = "fd",                                                                             \
	 .mode = S_IFDIR | 0500,                                                                   \
	 .lookup = proc_fd_lookup,                                                                 \
	 .list = proc_fd_list},                                                                    \
	{.name = "fdinfo",                                                                         \
	 .mode = S_IFDIR | 0555,                                                                   \
	 .lookup = proc_fdinfo_lookup,                                                             \
	 .list = proc_fd_list},                                                                    \
	PROC_FILE("gid_map", 0644, show_host_self), PROC_FILE("io", 0400, proc_show_io),           \
	PROC_FILE("limits", 0444, proc_show_limits),                                               \
	PROC_TEXT("loginuid", 0644, "4294967295"), PROC_FILE("maps", 0444, show_private),          \
	{.name = "mem", .mode = S_IFREG | 0600, .open = proc_open_mem},                            \
	PROC_FILE("mountinfo", 0444, show_mounts), PROC_FILE("mounts", 0444, show_mounts),         \
	{.name = "net",                                                                            \
	 .mode = S_IFDIR | 0555,                                                                   \
	 .lookup = proc_net_lookup,                                                                \
	 .list = proc_net_list},                                                                   \
	PROC_DIR("ns", 0511, ns_entries),                                                          \
	PROC_FILE_RW("oom_adj", 0644, show_oom_adj, store_oom_adj),                                \
	PROC_FILE("oom_score", 0444, show_oom_score),                                              \
	PROC_FILE_RW("oom_score_adj", 0644, show_oom_score_adj, store_oom_score_adj),              \
	PROC_FILE("personality", 0400, show_private),                                              \
	{.name = "root",                                                                           \
	 .mode = S_IFLNK | 0777,                                                                   \
	 .readlink = proc_readlink_root,                                                           \
	 .open_target = proc_open_root},                                                           \
	PROC_FILE("sched", 0644, proc_show_sched),                                                 \
	PROC_FILE("schedstat", 0444, proc_show_schedstat),                                         \
	PROC_TEXT("sessionid", 0444, "4294967295"),                                                \
	PROC_FILE("setgroups", 0644, show_host_self), PROC_FILE("smaps", 0444, show_private),      \
	PROC_FILE("smaps_rollup", 0444, show_private), PROC_TEXT("stack", 0400, ""),               \
	PROC_FILE("stat", 0444, proc_show_stat), PROC_FILE("statm", 0444, show_kernel),            \
	PROC_FILE("status", 0444, proc_show_status), PROC_FILE("syscall", 0400, show_syscall),     \
	PROC_FILE("uid_map", 0644, show_host_self), PROC_FILE("wchan", 0444, show_wchan)

const struct proc_entry proc_thread_entries[] = {
	PROC_COMMON_ENTRIES,
	{0},
};

const struct proc_entry proc_pid_entries[] = {
	PROC_COMMON_ENTRIES,
	PROC_FILE("mountstats", 0400, show_mounts),
	{.name = "task",
	 .mode = S_IFDIR | 0555,
	 .lookup = proc_pid_lookup,
	 .list = proc_pid_list},
	PROC_FILE("timerslack_ns", 0666, show_kernel),
	{0},
};

static const struct proc_entry pid_entry = {
	.name = "PID", .mode = S_IFDIR | 0555, .children = proc_pid_entries};
static const struct proc_entry thread_entry = {
	.name = "TID", .mode = S_IFDIR | 0555, .children = proc_thread_entries};

int proc_pid_lookup(struct proc_node *dir, const char *name, struct pnode **out)
{
	bool in_task = dir->pid != 0;
	int id = proc_number(name);
	struct proc_task t, owner;
	struct proc_node *n;
	int r;

	if (id <= 0 || proc_ops.task(id, &t) < 0)
		return -ENOENT;
	/* /proc/TID works for any thread, as on Linux; task/ has its own process' threads only. */
	if (in_task && (proc_ops.task(dir->pid, &owner) < 0 || owner.tgid != t.tgid))
		return -ENOENT;
	r = proc_make(dir, in_task ? &thread_entry : &pid_entry, name, &n);
	if (r < 0)
		return r;
	n->pid = id;
	n->thread = in_task;
	/* proc(5): files of a process that is not dumpable belong to root. */
	n->node.uid = t.dumpable ? t.euid : 0;
	n->node.gid = t.dumpable ? t.egid : 0;
	*out = &n->node;
	return 0;
}

int proc_pid_list(struct proc_node *dir, proc_emit emit, void *arg)
{
	struct proc_task owner = {0};
	pid_t id = 0;
	char name[16];

	if (dir->pid && proc_ops.task(dir->pid, &owner) < 0)
		return 0;
	for (;;) {
		id = dir->pid ? proc_ops.next_tid(owner.tgid, id + 1)
			      : proc_ops.next_tgid(id + 1);
		if (id < 0)
			return 0;
		snprintf(name, sizeof(name), "%d", id);
		if (!emit(arg, name, DT_DIR, proc_ino(dir, name)) || id == INT_MAX)
			return 0;
	}
}
