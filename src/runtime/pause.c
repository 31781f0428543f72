/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * pause and resume: first the machine lets no vCPU into the guest any more, then the freezer stops the
 * sandbox' own threads. In this order nothing of the guest is under way while its kernel stands still,
 * and the kernel can be woken alone.
 *
 * ROOT/ID/paused says that a container is to be paused even while its sandbox is awake for a moment:
 * it alone knows the guest's processes, so `ps` and `kill --all` of a paused container wake it, ask,
 * and put it to sleep again. Without the file whoever asks for the state meanwhile would be told
 * "running".
 */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "runtime/cgroup/cgroup.h"
#include "runtime/fifo.h"
#include "runtime/files.h"
#include "runtime/runtime.h"
#include "runtime/state.h"
#include "sandbox/client.h"

#define MARK "paused"

static int mark(const struct container *c, struct error *err)
{
	cleanup_free char *path = string_format("%s/" MARK, c->dir);
	cleanup_close int fd = path ? open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600) : -1;

	return fd < 0 ? error_errno(err, path ? -errno : -ENOMEM, "cannot write %s/" MARK, c->dir) : 0;
}

static void unmark(const struct container *c)
{
	cleanup_free char *path = string_format("%s/" MARK, c->dir);

	if (path)
		unlink(path);
}

bool state_marked_paused(const struct container *c)
{
	cleanup_free char *path = string_format("%s/" MARK, c->dir);

	return path && access(path, F_OK) == 0;
}

/*
 * A container without a freezer (a rootless one, on v1) is paused by its machine alone: no guest
 * process runs, only threads of husk's own do.
 */
static int freeze(const struct container *c, bool on, struct error *err)
{
	int r = c->cgroup_path ? cgroup_freeze(c->cgroup_path, on, err)
			       : error_set(err, -ENOTSUP, "the container has no cgroup");

	if (r != -ENOTSUP)
		return r;
	log_debug("\"%s\" is not frozen, only its guest is paused: %s", c->id,
		  err && err->msg ? err->msg : "no freezer");
	error_free(err);
	return 0;
}

int container_pause(struct container *c, struct error *err)
{
	int r;

	if (c->status != STATUS_RUNNING && c->status != STATUS_CREATED)
		return error_set(err, -EINVAL, "container not running");
	r = mark(c, err);
	if (!r)
		r = sandbox_pause(c->control_socket, err);
	if (!r) {
		r = freeze(c, true, err);
		if (r < 0)
			sandbox_resume(c->control_socket, NULL);
	}
	if (r < 0)
		unmark(c);
	else
		c->status = STATUS_PAUSED;
	return r;
}

int container_resume(struct container *c, struct error *err)
{
	int r;

	if (c->status != STATUS_PAUSED)
		return error_set(err, -EINVAL, "container not paused");
	r = freeze(c, false, err);
	if (!r)
		r = sandbox_resume(c->control_socket, err);
	if (r < 0)
		return r;
	unmark(c);
	c->status = fifo_exists(c->dir) > 0 ? STATUS_CREATED : STATUS_RUNNING;
	return 0;
}

int container_wake(struct container *c, struct error *err)
{
	int r;

	if (c->status != STATUS_PAUSED)
		return 0;
	/* For those who look meanwhile: a container that was frozen by others' hands has no mark. */
	r = mark(c, err);
	return r < 0 ? r : freeze(c, false, err);
}

int container_sleep(struct container *c, struct error *err)
{
	return c->status == STATUS_PAUSED ? freeze(c, true, err) : 0;
}
