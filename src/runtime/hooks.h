/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Hooks (config.md, POSIX-platform Hooks): programs of the host's, told the container's state. */
#ifndef HUSK_RUNTIME_HOOKS_H
#define HUSK_RUNTIME_HOOKS_H

#include <stddef.h>

#include "base/error.h"

struct oci_hook;

/*
 * Runs the hooks one after another with `state` (JSON) on their standard input. The first that exits
 * with something else than 0, dies, or takes longer than its timeout (it is then killed) ends the
 * row: -EIO and a message with the hook's number and the end of what it wrote.
 */
int hooks_run(const char *kind, const struct oci_hook *hooks, size_t n, const char *state,
	      struct error *err);

#endif
