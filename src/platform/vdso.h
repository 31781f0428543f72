/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * husk's own vDSO: an ELF shared object for the guest (vdso_guest.c), embedded in this program. It
 * wants one page right below its first byte, a struct clock_page.
 */
#ifndef HUSK_PLATFORM_VDSO_H
#define HUSK_PLATFORM_VDSO_H

extern const char vdso_image[], vdso_image_end[];

#endif
