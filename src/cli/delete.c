/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>

#include "cli/cli.h"

static bool force;

static const struct cli_option options[] = {
    {"force", 'f', CLI_FLAG, &force, "kill the container first (SIGKILL) if it still runs"},
    {0},
};

static int run(const struct cli *cli, int argc, char **argv, struct error *err)
{
	int r = container_check_id(argv[0], err);

	if (r == 0)
		r = container_delete(&cli->runtime, argv[0], force, err);
	/* Engines clean up with --force what may not have come to be. */
	if (r == -ENOENT && force)
		return 0;
	return r;
}

const struct cli_command cli_delete = {
    .name = "delete",
    .summary = "delete what is left of a container",
    .usage = "[command options] <container-id>",
    .text = "A container must have stopped, unless --force is given.",
    .options = options,
    .min_args = 1,
    .max_args = 1,
    .run = run,
};
