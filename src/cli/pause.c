/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cli/cli.h"

static int run(const struct cli *cli, int argc, char **argv, struct error *err)
{
	struct container *c = NULL;
	int r = container_load(&cli->runtime, argv[0], true, &c, err);

	if (r == 0)
		r = container_pause(c, err);
	container_free(c);
	return r;
}

const struct cli_command cli_pause = {
    .name = "pause",
    .summary = "stop a container where it stands",
    .usage = "<container-id>",
    .text = "All processes of the container stand still until `husk resume`; those that hold its files or its\n"
	    "network open do not notice.",
    .options = (const struct cli_option[]){{0}},
    .min_args = 1,
    .max_args = 1,
    .run = run,
};
