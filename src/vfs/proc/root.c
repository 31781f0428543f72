/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The top of /proc: the files about the machine (proc(5)), as a container may see it. Numbers that
 * are husk's (memory, processes, CPUs it may use) are husk's; the rest is the host's where a
 * container under runc sees the host's too.
 */
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/hostcall.h"
#include "vfs/proc/node.h"

/* Host files as they were at boot, for when hostproc's door shows processes only. */
static struct ptext boot_cpuinfo, boot_stat, boot_filesystems, boot_devices;

static int keep_or_copy(const char *name, const struct ptext *kept, struct ptext *out)
{
	size_t before = out->len;

	if (proc_copy_host(name, out) == 0 && out->len > before)
		return 0;
	ptext_write(out, kept->data ? kept->data : "", kept->len);
	return 0;
}

static unsigned allowed_cpus(cpu_set_t *set)
{
	CPU_ZERO(set);
	if (sched_getaffinity(0, sizeof(*set), set) < 0)
		CPU_SET(0, set);
	return CPU_COUNT(set);
}

/* The paragraphs of the host's cpuinfo whose "processor" is one that the sandbox may run on. */
static int show_cpuinfo(struct proc_node *n, struct ptext *out)
{
	struct ptext all = {0};
	cpu_set_t set;
	char *at, *end;

	allowed_cpus(&set);
	keep_or_copy("/cpuinfo", &boot_cpuinfo, &all);
	for (at = all.data; at && *at; at = end) {
		unsigned cpu;

		end = strstr(at, "\n\n");
		end = end ? end + 2 : at + strlen(at);
		if (sscanf(at, "processor : %u", &cpu) == 1 && cpu < CPU_SETSIZE &&
		    !CPU_ISSET(cpu, &set))
			continue;
		ptext_write(out, at, end - at);
	}
	free(all.data);
	return 0;
}

/* The cpu lines of the host, for the allowed CPUs; the total is their sum. */
static void show_cpu_lines(struct ptext *out)
{
	unsigned long long sum[10] = {0}, v[10];
	struct ptext all = {0}, lines = {0};
	char *save = NULL;
	cpu_set_t set;
	unsigned cpu;

	allowed_cpus(&set);
	keep_or_copy("/stat", &boot_stat, &all);
	for (char *l = all.data ? strtok_r(all.data, "\n", &save) : NULL; l;
	     l = strtok_r(NULL, "\n", &save)) {
		memset(v, 0, sizeof(v));
		if (sscanf(l, "cpu%u %llu %llu %llu %llu %llu %llu %llu %llu %llu %llu", &cpu, v,
			   v + 1, v + 2, v + 3, v + 4, v + 5, v + 6, v + 7, v + 8, v + 9) < 5)
			continue;
		if (cpu >= CPU_SETSIZE || !CPU_ISSET(cpu, &set))
			continue;
		ptext_printf(&lines, "%s\n", l);
		for (int i = 0; i < 10; i++)
			sum[i] += v[i];
	}
	ptext_write(out, "cpu ", 4);
	for (int i = 0; i < 10; i++)
		ptext_printf(out, " %llu", sum[i]);
	ptext_write(out, "\n", 1);
	ptext_write(out, lines.data ? lines.data : "", lines.len);
	free(all.data);
	free(lines.data);
}

static int show_stat(struct proc_node *n, struct ptext *out)
{
	uint64_t now = clock_now_ns(CLOCK_REALTIME), up = clock_now_ns(CLOCK_BOOTTIME);

	show_cpu_lines(out);
	ptext_printf(out, "intr 0\nctxt 0\nbtime %llu\n",
		     (unsigned long long)((now - up) / 1000000000));
	ptext_printf(out, "processes %u\nprocs_running %u\nprocs_blocked 0\n",
		     proc_ops.processes_created(), proc_ops.tasks_running(NULL));
	ptext_printf(out, "softirq 0 0 0 0 0 0 0 0 0 0 0\n");
	return 0;
}

static int show_uptime(struct proc_node *n, struct ptext *out)
{
	uint64_t up = clock_now_ns(CLOCK_BOOTTIME) / 10000000, idle = 0;
	struct ptext cpu = {0};
	unsigned long long v[4];

	show_cpu_lines(&cpu);
	if (cpu.data && sscanf(cpu.data, "cpu %llu %llu %llu %llu", v, v + 1, v + 2, v + 3) == 4)
		idle = v[3];
	free(cpu.data);
	ptext_printf(out, "%llu.%02llu %llu.%02llu\n", (unsigned long long)up / 100,
		     (unsigned long long)up % 100, (unsigned long long)idle / 100,
		     (unsigned long long)idle % 100);
	return 0;
}

