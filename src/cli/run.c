/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cli/cli.h"
#include "cli/create_options.h"

static struct create_options create;
static bool no_subreaper; /* husk reaps only what it started: nothing to disable */

static const struct cli_option options[] = {
    CREATE_OPTIONS(create),
    {"detach", 'd', CLI_FLAG, &create.detach, "return when the container runs"},
    {"keep", 0, CLI_FLAG, &create.keep, "do not delete the container when it has ended"},
    {"no-subreaper", 0, CLI_FLAG, &no_subreaper, "ignored, for compatibility with runc"},
    {0},
};

/*T:100 husk run
 * The tour begins where a user does. One file a command: here the options, and then one call into
 * the runtime, which is `create` and `start` and a wait. The command line lives for milliseconds and
 * never sees the inside of the container; all it leaves behind is the sandbox, and a state file.
 */
static int run(const struct cli *cli, int argc, char **argv, struct error *err)
{
	int status = 0;
	int r = container_run(&cli->runtime, argv[0], &create, &status, err);

	return r < 0 ? r : status;
}

const struct cli_command cli_run = {
    .name = "run",
    .summary = "create and start a container, and wait for it",
    .usage = "[command options] <container-id>",
    .text =
	ID_HELP "\n\nThe exit status is that of the container's process, or 128 and the number of "
		"the signal\nthat killed it.",
    .options = options,
    .min_args = 1,
    .max_args = 1,
    .failure = "husk run failed: ",
    .run = run,
};
