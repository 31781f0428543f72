/* SPDX-License-Identifier: GPL-2.0-or-later */
/* User and group ids, capabilities: credentials(7), capabilities(7). */
#include <errno.h>
#include <linux/capability.h>
#include <linux/securebits.h>
#include <stdlib.h>
#include <string.h>

#include "base/usermem.h"
#include "kernel/internal.h"
#include "kernel/syscalls/syscalls.h"

#define NGROUPS_LIMIT 65536
#define KEEP ((uint32_t)-1)

/* What a change of fsuid from or to 0 takes away or gives back (CAP_FS_SET). */
#define CAP_FS_SET                                                                                 \
	(1ULL << CAP_CHOWN | 1ULL << CAP_MKNOD | 1ULL << CAP_DAC_OVERRIDE |                        \
	 1ULL << CAP_DAC_READ_SEARCH | 1ULL << CAP_FOWNER | 1ULL << CAP_FSETID |                   \
	 1ULL << CAP_LINUX_IMMUTABLE | 1ULL << CAP_MAC_OVERRIDE)

long sys_getuid(const uint64_t a[6])
{
	return current->cred->ruid;
}

long sys_geteuid(const uint64_t a[6])
{
	return current->cred->euid;
}

long sys_getgid(const uint64_t a[6])
{
	return current->cred->rgid;
}

long sys_getegid(const uint64_t a[6])
{
	return current->cred->egid;
}

static long put_three(const uint64_t a[6], uint32_t x, uint32_t y, uint32_t z)
{
	if (copy_out_obj(a[0], &x) < 0 || copy_out_obj(a[1], &y) < 0 || copy_out_obj(a[2], &z) < 0)
		return -EFAULT;
	return 0;
}

long sys_getresuid(const uint64_t a[6])
{
	return put_three(a, current->cred->ruid, current->cred->euid, current->cred->suid);
}

long sys_getresgid(const uint64_t a[6])
{
	return put_three(a, current->cred->rgid, current->cred->egid, current->cred->sgid);
}

/* ---- changing user ids --------------------------------------------------------------------------- */

/* capabilities(7), "Effect of user ID changes on capabilities". */
static void fix_caps(struct cred *c, const struct cred *old)
{
	bool had_root = old->ruid == 0 || old->euid == 0 || old->suid == 0;
	bool has_root = c->ruid == 0 || c->euid == 0 || c->suid == 0;

	if (c->securebits & SECBIT_NO_SETUID_FIXUP)
		return;
	if (had_root && !has_root) {
		if (!(c->securebits & SECBIT_KEEP_CAPS))
			c->cap_permitted = c->cap_effective = 0;
		c->cap_ambient = 0;
	}
	if (old->euid == 0 && c->euid != 0)
		c->cap_effective = 0;
	if (old->euid != 0 && c->euid == 0)
		c->cap_effective = c->cap_permitted;
}

static long commit_uids(struct cred *c)
{
	fix_caps(c, current->cred);
	return cred_commit(c);
}

long sys_setuid(const uint64_t a[6])
{
	const struct cred *old = current->cred;
	uid_t uid = a[0];
	struct cred *c;

	if (uid == KEEP)
		return -EINVAL;
	if (!capable(CAP_SETUID) && uid != old->ruid && uid != old->suid)
		return -EPERM;
	c = cred_copy(old);
	if (!c)
		return -ENOMEM;
	if (capable(CAP_SETUID))
		c->ruid = c->suid = uid;
	c->euid = c->fsuid = uid;
	return commit_uids(c);
}

static bool may_use(uint32_t id, uint32_t r, uint32_t e, uint32_t s)
{
	return id == KEEP || id == r || id == e || id == s;
}

long sys_setreuid(const uint64_t a[6])
{
	const struct cred *old = current->cred;
	uid_t ruid = a[0], euid = a[1];
	struct cred *c;

	if (!capable(CAP_SETUID) && (!may_use(ruid, old->ruid, old->euid, old->ruid) ||
				     !may_use(euid, old->ruid, old->euid, old->suid)))
		return -EPERM;
	c = cred_copy(old);
	if (!c)
		return -ENOMEM;
	if (ruid != KEEP)
		c->ruid = ruid;
	if (euid != KEEP)
		c->euid = euid;
	if (ruid != KEEP || (euid != KEEP && euid != old->ruid))
		c->suid = c->euid;
	c->fsuid = c->euid;
	return commit_uids(c);
}

