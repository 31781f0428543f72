/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The command's side of setting a container up: gives birth to the child and answers its steps. */
#ifndef HUSK_RUNTIME_LAUNCH_H
#define HUSK_RUNTIME_LAUNCH_H

#include "runtime/child.h"

struct launched {
	int master;	    /* the terminal's, when nobody else got it; -1 */
	bool resctrl_joined; /* from here on a failure must leave it (resctrl.h) */
	bool hooks_started; /* from here on a failure is followed by the poststop hooks */
};

/*
 * Makes the child and takes it to 'created': l->sync is set here, c->pid and the state file are
 * written. console: connected console socket or -1. On failure the child is dead and reaped.
 */
int launch_container(struct launch *l, struct container *c, int console, struct launched *out,
		     struct error *err);

#endif
