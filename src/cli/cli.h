/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the commands share. A command is a file of its own with one `const struct cli_command`,
 * which main.c lists; its options are a table, from which both the parser and the help text are made.
 */
#ifndef HUSK_CLI_CLI_H
#define HUSK_CLI_CLI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "base/error.h"
#include "runtime/runtime.h"

/* The values of an option that may be given several times, in order. */
struct cli_strings {
	const char **v;
	size_t n;
};

enum cli_option_type {
	CLI_FLAG,    /* bool: --x, --x=true, --x=false */
	CLI_STRING,  /* const char *: --x VALUE, --x=VALUE */
	CLI_STRINGS, /* struct cli_strings, each time one more */
	CLI_NUMBER,  /* unsigned */
};

struct cli_option {
	const char *name; /* without dashes; NULL ends a table */
	char letter;	  /* its short form, or 0 */
	enum cli_option_type type;
	void *value;
	const char *help;
};

/* Global options, parsed. */
struct cli {
	struct runtime_options runtime;
	const char *log, *log_format, *cgroup_manager, *criu, *rootless; /* criu and rootless: accepted, not used */
	bool help, version;
};

struct cli_command {
	const char *name;
	const char *summary; /* the line in `husk help` */
	const char *usage;   /* behind "husk NAME " */
	const char *text;    /* the rest of the help, or NULL */
	const struct cli_option *options;
	int min_args, max_args;	 /* max -1: any number */
	bool options_first; /* options end at the first argument: the rest is somebody else's */
	bool hidden;		 /* known by name only, not in the help */
	const char *failure;	 /* before an error's sentence, or NULL */
	int failure_status;	 /* exit status of an error; 0: 1 */
	/*
	 * argv holds the arguments that are left when the options are taken out. Returns husk's
	 * exit status (0 …), or a negative errno with a sentence in *err.
	 */
	int (*run)(const struct cli *cli, int argc, char **argv, struct error *err);
};

extern const struct cli_command cli_check, cli_create, cli_delete, cli_exec, cli_features, cli_kill,
    cli_list, cli_ps, cli_run, cli_spec, cli_start, cli_state;
extern const struct cli_command cli_checkpoint, cli_mounts, cli_events, cli_pause, cli_restore, cli_resume,
    cli_stats, cli_update;

/* All commands in the order of the help; NULL-terminated. */
extern const struct cli_command *const cli_commands[];
extern const struct cli_option cli_global_options[];
const struct cli_command *cli_find(const char *name);

/*
 * Takes options out of argv[0 … *argc - 1], puts their values where the table says, and leaves the
 * arguments in front (*argc of them). "--" ends the options; with options_first the first argument
 * does. help may be NULL or is set by -h and --help. -EINVAL with runc's words in *err.
 */
int cli_parse_options(const struct cli_option *options, bool options_first, int *argc, char **argv,
		      bool *help, struct error *err);

/* The help texts, in runc's form. */
void cli_print_options(FILE *out, const struct cli_option *options);
void cli_help(FILE *out);
void cli_command_help(FILE *out, const struct cli_command *command);
void cli_print_version(FILE *out);

/*
 * A table as runc's lists have it: columns at least 12 wide, three spaces between, the last one not
 * padded. cells has rows times columns entries, the first row being the titles.
 */
void cli_print_table(const char *const *cells, size_t rows, size_t columns);

/* "15", "TERM", "SIGTERM" or "sigterm" to 15. -EINVAL: "unknown signal". */
int cli_parse_signal(const char *text, int *sig, struct error *err);

/* A decimal number up to max and nothing else. -EINVAL without a sentence. */
int cli_parse_number(const char *text, unsigned long max, unsigned long *out);

/* The config.json of `husk spec`; rootless: for a user without privileges. */
struct oci_config;
int cli_default_config(bool rootless, struct oci_config **out, struct error *err);

/* Fills err from a sentence of libocispec, which it takes over. Returns code. */
int cli_oci_error(struct error *err, int code, char *sentence);

#endif
