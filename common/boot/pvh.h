/* SPDX-License-Identifier: MIT */
/*
 * PVH, "x86/HVM direct boot ABI" of Xen (docs/misc/pvh.pandoc, arch-x86/hvm/start_info.h there): an
 * ELF file whose note names a 32-bit entry point. An uncompressed Linux kernel (vmlinux) has one,
 * and so have other kernels; no hypervisor interface comes with it.
 */
#ifndef FVB_BOOT_PVH_H
#define FVB_BOOT_PVH_H

#include "common/boot/boot.h"

#define PVH_NOTE_NAME "Xen"
#define PVH_NOTE_TYPE 18	 /* XEN_ELFNOTE_PHYS32_ENTRY */
#define PVH_MAGIC     0x336ec578 /* of the start info */
#define PVH_VERSION   1

/* Boot information; what EBX points at. */
struct pvh_info {
	u32 magic, version, flags, nr_modules;
	u64 modules, cmdline, rsdp, memmap;
	u32 memmap_entries, reserved;
};
_Static_assert(sizeof(struct pvh_info) == 56, "start_info.h");

struct pvh_module {
	u64 address, size, cmdline, reserved;
};

struct pvh_memory {
	u64 base, size;
	u32 type, reserved;
};

/* An ELF file in order, with a note of an entry point? */
bool pvh_probe(const struct image *image);

int pvh_load(struct ram *ram, const struct image *image, const struct boot_params *params,
	     struct cpu_state *entry, struct error *err);

#endif
