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

/* A paused container's processes get the signal when it is resumed. */
static int tell_all(struct container *c, int sig, struct error *err)
{
	int r = container_wake(c, err), k;

	if (r < 0)
		return r;
	r = sandbox_kill_all(c->control_socket, sig, err);
	k = container_sleep(c, r < 0 ? NULL : err);
	return r < 0 ? r : k;
}

int container_kill(struct container *c, int sig, bool all, struct error *err)
{
	cleanup_close int pidfd = process_open(c->pid, c->pid_start);

	if (pidfd < 0 && pidfd != -ESRCH)
		return error_errno(err, pidfd, "cannot open process %d", c->pid);
	if (pidfd < 0) {
		/* Its helpers (`exec`) may outlive it for a moment. */
		if (all && sig == SIGKILL && c->cgroup_path)
			return cgroup_kill(c->cgroup_path, err);
		return error_set(err, -ESRCH, "container \"%s\" is not running", c->id);
	}
	/* With init the whole guest dies; every other signal is for the guest's processes, which only
	 * the sandbox knows. */
	if (all && sig != SIGKILL)
		return tell_all(c, sig, err);
	if (pidfd_send_signal(pidfd, sig, NULL, 0) < 0)
		return errno == ESRCH
			       ? error_set(err, -ESRCH, "container \"%s\" is not running", c->id)
			       : error_errno(err, -errno, "cannot send signal %d to container \"%s\"",
					     sig, c->id);
	return sig == SIGKILL && c->cgroup_path ? cgroup_thaw_to_die(c->cgroup_path, err) : 0;
}
