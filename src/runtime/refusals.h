/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What config.json may say and husk does not do yet. It is refused by name: a container that asked
 * for protection or resources and silently did not get them would be worse than none.
 */
#ifndef HUSK_RUNTIME_REFUSALS_H
#define HUSK_RUNTIME_REFUSALS_H

#include "base/error.h"

struct oci_config;
struct oci_process;

/* 0, or -ENOTSUP with "place in config.json: reason". */
int refuse_unsupported(const struct oci_config *c, struct error *err);

/* The same for the process object of `exec`. */
int refuse_unsupported_process(const struct oci_process *p, struct error *err);

#endif
