/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "runtime/lsm.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <stddef.h>
#include <sys/vfs.h>

#include "base/cleanup.h"
#include "runtime/files.h"

bool lsm_apparmor_enabled(void)
{
	cleanup_free char *text = NULL;

	return file_read(AT_FDCWD, "/sys/module/apparmor/parameters/enabled", 16, &text) > 0 &&
	       text[0] == 'Y';
}

bool lsm_selinux_enabled(void)
{
	struct statfs sf;

	return statfs("/sys/fs/selinux", &sf) == 0 && sf.f_type == SELINUX_MAGIC;
}
