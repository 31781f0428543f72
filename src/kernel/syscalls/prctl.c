/* SPDX-License-Identifier: GPL-2.0-or-later */
/* prctl(2), arch_prctl(2), personality(2): switches of a task's own. */
#include <asm/prctl.h>
#include <errno.h>
#include <linux/capability.h>
#include <linux/prctl.h>
#include <linux/securebits.h>
#include <string.h>

#include "base/usermem.h"
#include "kernel/internal.h"
#include "kernel/seccomp.h"
#include "kernel/syscalls/syscalls.h"

#ifndef PR_SET_VMA
#define PR_SET_VMA 0x53564d41
#endif
#ifndef PR_GET_AUXV
#define PR_GET_AUXV 0x41555856
#endif

#define CAP_VALID(cap) ((cap) <= CAP_LAST_CAP)

static long put_int(uint64_t addr, int value)
{
	return copy_out(addr, &value, sizeof(value));
}

static long set_name(uint64_t addr)
{
	char comm[TASK_COMM_LEN] = {0};
	ssize_t n = copy_in_str(comm, addr, TASK_COMM_LEN);

	if (n == -ENAMETOOLONG)
		comm[TASK_COMM_LEN - 1] = '\0'; /* cut, as Linux does */
	else if (n < 0)
		return n;
	memcpy(current->comm, comm, sizeof(comm));
	return 0;
}

/* ---- credentials --------------------------------------------------------------------------------- */

static long commit_flag(bool no_new_privs, unsigned securebits, uint64_t bounding, uint64_t ambient)
{
	struct cred *c = cred_copy(current->cred);

	if (!c)
		return -ENOMEM;
	c->no_new_privs = no_new_privs;
	c->securebits = securebits;
	c->cap_bounding = bounding;
	c->cap_ambient = ambient;
	return cred_commit(c);
}

static long drop_bounding(uint64_t cap)
{
	const struct cred *c = current->cred;

	if (!CAP_VALID(cap))
		return -EINVAL;
	if (!capable(CAP_SETPCAP))
		return -EPERM;
	return commit_flag(c->no_new_privs, c->securebits, c->cap_bounding & ~(1ULL << cap),
			   c->cap_ambient);
}

static long set_securebits(uint64_t bits)
{
	const struct cred *c = current->cred;
	unsigned locks = c->securebits & SECURE_ALL_LOCKS;

	if (bits & ~(uint64_t)(SECURE_ALL_LOCKS | SECURE_ALL_BITS))
		return -EPERM;
	if (((locks >> 1) & (c->securebits ^ bits)) || (locks & ~bits) || !capable(CAP_SETPCAP))
		return -EPERM;
	return commit_flag(c->no_new_privs, bits, c->cap_bounding, c->cap_ambient);
}

static long set_keepcaps(uint64_t on)
{
	const struct cred *c = current->cred;
	unsigned bits = on ? c->securebits | SECBIT_KEEP_CAPS : c->securebits & ~SECBIT_KEEP_CAPS;

	if (on > 1)
		return -EINVAL;
	if (c->securebits & SECBIT_KEEP_CAPS_LOCKED)
		return -EPERM;
	current->keep_caps = on;
	return commit_flag(c->no_new_privs, bits, c->cap_bounding, c->cap_ambient);
}

static long cap_ambient(uint64_t op, uint64_t cap, uint64_t a4, uint64_t a5)
{
	const struct cred *c = current->cred;
	uint64_t bit, ambient = c->cap_ambient;

	if (a4 || a5)
		return -EINVAL;
	if (op == PR_CAP_AMBIENT_CLEAR_ALL) {
		if (cap)
			return -EINVAL;
		return commit_flag(c->no_new_privs, c->securebits, c->cap_bounding, 0);
	}
	if (!CAP_VALID(cap))
		return -EINVAL;
	bit = 1ULL << cap;
	switch (op) {
	case PR_CAP_AMBIENT_IS_SET:
		return !!(ambient & bit);
	case PR_CAP_AMBIENT_RAISE:
		if (!(c->cap_permitted & c->cap_inheritable & bit) ||
		    (c->securebits & SECBIT_NO_CAP_AMBIENT_RAISE))
			return -EPERM;
		ambient |= bit;
		break;
	case PR_CAP_AMBIENT_LOWER:
		ambient &= ~bit;
		break;
	default:
		return -EINVAL;
	}
	return commit_flag(c->no_new_privs, c->securebits, c->cap_bounding, ambient);
}

static long no_new_privs(int option, const uint64_t a[6])
{
	const struct cred *c = current->cred;

	if (option == PR_GET_NO_NEW_PRIVS)
		return a[1] || a[2] || a[3] || a[4] ? -EINVAL : c->no_new_privs;
	if (a[1] != 1 || a[2] || a[3] || a[4])
		return -EINVAL;
	return commit_flag(true, c->securebits, c->cap_bounding, c->cap_ambient);
}

/* ---- the rest ------------------------------------------------------------------------------------ */

