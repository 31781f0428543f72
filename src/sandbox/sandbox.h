/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The sandbox process: boots the application kernel on the platform inside a container that
 * runtime/ has prepared, serves the control socket, and dies as the container's init does.
 *
 * runtime/ calls sandbox_main() in the container's first process, as the last thing it does: it is
 * in all namespaces and the cgroup, its root is the container's (pivot_root done), the terminal is
 * set up, the process is session leader. sandbox_main() never returns.
 */
#ifndef HUSK_SANDBOX_SANDBOX_H
#define HUSK_SANDBOX_SANDBOX_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"
#include "sandbox/memory_watch.h"

struct oci_config;
struct trace_calls;

struct sandbox_args {
	const struct oci_config *config; /* checked already; outlives the call */
	const char *platform;		 /* "kvm", "ptrace" or "auto" */
	unsigned vcpus_max;		 /* 0: the platform's own choice */
	uint64_t memory_max;		 /* bytes of guest memory; 0: the platform's own choice */
	int kvm_fd;			 /* /dev/kvm, opened before pivot_root */
	struct sandbox_memory memory;	 /* files of the memory cgroup */
	int fuse_fd[3];			 /* /dev/fuse opened inside the user namespace, or -1 */
	int control_fd;			 /* listening SOCK_SEQPACKET socket, or -1 */
	int mount_ns_fd; /* where the first thread returns to (config without a mount namespace), or -1 */
	int hostproc_ready;		 /* hostproc_init() was called before pivot_root */
	/*
	 * Descriptors 3 … 2+preserve_fds of this process go to the guest's init with the same numbers
	 * (--preserve-fds and LISTEN_FDS together), besides 0, 1 and 2.
	 */
	unsigned preserve_fds;
	bool terminal; /* 0, 1 and 2 are the container's terminal */
	bool debug;
	const struct trace_calls *trace; /* kernel/trace.h; NULL: none. Outlives the call */
	const char *hook_state; /* what startContainer hooks read on stdin (state object, JSON) */
	/*
	 * Called when the init process is ready to run (program found and loaded): runtime/ tells
	 * `husk create` so, waits for `husk start` (exec fifo), and returns 0. It runs on a thread of its
	 * own and may block. An error ends the sandbox.
	 */
	int (*ready)(void *arg, struct error *err);
	/*
	 * Called after the startContainer hooks, on the same thread: runtime/ tells `husk start`. why
	 * NULL: the guest starts when this returns 0. Else it does not: a hook failed, and the sandbox
	 * ends when this returns.
	 */
	int (*started)(void *arg, const struct error *why, struct error *err);
	/* Called when sandbox_main() cannot go on, before ready(): err says why. Then _exit(1). */
	void (*failed)(void *arg, const struct error *err);
	void *arg;
};

_Noreturn void sandbox_main(const struct sandbox_args *args);

#endif
