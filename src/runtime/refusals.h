/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What config.json may say and husk, or this host, does not do. It is refused by name: a container that asked
 * for protection or resources and silently did not get them would be worse than none.
 */
#ifndef HUSK_RUNTIME_REFUSALS_H
#define HUSK_RUNTIME_REFUSALS_H

#include <stddef.h>

#include "base/error.h"

struct oci_config;
struct oci_process;

/* 0; -ENOTSUP, or -EINVAL for what must be there and is not, with "place in config.json: reason". */
int refuse_unsupported(const struct oci_config *c, struct error *err);

/* The same for a process object. */
int refuse_unsupported_process(const struct oci_process *p, struct error *err);

/* The same for the process object of `exec`, in the container whose own is init. */
int refuse_unsupported_exec(const struct oci_process *p, const struct oci_process *init,
			    struct error *err);

/*
 * Where config.json says what may be refused ("linux.resources.rdma", without array indices), for the
 * check of docs/OCI.md; NULL after the last.
 */
const char *refusal_path(size_t i);

#endif
