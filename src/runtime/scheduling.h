/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How the host treats the sandbox' threads, each of which is a guest task: process.scheduler,
 * process.ioPriority and linux.memoryPolicy. They are set on the container's first process while it
 * has one thread; all that it makes inherit them (sched(7), ioprio_set(2), set_mempolicy(2)).
 */
#ifndef HUSK_RUNTIME_SCHEDULING_H
#define HUSK_RUNTIME_SCHEDULING_H

#include <stddef.h>

#include "base/error.h"

struct oci_memory_policy;
struct oci_process;

/* process.scheduler and process.ioPriority for the calling thread. */
int scheduling_apply(const struct oci_process *p, struct error *err);

/* linux.memoryPolicy for the calling thread; NULL: as it is. */
int memory_policy_apply(const struct oci_memory_policy *p, struct error *err);

/* A CPU list ("0-3,7") for the calling process; field names it in the message. NULL or "": as it is. */
int scheduling_set_affinity(const char *cpus, const char *field, struct error *err);

/* The words of linux.memoryPolicy for `features`; NULL after the last. */
const char *memory_policy_mode_name(size_t i);
const char *memory_policy_flag_name(size_t i);

#endif
