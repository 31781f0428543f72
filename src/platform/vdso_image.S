/* SPDX-License-Identifier: GPL-2.0-or-later */
/* vdso.so as it is, for vdso.h. */
	.section .rodata
	.balign 16
	.globl vdso_image
	.globl vdso_image_end
vdso_image:
	.incbin "src/platform/vdso.so"
vdso_image_end:

	.section .note.GNU-stack, "", @progbits
