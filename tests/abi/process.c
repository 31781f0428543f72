/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Processes: fork(2), vfork(2), clone(2), execve(2), wait(2), setsid(2), setpgid(2). */
#define ABI_EXECED
#include "abi.h"

#include <linux/sched.h>
#include <sys/prctl.h>
#include <sys/resource.h>

static char self[256];

__attribute__((constructor)) static void find_self(void)
{
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

	if (n > 0)
		self[n] = '\0';
}

/* The program run by execve in the cases below: --execed WHAT … */
static int abi_execed(int argc, char **argv)
{
	const char *what = argc > 2 ? argv[2] : "";

	if (strcmp(what, "exit") == 0)
		return atoi(argv[3]);
	if (strcmp(what, "args") == 0)
		return argc == 5 && strcmp(argv[3], "") == 0 && strcmp(argv[4], "a b") == 0 &&
				       getenv("HUSK") && strcmp(getenv("HUSK"), "yes") == 0
			       ? 0
			       : 1;
	if (strcmp(what, "fds") == 0) /* the first is closed, the second open */
		return fcntl(atoi(argv[3]), F_GETFD) == -1 && fcntl(atoi(argv[4]), F_GETFD) == 0 ? 0
												  : 1;
	if (strcmp(what, "signals") == 0) { /* handlers reset, ignored and blocked kept */
		struct sigaction a, b;
		sigset_t m;

		sigaction(SIGUSR1, NULL, &a);
		sigaction(SIGUSR2, NULL, &b);
		sigprocmask(SIG_BLOCK, NULL, &m);
		return a.sa_handler == SIG_DFL && b.sa_handler == SIG_IGN && sigismember(&m, SIGHUP)
			       ? 0
			       : 1;
	}
	if (strcmp(what, "pid") == 0)
		return getpid() == atoi(argv[3]) && gettid() == getpid() ? 0 : 1;
	return 99;
}

static int wait_status(pid_t pid)
{
	int st = -1;

	CHECK_EQ(waitpid(pid, &st, 0), pid);
	return st;
}

static int run_self(char *const argv[], char *const envp[])
{
	pid_t pid = fork();

	if (pid == 0) {
		execve(self, argv, envp);
		_exit(127);
	}
	return wait_status(pid);
}

CASE(fork_basics, "a child has its own pid, memory and the parent as getppid")
{
	static volatile int x = 1;
	pid_t me = getpid(), pid = fork();

	REQUIRE(pid >= 0);
	if (pid == 0) {
		CHECK(getpid() != me);
		CHECK_EQ(getppid(), me);
		CHECK_EQ(x, 1);
		x = 2;
		CHILD_EXIT();
	}
	CHILD_OK(pid);
	CHECK_EQ(x, 1);
}

CASE(exit_statuses, "wait tells exit codes from signal deaths")
{
	for (int code = 0; code < 256; code += 51) {
		pid_t pid = fork();

		if (pid == 0)
			_exit(code);
		int st = wait_status(pid);

		CHECK(WIFEXITED(st));
		CHECK_EQ(WEXITSTATUS(st), code);
	}
	static const int sigs[] = {SIGKILL, SIGTERM, SIGUSR1, SIGHUP};

	for (size_t i = 0; i < sizeof(sigs) / sizeof(*sigs); i++) {
		pid_t pid = fork();

		if (pid == 0) {
			raise(sigs[i]);
			_exit(0);
		}
		int st = wait_status(pid);

		CHECK(WIFSIGNALED(st));
		CHECK_EQ(WTERMSIG(st), sigs[i]);
	}
}

CASE(wait_variants, "WNOHANG, WNOWAIT, waitid's siginfo, ECHILD, wait for a group, rusage")
{
	int st, p[2];
	siginfo_t si;
	struct rusage ru;
	char c = 0;

	CHECK_FAILS(waitpid(-1, &st, 0), ECHILD);
	REQUIRE(pipe(p) == 0);
	pid_t pid = fork();

	if (pid == 0) {
		close(p[1]);
		CHECK_EQ(read(p[0], &c, 1), 0);
		_exit(7);
	}
	close(p[0]);
	CHECK_EQ(waitpid(pid, &st, WNOHANG), 0);
	memset(&si, 0xff, sizeof(si));
	CHECK_EQ(waitid(P_PID, pid, &si, WEXITED | WNOHANG), 0);
	CHECK_EQ(si.si_pid, 0);
	close(p[1]);
	CHECK_EQ(waitid(P_PID, pid, &si, WEXITED | WNOWAIT), 0);
	CHECK_EQ(si.si_pid, pid);
	CHECK_EQ(si.si_code, CLD_EXITED);
	CHECK_EQ(si.si_status, 7);
	CHECK_EQ(si.si_signo, SIGCHLD);
	CHECK_EQ(wait4(pid, &st, 0, &ru), pid);
	CHECK_EQ(WEXITSTATUS(st), 7);
	CHECK_FAILS(waitpid(pid, &st, 0), ECHILD);

	pid = fork();
	if (pid == 0) {
		setpgid(0, 0);
		_exit(3);
	}
	setpgid(pid, pid);
	CHECK_EQ(waitpid(-pid, &st, 0), pid);
	CHECK_EQ(WEXITSTATUS(st), 3);
	CHECK_FAILS(waitid(P_PID, pid, &si, 0), EINVAL);
}

