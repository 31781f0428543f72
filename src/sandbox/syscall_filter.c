/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The host system calls that the sandbox may make once the guest runs: those that husk's own code
 * makes, and nothing else. Whoever breaks out of the guest into this process finds no execve, no
 * mount, no new namespaces, no executable memory, and ptrace only on the platform of that name.
 *
 * Anything else answers EPERM, so that a forgotten call shows up as an error in a test and not as a
 * dead container; clone3 answers ENOSYS, because then glibc uses clone, whose flags can be seen.
 */
#include <errno.h>
#include <linux/futex.h>
#include <linux/kvm.h>
#include <sched.h>
#include <seccomp.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>

#include "base/log.h"
#include "sandbox/private.h"

/* What pthread_create() of glibc and musl asks for, but for the flags that say where to write tids. */
#define THREAD_FLAGS                                                                               \
	(CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM)
#define THREAD_FLAGS_MAY                                                                           \
	(CLONE_SETTLS | CLONE_PARENT_SETTID | CLONE_CHILD_CLEARTID | CLONE_CHILD_SETTID |          \
	 CLONE_DETACHED)

static const char *const plain[] = {
    /* file data */
    "read", "write", "pread64", "pwrite64", "readv", "writev", "preadv", "pwritev", "preadv2",
    "pwritev2", "lseek", "sendfile", "copy_file_range", "splice", "tee", "fsync", "fdatasync", "sync",
    "syncfs", "sync_file_range", "ftruncate", "fallocate", "fadvise64", "readahead", "flock",
    /* descriptors */
    "close", "close_range", "dup", "dup2", "dup3", "fcntl", "pipe2", "memfd_create", "fstat",
    "newfstatat", "statx", "fstatfs", "getdents64", "kcmp",
    /* names: with the guest's credentials, below the container's root */
    "open", "openat", "openat2", "access", "faccessat", "faccessat2", "readlink", "readlinkat", "stat",
    "lstat", "mkdir", "mkdirat", "rmdir", "unlink", "unlinkat", "rename", "renameat", "renameat2", "link",
    "linkat", "symlink", "symlinkat", "mknod", "mknodat", "chmod", "fchmod", "fchmodat", "fchmodat2",
    "chown", "lchown", "fchown", "fchownat", "utime", "utimes", "futimesat", "utimensat", "truncate",
    "statfs", "chdir", "fchdir", "getcwd", "chroot", "umask", "setxattr", "lsetxattr", "fsetxattr",
    "getxattr", "lgetxattr", "fgetxattr", "listxattr", "llistxattr", "flistxattr", "removexattr",
    "lremovexattr", "fremovexattr",
    /* readiness */
    "poll", "ppoll", "epoll_create1", "epoll_ctl", "epoll_wait", "epoll_pwait", "epoll_pwait2",
    "eventfd2", "timerfd_create", "timerfd_settime", "timerfd_gettime", "signalfd4", "inotify_init1",
    "inotify_add_watch", "inotify_rm_watch", "select", "pselect6",
    /* sockets; socket itself is below */
    "bind", "connect", "listen", "accept", "accept4", "getsockname", "getpeername", "setsockopt",
    "getsockopt", "sendto", "recvfrom", "sendmsg", "recvmsg", "sendmmsg", "recvmmsg", "shutdown",
    /* memory of husk's own; mmap and mprotect are below */
    "munmap", "mremap", "madvise", "brk", "msync", "mincore", "mlock", "munlock", "mlock2",
    /* threads, time, and sleeping */
    "futex", "exit", "exit_group", "gettid", "getpid", "set_robust_list", "rseq", "sched_yield",
    "sched_getaffinity", "sched_setaffinity", "sched_getparam", "sched_getscheduler",
    "sched_get_priority_max", "sched_get_priority_min", "sched_rr_get_interval", "getcpu",
    "clock_gettime", "clock_getres", "clock_nanosleep", "nanosleep", "gettimeofday", "time", "times",
    "clock_adjtime", "adjtimex", "getrusage", "sysinfo", "uname", "getrandom", "restart_syscall",
    "membarrier", "set_tid_address", "getpriority", "setpriority", "ioprio_get", "ioprio_set",
    /* signals of husk's own */
    "rt_sigaction", "rt_sigprocmask", "rt_sigreturn", "sigaltstack", "tgkill", "rt_sigtimedwait",
    /* mirrored credentials */
    "getuid", "geteuid", "getgid", "getegid", "getresuid", "getresgid", "getgroups", "setresuid",
    "setresgid", "setgroups", "setfsuid", "setfsgid", "capget", "capset", "getrlimit", "prlimit64",
    "setrlimit", "sethostname", "setdomainname",
};

