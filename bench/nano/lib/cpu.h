/* SPDX-License-Identifier: MIT */
/* Descriptor tables, interrupts and exceptions, user mode. */
#ifndef NANO_CPU_H
#define NANO_CPU_H

#include "x86.h"

/* The order that SYSCALL and SYSRET ask for. */
#define SEL_KCODE 0x08
#define SEL_KDATA 0x10
#define SEL_UDATA 0x1b
#define SEL_UCODE 0x23
#define SEL_TSS	  0x28 /* two slots in long mode */
#define SEL_SPARE 0x38 /* two slots for a guest to fill with segment_set() */

#define GDT_SLOTS 9

extern u64 gdt[GDT_SLOTS];

struct table_reg {
	u16 limit;
	uword base;
} __attribute__((packed));

static inline struct table_reg read_gdtr(void)
{
	struct table_reg r;

	asm volatile("sgdt %0" : "=m"(r));
	return r;
}

/* What IDTR holds, told without SIDT, which a monitor may get wrong. */
extern const struct table_reg idt_register;

static inline struct table_reg read_idtr(void)
{
	struct table_reg r;

	asm volatile("sidt %0" : "=m"(r));
	return r;
}

/* Put a system segment (TSS, LDT) into the GDT. TYPE as in the descriptor: 2 LDT, 9 free TSS. */
void segment_set(u16 selector, const void *base, u32 limit, u8 type);

/* What the CPU pushes; sp and ss in 32-bit mode only when the privilege level changed. Volatile: it
 * is the CPU that reads what a handler writes here. */
struct frame {
	volatile uword ip, cs, flags, sp, ss;
};

/* A handler: `__interrupt void f(struct frame *f)`, with a second argument `uword error` for the
 * exceptions that push one. */
#define __interrupt static __attribute__((interrupt))
void gate_set(u8 vector, const void *handler);
/* The same, but INT n may reach it from CPL 3. */
void gate_set_user(u8 vector, const void *handler);

/* Segments, interrupt table, masked interrupt controllers, SSE. The library's own call. */
void cpu_init(void);

/* Call FN(N) at CPL 3 on a stack of its own, interrupts off, and come back when it returns. */
void user_call(void (*fn)(uword), uword n);

#endif
