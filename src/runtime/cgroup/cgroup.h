/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The container's control groups: one directory in every v1 hierarchy, or one in the v2 hierarchy.
 * On a hybrid host (v1 controllers and an extra cgroup2 mount) the v1 hierarchies are the ones.
 *
 * A container's cgroup is written down as text, one line a hierarchy: the controllers, a colon and
 * the directory ("cpu,cpuacct:/sys/fs/cgroup/cpu,cpuacct/web\n"); the v2 line has no controllers.
 * That text is what state.json keeps and what all functions here take.
 */
#ifndef HUSK_RUNTIME_CGROUP_H
#define HUSK_RUNTIME_CGROUP_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/error.h"

struct oci_resources;

/*
 * The sandbox itself lives in the container's memory limit: code, page tables, the tables of its
 * kernel. Below this (bytes) no program would ever start.
 */
#define CGROUP_MEMORY_MIN (8LL << 20)

#define CGROUP_HIERARCHIES_MAX 24

struct cgroup_dir {
	char *controllers; /* comma-separated; "" for v2 */
	char *path;
};

struct cgroup_set {
	struct cgroup_dir dir[CGROUP_HIERARCHIES_MAX];
	unsigned n;
	bool v2;
};

/*
 * Where the container's cgroup is to be; nothing is made yet. cgroups_path as in config-linux.md:
 * absolute: below the hierarchies' roots; relative or NULL (then id): below the caller's own cgroup,
 * on v2 beside it, since a cgroup with processes cannot have children with controllers. *text is
 * malloc()ed; NULL when the host has no cgroups mounted. Both NULL: where the caller is.
 */
int cgroup_plan(const char *cgroups_path, const char *id, char **text, struct error *err);

int cgroup_parse(const char *text, struct cgroup_set *s);
void cgroup_set_free(struct cgroup_set *s);
/* The directory of a v1 controller (or of v2, if that is what there is); NULL: not there. */
const char *cgroup_find(const struct cgroup_set *s, const char *controller);

/* Is the v2 hierarchy all there is, as systemd sees it? */
bool cgroup_only_v2(void);

/*
 * Makes the directories, and on v2 enables the controllers above them. Somebody else's processes in
 * them are -EBUSY, since they would be killed with the container; shared: they are known of.
 */
int cgroup_create(const char *text, bool shared, struct error *err);

/* Writes limits, all but the devices. resources may be NULL. A limit that cannot be set is an error. */
int cgroup_apply(const char *text, const struct oci_resources *r, struct error *err);

/*
 * What is written between begin and end can be taken back: with undo, every file has its old content
 * again.
 */
void cgroup_journal_begin(void);
void cgroup_journal_end(bool undo);

/* Opens the files that the sandbox' memory watch reads; -1 for those that are not there. */
struct sandbox_memory;
void cgroup_memory_open(const char *text, struct sandbox_memory *m);
void cgroup_memory_close(struct sandbox_memory *m);

/* Can swap be limited here? */
bool cgroup_accounts_swap(const char *text);

/* Closes the devices cgroup but for the rules and what every container has (null, zero, pts …). */
int cgroup_apply_devices(const char *text, const struct oci_resources *r, struct error *err);

/* Moves the calling process. */
int cgroup_join(const char *text, struct error *err);

/*
 * Opens what a thread writes "0" to in order to enter groups below the container's: their `tasks`, on
 * v2 the `cgroup.threads` of a threaded group (cgroups(7)). options[0 … n-1] are runc's exec --cgroup:
 * "[CONTROLLER[,CONTROLLER…]:]SUB"; without a controller (one option only) for every hierarchy. SUB is
 * there already and not frozen; "" and "/" are the container's own, which takes nothing. fds has room
 * for CGROUP_HIERARCHIES_MAX; they are close-on-exec and the caller's. -EINVAL, -ENOENT,
 * -EOPNOTSUPP: not a threaded group; -EBUSY: frozen. On failure nothing is open.
 */
int cgroup_open_sub(const char *text, const char *const *options, size_t n, int *fds, unsigned *nfds,
		    struct error *err);
void cgroup_close_sub(const int *fds, unsigned *nfds);

bool cgroup_is_frozen(const char *text);
int cgroup_freeze(const char *text, bool freeze, struct error *err);

/*
 * For who has been sent SIGKILL: thaws the group and, on v1, those below that somebody froze, since
 * there a frozen thread does not even die.
 */
int cgroup_thaw_to_die(const char *text, struct error *err);

/*
 * The processes of the group and of those below it, in ascending order, each once; one that has a thread
 * in it is in it. Those of a pid namespace that is not below ours have no number and are left out.
 * *pids is malloc()ed, NULL for none. -ENOMEM alone: a group that is gone has no members.
 */
int cgroup_members(const char *text, pid_t **pids, size_t *n, struct error *err);

/* SIGKILL to every member, again until none is left (bounded: -ETIMEDOUT). Thaws. */
int cgroup_kill(const char *text, struct error *err);

/* Removes the directories and those below. Already gone is fine. */
int cgroup_destroy(const char *text, struct error *err);

/* ---- for the files of this directory -------------------------------------------------------- */

int cgroup_v1_create(const struct cgroup_set *s, struct error *err);
int cgroup_v2_create(const struct cgroup_set *s, struct error *err);
int cgroup_v1_apply(const struct cgroup_set *s, const struct oci_resources *r, struct error *err);
int cgroup_v2_apply(const struct cgroup_set *s, const struct oci_resources *r, struct error *err);

/* Freezes or thaws one directory; is it frozen? */
int cgroup_dir_freeze(const struct cgroup_set *s, const char *dir, bool freeze, struct error *err);
bool cgroup_dir_frozen(const struct cgroup_set *s, const char *dir);
/* cgroup_thaw_to_die() of one directory. */
int cgroup_dir_thaw_all(const struct cgroup_set *s, const char *dir, struct error *err);

/* rdma.max has the same form in v1 and v2. */
int cgroup_apply_rdma(const char *dir, const struct oci_resources *r, struct error *err);

/* Writes a value to DIR/file; the error names the field of linux.resources. */
int cgroup_write(const char *dir, const char *file, const char *field, struct error *err,
		 const char *fmt, ...) __attribute__((format(printf, 5, 6)));
bool cgroup_has_file(const char *dir, const char *file);

/* Device rules with the defaults behind them, normalised. */
struct device_rule {
	bool allow;
	char type;	    /* 'a', 'b' or 'c' */
	long major, minor; /* -1: any */
	unsigned access;    /* DEVICE_… */
};
#define DEVICE_MKNOD 1u /* the values of BPF_DEVCG_ACC_… */
#define DEVICE_READ 2u
#define DEVICE_WRITE 4u
/* malloc()ed. The first rule is always 'deny everything'; the last one that matches counts. */
int device_rules(const struct oci_resources *r, struct device_rule **rules, size_t *n,
		 struct error *err);
int device_rules_attach_bpf(const char *dir, const struct device_rule *rules, size_t n,
			    struct error *err);

#endif
