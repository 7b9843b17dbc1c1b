/* SPDX-License-Identifier: MIT */
/*
 * How ../shows/probe.c gets into a snippet and out of it, in 32-bit guests: near, or far where the snippet is
 * in a 16-bit segment. See probe64.S.
 */
#include "probe.h"

#define SLOT(x)	 (probe_io + (x))
#define USER_SP	 (probe_user_stack + 4000)

	.text
	.globl probe_call, probe_call_user, probe_end, probe_vectors, probe_entry

/* probe_call(where, selector) */
probe_call:
	mov 4(%esp), %eax
	mov 8(%esp), %ecx
	push %ebx
	push %ebp
	push %esi
	push %edi
	mov %esp, SLOT(IO_GLUE)
	mov $probe_io, %ebp
	xor %edx, %edx
	cmp $PROBE_SEL_16, %ecx
	je 1f
	lea -4(%esp), %ebx
	mov %ebx, SLOT(IO_SP)
	mov %eax, %ebx
	xor %eax, %eax
	xor %ecx, %ecx
	call *%ebx
	int $PROBE_END
1:	lea -8(%esp), %ebx
	mov %ebx, SLOT(IO_SP)
	xor %eax, %eax
	xor %ecx, %ecx
	lcall $PROBE_SEL_16, $0
	int $PROBE_END

/* probe_call_user(where, selector, eflags): at CPL 3. */
probe_call_user:
	mov 4(%esp), %eax
	mov 8(%esp), %ecx
	mov 12(%esp), %edx
	push %ebx
	push %ebp
	push %esi
	push %edi
	mov %esp, SLOT(IO_GLUE)
	movl $USER_SP, SLOT(IO_SP)
	movl $probe_back, USER_SP
	movl $PROBE_USER_CS, USER_SP + 4
	pushl $PROBE_USER_SS
	pushl $USER_SP
	push %edx
	push %ecx
	push %eax
	mov $probe_io, %ebp
	xor %eax, %eax
	xor %ecx, %ecx
	xor %edx, %edx
	iretl
probe_back:
	int $PROBE_END

probe_end:
	mov $0x1b, %eax
	mov %eax, %ds
	mov %eax, %es
	mov 4(%esp), %eax
	mov %eax, SLOT(IO_AFTER_CS)
	mov 8(%esp), %eax
	mov %eax, SLOT(IO_AFTER_FLAGS)
	mov $0x10, %eax
	mov %eax, %ss
	mov SLOT(IO_GLUE), %esp
	cld
	pop %edi
	pop %esi
	pop %ebp
	pop %ebx
	ret

common:
	mov $0x1b, %eax
	mov %eax, %ds
	mov %eax, %es
	pop %eax
	mov %eax, SLOT(IO_VECTOR)
	cmp $31, %eax
	ja 1f
	mov $PROBE_WITH_ERROR, %ecx
	bt %eax, %ecx
	jnc 1f
	pop %eax
	mov %eax, SLOT(IO_ERROR)
1:	mov $probe_io, %ebp
	/* From here on at CPL 0, so that is where a far return goes. */
	cmpw $PROBE_SEL_16, SLOT(IO_RESUME) + 4
	jne 2f
	mov SLOT(IO_SP), %eax
	movl $0x08, 4(%eax)
2:	xor %eax, %eax
	xor %ecx, %ecx
	xor %edx, %edx
	ljmp *SLOT(IO_RESUME)

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