static long prctl_credentials(int option, const uint64_t a[6])
{
	switch (option) {
	case PR_GET_KEEPCAPS:
		return !!(current->cred->securebits & SECBIT_KEEP_CAPS);
	case PR_SET_KEEPCAPS:
		return set_keepcaps(a[1]);
	case PR_GET_SECUREBITS:
		return current->cred->securebits;
	case PR_SET_SECUREBITS:
		return set_securebits(a[1]);
	case PR_CAPBSET_READ:
		return CAP_VALID(a[1]) ? (long)(current->cred->cap_bounding >> a[1] & 1) : -EINVAL;
	case PR_CAPBSET_DROP:
		return drop_bounding(a[1]);
	case PR_CAP_AMBIENT:
		return cap_ambient(a[1], a[2], a[3], a[4]);
	case PR_GET_NO_NEW_PRIVS:
	case PR_SET_NO_NEW_PRIVS:
		return no_new_privs(option, a);
	default:
		return -EINVAL;
	}
}

static long set_timer_slack(uint64_t ns)
{
	current->timer_slack_ns = (long)ns <= 0 ? 50000 : ns;
	return 0;
}

static long set_vma(const uint64_t a[6])
{
	/* A name for an anonymous mapping: only /proc/PID/maps would show it. */
	return a[1] == 0 ? 0 : -EINVAL;
}

static long get_auxv(uint64_t addr, uint64_t len)
{
	struct mm *mm = current->mm;
	size_t size = mm->auxv_words * sizeof(uint64_t);

	if (copy_out(addr, mm->auxv, len < size ? len : size) < 0)
		return -EFAULT;
	return sizeof(mm->auxv);
}

static long set_subreaper(bool on)
{
	pthread_rwlock_wrlock(&kernel.tasklist);
	current->group->child_subreaper = on;
	pthread_rwlock_unlock(&kernel.tasklist);
	return 0;
}

long sys_prctl(const uint64_t a[6])
{
	int option = a[0];

	switch (option) {
	case PR_SET_NAME:
		return set_name(a[1]);
	case PR_GET_NAME:
		return copy_out(a[1], current->comm, TASK_COMM_LEN);
	case PR_SET_PDEATHSIG:
		if (a[1] > NSIG_GUEST)
			return -EINVAL;
		current->pdeath_signal = a[1];
		return 0;
	case PR_GET_PDEATHSIG:
		return put_int(a[1], current->pdeath_signal);
	case PR_GET_DUMPABLE:
		return current->dumpable;
	case PR_SET_DUMPABLE:
		if (a[1] > 1)
			return -EINVAL;
		current->dumpable = a[1];
		return 0;
	case PR_SET_CHILD_SUBREAPER:
		return set_subreaper(a[1]);
	case PR_GET_CHILD_SUBREAPER:
		return put_int(a[1], current->group->child_subreaper);
	case PR_GET_SECCOMP:
		return seccomp_mode(current);
	case PR_SET_SECCOMP:
		return prctl_set_seccomp(a[1], a[2]);
	case PR_GET_TIMERSLACK:
		return current->timer_slack_ns;
	case PR_SET_TIMERSLACK:
		return set_timer_slack(a[1]);
	case PR_GET_TIMING:
		return PR_TIMING_STATISTICAL;
	case PR_SET_TIMING:
		return a[1] == PR_TIMING_STATISTICAL ? 0 : -EINVAL;
	case PR_GET_TSC:
		return put_int(a[1], PR_TSC_ENABLE);
	case PR_SET_TSC:
		return a[1] == PR_TSC_ENABLE ? 0 : -EINVAL;
	case PR_SET_THP_DISABLE:
		if (a[2] || a[3] || a[4])
			return -EINVAL;
		current->thp_disable = a[1];
		return 0;
	case PR_GET_THP_DISABLE:
		return a[1] || a[2] || a[3] || a[4] ? -EINVAL : current->thp_disable;
	case PR_GET_TID_ADDRESS:
		return copy_out(a[1], &current->clear_child_tid, sizeof(uint64_t));
	case PR_SET_VMA:
		return set_vma(a);
	case PR_GET_AUXV:
		return a[3] || a[4] ? -EINVAL : get_auxv(a[1], a[2]);
	case PR_SET_MM:
		return capable(CAP_SYS_RESOURCE) ? -EINVAL : -EPERM;
	case PR_MCE_KILL_GET:
		return PR_MCE_KILL_DEFAULT;
	default:
		return prctl_credentials(option, a);
	}
}

long sys_arch_prctl(const uint64_t a[6])
{
	switch ((int)a[0]) {
	case ARCH_SET_FS:
	case ARCH_SET_GS:
		if (a[1] >= TASK_SIZE)
			return -EPERM;
		if ((int)a[0] == ARCH_SET_FS)
			current->regs.fs_base = a[1];
		else
			current->regs.gs_base = a[1];
		return 0;
	case ARCH_GET_FS:
		return copy_out(a[1], &current->regs.fs_base, sizeof(uint64_t));
	case ARCH_GET_GS:
		return copy_out(a[1], &current->regs.gs_base, sizeof(uint64_t));
	default:
		return -EINVAL;
	}
}

long sys_personality(const uint64_t a[6])
{
	unsigned old = current->personality;

	if ((unsigned)a[0] != 0xffffffff)
		current->personality = (unsigned)a[0];
	return old;
}