/* The KVM requests of a machine that runs. /dev/kvm itself is closed by then. */
static const unsigned long kvm_requests[] = {
    KVM_RUN, KVM_CREATE_VCPU, KVM_SET_USER_MEMORY_REGION, KVM_SET_CPUID2, KVM_GET_REGS, KVM_SET_REGS,
    KVM_GET_SREGS, KVM_SET_SREGS, KVM_GET_MSRS, KVM_SET_MSRS, KVM_SET_DEVICE_ATTR,
    KVM_GET_XSAVE, KVM_SET_XSAVE, KVM_GET_XSAVE2, KVM_GET_XCRS, KVM_SET_XCRS, KVM_GET_FPU, KVM_SET_FPU, KVM_GET_VCPU_EVENTS,
    KVM_SET_VCPU_EVENTS, KVM_SET_SIGNAL_MASK, KVM_CHECK_EXTENSION,
};

/*
 * What the platform ptrace does with its stubs. Whoever breaks into the sandbox could trace other
 * processes of the same user in the container's pid namespace, if there are any; the host gives no
 * more than that without CAP_SYS_PTRACE, which the sandbox has only if the container has it.
 */
static const long trace_requests[] = {
    PTRACE_SEIZE, PTRACE_INTERRUPT, PTRACE_DETACH, PTRACE_SYSEMU, PTRACE_CONT,
    PTRACE_SINGLESTEP, PTRACE_GETREGS, PTRACE_SETREGS, PTRACE_GETREGSET, PTRACE_SETREGSET,
    PTRACE_PEEKUSER, PTRACE_POKEUSER, PTRACE_GETSIGINFO,
};

static const int socket_families[] = {AF_UNIX, AF_INET, AF_INET6, AF_NETLINK, AF_PACKET};

struct builder {
	scmp_filter_ctx ctx;
	int error; /* the first failure; later additions do nothing */
};

static void allow_if(struct builder *b, const char *name, unsigned n, const struct scmp_arg_cmp *args)
{
	int nr = seccomp_syscall_resolve_name(name);

	/* A name that this libseccomp does not know is a call that the fallback code does without. */
	if (b->error == 0 && nr >= 0)
		b->error = seccomp_rule_add_array(b->ctx, SCMP_ACT_ALLOW, nr, n, args);
}

static void allow_memory(struct builder *b)
{
	struct scmp_arg_cmp no_exec = SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0);

	allow_if(b, "mmap", 1, &no_exec);
	allow_if(b, "mprotect", 1, &no_exec);
}

static void allow_threads(struct builder *b)
{
	struct scmp_arg_cmp flags =
	    SCMP_A0(SCMP_CMP_MASKED_EQ, ~(scmp_datum_t)THREAD_FLAGS_MAY, THREAD_FLAGS);
	struct scmp_arg_cmp own_fs = SCMP_A0(SCMP_CMP_EQ, CLONE_FS);

	allow_if(b, "clone", 1, &flags);
	allow_if(b, "unshare", 1, &own_fs);
	if (b->error == 0)
		b->error = seccomp_rule_add(b->ctx, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);
}

