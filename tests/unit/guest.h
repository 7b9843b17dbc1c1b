/* SPDX-License-Identifier: MIT */
/* Guest files built in memory, for the tests of the loaders, and what is asked of the result. */
#ifndef FVB_TESTS_GUEST_H
#define FVB_TESTS_GUEST_H

#include "common/boot/boot.h"
#include "common/types.h"

#define GUEST_TEXT 0x400 /* file offset where the contents of the segments start */

struct guest {
	u8 data[12288];
	u64 size;
	bool wide;
	unsigned int nr; /* program headers */
};

/* A file without segments: header, room for program headers, then pattern bytes to SIZE. */
void guest_elf(struct guest *g, bool wide, unsigned int machine, unsigned int type, u64 entry,
	       u64 size);
/* Add a PT_LOAD of FILESZ bytes at file OFFSET. */
void guest_segment(struct guest *g, u64 offset, u64 filesz, u64 memsz, u64 vaddr, u64 paddr);
/* Little-endian number of LEN bytes at file offset AT. */
void guest_put(struct guest *g, u64 at, u64 value, unsigned int len);
/* Multiboot header at file offset AT; the address fields only with flag 16. */
void guest_multiboot(struct guest *g, u64 at, u32 flags, const u32 addresses[5]);

struct image guest_image(const struct guest *g);

/*
 * Load G cut short at every length from 1 to its size: each must load or fail with a message, the
 * complete file must load. 0, or the length that did neither.
 */
u64 guest_truncate(const struct guest *g, struct ram *ram, const struct boot_params *params);

/* Guest-physical address that GVA maps to through 4-level page tables at CR3, or ~0 if none. */
u64 guest_walk(const struct ram *ram, u64 cr3, u64 gva);
/* Does the GDT entry that segment register SEG points at describe its hidden part? */
bool guest_gdt_matches(const struct ram *ram, const struct cpu_state *s, enum seg seg);

/* Path of a new memory file of SIZE bytes that start with TEXT; closed with guest_close. */
const char *guest_file(const char *text, u64 size, char path[32]);
void guest_close(const char *path);

#endif
