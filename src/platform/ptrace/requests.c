/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ptrace(2) and wait4(2), and what is made of them: seizing, cloning, calling, killing. */
#include "platform/ptrace/ptrace.h"

#include <errno.h>
#include <linux/capability.h>
#include <signal.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/hostcall.h"

long trace(long request, pid_t tid, const void *addr, const void *data)
{
	return host_call(SYS_ptrace, request, (long)tid, (long)addr, (long)data);
}

int trace_wait(pid_t tid, int *status)
{
	long r;

	do
		r = host_call(SYS_wait4, (long)tid, (long)status, (long)__WALL, 0L);
	while (r == -EINTR);
	return r < 0 ? (int)r : 0;
}

bool stopped_by_us(int status)
{
	return WIFSTOPPED(status) && status >> 16 == PTRACE_EVENT_STOP;
}

bool has_ended(int status)
{
	return WIFEXITED(status) || WIFSIGNALED(status);
}

/* ---- the ids of the stubs -------------------------------------------------------------------- */

struct own_ids {
	bool changed;
	uid_t uid;
	gid_t gid;
	struct __user_cap_data_struct caps[2];
};

static void set_capabilities(const struct __user_cap_data_struct *caps)
{
	struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};

	host_call(SYS_capset, (long)&head, (long)caps);
}

/*
 * The host lets a thread trace and kill those with its own real ids. These calls are of this thread
 * alone (glibc's are of all), and neither files nor sockets look at real ids.
 */
static void become_owner(struct traced *p, struct own_ids *ids)
{
	struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct raised[2];

	ids->uid = host_call(SYS_getuid);
	ids->gid = host_call(SYS_getgid);
	ids->changed = ids->uid != p->uid || ids->gid != p->gid;
	if (!ids->changed)
		return;
	host_call(SYS_capget, (long)&head, (long)ids->caps);
	memcpy(raised, ids->caps, sizeof(raised));
	raised[0].effective |= raised[0].permitted & (1U << CAP_SETUID | 1U << CAP_SETGID);
	set_capabilities(raised);
	host_call(SYS_setresgid, (long)p->gid, -1L, -1L);
	host_call(SYS_setresuid, (long)p->uid, -1L, -1L);
}

static void become_self(const struct own_ids *ids)
{
	if (!ids->changed)
		return;
	host_call(SYS_setresuid, (long)ids->uid, -1L, -1L);
	host_call(SYS_setresgid, (long)ids->gid, -1L, -1L);
	set_capabilities(ids->caps);
}

/* ---- taking and letting go ------------------------------------------------------------------- */

int trace_seize(struct traced *p, pid_t tid, unsigned long options)
{
	struct own_ids ids;
	int status;
	long r;

	become_owner(p, &ids);
	r = trace(PTRACE_SEIZE, tid, NULL, (void *)options);
	become_self(&ids);
	if (r < 0) /* that we may has been seen: so there is nobody */
		return r == -EPERM ? -ESRCH : r;
	r = trace(PTRACE_INTERRUPT, tid, NULL, NULL);
	if (r == 0)
		r = trace_wait(tid, &status);
	return r < 0 ? r : has_ended(status) ? -ESRCH : 0;
}

static void stub_registers(struct user_regs_struct *u, uint64_t rip)
{
	*u = (struct user_regs_struct){
	    .rip = rip, .eflags = 0x202, .cs = USER_CODE, .ss = USER_DATA, .orig_rax = -1UL};
}

int trace_release(pid_t tid, uint64_t rip)
{
	struct user_regs_struct u;
	long r;

	stub_registers(&u, rip);
	r = trace(PTRACE_SETREGS, tid, NULL, &u);
	return r < 0 ? r : trace(PTRACE_DETACH, tid, NULL, NULL);
}

/* Executes what u says at the call; rax afterwards. */
static long call(pid_t tid, const struct user_regs_struct *u)
{
	long r, result = 0;
	int status;

	r = trace(PTRACE_SETREGS, tid, NULL, u);
	do {
		/* A stop that is not INT3's is of no meaning here (SIGSTOP from outside, say). */
		if (r == 0)
			r = trace(PTRACE_CONT, tid, NULL, NULL);
		if (r == 0)
			r = trace_wait(tid, &status);
		if (r < 0)
			return r;
		if (has_ended(status))
			return -ESRCH;
		if (WSTOPSIG(status) == SIGSYS)
			return -EPERM; /* the stubs' filter */
	} while (status >> 16 || WSTOPSIG(status) != SIGTRAP);
	r = trace(PTRACE_PEEKUSER, tid, (void *)offsetof(struct user_regs_struct, rax), &result);
	return r < 0 ? r : result;
}

pid_t trace_clone(struct traced *p, pid_t tid, unsigned long flags)
{
	struct user_regs_struct u;
	long r;

	atomic_fetch_add_explicit(&p->calls, 1, memory_order_relaxed);
	stub_registers(&u, STUB_BASE + STUB_CALL);
	u.rax = SYS_clone;
	u.rdi = flags;
	u.rbp = 1;
	r = call(tid, &u);
	trace_release(tid, STUB_BASE + STUB_PARK);
	return r;
}

long trace_call(struct traced *p, pid_t tid, long nr, long a, long b, long c, long d, long e,
		long f)
{
	struct user_regs_struct u;

	atomic_fetch_add_explicit(&p->calls, 1, memory_order_relaxed);
	stub_registers(&u, STUB_BASE + STUB_CALL);
	u.rax = nr;
	u.rdi = a, u.rsi = b, u.rdx = c;
	u.r10 = d, u.r8 = e, u.r9 = f;
	return call(tid, &u);
}

void trace_kill(struct traced *p, pid_t process, pid_t tid)
{
	struct own_ids ids;

	become_owner(p, &ids);
	host_call(SYS_tgkill, (long)process, (long)tid, (long)SIGKILL);
	become_self(&ids);
}
