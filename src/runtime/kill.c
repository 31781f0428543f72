/* SPDX-License-Identifier: GPL-2.0-or-later */
/* kill: a signal to the container's init, or to all its processes. */
#include <errno.h>
#include <signal.h>
#include <sys/pidfd.h>

#include "base/cleanup.h"
#include "runtime/cgroup/cgroup.h"
#include "runtime/files.h"
#include "runtime/runtime.h"
#include "sandbox/client.h"

int container_kill(struct container *c, int sig, bool all, struct error *err)
{
	cleanup_close int pidfd = process_open(c->pid, c->pid_start);

	if (pidfd < 0) {
		/* Its helpers (`exec`) may outlive it for a moment. */
		if (all && sig == SIGKILL && c->cgroup_path)
			return cgroup_kill(c->cgroup_path, err);
		return error_set(err, -ESRCH, "container \"%s\" is not running", c->id);
	}
	/* With init the whole guest dies; every other signal is for the guest's processes, which only
	 * the sandbox knows. */
	if (all && sig != SIGKILL)
		return sandbox_kill_all(c->control_socket, sig, err);
	if (pidfd_send_signal(pidfd, sig, NULL, 0) < 0)
		return errno == ESRCH
			       ? error_set(err, -ESRCH, "container \"%s\" is not running", c->id)
			       : error_errno(err, -errno, "cannot send signal %d to container \"%s\"",
					     sig, c->id);
	/* Under cgroup v1 a frozen process does not even die. */
	if (sig == SIGKILL && c->cgroup_path && cgroup_is_frozen(c->cgroup_path))
		return cgroup_freeze(c->cgroup_path, false, err);
	return 0;
}
