/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef HUSK_CLI_EXIT_COST_H
#define HUSK_CLI_EXIT_COST_H

#include <stdint.h>

#include "base/error.h"
#include "platform/platform.h"

/*
 * Builds a platform of this kind in a process of its own, self-test and all, and measures what a
 * system call of user code costs there: out of it and back in, nanoseconds, the median of some
 * hundred. 0 or a negative errno with the platform's own message.
 */
int exit_cost(enum platform_kind kind, uint64_t *ns, struct error *err);

#endif