CASE(wait_stop_continue, "WUNTRACED and WCONTINUED see a child stop and go on")
{
	int st;
	pid_t pid = fork();

	if (pid == 0)
		for (;;)
			pause();
	CHECK_EQ(kill(pid, SIGSTOP), 0);
	CHECK_EQ(waitpid(pid, &st, WUNTRACED), pid);
	CHECK(WIFSTOPPED(st));
	CHECK_EQ(WSTOPSIG(st), SIGSTOP);
	CHECK_EQ(kill(pid, SIGCONT), 0);
	CHECK_EQ(waitpid(pid, &st, WCONTINUED), pid);
	CHECK(WIFCONTINUED(st));
	CHECK_EQ(kill(pid, SIGTERM), 0);
	CHECK_EQ(waitpid(pid, &st, 0), pid);
	CHECK(WIFSIGNALED(st) && WTERMSIG(st) == SIGTERM);
}

CASE(sigchld_ignored, "with SIGCHLD ignored children leave no zombie and wait gives ECHILD")
{
	signal(SIGCHLD, SIG_IGN);
	for (int i = 0; i < 5; i++)
		if (fork() == 0)
			_exit(0);
	CHECK_FAILS(wait(NULL), ECHILD);
}

CASE(vfork_shares, "vfork shares memory and holds the parent until exec or exit")
{
	static volatile int x;
	volatile int64_t t0 = abi_now_us();
	pid_t pid = vfork();

	if (pid == 0) {
		struct timespec t = {0, 50 * 1000 * 1000};

		syscall(SYS_nanosleep, &t, NULL);
		x = 42;
		_exit(5);
	}
	CHECK(abi_now_us() - t0 >= 50000);
	CHECK_EQ(x, 42);
	CHECK_EQ(WEXITSTATUS(wait_status(pid)), 5);
	pid = vfork();
	if (pid == 0) {
		char *argv[] = {self, "--execed", "exit", "9", NULL};

		execve(self, argv, environ);
		_exit(127);
	}
	CHECK_EQ(WEXITSTATUS(wait_status(pid)), 9);
}

CASE(exec_args, "execve passes arguments and environment, keeps the pid")
{
	char *envp[] = {"HUSK=yes", NULL};
	char *argv[] = {self, "--execed", "args", "", "a b", NULL};

	CHECK_EQ(run_self(argv, envp), 0);
	pid_t pid = fork();

	if (pid == 0) {
		char nr[16];
		char *pargv[] = {self, "--execed", "pid", nr, NULL};

		snprintf(nr, sizeof(nr), "%d", getpid());
		execve(self, pargv, envp);
		_exit(127);
	}
	CHECK_EQ(wait_status(pid), 0);
}

CASE(exec_cloexec, "close-on-exec descriptors are closed, others stay")
{
	char a[16], b[16];
	int fd1 = open("/dev/null", O_RDWR | O_CLOEXEC), fd2 = open("/dev/null", O_RDWR);
	char *argv[] = {self, "--execed", "fds", a, b, NULL};

	snprintf(a, sizeof(a), "%d", fd1);
	snprintf(b, sizeof(b), "%d", fd2);
	CHECK_EQ(run_self(argv, environ), 0);
	CHECK_EQ(fcntl(fd1, F_GETFD), FD_CLOEXEC);
}

CASE(exec_signals, "exec resets handlers, keeps ignored signals and the mask")
{
	char *argv[] = {self, "--execed", "signals", NULL};
	sigset_t m;

	signal(SIGUSR1, _exit);
	signal(SIGUSR2, SIG_IGN);
	sigemptyset(&m);
	sigaddset(&m, SIGHUP);
	sigprocmask(SIG_BLOCK, &m, NULL);
	CHECK_EQ(run_self(argv, environ), 0);
}

