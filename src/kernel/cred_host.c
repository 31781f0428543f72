/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Guest credentials on the host thread. The host makes the permission checks on files and tells
 * socket peers who we are, so each task's thread carries its guest's ids and effective capabilities.
 *
 * Raw system calls only: they are per thread, glibc's wrappers broadcast to all threads. The
 * thread runs under SECBIT_NO_SETUID_FIXUP, so changing ids leaves capabilities alone: husk's own
 * stay permitted, and are effective only between cred_raise() and cred_lower().
 */
#include <errno.h>
#include <linux/capability.h>
#include <linux/securebits.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/hostproc.h"
#include "base/log.h"
#include "kernel/internal.h"

/* What the sandbox process has: the bound of all that can be effective. */
static uint64_t host_permitted, host_inheritable;

/*
 * An ordinary user's namespace with one mapping denies setgroups(2) to everybody (user_namespaces(7)):
 * the thread keeps the groups of whoever started husk, as a process under any runtime does.
 */
static bool groups_denied;

static __thread uint64_t mirrored; /* guest effective ∩ host permitted */
static __thread uint8_t raised[64]; /* depth of cred_raise() by capability */
static __thread uint64_t raised_set;

static int set_effective(uint64_t effective)
{
	struct __user_cap_header_struct h = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct d[2] = {
	    {effective, host_permitted, host_inheritable},
	    {effective >> 32, host_permitted >> 32, host_inheritable >> 32},
	};

	return host_call(SYS_capset, (long)&h, (long)d);
}

static bool read_setgroups(void)
{
	char text[8] = "";
	int fd = hostproc_open("setgroups");

	if (fd < 0)
		return false;
	if (read(fd, text, sizeof(text) - 1) < 0)
		text[0] = '\0';
	close(fd);
	return !strncmp(text, "deny", 4);
}

bool cred_groups_denied(void)
{
	return groups_denied;
}

int cred_host_init(void)
{
	struct __user_cap_header_struct h = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct d[2];
	long r = host_call(SYS_capget, (long)&h, (long)d);

	if (r < 0)
		return r;
	groups_denied = read_setgroups();
	host_permitted = d[0].permitted | (uint64_t)d[1].permitted << 32;
	host_inheritable = d[0].inheritable | (uint64_t)d[1].inheritable << 32;
	if (host_permitted & (1ULL << CAP_SETPCAP)) {
		set_effective(1ULL << CAP_SETPCAP);
		if (prctl(PR_SET_SECUREBITS, SECBIT_NO_SETUID_FIXUP | SECBIT_KEEP_CAPS) < 0)
			r = -errno;
		set_effective(host_permitted);
	}
	return r;
}

void cred_raise(int cap)
{
	if (raised[cap]++)
		return;
	raised_set |= 1ULL << cap;
	if (!(mirrored >> cap & 1))
		set_effective((mirrored | raised_set) & host_permitted);
}

void cred_lower(int cap)
{
	if (--raised[cap])
		return;
	raised_set &= ~(1ULL << cap);
	if (!(mirrored >> cap & 1))
		set_effective((mirrored | raised_set) & host_permitted);
}

void cred_adopt_thread(const struct cred *c)
{
	mirrored = c->cap_effective & host_permitted;
	raised_set = 0;
	memset(raised, 0, sizeof(raised));
}

static int set_ids(const struct cred *c)
{
	long r = groups_denied ? (c->ngroups ? -EPERM : 0)
			       : host_call(SYS_setgroups, (long)c->ngroups, (long)c->groups);

	if (r == 0)
		r = host_call(SYS_setresgid, (long)c->rgid, (long)c->egid, (long)c->sgid);
	if (r == 0 && c->fsgid != c->egid)
		host_call(SYS_setfsgid, (long)c->fsgid);
	if (r == 0)
		r = host_call(SYS_setresuid, (long)c->ruid, (long)c->euid, (long)c->suid);
	if (r == 0 && c->fsuid != c->euid)
		host_call(SYS_setfsuid, (long)c->fsuid);
	return r;
}

static bool same_ids(const struct cred *a, const struct cred *b)
{
	return a->ruid == b->ruid && a->euid == b->euid && a->suid == b->suid &&
	       a->fsuid == b->fsuid && a->rgid == b->rgid && a->egid == b->egid &&
	       a->sgid == b->sgid && a->fsgid == b->fsgid && a->ngroups == b->ngroups &&
	       (!a->ngroups || !memcmp(a->groups, b->groups, a->ngroups * sizeof(gid_t)));
}

static int mirror(const struct cred *old, const struct cred *c)
{
	const uint64_t for_ids = 1ULL << CAP_SETUID | 1ULL << CAP_SETGID;
	int r = 0;

	if (!old || !same_ids(old, c)) {
		set_effective((mirrored | for_ids) & host_permitted);
		r = set_ids(c);
		if (r < 0 && old)
			set_ids(old); /* what worked before works again */
	}
	if (r == 0)
		mirrored = c->cap_effective & host_permitted;
	set_effective((mirrored | raised_set) & host_permitted);
	return r;
}

int cred_mirror(const struct cred *c)
{
	return mirror(NULL, c);
}

int cred_commit(struct cred *c)
{
	struct cred *old = current->cred;
	int r = mirror(old, c);

	if (r < 0) {
		cred_put(c);
		return r;
	}
	if (c->euid != old->euid || c->egid != old->egid || c->fsuid != old->fsuid ||
	    c->fsgid != old->fsgid) {
		current->dumpable = false;
		current->pdeath_signal = 0;
	}
	if (c->ruid != old->ruid) {
		struct user_count *u = user_get(c->ruid);

		if (u) {
			atomic_fetch_sub(&current->user->processes, 1);
			user_put(current->user);
			current->user = u;
			atomic_fetch_add(&u->processes, 1);
		}
	}
	pthread_mutex_lock(&current->lock);
	current->cred = c;
	pthread_mutex_unlock(&current->lock);
	cred_put(old);
	return 0;
}
