/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Hooks (config.md, POSIX-platform Hooks): programs of the host's, told the container's state. */
#ifndef HUSK_RUNTIME_HOOKS_H
#define HUSK_RUNTIME_HOOKS_H

#include <stddef.h>

#include "base/error.h"

struct oci_hook;
struct oci_map;

/* Where hooks run, and what they are told. */
struct hook_setting {
	const char *kind;  /* "prestart", … */
	const char *cwd;   /* a directory; if it is gone: / */
	const char *state; /* JSON for their standard input */
	/* run.oci.hooks.stdout and .stderr of these name files to append what they write to; or NULL. */
	const struct oci_map *annotations;
};

/*
 * Runs the hooks one after another. The first that exits with something else than 0, dies, or takes
 * longer than its timeout (it is then killed) ends the row: -EIO and a message with the hook's
 * number and the end of what it wrote.
 *
 * The bundle is where prestart, createRuntime, poststart and poststop hooks run, and the root file
 * system where createContainer's do, as with runc. startContainer's are guest processes
 * (sandbox/start_hooks.c).
 */
int hooks_run(const struct hook_setting *s, const struct oci_hook *hooks, size_t n, struct error *err);

#endif
