/* SPDX-License-Identifier: MIT */
/*
 * Architectural state of one vCPU, the same for every backend. Any backend can export it and
 * import it between two guest instructions; comparing runs and moving a guest from one backend to
 * the other rest on that. Intel SDM vol. 3A ch. 2 and 3, AMD APM vol. 2 ch. 3 and 4.
 */
#ifndef FVB_CPU_STATE_H
#define FVB_CPU_STATE_H

#include "common/types.h"

#include <stdio.h>

/* In the order of their instruction encodings. */
enum gpr { RAX, RCX, RDX, RBX, RSP, RBP, RSI, RDI, R8, R9, R10, R11, R12, R13, R14, R15, NR_GPR };
enum seg { SEG_ES, SEG_CS, SEG_SS, SEG_DS, SEG_FS, SEG_GS, SEG_LDT, SEG_TR, NR_SEG };

/* struct segment.attr: bits 8..23 of a descriptor's second word, moved down to bit 0, with bits
 * 8..11 (limit 19:16) zero: the layout of VMX access rights. */
#define ATTR_TYPE      0x000f
#define ATTR_S	       0x0010 /* code or data, not system */
#define ATTR_DPL_SHIFT 5
#define ATTR_DPL       0x0060
#define ATTR_P	       0x0080
#define ATTR_AVL       0x1000
#define ATTR_L	       0x2000
#define ATTR_DB	       0x4000
#define ATTR_G	       0x8000
#define ATTR_UNUSABLE  0x10000 /* null selector was loaded */

struct segment {
	u64 base;
	u32 limit; /* in bytes, granularity already applied */
	u32 attr;
	u16 selector;
};

struct table_reg {
	u64 base;
	u16 limit;
};

#define XSAVE_AREA 4096 /* x87 to AVX-512 and PKRU, standard (not compacted) format */

/* What is on its way into the guest and not yet taken. */
struct cpu_events {
	bool exception_pending; /* raised, not yet delivered */
	bool exception_has_error;
	u8 exception;
	u32 exception_error;
	u64 exception_payload; /* CR2 for #PF, DR6 bits for #DB */
	bool interrupt_injected;
	bool interrupt_soft; /* INT n rather than a device */
	u8 interrupt;
	bool nmi_pending;
	bool nmi_injected;
	bool nmi_masked;   /* between delivery and IRET */
	bool sti_shadow;   /* one more instruction before interrupts open */
	bool movss_shadow; /* the same after MOV SS / POP SS, debug traps included */
	bool halted;
};

struct cpu_state {
	u64 gpr[NR_GPR];
	u64 rip, rflags;
	struct segment seg[NR_SEG];
	struct table_reg gdt, idt;
	u64 cr0, cr2, cr3, cr4, cr8, efer, xcr0, apic_base;
	u64 dr[4], dr6, dr7;
	struct {
#define MSR(field, number, name, reset) u64 field;
#include "common/msr.def"
#undef MSR
	} msr;
	struct cpu_events ev;
	u32 xsave_size; /* bytes of xsave[] in use; at least 576 */
	u8 xsave[XSAVE_AREA] __attribute__((aligned(64)));
};

#define CR0_PE 0x00000001ull
#define CR0_MP 0x00000002ull
#define CR0_EM 0x00000004ull
#define CR0_TS 0x00000008ull
#define CR0_ET 0x00000010ull
#define CR0_NE 0x00000020ull
#define CR0_WP 0x00010000ull
#define CR0_AM 0x00040000ull
#define CR0_NW 0x20000000ull
#define CR0_CD 0x40000000ull
#define CR0_PG 0x80000000ull

#define CR4_PSE	       BIT64(4)
#define CR4_PAE	       BIT64(5)
#define CR4_PGE	       BIT64(7)
#define CR4_OSFXSR     BIT64(9)
#define CR4_OSXMMEXCPT BIT64(10)
#define CR4_UMIP       BIT64(11)
#define CR4_FSGSBASE   BIT64(16)
#define CR4_PCIDE      BIT64(17)
#define CR4_OSXSAVE    BIT64(18)
#define CR4_SMEP       BIT64(20)
#define CR4_SMAP       BIT64(21)

#define EFER_SCE BIT64(0)
#define EFER_LME BIT64(8)
#define EFER_LMA BIT64(10)
#define EFER_NXE BIT64(11)

#define RFLAGS_FIXED 0x2ull
#define RFLAGS_TF    BIT64(8)
#define RFLAGS_IF    BIT64(9)

#define APIC_BASE_BSP	 BIT64(8)
#define APIC_BASE_X2APIC BIT64(10)
#define APIC_BASE_ENABLE BIT64(11)

/* State after RESET#: real mode at f000:fff0. SDM vol. 3A table 9-1. */
void cpu_state_reset(struct cpu_state *s);

/* A flat segment for SEG, e.g. protected 32-bit code: base 0, limit 4 GiB. */
struct segment segment_flat(u16 selector, u32 attr);
/* A real-mode segment: base = selector * 16, limit 64 KiB. */
struct segment segment_real(u16 selector, bool code);

/* Print S for a person, the way fvm shows a crashed guest. */
void cpu_state_print(const struct cpu_state *s, FILE *f);

/*
 * Name of the first field in which A and B differ, or NULL when they agree. What hardware leaves
 * free (DR6 fixed bits, hidden parts of unusable segments, XSAVE legacy pointers of an empty x87)
 * is not compared.
 */
const char *cpu_state_differs(const struct cpu_state *a, const struct cpu_state *b);

#endif
