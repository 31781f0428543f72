/* SPDX-License-Identifier: GPL-2.0-or-later */
/*T:130 A kernel boots
 * The first thread of the sandbox: builds the machine, boots the kernel on it, prepares the
 * container's init, and then becomes the control thread.
 */
#include "config.h"
#include "sandbox/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/personality.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#ifdef HUSK_ASAN
#include <sanitizer/common_interface_defs.h>
#endif

#include "base/cleanup.h"
#include "base/hostcall.h"
#include "base/log.h"
#include "base/safecopy.h"
#include "kernel/procinfo.h"
#include "kernel/trace.h"
#include "net/net.h"
#include "sandbox/private.h"
#include "vfs/procfs.h"

static struct sandbox_args sandbox;
unsigned long sandbox_personality;

/* Everything from outside is read from a signalfd by the control thread; threads inherit this. */
static void block_signals(void)
{
	sigset_t set;

	sigfillset(&set);
	sigdelset(&set, HOST_KICK_SIGNAL);
	sigdelset(&set, SIGSEGV);
	sigdelset(&set, SIGBUS);
	sigdelset(&set, SIGILL);
	sigdelset(&set, SIGFPE);
	sigdelset(&set, SIGTRAP);
	sigdelset(&set, SIGSYS);
	sigprocmask(SIG_SETMASK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
}

/* pid 1 of a pid namespace cannot kill itself by raise(), but a fault of its own kills it. */
static void fault(int sig)
{
	switch (sig) {
	case SIGILL:
		__asm__ volatile("ud2");
		break;
	case SIGTRAP:
		__asm__ volatile("int3");
		break;
	case SIGFPE:
		__asm__ volatile("xor %%edx, %%edx\n\txor %%ecx, %%ecx\n\tdiv %%ecx" ::: "eax", "ecx", "edx");
		break;
	case SIGSEGV:
		__asm__ volatile("movb $0, 0");
		break;
	}
}

_Noreturn static void die_of_signal(int sig)
{
	struct rlimit none = {0, 0};
	sigset_t set;

	setrlimit(RLIMIT_CORE, &none);
	signal(sig, SIG_DFL);
	sigemptyset(&set);
	sigaddset(&set, sig);
	pthread_sigmask(SIG_UNBLOCK, &set, NULL);
	syscall(SYS_tgkill, getpid(), syscall(SYS_gettid), sig);
	fault(sig);
	_exit(128 + sig);
}

/* The container's init is gone, and so are we, in the same way. Runs on init's last thread. */
static void on_init_exit(void *arg, int status)
{
	if (WIFSIGNALED(status))
		die_of_signal(WTERMSIG(status));
	_exit(WEXITSTATUS(status));
}

_Noreturn static void fail(const struct error *err)
{
	sandbox.failed(sandbox.arg, err);
	_exit(1);
}

/*
 * Without a log file, what the sandbox has to say goes where its stderr was, as long as that is not
 * the container's terminal. A sanitizer's report too: it would be lost with descriptor 2.
 */
static void keep_log(unsigned above)
{
	int fd;

	if (log_fd() >= 0 || sandbox.terminal)
		return;
	fd = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, above);
	if (fd < 0)
		return;
	log_move(fd);
#ifdef HUSK_ASAN
	__sanitizer_set_report_fd((void *)(intptr_t)fd);
#endif
}

/* 0, 1, 2 and the preserved ones leave their places; what husk opens later must not get those. */
static int take_fds(struct process_fds *out, struct error *err)
{
	unsigned n = 3 + sandbox.preserve_fds;
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (null < 0)
		null = open("/", O_PATH | O_CLOEXEC);
	out->fds = calloc(n, sizeof(int));
	if (!out->fds)
		return error_errno(err, -ENOMEM, "descriptors of init");
	out->terminal = sandbox.terminal;
	keep_log(n);
	for (unsigned i = 0; i < n; i++) {
		int fd = -1;

		if (!sandbox.terminal || i == 0 || i > 2) {
			fd = fcntl(i, F_DUPFD_CLOEXEC, n);
			if (fd < 0 && errno != EBADF)
				return error_errno(err, -errno, "descriptor %u of the process", i);
			out->fds[out->n++] = fd;
		}
		if (i < 3 && null >= 0)
			dup2(null, i);
		else
			close(i);
	}
	if (null > 2)
		close(null);
	return 0;
}

static pid_t net_current_tgid(void)
{
	return current ? current->group->tgid : 0;
}

static pid_t net_guest_pid(pid_t host)
{
	/* Every socket of the guest belongs, for the host, to this one process. */
	return host == getpid() ? net_current_tgid() : 0;
}

static const struct net_ops net_ops = {
    .current_tgid = net_current_tgid,
    .guest_pid = net_guest_pid,
};

/* On kthreadd, the ancestor of all task threads, before there is any. */
static int task_side(void *arg)
{
	struct error *err = arg;
	int r = placeholders_mount(&sandbox, err);

	if (r == 0)
		r = label_set_apparmor(sandbox.config->process, err);
	if (r == 0)
		r = confine_capabilities(sandbox.config, err);
	if (r == 0) {
		r = cred_host_init();
		if (r < 0)
			error_errno(err, r, "prepare credentials");
	}
	return r;
}

/* The host's kernel has them for the container's namespaces already; the guest's /proc shows them. */
static int show_sysctls(const struct oci_linux *l)
{
	int r = 0;

	for (size_t i = 0; l && !r && i < l->sysctl.n; i++)
		r = procfs_set_sysctl(l->sysctl.keys[i], l->sysctl.values[i]);
	return r;
}

