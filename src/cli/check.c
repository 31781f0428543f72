/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * check: can this host run husk? One line a requirement, tried for real where that leaves nothing
 * behind, and for each that is not met what to do about it.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <seccomp.h>
#include <stdarg.h>
#include <string.h>
#include <sys/capability.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <unistd.h>
#include <yajl/yajl_version.h>

#include "base/cleanup.h"
#include "cli/cli.h"
#include "cli/exit_cost.h"

enum verdict {
	GOOD, /* fine */
	NOTE, /* husk runs, but something is slower or missing */
	BAD,  /* husk does not run */
};

/* What a requirement found: one line, and what to do unless it is GOOD. */
struct finding {
	enum verdict verdict;
	char what[200];
	const char *advice;
};

static void found(struct finding *f, enum verdict v, const char *advice, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

static void found(struct finding *f, enum verdict v, const char *advice, const char *fmt, ...)
{
	va_list ap;

	f->verdict = v;
	f->advice = advice;
	va_start(ap, fmt);
	vsnprintf(f->what, sizeof(f->what), fmt, ap);
	va_end(ap);
}

static void check_privileges(struct finding *f)
{
	if (geteuid() == 0)
		found(f, GOOD, NULL, "root");
	else
		found(f, NOTE,
		      "run `sudo husk check`: most of what a container needs takes privileges",
		      "user id %u, not root", geteuid());
}

/* ---- KVM: husk runs without it, on the platform ptrace ----------------------------------------- */

static void check_kvm_device(struct finding *f)
{
	cleanup_close int fd = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	int e = errno;

	if (fd >= 0)
		found(f, GOOD, NULL, "/dev/kvm opens");
	else if (e == EACCES || e == EPERM)
		found(f, NOTE, "become root, or a member of the group that owns /dev/kvm",
		      "/dev/kvm: %s", strerror(e));
	else
		found(
		    f, NOTE,
		    "load the kernel module kvm_intel or kvm_amd; where that fails, enable "
		    "virtualization in the firmware, or nested virtualization on the host of this "
		    "virtual machine",
		    "/dev/kvm: %s", strerror(e));
}

static void check_kvm_version(struct finding *f)
{
	cleanup_close int fd = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	int version = fd < 0 ? -1 : ioctl(fd, KVM_GET_API_VERSION, 0);

	if (version == KVM_API_VERSION)
		found(f, GOOD, NULL, "version %d", version);
	else
		found(f, NOTE, "use a kernel whose /dev/kvm is KVM's",
		      "expected version %d, found %d", KVM_API_VERSION, version);
}

/* What the platform cannot do without. Slots: a small container needs about 30. */
static void check_kvm_capabilities(struct finding *f)
{
	static const struct {
		const char *name;
		int number, least;
	} needed[] = {
	    {"KVM_CAP_USER_MEMORY", KVM_CAP_USER_MEMORY, 1},
	    {"KVM_CAP_SYNC_MMU", KVM_CAP_SYNC_MMU, 1},
	    {"KVM_CAP_IMMEDIATE_EXIT", KVM_CAP_IMMEDIATE_EXIT, 1},
	    {"KVM_CAP_SYNC_REGS", KVM_CAP_SYNC_REGS, KVM_SYNC_X86_REGS | KVM_SYNC_X86_SREGS},
	    {"KVM_CAP_XSAVE", KVM_CAP_XSAVE, 1},
	    {"KVM_CAP_EXT_CPUID", KVM_CAP_EXT_CPUID, 1},
	    {"KVM_CAP_NR_MEMSLOTS", KVM_CAP_NR_MEMSLOTS, 128},
	    {"KVM_CAP_MAX_VCPUS", KVM_CAP_MAX_VCPUS, 1},
	};
	cleanup_close int fd = open("/dev/kvm", O_RDWR | O_CLOEXEC);

	for (size_t i = 0; i < sizeof(needed) / sizeof(needed[0]); i++) {
		int has = fd < 0 ? 0 : ioctl(fd, KVM_CHECK_EXTENSION, needed[i].number);

		if (has < needed[i].least) {
			found(f, NOTE, "use a newer kernel on this host",
			      "%s is %d, husk needs at least %d", needed[i].name, has,
			      needed[i].least);
			return;
		}
	}
	found(f, GOOD, NULL, "all %zu that husk needs", sizeof(needed) / sizeof(needed[0]));
}

static void check_kvm_machine(struct finding *f)
{
	cleanup_close int fd = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	cleanup_close int vm = fd < 0 ? -1 : ioctl(fd, KVM_CREATE_VM, 0);
	cleanup_close int vcpu = vm < 0 ? -1 : ioctl(vm, KVM_CREATE_VCPU, 0);
	int e = errno;

	if (vcpu >= 0)
		found(f, GOOD, NULL, "a machine with a virtual CPU can be made");
	else
		found(f, NOTE,
		      "look into the kernel's log (dmesg); another hypervisor may hold the CPU's "
		      "virtualization",
		      "%s: %s", vm < 0 ? "KVM_CREATE_VM" : "KVM_CREATE_VCPU", strerror(e));
}

/* ---- what user code runs on -------------------------------------------------------------------- */

static bool kvm_works;

static bool check_platform(struct finding *f, enum platform_kind kind, enum verdict otherwise,
			   const char *advice)
{
	cleanup_error struct error err = ERROR_INIT;
	uint64_t ns;

	if (exit_cost(kind, &ns, &err) == 0) {
		found(f, GOOD, NULL, "works; a system call costs %llu.%llu us",
		      (unsigned long long)ns / 1000, (unsigned long long)ns % 1000 / 100);
		return true;
	}
	found(f, otherwise, advice, "%s", err.msg);
	return false;
}

static void check_platform_kvm(struct finding *f)
{
	kvm_works = check_platform(f, PLATFORM_KVM, NOTE,
				   "containers run on the platform ptrace, unless --platform says otherwise");
}

static void check_platform_ptrace(struct finding *f)
{
	check_platform(f, PLATFORM_PTRACE, kvm_works ? NOTE : BAD,
		       kvm_works ? "containers run on KVM"
				 : "KVM does not work, so this one has to: allow ptrace(2) (an outer "
				   "container's seccomp filter, kernel.yama.ptrace_scope)");
}

/* ---- the kernel ----------------------------------------------------------------------------- */

static void check_memfd(struct finding *f)
{
	cleanup_close int fd = memfd_create("husk-check", MFD_CLOEXEC);

	if (fd >= 0 && ftruncate(fd, 1 << 21) == 0 &&
	    fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 1 << 20) == 0)
		found(f, GOOD, NULL, "memory files work");
	else
		found(f, BAD, "use a kernel with CONFIG_MEMFD_CREATE and CONFIG_TMPFS",
		      "memfd_create: %s", strerror(errno));
}

