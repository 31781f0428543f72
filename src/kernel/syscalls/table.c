/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The table of system calls, and the one place where a task enters it. */
#include <errno.h>
#include <sys/syscall.h>

#include "base/log.h"
#include "kernel/seccomp.h"
#include "kernel/syscalls/syscalls.h"
#include "kernel/task.h"
#include "kernel/trace.h"

static const syscall_fn functions[SYSCALL_LIMIT] = {
#define SYSCALL(nr, name, args) [nr] = sys_##name,
#include "kernel/syscalls/table.h"
};

/* Programs probe for what is new at every start: once a call is enough to know. */
static void log_unimplemented(long nr)
{
	static atomic_bool told[SYSCALL_LIMIT];
	const char *name = syscall_name(nr);

	if (!kernel.debug || (nr >= 0 && nr < SYSCALL_LIMIT && atomic_exchange(&told[nr], true)))
		return;
	if (name)
		log_debug("system call %s is not implemented (first by %s, pid %d)", name,
			  current->comm, current->group->tgid);
	else
		log_debug("there is no system call %ld (%s, pid %d)", nr, current->comm,
			  current->group->tgid);
}

static long call(long nr, const uint64_t args[6])
{
	long result;

	if (!seccomp_allows(nr, args, &result))
		return result;
	if (nr < 0 || nr >= SYSCALL_LIMIT || !functions[nr]) {
		log_unimplemented(nr);
		return -ENOSYS;
	}
	current->syscall_nr = nr;
	return functions[nr](args);
}

/*T:500 Back, with a system call
 * The platform came back with "system call" and a set of registers. The number picks a function; the
 * seccomp filters of config.json and of the program itself are asked first. From here on nothing of
 * the guest is believed twice: arguments are copied in once, checked, and the copy is used.
 */
void syscall_dispatch(void)
{
	struct user_regs_struct *r = &current->regs;
	const uint64_t args[6] = {r->rdi, r->rsi, r->rdx, r->r10, r->r8, r->r9};
	/* Linux looks at 32 bits of the number (do_syscall_64). */
	long nr = (int)r->orig_rax;
	long result;

	if (__builtin_expect(kernel.trace != NULL, 0))
		result = trace_syscall(call, nr, args);
	else
		result = call(nr, args);
	/* rt_sigreturn and execve have put new registers there; they answer what rax is to be. */
	current->regs.rax = result;
}

long syscall_restart(void)
{
	long nr = current->restart_nr;

	/* Called by a program for itself, without an interrupted call: there is nothing to go on with. */
	if (nr <= 0 || nr >= SYSCALL_LIMIT || !functions[nr] || nr == SYS_restart_syscall)
		return -EINTR;
	return functions[nr](current->restart_args);
}
