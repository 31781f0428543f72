/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The room above the tested one's floor: these tests never get as far as a sandbox. */
#include <errno.h>
#include <stdlib.h>

#include "sandbox/client.h"
#include "sandbox/sandbox.h"

_Noreturn void sandbox_main(const struct sandbox_args *args)
{
	abort();
}

int sandbox_exec_start(const char *socket, const struct sandbox_exec *x, int *conn, pid_t *guest_pid,
		       struct error *err)
{
	return error_set(err, -ECONNREFUSED, "no sandbox");
}

int sandbox_exec_wait(int conn, int signal_fd, int *status, struct error *err)
{
	return error_set(err, -ECONNREFUSED, "no sandbox");
}

pid_t sandbox_pid(const char *socket, struct error *err)
{
	return error_set(err, -ECONNREFUSED, "no sandbox");
}

int sandbox_kill_all(const char *socket, int sig, struct error *err)
{
	return error_set(err, -ECONNREFUSED, "no sandbox");
}

int sandbox_pause(const char *socket, struct error *err)
{
	return error_set(err, -ECONNREFUSED, "no sandbox");
}

int sandbox_resume(const char *socket, struct error *err)
{
	return error_set(err, -ECONNREFUSED, "no sandbox");
}
