/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * /proc/sys: the settings that programs read to find limits and features. Those that describe
 * husk's own kernel are constants here; sys/net is the host's (proc/net.c). None can be changed
 * from inside: config.json's linux.sysctl is applied on the host before the sandbox starts, and
 * procfs_set_sysctl() shows it here.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/utsname.h>

#include "vfs/proc/node.h"
#include "vfs/procfs.h"

/*
 * What belongs to the ipc namespace. Written at boot only. The last word of a key is no other's, so
 * that a file of that name is enough to find it.
 */
static struct setting {
	const char *key, *value;
} ipc_settings[] = {
    {"fs.mqueue.msg_default", "10"},
    {"fs.mqueue.msg_max", "10"},
    {"fs.mqueue.msgsize_default", "8192"},
    {"fs.mqueue.msgsize_max", "8192"},
    {"fs.mqueue.queues_max", "256"},
    {"kernel.msgmax", "8192"},
    {"kernel.msgmnb", "16384"},
    {"kernel.msgmni", "32000"},
    {"kernel.sem", "32000\t1024000000\t500\t32000"},
    {"kernel.shmall", "18446744073692774399"},
    {"kernel.shmmax", "18446744073692774399"},
    {"kernel.shmmni", "4096"},
    {"kernel.shm_rmid_forced", "0"},
};
#define N_IPC_SETTINGS (sizeof(ipc_settings) / sizeof(ipc_settings[0]))

/* sysctl(8) takes dots and slashes between the words. */
static bool same_key(const char *key, const char *given)
{
	for (; *key && *given; key++, given++)
		if (*key != *given && !(*key == '.' && *given == '/'))
			return false;
	return *key == *given;
}

int procfs_set_sysctl(const char *key, const char *value)
{
	for (size_t i = 0; i < N_IPC_SETTINGS; i++) {
		if (!same_key(ipc_settings[i].key, key))
			continue;
		ipc_settings[i].value = strdup(value);
		return ipc_settings[i].value ? 0 : -ENOMEM;
	}
	return 0;
}

static int show_ipc(struct proc_node *n, struct ptext *out)
{
	for (size_t i = 0; i < N_IPC_SETTINGS; i++)
		if (strcmp(strrchr(ipc_settings[i].key, '.') + 1, n->name) == 0)
			ptext_printf(out, "%s\n", ipc_settings[i].value);
	return 0;
}

static int show_hostname(struct proc_node *n, struct ptext *out)
{
	ptext_printf(out, "%s\n", proc_ops.hostname());
	return 0;
}

static int show_uts(struct proc_node *n, struct ptext *out)
{
	struct utsname u;

	if (uname(&u) < 0)
		return -errno;
	if (strcmp(n->name, "osrelease") == 0)
		ptext_printf(out, "%s\n", u.release);
	else if (strcmp(n->name, "version") == 0)
		ptext_printf(out, "%s\n", u.version);
	else
		ptext_printf(out, "%s\n", u.domainname);
	return 0;
}

static void print_uuid(struct ptext *out, const uint8_t b[16])
{
	for (int i = 0; i < 16; i++) {
		uint8_t v = b[i];

		/* RFC 4122: version 4, variant 1. */
		if (i == 6)
			v = (v & 0x0f) | 0x40;
		if (i == 8)
			v = (v & 0x3f) | 0x80;
		ptext_printf(out, "%s%02x", i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "", v);
	}
	ptext_write(out, "\n", 1);
}

static int show_uuid(struct proc_node *n, struct ptext *out)
{
	uint8_t b[16];

	if (getrandom(b, sizeof(b), 0) != sizeof(b))
		return -EIO;
	print_uuid(out, b);
	return 0;
}

static int show_boot_id(struct proc_node *n, struct ptext *out)
{
	static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	static uint8_t id[16];
	static bool have;

	pthread_mutex_lock(&lock);
	if (!have)
		have = getrandom(id, sizeof(id), 0) == sizeof(id);
	pthread_mutex_unlock(&lock);
	print_uuid(out, id);
	return 0;
}

