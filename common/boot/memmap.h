/* SPDX-License-Identifier: MIT */
/*
 * The memory map that guests are told, as BIOS call INT 15h AX=E820h returns it (ACPI 6.5, section
 * 15.1). One source for Multiboot, fw_cfg, Linux and PVH.
 */
#ifndef FVB_BOOT_MEMMAP_H
#define FVB_BOOT_MEMMAP_H

#include "common/ram.h"
#include "common/types.h"

#define MEMMAP_EBDA    0x9fc00ull    /* extended BIOS data area, to 640 KiB */
#define MEMMAP_VGA     0xa0000ull    /* not in the map: video window, option ROMs */
#define MEMMAP_BIOS    0xe0000ull    /* firmware tables and code, to 1 MiB */
#define MEMMAP_HIGH    0x100000ull   /* memory as programs know it */
#define MEMMAP_DEVICES 0xfec00000ull /* I/O APIC, local APIC, flash, to 4 GiB */

enum memmap_type { MEMMAP_RAM = 1, MEMMAP_RESERVED = 2 }; /* the numbers of E820 */

struct memmap_entry {
	u64 base, size;
	u32 type; /* enum memmap_type */
};

#define MEMMAP_MAX 6

/* Fill OUT for RAM, ascending and without overlap; returns how many. */
unsigned int memmap_build(const struct ram *ram, struct memmap_entry out[MEMMAP_MAX]);

/* What CMOS and Multiboot report: KiB of RAM below the EBDA, and from 1 MiB to the first gap. */
#define MEMMAP_LOWER_KIB ((u32)(MEMMAP_EBDA / KiB))
u32 memmap_upper_kib(const struct ram *ram);

#endif
