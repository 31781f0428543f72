/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cli/cli.h"
#include "cli/create_options.h"

static struct create_options create;

static const struct cli_option options[] = {CREATE_OPTIONS(create), {0}};

static int run(const struct cli *cli, int argc, char **argv, struct error *err)
{
	return container_create(&cli->runtime, argv[0], &create, err);
}

const struct cli_command cli_create = {
    .name = "create",
    .summary = "create a container",
    .usage = "[command options] <container-id>",
    .text =
	ID_HELP "\n\nThe container is made from the bundle's config.json and root file system, up "
		"to the point\nwhere its process would run; `husk start` runs it.",
    .options = options,
    .min_args = 1,
    .max_args = 1,
    .failure = "husk create failed: ",
    .run = run,
};
