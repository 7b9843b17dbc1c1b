/* SPDX-License-Identifier: MIT */
/* From a Multiboot loader (32-bit protected mode, no paging) to nano_main in long mode. */

#define MULTIBOOT_MAGIC 0x1badb002
#define PAGE_PWU	0x07 /* present, writable, CPL 3 */
#define PAGE_LARGE	0x80
#define PAGE_UNCACHED	0x18
#define CR4_PAE		(1 << 5)
#define CR0_PG_WP	0x80010000
#define MSR_EFER	0xc0000080
#define EFER_SCE_LME	0x101

	.section .multiboot, "a"
	.balign 4
	.long MULTIBOOT_MAGIC, 0, -MULTIBOOT_MAGIC

	.text
	.code32
	.globl start
start:
	cld
	mov $stack_top, %esp
	mov %ebx, multiboot_info

	/* 2048 entries of 2 MiB; devices live in the last sixteen. */
	mov $page_dirs, %edi
	mov $(PAGE_PWU | PAGE_LARGE), %eax
	xor %ecx, %ecx
1:	cmp $(2048 - 16), %ecx
	jne 2f
	or $PAGE_UNCACHED, %eax
2:	mov %eax, (%edi, %ecx, 8)
	add $0x200000, %eax
	inc %ecx
	cmp $2048, %ecx
	jb 1b

	/* The window: eight page tables at 1 GiB. */
	mov $(window_pte + PAGE_PWU), %eax
	xor %ecx, %ecx
3:	mov %eax, page_dirs + 4096(, %ecx, 8)
	add $4096, %eax
	inc %ecx
	cmp $8, %ecx
	jb 3b

	movl $(page_dirs + 0x0000 + PAGE_PWU), page_pointers
	movl $(page_dirs + 0x1000 + PAGE_PWU), page_pointers + 8
	movl $(page_dirs + 0x2000 + PAGE_PWU), page_pointers + 16
	movl $(page_dirs + 0x3000 + PAGE_PWU), page_pointers + 24
	movl $(page_pointers + PAGE_PWU), page_root

	mov %cr4, %eax
	or $CR4_PAE, %eax
	mov %eax, %cr4
	mov $page_root, %eax
	mov %eax, %cr3
	mov $MSR_EFER, %ecx
	rdmsr
	or $EFER_SCE_LME, %eax
	wrmsr
	mov %cr0, %eax
	or $CR0_PG_WP, %eax
	mov %eax, %cr0
	lgdt gdtr
	ljmp $0x08, $long_mode

	.code64
long_mode:
	mov $0x10, %eax
	mov %eax, %ss
	mov $0x1b, %eax
	mov %eax, %ds
	mov %eax, %es
	mov %eax, %fs
	mov %eax, %gs
	xor %ebp, %ebp
	call nano_main

	.data
	.balign 16
	.globl gdt
gdt:	.quad 0
	.quad 0x00af9b000000ffff /* kernel code */
	.quad 0x00cf93000000ffff /* kernel data */
	.quad 0x00cff3000000ffff /* user data */
	.quad 0x00affb000000ffff /* user code */
	.fill 4, 8, 0		 /* TSS, spare */
gdtr:	.word . - gdt - 1
	.quad gdt

	.bss
	.globl multiboot_info, page_root, page_pointers, page_dirs, window_pte
	.balign 4096
page_root:
	.skip 4096
page_pointers:
	.skip 4096
page_dirs:
	.skip 4 * 4096
window_pte:
	.skip 8 * 4096
	.skip 16384
stack_top:
multiboot_info:
	.skip 4

	.section .note.GNU-stack, "", @progbits
