/* SPDX-License-Identifier: GPL-2.0-or-later */
/* credentials(7), capabilities(7), getrlimit(2), prctl(2). These need to start as root. */
#define ABI_EXECED
#include "abi.h"

#include <grp.h>
#include <linux/capability.h>
#include <sys/fsuid.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/utsname.h>

static void need_root(void)
{
	if (geteuid() != 0)
		SKIP("needs root");
}

static uint64_t caps(int which)
{
	struct __user_cap_header_struct h = {_LINUX_CAPABILITY_VERSION_3, 0};
	struct __user_cap_data_struct d[2];

	REQUIRE(syscall(SYS_capget, &h, d) == 0);
	return which == 'e'   ? d[0].effective | (uint64_t)d[1].effective << 32
	       : which == 'p' ? d[0].permitted | (uint64_t)d[1].permitted << 32
			      : d[0].inheritable | (uint64_t)d[1].inheritable << 32;
}

/* Exit status: bit 0: effective uid 0; bit 1: capabilities; bit 2: no_new_privs. */
static int abi_execed(int argc, char **argv)
{
	(void)argc, (void)argv;
	return (geteuid() == 0) | !!caps('e') << 1 | (prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1) << 2;
}

static void copy_self(const char *to)
{
	static char buf[65536];
	int in = open("/proc/self/exe", O_RDONLY), out = open(to, O_CREAT | O_WRONLY, 0755);
	ssize_t n;

	REQUIRE(in >= 0 && out >= 0);
	while ((n = read(in, buf, sizeof(buf))) > 0)
		REQUIRE(write(out, buf, n) == n);
	close(in);
	close(out);
}

static int run(const char *path)
{
	int st = 0;
	pid_t pid = fork();

	if (pid == 0) {
		char *argv[] = {(char *)path, "--execed", NULL};

		execv(path, argv);
		_exit(99);
	}
	CHECK_EQ(waitpid(pid, &st, 0), pid);
	CHECK(WIFEXITED(st));
	return WEXITSTATUS(st);
}

CASE(setuid_drops, "setuid from root gives everything up, for all threads; files obey")
{
	need_root();
	close(open("secret", O_CREAT | O_WRONLY, 0600));
	CHECK_EQ(setgroups(0, NULL), 0);
	CHECK_EQ(setgid(1000), 0);
	CHECK_EQ(setuid(1000), 0);
	uid_t r, e, s;

	CHECK_EQ(getresuid(&r, &e, &s), 0);
	CHECK(r == 1000 && e == 1000 && s == 1000);
	CHECK_EQ(caps('e'), 0);
	CHECK_EQ(caps('p'), 0);
	CHECK_FAILS(open("secret", O_RDONLY), EACCES);
	CHECK_FAILS(setuid(0), EPERM);
	CHECK_FAILS(setgroups(0, NULL), EPERM);
	CHECK_FAILS(chown("secret", 1000, 1000), EPERM);
	CHECK_FAILS(kill(getppid(), 0), EPERM);
	int fd = open("mine", O_CREAT | O_RDWR, 0644);
	struct stat st;

	CHECK_EQ(fstat(fd, &st), 0);
	CHECK(st.st_uid == 1000 && st.st_gid == 1000);
}

CASE(seteuid_back, "seteuid leaves the saved id to come back to; capabilities follow")
{
	need_root();
	CHECK_EQ(seteuid(1000), 0);
	CHECK_EQ(caps('e'), 0);
	CHECK(caps('p') != 0);
	close(open("as1000", O_CREAT | O_WRONLY, 0600));
	CHECK_EQ(seteuid(0), 0);
	CHECK(caps('e') != 0);
	struct stat st;

	CHECK_EQ(stat("as1000", &st), 0);
	CHECK_EQ(st.st_uid, 1000);
	CHECK_EQ(setfsuid(1000), 0);
	close(open("asfs", O_CREAT | O_WRONLY, 0600));
	CHECK_EQ(setfsuid(0), 1000);
	CHECK_EQ(stat("asfs", &st), 0);
	CHECK_EQ(st.st_uid, 1000);
	CHECK_EQ(setresuid(-1, 7, -1), 0);
	CHECK_EQ(setreuid(-1, 0), 0);
	CHECK_EQ(geteuid(), 0);
}

