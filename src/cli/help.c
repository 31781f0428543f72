/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What husk says about itself. */
#include "cli/cli.h"

#include <seccomp.h>
#include <string.h>

#include "config.h"
#include "libocispec/ocispec.h"

void cli_print_version(FILE *out)
{
	const struct scmp_version *v = seccomp_version();

	fprintf(out, "spec: %s\n", OCI_SPEC_VERSION);
	if (v)
		fprintf(out, "libseccomp: %u.%u.%u\n", v->major, v->minor, v->micro);
}

static const char about[] =
    "husk runs containers that are packaged according to the Open Container Initiative (OCI)\n"
    "format. Its command line is runc's; but the processes of a container run in user mode of a "
    "KVM\n"
    "guest, and the kernel they see is husk, not the host's.\n"
    "\n"
    "A container is described by a bundle: a directory with a file \"config.json\" and a root "
    "file\n"
    "system. `husk spec` writes a config.json to start from.\n"
    "\n"
    "To start a container:\n"
    "\n"
    "    # husk run [ -b bundle ] <container-id>\n"
    "\n"
    "<container-id> is a name of your choice, unique on this host. The bundle is the current\n"
    "directory unless \"-b\" says otherwise. `husk check` tells whether this host can run husk.";

void cli_help(FILE *out)
{
	fprintf(out,
		"NAME:\n   husk - Open Container Initiative runtime\n\n%s\n\n"
		"USAGE:\n   husk [global options] command [command options] [arguments...]\n\n"
		"VERSION:\n   %s\n",
		about, PACKAGE_VERSION);
	cli_print_version(out);
	fputs("\nCOMMANDS:\n", out);
	for (const struct cli_command *const *c = cli_commands; *c; c++)
		if (!(*c)->hidden)
			fprintf(out, "   %-10s  %s\n", (*c)->name, (*c)->summary);
	fputs("   help, h     show this help, or that of one command\n"
	      "   version     show the version\n"
	      "\nGLOBAL OPTIONS:\n",
	      out);
	cli_print_options(out, cli_global_options);
}

void cli_command_help(FILE *out, const struct cli_command *c)
{
	fprintf(out, "NAME:\n   husk %s - %s\n\nUSAGE:\n   husk %s %s\n", c->name, c->summary,
		c->name, c->usage);
	if (c->text)
		fprintf(out, "\n%s\n", c->text);
	if (c->options && c->options->name) {
		fputs("\nOPTIONS:\n", out);
		cli_print_options(out, c->options);
	}
}

/* How wide a column is: its longest cell and the gap, at least 12. */
static int column_width(const char *const *cells, size_t rows, size_t columns, size_t column)
{
	size_t width = 9;

	for (size_t row = 0; row < rows; row++) {
		size_t n = strlen(cells[row * columns + column]);

		width = n > width ? n : width;
	}
	return (int)width + 3;
}

void cli_print_table(const char *const *cells, size_t rows, size_t columns)
{
	for (size_t row = 0; row < rows; row++) {
		for (size_t column = 0; column + 1 < columns; column++)
			printf("%-*s", column_width(cells, rows, columns, column),
			       cells[row * columns + column]);
		printf("%s\n", cells[row * columns + columns - 1]);
	}
}
