/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The container's first process: from its birth in the new namespaces to sandbox_main(). */
#ifndef HUSK_RUNTIME_CHILD_H
#define HUSK_RUNTIME_CHILD_H

#include <stdbool.h>
#include <sys/types.h>

#include "runtime/bundle.h"
#include "runtime/namespaces.h"
#include "runtime/runtime.h"

/* All that the child needs; it has its own copy, being forked. */
struct launch {
	const struct runtime_options *options;
	const struct create_options *create;
	const struct bundle *bundle;
	const struct container *container;
	const struct namespaces *ns;
	unsigned preserve_fds; /* with socket activation's */
	int sync;		/* sync.h */
	int kvm_fd, control_fd, fifo_fd;
	bool terminal;
};

/* Runs in the cloned child. Errors go to the parent as SYNC_ERROR. */
_Noreturn void child_main(const struct launch *l);

#endif
