/* SPDX-License-Identifier: GPL-2.0-or-later */
/* seccomp(2), and prctl(2)'s older form of it. */
#include <errno.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/usermem.h"
#include "kernel/seccomp.h"
#include "kernel/syscalls/syscalls.h"
#include "kernel/task.h"

struct guest_fprog {
	uint16_t len;
	uint16_t pad[3];
	uint64_t filter;
};

static long set_strict(void)
{
	if (current->seccomp)
		return -EINVAL;
	current->seccomp_strict = true;
	return 0;
}

/*
 * The other threads take a TSYNC filter over at their next system call: from the moment this call
 * returns none of them can make one without it. A thread with filters of its own that the new chain
 * does not contain stops it all: its tid is the answer, and nobody gets anything (seccomp(2)).
 */
static long offer_to_siblings(struct seccomp_filter *f)
{
	struct thread_group *g = current->group;
	struct task *t;
	long odd = 0;

	pthread_rwlock_rdlock(&kernel.tasklist);
	list_for_each(t, &g->tasks, group_link)
		if (t->seccomp_strict || !seccomp_is_ancestor(t->seccomp, f))
			odd = t->tid;
	if (odd == 0) {
		list_for_each(t, &g->tasks, group_link)
			if (t != current)
				seccomp_put(atomic_exchange(&t->seccomp_offer, seccomp_get(f)));
	}
	pthread_rwlock_unlock(&kernel.tasklist);
	return odd;
}

static long add_filter(uint64_t fprog, uint64_t flags)
{
	const uint64_t known = SECCOMP_FILTER_FLAG_TSYNC | SECCOMP_FILTER_FLAG_LOG |
			       SECCOMP_FILTER_FLAG_SPEC_ALLOW | SECCOMP_FILTER_FLAG_TSYNC_ESRCH;
	cleanup_free struct sock_filter *insns = NULL;
	struct seccomp_filter *f;
	struct guest_fprog prog;
	int r;

	/* A listener (NEW_LISTENER) needs an agent that sees a real process: refused by name. */
	if (flags & ~known)
		return -EINVAL;
	if (current->seccomp_strict)
		return -EINVAL;
	if (copy_in_obj(&prog, fprog) < 0)
		return -EFAULT;
	if (prog.len == 0 || prog.len > BPF_MAXINSNS)
		return -EINVAL;
	if (!current->cred->no_new_privs && !capable(CAP_SYS_ADMIN))
		return -EACCES;
	insns = malloc(prog.len * sizeof(*insns));
	if (!insns)
		return -ENOMEM;
	if (copy_in(insns, prog.filter, prog.len * sizeof(*insns)) < 0)
		return -EFAULT;
	r = seccomp_new(current->seccomp, insns, prog.len, &f);
	if (r < 0)
		return r;
	if (flags & SECCOMP_FILTER_FLAG_TSYNC) {
		long odd = offer_to_siblings(f);

		if (odd) {
			seccomp_put(f);
			return flags & SECCOMP_FILTER_FLAG_TSYNC_ESRCH ? -ESRCH : odd;
		}
	}
	seccomp_put(current->seccomp);
	current->seccomp = f;
	return 0;
}

static long action_available(uint64_t action)
{
	uint32_t a;

	if (copy_in_obj(&a, action) < 0)
		return -EFAULT;
	switch (a) {
	case SECCOMP_RET_KILL_PROCESS:
	case SECCOMP_RET_KILL_THREAD:
	case SECCOMP_RET_TRAP:
	case SECCOMP_RET_ERRNO:
	case SECCOMP_RET_TRACE:
	case SECCOMP_RET_LOG:
	case SECCOMP_RET_ALLOW:
		return 0;
	}
	return -EOPNOTSUPP;
}

long sys_seccomp(const uint64_t a[6])
{
	uint32_t op = a[0], flags = a[1];

	switch (op) {
	case SECCOMP_SET_MODE_STRICT:
		return flags || a[2] ? -EINVAL : set_strict();
	case SECCOMP_SET_MODE_FILTER:
		return add_filter(a[2], flags);
	case SECCOMP_GET_ACTION_AVAIL:
		return flags ? -EINVAL : action_available(a[2]);
	}
	return -EINVAL;
}

long prctl_set_seccomp(uint64_t mode, uint64_t filter)
{
	if (mode == SECCOMP_MODE_STRICT)
		return set_strict();
	return mode == SECCOMP_MODE_FILTER ? add_filter(filter, 0) : -EINVAL;
}
