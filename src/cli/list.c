/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "cli/cli.h"

static const char *format = "table";
static bool quiet;

static const struct cli_option options[] = {
    {"format", 'f', CLI_STRING, &format, "\"table\" or \"json\" (default: \"table\")"},
    {"quiet", 'q', CLI_FLAG, &quiet, "show only the container ids"},
    {0},
};

enum { COLUMNS = 6 };

/* The containers that could be loaded; those that vanish while we look are left out. */
struct containers {
	struct container **v;
	size_t n;
};

static void containers_free(struct containers *cs)
{
	for (size_t i = 0; i < cs->n; i++)
		container_free(cs->v[i]);
	free(cs->v);
}

static void ids_free(char ***ids)
{
	for (char **id = *ids; id && *id; id++)
		free(*id);
	free(*ids);
}

static int load_all(const struct cli *cli, char **ids, struct containers *cs, struct error *err)
{
	size_t n = 0;

	while (ids[n])
		n++;
	cs->v = calloc(n + 1, sizeof(struct container *));
	if (!cs->v)
		return error_errno(err, -ENOMEM, "list");
	for (size_t i = 0; i < n; i++) {
		cleanup_error struct error why = ERROR_INIT;
		int r = container_load(&cli->runtime, ids[i], false, &cs->v[cs->n], &why);

		if (r == 0)
			cs->n++;
		else if (r != -ENOENT)
			log_warning("load container %s: %s", ids[i],
				    why.msg ? why.msg : strerror(-r));
	}
	return 0;
}

static int print_table(const struct containers *cs, struct error *err)
{
	static const char *const titles[COLUMNS] = {"ID",     "PID",	 "STATUS",
						    "BUNDLE", "CREATED", "OWNER"};
	cleanup_free const char **cells = calloc((cs->n + 1) * COLUMNS, sizeof(*cells));
	cleanup_free char(*pids)[16] = calloc(cs->n + 1, sizeof(*pids));

	if (!cells || !pids)
		return error_errno(err, -ENOMEM, "list");
	memcpy(cells, titles, sizeof(titles));
	for (size_t i = 0; i < cs->n; i++) {
		const struct container *c = cs->v[i];
		const char **row = cells + (i + 1) * COLUMNS;

		snprintf(pids[i], sizeof(pids[i]), "%d", c->status == STATUS_STOPPED ? 0 : c->pid);
		row[0] = c->id;
		row[1] = pids[i];
		row[2] = container_status_name(c->status);
		row[3] = c->bundle ? c->bundle : "";
		row[4] = c->created ? c->created : "";
		row[5] = c->owner ? c->owner : "";
	}
	cli_print_table(cells, cs->n + 1, COLUMNS);
	return 0;
}

/* An array of the objects that `state` shows; null for none, as runc has it. */
static int print_json(const struct containers *cs, struct error *err)
{
	for (size_t i = 0; i < cs->n; i++) {
		cleanup_free char *json = NULL;
		int r = container_state_json(cs->v[i], &json, err);

		if (r < 0)
			return r;
		printf("%s%s", i ? "," : "[", json);
	}
	puts(cs->n ? "]" : "null");
	return 0;
}

static int run(const struct cli *cli, int argc, char **argv, struct error *err)
{
	__attribute__((cleanup(ids_free))) char **ids = NULL;
	__attribute__((cleanup(containers_free))) struct containers cs = {0};
	int r = container_list(&cli->runtime, &ids, err);

	if (r < 0)
		return r;
	if (quiet) {
		for (char **id = ids; *id; id++)
			puts(*id);
		return 0;
	}
	if (strcmp(format, "table") != 0 && strcmp(format, "json") != 0)
		return error_set(err, -EINVAL, "invalid format option");
	r = load_all(cli, ids, &cs, err);
	if (r < 0)
		return r;
	return format[0] == 'j' ? print_json(&cs, err) : print_table(&cs, err);
}

const struct cli_command cli_list = {
    .name = "list",
    .summary = "list the containers below --root",
    .usage = "[command options]",
    .text = "EXAMPLE:\n\n       # husk --root /run/other list",
    .options = options,
    .min_args = 0,
    .max_args = 0,
    .run = run,
};
