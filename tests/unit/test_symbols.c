/* SPDX-License-Identifier: MIT */
#include "common/boot/symbols.h"

#include <CUnit/CUnit.h>
#include <elf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A small ELF file: one segment, and the symbols "one" at 200000h (16 bytes), "two" at 200010h (no
 * size) and "three" at 210000h (4 bytes). */
static const char names[] = "\0one\0two\0three";

struct file {
	Elf64_Ehdr ehdr;
	Elf64_Phdr phdr;
	Elf64_Shdr shdr[3];
	Elf64_Sym sym[4];
	char names[sizeof(names)];
};

static Elf64_Sym symbol(u32 name, u64 value, u64 size, unsigned int type)
{
	return (Elf64_Sym){ .st_name = name,
			    .st_value = value,
			    .st_size = size,
			    .st_info = (u8)ELF64_ST_INFO(STB_GLOBAL, type),
			    .st_shndx = 1 };
}

static struct file make(u16 type, u64 base)
{
	struct file f = {
		.ehdr = { .e_ident = { ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB,
				       EV_CURRENT },
			  .e_type = type,
			  .e_machine = EM_X86_64,
			  .e_version = EV_CURRENT,
			  .e_entry = base,
			  .e_phoff = offsetof(struct file, phdr),
			  .e_shoff = offsetof(struct file, shdr),
			  .e_ehsize = sizeof(Elf64_Ehdr),
			  .e_phentsize = sizeof(Elf64_Phdr),
			  .e_phnum = 1,
			  .e_shentsize = sizeof(Elf64_Shdr),
			  .e_shnum = 3 },
		.phdr = { .p_type = PT_LOAD,
			  .p_vaddr = base,
			  .p_paddr = base,
			  .p_filesz = 16,
			  .p_memsz = 0x20000,
			  .p_align = 0x1000 },
		.shdr = { [1] = { .sh_type = SHT_SYMTAB,
				  .sh_offset = offsetof(struct file, sym),
				  .sh_size = sizeof(((struct file *)0)->sym),
				  .sh_link = 2,
				  .sh_entsize = sizeof(Elf64_Sym) },
			  [2] = { .sh_type = SHT_STRTAB,
				  .sh_offset = offsetof(struct file, names),
				  .sh_size = sizeof(names) } },
		.sym = { symbol(9, base + 0x10000, 4, STT_FUNC),
			 symbol(5, base + 0x10, 0, STT_NOTYPE), symbol(1, base, 16, STT_FUNC),
			 symbol(1, base + 8, 8, STT_OBJECT) },
	};

	memcpy(f.names, names, sizeof(names));
	return f;
}

static int load(struct symbols *s, const void *data, size_t size)
{
	char path[] = "/tmp/fvb-symbols-XXXXXX";
	struct error err;
	int fd = mkstemp(path), r;

	CU_ASSERT_TRUE_FATAL(fd >= 0);
	CU_ASSERT_EQUAL(write(fd, data, size), (ssize_t)size);
	close(fd);
	r = symbols_load(s, path, &err);
	unlink(path);
	return r;
}

static const char *name(const struct symbols *s, u64 address)
{
	static char text[64];

	symbols_name(s, address, text, sizeof(text));
	return text;
}

static void test_names(void)
{
	const struct file f = make(ET_EXEC, 0x200000);
	struct symbols s;

	CU_ASSERT_EQUAL_FATAL(load(&s, &f, sizeof(f)), 0);
	CU_ASSERT_EQUAL(s.nr, 3);
	CU_ASSERT_STRING_EQUAL(name(&s, 0x1fffff), "");
	CU_ASSERT_STRING_EQUAL(name(&s, 0x200000), "one");
	CU_ASSERT_STRING_EQUAL(name(&s, 0x20000f), "one+0xf");
	CU_ASSERT_STRING_EQUAL(name(&s, 0x200010), "two");
	CU_ASSERT_STRING_EQUAL(name(&s, 0x200100), "two+0xf0");
	CU_ASSERT_STRING_EQUAL(name(&s, 0x210003), "three+0x3");
	CU_ASSERT_STRING_EQUAL(name(&s, 0x210004), "");
	symbols_free(&s);
	CU_ASSERT_STRING_EQUAL(name(&s, 0x200000), "");
}

/* What the loader moves up to 1 MiB has its symbols there. */
static void test_moved(void)
{
	const struct file f = make(ET_DYN, 0);
	struct symbols s;

	CU_ASSERT_EQUAL_FATAL(load(&s, &f, sizeof(f)), 0);
	CU_ASSERT_STRING_EQUAL(name(&s, 0x100008), "one+0x8");
	symbols_free(&s);
}

/* No table, or one that is not all there, is no error: then nothing has a name. */
static void test_without(void)
{
	struct file f = make(ET_EXEC, 0x200000);
	struct error err;
	struct symbols s;

	CU_ASSERT_EQUAL(load(&s, "just bytes", 10), 0);
	CU_ASSERT_EQUAL(s.nr, 0);
	f.shdr[1].sh_size = 1 << 20;
	CU_ASSERT_EQUAL(load(&s, &f, sizeof(f)), 0);
	CU_ASSERT_EQUAL(s.nr, 0);
	f = make(ET_EXEC, 0x200000);
	f.shdr[1].sh_link = 77;
	CU_ASSERT_EQUAL(load(&s, &f, sizeof(f)), 0);
	CU_ASSERT_EQUAL(s.nr, 0);
	f = make(ET_EXEC, 0x200000);
	f.names[sizeof(names) - 1] = 'x';
	CU_ASSERT_EQUAL(load(&s, &f, sizeof(f)), 0);
	CU_ASSERT_EQUAL(s.nr, 0);
	f = make(ET_EXEC, 0x200000);
	f.sym[2].st_name = 4000;
	CU_ASSERT_EQUAL(load(&s, &f, sizeof(f)), 0);
	CU_ASSERT_EQUAL(s.nr, 2);
	symbols_free(&s);
	CU_ASSERT_EQUAL(symbols_load(&s, "/nonexistent", &err), -ENOENT);
}

CU_TestInfo tests_symbols[] = {
	{ "names of functions and labels", test_names },
	{ "a file that is moved up", test_moved },
	{ "files without symbols", test_without },
	CU_TEST_INFO_NULL,
};
