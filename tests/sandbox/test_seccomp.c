/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The guest's seccomp filters: what the checker refuses, what the interpreter answers, and that a
 * profile compiled by libseccomp means the same here as in its words.
 */
#include <errno.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>

#include "kernel/seccomp.h"
#include "kernel/task.h"
#include "sandbox/private.h"
#include "tests/base/check.h"

/* What seccomp.c asks of the rest of the kernel. */
__thread struct task *current;
static int sent;
void signal_force(const siginfo_t *info)
{
	sent = info->si_signo;
}
int signal_send_task(struct task *t, const siginfo_t *info)
{
	sent = info->si_signo;
	return 0;
}
void task_exit(int code)
{
	sent = code;
}
void group_exit(struct thread_group *g, int status)
{
	sent = status;
}
const char *syscall_name(long nr);
const char *syscall_name(long nr)
{
	return "?";
}

static struct thread_group group = {.ntasks = 1};
static struct task task = {.group = &group};

static int try_new(const struct sock_filter *insns, size_t n)
{
	struct seccomp_filter *f = NULL;
	int r = seccomp_new(NULL, insns, n, &f);

	if (r == 0)
		seccomp_put(f);
	return r;
}
#define TRY(...)                                                                                   \
	({                                                                                         \
		const struct sock_filter p_[] = {__VA_ARGS__};                                     \
		try_new(p_, sizeof(p_) / sizeof(*p_));                                             \
	})
#define RET_ALLOW BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)

static void test_checker(void)
{
	CHECK(TRY(RET_ALLOW) == 0);
	CHECK(try_new(NULL, 0) == -EINVAL);
	/* does not end, or ends beyond its end */
	CHECK(TRY(BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 0)) == -EINVAL);
	CHECK(TRY(BPF_STMT(BPF_JMP | BPF_JA, 1), RET_ALLOW) == -EINVAL);
	CHECK(TRY(BPF_STMT(BPF_JMP | BPF_JA, 0xffffffff), RET_ALLOW) == -EINVAL);
	CHECK(TRY(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 1, 0), RET_ALLOW) == -EINVAL);
	CHECK(TRY(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 255), RET_ALLOW) == -EINVAL);
	/* loads outside the data, unaligned, of bytes, of memory that is not there */
	CHECK(TRY(BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 64), RET_ALLOW) == -EINVAL);
	CHECK(TRY(BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 2), RET_ALLOW) == -EINVAL);
	CHECK(TRY(BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 0), RET_ALLOW) == -EINVAL);
	CHECK(TRY(BPF_STMT(BPF_LD | BPF_W | BPF_IND, 0), RET_ALLOW) == -EINVAL);
	CHECK(TRY(BPF_STMT(BPF_ST, 16), RET_ALLOW) == -EINVAL);
	CHECK(TRY(BPF_STMT(BPF_LDX | BPF_MEM, 16), RET_ALLOW) == -EINVAL);
	/* arithmetic that has no answer */
	CHECK(TRY(BPF_STMT(BPF_ALU | BPF_DIV | BPF_K, 0), RET_ALLOW) == -EINVAL);
	CHECK(TRY(BPF_STMT(BPF_ALU | BPF_LSH | BPF_K, 32), RET_ALLOW) == -EINVAL);
	CHECK(TRY(BPF_STMT(0xffff, 0), RET_ALLOW) == -EINVAL);
}

/* Installs a program, asks it about nr(arg0), takes it away. */
static bool ask(struct seccomp_filter *f, long nr, uint64_t arg0, long *result)
{
	const uint64_t args[6] = {arg0};
	bool go;

	task.seccomp = f;
	current = &task;
	sent = 0;
	*result = 0;
	go = seccomp_allows(nr, args, result);
	current = NULL;
	return go;
}

