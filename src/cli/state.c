/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/cleanup.h"
#include "cli/cli.h"
#include "cli/create_options.h"

static int run(const struct cli *cli, int argc, char **argv, struct error *err)
{
	cleanup_free char *json = NULL;
	struct container *c = NULL;
	int r = container_load(&cli->runtime, argv[0], false, &c, err);

	if (r == 0)
		r = container_state_json(c, &json, err);
	if (r == 0)
		puts(json);
	container_free(c);
	return r;
}

const struct cli_command cli_state = {
    .name = "state",
    .summary = "show the state of a container",
    .usage = "<container-id>",
    .text = ID_HELP "\n\nThe output is the state object of the OCI runtime specification, as JSON.",
    .options = (const struct cli_option[]){{0}},
    .min_args = 1,
    .max_args = 1,
    .run = run,
};
