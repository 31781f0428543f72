/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The zygote: what all stubs are forked from. It comes into being before the sandbox confines
 * itself, because the sandbox' own filter forbids executable mappings, and once, because forking
 * this process, with all its mappings, is dear, and forking one with a single page is not.
 *
 * Its parent, and that of all stubs, is a thread that does nothing else and lives as long as the
 * platform: the host sends PR_SET_PDEATHSIG's signal when the parent's thread ends.
 */
#include "platform/ptrace/ptrace.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/rseq.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/hostcall.h"

extern const char stub_page_start[], stub_page_end[]; /* stub_amd64.S */

/* As rt_sigaction(2) itself has it. */
struct kernel_sigaction {
	uint64_t handler, flags, restorer, mask;
};

#define SA_RESTORER_FLAG 0x04000000UL
#define SYNCHRONOUS                                                                                \
	(1UL << (SIGSEGV - 1) | 1UL << (SIGBUS - 1) | 1UL << (SIGFPE - 1) | 1UL << (SIGILL - 1) |  \
	 1UL << (SIGTRAP - 1))

/* ---- the stub page --------------------------------------------------------------------------- */

#define LOAD(field)                                                                                \
	BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))
#define LOAD_HIGH(field)                                                                           \
	BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field) + 4)
#define ANSWER(value) BPF_STMT(BPF_RET | BPF_K, value)
/* Goes on if equal, else the next instruction, an answer, is taken. */
#define DEMAND(value) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)(value), 1, 0)
#define ALLOW(nr)                                                                                  \
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, nr, 0, 1), ANSWER(SECCOMP_RET_ALLOW)

/*
 * SECCOMP_RET_TRAP kills as well, for SIGSYS is blocked; but a traced worker that calls into the
 * host's vsyscall page, where the filter is asked, is stopped instead (faults.c).
 */
static void write_filter(uint8_t *page)
{
	static const struct sock_filter program[] = {
	    LOAD_HIGH(instruction_pointer),
	    DEMAND(STUB_BASE >> 32),
	    ANSWER(SECCOMP_RET_TRAP),
	    LOAD(instruction_pointer),
	    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)(STUB_BASE + STUB_CALL + 2), 2, 0),
	    DEMAND(STUB_BASE + STUB_PARK + 7),
	    ANSWER(SECCOMP_RET_TRAP),
	    LOAD(arch),
	    DEMAND(AUDIT_ARCH_X86_64),
	    ANSWER(SECCOMP_RET_KILL_PROCESS),
	    LOAD(nr),
	    ALLOW(SYS_pause),
	    ALLOW(SYS_mmap),
	    ALLOW(SYS_munmap),
	    ALLOW(SYS_mprotect),
	    ALLOW(SYS_clone),
	    ALLOW(SYS_sigaltstack),
	    DEMAND(SYS_prctl),
	    ANSWER(SECCOMP_RET_KILL_PROCESS),
	    LOAD(args[0]),
	    DEMAND(PR_SET_PDEATHSIG),
	    ANSWER(SECCOMP_RET_KILL_PROCESS),
	    ANSWER(SECCOMP_RET_ALLOW),
	};
	struct {
		uint64_t len, address;
	} head = {sizeof(program) / sizeof(*program), STUB_BASE + STUB_FILTER + sizeof(head)};

	memcpy(page + STUB_FILTER, &head, sizeof(head));
	memcpy(page + STUB_FILTER + sizeof(head), program, sizeof(program));
}

static int make_page(struct traced *p)
{
	uint8_t *page;
	int r = memory_alloc(p->base.memory, 1, MEMORY_SYSTEM, &p->page);

	if (r < 0)
		return r;
	assert(stub_page_end - stub_page_start <= STUB_FILTER);
	page = memory_ptr(p->base.memory, p->page);
	memcpy(page, stub_page_start, stub_page_end - stub_page_start);
	write_filter(page);
	return 0;
}

/* ---- in the zygote: a copy of this process with one thread, where nothing of libc is used ---- */

static void set_handlers(void)
{
	for (int sig = 1; sig <= 64; sig++) {
		struct kernel_sigaction sa = {0};

		if (SYNCHRONOUS >> (sig - 1) & 1)
			sa = (struct kernel_sigaction){
			    .handler = STUB_BASE + STUB_HANDLER,
			    .flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER | SA_RESTORER_FLAG,
			    .restorer = STUB_BASE + STUB_HANDLER};
		host_call(SYS_rt_sigaction, (long)sig, (long)&sa, 0L, 8L);
	}
}

/* libc may have told the host to write to memory that is about to be gone. */
static void forget_rseq(void)
{
	char *area = (char *)__builtin_thread_pointer() + __rseq_offset;

	if (!__rseq_size)
		return;
	if (host_call(SYS_rseq, (long)area, 32L, 1L /* unregister */, (long)RSEQ_SIG) < 0)
		host_call(SYS_rseq, (long)area, (long)__rseq_size, 1L, (long)RSEQ_SIG);
}

static void give_up_rights(void)
{
	struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct none[2] = {{0}, {0}};
	struct rlimit no_core = {0, 0};

	host_call(SYS_capset, (long)&head, (long)none);
	host_call(SYS_prctl, (long)PR_SET_NO_NEW_PRIVS, 1L, 0L, 0L, 0L);
	host_call(SYS_prlimit64, 0L, (long)RLIMIT_CORE, (long)&no_core, 0L);
	/* So that this process may trace it without more rights than that of having the same ids. */
	host_call(SYS_prctl, (long)PR_SET_DUMPABLE, 1L);
	host_call(SYS_prctl, (long)PR_SET_NAME, (long)"husk-stub");
}