CASE(groups, "supplementary groups are set, read, and open files")
{
	gid_t g[3] = {10, 20, 2000}, got[8];

	need_root();
	CHECK_EQ(setgroups(3, g), 0);
	CHECK_EQ(getgroups(0, NULL), 3);
	CHECK_EQ(getgroups(8, got), 3);
	CHECK(memcmp(g, got, sizeof(g)) == 0);
	CHECK_FAILS(getgroups(1, got), EINVAL);
	close(open("grouped", O_CREAT | O_WRONLY, 0));
	CHECK_EQ(chown("grouped", 0, 2000), 0);
	CHECK_EQ(chmod("grouped", 0040), 0);
	CHECK_EQ(setuid(1000), 0);
	CHECK(open("grouped", O_RDONLY) >= 0);
	CHECK_FAILS(open("grouped", O_WRONLY), EACCES);
}

CASE(capabilities, "capset drops for good; a dropped CAP_CHOWN stops root's chown")
{
	struct __user_cap_header_struct h = {_LINUX_CAPABILITY_VERSION_3, 0};
	struct __user_cap_data_struct d[2];

	need_root();
	close(open("f", O_CREAT | O_WRONLY, 0600));
	REQUIRE(syscall(SYS_capget, &h, d) == 0);
	if (!(d[0].effective & 1 << CAP_CHOWN))
		SKIP("no CAP_CHOWN to drop");
	CHECK_EQ(chown("f", 5, 5), 0);
	d[0].effective &= ~(1u << CAP_CHOWN);
	CHECK_EQ(syscall(SYS_capset, &h, d), 0);
	CHECK_FAILS(chown("f", 6, 6), EPERM);
	d[0].effective |= 1u << CAP_CHOWN;
	CHECK_EQ(syscall(SYS_capset, &h, d), 0);
	CHECK_EQ(chown("f", 6, 6), 0);
	d[0].effective = d[0].permitted &= ~(1u << CAP_CHOWN);
	CHECK_EQ(syscall(SYS_capset, &h, d), 0);
	d[0].effective = d[0].permitted |= 1u << CAP_CHOWN;
	CHECK_FAILS(syscall(SYS_capset, &h, d), EPERM);
	h.version = 1;
	CHECK_FAILS(syscall(SYS_capget, &h, d), EINVAL);
	CHECK_EQ(h.version, _LINUX_CAPABILITY_VERSION_3);
	CHECK_EQ(prctl(PR_CAPBSET_READ, CAP_NET_RAW + 0), prctl(PR_CAPBSET_READ, CAP_NET_RAW));
	CHECK_FAILS(prctl(PR_CAPBSET_READ, 99), EINVAL);
}

CASE(keepcaps, "PR_SET_KEEPCAPS keeps the permitted set across setuid; exec ends it")
{
	need_root();
	CHECK_EQ(prctl(PR_SET_KEEPCAPS, 1), 0);
	CHECK_EQ(setuid(1000), 0);
	CHECK_EQ(caps('e'), 0);
	CHECK(caps('p') != 0);
	CHECK_EQ(run("/proc/self/exe"), 0);
}

CASE(setuid_exec, "a set-user-ID program gains its owner's ids; no_new_privs and nosuid do not")
{
	need_root();
	copy_self("suid");
	CHECK_EQ(chmod("suid", 04755), 0);
	CHECK_EQ(setuid(1000), 0);
	CHECK_EQ(run("/proc/self/exe"), 0);
	int r = run("./suid");

	if (r == 4)
		SKIP("no_new_privs is on from the start");
	CHECK_EQ(r, 3);
	CHECK_EQ(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
	CHECK_EQ(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0), 1);
	CHECK_EQ(run("./suid"), 4);
	CHECK_FAILS(prctl(PR_SET_NO_NEW_PRIVS, 0, 0, 0, 0), EINVAL);
}

static void *thread_ids(void *arg)
{
	abi_sleep_ms(30);
	*(uid_t *)arg = geteuid();
	return NULL;
}

