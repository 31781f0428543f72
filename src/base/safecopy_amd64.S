/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Memory accesses that may fault. Each has a fix-up: the fault handler in safecopy.c moves a program
 * counter between safecopy_begin and safecopy_end to safecopy_fixup, with the registers as they
 * were at the fault: rcx is then what is left of a REP, and 1 for the single accesses.
 */
	.text
	.globl safecopy_begin
	.globl safecopy_end
	.globl safecopy_fixup

	/* size_t safecopy_copy(void *dst, const void *src, size_t n): bytes left */
	.globl safecopy_copy
	.type safecopy_copy, @function
	.balign 16
safecopy_copy:
	.cfi_startproc
	mov	%rdx, %rcx
	jmp	copy_rep
	.cfi_endproc

	/* size_t safecopy_zero(void *dst, size_t n): bytes left */
	.globl safecopy_zero
	.type safecopy_zero, @function
safecopy_zero:
	.cfi_startproc
	mov	%rsi, %rcx
	xor	%eax, %eax
	jmp	zero_rep
	.cfi_endproc

	/* size_t safecopy_load(const uint32_t *p, uint32_t *value): 0 or 1 */
	.globl safecopy_load
	.type safecopy_load, @function
safecopy_load:
	.cfi_startproc
	mov	$1, %ecx
	jmp	load_one
load_done:
	mov	%eax, (%rsi)
	xor	%eax, %eax
	ret
	.cfi_endproc

	/* size_t safecopy_swap(uint32_t *p, uint32_t value, uint32_t *old): 0 or 1 */
	.globl safecopy_swap
	.type safecopy_swap, @function
safecopy_swap:
	.cfi_startproc
	mov	$1, %ecx
	jmp	swap_one
swap_done:
	mov	%esi, (%rdx)
	xor	%eax, %eax
	ret
	.cfi_endproc

	/* size_t safecopy_cas(uint32_t *p, uint32_t expected, uint32_t value, uint32_t *old): 0 or 1 */
	.globl safecopy_cas
	.type safecopy_cas, @function
safecopy_cas:
	.cfi_startproc
	mov	%rcx, %r8
	mov	$1, %ecx
	mov	%esi, %eax
	jmp	cas_one
cas_done:
	mov	%eax, (%r8)
	xor	%eax, %eax
	ret
	.cfi_endproc

	.cfi_startproc
safecopy_begin:
copy_rep:
	rep movsb
	jmp	safecopy_left
zero_rep:
	rep stosb
	jmp	safecopy_left
load_one:
	mov	(%rdi), %eax
	jmp	load_done
swap_one:
	xchg	%esi, (%rdi)
	jmp	swap_done
cas_one:
	lock cmpxchg %edx, (%rdi)
	jmp	cas_done
safecopy_end:
safecopy_fixup:
safecopy_left:
	mov	%rcx, %rax
	ret
	.cfi_endproc

	.section .note.GNU-stack, "", @progbits