static void check_openat2(struct finding *f)
{
	struct open_how how = {.flags = O_PATH | O_CLOEXEC, .resolve = RESOLVE_NO_MAGICLINKS};
	cleanup_close int fd = (int)syscall(SYS_openat2, AT_FDCWD, "/", &how, sizeof(how));

	if (fd >= 0)
		found(f, GOOD, NULL, "paths can be walked without magic links");
	else
		found(f, BAD,
		      "use kernel 5.6 or newer; an outer container's seccomp filter may also "
		      "forbid it",
		      "openat2: %s", strerror(errno));
}

static void check_procfs(struct finding *f)
{
	cleanup_close int fs = (int)syscall(SYS_fsopen, "proc", 1 /* FSOPEN_CLOEXEC */);
	cleanup_close int mnt = -1;

	if (fs >= 0 && syscall(SYS_fsconfig, fs, 6 /* FSCONFIG_CMD_CREATE */, NULL, NULL, 0) == 0)
		mnt = (int)syscall(SYS_fsmount, fs, 1 /* FSMOUNT_CLOEXEC */, 0);
	if (mnt >= 0)
		found(f, GOOD, NULL, "procfs can be mounted apart from the file tree");
	else
		found(f, geteuid() ? NOTE : BAD,
		      "run as root; where /proc of an outer container is masked, unmask it",
		      "a detached mount of procfs: %s", strerror(errno));
}

static void check_fuse(struct finding *f)
{
	cleanup_close int fd = open("/dev/fuse", O_RDWR | O_CLOEXEC);

	if (fd >= 0)
		found(f, GOOD, NULL, "/dev/fuse opens");
	else
		found(f, NOTE,
		      "load the kernel module fuse: without it husk finds its own files in "
		      "/proc and /dev/pts more slowly",
		      "/dev/fuse: %s", strerror(errno));
}

/* Makes namespaces in a child, which then ends. 0 or an errno. */
static int try_unshare(int flags)
{
	pid_t pid = fork();
	int status;

	if (pid < 0)
		return errno;
	if (pid == 0)
		_exit(unshare(flags) == 0 ? 0 : errno);
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return errno;
	return WIFEXITED(status) ? WEXITSTATUS(status) : EIO;
}

static void check_namespaces(struct finding *f)
{
	static const struct {
		const char *name;
		int flag;
		enum verdict verdict;
	} kinds[] = {
	    {"mount", CLONE_NEWNS, BAD},     {"pid", CLONE_NEWPID, BAD},
	    {"network", CLONE_NEWNET, BAD},  {"ipc", CLONE_NEWIPC, BAD},
	    {"uts", CLONE_NEWUTS, BAD},	     {"user", CLONE_NEWUSER, NOTE},
	    {"cgroup", CLONE_NEWCGROUP, NOTE}, {"time", 0x80 /* CLONE_NEWTIME */, NOTE},
	};

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		int e = try_unshare(kinds[i].flag);

		if (!e)
			continue;
		found(
		    f, geteuid() ? NOTE : kinds[i].verdict,
		    "run as root, on a kernel with this kind of namespace; containers that ask for "
		    "it will not start",
		    "%s namespace: %s", kinds[i].name, strerror(e));
		return;
	}
	found(f, GOOD, NULL, "mount, pid, network, ipc, uts, user, cgroup, time");
}

