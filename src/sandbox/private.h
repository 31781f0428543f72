/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the files of sandbox/ share among themselves. */
#ifndef HUSK_SANDBOX_PRIVATE_H
#define HUSK_SANDBOX_PRIVATE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "kernel/seccomp.h"
#include "kernel/task.h"
#include "libocispec/ocispec.h"
#include "sandbox/sandbox.h"

/* ---- process.c: a process object of the OCI spec, as a guest process to be ---------------------- */

struct process_fds {
	int *fds; /* host descriptors for the guest's 0, 1, 2, …; consumed */
	unsigned n;
	bool terminal; /* fds[0] is the terminal, and stands for 0, 1 and 2 */
};

/*
 * Fills the spawn arguments (credentials, descriptors, limits); strings stay p's. On success *tty is
 * the controlling terminal with a reference, or NULL, and also in args. Descriptors are consumed
 * in any case; credentials and the table belong to args, so to spawn_prepare().
 */
int process_to_spawn(const struct oci_process *p, struct process_fds *fds, struct spawn_args *args,
		     struct tty **tty, struct error *err);

/* ---- placeholder.c ------------------------------------------------------------------------------ */

/*
 * On the task side's first thread: a mount namespace of its own with dead FUSE mounts over the places
 * of husk's own file systems; tells vfs which trees stand where. 0, -errno with *err.
 */
int placeholders_mount(const struct sandbox_args *args, struct error *err);

/* Does config.json mount a file system of this type there? */
bool placeholder_has_mount(const struct oci_config *c, const char *type, const char *at);

/* ---- outside.c ---------------------------------------------------------------------------------- */

/*
 * Covers the host's /proc in the container's mount namespace (not the task side's, which is made by then)
 * with a file system that shows the guest's, for who enters it from the host. Without FUSE, or in a mount
 * namespace that is not the container's alone, the host's stays. outside_serve() starts its server, on
 * the confined process; nothing may look there before. 0, -errno with *err.
 */
void outside_mount(const struct sandbox_args *args);
int outside_serve(struct error *err);

/*
 * For a container without a mount namespace: the first thread goes back to the namespace fd (consumed)
 * with its root where it is. What is mounted there stays, and stays the task side's.
 */
int mounts_leave(int fd, struct error *err);

/* ---- label.c ------------------------------------------------------------------------------------ */

/*
 * process.selinuxLabel, for the whole process: SELinux asks for it while there is one thread.
 * process.apparmorProfile, for the calling thread and those that it will make; before
 * no_new_privs, which forbids it, and after the last mount, which a profile may.
 */
int label_set_selinux(const struct oci_process *p, struct error *err);
int label_set_apparmor(const struct oci_process *p, struct error *err);

/* ---- confine.c ---------------------------------------------------------------------------------- */

/*
 * On the calling thread: keeps only the capabilities that mirrored guest credentials and husk's own
 * sections need, sets no_new_privs.
 */
int confine_capabilities(const struct oci_config *config, struct error *err);
/* For the whole process: from here on only the host calls that husk makes. */
int confine_syscalls(const char *platform, struct error *err);

/* ---- seccomp_profile.c --------------------------------------------------------------------------- */

/*
 * config.json's linux.seccomp as instructions for seccomp_new(); *insns is malloc()ed. Names that
 * x86-64 does not have are passed over, as the profile's other architectures are; strict: names that
 * nobody knows are an error.
 */
int seccomp_profile_compile(const struct oci_seccomp *p, bool strict, struct sock_filter **insns,
			    size_t *n, struct error *err);
/* The filter that every process of the container starts with; NULL: none. Set at boot. */
extern struct seccomp_filter *seccomp_profile;

/* personality(2) of every process of the container's: linux.personality. Set at boot. */
extern unsigned long sandbox_personality;

/* ---- start_hooks.c ------------------------------------------------------------------------------ */

/*
 * Runs the startContainer hooks as guest processes, while init is prepared but not started, with
 * `state` (JSON) on their stdin. The first that fails or takes too long ends the row: -errno with
 * *err naming it. On a thread of its own: it waits.
 */
int start_hooks_run(const struct oci_config *c, const char *state, struct error *err);

/* ---- machine.c ---------------------------------------------------------------------------------- */

/*
 * For the control thread: the answers to PAUSE and RESUME (0 or -errno; -ESRCH: the machine has
 * ended), and documents (protocol.h; a descriptor or -errno) with the machine's counters and its
 * CPU's configuration, as JSON.
 */
int machine_pause(void);
int machine_resume(void);
int machine_stats_document(bool platform_only);
int machine_cpu_config_document(void);

/* ---- control.c ---------------------------------------------------------------------------------- */

/* Makes what control_loop() waits for; called before the sandbox says that it is ready. */
int control_open(struct error *err);
/*
 * Serves the control socket and signals from outside, for ever. control_fd may be -1.
 * console is the terminal of the container's init, or NULL.
 */
_Noreturn void control_loop(int control_fd, struct tty *console);
/* From any thread: a guest process was killed for want of memory. */
void control_tell_killed(int guest_pid);

#endif
