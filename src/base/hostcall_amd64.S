/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * long hostcall_window(_Atomic uint32_t *kicked, long nr, const long args[6])
 *
 * The window of base/hostcall.h: between the load of *kicked and the SYSCALL instruction, a kick
 * must not be lost. The kick handler compares the interrupted program counter with the labels: from
 * hostcall_window_start up to and including the SYSCALL instruction (the call has not been made
 * yet) it moves it to hostcall_window_interrupted. Behind the SYSCALL the result is already in rax.
 */
	.text
	.globl hostcall_window
	.type hostcall_window, @function
	.globl hostcall_window_start
	.globl hostcall_window_end
	.globl hostcall_window_interrupted
	.balign 16
hostcall_window:
	.cfi_startproc
	endbr64
	mov	%rdi, %rcx		/* kicked */
	mov	%rsi, %rax		/* nr */
	mov	%rdx, %r11		/* args */
	mov	0(%r11), %rdi
	mov	8(%r11), %rsi
	mov	16(%r11), %rdx
	mov	24(%r11), %r10
	mov	32(%r11), %r8
	mov	40(%r11), %r9
hostcall_window_start:
	cmpl	$0, (%rcx)
	jne	hostcall_window_interrupted
hostcall_window_end:
	syscall
	ret
hostcall_window_interrupted:
	mov	$-4, %rax		/* -EINTR */
	ret
	.cfi_endproc
	.size hostcall_window, . - hostcall_window

	.section .note.GNU-stack, "", @progbits
