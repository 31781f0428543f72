/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a container may say about husk itself: vm.hwConfig (config-vm.md), and the annotations
 *
 *	org.husk.platform	"kvm", "ptrace", or "auto" (the default: kvm where the host has it)
 *	org.husk.vcpus		virtual CPUs at most
 *	org.husk.memory		guest memory at most: bytes, or with K, M or G behind
 *	org.husk.trace		"true" or "all": log the guest's system calls; or names of those
 *				to log, with commas between them; "false" (the default): none
 *
 * The smaller of two bounds holds.
 */
#ifndef HUSK_RUNTIME_SETTINGS_H
#define HUSK_RUNTIME_SETTINGS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "kernel/trace.h"

struct oci_config;

struct settings {
	const char *platform; /* as above; never NULL */
	unsigned vcpus;	      /* 0: husk's own choice */
	uint64_t memory;      /* bytes; 0: husk's own choice */
	bool trace;
	struct trace_calls trace_calls; /* if trace */
};

/* -EINVAL with a message that names the annotation. Strings stay config's. */
int settings_read(const struct oci_config *c, struct settings *out, struct error *err);

#endif
