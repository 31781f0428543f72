/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The stub page: all code of ours in a stub (ptrace.h has the offsets). It is mapped at STUB_BASE,
 * readable and executable, and cannot be anything else: no stub ever executes a system call that
 * was not asked for by this process.
 *
 *   park     sleeps for ever; threads of nobody's are here
 *   call     a thread that is to make a call is put here; INT3 hands it back. With rbp set the call
 *            is clone(), and the new thread, which nobody traces, goes to sleep
 *   handler  never runs: the thread is stopped when the frame for it is complete
 *   boot     the zygote's way from a copy of this process to nothing but this page:
 *            r12 where the page is now, r13 STUB_BASE, r14 the memory file, r15 the page's offset
 *            there, rbp HOST_USER_END, rbx the filter's address
 */
#include <sys/syscall.h>

	.section .rodata
	.globl stub_page_start
	.globl stub_page_end
	.balign 64
stub_page_start:
	ud2

	.org stub_page_start + 0x10
park:
	mov	$SYS_pause, %eax
	syscall
	jmp	park

	.org stub_page_start + 0x20
	syscall
	test	%ebp, %ebp
	jz	back
	test	%eax, %eax
	jz	park
back:
	int3

	.org stub_page_start + 0x30
	int3

	.org stub_page_start + 0x40
	/* Everything below the page. */
	xor	%edi, %edi
	mov	%r12, %rsi
	mov	$SYS_munmap, %eax
	syscall
	mov	$1, %edi
	test	%rax, %rax
	jnz	fail
	/* Everything above it. */
	lea	4096(%r12), %rdi
	mov	%rbp, %rsi
	sub	%rdi, %rsi
	mov	$SYS_munmap, %eax
	syscall
	mov	$2, %edi
	test	%rax, %rax
	jnz	fail
	/* The page at its place: PROT_READ|PROT_EXEC, MAP_SHARED|MAP_FIXED. */
	mov	%r13, %rdi
	mov	$4096, %esi
	mov	$5, %edx
	mov	$0x11, %r10d
	mov	%r14, %r8
	mov	%r15, %r9
	mov	$SYS_mmap, %eax
	syscall
	mov	$3, %edi
	cmp	%r13, %rax
	jne	fail
	lea	(boot_there - stub_page_start)(%r13), %rax
	jmp	*%rax
boot_there:
	mov	%r12, %rdi
	mov	$4096, %esi
	mov	$SYS_munmap, %eax
	syscall
	mov	$4, %edi
	test	%rax, %rax
	jnz	fail
	/* SECCOMP_SET_MODE_FILTER: from here on, park and call are all that the page can do. */
	mov	$1, %edi
	xor	%esi, %esi
	mov	%rbx, %rdx
	mov	$SYS_seccomp, %eax
	syscall
	mov	$5, %edi
	test	%rax, %rax
	jnz	fail
	int3
fail:
	mov	$SYS_exit_group, %eax
	syscall
	ud2
stub_page_end:

	.section .note.GNU-stack, "", @progbits
