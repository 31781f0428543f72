/* SPDX-License-Identifier: GPL-2.0-or-later */
/* runc's commands that husk does not have: refused by name, so that silence is not success. */
#include <errno.h>

#include "cli/cli.h"

#define REFUSE(command)                                                                            \
	static int run_##command(const struct cli *cli, int argc, char **argv, struct error *err)  \
	{                                                                                          \
		return error_set(err, -ENOTSUP, "husk %s: not supported in this release",          \
				 #command);                                                        \
	}                                                                                          \
	const struct cli_command cli_##command = {                                                 \
	    .name = #command,                                                                      \
	    .summary = "not supported in this release",                                            \
	    .usage = "",                                                                           \
	    .hidden = true,                                                                        \
	    .run = run_##command,                                                                  \
	};

REFUSE(checkpoint)
REFUSE(restore)
