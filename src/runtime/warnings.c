/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "runtime/warnings.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/prctl.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "libocispec/ocispec.h"
#include "runtime/files.h"
#include "runtime/lsm.h"

static bool is_available(const char *name)
{
	int number = oci_capability_number(name);

	/* PR_CAPBSET_READ knows every number of the running kernel's, and no other. */
	return number >= 0 && (prctl(PR_CAPBSET_READ, number, 0, 0, 0) >= 0 || errno != EINVAL);
}

static bool contains(char *const *list, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++)
		if (!strcmp(list[i], name))
			return true;
	return false;
}

void warn_of_capabilities(const struct oci_process *p)
{
	const struct oci_capabilities *c = p->capabilities;
	cleanup_free char *text = NULL;
	char **seen = NULL;
	size_t n = 0, len;

	if (!c)
		return;
	const struct {
		char *const *names;
		size_t n;
	} sets[] = {{c->bounding, c->n_bounding},	{c->effective, c->n_effective},
		    {c->inheritable, c->n_inheritable}, {c->permitted, c->n_permitted},
		    {c->ambient, c->n_ambient}};

	for (size_t s = 0; s < sizeof(sets) / sizeof(*sets); s++)
		for (size_t i = 0; i < sets[s].n; i++)
			if (!is_available(sets[s].names[i]) && !contains(seen, n, sets[s].names[i]))
				oci_strs_append(&seen, &n, sets[s].names[i]);
	FILE *f = n ? open_memstream(&text, &len) : NULL;

	for (size_t i = 0; i < n; i++) {
		if (f)
			fprintf(f, "%s%s", i ? " " : "", seen[i]);
		free(seen[i]);
	}
	free(seen);
	if (f && fclose(f) == 0)
		log_warning("ignoring unknown or unavailable capabilities: [%s]", text);
}

void warn_of_mount_label(const struct oci_config *c)
{
	const char *label = c->linux->mount_label;

	if (label && *label && !lsm_selinux_enabled())
		log_warning("ignoring linux.mountLabel: this host has no SELinux");
}
