/* SPDX-License-Identifier: MIT */
/*
 * Linux kernels as distributions ship them, and what else has their header (memtest86+): a bzImage,
 * started by the Linux/x86 boot protocol (Documentation/arch/x86/boot.rst and zero-page.rst of the
 * kernel) at its 64-bit entry point where it has one, else at the 32-bit one. The kernel's
 * real-mode code is not run: the memory map and the ACPI tables come from us, not from a BIOS.
 */
#ifndef FVB_BOOT_LINUX_H
#define FVB_BOOT_LINUX_H

#include "common/boot/boot.h"

/* Offsets in the file's first sectors, and the same ones in struct boot_params ("zero page"). */
enum linux_header {
	LINUX_SETUP_SECTS = 0x1f1,
	LINUX_SYSSIZE = 0x1f4,
	LINUX_BOOT_FLAG = 0x1fe,
	LINUX_JUMP = 0x200,
	LINUX_MAGIC = 0x202,
	LINUX_VERSION = 0x206,
	LINUX_TYPE_OF_LOADER = 0x210,
	LINUX_LOADFLAGS = 0x211,
	LINUX_CODE32_START = 0x214,
	LINUX_RAMDISK_IMAGE = 0x218,
	LINUX_RAMDISK_SIZE = 0x21c,
	LINUX_CMD_LINE_PTR = 0x228,
	LINUX_INITRD_ADDR_MAX = 0x22c,
	LINUX_RELOCATABLE = 0x234,
	LINUX_XLOADFLAGS = 0x236,
	LINUX_CMDLINE_SIZE = 0x238,
	LINUX_PREF_ADDRESS = 0x258,
	LINUX_INIT_SIZE = 0x260,
};

#define LINUX_MAGIC_VALUE     0x53726448 /* "HdrS" */
#define LINUX_BOOT_FLAG_VALUE 0xaa55
#define LINUX_LOADED_HIGH     0x01  /* of loadflags */
#define LINUX_KERNEL_64	      0x01  /* of xloadflags: there is a 64-bit entry point... */
#define LINUX_ENTRY_64	      0x200 /* ...here, from the start of the protected-mode code */

/* Offsets in struct boot_params, beside the header. */
#define LINUX_PARAMS_MODE    0x006 /* struct screen_info: what a BIOS would say of the screen */
#define LINUX_PARAMS_COLUMNS 0x007
#define LINUX_PARAMS_EGA_BX  0x00a
#define LINUX_PARAMS_ROWS    0x00e
#define LINUX_PARAMS_IS_VGA  0x00f
#define LINUX_PARAMS_POINTS  0x010
#define LINUX_PARAMS_RSDP    0x070
#define LINUX_PARAMS_E820_NR 0x1e8
#define LINUX_PARAMS_E820    0x2d0
#define LINUX_PARAMS_SIZE    4096

bool linux_probe(const struct image *image);

/* Loader. 64-bit: entry_long at start + 0x200; 32-bit: entry_protected at the start. RSI points at
 * struct boot_params. */
int linux_load(struct ram *ram, const struct image *image, const struct boot_params *params,
	       struct cpu_state *entry, struct error *err);

#endif