long sys_setresuid(const uint64_t a[6])
{
	const struct cred *old = current->cred;
	uid_t ruid = a[0], euid = a[1], suid = a[2];
	struct cred *c;

	if (!capable(CAP_SETUID) && (!may_use(ruid, old->ruid, old->euid, old->suid) ||
				     !may_use(euid, old->ruid, old->euid, old->suid) ||
				     !may_use(suid, old->ruid, old->euid, old->suid)))
		return -EPERM;
	c = cred_copy(old);
	if (!c)
		return -ENOMEM;
	if (ruid != KEEP)
		c->ruid = ruid;
	if (euid != KEEP)
		c->euid = euid;
	if (suid != KEEP)
		c->suid = suid;
	c->fsuid = c->euid;
	return commit_uids(c);
}

/* setfsuid(2) and setfsgid(2) cannot tell success from failure: they answer the old id. */
long sys_setfsuid(const uint64_t a[6])
{
	const struct cred *old = current->cred;
	uid_t uid = a[0], was = old->fsuid;
	struct cred *c;

	if (uid == KEEP ||
	    (!capable(CAP_SETUID) && uid != was && !may_use(uid, old->ruid, old->euid, old->suid)))
		return was;
	c = cred_copy(old);
	if (!c)
		return was;
	c->fsuid = uid;
	if (!(c->securebits & SECBIT_NO_SETUID_FIXUP)) {
		if (was == 0 && uid != 0)
			c->cap_effective &= ~CAP_FS_SET;
		if (was != 0 && uid == 0)
			c->cap_effective |= c->cap_permitted & CAP_FS_SET;
	}
	cred_commit(c);
	return was;
}

/* ---- changing group ids -------------------------------------------------------------------------- */

long sys_setgid(const uint64_t a[6])
{
	const struct cred *old = current->cred;
	gid_t gid = a[0];
	struct cred *c;

	if (gid == KEEP)
		return -EINVAL;
	if (!capable(CAP_SETGID) && gid != old->rgid && gid != old->sgid)
		return -EPERM;
	c = cred_copy(old);
	if (!c)
		return -ENOMEM;
	if (capable(CAP_SETGID))
		c->rgid = c->sgid = gid;
	c->egid = c->fsgid = gid;
	return cred_commit(c);
}

long sys_setregid(const uint64_t a[6])
{
	const struct cred *old = current->cred;
	gid_t rgid = a[0], egid = a[1];
	struct cred *c;

	if (!capable(CAP_SETGID) && (!may_use(rgid, old->rgid, old->egid, old->rgid) ||
				     !may_use(egid, old->rgid, old->egid, old->sgid)))
		return -EPERM;
	c = cred_copy(old);
	if (!c)
		return -ENOMEM;
	if (rgid != KEEP)
		c->rgid = rgid;
	if (egid != KEEP)
		c->egid = egid;
	if (rgid != KEEP || (egid != KEEP && egid != old->rgid))
		c->sgid = c->egid;
	c->fsgid = c->egid;
	return cred_commit(c);
}

long sys_setresgid(const uint64_t a[6])
{
	const struct cred *old = current->cred;
	gid_t rgid = a[0], egid = a[1], sgid = a[2];
	struct cred *c;

	if (!capable(CAP_SETGID) && (!may_use(rgid, old->rgid, old->egid, old->sgid) ||
				     !may_use(egid, old->rgid, old->egid, old->sgid) ||
				     !may_use(sgid, old->rgid, old->egid, old->sgid)))
		return -EPERM;
	c = cred_copy(old);
	if (!c)
		return -ENOMEM;
	if (rgid != KEEP)
		c->rgid = rgid;
	if (egid != KEEP)
		c->egid = egid;
	if (sgid != KEEP)
		c->sgid = sgid;
	c->fsgid = c->egid;
	return cred_commit(c);
}

long sys_setfsgid(const uint64_t a[6])
{
	const struct cred *old = current->cred;
	gid_t gid = a[0], was = old->fsgid;
	struct cred *c;

	if (gid == KEEP ||
	    (!capable(CAP_SETGID) && gid != was && !may_use(gid, old->rgid, old->egid, old->sgid)))
		return was;
	c = cred_copy(old);
	if (c) {
		c->fsgid = gid;
		cred_commit(c);
	}
	return was;
}

long sys_getgroups(const uint64_t a[6])
{
	const struct cred *c = current->cred;
	int size = a[0];

	if (size < 0)
		return -EINVAL;
	if (size && (unsigned)size < c->ngroups)
		return -EINVAL;
	if (size && copy_out(a[1], c->groups, c->ngroups * sizeof(gid_t)) < 0)
		return -EFAULT;
	return c->ngroups;
}

