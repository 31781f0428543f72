/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * inject REPORT N ERRNO COMMAND ARG …
 *
 * Runs a command under ptrace(2), follows every process and thread that it makes, counts their system
 * calls of the list below, and lets the Nth fail with ERRNO without being made. N = 0 only counts. It
 * sees calls, not functions: what is made with syscall(2) or assembly counts like libc's.
 *
 * To the file REPORT go a line each: "count K", "hit NAME(…) in PID" and "process PID" for each process
 * that was followed. The exit status is the command's; 128 + the signal that it died of. When the
 * command ends, those that outlive it are let go and run on.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#define TASKS_MAX 512
#define TEXT_MAX 80

/* What a host can refuse. What only gives back (close, munmap, exit) or cannot fail is left out. */
static const struct {
	long nr;
	const char *name;
	int path; /* number of the argument that is a path, or -1 */
} calls[] = {
#define CALL(name, path) {SYS_##name, #name, path}
	CALL(open, 0),		CALL(openat, 1),	CALL(openat2, 1),	CALL(creat, 0),
	CALL(read, -1),		CALL(pread64, -1),	CALL(write, -1),	CALL(pwrite64, -1),
	CALL(readv, -1),	CALL(writev, -1),	CALL(lseek, -1),	CALL(ftruncate, -1),
	CALL(fallocate, -1),	CALL(stat, 0),		CALL(lstat, 0),		CALL(fstat, -1),
	CALL(newfstatat, 1),	CALL(statx, 1),		CALL(statfs, 0),	CALL(fstatfs, -1),
	CALL(getdents64, -1),	CALL(readlink, 0),	CALL(readlinkat, 1),	CALL(access, 0),
	CALL(faccessat, 1),	CALL(faccessat2, 1),	CALL(mkdir, 0),		CALL(mkdirat, 1),
	CALL(mknod, 0),		CALL(mknodat, 1),	CALL(symlink, 1),	CALL(symlinkat, 2),
	CALL(link, 1),		CALL(linkat, 3),	CALL(rename, 0),	CALL(renameat, 1),
	CALL(renameat2, 1),	CALL(unlink, 0),	CALL(unlinkat, 1),	CALL(rmdir, 0),
	CALL(chmod, 0),		CALL(fchmod, -1),	CALL(fchmodat, 1),	CALL(chown, 0),
	CALL(fchown, -1),	CALL(fchownat, 1),	CALL(utimensat, 1),	CALL(chdir, 0),
	CALL(fchdir, -1),	CALL(chroot, 0),	CALL(pivot_root, 0),	CALL(mount, 1),
	CALL(umount2, 0),	CALL(fsopen, 0),	CALL(fsconfig, -1),	CALL(fsmount, -1),
	CALL(move_mount, 3),	CALL(open_tree, 1),	CALL(mount_setattr, 1),	CALL(clone, -1),
	CALL(clone3, -1),	CALL(fork, -1),		CALL(vfork, -1),	CALL(unshare, -1),
	CALL(setns, -1),	CALL(setsid, -1),	CALL(setpgid, -1),	CALL(wait4, -1),
	CALL(waitid, -1),	CALL(kill, -1),		CALL(pidfd_open, -1),	CALL(pidfd_send_signal, -1),
	CALL(socket, -1),	CALL(socketpair, -1),	CALL(connect, -1),	CALL(bind, -1),
	CALL(listen, -1),	CALL(accept4, -1),	CALL(sendto, -1),	CALL(recvfrom, -1),
	CALL(sendmsg, -1),	CALL(recvmsg, -1),	CALL(getsockopt, -1),	CALL(setsockopt, -1),
	CALL(ioctl, -1),	CALL(fcntl, -1),	CALL(flock, -1),	CALL(dup, -1),
	CALL(dup2, -1),		CALL(dup3, -1),		CALL(pipe, -1),		CALL(pipe2, -1),
	CALL(poll, -1),		CALL(ppoll, -1),	CALL(epoll_create1, -1), CALL(epoll_ctl, -1),
	CALL(eventfd2, -1),	CALL(signalfd4, -1),	CALL(timerfd_create, -1), CALL(memfd_create, 0),
	CALL(mmap, -1),		CALL(mremap, -1),	CALL(mprotect, -1),	CALL(setresuid, -1),
	CALL(setresgid, -1),	CALL(setgroups, -1),	CALL(capget, -1),	CALL(capset, -1),
	CALL(prctl, -1),	CALL(seccomp, -1),	CALL(bpf, -1),		CALL(prlimit64, -1),
	CALL(sethostname, 0),	CALL(setdomainname, 0),	CALL(execve, 0),	CALL(sched_setaffinity, -1),
#undef CALL
};

static int find_call(long nr)
{
	for (size_t i = 0; i < sizeof(calls) / sizeof(*calls); i++)
		if (calls[i].nr == nr)
			return i;
	return -1;
}

static struct task {
	pid_t tid;
	bool failing; /* its system call was taken away: the result is ours */
} tasks[TASKS_MAX];

static FILE *report;
static long counted, wanted;
static int injected_errno;
static bool counting, done;

static struct task *find_task(pid_t tid)
{
	struct task *unused = NULL;

	for (size_t i = 0; i < TASKS_MAX; i++) {
		if (tasks[i].tid == tid)
			return &tasks[i];
		if (!tasks[i].tid && !unused)
			unused = &tasks[i];
	}
	if (!unused)
		abort();
	*unused = (struct task){.tid = tid};
	return unused;
}

