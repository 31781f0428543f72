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

/* ---- confine.c ---------------------------------------------------------------------------------- */

/*
 * On the calling thread: keeps only the capabilities that mirrored guest credentials and husk's own
 * sections need, sets no_new_privs.
 */
int confine_capabilities(const struct oci_config *config, struct error *err);
/* For the whole process: from here on only the host calls that husk makes. */
int confine_syscalls(struct error *err);

/* ---- seccomp_profile.c --------------------------------------------------------------------------- */

/*
 * config.json's linux.seccomp as instructions for seccomp_new(); *insns is malloc()ed. Names that
 * x86-64 does not have are passed over, as the profile's other architectures are.
 */
int seccomp_profile_compile(const struct oci_seccomp *p, struct sock_filter **insns, size_t *n,
			    struct error *err);
/* The filter that every process of the container starts with; NULL: none. Set at boot. */
extern struct seccomp_filter *seccomp_profile;

/* ---- control.c ---------------------------------------------------------------------------------- */

/*
 * Serves the control socket and signals from outside, for ever. control_fd may be -1.
 * console is the terminal of the container's init, or NULL.
 */
_Noreturn void control_loop(int control_fd, struct tty *console);

#endif