static void check_seccomp(struct finding *f)
{
	uint32_t action = SECCOMP_RET_KILL_PROCESS;

	if (syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action) == 0)
		found(f, GOOD, NULL, "filters are available");
	else
		found(f, BAD, "use a kernel with CONFIG_SECCOMP_FILTER, 4.14 or newer",
		      "seccomp filters: %s", strerror(errno));
}

/* ---- cgroups -------------------------------------------------------------------------------- */

static bool is_cgroup2(const char *path)
{
	struct statfs fs;

	return statfs(path, &fs) == 0 && fs.f_type == CGROUP2_SUPER_MAGIC;
}

static bool is_cgroup1(const char *controller)
{
	char path[64];
	struct statfs fs;

	snprintf(path, sizeof(path), "/sys/fs/cgroup/%s", controller);
	return statfs(path, &fs) == 0 && fs.f_type == CGROUP_SUPER_MAGIC;
}

/* Whether v2's list of controllers at the root has the word. */
static bool has_controller(const char *name)
{
	cleanup_fclose FILE *in = fopen("/sys/fs/cgroup/cgroup.controllers", "re");
	char word[32];

	while (in && fscanf(in, "%31s", word) == 1)
		if (strcmp(word, name) == 0)
			return true;
	return false;
}

static void check_cgroups(struct finding *f)
{
	static const char *const controllers[] = {"memory", "cpu", "pids", "cpuset"};
	const bool v2 = is_cgroup2("/sys/fs/cgroup");
	const char *mode = v2 ? "v2" : is_cgroup2("/sys/fs/cgroup/unified") ? "hybrid" : "v1";
	char missing[64] = "";

	for (size_t i = 0; i < sizeof(controllers) / sizeof(controllers[0]); i++)
		if (!(v2 ? has_controller(controllers[i]) : is_cgroup1(controllers[i])))
			snprintf(missing + strlen(missing), sizeof(missing) - strlen(missing),
				 " %s", controllers[i]);
	if (!missing[0])
		found(f, GOOD, NULL, "%s, with memory, cpu, pids and cpuset", mode);
	else if (!v2 && !is_cgroup1("devices") && !is_cgroup1("memory"))
		found(f, BAD,
		      "mount cgroup2 at /sys/fs/cgroup: mount -t cgroup2 none /sys/fs/cgroup",
		      "no cgroups at /sys/fs/cgroup");
	else
		found(f, NOTE, "limits of these kinds cannot be set; enable the controllers (the "
			       "kernel's parameter cgroup_enable=)",
		      "%s, without%s", mode, missing);
}

static void check_libraries(struct finding *f)
{
	const struct scmp_version *v = seccomp_version();

	if (!v || v->major < 2 || (v->major == 2 && v->minor < 5))
		found(f, BAD, "install libseccomp 2.5 or newer", "libseccomp is too old");
	else
		found(f, GOOD, NULL,
		      "yajl %d.%d.%d, libseccomp %u.%u.%u, libcap (CAP_%s is the last)", YAJL_MAJOR,
		      YAJL_MINOR, YAJL_MICRO, v->major, v->minor, v->micro,
		      cap_max_bits() > 40 ? "CHECKPOINT_RESTORE" : "AUDIT_READ or older");
}

static const struct {
	const char *name;
	void (*check)(struct finding *f);
} requirements[] = {
    {"privileges", check_privileges},
    {"kvm device", check_kvm_device},
    {"kvm version", check_kvm_version},
    {"kvm capabilities", check_kvm_capabilities},
    {"kvm machine", check_kvm_machine},
    {"platform kvm", check_platform_kvm},
    {"platform ptrace", check_platform_ptrace},
    {"memfd", check_memfd},
    {"openat2", check_openat2},
    {"procfs", check_procfs},
    {"fuse", check_fuse},
    {"namespaces", check_namespaces},
    {"seccomp", check_seccomp},
    {"cgroups", check_cgroups},
    {"libraries", check_libraries},
};

static int run(const struct cli *cli, int argc, char **argv, struct error *err)
{
	static const char *const marks[] = {"ok", "note", "FAIL"};
	int bad = 0;

	for (size_t i = 0; i < sizeof(requirements) / sizeof(requirements[0]); i++) {
		struct finding f = {0};

		requirements[i].check(&f);
		printf("%-4s  %-16s  %s\n", marks[f.verdict], requirements[i].name, f.what);
		if (f.advice)
			printf("      %-16s  -> %s\n", "", f.advice);
		bad += f.verdict == BAD;
	}
	if (!bad)
		puts("This host can run husk.");
	else
		puts("This host cannot run husk.");
	return bad ? 1 : 0;
}

const struct cli_command cli_check = {
    .name = "check",
    .summary = "tell whether this host can run husk",
    .usage = "",
    .text = "One line a requirement: \"ok\", \"note\" where husk runs but something is missing, or "
	    "\"FAIL\";\nand what to do about it. The exit status is 1 if a requirement fails.",
    .options = (const struct cli_option[]){{0}},
    .min_args = 0,
    .max_args = 0,
    .run = run,
};
