/* SPDX-License-Identifier: GPL-2.0-or-later */
/* mounts[].options (config.md, config-linux.md): the words, and what they are to the kernel. */
#ifndef HUSK_RUNTIME_MOUNT_OPTIONS_H
#define HUSK_RUNTIME_MOUNT_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct oci_mount;

#define MOUNT_PROPAGATIONS_MAX 4

struct mount_options {
	bool bind, bind_recursive; /* bind or rbind; the second says rbind */
	bool idmap, idmap_recursive; /* idmap or ridmap (idmap.h); the second says ridmap */
	const char *idmap_text;	     /* crun's "uids=…;gids=…" behind one of them; NULL */
	bool copy_up;		   /* tmpcopyup: a tmpfs starts with what it covers */
	/* MOUNT_ATTR_… to set and to clear on the mount, and on it and all below it. */
	uint64_t set, clear, set_recursive, clear_recursive;
	/* MS_SHARED and the like, with or without MS_REC, in the order given. */
	unsigned long propagation[MOUNT_PROPAGATIONS_MAX];
	unsigned n_propagation;
	/* The file system's own options and superblock flags ("sync"), as pointers into the config. */
	const char **data; /* with room for one more */
	size_t n_data;
};

/* 0, or -EINVAL with a message. Free with mount_options_free(). */
int mount_options_parse(const struct oci_mount *m, struct mount_options *o, struct error *err);
void mount_options_free(struct mount_options *o);

/* "rslave" → MS_SLAVE | MS_REC; 0: not a propagation. */
unsigned long mount_propagation(const char *name);

/* The words that need no value, for `features`; NULL after the last. */
const char *mount_option_name(size_t i);

#endif
