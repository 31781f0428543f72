/* SPDX-License-Identifier: GPL-2.0-or-later */
/*T:140 What the sandbox gives up
 * The capabilities that the sandbox gives up before the guest's first instruction: what nobody in the
 * container may have, husk has no business with either. syscall_filter.c is the other half.
 */
#include <errno.h>
#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "sandbox/private.h"

static uint64_t config_capabilities(const struct oci_config *config)
{
	const struct oci_capabilities *c = config->process ? config->process->capabilities : NULL;
	uint64_t set = 0;

	for (size_t i = 0; c && i < c->n_bounding; i++) {
		int cap = oci_capability_number(c->bounding[i]);

		if (cap >= 0)
			set |= 1ULL << cap;
	}
	return set;
}

int confine_capabilities(const struct oci_config *config, struct error *err)
{
	struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2];
	uint64_t keep = config_capabilities(config);

	/* Mirroring ids onto host threads is what husk itself needs, whatever the guest may do. */
	keep |= 1ULL << CAP_SETUID | 1ULL << CAP_SETGID | 1ULL << CAP_SETPCAP;
	if (syscall(SYS_capget, &head, data) < 0)
		return error_errno(err, -errno, "capget");
	keep &= data[0].permitted | (uint64_t)data[1].permitted << 32;
	for (int i = 0; i < 2; i++) {
		data[i].permitted = data[i].effective = keep >> (32 * i);
		data[i].inheritable = 0;
	}
	if (syscall(SYS_capset, &head, data) < 0)
		return error_errno(err, -errno, "capset");
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return error_errno(err, -errno, "prctl(PR_SET_NO_NEW_PRIVS)");
	return 0;
}
