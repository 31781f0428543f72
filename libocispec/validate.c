/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The rules of config.md that types alone do not say: the document, process, mounts and hooks. */
#include "libocispec/validate.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- helpers that the Linux half uses too --------------------------------------------------- */

const char *oci_at(oci_place buf, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(buf, sizeof(oci_place), fmt, ap);
	va_end(ap);
	return buf;
}

int oci_check_word(char **err, const char *at, const char *s, const char *const *words)
{
	char quoted[OCI_QUOTED], list[400] = "";
	size_t used = 0;

	if (!s)
		return 0;
	for (size_t i = 0; words[i]; i++)
		if (strcmp(words[i], s) == 0)
			return 0;
	/* Long lists would drown the sentence. */
	for (size_t i = 0; words[i] && used < 120; i++)
		used += (size_t)snprintf(list + used, sizeof(list) - used, "%s%s", i ? ", " : "",
					 words[i]);
	if (used >= 120)
		return oci_error(err, -EINVAL, "%s: %s is not known", at, oci_quote(quoted, s));
	return oci_error(err, -EINVAL, "%s: expected one of %s, found %s", at, list,
			 oci_quote(quoted, s));
}

int oci_check_words(char **err, const char *at, char *const *strs, size_t n,
		    const char *const *words)
{
	oci_place place;

	for (size_t i = 0; i < n; i++)
		if (oci_check_word(err, oci_at(place, "%s[%zu]", at, i), strs[i], words))
			return -EINVAL;
	return 0;
}

int oci_check_absolute(char **err, const char *at, const char *s)
{
	char quoted[OCI_QUOTED];

	if (!s || s[0] == '/')
		return 0;
	return oci_error(err, -EINVAL, "%s: expected an absolute path, found %s", at,
			 oci_quote(quoted, s));
}

int oci_check_list(char **err, const char *at, const char *s)
{
	char quoted[OCI_QUOTED];

	/* A larger number than any machine has is for whoever uses the list to complain about. */
	if (!s || oci_list_parse(s, NULL, 0) != -EINVAL)
		return 0;
	return oci_error(err, -EINVAL, "%s: expected a list such as \"0-3,7\", found %s", at,
			 oci_quote(quoted, s));
}

static bool ranges_overlap(uint32_t a, uint32_t a_size, uint32_t b, uint32_t b_size)
{
	return a < (uint64_t)b + b_size && b < (uint64_t)a + a_size;
}

int oci_check_mappings(char **err, const char *at, const struct oci_id_mapping *m, size_t n)
{
	const uint64_t end = UINT64_C(1) << 32;

	/* The kernel takes so many (user_namespaces(7)); it bounds the comparison of all pairs. */
	if (n > 340)
		return oci_error(err, -EINVAL, "%s: more than 340 entries", at);
	for (size_t i = 0; i < n; i++) {
		if (!m[i].size)
			return oci_error(err, -EINVAL, "%s[%zu].size: must not be 0", at, i);
		if ((uint64_t)m[i].container_id + m[i].size > end)
			return oci_error(err, -EINVAL, "%s[%zu]: containerID + size is above %u",
					 at, i, UINT32_MAX);
		if ((uint64_t)m[i].host_id + m[i].size > end)
			return oci_error(err, -EINVAL, "%s[%zu]: hostID + size is above %u", at, i,
					 UINT32_MAX);
		for (size_t j = 0; j < i; j++)
			if (ranges_overlap(m[i].container_id, m[i].size, m[j].container_id,
					   m[j].size) ||
			    ranges_overlap(m[i].host_id, m[i].size, m[j].host_id, m[j].size))
				return oci_error(err, -EINVAL, "%s[%zu]: overlaps with %s[%zu]", at,
						 i, at, j);
	}
	return 0;
}

const struct oci_namespace *oci_find_namespace(const struct oci_config *c, const char *type)
{
	for (size_t i = 0; i < c->linux->n_namespaces; i++)
		if (strcmp(c->linux->namespaces[i].type, type) == 0)
			return &c->linux->namespaces[i];
	return NULL;
}

/* NAME=value, with a name. */
static int check_env(char **err, const char *at, char *const *env, size_t n)
{
	char quoted[OCI_QUOTED];

	for (size_t i = 0; i < n; i++)
		if (env[i][0] == '=' || !strchr(env[i], '='))
			return oci_error(err, -EINVAL, "%s[%zu]: expected NAME=value, found %s", at,
					 i, oci_quote(quoted, env[i]));
	return 0;
}

/* ---- process -------------------------------------------------------------------------------- */

