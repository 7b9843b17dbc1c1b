/* SPDX-License-Identifier: MIT */
/*
 * All code of ours in a guest's process: one page, copied to WORLD_STUB. What is around it there is
 * HLT.
 */
#include "backends/swbt/direct/world.h"

#include <asm/unistd_64.h>

#define SECCOMP_SET_MODE_FILTER 1 /* linux/seccomp.h, which is for C alone */

	.section .note.GNU-stack, "", @progbits
	.section .rodata
	.balign 16
	.globl	world_stub, world_stub_end, world_stub_boot, world_stub_ready
	.globl	world_stub_calls, world_stub_called
world_stub:

/*
 * The end of confinement. There is no stack any more. rbx: struct sock_fprog, in this page. Ends at
 * world_stub_ready, or with the number of what went wrong as exit status.
 */
world_stub_boot:
	xor	%edi, %edi
	movabs	$WORLD_HIGH, %rsi
	mov	$__NR_munmap, %eax
	syscall
	test	%rax, %rax
	jnz	1f
	mov	$SECCOMP_SET_MODE_FILTER, %edi
	xor	%esi, %esi
	mov	%rbx, %rdx
	mov	$__NR_seccomp, %eax
	syscall
	test	%rax, %rax
	jnz	1f
	int3
world_stub_ready:
	hlt
1:	mov	%eax, %edi
	neg	%edi
	mov	$__NR_exit_group, %eax
	syscall
	hlt

/*
 * System calls for the VMM: rbx points at r12 structs world_call. Up to the first that fails; stops
 * at world_stub_called with the last result in rax.
 */
world_stub_calls:
	mov	(%rbx), %rax
	mov	8(%rbx), %rdi
	mov	16(%rbx), %rsi
	mov	24(%rbx), %rdx
	mov	32(%rbx), %r10
	mov	40(%rbx), %r8
	mov	48(%rbx), %r9
	syscall
	cmp	$-4096, %rax
	ja	1f
	add	$56, %rbx
	dec	%r12
	jnz	world_stub_calls
1:	int3
world_stub_called:
	hlt
world_stub_end:
