/* SPDX-License-Identifier: MIT */
/*
 * Multiboot Specification 0.6.96 (the first one): kernels that GRUB and `qemu -kernel` start, in
 * ELF (32- or 64-bit file) or with the header's address fields.
 */
#ifndef FVB_BOOT_MULTIBOOT_H
#define FVB_BOOT_MULTIBOOT_H

#include "common/boot/boot.h"
#include "common/boot/elf.h"
#include "common/boot/layout.h"

#define MULTIBOOT_SEARCH      8192u	  /* the header lies in so many bytes; section 3.1 */
#define MULTIBOOT_HEADER      0x1badb002u /* its magic */
#define MULTIBOOT_LOADER      0x2badb002u /* what EAX holds at entry */
#define MULTIBOOT_LOADER_NAME "fvm"

/* Header flags, section 3.1.2. */
#define MULTIBOOT_PAGE_ALIGN  BIT(0)
#define MULTIBOOT_MEMORY_INFO BIT(1)
#define MULTIBOOT_VIDEO_MODE  BIT(2)
#define MULTIBOOT_AOUT_KLUDGE BIT(16)

/* Boot information, section 3.3; what EBX points at. */
struct multiboot_info {
	u32 flags;
	u32 mem_lower, mem_upper; /* KiB */
	u32 boot_device;
	u32 cmdline;
	u32 mods_count, mods_addr;
	u32 shdr_num, shdr_size, shdr_addr, shdr_shndx;
	u32 mmap_length, mmap_addr;
	u32 drives_length, drives_addr;
	u32 config_table;
	u32 boot_loader_name;
	u32 apm_table;
	u32 vbe_control_info, vbe_mode_info;
	u16 vbe_mode, vbe_interface_seg, vbe_interface_off, vbe_interface_len;
	u64 framebuffer_addr;
	u32 framebuffer_pitch, framebuffer_width, framebuffer_height;
	u8 framebuffer_bpp, framebuffer_type;
	u8 color_info[6];
} __attribute__((packed));
_Static_assert(sizeof(struct multiboot_info) == 116, "section 3.3");

#define MULTIBOOT_INFO_MEMORY	   BIT(0)
#define MULTIBOOT_INFO_BOOT_DEVICE BIT(1)
#define MULTIBOOT_INFO_CMDLINE	   BIT(2)
#define MULTIBOOT_INFO_MODS	   BIT(3)
#define MULTIBOOT_INFO_ELF	   BIT(5)
#define MULTIBOOT_INFO_MMAP	   BIT(6)
#define MULTIBOOT_INFO_DRIVES	   BIT(7)
#define MULTIBOOT_INFO_LOADER	   BIT(9)
#define MULTIBOOT_INFO_FRAMEBUFFER BIT(12)

struct multiboot_module {
	u32 start, end; /* end is one past the last byte */
	u32 string;
	u32 reserved;
};

struct multiboot_mmap {
	u32 size; /* of what follows */
	u64 base, length;
	u32 type;
} __attribute__((packed));

/* Is there a header with a right checksum? */
bool multiboot_probe(const struct image *image);

int multiboot_load(struct ram *ram, const struct image *image, const struct boot_params *params,
		   struct cpu_state *entry, struct error *err);

/* multiboot_info.c: put everything that the kernel is told into LAYOUT, modules included; *INFO is
 * where. ELF is NULL for a kernel that is not loaded as one. */
int multiboot_info_build(struct layout *layout, const struct image *image, const struct elf *elf,
			 const struct boot_params *params, u32 *info, struct error *err);

#endif
