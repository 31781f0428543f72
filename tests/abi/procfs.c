/* SPDX-License-Identifier: GPL-2.0-or-later */
/* proc(5), as ps, top, libc and language run-times read it. */
#include "abi.h"

#include <dirent.h>
#include <sys/prctl.h>
#include <sys/vfs.h>

static char *slurp(const char *path)
{
	static char buf[1 << 18];
	size_t n = 0;
	ssize_t r;
	int fd = open(path, O_RDONLY);

	if (fd < 0)
		return NULL;
	while ((r = read(fd, buf + n, sizeof(buf) - 1 - n)) > 0)
		n += r;
	close(fd);
	buf[n] = 0;
	return r < 0 ? NULL : buf;
}

static char *proc_of(pid_t pid, const char *file)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/%s", pid, file);
	return slurp(path);
}

/* The value after "Name:" in a status-like text, as a string up to the line's end. */
static const char *field(const char *text, const char *name)
{
	static char value[256];
	size_t len = strlen(name);

	for (const char *p = text; p && *p; p = strchr(p, '\n') ? strchr(p, '\n') + 1 : NULL)
		if (strncmp(p, name, len) == 0 && p[len] == ':') {
			snprintf(value, sizeof(value), "%.*s",
				 (int)strcspn(p + len + 1 + strspn(p + len + 1, " \t"), "\n"),
				 p + len + 1 + strspn(p + len + 1, " \t"));
			return value;
		}
	return "(missing)";
}

CASE(self, "/proc/self and thread-self point at the reader")
{
	char buf[64] = "", want[64];

	CHECK(readlink("/proc/self", buf, 63) > 0);
	CHECK_EQ(atoi(buf), getpid());
	memset(buf, 0, 64);
	snprintf(want, sizeof(want), "%d/task/%d", getpid(), gettid());
	CHECK(readlink("/proc/thread-self", buf, 63) > 0);
	CHECK_STR(buf, want);
}

CASE(stat_, "/proc/PID/stat: pid, name with parentheses, state, parent, group, session, tty")
{
	int pid, ppid, pgrp, sid, tty;
	char state;

	prctl(PR_SET_NAME, "a) b (c");
	char *s = slurp("/proc/self/stat");

	REQUIRE(s != NULL);
	CHECK_EQ(sscanf(s, "%d (", &pid), 1);
	CHECK_EQ(pid, getpid());
	CHECK(strstr(s, "(a) b (c) ") != NULL);
	CHECK_EQ(sscanf(strrchr(s, ')') + 1, " %c %d %d %d %d", &state, &ppid, &pgrp, &sid, &tty), 5);
	CHECK_EQ(state, 'R');
	CHECK_EQ(ppid, getppid());
	CHECK_EQ(pgrp, getpgrp());
	CHECK_EQ(sid, getsid(0));
	int fields = 2;

	for (char *p = strrchr(s, ')'); (p = strchr(p + 1, ' '));)
		fields++;
	CHECK_EQ(fields, 52);
}

CASE(status, "/proc/PID/status: names, ids, memory, threads and signal sets")
{
	char want[64];
	sigset_t m;

	sigemptyset(&m);
	sigaddset(&m, SIGUSR1);
	sigprocmask(SIG_BLOCK, &m, NULL);
	kill(getpid(), SIGUSR1);
	signal(SIGUSR2, SIG_IGN);
	char *s = slurp("/proc/self/status");

	REQUIRE(s != NULL);
	snprintf(want, sizeof(want), "%d", getpid());
	CHECK_STR(field(s, "Pid"), want);
	CHECK_STR(field(s, "Tgid"), want);
	snprintf(want, sizeof(want), "%d", getppid());
	CHECK_STR(field(s, "PPid"), want);
	snprintf(want, sizeof(want), "%d\t%d\t%d\t%d", getuid(), geteuid(), geteuid(), geteuid());
	CHECK_STR(field(s, "Uid"), want);
	CHECK_STR(field(s, "Threads"), "1");
	CHECK_STR(field(s, "State"), "R (running)");
	CHECK_STR(field(s, "SigBlk"), "0000000000000200");
	CHECK_STR(field(s, "SigIgn"), "0000000000000800");
	CHECK_STR(field(s, "ShdPnd"), "0000000000000200");
	CHECK(atoi(field(s, "VmRSS")) > 0);
	CHECK(atoi(field(s, "VmSize")) > 0);
	CHECK(strcmp(field(s, "CapEff"), "(missing)") != 0);
}