static void *exec_from_thread(void *arg)
{
	char nr[16];
	char *argv[] = {self, "--execed", "pid", nr, NULL};

	snprintf(nr, sizeof(nr), "%d", getpid());
	execve(self, argv, environ);
	_exit(126);
	return arg;
}

static void *wait_for_ever(void *arg)
{
	for (;;)
		pause();
	return arg;
}

CASE(exec_of_thread, "exec by a thread ends the others and takes the leader's pid")
{
	pid_t pid = fork();

	if (pid == 0) {
		pthread_t t;

		for (int i = 0; i < 3; i++)
			pthread_create(&t, NULL, wait_for_ever, NULL);
		pthread_create(&t, NULL, exec_from_thread, NULL);
		wait_for_ever(NULL);
	}
	CHECK_EQ(wait_status(pid), 0);
}

static void write_script(const char *name, const char *text, mode_t mode)
{
	int fd = open(name, O_CREAT | O_WRONLY | O_TRUNC, mode);

	REQUIRE(fd >= 0);
	REQUIRE(write(fd, text, strlen(text)) == (ssize_t)strlen(text));
	fchmod(fd, mode);
	close(fd);
}

CASE(exec_script, "#! runs the interpreter with its one argument; scripts nest")
{
	char text[512];
	int st;

	snprintf(text, sizeof(text), "#! %s --execed\n", self);
	write_script("bad", text, 0755);
	/* argv becomes: interpreter, "--execed", path of the script, then the rest */
	char *argv[] = {"ignored", "x", NULL};
	pid_t pid = fork();

	if (pid == 0) {
		execve("./bad", argv, environ);
		_exit(127);
	}
	st = wait_status(pid);
	CHECK_EQ(WEXITSTATUS(st), 99);

	write_script("sh1", "#!/bin/sh\nexit $#\n", 0755);
	write_script("sh2", "#!./sh1 one\n", 0755);
	pid = fork();
	if (pid == 0) {
		char *args[] = {"x", "a", "b", NULL};

		execve("./sh2", args, environ);
		_exit(127);
	}
	st = wait_status(pid); /* sh1 gets: one ./sh2 a b */
	CHECK_EQ(WEXITSTATUS(st), 4);
}

CASE(exec_errors, "ENOENT, EACCES, ENOEXEC, ENOTDIR, ELOOP of scripts, E2BIG")
{
	char *argv[] = {"x", NULL};

	CHECK_FAILS(execve("./nothing", argv, environ), ENOENT);
	write_script("noexec", "#!/bin/sh\n", 0644);
	CHECK_FAILS(execve("./noexec", argv, environ), EACCES);
	write_script("garbage", "neither ELF nor script\n", 0755);
	CHECK_FAILS(execve("./garbage", argv, environ), ENOEXEC);
	write_script("empty", "", 0755);
	CHECK_FAILS(execve("./empty", argv, environ), ENOEXEC);
	CHECK_FAILS(execve("./garbage/x", argv, environ), ENOTDIR);
	CHECK_FAILS(execve(".", argv, environ), EACCES);
	write_script("lost", "#!./nothing\n", 0755);
	CHECK_FAILS(execve("./lost", argv, environ), ENOENT);
	write_script("loop", "#!./loop\n", 0755);
	CHECK_FAILS(execve("./loop", argv, environ), ELOOP);
	CHECK_FAILS(execve("", argv, environ), ENOENT);
	size_t big = 1 << 18; /* one string may have 128 KiB at most */
	char *s = malloc(big);

	memset(s, 'x', big - 1);
	s[big - 1] = 0;
	char *large[] = {"x", s, NULL};

	CHECK_FAILS(execve(self, large, environ), E2BIG);
}

CASE(exec_busy, "a running program cannot be written (ETXTBSY), nor a written one run")
{
	char cmd[600];

	snprintf(cmd, sizeof(cmd), "cp %s ./copy", self);
	REQUIRE(system(cmd) == 0);
	int fd = open("copy", O_WRONLY);
	char *argv[] = {"copy", "--execed", "exit", "0", NULL};

	CHECK_FAILS(execve("./copy", argv, environ), ETXTBSY);
	close(fd);
	pid_t pid = fork();

	if (pid == 0) {
		execve("./copy", argv, environ);
		_exit(127);
	}
	CHECK_EQ(wait_status(pid), 0);
}

