/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "sandbox/private.h"

/* The spec's default (config.md, user.umask). */
#define DEFAULT_UMASK 0022

static uint64_t capability_set(char *const *names, size_t n)
{
	uint64_t set = 0;

	for (size_t i = 0; i < n; i++) {
		/* Unknown names are a warning of the command that read the file, as with runc. */
		int cap = oci_capability_number(names[i]);

		if (cap >= 0)
			set |= 1ULL << cap;
	}
	return set;
}

static struct cred *make_cred(const struct oci_process *p)
{
	const struct oci_capabilities *caps = p->capabilities;
	const struct oci_user *u = p->user;
	struct cred *c = cred_new();

	if (!c)
		return NULL;
	c->ruid = c->euid = c->suid = c->fsuid = u->uid;
	c->rgid = c->egid = c->sgid = c->fsgid = u->gid;
	if (u->n_additional_gids > 0) {
		c->groups = malloc(u->n_additional_gids * sizeof(gid_t));
		if (!c->groups) {
			cred_put(c);
			return NULL;
		}
		for (size_t i = 0; i < u->n_additional_gids; i++)
			c->groups[i] = u->additional_gids[i];
		c->ngroups = u->n_additional_gids;
	}
	if (caps) {
		c->cap_bounding = capability_set(caps->bounding, caps->n_bounding);
		c->cap_effective = capability_set(caps->effective, caps->n_effective);
		c->cap_inheritable = capability_set(caps->inheritable, caps->n_inheritable);
		c->cap_permitted = capability_set(caps->permitted, caps->n_permitted);
		c->cap_ambient = capability_set(caps->ambient, caps->n_ambient);
	}
	c->no_new_privs = p->no_new_privileges;
	return c;
}

/* One description per terminal: 0, 1 and 2 of a terminal are dup()s of each other, as under runc. */
static int wrap_terminal(int fd, struct fdtable *t, struct tty **tty)
{
	struct file *f;
	int r = tty_open_host(fd, O_RDWR, NULL, &f);

	if (r < 0)
		return r;
	*tty = tty_get(tty_of_file(f));
	for (int i = 0; i < 3; i++) {
		r = fdtable_install_at(t, file_get(f), i, INT_MAX, false);
		if (r < 0) {
			file_put(f);
			break;
		}
	}
	file_put(f);
	return r < 0 ? r : 0;
}

/*
 * A descriptor that came with the process. A terminal that is not the container's own (a person's,
 * at `husk run` without -t) is a terminal for isatty() and friends, with nobody's job control.
 */
static int wrap_fd(int fd, int as, struct fdtable *t)
{
	int flags = fcntl(fd, F_GETFL);
	struct file *f;
	int r;

	if (flags < 0) {
		r = -errno;
		close(fd);
		return r;
	}
	flags &= O_ACCMODE | O_APPEND | O_NONBLOCK | O_DIRECTORY | O_PATH;
	if (isatty(fd))
		r = tty_open_host(fd, flags, NULL, &f);
	else
		r = file_from_host(fd, flags, &f);
	if (r < 0)
		return r;
	r = fdtable_install_at(t, f, as, INT_MAX, false);
	if (r < 0)
		file_put(f);
	return r < 0 ? r : 0;
}

/* Consumes every descriptor, also on the way out of an error. */
static int make_table(struct process_fds *fds, struct fdtable **out, struct tty **tty,
		      struct error *err)
{
	struct fdtable *t = fdtable_new();
	int r = t ? 0 : -ENOMEM;
	unsigned i = 0;
	int as = 0;

	*tty = NULL;
	if (r == 0 && fds->terminal && fds->n > 0) {
		r = wrap_terminal(fds->fds[i++], t, tty);
		as = 3;
	}
	for (; r == 0 && i < fds->n; i++, as += r == 0)
		if (fds->fds[i] >= 0)
			r = wrap_fd(fds->fds[i], as, t);
	for (; i < fds->n; i++)
		if (fds->fds[i] >= 0)
			close(fds->fds[i]);
	if (r < 0) {
		if (*tty)
			tty_put(*tty);
		*tty = NULL;
		if (t)
			fdtable_put(t);
		return error_errno(err, r, "descriptor %d of the process", as);
	}
	*out = t;
	return 0;
}

static void make_rlimits(const struct oci_process *p, struct rlimit *limits)
{
	for (int i = 0; i < RLIM_COUNT; i++)
		if (getrlimit(i, &limits[i]) < 0)
			limits[i].rlim_cur = limits[i].rlim_max = RLIM_INFINITY;
	for (size_t i = 0; i < p->n_rlimits; i++) {
		int nr = oci_rlimit_number(p->rlimits[i].type);

		if (nr < 0 || nr >= RLIM_COUNT)
			continue;
		limits[nr].rlim_cur = p->rlimits[i].soft;
		limits[nr].rlim_max = p->rlimits[i].hard;
	}
}

/* What is asked for was applied to the whole sandbox (runtime/scheduling.c): here it is reported. */
static void report_scheduler(const struct oci_scheduler *s, struct spawn_args *args)
{
	if (!s)
		return;
	args->policy = oci_scheduler_policy(s->policy);
	args->nice = s->nice;
	args->rt_priority = s->priority;
}

/*
 * The CPUs of an exec'd process, which its children inherit. (config.json's own is not for init, says
 * the spec.) Only one process is made at a time.
 */
static int choose_cpus(const struct oci_process *p, struct spawn_args *args, struct error *err)
{
	static unsigned char mask[OCI_LIST_MAX / 8];
	const char *list = p->exec_cpu_affinity ? p->exec_cpu_affinity->final : NULL;

	if (args->is_init || !list || !*list)
		return 0;
	if (oci_list_parse(list, mask, sizeof(mask)) < 0)
		return error_set(err, -EINVAL, "process.execCPUAffinity.final: \"%s\"", list);
	args->cpus = mask;
	args->cpus_size = sizeof(mask);
	return 0;
}

int process_to_spawn(const struct oci_process *p, struct process_fds *fds, struct spawn_args *args,
		     struct tty **tty, struct error *err)
{
	int r = make_table(fds, &args->files, tty, err);

	if (r < 0)
		return r;
	r = choose_cpus(p, args, err);
	args->cred = r < 0 ? NULL : make_cred(p);
	if (!args->cred) {
		fdtable_put(args->files);
		if (*tty)
			tty_put(*tty);
		return r < 0 ? r : error_errno(err, -ENOMEM, "credentials of the process");
	}
	report_scheduler(p->scheduler, args);
	args->personality = sandbox_personality;
	make_rlimits(p, args->rlimits);
	args->argv = (const char *const *)p->args;
	args->env = (const char *const *)p->env;
	args->cwd = p->cwd;
	args->tty = *tty;
	args->seccomp = seccomp_profile;
	args->umask = p->user->has_umask ? p->user->umask : DEFAULT_UMASK;
	args->oom_score_adj = p->has_oom_score_adj ? p->oom_score_adj : 0;
	return 0;
}
