/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The bundle (runtime-spec, bundle.md): a directory with config.json and, usually, the root. */
#ifndef HUSK_RUNTIME_BUNDLE_H
#define HUSK_RUNTIME_BUNDLE_H

#include "base/error.h"

struct oci_config;

struct bundle {
	char *path;   /* absolute, no symbolic links */
	char *rootfs; /* the same */
	char *text;   /* config.json as it was read */
	struct oci_config *config;
};

/*
 * Reads and checks the bundle at path (NULL: the current directory): config.json (or the file config,
 * relative to the bundle) is valid, asks for
 * nothing that is not done yet (refusals.h), and its root is a directory.
 */
int bundle_load(const char *path, const char *config, struct bundle *b, struct error *err);
void bundle_free(struct bundle *b);

#endif
