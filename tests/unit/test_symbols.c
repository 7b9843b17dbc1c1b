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

/* As 32-bit linkers write them. */
static void test_narrow(void)
{
	struct {
		Elf32_Ehdr ehdr;
		Elf32_Phdr phdr;
		Elf32_Shdr shdr[3];
		Elf32_Sym sym[2];
		char names[sizeof(names)];
	} f = {
		.ehdr = { .e_ident = { ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS32, ELFDATA2LSB,
				       EV_CURRENT },
			  .e_type = ET_EXEC,
			  .e_machine = EM_386,
			  .e_version = EV_CURRENT,
			  .e_entry = 0x200000,
			  .e_phoff = sizeof(Elf32_Ehdr),
			  .e_shoff = sizeof(Elf32_Ehdr) + sizeof(Elf32_Phdr),
			  .e_ehsize = sizeof(Elf32_Ehdr),
			  .e_phentsize = sizeof(Elf32_Phdr),
			  .e_phnum = 1,
			  .e_shentsize = sizeof(Elf32_Shdr),
			  .e_shnum = 3 },
		.phdr = { .p_type = PT_LOAD,
			  .p_vaddr = 0x200000,
			  .p_paddr = 0x200000,
			  .p_filesz = 16,
			  .p_memsz = 0x20000,
			  .p_align = 0x1000 },
		.sym = { { .st_name = 1,
			   .st_value = 0x200000,
			   .st_size = 16,
			   .st_info = ELF32_ST_INFO(STB_GLOBAL, STT_FUNC),
			   .st_shndx = 1 } },
	};
	struct symbols s;

	f.shdr[1] = (Elf32_Shdr){ .sh_type = SHT_SYMTAB,
				  .sh_offset = (u32)((char *)f.sym - (char *)&f),
				  .sh_size = sizeof(f.sym),
				  .sh_link = 2,
				  .sh_entsize = sizeof(Elf32_Sym) };
	f.shdr[2] = (Elf32_Shdr){ .sh_type = SHT_STRTAB,
				  .sh_offset = (u32)(f.names - (char *)&f),
				  .sh_size = sizeof(names) };
	memcpy(f.names, names, sizeof(names));
	CU_ASSERT_EQUAL_FATAL(load(&s, &f, sizeof(f)), 0);
	CU_ASSERT_STRING_EQUAL(name(&s, 0x200004), "one+0x4");
	symbols_free(&s);
}

/* System.map, and /proc/kallsyms with its modules. */
static void test_list(void)
{
	static const char map[] = "0000000000000000 A fixed_percpu_data\n"
				  "ffffffff81000040 t second\n"
				  "ffffffff81000000 T _text\n"
				  "ffffffff81000020 D data\n"
				  "not a line\n"
				  "ffffffff81000080 W weak\tthing\n"
				  "\n"
				  "ffffffffc0001000 t nvme_irq\t[nvme]\n"
				  "ffffffffc0002000 T last";
	struct symbols s;

	CU_ASSERT_EQUAL_FATAL(load(&s, map, sizeof(map) - 1), 0);
	CU_ASSERT_EQUAL(s.nr, 5);
	CU_ASSERT_STRING_EQUAL(name(&s, 0xffffffff80ffffff), "");
	CU_ASSERT_STRING_EQUAL(name(&s, 0xffffffff81000000), "_text");
	CU_ASSERT_STRING_EQUAL(name(&s, 0xffffffff81000020), "_text+0x20");
	CU_ASSERT_STRING_EQUAL(name(&s, 0xffffffff81000041), "second+0x1");
	CU_ASSERT_STRING_EQUAL(name(&s, 0xffffffff81000080), "weak");
	CU_ASSERT_STRING_EQUAL(name(&s, 0xffffffffc0001010), "nvme_irq+0x10");
	CU_ASSERT_STRING_EQUAL(name(&s, 0xffffffffc0002000), "last");
	symbols_free(&s);
}

/* What Linux shows to those without privileges, and Debian's System.map. */
static void test_list_without(void)
{
	static const char zeroes[] = "0000000000000000 T _text\n0000000000000000 t two\n";
	static const char debian[] = "ffffffffffffffff B The real System.map is elsewhere\n";
	struct symbols s;

	CU_ASSERT_EQUAL(load(&s, zeroes, sizeof(zeroes) - 1), 0);
	CU_ASSERT_EQUAL(s.nr, 0);
	symbols_free(&s);
	CU_ASSERT_EQUAL(load(&s, debian, sizeof(debian) - 1), 0);
	CU_ASSERT_EQUAL(s.nr, 0);
	symbols_free(&s);
	CU_ASSERT_EQUAL(load(&s, "ffffffff81000000", 16), 0);
	CU_ASSERT_EQUAL(s.nr, 0);
}

CU_TestInfo tests_symbols[] = {
	{ "names from a 32-bit file", test_narrow },
	{ "names from a list", test_list },
	{ "lists without names", test_list_without },
	{ "names of functions and labels", test_names },
	{ "a file that is moved up", test_moved },
	{ "files without symbols", test_without },
	CU_TEST_INFO_NULL,
};
