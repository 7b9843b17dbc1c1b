/* SPDX-License-Identifier: MIT */
/*
 * How ../shows/probe.c gets into a snippet and out of it. It is called near and returns near, from whatever
 * privilege it ended up with: INT is the way back. Exceptions take the short cut to its last part.
 */
#include "probe.h"

#define SLOT(x)	 (probe_io + (x))
#define USER_SP	 (probe_user_stack + 4000)

	.text
	.globl probe_call, probe_call_user, probe_end, probe_vectors, probe_entry

/* probe_call(where, selector) */
probe_call:
	push %rbx
	push %rbp
	push %r12
	push %r13
	push %r14
	push %r15
	mov %rsp, SLOT(IO_GLUE)
	lea -8(%rsp), %rax
	mov %rax, SLOT(IO_SP)
	mov $probe_io, %ebp
	xor %eax, %eax
	xor %ecx, %ecx
	xor %edx, %edx
	call *%rdi
	int $PROBE_END

/* probe_call_user(where, selector, rflags): at CPL 3. */
probe_call_user:
	push %rbx
	push %rbp
	push %r12
	push %r13
	push %r14
	push %r15
	mov %rsp, SLOT(IO_GLUE)
	movq $USER_SP, SLOT(IO_SP)
	movq $probe_back, USER_SP
	pushq $PROBE_USER_SS
	pushq $USER_SP
	push %rdx
	push %rsi
	push %rdi
	mov $probe_io, %ebp
	xor %eax, %eax
	xor %ecx, %ecx
	xor %edx, %edx
	iretq
probe_back:
	int $PROBE_END

probe_end:
	mov 8(%rsp), %rax
	mov %rax, SLOT(IO_AFTER_CS)
	mov 16(%rsp), %rax
	mov %rax, SLOT(IO_AFTER_FLAGS)
	mov SLOT(IO_GLUE), %rsp
	mov $0x10, %eax
	mov %eax, %ss
	cld
	pop %r15
	pop %r14
	pop %r13
	pop %r12
	pop %rbp
	pop %rbx
	ret

common:
	pop %rax
	mov %eax, SLOT(IO_VECTOR)
	cmp $31, %eax
	ja 1f
	mov $PROBE_WITH_ERROR, %ecx
	bt %eax, %ecx
	jnc 1f
	pop %rax
	mov %eax, SLOT(IO_ERROR)
1:	mov $probe_io, %ebp
	xor %eax, %eax
	xor %ecx, %ecx
	xor %edx, %edx
	jmp *SLOT(IO_RESUME)

/* One entry of 16 bytes for each vector, and the one that SYSCALL and SYSENTER lead to. */
	.balign 16
probe_vectors:
	.set n, 0
	.rept 256
	.balign 16
	push $n
	jmp common
	.set n, n + 1
	.endr
probe_entry:
	mov $(probe_io + IO_SIZE - 64), %esp
	push $PROBE_ENTRY
	jmp common

	.section .note.GNU-stack, "", @progbits