CASE(cmdline_environ, "cmdline has the arguments, comm the name, environ the environment")
{
	int p[2];
	char c;

	REQUIRE(pipe2(p, O_CLOEXEC) == 0);
	pid_t pid = fork();

	if (pid == 0) {
		char *envp[] = {"HUSK=yes", "B=2", NULL};

		/* busybox goes by argv[0]: under another name it would end at once */
		execle("/bin/sleep", "sleep", "100", NULL, envp);
		_exit(127);
	}
	close(p[1]);
	CHECK_EQ(read(p[0], &c, 1), 0); /* exec has happened */
	CHECK(memcmp(proc_of(pid, "cmdline"), "sleep\0" "100\0", 10) == 0);
	CHECK(memcmp(proc_of(pid, "environ"), "HUSK=yes\0B=2\0", 14) == 0);
	CHECK(strlen(proc_of(pid, "comm")) > 1);
	char link[64], exe[256] = "";

	snprintf(link, sizeof(link), "/proc/%d/exe", pid);
	CHECK(readlink(link, exe, 255) > 0);
	CHECK(exe[0] == '/');
	snprintf(link, sizeof(link), "/proc/%d/cwd", pid);
	memset(exe, 0, sizeof(exe));
	CHECK(readlink(link, exe, 255) > 0);
	char here[256];

	CHECK_STR(exe, getcwd(here, sizeof(here)));
	kill(pid, SIGKILL);
	int st;

	abi_sleep_ms(20);
	char *s = proc_of(pid, "stat");

	CHECK(s && strstr(s, ") Z "));
	waitpid(pid, &st, 0);
	CHECK(proc_of(pid, "stat") == NULL);
	CHECK_EQ(errno, ENOENT);
}

CASE(fds, "/proc/self/fd lists exactly the open descriptors; fdinfo tells pos and flags")
{
	int fd = abi_tmpfile(), p[2], n = 0, opened;
	bool seen[1024] = {false};
	char path[64], link[256];
	struct dirent *e;

	REQUIRE(pipe(p) == 0);
	CHECK_EQ(write(fd, "abc", 3), 3);
	DIR *d = opendir("/proc/self/fd");

	REQUIRE(d);
	while ((e = readdir(d)))
		if (e->d_name[0] != '.')
			seen[atoi(e->d_name)] = true;
	for (int i = 0; i < 1024; i++) {
		opened = fcntl(i, F_GETFD) >= 0;
		CHECK_EQ(seen[i], opened);
		n += opened;
	}
	CHECK(n >= 7);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", p[0]);
	memset(link, 0, sizeof(link));
	CHECK(readlink(path, link, 255) > 0);
	CHECK(strncmp(link, "pipe:[", 6) == 0);
	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	char *s = slurp(path);

	CHECK(s && strcmp(field(s, "pos"), "3") == 0);
	CHECK(s && strtol(field(s, "flags"), NULL, 8) & O_RDWR);
	CHECK_FAILS(open("/proc/self/fd/999", O_RDONLY), ENOENT);
}

