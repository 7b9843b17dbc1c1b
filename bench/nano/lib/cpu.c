/* SPDX-License-Identifier: MIT */
#include "console.h"
#include "cpu.h"
#include "text.h"

#define GATE_INTERRUPT 0x8e
#define GATE_USER      0xee

struct gate {
	u16 offset_low, selector;
	u8 ist, type;
	u16 offset_high;
#ifdef __x86_64__
	u32 offset_top, reserved;
#endif
};

static struct gate idt[256] __attribute__((aligned(16)));

const struct table_reg idt_register = { sizeof(idt) - 1, (uword)idt };

/* Task state: the CPU only reads where to find stacks. ring3.S fills in the one for CPL 0. */
u32 tss[26] __attribute__((aligned(128)));

#ifdef __x86_64__
#define TSS_IST1 9
static u8 fault_stack[PAGE] __attribute__((aligned(16)));
#else
#define TSS_SS0 2
#endif

void segment_set(u16 selector, const void *base, u32 limit, u8 type)
{
	u64 *slot = &gdt[selector / 8];
	uintptr_t b = (uintptr_t)base;

	slot[0] = (limit & 0xffff) | (u64)(b & 0xffffff) << 16 | (u64)(0x80 | type) << 40 |
		  (u64)(limit >> 16 & 15) << 48 | (u64)(b >> 24 & 0xff) << 56;
#ifdef __x86_64__
	slot[1] = b >> 32;
#endif
}

static void gate_fill(u8 vector, const void *handler, u8 type)
{
	uintptr_t a = (uintptr_t)handler;
	struct gate *g = &idt[vector];

	*g = (struct gate){
		.offset_low = (u16)a,
		.selector = SEL_KCODE,
		.type = type,
		.offset_high = (u16)(a >> 16),
	};
#ifdef __x86_64__
	g->offset_top = (u32)(a >> 32);
#endif
}

void gate_set(u8 vector, const void *handler)
{
	gate_fill(vector, handler, GATE_INTERRUPT);
}

void gate_set_user(u8 vector, const void *handler)
{
	gate_fill(vector, handler, GATE_USER);
}

__attribute__((noreturn)) static void unexpected(u8 vector, const struct frame *f, uword error)
{
	struct text t = { .len = 0 };

	text_str(&t, "exception ");
	text_dec(&t, vector);
	text_str(&t, " error ");
	text_hex(&t, error);
	text_str(&t, " at ");
	text_hex(&t, f->ip);
	text_str(&t, " cr2 ");
	text_hex(&t, read_cr2());
	fail(t.buf);
}

/* X(vector) pushes no error code, E(vector) does. */
/* clang-format off */
#define EXCEPTIONS                                                                                 \
	X(0) X(1) X(2) X(3) X(4) X(5) X(6) X(7) E(8) X(9) E(10) E(11) E(12) E(13) E(14) X(15)      \
	X(16) E(17) X(18) X(19) X(20) E(21) X(22) X(23) X(24) X(25) X(26) X(27) X(28) E(29) E(30)  \
	X(31)
/* clang-format on */

#define X(vector)                                            \
	__interrupt void exception_##vector(struct frame *f) \
	{                                                    \
		unexpected(vector, f, 0);                    \
	}
#define E(vector)                                                         \
	__interrupt void exception_##vector(struct frame *f, uword error) \
	{                                                                 \
		unexpected(vector, f, error);                             \
	}
EXCEPTIONS
#undef X
#undef E

static const void *const exception[32] = {
#define X(vector) [vector] = exception_##vector,
#define E(vector) X(vector)
	EXCEPTIONS
#undef X
#undef E
};

__interrupt void unexpected_interrupt(struct frame *f)
{
	(void)f;
	fail("unexpected interrupt");
}

static void idt_init(void)
{
	for (unsigned int v = 0; v < ARRAY_SIZE(idt); v++)
		gate_set((u8)v, v < 32 ? exception[v] : (const void *)unexpected_interrupt);
	asm volatile("lidt %0" : : "m"(idt_register));
}

static void tss_init(void)
{
#ifdef __x86_64__
	/* A double fault means that the stack may be bad. */
	tss[TSS_IST1] = (u32)(uintptr_t)(fault_stack + sizeof(fault_stack));
	idt[8].ist = 1;
#else
	tss[TSS_SS0] = SEL_KDATA;
#endif
	segment_set(SEL_TSS, tss, sizeof(tss) - 1, 9);
	asm volatile("ltr %w0" : : "r"(SEL_TSS));
}

void cpu_init(void)
{
	idt_init();
	tss_init();
	/* Firmware may have left a tick running. */
	outb(0x21, 0xff);
	outb(0xa1, 0xff);
	write_cr0((read_cr0() & ~CR0_EM) | CR0_MP);
	write_cr4(read_cr4() | CR4_OSFXSR | CR4_OSXMMEXCPT);
}
