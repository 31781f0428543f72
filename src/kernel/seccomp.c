/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "kernel/seccomp.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>

#include "base/log.h"
#include "kernel/syscalls/syscalls.h"
#include "kernel/task.h"

#define NUMBERS 512		/* system calls whose verdict is remembered */
#define CHAIN_MAX 32768		/* instructions of a chain (MAX_INSNS_PER_PATH) */
#define CHAIN_PENALTY 4		/* each filter counts for so many more */

struct seccomp_filter {
	atomic_uint refs;
	struct seccomp_filter *prev;
	size_t n, chain; /* instructions here; and in the chain with penalties */
	/* Allowed whatever the arguments, by this filter and all before it: no need to run anything. */
	uint8_t always[NUMBERS / 8];
	struct sock_filter insns[];
};

struct seccomp_filter *seccomp_get(struct seccomp_filter *f)
{
	if (f)
		atomic_fetch_add(&f->refs, 1);
	return f;
}

void seccomp_put(struct seccomp_filter *f)
{
	while (f && atomic_fetch_sub(&f->refs, 1) == 1) {
		struct seccomp_filter *prev = f->prev;

		free(f);
		f = prev;
	}
}

bool seccomp_is_ancestor(const struct seccomp_filter *old, const struct seccomp_filter *f)
{
	while (f && f != old)
		f = f->prev;
	return f == old;
}

/* ---- the checker ---------------------------------------------------------------------------------- */

static bool check_load(const struct sock_filter *i)
{
	switch (i->code) {
	case BPF_LD | BPF_W | BPF_ABS:
		return i->k < sizeof(struct seccomp_data) && i->k % 4 == 0;
	case BPF_LD | BPF_W | BPF_LEN:
	case BPF_LDX | BPF_W | BPF_LEN:
	case BPF_LD | BPF_IMM:
	case BPF_LDX | BPF_IMM:
		return true;
	case BPF_LD | BPF_MEM:
	case BPF_LDX | BPF_MEM:
	case BPF_ST:
	case BPF_STX:
		return i->k < BPF_MEMWORDS;
	}
	return false;
}

static bool check_alu(const struct sock_filter *i)
{
	bool constant = BPF_SRC(i->code) == BPF_K;

	switch (BPF_OP(i->code)) {
	case BPF_ADD:
	case BPF_SUB:
	case BPF_MUL:
	case BPF_AND:
	case BPF_OR:
	case BPF_XOR:
		return true;
	case BPF_NEG:
		return constant;
	case BPF_DIV:
		return !constant || i->k != 0;
	case BPF_LSH:
	case BPF_RSH:
		return !constant || i->k < 32;
	}
	return false;
}

/* Jumps go forward only, so a program that passes ends. pc: the index of i. */
static bool check_jump(const struct sock_filter *i, size_t pc, size_t n)
{
	if (i->code == (BPF_JMP | BPF_JA))
		return i->k < n - pc - 1;
	switch (BPF_OP(i->code)) {
	case BPF_JEQ:
	case BPF_JGT:
	case BPF_JGE:
	case BPF_JSET:
		return pc + 1 + i->jt < n && pc + 1 + i->jf < n;
	}
	return false;
}

static bool check_insn(const struct sock_filter *i, size_t pc, size_t n)
{
	switch (BPF_CLASS(i->code)) {
	case BPF_LD:
	case BPF_LDX:
	case BPF_ST:
	case BPF_STX:
		return check_load(i);
	case BPF_ALU:
		return (i->code & ~0xffU) == 0 && check_alu(i);
	case BPF_JMP:
		return (i->code & ~0xffU) == 0 && check_jump(i, pc, n);
	case BPF_RET:
		return i->code == (BPF_RET | BPF_K) || i->code == (BPF_RET | BPF_A);
	case BPF_MISC:
		return i->code == (BPF_MISC | BPF_TAX) || i->code == (BPF_MISC | BPF_TXA);
	}
	return false;
}

