/* SPDX-License-Identifier: MIT */
/*
 * Names for a guest's addresses: the symbol table of its ELF file (System V ABI, chapter 4), or a
 * list as Linux has it in System.map and /proc/kallsyms: lines of address in hexadecimal, letter of
 * the type, name, and perhaps [module].
 */
#ifndef FVB_BOOT_SYMBOLS_H
#define FVB_BOOT_SYMBOLS_H

#include "common/error.h"
#include "common/types.h"

struct symbol {
	u64 address, size; /* size 0: up to the next one */
	const char *name;
};

struct symbols {
	struct symbol *symbol; /* ascending */
	size_t nr;
	char *names;
};

/* Those of functions and labels in the file PATH, as addresses that the loader (elf.h) gave them. A
 * file that is neither, or has no table, has none: NR is 0. Neither are there any in a list whose
 * addresses are all 0, as Linux shows it to those without privileges. 0, or a negative errno with
 * ERR filled where it cannot be read. */
int symbols_load(struct symbols *s, const char *path, struct error *err);
void symbols_free(struct symbols *s);

/* ADDRESS as "name" or "name+0x12" into TEXT; "" if it is in none. */
void symbols_name(const struct symbols *s, u64 address, char *text, size_t size);

#endif
