/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The container's first process: from its birth in the new namespaces to sandbox_main(). */
#ifndef HUSK_RUNTIME_CHILD_H
#define HUSK_RUNTIME_CHILD_H

#include <stdbool.h>
#include <sys/types.h>

#include "runtime/bundle.h"
#include "runtime/cgroup/systemd.h"
#include "runtime/namespaces.h"
#include "runtime/runtime.h"
#include "runtime/settings.h"
#include "sandbox/memory_watch.h"

/* All that the child needs; it has its own copy, being forked. */
struct launch {
	const struct runtime_options *options;
	const struct create_options *create;
	const struct bundle *bundle;
	const struct container *container;
	const struct namespaces *ns;
	unsigned preserve_fds; /* with socket activation's */
	int sync;		/* sync.h */
	struct settings settings;
	int *idmapped;		/* idmap.h */
	int kvm_fd, control_fd, fifo_fd;
	struct sandbox_memory memory; /* files of the cgroup */
	struct systemd_scope scope;   /* --systemd-cgroup */
	bool terminal;
	const char *visible_cgroup; /* what "type": "cgroup" mounts show; NULL: the host has none */
};

/* Runs in the cloned child. Errors go to the parent as SYNC_ERROR. */
_Noreturn void child_main(const struct launch *l);

#endif
