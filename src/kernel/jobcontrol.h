/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What terminals ask about sessions and process groups: fills vfs/jobcontrol.h's table. */
#ifndef HUSK_KERNEL_JOBCONTROL_H
#define HUSK_KERNEL_JOBCONTROL_H

/* Called once by kernel_boot(). */
void jobcontrol_init(void);

#endif