static void allow_kvm(struct builder *b)
{
	for (unsigned i = 0; i < sizeof(kvm_requests) / sizeof(*kvm_requests); i++) {
		struct scmp_arg_cmp is = SCMP_A1(SCMP_CMP_MASKED_EQ, 0xffffffff, kvm_requests[i]);

		allow_if(b, "ioctl", 1, &is);
	}
}

static void allow_tracing(struct builder *b)
{
	for (unsigned i = 0; i < sizeof(trace_requests) / sizeof(*trace_requests); i++) {
		struct scmp_arg_cmp is = SCMP_A0(SCMP_CMP_EQ, trace_requests[i]);

		allow_if(b, "ptrace", 1, &is);
	}
	allow_if(b, "wait4", 0, NULL);
}

/*
 * ioctl requests are 32 bits. KVM's are listed. Of the rest, vfs and net pass on known requests
 * only, so here it is enough that they are the terminal, socket and file ones: by their type byte.
 */
static void allow_ioctls(struct builder *b)
{
	static const unsigned char types[] = {'T', 'f', 'X', 0x12 /* block */, 'R', 0x89 /* SIOC */,
					      0x8b /* wireless */, 0x94 /* FICLONE */};

	for (unsigned i = 0; i < sizeof(types); i++) {
		struct scmp_arg_cmp is = SCMP_A1(SCMP_CMP_MASKED_EQ, 0xff00, types[i] << 8);

		allow_if(b, "ioctl", 1, &is);
	}
}

static void allow_sockets(struct builder *b)
{
	for (unsigned i = 0; i < sizeof(socket_families) / sizeof(*socket_families); i++) {
		struct scmp_arg_cmp family = SCMP_A0(SCMP_CMP_EQ, socket_families[i]);

		allow_if(b, "socket", 1, &family);
	}
	{
		struct scmp_arg_cmp local = SCMP_A0(SCMP_CMP_EQ, AF_UNIX);

		allow_if(b, "socketpair", 1, &local);
	}
}

static void allow_prctl(struct builder *b)
{
	static const int options[] = {PR_SET_NAME, PR_GET_NAME, PR_SET_TIMERSLACK, PR_CAPBSET_READ,
				      PR_SET_SECUREBITS, PR_GET_SECUREBITS, PR_SET_KEEPCAPS,
				      PR_CAP_AMBIENT, PR_SET_DUMPABLE, PR_GET_DUMPABLE};

	for (unsigned i = 0; i < sizeof(options) / sizeof(*options); i++) {
		struct scmp_arg_cmp is = SCMP_A0(SCMP_CMP_EQ, options[i]);

		allow_if(b, "prctl", 1, &is);
	}
}

int confine_syscalls(const char *platform, struct error *err)
{
	struct builder b = {.ctx = seccomp_init(SCMP_ACT_ERRNO(EPERM))};

	if (!b.ctx)
		return error_errno(err, -ENOMEM, "seccomp");
	/* One filter for all threads that are there already, and a tree instead of a list. */
	b.error = seccomp_attr_set(b.ctx, SCMP_FLTATR_CTL_TSYNC, 1);
	if (b.error == 0)
		b.error = seccomp_attr_set(b.ctx, SCMP_FLTATR_CTL_OPTIMIZE, 2);
	for (unsigned i = 0; i < sizeof(plain) / sizeof(*plain); i++)
		allow_if(&b, plain[i], 0, NULL);
	allow_memory(&b);
	allow_threads(&b);
	allow_ioctls(&b);
	if (strcmp(platform, "ptrace") == 0)
		allow_tracing(&b);
	else
		allow_kvm(&b);
	allow_sockets(&b);
	allow_prctl(&b);
	if (b.error == 0)
		b.error = seccomp_load(b.ctx);
	seccomp_release(b.ctx);
	if (b.error < 0)
		return error_errno(err, b.error, "load the sandbox' system call filter");
	return 0;
}
