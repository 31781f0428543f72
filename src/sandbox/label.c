/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * AppArmor profiles and SELinux labels (process.apparmorProfile, process.selinuxLabel). A label
 * usually comes with execve(2); the sandbox executes nothing, so it changes its own, by the attr
 * files of proc(5). What is confined is the sandbox: the guest's accesses to the host are all made by
 * it, and none by the guest.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/hostproc.h"
#include "sandbox/private.h"

static int write_attribute(const char *name, const char *text)
{
	cleanup_close int fd = openat(hostproc_dir(), name, O_WRONLY | O_CLOEXEC);
	ssize_t n = strlen(text);

	if (fd < 0)
		return -errno;
	return write(fd, text, n) == n ? 0 : -errno;
}

int label_set_selinux(const struct oci_process *p, struct error *err)
{
	int r;

	if (!p->selinux_label || !*p->selinux_label)
		return 0;
	r = write_attribute("thread-self/attr/current", p->selinux_label);
	return r < 0 ? error_errno(err, r, "process.selinuxLabel: cannot change to \"%s\"",
				   p->selinux_label)
		     : 0;
}

int label_set_apparmor(const struct oci_process *p, struct error *err)
{
	cleanup_free char *order = NULL;
	int r;

	if (!p->apparmor_profile || !*p->apparmor_profile || !strcmp(p->apparmor_profile, "unconfined"))
		return 0;
	if (asprintf(&order, "changeprofile %s", p->apparmor_profile) < 0)
		return error_errno(err, -ENOMEM, "process.apparmorProfile");
	/* The file of its own is for hosts with several modules, Linux 5.8. */
	r = write_attribute("thread-self/attr/apparmor/current", order);
	if (r == -ENOENT)
		r = write_attribute("thread-self/attr/current", order);
	return r < 0 ? error_errno(err, r, "process.apparmorProfile: cannot change to \"%s\"",
				   p->apparmor_profile)
		     : 0;
}
