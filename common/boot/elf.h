/* SPDX-License-Identifier: MIT */
/*
 * ELF executables, 32- and 64-bit, little-endian x86 (System V ABI, chapters 4 and 5), loaded by
 * physical address. ET_EXEC goes where it was linked. ET_DYN (static PIE) too, except that one
 * whose lowest segment lies below 1 MiB is moved up as a whole to the first multiple of its
 * alignment at or above 1 MiB; it relocates itself, nothing else does.
 */
#ifndef FVB_BOOT_ELF_H
#define FVB_BOOT_ELF_H

#include "common/boot/boot.h"
#include "common/boot/layout.h"

#define ELF_SEGMENTS 128 /* loadable ones in a file; Linux has 5 */

struct elf_segment {
	u64 offset, filesz; /* in the file */
	u64 vaddr, memsz;
	u64 paddr; /* where it goes: as in the file, or moved up; not checked against RAM yet */
};

struct elf {
	const struct image *image;
	bool wide;   /* ELFCLASS64 structures */
	bool x86_64; /* EM_X86_64, else EM_386 */
	u64 entry;   /* physical */
	u64 moved;   /* it runs that much above the addresses that it was linked for */
	unsigned int nr;
	struct elf_segment seg[ELF_SEGMENTS]; /* loadable and not empty */
	u64 phoff;			      /* program headers; inside the file */
	u32 phnum, phentsize;
	u64 shoff;			/* section headers; inside the file */
	u32 shnum, shentsize, shstrndx; /* shnum 0: none */
};

/* Does the file start as an ELF file does? */
bool elf_probe(const struct image *image);

/* Read and check all headers. -ENOEXEC with ERR filled. ELF borrows IMAGE. */
int elf_parse(struct elf *elf, const struct image *image, struct error *err);

/* Copy the segments into RAM and clear what follows them. -ENOEXEC if one is not in RAM or is where
 * another one is. */
int elf_place(const struct elf *elf, struct layout *layout, struct error *err);

/* The descriptor of the first note of owner NAME and TYPE, *LEN bytes long, or NULL. */
const void *elf_note(const struct elf *elf, const char *name, u32 type, u32 *len);

/* Loader: EM_386 starts as entry_protected, EM_X86_64 as entry_long. */
int elf_load(struct ram *ram, const struct image *image, const struct boot_params *params,
	     struct cpu_state *entry, struct error *err);

#endif