CASE(maps, "/proc/self/maps shows mappings with protection, offset and name; smaps adds up")
{
	int fd = open("/proc/self/exe", O_RDONLY);
	char *f = mmap(NULL, 8192, PROT_READ, MAP_PRIVATE, fd, 4096);
	char *a = mmap(NULL, 3 * 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	char want[64];

	mprotect(a + 4096, 4096, PROT_READ | PROT_WRITE);
	char *s = slurp("/proc/self/maps");

	REQUIRE(s != NULL);
	snprintf(want, sizeof(want), "%lx-%lx r--p 00001000", (long)f, (long)f + 8192);
	CHECK(strstr(s, want) != NULL);
	snprintf(want, sizeof(want), "%lx-%lx rw-p 00000000", (long)a + 4096, (long)a + 8192);
	CHECK(strstr(s, want) != NULL);
	CHECK(strstr(s, "[stack]") && strstr(s, "[vdso]") && strstr(s, "[heap]"));
	s = slurp("/proc/self/smaps");
	CHECK(s && strstr(s, "Rss:") && strstr(s, "VmFlags:"));
	s = slurp("/proc/self/statm");
	long size = 0, rss = 0;

	CHECK(s && sscanf(s, "%ld %ld", &size, &rss) == 2 && size > 0 && rss > 0 && rss <= size);
}

static void *sleep_named(void *arg)
{
	prctl(PR_SET_NAME, "second");
	*(volatile pid_t *)arg = gettid();
	for (;;)
		pause();
	return NULL;
}

CASE(tasks, "/proc/self/task lists the threads, each with its own comm")
{
	pthread_t t;
	volatile pid_t tid = 0;
	char path[64];
	int n = 0;
	struct dirent *e;

	pthread_create(&t, NULL, sleep_named, (void *)&tid);
	while (!tid)
		sched_yield();
	DIR *d = opendir("/proc/self/task");

	REQUIRE(d);
	while ((e = readdir(d)))
		n += e->d_name[0] != '.';
	CHECK_EQ(n, 2);
	snprintf(path, sizeof(path), "/proc/self/task/%d/comm", tid);
	char *s = slurp(path);

	CHECK(s && strcmp(s, "second\n") == 0);
	CHECK_STR(field(slurp("/proc/self/status"), "Threads"), "2");
}

CASE(listing, "readdir of /proc finds this process, and only numbers that can be opened")
{
	DIR *d = opendir("/proc");
	struct dirent *e;
	bool found = false;
	char path[300];

	REQUIRE(d);
	while ((e = readdir(d)))
		if (strspn(e->d_name, "0123456789") == strlen(e->d_name)) {
			found |= atoi(e->d_name) == getpid();
			snprintf(path, sizeof(path), "/proc/%s/stat", e->d_name);
			CHECK(access(path, R_OK) == 0 || errno == ENOENT);
		}
	CHECK(found);
	CHECK_FAILS(open("/proc/nothing", O_RDONLY), ENOENT);
	CHECK_FAILS(mkdir("/proc/x", 0700), ENOENT);
	CHECK_FAILS(open("/proc/99999999/stat", O_RDONLY), ENOENT);
}

CASE(globals, "meminfo, stat, uptime, loadavg, cpuinfo, version, mounts, filesystems")
{
	static const struct {
		const char *path, *has;
	} f[] = {{"/proc/meminfo", "MemTotal:"},  {"/proc/meminfo", "MemAvailable:"},
		 {"/proc/stat", "btime "},	  {"/proc/stat", "cpu  "},
		 {"/proc/uptime", "."},		  {"/proc/loadavg", "/"},
		 {"/proc/cpuinfo", "processor\t: 0"}, {"/proc/version", "Linux version "},
		 {"/proc/mounts", " / "},	  {"/proc/self/mountinfo", " / "},
		 {"/proc/filesystems", "nodev"},  {"/proc/self/limits", "Max open files"},
		 {"/proc/self/cgroup", "/"},	  {"/proc/self/io", "rchar: "},
		 {"/proc/self/oom_score_adj", ""},   {"/proc/sys/kernel/pid_max", ""},
		 {"/proc/sys/kernel/hostname", ""},  {"/proc/sys/kernel/ostype", "Linux"},
		 {"/proc/sys/vm/overcommit_memory", ""}, {"/proc/sys/kernel/random/boot_id", "-"}};

	for (size_t i = 0; i < sizeof(f) / sizeof(*f); i++) {
		char *s = slurp(f[i].path);

		if (!s || !*s || !strstr(s, f[i].has))
			CHECK_STR(s ? s : "(cannot read)", f[i].path);
	}
}

CASE(partial_reads, "a /proc file read byte by byte is the file read at once; pread works")
{
	char *whole = strdup(slurp("/proc/version")), c;
	int fd = open("/proc/version", O_RDONLY), n = 0;

	while (read(fd, &c, 1) == 1)
		CHECK_EQ(c, whole[n++]);
	CHECK_EQ(n, strlen(whole));
	CHECK_EQ(pread(fd, &c, 1, 3), 1);
	CHECK_EQ(c, whole[3]);
	CHECK_EQ(lseek(fd, 0, SEEK_SET), 0);
	CHECK_EQ(read(fd, &c, 1), 1);
	CHECK_EQ(c, whole[0]);
}

CASE(memory_file, "/proc/self/mem reads this process' memory")
{
	char text[] = "in memory", buf[16] = "";
	int fd = open("/proc/self/mem", O_RDONLY);

	if (fd < 0 && errno == ENOENT)
		SKIP("no /proc/self/mem");
	CHECK_EQ(pread(fd, buf, sizeof(text), (off_t)(uintptr_t)text), sizeof(text));
	CHECK_STR(buf, text);
}