static int check_user(const struct oci_user *u, char **err)
{
	/* The highest number means "no change" to setresuid(2): it would leave the user as root. */
	if (u->uid == UINT32_MAX)
		return oci_error(err, -EINVAL, "process.user.uid: %u is not a user id", u->uid);
	if (u->gid == UINT32_MAX)
		return oci_error(err, -EINVAL, "process.user.gid: %u is not a group id", u->gid);
	if (u->umask > 0777)
		return oci_error(err, -EINVAL, "process.user.umask: expected at most 511, found %u",
				 u->umask);
	for (size_t i = 0; i < u->n_additional_gids; i++)
		if (u->additional_gids[i] == UINT32_MAX)
			return oci_error(err, -EINVAL,
					 "process.user.additionalGids[%zu]: %u is not a group id",
					 i, u->additional_gids[i]);
	return 0;
}

static int check_rlimits(const struct oci_process *p, char **err)
{
	char quoted[OCI_QUOTED];
	uint64_t seen = 0;

	for (size_t i = 0; i < p->n_rlimits; i++) {
		const struct oci_rlimit *l = &p->rlimits[i];
		int number = oci_rlimit_number(l->type);

		if (number < 0)
			return oci_error(err, -EINVAL, "process.rlimits[%zu].type: %s is not known",
					 i, oci_quote(quoted, l->type));
		if (seen & UINT64_C(1) << number)
			return oci_error(err, -EINVAL, "process.rlimits[%zu].type: %s given twice",
					 i, oci_quote(quoted, l->type));
		seen |= UINT64_C(1) << number;
		if (l->soft > l->hard)
			return oci_error(
			    err, -EINVAL,
			    "process.rlimits[%zu].soft: %llu is above the hard limit %llu", i,
			    (unsigned long long)l->soft, (unsigned long long)l->hard);
	}
	return 0;
}

static int check_scheduling(const struct oci_process *p, char **err)
{
	static const char *const policies[] = {"SCHED_OTHER", "SCHED_FIFO", "SCHED_RR",
					       "SCHED_BATCH", "SCHED_ISO",  "SCHED_IDLE",
					       "SCHED_DEADLINE", NULL};
	static const char *const flags[] = {
	    "SCHED_FLAG_RESET_ON_FORK", "SCHED_FLAG_RECLAIM",	   "SCHED_FLAG_DL_OVERRUN",
	    "SCHED_FLAG_KEEP_POLICY",	"SCHED_FLAG_KEEP_PARAMS",  "SCHED_FLAG_UTIL_CLAMP_MIN",
	    "SCHED_FLAG_UTIL_CLAMP_MAX", NULL};
	static const char *const classes[] = {"IOPRIO_CLASS_RT", "IOPRIO_CLASS_BE",
					      "IOPRIO_CLASS_IDLE", NULL};
	const struct oci_scheduler *s = p->scheduler;

	if (s) {
		if (oci_check_word(err, "process.scheduler.policy", s->policy, policies) ||
		    oci_check_words(err, "process.scheduler.flags", s->flags, s->n_flags, flags))
			return -EINVAL;
		if (s->nice < -20 || s->nice > 19)
			return oci_error(err, -EINVAL,
					 "process.scheduler.nice: expected -20 to 19, found %d",
					 s->nice);
	}
	if (p->io_priority) {
		if (oci_check_word(err, "process.ioPriority.class", p->io_priority->class, classes))
			return -EINVAL;
		if (p->io_priority->priority < 0 || p->io_priority->priority > 7)
			return oci_error(err, -EINVAL,
					 "process.ioPriority.priority: expected 0 to 7, found %d",
					 p->io_priority->priority);
	}
	if (p->exec_cpu_affinity &&
	    (oci_check_list(err, "process.execCPUAffinity.initial",
			    p->exec_cpu_affinity->initial) ||
	     oci_check_list(err, "process.execCPUAffinity.final", p->exec_cpu_affinity->final)))
		return -EINVAL;
	return 0;
}

int oci_process_validate(const struct oci_process *p, char **err)
{
	if (!p->n_args)
		return oci_error(err, -EINVAL, "process.args: must not be empty");
	if (oci_check_absolute(err, "process.cwd", p->cwd) ||
	    check_env(err, "process.env", p->env, p->n_env) || check_user(p->user, err) ||
	    check_rlimits(p, err) || check_scheduling(p, err))
		return -EINVAL;
	if (p->oom_score_adj < -1000 || p->oom_score_adj > 1000)
		return oci_error(err, -EINVAL,
				 "process.oomScoreAdj: expected -1000 to 1000, found %d",
				 p->oom_score_adj);
	return 0;
}

/* ---- the document --------------------------------------------------------------------------- */