CASE(execveat_fd, "execveat(AT_EMPTY_PATH) and fexecve run an open file")
{
	char *argv[] = {"x", "--execed", "exit", "6", NULL};
	int fd = open(self, O_PATH);
	pid_t pid = fork();

	if (pid == 0) {
		syscall(SYS_execveat, fd, "", argv, environ, AT_EMPTY_PATH);
		_exit(127);
	}
	CHECK_EQ(WEXITSTATUS(wait_status(pid)), 6);
}

CASE(orphans, "an orphan is given to init, or to the nearest subreaper")
{
	int p[2];
	pid_t now = 0;

	REQUIRE(prctl(PR_SET_CHILD_SUBREAPER, 1) == 0);
	REQUIRE(pipe(p) == 0);
	pid_t me = getpid(), pid = fork();

	if (pid == 0) {
		pid_t parent = getpid();

		if (fork() == 0) {
			while (getppid() == parent)
				abi_sleep_ms(1);
			now = getppid();
			CHECK_EQ(write(p[1], &now, sizeof(now)), sizeof(now));
			_exit(0);
		}
		_exit(0);
	}
	CHILD_OK(pid);
	CHECK_EQ(read(p[0], &now, sizeof(now)), sizeof(now));
	CHECK_EQ(now, me);
	CHECK(wait(NULL) > 0);
}

CASE(pdeathsig, "PR_SET_PDEATHSIG arrives when the parent ends")
{
	int p[2];
	char c;

	REQUIRE(pipe(p) == 0);
	pid_t pid = fork();

	if (pid == 0) {
		int q[2];

		REQUIRE(pipe(q) == 0);
		if (fork() == 0) {
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			close(q[1]);
			CHECK_EQ(write(p[1], "r", 1), 1);
			for (;;)
				pause();
		}
		CHECK_EQ(read(p[0], &c, 1), 1);
		_exit(0);
	}
	CHILD_OK(pid);
	close(p[1]);
	CHECK_EQ(read(p[0], &c, 1), 0); /* the grandchild's end closes the pipe */
}

CASE(sessions, "setsid, setpgid, getsid and their errors")
{
	pid_t pid = fork();

	if (pid == 0) {
		pid_t me = getpid();

		CHECK_EQ(setsid(), me);
		CHECK_EQ(getsid(0), me);
		CHECK_EQ(getpgrp(), me);
		CHECK_FAILS(setsid(), EPERM);
		CHECK_FAILS(setpgid(0, 0), EPERM); /* a session leader stays where it is */
		CHECK_FAILS(setpgid(0, -1), EINVAL);
		CHECK_FAILS(setpgid(1 << 21, 0), ESRCH);
		pid_t child = fork();

		if (child == 0) {
			CHECK_EQ(getpgrp(), me);
			CHECK_EQ(setpgid(0, 0), 0);
			CHECK_EQ(getpgrp(), getpid());
			CHECK_EQ(getsid(0), me);
			CHILD_EXIT();
		}
		CHILD_OK(child);
		CHECK_FAILS(getsid(1 << 21), ESRCH);
		CHILD_EXIT();
	}
	CHILD_OK(pid);
}

static int thread_fn(void *arg)
{
	*(volatile int *)arg = gettid();
	return 0;
}

CASE(raw_clone, "clone with CLONE_VM|CLONE_THREAD, settid and cleartid")
{
	static char stack[65536] __attribute__((aligned(16)));
	static volatile int tid_in, tid_parent, tid_clear = -1;
	int flags = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM |
		    CLONE_PARENT_SETTID | CLONE_CHILD_CLEARTID;
	int tid = clone(thread_fn, stack + sizeof(stack), flags, (void *)&tid_in, &tid_parent, NULL,
			&tid_clear);

	REQUIRE(tid > 0);
	while (tid_clear != 0)
		sched_yield();
	CHECK_EQ(tid_in, tid);
	CHECK_EQ(tid_parent, tid);
	CHECK_FAILS(clone(thread_fn, stack, CLONE_THREAD, NULL), EINVAL);
	CHECK_FAILS(clone(thread_fn, stack, CLONE_SIGHAND, NULL), EINVAL);
}

