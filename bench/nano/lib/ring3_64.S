/* SPDX-License-Identifier: MIT */
/* user_call(fn, n): run fn(n) at CPL 3. It returns into user_exit, which comes back by INT. */

#define TSS_RSP0 4

	.text
	.globl user_call, user_exit_gate
user_call:
	push %rbx
	push %rbp
	push %r12
	push %r13
	push %r14
	push %r15
	mov %rsp, tss + TSS_RSP0
	mov %rdi, %rax
	mov %rsi, %rdi
	pushq $0x1b
	pushq $user_stack_top - 8
	pushq $0x002
	pushq $0x23
	push %rax
	movq $user_exit, user_stack_top - 8
	iretq

user_exit:
	int $0x81

user_exit_gate:
	mov tss + TSS_RSP0, %rsp
	mov $0x10, %eax
	mov %eax, %ss
	pop %r15
	pop %r14
	pop %r13
	pop %r12
	pop %rbp
	pop %rbx
	ret

	.bss
	.balign 16
	.skip 8192
user_stack_top:

	.section .note.GNU-stack, "", @progbits
