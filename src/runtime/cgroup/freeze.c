/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Freezing a cgroup, which is the second half of `pause`. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/cleanup.h"
#include "runtime/cgroup/cgroup.h"
#include "runtime/files.h"

#define FREEZE_ROUNDS 1000
#define FREEZE_PAUSE_NS 1000000
#define MEMBERS_MAX_BYTES (8u << 20)
#define PF_KTHREAD 0x200000 /* include/linux/sched.h, shown in field 9 of /proc/PID/stat */

static void pause_ns(long ns)
{
	struct timespec ts = {0, ns};

	nanosleep(&ts, NULL);
}

static bool is_kernel_thread(const char *pid)
{
	cleanup_free char *path = string_format("/proc/%s/stat", pid), *stat = NULL;
	unsigned long flags;
	const char *p;

	if (!path || file_read(AT_FDCWD, path, 4096, &stat) < 0)
		return false;
	p = strrchr(stat, ')'); /* the name may contain anything */
	return p && sscanf(p + 1, " %*c %*d %*d %*d %*d %*d %lu", &flags) == 1 && (flags & PF_KTHREAD);
}

/* The topmost cgroup above dir that is visible: only the root has no cgroup.type (cgroups(7)). */
static char *root_of(const char *dir)
{
	char *root = strdup(dir), *slash;

	while (root && cgroup_has_file(root, "cgroup.type") && (slash = strrchr(root, '/')) &&
	       slash != root)
		*slash = 0;
	return root;
}

/*
 * Up to Linux 6.12 KVM makes a kernel thread for each VM (its 'nx-lpage-recovery') and puts it into
 * the cgroup of the process that made the VM. Kernel threads never freeze, and so the cgroup would
 * never be frozen. Its work is the whole machine's: the root cgroup is a good place for it. Where we
 * may not move it, freezing will say that it failed.
 */
static void evict_kernel_threads(const char *dir)
{
	cleanup_free char *path = string_format("%s/cgroup.procs", dir), *pids = NULL;
	cleanup_free char *root = root_of(dir), *to = NULL;
	char *save;

	to = root ? string_format("%s/cgroup.procs", root) : NULL;
	if (!path || !to || file_read(AT_FDCWD, path, MEMBERS_MAX_BYTES, &pids) < 0)
		return;
	for (char *p = strtok_r(pids, "\n", &save); p; p = strtok_r(NULL, "\n", &save))
		if (is_kernel_thread(p))
			file_write(AT_FDCWD, to, p);
}

/* The file that tells the state, and what it says of a frozen cgroup. */
bool cgroup_dir_frozen(const struct cgroup_set *s, const char *dir)
{
	cleanup_free char *path = string_format("%s/%s", dir,
						s->v2 ? "cgroup.events" : "freezer.state");
	cleanup_free char *state = NULL;

	if (!path || file_read(AT_FDCWD, path, 4096, &state) < 0)
		return false;
	return strstr(state, s->v2 ? "frozen 1" : "FROZEN");
}

bool cgroup_is_frozen(const char *text)
{
	struct cgroup_set s;
	const char *dir;
	bool yes;

	if (cgroup_parse(text, &s) < 0)
		return false;
	dir = cgroup_find(&s, "freezer");
	yes = dir && cgroup_dir_frozen(&s, dir);
	cgroup_set_free(&s);
	return yes;
}

int cgroup_dir_freeze(const struct cgroup_set *s, const char *dir, bool freeze,
		      struct error *err)
{
	cleanup_free char *path = string_format("%s/%s", dir,
						s->v2 ? "cgroup.freeze" : "freezer.state");
	const char *value = s->v2 ? (freeze ? "1" : "0") : (freeze ? "FROZEN" : "THAWED");

	if (!path)
		return error_set(err, -ENOMEM, "out of memory");
	if (s->v2 && freeze)
		evict_kernel_threads(dir);
	/* v1 freezes those it can catch at the moment: ask again until all are. */
	for (int i = 0; i < FREEZE_ROUNDS; i++) {
		int r = file_write(AT_FDCWD, path, value);

		if (r < 0)
			return error_errno(err, r, "cannot write %s to %s", value, path);
		if (cgroup_dir_frozen(s, dir) == freeze)
			return 0;
		pause_ns(FREEZE_PAUSE_NS);
	}
	file_write(AT_FDCWD, path, s->v2 ? "0" : "THAWED");
	return error_set(err, -ETIMEDOUT, "the cgroup %s cannot be frozen", dir);
}

int cgroup_freeze(const char *text, bool freeze, struct error *err)
{
	struct cgroup_set s;
	const char *dir;
	int r = cgroup_parse(text, &s);

	if (r < 0)
		return error_set(err, -ENOMEM, "out of memory");
	dir = cgroup_find(&s, "freezer");
	r = dir ? cgroup_dir_freeze(&s, dir, freeze, err)
		: error_set(err, -ENOTSUP, "this host has no freezer cgroup");
	cgroup_set_free(&s);
	return r;
}

int cgroup_dir_thaw_all(const struct cgroup_set *s, const char *dir, struct error *err)
{
	int r = cgroup_dir_frozen(s, dir) ? cgroup_dir_freeze(s, dir, false, err) : 0;
	cleanup_closedir DIR *d = s->v2 || r < 0 ? NULL : opendir(dir);
	struct dirent *e;

	while (d && !r && (e = readdir(d))) {
		if (e->d_type != DT_DIR || e->d_name[0] == '.')
			continue;
		cleanup_free char *below = string_format("%s/%s", dir, e->d_name);

		r = below ? cgroup_dir_thaw_all(s, below, err) : error_set(err, -ENOMEM, "out of memory");
	}
	return r;
}

int cgroup_thaw_to_die(const char *text, struct error *err)
{
	struct cgroup_set s;
	const char *dir;
	int r;

	if (cgroup_parse(text, &s) < 0)
		return error_set(err, -ENOMEM, "out of memory");
	dir = cgroup_find(&s, "freezer");
	r = dir ? cgroup_dir_thaw_all(&s, dir, err) : 0;
	cgroup_set_free(&s);
	return r;
}