static bool check_program(const struct sock_filter *insns, size_t n)
{
	if (n == 0 || n > BPF_MAXINSNS || BPF_CLASS(insns[n - 1].code) != BPF_RET)
		return false;
	for (size_t pc = 0; pc < n; pc++)
		if (!check_insn(&insns[pc], pc, n))
			return false;
	return true;
}

/* ---- the interpreter ------------------------------------------------------------------------------ */

static uint32_t alu(unsigned op, uint32_t a, uint32_t b)
{
	switch (op) {
	case BPF_ADD:
		return a + b;
	case BPF_SUB:
		return a - b;
	case BPF_MUL:
		return a * b;
	case BPF_DIV:
		return b ? a / b : 0;
	case BPF_AND:
		return a & b;
	case BPF_OR:
		return a | b;
	case BPF_XOR:
		return a ^ b;
	case BPF_LSH:
		return b < 32 ? a << b : 0;
	case BPF_RSH:
		return b < 32 ? a >> b : 0;
	default: /* BPF_NEG */
		return -a;
	}
}

static bool jump_taken(unsigned op, uint32_t a, uint32_t b)
{
	switch (op) {
	case BPF_JEQ:
		return a == b;
	case BPF_JGT:
		return a > b;
	case BPF_JGE:
		return a >= b;
	default: /* BPF_JSET */
		return a & b;
	}
}

/*
 * Runs one checked program. With arguments_read, notes there whether its verdict looked at more than
 * the number and the architecture.
 */
static uint32_t run(const struct seccomp_filter *f, const struct seccomp_data *data,
		    bool *arguments_read)
{
	uint32_t a = 0, x = 0, mem[BPF_MEMWORDS] = {0};

	for (const struct sock_filter *i = f->insns;; i++) {
		uint32_t operand = BPF_SRC(i->code) == BPF_X ? x : i->k;

		switch (BPF_CLASS(i->code)) {
		case BPF_LD:
		case BPF_LDX: {
			uint32_t v = i->k;

			if (BPF_MODE(i->code) == BPF_ABS) {
				memcpy(&v, (const char *)data + i->k, sizeof(v));
				if (arguments_read && i->k > offsetof(struct seccomp_data, arch))
					*arguments_read = true;
			} else if (BPF_MODE(i->code) == BPF_LEN) {
				v = sizeof(*data);
			} else if (BPF_MODE(i->code) == BPF_MEM) {
				v = mem[i->k];
			}
			if (BPF_CLASS(i->code) == BPF_LD)
				a = v;
			else
				x = v;
			break;
		}
		case BPF_ST:
			mem[i->k] = a;
			break;
		case BPF_STX:
			mem[i->k] = x;
			break;
		case BPF_ALU:
			a = alu(BPF_OP(i->code), a, operand);
			break;
		case BPF_JMP:
			if (BPF_OP(i->code) == BPF_JA)
				i += i->k;
			else
				i += jump_taken(BPF_OP(i->code), a, operand) ? i->jt : i->jf;
			break;
		case BPF_MISC:
			if (BPF_MISCOP(i->code) == BPF_TAX)
				x = a;
			else
				a = x;
			break;
		default: /* BPF_RET: the checker saw to it that nothing else is left */
			return BPF_RVAL(i->code) == BPF_A ? a : i->k;
		}
	}
}

/* Finds the calls that need no run: the bitmap of the chain before is narrowed, never widened. */
static void fill_always(struct seccomp_filter *f)
{
	for (int nr = 0; nr < NUMBERS; nr++) {
		struct seccomp_data data = {.nr = nr, .arch = AUDIT_ARCH_X86_64};
		bool arguments_read = false;

		if (f->prev && !(f->prev->always[nr / 8] & 1 << nr % 8))
			continue;
		if (run(f, &data, &arguments_read) == SECCOMP_RET_ALLOW && !arguments_read)
			f->always[nr / 8] |= 1 << nr % 8;
	}
}

int seccomp_new(struct seccomp_filter *prev, const struct sock_filter *insns, size_t n,
		struct seccomp_filter **out)
{
	size_t chain = n + CHAIN_PENALTY + (prev ? prev->chain : 0);
	struct seccomp_filter *f;