/* MAJOR.MINOR.PATCH with an optional -prerelease or +build (semver.org). */
static int check_version(const char *version, char **err)
{
	unsigned long major;
	char quoted[OCI_QUOTED];
	const char *p = version;

	for (int part = 0; part < 3; part++) {
		unsigned long n;

		if ((part && *p++ != '.') || oci_read_number(&p, &n) < 0)
			goto bad;
		if (!part)
			major = n;
	}
	if (*p && *p != '-' && *p != '+')
		goto bad;
	if (major != 1)
		return oci_error(err, -EINVAL, "ociVersion: %s is not supported, only 1.x is",
				 oci_quote(quoted, version));
	return 0;
bad:
	return oci_error(err, -EINVAL, "ociVersion: expected a version such as \"1.2.0\", found %s",
			 oci_quote(quoted, version));
}

static int check_names(const struct oci_config *c, char **err)
{
	static const char *const what[] = {"hostname", "domainname"};
	const char *const names[] = {c->hostname, c->domainname};

	for (int i = 0; i < 2; i++) {
		if (!names[i] || !names[i][0])
			continue;
		if (strlen(names[i]) > 64)
			return oci_error(err, -EINVAL, "%s: longer than 64 bytes", what[i]);
		if (!oci_find_namespace(c, "uts"))
			return oci_error(err, -EINVAL,
					 "%s: needs a uts namespace in linux.namespaces", what[i]);
	}
	return 0;
}

static int check_mounts(const struct oci_config *c, char **err)
{
	oci_place place;

	for (size_t i = 0; i < c->n_mounts; i++) {
		const struct oci_mount *m = &c->mounts[i];

		if (!m->destination[0])
			return oci_error(err, -EINVAL, "mounts[%zu].destination: must not be empty",
					 i);
		if (oci_check_mappings(err, oci_at(place, "mounts[%zu].uidMappings", i),
				       m->uid_mappings, m->n_uid_mappings) ||
		    oci_check_mappings(err, oci_at(place, "mounts[%zu].gidMappings", i),
				       m->gid_mappings, m->n_gid_mappings))
			return -EINVAL;
		if (!m->n_uid_mappings != !m->n_gid_mappings)
			return oci_error(err, -EINVAL,
					 "mounts[%zu].%s: missing, but required together with %s",
					 i, m->n_uid_mappings ? "gidMappings" : "uidMappings",
					 m->n_uid_mappings ? "uidMappings" : "gidMappings");
	}
	return 0;
}

static int check_hook_list(char **err, const char *kind, const struct oci_hook *hooks, size_t n)
{
	oci_place place;

	for (size_t i = 0; i < n; i++) {
		if (oci_check_absolute(err, oci_at(place, "hooks.%s[%zu].path", kind, i),
				       hooks[i].path) ||
		    check_env(err, oci_at(place, "hooks.%s[%zu].env", kind, i), hooks[i].env,
			      hooks[i].n_env))
			return -EINVAL;
		if (hooks[i].has_timeout && hooks[i].timeout <= 0)
			return oci_error(err, -EINVAL,
					 "hooks.%s[%zu].timeout: expected more than 0, found %lld",
					 kind, i, (long long)hooks[i].timeout);
	}
	return 0;
}

static int check_hooks(const struct oci_hooks *h, char **err)
{
	if (!h)
		return 0;
	if (check_hook_list(err, "prestart", h->prestart, h->n_prestart) ||
	    check_hook_list(err, "createRuntime", h->create_runtime, h->n_create_runtime) ||
	    check_hook_list(err, "createContainer", h->create_container, h->n_create_container) ||
	    check_hook_list(err, "startContainer", h->start_container, h->n_start_container) ||
	    check_hook_list(err, "poststart", h->poststart, h->n_poststart) ||
	    check_hook_list(err, "poststop", h->poststop, h->n_poststop))
		return -EINVAL;
	return 0;
}

static int check_vm(const struct oci_vm *vm, char **err)
{
	const struct oci_hw_config *hw = vm ? vm->hw_config : NULL;

	if (hw && hw->has_vcpus && !hw->vcpus)
		return oci_error(err, -EINVAL, "vm.hwConfig.vcpus: must not be 0");
	if (hw && hw->has_memory && !hw->memory)
		return oci_error(err, -EINVAL, "vm.hwConfig.memory: must not be 0");
	return 0;
}

int oci_config_validate(const struct oci_config *c, char **err)
{
	if (check_version(c->oci_version, err))
		return -EINVAL;
	if (!c->root->path[0])
		return oci_error(err, -EINVAL, "root.path: must not be empty");
	if (c->process && oci_process_validate(c->process, err))
		return -EINVAL;
	for (size_t i = 0; i < c->annotations.n; i++)
		if (!c->annotations.keys[i][0])
			return oci_error(err, -EINVAL, "annotations: a name must not be empty");
	if (check_mounts(c, err) || check_hooks(c->hooks, err) || oci_linux_validate(c, err) ||
	    check_names(c, err) || check_vm(c->vm, err))
		return -EINVAL;
	return 0;
}
