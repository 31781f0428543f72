/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Credentials (credentials(7), capabilities(7)). A struct cred is immutable once a task has it;
 * changes make a copy. They are mirrored onto the task's host thread by raw per-thread system calls,
 * so that the host makes the permission checks; husk's own capabilities stay permitted and are raised
 * only inside cred_raise()/cred_lower() sections.
 */
#ifndef HUSK_KERNEL_CRED_H
#define HUSK_KERNEL_CRED_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct cred {
	atomic_uint refs;
	uid_t ruid, euid, suid, fsuid;
	gid_t rgid, egid, sgid, fsgid;
	unsigned ngroups;
	gid_t *groups; /* sorted as given */
	uint64_t cap_inheritable, cap_permitted, cap_effective, cap_bounding, cap_ambient;
	unsigned securebits;
	bool no_new_privs;
};

struct cred *cred_new(void); /* all ids 0, no capabilities; NULL: no memory */
struct cred *cred_copy(const struct cred *c);
struct cred *cred_get(struct cred *c);
void cred_put(struct cred *c);

/* Does current have the capability effectively? */
bool capable(int cap);
bool cred_capable(const struct cred *c, int cap);
bool in_group(gid_t gid);

/* Makes c (consumed) the credentials of current and mirrors them. 0 or the host's refusal. */
int cred_commit(struct cred *c);
/*
 * What execve(2) makes of the credentials old for a program with this mode and owner (set-id bits
 * count unless nosuid or no_new_privs) and, if it is a script, without set-id bits. A new cred; NULL:
 * no memory. *secure: AT_SECURE.
 */
struct cred *cred_for_exec(const struct cred *old, mode_t mode, uid_t uid, gid_t gid, bool nosuid,
			   bool *secure);
/* Mirrors the credentials c on this host thread (a new process' first thread). */
int cred_mirror(const struct cred *c);
/* Prepares the process: NO_SETUID_FIXUP, KEEP_CAPS; remembers the host capabilities it may raise. */
int cred_host_init(void);
/* Is setgroups(2) denied to everybody in the user namespace the container lives in? */
bool cred_groups_denied(void);
/* A named section with a host capability effective on this thread. Nests. */
void cred_raise(int cap);
void cred_lower(int cap);

#endif
