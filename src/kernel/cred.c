/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Credentials: counting, questions about them, and what execve(2) makes of them. */
#include "kernel/cred.h"

#include <errno.h>
#include <linux/capability.h>
#include <linux/securebits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "kernel/internal.h"

struct cred *cred_new(void)
{
	struct cred *c = calloc(1, sizeof(*c));

	if (c)
		atomic_init(&c->refs, 1);
	return c;
}

struct cred *cred_copy(const struct cred *old)
{
	struct cred *c = malloc(sizeof(*c));

	if (!c)
		return NULL;
	*c = *old;
	atomic_init(&c->refs, 1);
	c->groups = NULL;
	if (old->ngroups) {
		c->groups = malloc(old->ngroups * sizeof(gid_t));
		if (!c->groups) {
			free(c);
			return NULL;
		}
		memcpy(c->groups, old->groups, old->ngroups * sizeof(gid_t));
	}
	return c;
}

struct cred *cred_get(struct cred *c)
{
	atomic_fetch_add(&c->refs, 1);
	return c;
}

void cred_put(struct cred *c)
{
	if (!c || atomic_fetch_sub(&c->refs, 1) != 1)
		return;
	free(c->groups);
	free(c);
}

bool cred_capable(const struct cred *c, int cap)
{
	return cap >= 0 && cap < 64 && (c->cap_effective >> cap & 1);
}

bool capable(int cap)
{
	return cred_capable(current->cred, cap);
}

bool in_group(gid_t gid)
{
	const struct cred *c = current->cred;

	if (c->fsgid == gid)
		return true;
	for (unsigned i = 0; i < c->ngroups; i++)
		if (c->groups[i] == gid)
			return true;
	return false;
}

/* ---- execve -------------------------------------------------------------------------------------- */

/*
 * capabilities(7), "Capabilities and execution of programs by root". File capabilities are not
 * read: security.capability needs the host's view of the mount's user namespace.
 */
static void transform_caps(struct cred *c, const struct cred *old, bool set_id)
{
	bool root_special = !(c->securebits & SECBIT_NOROOT);
	uint64_t file_permitted = 0, file_inheritable = 0;
	bool file_effective = false;

	if (root_special && (c->euid == 0 || c->ruid == 0)) {
		file_permitted = file_inheritable = ~0ULL;
		file_effective = c->euid == 0;
	}
	if (set_id)
		c->cap_ambient = 0;
	c->cap_permitted = (old->cap_inheritable & file_inheritable) |
			   (file_permitted & old->cap_bounding) | c->cap_ambient;
	/* no_new_privs: what is gained is lost again (cap_bprm_creds_from_file()). */
	if (c->no_new_privs)
		c->cap_permitted &= old->cap_permitted;
	c->cap_effective = file_effective ? c->cap_permitted : c->cap_ambient;
	c->securebits &= ~SECBIT_KEEP_CAPS;
}

struct cred *cred_for_exec(const struct cred *old, mode_t mode, uid_t uid, gid_t gid, bool nosuid,
			   bool *secure)
{
	struct cred *c = cred_copy(old);
	bool honour = !nosuid && !old->no_new_privs;

	if (!c)
		return NULL;
	if (honour && (mode & S_ISUID))
		c->euid = uid;
	/* Without group execute permission the bit means mandatory locking, not set-gid. */
	if (honour && (mode & (S_ISGID | S_IXGRP)) == (S_ISGID | S_IXGRP))
		c->egid = gid;
	c->suid = c->fsuid = c->euid;
	c->sgid = c->fsgid = c->egid;
	transform_caps(c, old, c->euid != old->euid || c->egid != old->egid);
	*secure = c->euid != c->ruid || c->egid != c->rgid ||
		  (c->ruid != 0 && c->cap_effective != c->cap_ambient);
	return c;
}
