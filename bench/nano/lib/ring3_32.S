/* SPDX-License-Identifier: MIT */
/* user_call(fn, n): run fn(n) at CPL 3. It returns into user_exit, which comes back by INT. */

#define TSS_ESP0 4

	.text
	.globl user_call, user_exit_gate
user_call:
	mov 4(%esp), %eax
	mov 8(%esp), %ecx
	push %ebx
	push %ebp
	push %esi
	push %edi
	mov %esp, tss + TSS_ESP0
	mov %ecx, user_stack_top - 12
	movl $user_exit, user_stack_top - 16
	pushl $0x1b
	pushl $user_stack_top - 16
	pushl $0x002
	pushl $0x23
	push %eax
	iret

user_exit:
	int $0x81

user_exit_gate:
	mov tss + TSS_ESP0, %esp
	pop %edi
	pop %esi
	pop %ebp
	pop %ebx
	ret

	.bss
	.balign 16
	.skip 8192
user_stack_top:

	.section .note.GNU-stack, "", @progbits