	if (!check_program(insns, n))
		return -EINVAL;
	if (chain > CHAIN_MAX)
		return -ENOMEM;
	f = calloc(1, sizeof(*f) + n * sizeof(*insns));
	if (!f)
		return -ENOMEM;
	atomic_init(&f->refs, 1);
	f->n = n;
	f->chain = chain;
	f->prev = seccomp_get(prev);
	memcpy(f->insns, insns, n * sizeof(*insns));
	fill_always(f);
	*out = f;
	return 0;
}

/* ---- verdicts ------------------------------------------------------------------------------------- */

/* The strictest answer of the chain; of equal ones the newest filter's (seccomp(2)). */
static uint32_t run_chain(const struct seccomp_filter *f, const struct seccomp_data *data)
{
	uint32_t verdict = SECCOMP_RET_ALLOW;

	for (; f; f = f->prev) {
		uint32_t v = run(f, data, NULL);

		if ((int32_t)(v & SECCOMP_RET_ACTION_FULL) < (int32_t)(verdict & SECCOMP_RET_ACTION_FULL))
			verdict = v;
	}
	return verdict;
}

static void send_sigsys(long nr, uint32_t verdict)
{
	siginfo_t info = {.si_signo = SIGSYS, .si_code = 1 /* SYS_SECCOMP */};

	info.si_errno = verdict & SECCOMP_RET_DATA;
	info.si_call_addr = (void *)current->regs.rip;
	info.si_syscall = nr;
	info.si_arch = AUDIT_ARCH_X86_64;
	signal_force(&info);
}

static bool strict_allows(long nr, long *result)
{
	siginfo_t info = {.si_signo = SIGKILL, .si_code = SI_KERNEL};

	if (nr == SYS_read || nr == SYS_write || nr == SYS_exit || nr == SYS_rt_sigreturn)
		return true;
	signal_send_task(current, &info);
	*result = -EPERM;
	return false;
}

bool seccomp_allows(long nr, const uint64_t args[6], long *result)
{
	struct seccomp_filter *f = atomic_exchange(&current->seccomp_offer, NULL);
	struct seccomp_data data = {.nr = nr, .arch = AUDIT_ARCH_X86_64};
	uint32_t verdict;

	if (f) {
		seccomp_put(current->seccomp);
		current->seccomp = f;
	}
	f = current->seccomp;
	if (current->seccomp_strict)
		return strict_allows(nr, result);
	if (!f || (nr >= 0 && nr < NUMBERS && f->always[nr / 8] & 1 << nr % 8))
		return true;
	data.instruction_pointer = current->regs.rip;
	memcpy(data.args, args, sizeof(data.args));
	verdict = run_chain(f, &data);
	*result = -ENOSYS;
	switch (verdict & SECCOMP_RET_ACTION_FULL) {
	case SECCOMP_RET_ALLOW:
		return true;
	case SECCOMP_RET_LOG:
		log_debug("seccomp: %s (pid %d) calls %s", current->comm, current->group->tgid,
			  syscall_name(nr) ? syscall_name(nr) : "?");
		return true;
	case SECCOMP_RET_ERRNO:
		*result = -(long)(verdict & SECCOMP_RET_DATA);
		if (*result < -4095) /* MAX_ERRNO */
			*result = -4095;
		return false;
	case SECCOMP_RET_TRAP:
		send_sigsys(nr, verdict);
		/* The handler sees the number where it was. */
		*result = nr;
		return false;
	case SECCOMP_RET_KILL_THREAD:
		if (current->group->ntasks > 1)
			task_exit(SIGSYS);
		/* fall through */
	case SECCOMP_RET_KILL_PROCESS:
		group_exit(current->group, SIGSYS);
		return false;
	default:
		/* TRACE without a tracer, USER_NOTIF without a listener: as if the call did not exist. */
		return false;
	}
}

int seccomp_mode(const struct task *t)
{
	return t->seccomp_strict ? SECCOMP_MODE_STRICT
	       : t->seccomp	 ? SECCOMP_MODE_FILTER
				 : SECCOMP_MODE_DISABLED;
}