static const struct proc_entry random_entries[] = {
	PROC_FILE("boot_id", 0444, show_boot_id),
	PROC_TEXT("entropy_avail", 0444, "256\n"),
	PROC_TEXT("poolsize", 0444, "256\n"),
	PROC_TEXT("urandom_min_reseed_secs", 0644, "60\n"),
	PROC_FILE("uuid", 0444, show_uuid),
	PROC_TEXT("write_wakeup_threshold", 0644, "256\n"),
	{0},
};

static const struct proc_entry yama_entries[] = {
	PROC_TEXT("ptrace_scope", 0644, "0\n"),
	{0},
};

static const struct proc_entry seccomp_entries[] = {
	PROC_TEXT("actions_avail", 0444, "kill_process kill_thread trap errno trace log allow\n"),
	PROC_TEXT("actions_logged", 0644, "kill_process kill_thread trap errno trace log\n"),
	{0},
};

static const struct proc_entry keys_entries[] = {
	PROC_TEXT("maxbytes", 0644, "20000\n"),
	PROC_TEXT("maxkeys", 0644, "200\n"),
	{0},
};

static const struct proc_entry kernel_entries[] = {
	PROC_TEXT("cap_last_cap", 0444, "40\n"),
	PROC_TEXT("core_pattern", 0644, "core\n"),
	PROC_TEXT("core_uses_pid", 0644, "0\n"),
	PROC_TEXT("dmesg_restrict", 0644, "1\n"),
	PROC_FILE("domainname", 0644, show_uts),
	PROC_FILE("hostname", 0644, show_hostname),
	PROC_DIR("keys", 0555, keys_entries),
	PROC_TEXT("kptr_restrict", 0644, "1\n"),
	PROC_FILE("msgmax", 0644, show_ipc),
	PROC_FILE("msgmnb", 0644, show_ipc),
	PROC_FILE("msgmni", 0644, show_ipc),
	PROC_TEXT("ngroups_max", 0444, "65536\n"),
	PROC_FILE("osrelease", 0444, show_uts),
	PROC_TEXT("ostype", 0444, "Linux\n"),
	PROC_TEXT("overflowgid", 0644, "65534\n"),
	PROC_TEXT("overflowuid", 0644, "65534\n"),
	PROC_TEXT("panic", 0644, "0\n"),
	PROC_TEXT("perf_event_paranoid", 0644, "3\n"),
	PROC_TEXT("pid_max", 0644, "4194304\n"),
	PROC_TEXT("printk", 0644, "4\t4\t1\t7\n"),
	PROC_DIR("random", 0555, random_entries),
	PROC_TEXT("randomize_va_space", 0644, "2\n"),
	PROC_TEXT("sched_child_runs_first", 0644, "0\n"),
	PROC_TEXT("sched_rt_period_us", 0644, "1000000\n"),
	PROC_TEXT("sched_rt_runtime_us", 0644, "950000\n"),
	PROC_DIR("seccomp", 0555, seccomp_entries),
	PROC_FILE("sem", 0644, show_ipc),
	PROC_FILE("shmall", 0644, show_ipc),
	PROC_FILE("shmmax", 0644, show_ipc),
	PROC_FILE("shmmni", 0644, show_ipc),
	PROC_FILE("shm_rmid_forced", 0644, show_ipc),
	PROC_TEXT("sysrq", 0644, "0\n"),
	PROC_TEXT("tainted", 0644, "0\n"),
	PROC_TEXT("threads-max", 0644, "126000\n"),
	PROC_TEXT("unprivileged_bpf_disabled", 0644, "2\n"),
	PROC_FILE("version", 0444, show_uts),
	PROC_DIR("yama", 0555, yama_entries),
	{0},
};