CASE(clone3_pidfd, "clone3 with a pidfd: poll, waitid(P_PIDFD), pidfd_send_signal")
{
	int pidfd = -1;
	struct clone_args a = {
		.flags = CLONE_PIDFD, .pidfd = (uintptr_t)&pidfd, .exit_signal = SIGCHLD};
	long pid = syscall(SYS_clone3, &a, sizeof(a));

	if (pid < 0 && errno == ENOSYS)
		SKIP("no clone3");
	REQUIRE(pid >= 0);
	if (pid == 0)
		for (;;)
			pause();
	struct pollfd pf = {pidfd, POLLIN, 0};

	CHECK_EQ(poll(&pf, 1, 0), 0);
	CHECK_EQ(syscall(SYS_pidfd_send_signal, pidfd, SIGTERM, NULL, 0), 0);
	CHECK_EQ(poll(&pf, 1, 5000), 1);
	siginfo_t si = {0};

	CHECK_EQ(waitid(P_PIDFD, pidfd, &si, WEXITED), 0);
	CHECK_EQ(si.si_pid, pid);
	CHECK_EQ(si.si_code, CLD_KILLED);
}

static void *count_up(void *arg)
{
	__atomic_add_fetch((int *)arg, 1, __ATOMIC_SEQ_CST);
	return NULL;
}

CASE(many_threads, "100 threads start, run and are joined")
{
	pthread_t t[100];
	int n = 0;

	for (int i = 0; i < 100; i++)
		REQUIRE(pthread_create(&t[i], NULL, count_up, &n) == 0);
	for (int i = 0; i < 100; i++)
		CHECK_EQ(pthread_join(t[i], NULL), 0);
	CHECK_EQ(n, 100);
}

CASE(many_forks, "200 children, 20 at a time, each with its own status")
{
	for (int round = 0; round < 10; round++) {
		pid_t pids[20];

		for (int i = 0; i < 20; i++) {
			pids[i] = fork();
			REQUIRE(pids[i] >= 0);
			if (pids[i] == 0)
				_exit(i);
		}
		for (int i = 0; i < 20; i++)
			CHECK_EQ(WEXITSTATUS(wait_status(pids[i])), i);
	}
}

static void *compute(void *arg)
{
	for (;;)
		++*(volatile unsigned long *)arg;
	return NULL;
}

CASE(exit_group, "exit_group ends threads that sleep and threads that compute")
{
	pid_t pid = fork();

	if (pid == 0) {
		pthread_t t;
		static volatile unsigned long spin;

		pthread_create(&t, NULL, wait_for_ever, NULL);
		pthread_create(&t, NULL, compute, (void *)&spin);
		while (spin < 1000)
			sched_yield();
		_exit(12);
	}
	CHECK_EQ(WEXITSTATUS(wait_status(pid)), 12);
}

static void *late_exit(void *arg)
{
	abi_sleep_ms(30);
	CHECK_EQ(write(*(int *)arg, "l", 1), 1);
	_exit(21);
}

CASE(leader_exits_first, "a process lives on when its first thread ends with pthread_exit")
{
	int p[2];
	char c = 0;

	REQUIRE(pipe(p) == 0);
	pid_t pid = fork();

	if (pid == 0) {
		pthread_t t;

		pthread_create(&t, NULL, late_exit, &p[1]);
		syscall(SYS_exit, 0);
	}
	CHECK_EQ(read(p[0], &c, 1), 1);
	CHECK_EQ(c, 'l');
	CHECK_EQ(WEXITSTATUS(wait_status(pid)), 21);
}

CASE(comm_and_dumpable, "PR_SET_NAME is read back; /proc/self/comm agrees")
{
	char name[32] = "", buf[32] = "";

	CHECK_EQ(prctl(PR_SET_NAME, "a-name-longer-than-it-fits"), 0);
	CHECK_EQ(prctl(PR_GET_NAME, name), 0);
	CHECK_STR(name, "a-name-longer-t");
	int fd = open("/proc/self/comm", O_RDONLY);

	CHECK(read(fd, buf, sizeof(buf) - 1) > 0);
	CHECK_STR(buf, "a-name-longer-t\n");
	CHECK_EQ(prctl(PR_GET_DUMPABLE), 1);
}

static void *exit_at_once(void *arg)
{
	syscall(SYS_exit, 0);
	return arg;
}

CASE(exit_races, "threads of a group that end at the same moment make one death, with its status")
{
	for (int i = 0; i < 1000; i++) {
		pid_t pid = fork();

		if (pid == 0) {
			pthread_t t[3];

			for (int k = 0; k < 3; k++)
				pthread_create(&t[k], NULL, exit_at_once, NULL);
			syscall(SYS_exit_group, i % 7);
		}
		int st = wait_status(pid);

		if (!WIFEXITED(st) || WEXITSTATUS(st) != i % 7)
			CHECK_EQ(st, (i % 7) << 8);
	}
}
