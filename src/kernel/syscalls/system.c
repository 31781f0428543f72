/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The system as a whole, and what a process may use of it. */
#include <errno.h>
#include <linux/capability.h>
#include <stdlib.h>
#include <string.h>
#include <sys/personality.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <sys/sysinfo.h>
#include <sys/uio.h>
#include <sys/utsname.h>

#include "base/usermem.h"
#include "kernel/internal.h"
#include "kernel/syscalls/syscalls.h"

/* Linux' own bound on a host or domain name (__NEW_UTS_LEN). */
#define UTS_NAME_MAX 64

long sys_uname(const uint64_t a[6])
{
	struct utsname u;

	/* The container's UTS namespace is the sandbox' own. */
	if (uname(&u) < 0)
		return -errno;
	if ((current->personality & PER_MASK) == PER_LINUX32)
		strcpy(u.machine, "i686");
	return copy_out_obj(a[0], &u);
}

static long set_uts_name(long nr, uint64_t addr, int len)
{
	char name[UTS_NAME_MAX];
	long r;

	if (!capable(CAP_SYS_ADMIN))
		return -EPERM;
	if (len < 0 || len > UTS_NAME_MAX)
		return -EINVAL;
	if (copy_in(name, addr, len) < 0)
		return -EFAULT;
	cred_raise(CAP_SYS_ADMIN);
	r = host_call(nr, (long)name, (long)len);
	cred_lower(CAP_SYS_ADMIN);
	return r;
}

long sys_sethostname(const uint64_t a[6])
{
	return set_uts_name(SYS_sethostname, a[0], a[1]);
}

long sys_setdomainname(const uint64_t a[6])
{
	return set_uts_name(SYS_setdomainname, a[0], a[1]);
}

long sys_sysinfo(const uint64_t a[6])
{
	struct sysinfo s;

	if (sysinfo(&s) < 0)
		return -errno;
	s.procs = atomic_load(&kernel.live_tasks);
	return copy_out_obj(a[0], &s);
}

long sys_syslog(const uint64_t a[6])
{
	/* The host's log is not the container's. Sizes and reads answer as an empty log does. */
	if ((int)a[0] < 0 || (int)a[0] > 10)
		return -EINVAL;
	return capable(CAP_SYSLOG) ? 0 : -EPERM;
}

/* Straight into guest memory; a signal may end long ones early, as Linux allows. */
long sys_getrandom(const uint64_t a[6])
{
	const unsigned known = GRND_NONBLOCK | GRND_RANDOM | GRND_INSECURE;
	uint64_t addr = a[0], left = a[1] > INT32_MAX ? INT32_MAX : a[1], done = 0;
	uint8_t buf[1024];

	if (((unsigned)a[2] & ~known) ||
	    ((unsigned)a[2] & (GRND_RANDOM | GRND_INSECURE)) == (GRND_RANDOM | GRND_INSECURE))
		return -EINVAL;
	while (done < left) {
		size_t n = left - done < sizeof(buf) ? left - done : sizeof(buf);
		long r = host_call(SYS_getrandom, (long)buf, (long)n, (long)(unsigned)a[2]);

		if (r < 0)
			return done ? (long)done : r;
		if (copy_out(addr + done, buf, r) < 0)
			return done ? (long)done : -EFAULT;
		done += r;
		if (done < left && signal_pending())
			break;
	}
	return done;
}

/* ---- limits -------------------------------------------------------------------------------------- */

/* Another process' limits: its ids must all be ours, or CAP_SYS_RESOURCE (prlimit(2)). */
static bool may_prlimit(struct task *t)
{
	const struct cred *c = current->cred;
	struct cred *o;
	bool ok;

	if (t->group == current->group || capable(CAP_SYS_RESOURCE))
		return true;
	o = task_get_cred(t);
	ok = c->ruid == o->euid && c->ruid == o->suid && c->ruid == o->ruid && c->rgid == o->egid &&
	     c->rgid == o->sgid && c->rgid == o->rgid;
	cred_put(o);
	return ok;
}

static int prlimit_task(struct task *t, unsigned which, const struct rlimit *new,
			struct rlimit *old)
{
	struct mm *mm;
	int r = group_set_rlimit(t->group, which, new, old);

	if (r < 0 || !new)
		return r;
	mm = task_get_mm(t);
	if (mm) {
		rlimit_push(t->group, mm);
		mm_put(mm);
	}
	return 0;
}

long sys_getrlimit(const uint64_t a[6])
{
	struct rlimit old;
	int r = prlimit_task(current, a[0], NULL, &old);

	return r < 0 ? r : copy_out_obj(a[1], &old);
}

long sys_setrlimit(const uint64_t a[6])
{
	struct rlimit new;

	if (copy_in_obj(&new, a[1]) < 0)
		return -EFAULT;
	return prlimit_task(current, a[0], &new, NULL);
}

long sys_prlimit64(const uint64_t a[6])
{
	struct rlimit new, old;
	struct task *t;
	int r;

	if (a[2] && copy_in_obj(&new, a[2]) < 0)
		return -EFAULT;
	t = (pid_t)a[0] ? task_find(a[0]) : task_get(current);
	if (!t)
		return -ESRCH;
	r = may_prlimit(t) ? prlimit_task(t, a[1], a[2] ? &new : NULL, &old) : -EPERM;
	task_put(t);
	if (r == 0 && a[3])
		r = copy_out_obj(a[3], &old);
	return r;
}

/* ---- getrusage ----------------------------------------------------------------------------------- */

static void put_times(struct rusage *u, uint64_t utime, uint64_t stime)
{
	u->ru_utime.tv_sec = utime / 1000000000;
	u->ru_utime.tv_usec = utime / 1000 % 1000000;
	u->ru_stime.tv_sec = stime / 1000000000;
	u->ru_stime.tv_usec = stime / 1000 % 1000000;
}

long sys_getrusage(const uint64_t a[6])
{
	struct thread_group *g = current->group;
	struct mm_usage usage;
	struct rusage u = {0};
	uint64_t utime, stime;

	switch ((int)a[0]) {
	case RUSAGE_THREAD:
		task_times(current, &utime, &stime);
		u.ru_minflt = current->minflt;
		u.ru_nvcsw = current->nvcsw;
		u.ru_nivcsw = current->nivcsw;
		break;
	case RUSAGE_SELF:
		group_times(g, &utime, &stime);
		u.ru_minflt = g->minflt + current->minflt;
		u.ru_nvcsw = g->nvcsw + current->nvcsw;
		u.ru_nivcsw = g->nivcsw + current->nivcsw;
		break;
	case RUSAGE_CHILDREN:
		utime = g->cutime_ns;
		stime = g->cstime_ns;
		u.ru_minflt = g->cminflt;
		u.ru_majflt = g->cmajflt;
		break;
	default:
		return -EINVAL;
	}
	put_times(&u, utime, stime);
	if ((int)a[0] != RUSAGE_CHILDREN) {
		mm_usage(current->mm, &usage);
		u.ru_maxrss = usage.hwm >> 10;
	}
	return copy_out_obj(a[1], &u);
}
