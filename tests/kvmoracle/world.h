/* SPDX-License-Identifier: MIT */
/*
 * Guest-physical memory of every case. Linear addresses equal physical ones in all modes, paging
 * or not, but for the page tables, which are not mapped: a stack that runs away faults below its
 * page before it gets at what translates it. What differs between setups is which segments lead
 * there and with what rights.
 *
 * Every byte that is not a table or data is INT3, and every vector's handler is HLT at an address
 * of its own, so that whatever an instruction does, the machine stops soon, and RIP tells which
 * vector it was.
 */
#ifndef FVB_KVMORACLE_WORLD_H
#define FVB_KVMORACLE_WORLD_H

#include "common/cpu_state.h"

enum world_address {
	W_IVT = 0x0000, /* real mode's vectors */
	W_GDT = 0x1000,
	W_LDT = 0x1800,
	W_IDT = 0x2000,
	W_TSS = 0x3000,	 /* 32- or 64-bit, I/O bitmap of all ports after it */
	W_TSS2 = 0x3800, /* the task of vector 8 and of task switches; 16-bit one follows */
	W_TSS16 = 0x3c00,
	W_HANDLERS = 0x4000, /* HANDLER_SIZE bytes each */
	W_PML4 = 0x5000,     /* or a 32-bit page directory, or PAE directory pointers */
	W_PDPT = 0x6000,
	W_PD = 0x7000,
	W_PT = 0x8000,
	W_PT_SHOWN = W_PDPT, /* W_PT, as linear address */
	W_KSTACK = 0x9000,   /* one page; stacks of rings 0, 1, 2 start at its end, 3/4, 1/2 */
	W_LOG = 0xa000,	     /* what handlers write down */
	W_USTACK = 0xb000,
	W_CODE = 0xc000,
	W_DATA = 0x10000, /* writable, writable, read-only, supervisor; 14000 is not present */
	W_DATA_END = 0x14000,
	W_END = 0x18000, /* what lies above is neither initialized nor compared */
};

#define HANDLER_SIZE 16
#define CODE_SIZE    0x2000
#define DATA_SIZE    (W_DATA_END - W_DATA)

/* Selectors in the GDT, without RPL. LDT entries are for the sequences. */
enum world_selector {
	SEL_CODE32 = 0x08,
	SEL_DATA = 0x10,
	SEL_UCODE32 = 0x18,
	SEL_UDATA = 0x20,
	SEL_TSS = 0x28, /* 16 bytes in long mode */
	SEL_LDT = 0x38, /* the same */
	SEL_CODE16 = 0x48,
	SEL_UCODE16 = 0x50,
	SEL_CODE64 = 0x58,
	SEL_UCODE64 = 0x60,
	SEL_FREE = 0x68, /* from here on: what the case likes */
	SEL_END = 0x180,
};

struct world {
	u8 bytes[W_END];
};

void world_put(struct world *w, u32 at, u64 value, unsigned int size);

/* A descriptor's eight bytes. ATTR as in struct segment, LIMIT in bytes when ATTR_G is clear. */
u64 world_descriptor(u64 base, u32 limit, u32 attr);

/* Put S's segment SEG where its selector says and load the hidden part from there. */
struct segment world_segment(struct world *w, u16 selector, u32 base, u32 limit, u32 attr);

/* INT3 everywhere, handlers, IVT, GDT and IDT for LONG mode or 32-bit protected mode, TSS, page
 * tables. PAGING: 0, 32, 36 (PAE) or 64. */
void world_init(struct world *w, bool lng);
void world_page_tables(struct world *w, unsigned int paging);
/* Map the tables that sequences change: W_PML4 and W_PD where they are, W_PT at W_PT_SHOWN, so that
 * the page below the stack stays away. */
void world_show_tables(struct world *w, unsigned int paging);

#endif