__attribute__((noreturn, no_sanitize("address", "undefined"))) static void
zygote_main(struct traced *p, int memory, pid_t parent, uint8_t *page)
{
	uint64_t all = ~SYNCHRONOUS;
	char go;

	host_call(SYS_rt_sigprocmask, (long)SIG_SETMASK, (long)&all, 0L, 8L);
	host_call(SYS_prctl, (long)PR_SET_PDEATHSIG, (long)SIGKILL);
	if (host_call(SYS_getppid) != parent)
		host_call(SYS_exit_group, 6L);
	set_handlers();
	forget_rseq();
	give_up_rights();
	/* Until the platform traces us. */
	if (host_call(SYS_read, (long)p->boot_pipe[0], (long)&go, 1L) != 1)
		host_call(SYS_exit_group, 7L);

	register uint64_t r12 __asm__("r12") = (uint64_t)page;
	register uint64_t r13 __asm__("r13") = STUB_BASE;
	register uint64_t r14 __asm__("r14") = memory;
	register uint64_t r15 __asm__("r15") = (uint64_t)p->page << PAGE_SHIFT;

	__asm__ volatile("mov %[end], %%rbp\n\t"
			 "jmp *%[boot]"
			 :
			 : "r"(r12), "r"(r13), "r"(r14), "r"(r15), "b"(STUB_BASE + STUB_FILTER),
			   [end] "a"(HOST_USER_END), [boot] "c"(page + STUB_BOOT)
			 : "memory");
	__builtin_unreachable();
}

/* ---- on this side ---------------------------------------------------------------------------- */

static void *keeper_main(void *arg)
{
	struct traced *p = arg;
	int memory = memory_fd(p->base.memory);
	pid_t parent = getpid();
	/* Inherited by the zygote alone: here it goes again. */
	uint8_t *page = mmap(NULL, PAGE_SIZE, PROT_READ | PROT_EXEC, MAP_SHARED, memory,
			     (off_t)p->page << PAGE_SHIFT);
	long pid = -ENOMEM;

	if (page != MAP_FAILED) {
		pid = host_call(SYS_clone, (long)CLONE_FILES, 0L, 0L, 0L, 0L);
		if (pid == 0)
			zygote_main(p, memory, parent, page);
		munmap(page, PAGE_SIZE);
	}
	p->zygote = pid;
	sem_post(&p->keeper_ready);
	while (sem_wait(&p->keeper_end) < 0)
		;
	return NULL;
}

static const char *boot_step(int code)
{
	static const char *const steps[] = {
	    "?", "unmap what is below", "unmap what is above", "map the stub page",
	    "unmap its copy", "load the filter", "find its parent", "wait for its tracer"};

	return code > 0 && code < (int)(sizeof(steps) / sizeof(*steps)) ? steps[code] : steps[0];
}

/* Traces the zygote from its first own step until it is ready, and leaves it parked. */
static int boot(struct traced *p, struct error *err)
{
	int status;
	long r = trace(PTRACE_SEIZE, p->zygote, NULL,
		       (void *)(PTRACE_O_EXITKILL | PTRACE_O_TRACESYSGOOD));

	if (r < 0)
		return error_errno(err, r, "ptrace: PTRACE_SEIZE");
	if (write(p->boot_pipe[1], "", 1) != 1)
		return error_errno(err, -errno, "ptrace: the zygote's pipe");
	r = trace_wait(p->zygote, &status);
	if (r < 0)
		return error_errno(err, r, "ptrace: wait4");
	if (WIFEXITED(status))
		return error_set(err, -EIO, "ptrace: the zygote could not %s",
				 boot_step(WEXITSTATUS(status)));
	if (!WIFSTOPPED(status) || WSTOPSIG(status) != SIGTRAP)
		return error_set(err, -EIO, "ptrace: the zygote did not start (status 0x%x)",
				 status);
	r = fpu_probe_host(p, p->zygote, err);
	if (r < 0)
		return r;
	r = trace_release(p->zygote, STUB_BASE + STUB_PARK);
	return r < 0 ? error_errno(err, r, "ptrace: PTRACE_DETACH") : 0;
}

int zygote_start(struct traced *p, struct error *err)
{
	pthread_attr_t attr;
	int r = make_page(p);

	if (r < 0)
		return error_errno(err, r, "ptrace: the stub page");
	p->uid = getuid();
	p->gid = getgid();
	if (pipe2(p->boot_pipe, O_CLOEXEC) < 0)
		return error_errno(err, -errno, "ptrace: pipe");
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, 256 << 10);
	r = -pthread_create(&p->keeper, &attr, keeper_main, p);
	pthread_attr_destroy(&attr);
	if (r == 0) {
		p->has_keeper = true;
		while (sem_wait(&p->keeper_ready) < 0)
			;
		r = p->zygote < 0 ? p->zygote : 0;
	}
	r = r < 0 ? error_errno(err, r, "ptrace: start the zygote") : boot(p, err);
	close(p->boot_pipe[0]);
	close(p->boot_pipe[1]);
	return r;
}

void zygote_end(struct traced *p)
{
	int status;

	if (p->zygote > 0) {
		trace_kill(p, p->zygote, p->zygote);
		while (trace_wait(p->zygote, &status) == 0 && !has_ended(status))
			;
	}
	if (p->has_keeper) {
		sem_post(&p->keeper_end);
		pthread_join(p->keeper, NULL);
	}
}
