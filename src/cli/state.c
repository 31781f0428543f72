/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>

#include "base/cleanup.h"
#include "cli/cli.h"
#include "cli/create_options.h"
#include "sandbox/client.h"

static bool cpu_config;

static const struct cli_option options[] = {
    {"cpu-config", 0, CLI_FLAG, &cpu_config, "show the virtual CPU's configuration instead"},
    {0},
};

/* CPUID leaves and MSRs can be read while no CPU runs: the guest is held for that moment. */
static int get_cpu_config(struct container *c, char **json, struct error *err)
{
	int r;

	if (c->status == STATUS_STOPPED || c->status == STATUS_CREATING)
		return error_set(err, -ESRCH, "container not running");
	r = container_wake(c, err);
	if (r < 0)
		return r;
	r = sandbox_cpu_config(c->control_socket, json, err);
	container_sleep(c, NULL);
	return r;
}

static int run(const struct cli *cli, int argc, char **argv, struct error *err)
{
	cleanup_free char *json = NULL;
	struct container *c = NULL;
	/* `state` itself must never wait for another command. */
	int r = container_load(&cli->runtime, argv[0], cpu_config, &c, err);

	if (r == 0)
		r = cpu_config ? get_cpu_config(c, &json, err) : container_state_json(c, &json, err);
	if (r == 0)
		puts(json);
	container_free(c);
	return r;
}

const struct cli_command cli_state = {
    .name = "state",
    .summary = "show the state of a container",
    .usage = "[command options] <container-id>",
    .text = ID_HELP "\n\nThe output is the state object of the OCI runtime specification, as JSON.",
    .options = options,
    .min_args = 1,
    .max_args = 1,
    .run = run,
};
