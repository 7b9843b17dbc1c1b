/* SPDX-License-Identifier: MIT */
/*
 * Put a guest into RAM and say in which state its CPU starts: what firmware and a boot loader do
 * on a real PC. README.md in this folder has the conventions and the memory layout.
 */
#ifndef FVB_BOOT_BOOT_H
#define FVB_BOOT_BOOT_H

#include "common/boot/image.h"
#include "common/cpu_state.h"
#include "common/error.h"
#include "common/ram.h"
#include "common/types.h"

enum boot_format { BOOT_AUTO, BOOT_MULTIBOOT, BOOT_PVH, BOOT_ELF, BOOT_LINUX, BOOT_FLAT };
enum flat_mode { FLAT_REAL, FLAT_PROTECTED, FLAT_LONG };

#define BOOT_ADDRESS_DEFAULT (~0ull) /* 0x7c00 in real mode, 1 MiB in the others */

struct boot_params {
	const char *kernel;	 /* path */
	const char *initrd;	 /* "file args,file2 args", ",," is a comma; NULL or "": none */
	const char *append;	 /* command line after the kernel's name; NULL or "": none */
	enum boot_format format; /* BOOT_AUTO: by the file's own signature */
	u64 address;		 /* BOOT_FLAT only: where the file goes and starts */
	enum flat_mode mode;	 /* BOOT_FLAT only */
	bool pci;		 /* the machine has a PCI bus */
};

/*
 * Load PARAMS->kernel into RAM, which is as ram_init left it, and fill ENTRY completely. On
 * failure RAM and ENTRY hold anything. -ENOENT, -EACCES, -EISDIR, -EIO...: the file cannot be
 * read; -ENOEXEC: its contents cannot be run; -EINVAL: an option does not suit it; -ENOMEM: RAM is
 * too small. ERR names the file that is to blame.
 */
int boot_load(struct ram *ram, const struct boot_params *params, struct cpu_state *entry,
	      struct error *err);

/* The same with the kernel already in memory; PARAMS->kernel is not used. */
int boot_load_image(struct ram *ram, const struct image *image, const struct boot_params *params,
		    struct cpu_state *entry, struct error *err);

#endif