static pid_t process_of(pid_t tid)
{
	char path[64], line[128];
	int tgid = tid;

	snprintf(path, sizeof(path), "/proc/%d/status", tid);
	FILE *f = fopen(path, "re");

	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "Tgid: %d", &tgid) == 1)
			break;
	if (f)
		fclose(f);
	return tgid;
}

/* A string of the task's, for people to read. */
static void read_text(pid_t tid, unsigned long long at, char text[TEXT_MAX])
{
	struct iovec mine = {text, TEXT_MAX - 1}, its = {(void *)at, TEXT_MAX - 1};
	ssize_t n = process_vm_readv(tid, &mine, 1, &its, 1, 0);

	if (n < 0) { /* near the end of its memory */
		its.iov_len = 8;
		n = process_vm_readv(tid, &mine, 1, &its, 1, 0);
	}
	text[n > 0 ? n : 0] = '\0';
	for (char *p = text; *p; p++)
		if (*p < ' ' || *p > '~')
			*p = '?';
}

static void tell_hit(pid_t tid, int call, const unsigned long long args[6])
{
	char text[TEXT_MAX] = "";

	if (calls[call].path >= 0)
		read_text(tid, args[calls[call].path], text);
	fprintf(report, "hit %s(%s%s%llx, %llx, %llx) in %d\n", calls[call].name, text, *text ? "; " : "",
		args[0], args[1], args[2], tid);
}

/*
 * The dynamic loader's calls are not the program's: it is done when it gives back the first mapping, that
 * of its cache.
 */
static bool past_loader(long nr)
{
	if (nr == SYS_munmap)
		counting = true;
	return counting;
}

static void take_away(struct task *t, int call, const struct __ptrace_syscall_info *info)
{
	struct user_regs_struct regs;

	if (ptrace(PTRACE_GETREGS, t->tid, NULL, &regs) < 0)
		return;
	tell_hit(t->tid, call, (const unsigned long long *)info->entry.args);
	regs.orig_rax = -1;
	ptrace(PTRACE_SETREGS, t->tid, NULL, &regs);
	t->failing = true;
}

static void on_call(struct task *t)
{
	struct __ptrace_syscall_info info;
	struct user_regs_struct regs;

	if (ptrace(PTRACE_GET_SYSCALL_INFO, t->tid, sizeof(info), &info) <= 0)
		return;
	if (info.op == PTRACE_SYSCALL_INFO_ENTRY) {
		int call = find_call(info.entry.nr);

		if (past_loader(info.entry.nr) && call >= 0 && !done && ++counted == wanted)
			take_away(t, call, &info);
	} else if (t->failing) {
		t->failing = false;
		done = true;
		if (ptrace(PTRACE_GETREGS, t->tid, NULL, &regs) < 0)
			return;
		regs.rax = -injected_errno;
		ptrace(PTRACE_SETREGS, t->tid, NULL, &regs);
	}
}

/* Lets a stopped task go on, with the signal that it was about to get. */
static void on_stop(struct task *t, int status)
{
	int sig = WSTOPSIG(status), event = status >> 16;
	enum __ptrace_request go = done ? PTRACE_CONT : PTRACE_SYSCALL;

	if (sig == (SIGTRAP | 0x80)) {
		on_call(t);
		sig = 0;
		go = done ? PTRACE_CONT : PTRACE_SYSCALL;
	} else if (event == PTRACE_EVENT_STOP && sig != SIGTRAP) {
		go = PTRACE_LISTEN; /* a group stop: it stays stopped until somebody continues it */
		sig = 0;
	} else if (event) {
		sig = 0;
	}
	ptrace(go, t->tid, NULL, sig);
}

/* Until the command ends. Returns its wait status. */
static int follow(pid_t command)
{
	for (;;) {
		int status;
		pid_t tid = waitpid(-1, &status, __WALL);
		struct task *t;

		if (tid < 0)
			return 127 << 8;
		t = find_task(tid);
		if (WIFSTOPPED(status)) {
			on_stop(t, status);
			continue;
		}
		t->tid = 0;
		if (tid == command)
			return status;
	}
}

static void tell_processes(void)
{
	for (size_t i = 0; i < TASKS_MAX; i++)
		if (tasks[i].tid && process_of(tasks[i].tid) == tasks[i].tid)
			fprintf(report, "process %d\n", tasks[i].tid);
}

int main(int argc, char **argv)
{
	const long options = PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK |
			     PTRACE_O_TRACECLONE | PTRACE_O_TRACEEXEC;
	pid_t pid;
	int status;

	if (argc < 5) {
		fprintf(stderr, "usage: inject REPORT N ERRNO COMMAND ARG …\n");
		return 2;
	}
	report = fopen(argv[1], "we");
	if (report)
		setvbuf(report, NULL, _IOLBF, 0);
	wanted = atol(argv[2]);
	injected_errno = atoi(argv[3]);
	pid = fork();
	if (pid == 0) {
		raise(SIGSTOP);
		execv(argv[4], argv + 4);
		_exit(127);
	}
	if (!report || pid < 0 || waitpid(pid, &status, WUNTRACED) < 0 ||
	    ptrace(PTRACE_SEIZE, pid, NULL, options) < 0) {
		perror("inject");
		return 2;
	}
	kill(pid, SIGCONT);
	status = follow(pid);
	fprintf(report, "count %ld\n", counted);
	tell_processes();
	fclose(report);
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}
