/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The container directory ROOT/ID and what husk keeps in it:
 *
 *	lock		lock.h
 *	state.json	struct container, as JSON
 *	config.json	a copy of the bundle's, since the spec wants later changes of that to be ignored
 *	exec.fifo	fifo.h; there until `start`
 *	control.sock	where the sandbox listens (sandbox/client.h)
 *	paused		there from `pause` to `resume` (pause.c)
 */
#ifndef HUSK_RUNTIME_STATE_H
#define HUSK_RUNTIME_STATE_H

#include "runtime/runtime.h"

struct oci_config;

/* No state or config file of ours is larger (bytes). */
#define STATE_TEXT_MAX (16u << 20)

/* An empty container object for ROOT/ID; nothing on disk is touched. */
int container_new(const struct runtime_options *o, const char *id, struct container **out,
		  struct error *err);

/* Makes ROOT/ID (mode 0711) and takes its lock. -EEXIST: the id is in use. */
int state_create_dir(const struct runtime_options *o, struct container *c, struct error *err);

/* Fills c->control_socket, with a path that fits: sun_path has 108 bytes, an id alone may have 1024. */
int state_set_control_socket(struct container *c);

/* Writes state.json in one step. complete: `create` got through; until then it is 'creating'. */
int state_save(const struct container *c, bool complete, struct error *err);

/*
 * Fills c from state.json, and c->status from the world. -ENOENT: there is no state.json; -EBADMSG: it is
 * damaged.
 */
int state_load(struct container *c, struct error *err);

/* The container's own copy of its config.json. */
int state_load_config(const struct container *c, struct oci_config **out, struct error *err);

/* Is there a mark of `pause`? */
bool state_marked_paused(const struct container *c);

/* Removes everything in c->dir, and c->dir. The lock is held. */
int state_remove_dir(const struct container *c, struct error *err);

/* The OCI state object with this status and pid, for hooks and `state`. malloc()ed; NULL: no memory. */
char *state_oci_json(const struct container *c, const char *status, pid_t pid, bool pretty);

#endif