static int show_loadavg(struct proc_node *n, struct ptext *out)
{
	struct sysinfo si;
	unsigned total, running = proc_ops.tasks_running(&total);

	if (sysinfo(&si) < 0)
		return -errno;
	for (int i = 0; i < 3; i++) {
		/* Fixed point with 16 bits of fraction; Linux rounds half up, to 0.01. */
		unsigned long v = si.loads[i] + 65536 / 200;

		ptext_printf(out, "%lu.%02lu ", v >> 16, ((v & 0xffff) * 100) >> 16);
	}
	ptext_printf(out, "%u/%u %d\n", running, total, proc_ops.last_pid());
	return 0;
}

static int show_meminfo(struct proc_node *n, struct ptext *out)
{
	struct sysinfo si;
	unsigned long unit, total, avail, buffers, shared, swap, swap_free, slack = 0;
	uint64_t limit = proc_ops.memory_limit();

	if (sysinfo(&si) < 0)
		return -errno;
	unit = si.mem_unit;
	total = si.totalram * unit / 1024;
	avail = si.freeram * unit / 1024;
	buffers = si.bufferram * unit / 1024;
	shared = si.sharedram * unit / 1024;
	swap = si.totalswap * unit / 1024;
	swap_free = si.freeswap * unit / 1024;
	if (limit && limit / 1024 < total) {
		total = limit / 1024;
		if (avail > total)
			avail = total;
		slack = total - avail;
		if (buffers > slack)
			buffers = slack;
		if (shared > slack)
			shared = slack;
	}
#define MEM(name, value) ptext_printf(out, "%-15s %8lu kB\n", name ":", (unsigned long)(value))
	MEM("MemTotal", total);
	MEM("MemFree", avail);
	MEM("MemAvailable", avail + buffers);
	MEM("Buffers", buffers);
	MEM("Cached", shared);
	MEM("SwapCached", 0);
	MEM("Active", total - avail - buffers);
	MEM("Inactive", buffers);
	MEM("Active(anon)", total - avail - buffers);
	MEM("Inactive(anon)", 0);
	MEM("Active(file)", 0);
	MEM("Inactive(file)", buffers);
	MEM("Unevictable", 0);
	MEM("Mlocked", 0);
	MEM("SwapTotal", swap);
	MEM("SwapFree", swap_free);
	MEM("Dirty", 0);
	MEM("Writeback", 0);
	MEM("AnonPages", total - avail - buffers);
	MEM("Mapped", 0);
	MEM("Shmem", shared);
	MEM("KReclaimable", 0);
	MEM("Slab", 0);
	MEM("SReclaimable", 0);
	MEM("SUnreclaim", 0);
	MEM("KernelStack", 0);
	MEM("PageTables", 0);
	MEM("CommitLimit", total / 2 + swap);
	MEM("Committed_AS", total - avail);
	MEM("VmallocTotal", 34359738367UL);
	MEM("VmallocUsed", 0);
	MEM("VmallocChunk", 0);
	ptext_printf(out, "HugePages_Total:       0\nHugePages_Free:        0\n"
			  "HugePages_Rsvd:        0\nHugePages_Surp:        0\n");
	MEM("Hugepagesize", 2048);
#undef MEM
	return 0;
}

static int show_version(struct proc_node *n, struct ptext *out)
{
	struct utsname u;

	if (uname(&u) < 0)
		return -errno;
	ptext_printf(out, "%s version %s (husk) %s\n", u.sysname, u.release, u.version);
	return 0;
}

static int show_cmdline(struct proc_node *n, struct ptext *out)
{
	ptext_write(out, "\n", 1);
	return 0;
}

static int show_filesystems(struct proc_node *n, struct ptext *out)
{
	return keep_or_copy("/filesystems", &boot_filesystems, out);
}

static int show_devices(struct proc_node *n, struct ptext *out)
{
	return keep_or_copy("/devices", &boot_devices, out);
}

static int show_vmstat(struct proc_node *n, struct ptext *out)
{
	static const char *const names[] = {
		"nr_free_pages", "nr_dirty", "nr_writeback", "nr_mapped", "pgpgin", "pgpgout",
		"pswpin", "pswpout", "pgalloc_normal", "pgfree", "pgfault", "pgmajfault",
		"pgscan_kswapd", "pgscan_direct", "pgsteal_kswapd", "oom_kill"};
	struct sysinfo si;

	if (sysinfo(&si) < 0)
		return -errno;
	for (unsigned i = 0; i < sizeof(names) / sizeof(*names); i++)
		ptext_printf(out, "%s %lu\n", names[i],
			     i == 0 ? si.freeram * si.mem_unit / sysconf(_SC_PAGESIZE) : 0UL);
	return 0;
}

static int show_interrupts(struct proc_node *n, struct ptext *out)
{
	cpu_set_t set;

	allowed_cpus(&set);
	ptext_printf(out, "     ");
	for (int i = 0; i < CPU_SETSIZE; i++)
		if (CPU_ISSET(i, &set))
			ptext_printf(out, "       CPU%-2d", i);
	ptext_write(out, "\n", 1);
	return 0;
}

