/* SPDX-License-Identifier: GPL-2.0-or-later */
/* stats: what a sandbox counts of itself. What its cgroup counts is `husk events --stats`. */
#include <errno.h>
#include <stdio.h>

#include "base/cleanup.h"
#include "cli/cli.h"
#include "sandbox/client.h"

static bool platform;

static const struct cli_option options[] = {
    {"platform", 0, CLI_FLAG, &platform, "the counters of the platform alone"},
    {0},
};

static int run(const struct cli *cli, int argc, char **argv, struct error *err)
{
	cleanup_free char *json = NULL;
	struct container *c = NULL;
	int r = container_load(&cli->runtime, argv[0], true, &c, err);

	if (r == 0 && (c->status == STATUS_STOPPED || c->status == STATUS_CREATING))
		r = error_set(err, -ESRCH, "container not running");
	if (r == 0)
		r = container_wake(c, err);
	if (r == 0) {
		r = sandbox_stats(c->control_socket, platform, &json, err);
		container_sleep(c, NULL);
	}
	if (r == 0)
		puts(json);
	container_free(c);
	return r;
}

const struct cli_command cli_stats = {
    .name = "stats",
    .summary = "show what the sandbox counts of itself, as JSON",
    .usage = "[command options] <container-id>",
    .text = "Processes and threads of the guest, its memory in bytes, and the counters of the "
	    "platform since\nits start: exits by reason, how virtual CPUs were got, mappings.",
    .options = options,
    .min_args = 1,
    .max_args = 1,
    .run = run,
};
