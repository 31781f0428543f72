/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The table through which /proc asks kernel/ (filled by kernel/procinfo.c at boot), and the one
 * through which terminals do (kernel/jobcontrol.c).
 */
#include "vfs/jobcontrol.h"
#include "vfs/procfs.h"

struct proc_ops proc_ops;
struct job_control_ops job_control;
