/* SPDX-License-Identifier: MIT */
/* The rig with descriptor tables, task-state segments and handlers, for tests of what uses them. */
#ifndef FVB_TESTS_GATES_RIG_H
#define FVB_TESTS_GATES_RIG_H

#include "backends/swbt/emulate.h"
#include "tests/unit/swbt_rig.h"

/* Selectors of the GDT that gates_up makes; the number is the DPL. All code and data are flat. */
enum gates_selector {
	CODE0 = 0x08, /* what rig_enter loads */
	DATA0 = 0x10, /* the same */
	CODE3 = 0x18 | 3,
	DATA3 = 0x20 | 3,
	WIDE0 = 0x28, /* 64-bit code */
	WIDE3 = 0x30 | 3,
	CONF0 = 0x38,  /* conforming */
	TASK1 = 0x40,  /* the current TSS, busy */
	TASK2 = 0x48,  /* 32-bit, available */
	TASK3 = 0x50,  /* 16-bit, available */
	GATE = 0x58,   /* 16 bytes for a test's own gate */
	SMALL0 = 0x68, /* 16-bit code, limit 64 KiB */
	STACK0 = 0x70, /* 16-bit stack, the same */
	GONE_CODE = 0x78,
	GONE_DATA = 0x80,
	EXEC_ONLY = 0x88,
	READ_ONLY = 0x90,
	ODD_CODE = 0x98, /* both L and D */
	LDT = 0xa0,
	LOCAL = 0x04 | 3, /* of the LDT: DATA3 once more */
	CODE1 = 0xa8 | 1,
	DATA1 = 0xb0 | 1,
};

#define GATES_GDT  0x1000u
#define GATES_IDT  0x2000u
#define GATES_TSS1 0x4000u
#define GATES_TSS2 0x4800u
#define GATES_TSS3 0x4c00u
#define GATES_LDT  0x5000u
#define GATES_TOP  0x6000u /* page tables */

#define HANDLER(vector) (0x100000u + (vector)*16u)
#define STACK_RING0	0x80000u /* TSS: ESP0, RSP0 */
#define STACK_RING1	0x88000u
#define STACK_IST(n)	(0x90000u + (n)*0x1000u)
#define STACK_USER	0xa0000u
#define ENTRY		0x10000u /* RIP when a test starts */

/* A machine in PAGING (RIG_OFF, RIG_LONG or RIG_COMPAT) at CPL 0 or 3, at ENTRY, with interrupts
 * on; all IDT entries are interrupt gates of DPL 0 to HANDLER(vector). */
struct rig *gates_up(enum rig_paging paging, unsigned int cpl);

/* The same in real mode / in virtual-8086 mode with IOPL, at 1000:0000. The IVT leads to
 * 2000:vector. */
struct rig *gates_up_real(void);
struct rig *gates_up_vm86(unsigned int level);

u64 gates_descriptor(u32 base, u32 limit, u32 attr);
u64 gates_gate(u16 selector, u32 offset, unsigned int type, unsigned int dpl, unsigned int copied);
void gates_set_gdt(struct rig *r, u16 selector, u64 descriptor);
u64 gates_get_gdt(struct rig *r, u16 selector);
/* Low half of IDT entry VECTOR. */
void gates_set_idt(struct rig *r, u8 vector, u64 gate);

/* Execute one instruction of N bytes at RIP (they need not be there). Unless it faults RIP moves.
 */
enum emulate_result gates_do(struct rig *r, const char *bytes, unsigned int n);
#define DO(r, bytes) gates_do(r, bytes, sizeof(bytes) - 1)

/* Was VECTOR raised with ERROR (-1: none)? */
bool gates_raised(struct rig *r, enum vector vector, int error);
/* The SIZE-byte value N places above the top of the stack, by linear address. */
u64 gates_stack(struct rig *r, unsigned int n, unsigned int size);
u16 gates_sel(struct rig *r, enum seg seg);

#endif