static void boot_kernel(void)
{
	struct platform_config cfg = {.kvm_fd = sandbox.kvm_fd};
	const struct oci_config *c = sandbox.config;
	cleanup_error struct error err = ERROR_INIT;
	struct platform *platform;
	enum platform_kind kind;
	int r;

	cfg.vcpus_max = sandbox.vcpus_max;
	cfg.memory_max = sandbox.memory_max;
	if (!platform_kind_of(sandbox.platform, &kind)) {
		error_set(&err, -EINVAL, "no platform is called %s", sandbox.platform);
		fail(&err);
	}
	if (platform_new(kind, &cfg, &platform, &err) < 0)
		fail(&err);
	if (sandbox.kvm_fd >= 0)
		close(sandbox.kvm_fd);
	r = kernel_boot(platform, sandbox.debug);
	if (r < 0) {
		error_errno(&err, r, "boot the application kernel");
		fail(&err);
	}
	if (sandbox.trace)
		trace_start(sandbox.trace);
	if (c->linux && c->linux->resources && c->linux->resources->memory &&
	    c->linux->resources->memory->has_limit && c->linux->resources->memory->limit > 0)
		procinfo_set_memory_limit(c->linux->resources->memory->limit);
	r = show_sysctls(c->linux);
	if (r < 0) {
		error_errno(&err, r, "linux.sysctl");
		fail(&err);
	}
	net_init(&net_ops);
	r = kthreadd_start(task_side, &err);
	if (r < 0) {
		if (!err.msg)
			error_errno(&err, r, "start the task side");
		fail(&err);
	}
	outside_mount(&sandbox);
	if (sandbox.mount_ns_fd >= 0 && mounts_leave(sandbox.mount_ns_fd, &err) < 0)
		fail(&err);
}

static void load_seccomp_profile(void)
{
	const struct oci_linux *l = sandbox.config->linux;
	cleanup_error struct error err = ERROR_INIT;
	const char *strict = oci_map_get(&sandbox.config->annotations,
					 "run.oci.seccomp_fail_unknown_syscall");
	cleanup_free struct sock_filter *insns = NULL;
	size_t n;
	int r;

	if (!l || !l->seccomp)
		return;
	if (seccomp_profile_compile(l->seccomp, strict && strcmp(strict, "0"), &insns, &n, &err) < 0)
		fail(&err);
	r = seccomp_new(NULL, insns, n, &seccomp_profile);
	if (r < 0) {
		error_errno(&err, r, "linux.seccomp: the compiled filter");
		fail(&err);
	}
}

/* What 32 bits mean to 64-bit programs is what uname(2) says; there are no others. */
static void set_personality(void)
{
	const struct oci_personality *p = sandbox.config->linux->personality;

	if (p && !strcmp(p->domain, "LINUX32"))
		sandbox_personality = PER_LINUX32;
}

static struct task *prepare_init(struct tty **console)
{
	struct spawn_args args = {.is_init = true, .on_exit = on_init_exit};
	cleanup_error struct error err = ERROR_INIT;
	struct process_fds fds = {0};
	struct task *init;

	if (take_fds(&fds, &err) < 0 ||
	    process_to_spawn(sandbox.config->process, &fds, &args, console, &err) < 0)
		fail(&err);
	free(fds.fds);
	if (spawn_prepare(&args, &init, &err) < 0)
		fail(&err);
	return init;
}

_Noreturn static void start_failed(const struct error *err)
{
	log_error("%s", err->msg ? err->msg : "start failed");
	_exit(1);
}

/* Tells `husk create`, waits for `husk start`, runs its hooks, and lets the guest go. */
static void *starter(void *arg)
{
	cleanup_error struct error err = ERROR_INIT;

	host_thread_init(NULL, NULL);
	if (sandbox.ready(sandbox.arg, &err) < 0)
		start_failed(&err);
	if (start_hooks_run(sandbox.config, sandbox.hook_state, &err) < 0) {
		if (sandbox.started(sandbox.arg, &err, NULL) == 0)
			_exit(1);
		start_failed(&err);
	}
	if (sandbox.started(sandbox.arg, NULL, &err) < 0)
		start_failed(&err);
	spawn_start(arg);
	return NULL;
}

static void start_init(struct task *init)
{
	cleanup_error struct error err = ERROR_INIT;
	pthread_attr_t attr;
	pthread_t thread;
	int r;

	pthread_attr_init(&attr);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	r = pthread_create(&thread, &attr, starter, init);
	pthread_attr_destroy(&attr);
	if (r != 0) {
		error_errno(&err, -r, "start a thread");
		fail(&err);
	}
}

_Noreturn void sandbox_main(const struct sandbox_args *args)
{
	cleanup_error struct error err = ERROR_INIT;
	struct tty *console = NULL;
	struct task *init;

	sandbox = *args;
	/* glibc's malloc would give every thread, so every guest task, an arena of its own. */
	mallopt(M_ARENA_MAX, 1);
	if (label_set_selinux(sandbox.config->process, &err) < 0)
		fail(&err);
	block_signals();
	hostcall_init();
	safecopy_init();
	host_thread_init(NULL, NULL);
	boot_kernel();
	load_seccomp_profile();
	set_personality();
	init = prepare_init(&console);
	if (label_set_apparmor(sandbox.config->process, &err) < 0 ||
	    confine_capabilities(sandbox.config, &err) < 0 || confine_syscalls(platform_caps(kernel.platform)->name, &err) < 0)
		fail(&err);
	memory_watch_start(&sandbox.memory, control_tell_killed);
	if (outside_serve(&err) < 0)
		fail(&err);
	if (control_open(&err) < 0)
		fail(&err);
	start_init(init);
	control_loop(sandbox.control_fd, console);
}