static void test_arithmetic(void)
{
	/* (arg0 * 3 + 1) ^ 5, kept in memory, as the errno */
	const struct sock_filter p[] = {
	    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args)),
	    BPF_STMT(BPF_MISC | BPF_TAX, 0),
	    BPF_STMT(BPF_ALU | BPF_MUL | BPF_K, 3),
	    BPF_STMT(BPF_ALU | BPF_ADD | BPF_K, 1),
	    BPF_STMT(BPF_ALU | BPF_XOR | BPF_K, 5),
	    BPF_STMT(BPF_ST, 3),
	    BPF_STMT(BPF_LD | BPF_IMM, 0),
	    BPF_STMT(BPF_LD | BPF_MEM, 3),
	    BPF_STMT(BPF_ALU | BPF_OR | BPF_K, SECCOMP_RET_ERRNO),
	    BPF_STMT(BPF_RET | BPF_A, 0),
	};
	struct seccomp_filter *f;
	long result;

	CHECK(seccomp_new(NULL, p, 10, &f) == 0);
	CHECK(!ask(f, SYS_getpid, 7, &result) && result == -((7 * 3 + 1) ^ 5));
	seccomp_put(f);
}

/* The strictest wins, whichever came first. */
static void test_chain(void)
{
	const struct sock_filter allow[] = {RET_ALLOW};
	const struct sock_filter refuse[] = {BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | 13)};
	const struct sock_filter kill[] = {BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS)};
	struct seccomp_filter *a, *b, *c;
	long result;

	CHECK(seccomp_new(NULL, refuse, 1, &a) == 0 && seccomp_new(a, allow, 1, &b) == 0);
	CHECK(!ask(b, SYS_read, 0, &result) && result == -13);
	CHECK(seccomp_new(b, kill, 1, &c) == 0);
	CHECK(!ask(c, SYS_read, 0, &result) && sent == SIGSYS);
	seccomp_put(a);
	seccomp_put(b);
	CHECK(!ask(c, SYS_write, 0, &result) && sent == SIGSYS);
	seccomp_put(c);
}

static void test_profile(void)
{
	char *mkdir_names[] = {"mkdir", "no_such_call", NULL};
	char *personality_names[] = {"personality", NULL};
	struct oci_seccomp_arg args[] = {{.index = 0, .value = 8, .op = "SCMP_CMP_EQ"}};
	struct oci_syscall calls[] = {
	    {.names = mkdir_names, .n_names = 2, .action = "SCMP_ACT_ERRNO", .has_errno_ret = true,
	     .errno_ret = EROFS},
	    {.names = personality_names, .n_names = 1, .action = "SCMP_ACT_TRAP", .args = args,
	     .n_args = 1},
	};
	struct oci_seccomp profile = {.default_action = "SCMP_ACT_ALLOW", .syscalls = calls,
				      .n_syscalls = 2};
	struct error err = ERROR_INIT;
	struct seccomp_filter *f;
	struct sock_filter *insns;
	long result;
	size_t n;

	CHECK(seccomp_profile_compile(&profile, false, &insns, &n, &err) == 0);
	CHECK(seccomp_new(NULL, insns, n, &f) == 0);
	free(insns);
	CHECK(ask(f, SYS_read, 0, &result));
	CHECK(!ask(f, SYS_mkdir, 0, &result) && result == -EROFS);
	CHECK(ask(f, SYS_personality, 0, &result));
	CHECK(!ask(f, SYS_personality, 8, &result) && sent == SIGSYS);
	seccomp_put(f);
	calls[0].action = "SCMP_ACT_NOTIFY";
	CHECK(seccomp_profile_compile(&profile, false, &insns, &n, &err) == -EINVAL);
	CHECK(err.msg && strcmp(err.msg, "linux.seccomp.syscalls[0].action: SCMP_ACT_NOTIFY is not "
					 "supported") == 0);
	error_free(&err);
}

int main(void)
{
	test_checker();
	test_arithmetic();
	test_chain();
	test_profile();
	return check_done();
}