static ssize_t readlink_self(struct proc_node *n, char *buf, size_t size)
{
	char text[16];
	int len = snprintf(text, sizeof(text), "%d", proc_ops.current_tgid());

	if ((size_t)len > size)
		len = size;
	memcpy(buf, text, len);
	return len;
}

static ssize_t readlink_thread_self(struct proc_node *n, char *buf, size_t size)
{
	char text[40];
	int len = snprintf(text, sizeof(text), "%d/task/%d", proc_ops.current_tgid(),
			   proc_ops.current_tid());

	if ((size_t)len > size)
		len = size;
	memcpy(buf, text, len);
	return len;
}

static const struct proc_entry tty_entries[] = {
	PROC_TEXT("drivers", 0444,
		  "/dev/tty             /dev/tty        5       0 system:/dev/tty\n"
		  "/dev/console         /dev/console    5       1 system:console\n"
		  "/dev/ptmx            /dev/ptmx       5       2 system\n"
		  "pty_slave            /dev/pts      136 0-1048575 pty:slave\n"
		  "pty_master           /dev/ptm      128 0-1048575 pty:master\n"),
	PROC_TEXT("ldiscs", 0444, "n_tty       0\n"),
	{0},
};

static const struct proc_entry sysvipc_entries[] = {
	PROC_TEXT("msg", 0444,
		  "       key      msqid perms      cbytes       qnum lspid lrpid   uid   gid  cuid  "
		  "cgid      stime      rtime      ctime\n"),
	PROC_TEXT("sem", 0444,
		  "       key      semid perms      nsems   uid   gid  cuid  cgid      otime      "
		  "ctime\n"),
	PROC_TEXT("shm", 0444,
		  "       key      shmid perms                  size  cpid  lpid nattch   uid   gid  "
		  "cuid  cgid      atime      dtime      ctime                   rss                  "
		  "swap\n"),
	{0},
};

const struct proc_entry proc_root_entries[] = {
	PROC_TEXT("buddyinfo", 0444, ""),
	PROC_FILE("cmdline", 0444, show_cmdline),
	PROC_TEXT("consoles", 0444, ""),
	PROC_FILE("cpuinfo", 0444, show_cpuinfo),
	PROC_TEXT("crypto", 0444, ""),
	PROC_FILE("devices", 0444, show_devices),
	PROC_TEXT("diskstats", 0444, ""),
	PROC_FILE("filesystems", 0444, show_filesystems),
	PROC_FILE("interrupts", 0444, show_interrupts),
	PROC_TEXT("key-users", 0444, ""),
	PROC_TEXT("keys", 0444, ""),
	PROC_FILE("loadavg", 0444, show_loadavg),
	PROC_TEXT("locks", 0444, ""),
	PROC_FILE("meminfo", 0444, show_meminfo),
	PROC_TEXT("misc", 0444, ""),
	PROC_TEXT("modules", 0444, ""),
	PROC_LINK("mounts", "self/mounts"),
	PROC_LINK("net", "self/net"),
	PROC_TEXT("partitions", 0444, "major minor  #blocks  name\n\n"),
	{.name = "self", .mode = S_IFLNK | 0777, .readlink = readlink_self},
	PROC_TEXT("softirqs", 0444, ""),
	PROC_FILE("stat", 0444, show_stat),
	PROC_TEXT("swaps", 0444, "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n"),
	PROC_DIR("sys", 0555, proc_sys_entries),
	PROC_DIR("sysvipc", 0555, sysvipc_entries),
	{.name = "thread-self", .mode = S_IFLNK | 0777, .readlink = readlink_thread_self},
	PROC_DIR("tty", 0555, tty_entries),
	PROC_FILE("uptime", 0444, show_uptime),
	PROC_FILE("version", 0444, show_version),
	PROC_FILE("vmstat", 0444, show_vmstat),
	PROC_TEXT("zoneinfo", 0444, ""),
	{0},
};

static const struct proc_entry root_entry = {
	.name = "/",
	.mode = S_IFDIR | 0555,
	.children = proc_root_entries,
	.lookup = proc_pid_lookup,
	.list = proc_pid_list,
};

static void keep(const char *name, struct ptext *kept)
{
	char path[64], buf[4096];
	size_t n;
	FILE *f;

	if (proc_copy_host(name, kept) == 0)
		return;
	/* Before the sandbox' own root is closed off, the host's /proc may be in reach. */
	snprintf(path, sizeof(path), "/proc%s", name);
	f = fopen(path, "re");
	if (!f)
		return;
	while ((n = fread(buf, 1, sizeof(buf), f)) > 0)
		ptext_write(kept, buf, n);
	fclose(f);
}

struct pnode *procfs_root(const char *const *masked, const char *const *readonly)
{
	struct proc_node *root;

	keep("/cpuinfo", &boot_cpuinfo);
	keep("/stat", &boot_stat);
	keep("/filesystems", &boot_filesystems);
	keep("/devices", &boot_devices);
	proc_set_policy(masked, readonly);
	return proc_make(NULL, &root_entry, "", &root) == 0 ? &root->node : NULL;
}
