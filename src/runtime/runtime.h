/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The OCI lifecycle on the host (runtime-spec, runtime.md): what the commands in cli/ are made of.
 * All functions return 0 or a negative errno with a message in *err.
 */
#ifndef HUSK_RUNTIME_RUNTIME_H
#define HUSK_RUNTIME_RUNTIME_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/error.h"

struct oci_config;
struct oci_process;
struct oci_intel_rdt;
struct oci_resources;

/* Global options, as runc has them. */
struct runtime_options {
	const char *root;     /* state directory, default /run/husk (rootless: $XDG_RUNTIME_DIR/husk) */
	bool systemd_cgroup;
	bool debug;
	const char *platform; /* "kvm", "ptrace" or "auto", before what the container says; or NULL */
};

struct create_options {
	const char *bundle;	    /* directory; default the current one */
	const char *pid_file;	    /* NULL: none */
	const char *console_socket; /* NULL: none */
	const char *pidfd_socket;   /* NULL: none */
	const char *config;	    /* instead of config.json: a path, in the bundle if relative */
	bool no_pivot;
	bool no_new_keyring;
	unsigned preserve_fds;
	bool detach; /* `run` only */
	bool keep;   /* `run` only: do not delete at the end */
};

enum container_status { STATUS_CREATING, STATUS_CREATED, STATUS_RUNNING, STATUS_PAUSED, STATUS_STOPPED };
const char *container_status_name(enum container_status s);

/* What state.json keeps and `state` and `list` show. Strings are malloc()ed. */
struct container {
	char *id;
	char *dir;	/* ROOT/ID */
	char *bundle;	/* absolute */
	char *rootfs;	/* absolute */
	char *created;	/* RFC 3339, UTC, nanoseconds */
	char *owner;
	char *oci_version;
	pid_t pid;
	unsigned long long pid_start; /* starttime of /proc/PID/stat: tells a recycled pid */
	char *control_socket;	      /* path, short enough for sun_path */
	char *cgroup_path;	      /* as runtime/cgroup wrote it down, to find it again */
	char *systemd_scope;
	char **annotations; /* key, value, …, NULL */
	enum container_status status;
	int lock_fd; /* held: commands on one container are serialised; -1 */
	int dir_fd;  /* of dir, while control_socket is a name below /proc/self/fd; else -1 */
};
void container_free(struct container *c);

/* 'invalid id' unless it is 1–1024 of [A-Za-z0-9_+-.], and not . or .. */
int container_check_id(const char *id, struct error *err);
/*
 * Loads ROOT/ID and its present status. locked: takes the container's lock first (blocking).
 * -ENOENT: "container \"ID\" does not exist".
 */
int container_load(const struct runtime_options *o, const char *id, bool locked,
		   struct container **out, struct error *err);
/* All ids below root, sorted; malloc()ed, NULL-terminated. */
int container_list(const struct runtime_options *o, char ***ids, struct error *err);

/* create: after it the sandbox waits for `start`. run is create, start, and wait unless detach. */
int container_create(const struct runtime_options *o, const char *id, const struct create_options *c,
		     struct error *err);
int container_start(const struct runtime_options *o, struct container *c, struct error *err);
/* *exit_status: what the command exits with: the code, or 128 + signal. 0 with detach. */
int container_run(const struct runtime_options *o, const char *id, const struct create_options *c,
		  int *exit_status, struct error *err);
int container_kill(struct container *c, int sig, bool all, struct error *err);
/*
 * pause: nothing of the container runs until resume. -EINVAL: "container not running", "container
 * not paused"; -ENOTSUP: no freezer. The container's lock is held.
 */
int container_pause(struct container *c, struct error *err);
int container_resume(struct container *c, struct error *err);
/*
 * For what only the sandbox can do, while the container is paused: the sandbox runs between wake and
 * sleep, and the container still counts as paused. Nothing happens to one that is not paused. Locked.
 */
int container_wake(struct container *c, struct error *err);
int container_sleep(struct container *c, struct error *err);
/*
 * New limits for a running container: what changes says, the rest stays. A failure changes nothing.
 * changes is used up, but still the caller's to free. schemas: l3CacheSchema and memBwSchema for its class
 * of service, which is made if it has none; NULL: none. Locked.
 */
int container_update(struct container *c, struct oci_resources *changes, const struct oci_intel_rdt *schemas,
		     struct error *err);
/*
 * Mounts or unmounts, in a running container, what file says: an array like config.json's mounts. What
 * was added is gone again when a later one fails; a removal stops at the first that fails. -EBUSY: the
 * container is paused, the mount in use; -EINVAL: it does not run, a mistake in the file, nothing
 * mounted there; -ENOTSUP: neither a bind mount nor a tmpfs, or the place is husk's own. Locked.
 */
int container_change_mounts(const struct container *c, const char *file, bool add, struct error *err);
/* force: kill -9 first. Cleans whatever is left, also after a sandbox or husk died half-way. */
int container_delete(const struct runtime_options *o, const char *id, bool force, struct error *err);

struct exec_options {
	const char *pid_file, *console_socket, *pidfd_socket;
	bool detach;
	unsigned preserve_fds;
	bool ignore_paused;
	const char *const *cgroups; /* groups below the container's, as runc's --cgroup names them */
	size_t n_cgroups;
};
/* p: complete process object (terminal, user, args, env, cwd, …). *exit_status as for run. */
int container_exec(const struct runtime_options *o, struct container *c, const struct oci_process *p,
		   const struct exec_options *x, int *exit_status, struct error *err);
/* The process object of the container's config.json, for exec's defaults. Caller frees. */
int container_load_process(struct container *c, struct oci_process **out, struct error *err);

/* `husk state` output: the OCI state object, as JSON text (malloc()ed). */
int container_state_json(struct container *c, char **json, struct error *err);

#endif