CASE(threads_follow, "setuid by one thread changes the others as well (glibc broadcasts)")
{
	pthread_t t;
	uid_t seen = 77;

	need_root();
	pthread_create(&t, NULL, thread_ids, &seen);
	CHECK_EQ(setuid(1234), 0);
	pthread_join(t, NULL);
	CHECK_EQ(seen, 1234);
}

CASE(limits, "rlimits: get, set, inherit; a raised hard limit needs privilege; RLIMIT_FSIZE")
{
	struct rlimit r, s = {100, 200};
	int fd = abi_tmpfile();

	CHECK_EQ(setrlimit(RLIMIT_STACK, &(struct rlimit){1 << 20, 1 << 21}), 0);
	CHECK_EQ(getrlimit(RLIMIT_STACK, &r), 0);
	CHECK(r.rlim_cur == 1 << 20 && r.rlim_max == 1 << 21);
	s.rlim_cur = 300;
	CHECK_FAILS(setrlimit(RLIMIT_NOFILE, &s), EINVAL);
	CHECK_FAILS(getrlimit(99, &r), EINVAL);
	CHECK_EQ(prlimit(0, RLIMIT_NOFILE, &(struct rlimit){64, 64}, &r), 0);
	pid_t pid = fork();

	if (pid == 0) {
		getrlimit(RLIMIT_NOFILE, &r);
		CHECK(r.rlim_cur == 64 && r.rlim_max == 64);
		CHECK_EQ(sysconf(_SC_OPEN_MAX), 64);
		if (geteuid() == 0)
			CHECK_EQ(setuid(1000), 0);
		CHECK_FAILS(setrlimit(RLIMIT_NOFILE, &(struct rlimit){64, 65}), EPERM);
		CHILD_EXIT();
	}
	CHILD_OK(pid);
	signal(SIGXFSZ, SIG_IGN);
	CHECK_EQ(setrlimit(RLIMIT_FSIZE, &(struct rlimit){100, RLIM_INFINITY}), 0);
	char buf[200] = "";

	CHECK_EQ(write(fd, buf, 200), 100);
	CHECK_FAILS(write(fd, buf, 1), EFBIG);
	pid = fork();
	if (pid == 0) {
		signal(SIGXFSZ, SIG_DFL);
		CHECK_EQ(write(fd, buf, 1), -1);
		_exit(0);
	}
	int st;

	waitpid(pid, &st, 0);
	CHECK(WIFSIGNALED(st) && WTERMSIG(st) == SIGXFSZ);
}

CASE(cpu_limit, "RLIMIT_CPU: SIGXCPU at the soft limit, SIGKILL at the hard one")
{
	int st;
	pid_t pid = fork();

	if (pid == 0) {
		CHECK_EQ(setrlimit(RLIMIT_CPU, &(struct rlimit){1, 2}), 0);
		signal(SIGXCPU, SIG_IGN);
		for (;;)
			;
	}
	waitpid(pid, &st, 0);
	CHECK(WIFSIGNALED(st));
	CHECK_EQ(WTERMSIG(st), SIGKILL);
}

CASE(uname_and_priority, "uname says Linux on x86_64; nice values; sched_* answer")
{
	struct utsname u;
	cpu_set_t set;

	CHECK_EQ(uname(&u), 0);
	CHECK_STR(u.sysname, "Linux");
	CHECK_STR(u.machine, "x86_64");
	CHECK(atoi(u.release) >= 4);
	CHECK_EQ(setpriority(PRIO_PROCESS, 0, 5), 0);
	CHECK_EQ(getpriority(PRIO_PROCESS, 0), 5);
	CHECK_EQ(sched_getaffinity(0, sizeof(set), &set), 0);
	CHECK(CPU_COUNT(&set) >= 1);
	CHECK_EQ(sched_setaffinity(0, sizeof(set), &set), 0);
	CHECK_EQ(sched_getscheduler(0), SCHED_OTHER);
	CHECK_EQ(sched_yield(), 0);
	unsigned char r[32] = {0}, zero[32] = {0};

	CHECK_EQ(syscall(SYS_getrandom, r, 32, 0), 32);
	CHECK(memcmp(r, zero, 32) != 0);
}
