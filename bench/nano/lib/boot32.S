/* SPDX-License-Identifier: MIT */
/* From a Multiboot loader (protected mode, no paging) to nano_main in protected mode with paging. */

#define MULTIBOOT_MAGIC 0x1badb002
#define PAGE_PWU	0x07 /* present, writable, CPL 3 */
#define PAGE_LARGE	0x80
#define PAGE_UNCACHED	0x18
#define CR4_PSE		(1 << 4)
#define CR0_PG_WP	0x80010000

	.section .multiboot, "a"
	.balign 4
	.long MULTIBOOT_MAGIC, 0, -MULTIBOOT_MAGIC

	.text
	.globl start
start:
	cld
	mov $stack_top, %esp
	mov %ebx, multiboot_info

	/* 1024 entries of 4 MiB; devices live in the last eight. */
	mov $(PAGE_PWU | PAGE_LARGE), %eax
	xor %ecx, %ecx
1:	cmp $(1024 - 8), %ecx
	jne 2f
	or $PAGE_UNCACHED, %eax
2:	mov %eax, page_root(, %ecx, 4)
	add $0x400000, %eax
	inc %ecx
	cmp $1024, %ecx
	jb 1b

	/* The window: four page tables at 1 GiB. */
	mov $(window_pte + PAGE_PWU), %eax
	mov $256, %ecx
3:	mov %eax, page_root(, %ecx, 4)
	add $4096, %eax
	inc %ecx
	cmp $260, %ecx
	jb 3b

	mov %cr4, %eax
	or $CR4_PSE, %eax
	mov %eax, %cr4
	mov $page_root, %eax
	mov %eax, %cr3
	mov %cr0, %eax
	or $CR0_PG_WP, %eax
	mov %eax, %cr0
	lgdt gdtr
	ljmp $0x08, $flat

flat:	mov $0x10, %eax
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
	.quad 0x00cf9b000000ffff /* kernel code */
	.quad 0x00cf93000000ffff /* kernel data */
	.quad 0x00cff3000000ffff /* user data */
	.quad 0x00cffb000000ffff /* user code */
	.fill 4, 8, 0		 /* TSS, spare */
gdtr:	.word . - gdt - 1
	.long gdt

	.bss
	.globl multiboot_info, page_root, window_pte
	.balign 4096
page_root:
	.skip 4096
window_pte:
	.skip 4 * 4096
	.skip 16384
stack_top:
multiboot_info:
	.skip 4

	.section .note.GNU-stack, "", @progbits
