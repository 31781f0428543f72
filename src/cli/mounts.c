/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <string.h>

#include "cli/cli.h"

static int run(const struct cli *cli, int argc, char **argv, struct error *err)
{
	const bool add = !strcmp(argv[0], "add");
	struct container *c = NULL;
	int r;

	if (!add && strcmp(argv[0], "remove"))
		return error_set(err, -EINVAL, "mounts: unknown \"%s\", expected add or remove", argv[0]);
	r = container_load(&cli->runtime, argv[1], true, &c, err);
	if (r == 0)
		r = container_change_mounts(c, argv[2], add, err);
	container_free(c);
	return r;
}

const struct cli_command cli_mounts = {
    .name = "mounts",
    .summary = "add mounts to a running container, or remove them",
    .usage = "add|remove <container-id> <file>",
    .text = "The file is an array of mounts like the one in config.json: bind mounts and tmpfs. For remove\n"
	    "only the destinations count, from the last to the first.",
    .options = (const struct cli_option[]){{0}},
    .min_args = 3,
    .max_args = 3,
    .run = run,
};