static const struct proc_entry vm_entries[] = {
	PROC_TEXT("dirty_background_ratio", 0644, "10\n"),
	PROC_TEXT("dirty_ratio", 0644, "20\n"),
	PROC_TEXT("drop_caches", 0200, ""),
	PROC_TEXT("max_map_count", 0644, "65530\n"),
	PROC_TEXT("min_free_kbytes", 0644, "67584\n"),
	PROC_TEXT("mmap_min_addr", 0644, "65536\n"),
	PROC_TEXT("mmap_rnd_bits", 0600, "28\n"),
	PROC_TEXT("nr_hugepages", 0644, "0\n"),
	PROC_TEXT("oom_kill_allocating_task", 0644, "0\n"),
	PROC_TEXT("overcommit_kbytes", 0644, "0\n"),
	PROC_TEXT("overcommit_memory", 0644, "1\n"),
	PROC_TEXT("overcommit_ratio", 0644, "50\n"),
	PROC_TEXT("panic_on_oom", 0644, "0\n"),
	PROC_TEXT("swappiness", 0644, "60\n"),
	PROC_TEXT("unprivileged_userfaultfd", 0644, "0\n"),
	PROC_TEXT("vfs_cache_pressure", 0644, "100\n"),
	{0},
};

static const struct proc_entry inotify_entries[] = {
	PROC_TEXT("max_queued_events", 0644, "16384\n"),
	PROC_TEXT("max_user_instances", 0644, "128\n"),
	PROC_TEXT("max_user_watches", 0644, "65536\n"),
	{0},
};

static const struct proc_entry epoll_entries[] = {
	PROC_TEXT("max_user_watches", 0644, "3600000\n"),
	{0},
};

static const struct proc_entry mqueue_entries[] = {
	PROC_FILE("msg_default", 0644, show_ipc),
	PROC_FILE("msg_max", 0644, show_ipc),
	PROC_FILE("msgsize_default", 0644, show_ipc),
	PROC_FILE("msgsize_max", 0644, show_ipc),
	PROC_FILE("queues_max", 0644, show_ipc),
	{0},
};

static const struct proc_entry fs_entries[] = {
	PROC_TEXT("aio-max-nr", 0644, "65536\n"),
	PROC_TEXT("aio-nr", 0444, "0\n"),
	PROC_DIR("epoll", 0555, epoll_entries),
	PROC_TEXT("file-max", 0644, "9223372036854775807\n"),
	PROC_TEXT("file-nr", 0444, "1024\t0\t9223372036854775807\n"),
	PROC_TEXT("inode-nr", 0444, "16384\t0\n"),
	PROC_DIR("inotify", 0555, inotify_entries),
	PROC_TEXT("lease-break-time", 0644, "45\n"),
	PROC_TEXT("leases-enable", 0644, "1\n"),
	PROC_TEXT("mount-max", 0644, "100000\n"),
	PROC_DIR("mqueue", 0555, mqueue_entries),
	PROC_TEXT("nr_open", 0644, "1048576\n"),
	PROC_TEXT("overflowgid", 0644, "65534\n"),
	PROC_TEXT("overflowuid", 0644, "65534\n"),
	PROC_TEXT("pipe-max-size", 0644, "1048576\n"),
	PROC_TEXT("pipe-user-pages-hard", 0644, "0\n"),
	PROC_TEXT("pipe-user-pages-soft", 0644, "16384\n"),
	PROC_TEXT("protected_fifos", 0644, "0\n"),
	PROC_TEXT("protected_hardlinks", 0644, "1\n"),
	PROC_TEXT("protected_regular", 0644, "0\n"),
	PROC_TEXT("protected_symlinks", 0644, "1\n"),
	PROC_TEXT("suid_dumpable", 0644, "0\n"),
	{0},
};

static const struct proc_entry user_entries[] = {
	PROC_TEXT("max_user_namespaces", 0644, "0\n"),
	{0},
};

const struct proc_entry proc_sys_entries[] = {
	PROC_DIR("fs", 0555, fs_entries),
	PROC_DIR("kernel", 0555, kernel_entries),
	{.name = "net",
	 .mode = S_IFDIR | 0555,
	 .lookup = proc_net_lookup,
	 .list = proc_net_list},
	PROC_DIR("user", 0555, user_entries),
	PROC_DIR("vm", 0555, vm_entries),
	{0},
};
