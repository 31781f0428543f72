/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which security modules this host has: a label is no use without its module. */
#ifndef HUSK_RUNTIME_LSM_H
#define HUSK_RUNTIME_LSM_H

#include <stdbool.h>

bool lsm_apparmor_enabled(void);
bool lsm_selinux_enabled(void);

#endif