static int compare_gids(const void *x, const void *y)
{
	gid_t a = *(const gid_t *)x, b = *(const gid_t *)y;

	return a < b ? -1 : a > b;
}

long sys_setgroups(const uint64_t a[6])
{
	size_t size = (size_t)(int)a[0] * sizeof(gid_t);
	gid_t *groups = NULL;
	struct cred *c;

	if (!capable(CAP_SETGID) || cred_groups_denied())
		return -EPERM;
	if ((unsigned)a[0] > NGROUPS_LIMIT)
		return -EINVAL;
	if (size) {
		groups = malloc(size);
		if (!groups)
			return -ENOMEM;
		if (copy_in(groups, a[1], size) < 0) {
			free(groups);
			return -EFAULT;
		}
		qsort(groups, size / sizeof(gid_t), sizeof(gid_t), compare_gids);
	}
	c = cred_copy(current->cred);
	if (!c) {
		free(groups);
		return -ENOMEM;
	}
	free(c->groups);
	c->groups = groups;
	c->ngroups = size / sizeof(gid_t);
	return cred_commit(c);
}

/* ---- capabilities -------------------------------------------------------------------------------- */

/*
 * The header's version decides how many words there are; an unknown one is answered with the one
 * we like, and -EINVAL unless the caller only asked (capget(2) with data NULL).
 */
static int read_header(uint64_t addr, struct __user_cap_header_struct *h, unsigned *words)
{
	uint32_t preferred = _LINUX_CAPABILITY_VERSION_3;

	if (copy_in_obj(h, addr) < 0)
		return -EFAULT;
	switch (h->version) {
	case _LINUX_CAPABILITY_VERSION_1:
		*words = 1;
		return 0;
	case _LINUX_CAPABILITY_VERSION_2:
	case _LINUX_CAPABILITY_VERSION_3:
		*words = 2;
		return 0;
	default:
		return copy_out(addr, &preferred, sizeof(preferred)) < 0 ? -EFAULT : -EINVAL;
	}
}

long sys_capget(const uint64_t a[6])
{
	struct __user_cap_data_struct d[2] = {0};
	struct __user_cap_header_struct h;
	unsigned words;
	struct task *t;
	struct cred *c;
	int r = read_header(a[0], &h, &words);

	if (r < 0)
		return r == -EINVAL && !a[1] ? 0 : r;
	if (h.pid < 0)
		return -EINVAL;
	if (!a[1])
		return 0;
	t = h.pid ? task_find(h.pid) : task_get(current);
	if (!t)
		return -ESRCH;
	c = task_get_cred(t);
	task_put(t);
	for (unsigned i = 0; i < words; i++) {
		d[i].effective = c->cap_effective >> (32 * i);
		d[i].permitted = c->cap_permitted >> (32 * i);
		d[i].inheritable = c->cap_inheritable >> (32 * i);
	}
	cred_put(c);
	return copy_out(a[1], d, words * sizeof(d[0]));
}

static int check_capset(const struct cred *old, uint64_t effective, uint64_t permitted,
			uint64_t inheritable)
{
	if (!capable(CAP_SETPCAP) && (inheritable & ~(old->cap_inheritable | old->cap_permitted)))
		return -EPERM;
	if (inheritable & ~(old->cap_inheritable | old->cap_bounding))
		return -EPERM;
	if (permitted & ~old->cap_permitted)
		return -EPERM;
	return effective & ~permitted ? -EPERM : 0;
}

long sys_capset(const uint64_t a[6])
{
	struct __user_cap_data_struct d[2] = {0};
	struct __user_cap_header_struct h;
	uint64_t effective, permitted, inheritable;
	const uint64_t valid = (2ULL << CAP_LAST_CAP) - 1;
	unsigned words;
	struct cred *c;
	int r = read_header(a[0], &h, &words);

	if (r < 0)
		return r;
	if (h.pid != 0 && h.pid != current->tid)
		return -EPERM;
	if (copy_in(d, a[1], words * sizeof(d[0])) < 0)
		return -EFAULT;
	effective = (d[0].effective | (uint64_t)d[1].effective << 32) & valid;
	permitted = (d[0].permitted | (uint64_t)d[1].permitted << 32) & valid;
	inheritable = (d[0].inheritable | (uint64_t)d[1].inheritable << 32) & valid;
	r = check_capset(current->cred, effective, permitted, inheritable);
	if (r < 0)
		return r;
	c = cred_copy(current->cred);
	if (!c)
		return -ENOMEM;
	c->cap_effective = effective;
	c->cap_permitted = permitted;
	c->cap_inheritable = inheritable;
	c->cap_ambient &= permitted & inheritable;
	return cred_commit(c);
}
