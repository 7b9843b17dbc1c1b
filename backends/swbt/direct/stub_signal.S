/* SPDX-License-Identifier: MIT */
/*
 * What a world runs between two stretches of guest code (stub_signal.h). Position: WORLD_STUB_MORE.
 * No stack is used. r12: the last order seen.
 */
#include "backends/swbt/direct/stub_signal.h"

#define NR_FUTEX	202
#define NR_RT_SIGRETURN 15
#define NR_PRLIMIT64	302
#define RLIMIT_LOCKS	10
#define FUTEX_WAIT	0
#define FUTEX_WAKE	1

.macro data
	movabs	$STUB_CONTROL, %rbp
	movabs	$STUB_SHARED, %rbx
.endm

	.section .rodata
	.balign	16
	.globl	stub_code, stub_code_end, stub_handler
	.globl	stub_after_wait, stub_after_wake, stub_after_report
	.globl	stub_after_sigreturn, stub_after_call
stub_code:

/* A signal: rdi its number, rsp the frame. */
stub_handler:
	data
	mov	%rdi, SHARED_SIGNO(%rbx)
	mov	%rsp, SHARED_FRAME(%rbx)
	rdfsbase %rax
	mov	%rax, SHARED_FS_BASE(%rbx)
	rdgsbase %rax
	mov	%rax, SHARED_GS_BASE(%rbx)
	mov	%ds, SHARED_DS(%rbx)
	mov	%es, SHARED_ES(%rbx)
	mov	%fs, SHARED_FS(%rbx)
	mov	%gs, SHARED_GS(%rbx)

stopped:
	mov	CONTROL_ORDER(%rbp), %eax
stopped_at:					/* eax: the order that this ends */
	mov	%eax, %r12d
	xchg	%eax, SHARED_STOPPED(%rbx)	/* before the VMM's flag is read */
	xor	%eax, %eax
	xchg	%eax, SHARED_VMM_WAITS(%rbx)
	test	%eax, %eax
	jz	wait
	lea	SHARED_STOPPED(%rbx), %rdi
	mov	$FUTEX_WAKE, %esi
	mov	$1, %edx
	mov	$NR_FUTEX, %eax
	jmp	futex_wake

wait:
	mov	CONTROL_SPIN(%rbp), %ecx
look:
	mov	CONTROL_ORDER(%rbp), %eax
	cmp	%r12d, %eax
	jne	obey
	sub	$1, %ecx
	jb	sleep
	pause
	jmp	look

sleep:
	mov	$1, %eax
	xchg	%eax, SHARED_WAITS(%rbx)	/* before the kernel reads the order */
	lea	CONTROL_ORDER(%rbp), %rdi
	mov	$FUTEX_WAIT, %esi
	mov	%r12d, %edx
	xor	%r10d, %r10d			/* for ever */
	mov	$NR_FUTEX, %eax
	jmp	futex_wait

obey:
	mov	%eax, %r12d
	and	$ORDER_KIND, %eax
	cmp	$ORDER_CALL, %eax
	je	call
	cmp	$ORDER_RESUME, %eax
	je	resume
park:
	xor	%edi, %edi
	mov	$RLIMIT_LOCKS, %esi
	lea	CONTROL_ORDER(%rbp), %rdx
	xor	%r10d, %r10d
	mov	$NR_PRLIMIT64, %eax
	jmp	report

resume:
	cmpl	$0, CONTROL_SEGMENTS(%rbp)
	je	1f
	mov	CONTROL_DS(%rbp), %ds
	mov	CONTROL_ES(%rbp), %es
	mov	CONTROL_FS(%rbp), %fs
	mov	CONTROL_GS(%rbp), %gs
1:	mov	CONTROL_FS_BASE(%rbp), %rax
	wrfsbase %rax
	mov	CONTROL_GS_BASE(%rbp), %rax
	wrgsbase %rax
	mov	CONTROL_FRAME(%rbp), %rsp
	mov	$NR_RT_SIGRETURN, %eax
	jmp	sigreturn

/* The system calls that are always let through, and no others (signal.c: gates). */
futex_wait:
	syscall
stub_after_wait:
	jmp	awake
futex_wake:
	syscall
stub_after_wake:
	jmp	awake
report:
	syscall
stub_after_report:
	jmp	reported
sigreturn:
	syscall
stub_after_sigreturn:
	ud2

/* Whoever comes to these two may have come from anywhere, unless the order is to park. */
awake:
	data
	movl	$0, SHARED_WAITS(%rbx)
	testl	$ORDER_KIND, CONTROL_ORDER(%rbp)
	jz	park
	jmp	wait

reported:
	data
	mov	CONTROL_ORDER(%rbp), %eax
	test	$ORDER_KIND, %eax
	jz	stopped_at
	jmp	wait

call:
	movabs	$STUB_CALLS, %r13
	mov	CONTROL_CALLS(%rbp), %r14d
1:	mov	(%r13), %rax
	mov	8(%r13), %rdi
	mov	16(%r13), %rsi
	mov	24(%r13), %rdx
	mov	32(%r13), %r10
	mov	40(%r13), %r8
	mov	48(%r13), %r9
	syscall
stub_after_call:
	cmp	$-4096, %rax
	ja	2f
	add	$56, %r13
	dec	%r14d
	jnz	1b
2:	mov	%rax, SHARED_RESULT(%rbx)
	jmp	stopped
stub_code_end:

	.section .note.GNU-stack, "", @progbits
