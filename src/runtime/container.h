/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What create, run and delete share. */
#ifndef HUSK_RUNTIME_CONTAINER_H
#define HUSK_RUNTIME_CONTAINER_H

#include "runtime/bundle.h"
#include "runtime/runtime.h"

/* --preserve-fds: 3 and the following are open. To be asked before husk opens anything itself. */
int container_check_descriptors(unsigned preserve, struct error *err);

/*
 * create, keeping the container object (locked) and, with keep_terminal, the terminal's master
 * (*master, else -1). On failure everything is undone.
 */
int container_make(const struct runtime_options *o, const char *id, const struct create_options *x,
		   bool keep_terminal, struct container **out, int *master, struct error *err);

/*
 * Kills what lives, removes cgroup and directory of a container whose lock is held. Goes on after an
 * error and returns the first. Safe at any stage of a create.
 */
int container_tear_down(struct container *c, struct error *err);

/*
 * Moves the calling process into the container's cgroup, if it has one; by systemd, where that made it
 * and the caller may not.
 */
int container_join_cgroup(const struct container *c, struct error *err);

/* Gives back what container_tear_down() does not know of: its share of caches (resctrl.h). */
void container_give_back(const struct container *c, const struct oci_config *config);

/* The poststop hooks of its config.json; what fails is logged (runtime.md, Lifecycle). */
void container_run_poststop(struct container *c, const struct oci_config *config);

#endif
