/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The application kernel without a container around it: runs one program of the host's file
 * system as a guest's init, with this process' descriptors and root, and ends as it does.
 * For tests, and for a person with a debugger.
 *
 *   guest_run [--platform=kvm|ptrace|auto] [-d] [-C] [-p] PROGRAM [ARGUMENT…]
 *      -d: log at debug level  -C: plain user, no rights  -p: husk's own /proc and /dev/pts
 *      -b N: KVM says SHUTDOWN instead of running the guest for the Nth time
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/hostcall.h"
#include "base/hostproc.h"
#include "base/log.h"
#include "base/safecopy.h"
#include "kernel/task.h"
#include "net/net.h"
#include "vfs/fs.h"
#include "vfs/procfs.h"
#include "vfs/tty.h"
#include "vfs/procfs.h"

#include "platform/kvm/kvm.h"

extern char **environ;

static _Atomic long runs_left;

static int break_machine(int fd, unsigned long request, void *arg)
{
	struct kvm_run *run = arg;
	int r = kvm_ioctl_host(fd, request, arg);

	if (request != KVM_RUN || atomic_fetch_sub(&runs_left, 1) != 1)
		return r;
	run->exit_reason = KVM_EXIT_SHUTDOWN;
	return 0;
}

static int setup(void *arg)
{
	fs_mount_pseudo("/proc", procfs_root(NULL, NULL), false);
	fs_mount_pseudo("/dev/pts", devpts_root(), false);
	return cred_host_init();
}

static void die(const char *what, const struct error *err)
{
	fprintf(stderr, "guest_run: %s: %s\n", what, err->msg ? err->msg : "failed");
	exit(125);
}

static void on_exit_status(void *arg, int status)
{
	if (getenv("GUEST_RUN_STATS")) {
		struct platform_stats s;

		platform_stats(kernel.platform, &s);
		fprintf(stderr, "exits %lu syscalls %lu faults %lu interrupts %lu invalidations %lu\n",
			s.exits, s.syscalls, s.faults, s.interrupts, s.invalidations);
	}
	_exit(WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
}

static pid_t current_tgid(void)
{
	return current ? current->group->tgid : 0;
}

static pid_t guest_pid(pid_t host)
{
	return host == getpid() ? current_tgid() : 0;
}

static void block_signals(void)
{
	static const int open_ones[] = {HOST_KICK_SIGNAL, SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP, SIGSYS};
	sigset_t set;

	sigfillset(&set);
	for (size_t i = 0; i < sizeof(open_ones) / sizeof(open_ones[0]); i++)
		sigdelset(&set, open_ones[i]);
	sigprocmask(SIG_SETMASK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
}

static struct fdtable *own_descriptors(void)
{
	struct fdtable *t = fdtable_new();

	for (int fd = 0; t && fd < 3; fd++) {
		int flags = fcntl(fd, F_GETFL), copy = fcntl(fd, F_DUPFD_CLOEXEC, 10);
		struct file *f;

		if (flags < 0 || copy < 0)
			continue;
		flags &= O_ACCMODE | O_APPEND | O_NONBLOCK;
		if ((isatty(copy) ? tty_open_host(copy, flags, NULL, &f)
				  : file_from_host(copy, flags, &f)) == 0)
			fdtable_install_at(t, f, fd, INT_MAX, false);
	}
	return t;
}

/* HUSK_TEST_PLATFORM says on which platform, "kvm" without it; --platform says so before that. */
static void boot(const char *platform)
{
	struct platform_config cfg = {.kvm_fd = open("/dev/kvm", O_RDWR | O_CLOEXEC)};
	enum platform_kind kind;
	static const struct net_ops net_ops = {current_tgid, guest_pid};
	struct error err = ERROR_INIT;
	struct platform *p;

	hostcall_init();
	safecopy_init();
	host_thread_init(NULL, NULL);
	hostproc_init();
	if (!platform)
		platform = getenv("HUSK_TEST_PLATFORM");
	if (!platform_kind_of(platform ? platform : "kvm", &kind))
		die("no such platform", &err);
	if (platform_new(kind, &cfg, &p, &err) < 0)
		die("the machine", &err);
	if (kernel_boot(p, log_enabled(LOG_LEVEL_DEBUG)) < 0 || kthreadd_start(setup, NULL) < 0)
		die("boot", &err);
	net_init(&net_ops);
}

int main(int argc, char **argv)
{
	static const struct option long_options[] = {{"platform", required_argument, NULL, 'P'}, {0}};
	char cwd[PATH_MAX];
	struct spawn_args args = {.is_init = true, .on_exit = on_exit_status, .umask = 022};
	struct error err = ERROR_INIT;
	struct task *t;
	bool plain = false, own_proc = false;
	const char *platform = NULL;
	int opt;

	while ((opt = getopt_long(argc, argv, "+dCpb:", long_options, NULL)) != -1) {
		if (opt == 'd')
			log_open(-1, LOG_FORMAT_TEXT, LOG_LEVEL_DEBUG);
		else if (opt == 'C')
			plain = true;
		else if (opt == 'p')
			own_proc = true;
		else if (opt == 'b')
			runs_left = atol(optarg);
		else if (opt == 'P')
			platform = optarg;
		else
			return 2;
	}
	if (optind == argc)
		return 2;
	block_signals();
	boot(platform);
	if (runs_left)
		kvm_inject(break_machine);
	if (own_proc && (fs_mount_pseudo("/proc", procfs_root(NULL, NULL), false) < 0 ||
			 fs_mount_pseudo("/dev/pts", devpts_root(), false) < 0))
		return 125;
	args.argv = (const char *const *)argv + optind;
	args.env = (const char *const *)environ;
	args.cwd = getcwd(cwd, sizeof(cwd));
	args.files = own_descriptors();
	args.cred = cred_new();
	if (plain)
		args.cred->ruid = args.cred->euid = args.cred->suid = args.cred->fsuid = 1000;
	else
		args.cred->cap_bounding = args.cred->cap_permitted = args.cred->cap_effective = (1ULL << 41) - 1;
	for (int i = 0; i < RLIM_COUNT; i++)
		getrlimit(i, &args.rlimits[i]);
	if (spawn_prepare(&args, &t, &err) < 0)
		die("spawn", &err);
	spawn_start(t);
	for (;;)
		pause();
}
