/* SPDX-License-Identifier: MIT */
/*
 * QEMU-compatible firmware configuration device (QEMU docs/specs/fw_cfg): selector 0x510, data
 * 0x511, DMA 0x514. Guests use it to ask for RAM, processors, kernel and files. Read-only, DMA
 * writes to guest RAM included in bounds by common/ram.h. vCPU thread only.
 */
#ifndef FVB_FWCFG_H
#define FVB_FWCFG_H

#include "common/bus.h"
#include "common/ram.h"
#include "common/types.h"

enum fwcfg_key {
	FWCFG_SIGNATURE = 0x00,
	FWCFG_ID = 0x01,
	FWCFG_UUID = 0x02,
	FWCFG_RAM_SIZE = 0x03,
	FWCFG_NOGRAPHIC = 0x04,
	FWCFG_NB_CPUS = 0x05,
	FWCFG_MACHINE_ID = 0x06,
	FWCFG_KERNEL_ADDR = 0x07,
	FWCFG_KERNEL_SIZE = 0x08,
	FWCFG_KERNEL_CMDLINE = 0x09,
	FWCFG_INITRD_ADDR = 0x0a,
	FWCFG_INITRD_SIZE = 0x0b,
	FWCFG_BOOT_DEVICE = 0x0c,
	FWCFG_NUMA = 0x0d,
	FWCFG_BOOT_MENU = 0x0e,
	FWCFG_MAX_CPUS = 0x0f,
	FWCFG_KERNEL_ENTRY = 0x10,
	FWCFG_KERNEL_DATA = 0x11,
	FWCFG_INITRD_DATA = 0x12,
	FWCFG_CMDLINE_ADDR = 0x13,
	FWCFG_CMDLINE_SIZE = 0x14,
	FWCFG_CMDLINE_DATA = 0x15,
	FWCFG_SETUP_ADDR = 0x16,
	FWCFG_SETUP_SIZE = 0x17,
	FWCFG_SETUP_DATA = 0x18,
	FWCFG_FILE_DIR = 0x19,
	FWCFG_FILE_FIRST = 0x20,
};

#define FWCFG_FILES	    32
#define FWCFG_KEYS	    (FWCFG_FILE_FIRST + FWCFG_FILES)
#define FWCFG_NAME	    56 /* with the terminating NUL */
#define FWCFG_ARCH_LOCAL    0x8000
#define FWCFG_IRQ0_OVERRIDE (FWCFG_ARCH_LOCAL + 2)
#define FWCFG_ARCH_KEYS	    4

struct fwcfg_item {
	const u8 *data; /* or NULL: own[] */
	u32 len;	/* 0: the item does not exist */
	u8 own[8];
};

struct fwcfg_file { /* big-endian, as the guest reads it */
	u32 size;
	u16 select, reserved;
	char name[FWCFG_NAME];
};

struct fwcfg_e820 { /* little-endian */
	u64 addr, len;
	u32 type;
} __attribute__((packed));

struct fwcfg {
	struct ram *ram;
	struct fwcfg_item item[FWCFG_KEYS], arch[FWCFG_ARCH_KEYS];
	struct {
		u32 count; /* big-endian */
		struct fwcfg_file file[FWCFG_FILES];
	} dir;
	unsigned int files;
	struct fwcfg_e820 e820[2];
	u16 key;
	u32 offset; /* in the selected item; never beyond its end */
	u64 dma;    /* address, upper half first */
};

/* One processor, RAM's size and map (etc/e820), no kernel yet. RAM must outlive the device; the
 * struct must not be moved afterwards. */
void fwcfg_init(struct fwcfg *fw, struct ram *ram);
int fwcfg_attach(struct fwcfg *fw, struct bus *pio);
/* Nothing selected; items stay. */
void fwcfg_reset(struct fwcfg *fw);

/* Make DATA the value of KEY below FWCFG_FILE_FIRST (replacing another). DATA is not copied and
 * must outlive the device. -EINVAL for a key that is not an item or belongs to the device. */
int fwcfg_add(struct fwcfg *fw, enum fwcfg_key key, const void *data, u32 len);
/* The same for a little-endian 32-bit value, which is copied. */
int fwcfg_add_u32(struct fwcfg *fw, enum fwcfg_key key, u32 value);

/*
 * Add a file to the directory. NAME (1 to 55 bytes) is copied; DATA is not and must outlive the
 * device. A name that is there already is replaced. 0, -EINVAL for the name or LEN 0 or DATA NULL,
 * -ENOSPC after FWCFG_FILES.
 */
int fwcfg_add_file(struct fwcfg *fw, const char *name, const void *data, u32 len);

#endif
