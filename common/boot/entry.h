/* SPDX-License-Identifier: MIT */
/*
 * The states in which a guest starts, as if firmware had run: CPU out of reset, caches and MTRRs
 * on, FPU initialized, interrupts off. Stack at LAYOUT_STACK, growing down.
 */
#ifndef FVB_BOOT_ENTRY_H
#define FVB_BOOT_ENTRY_H

#include "common/boot/layout.h"
#include "common/cpu_state.h"
#include "common/error.h"

/* Selectors of the GDT that protected and long mode start with: those that Linux asks for. */
#define ENTRY_CODE 0x10
#define ENTRY_DATA 0x18

/* Real mode. ADDRESS below 64 KiB: CS 0, IP ADDRESS, as for a boot sector; below 1 MiB: CS
 * ADDRESS / 16, IP the rest. Data segments equal CS. SS:SP 8000:0000. */
void entry_real(struct cpu_state *s, u32 address);

/* 32-bit protected mode, flat segments, no paging, empty IDT. Puts a GDT into LAYOUT. -ENOMEM if
 * there is no room. */
int entry_protected(struct cpu_state *s, struct layout *layout, u32 address, struct error *err);

/*
 * 64-bit mode, the first 4 GiB mapped to themselves in 2 MiB pages (writable, executable,
 * supervisor), SSE on, empty IDT. Puts a GDT and six pages of page tables into LAYOUT. -ENOMEM as
 * above.
 */
int entry_long(struct cpu_state *s, struct layout *layout, u64 address, struct error *err);

#endif
