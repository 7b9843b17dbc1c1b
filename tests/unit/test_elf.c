/* SPDX-License-Identifier: MIT */
#include "common/boot/elf.h"
#include "tests/unit/guest.h"

#include <CUnit/CUnit.h>
#include <elf.h>
#include <errno.h>
#include <string.h>

#define KERNEL 0xffffffff80000000ull

static struct ram ram;
static struct cpu_state entry;
static struct error err;
static struct guest g;

static int load(void)
{
	struct boot_params params = { .format = BOOT_ELF };
	struct image image = guest_image(&g);

	return boot_load_image(&ram, &image, &params, &entry, &err);
}

/* Two segments linked high, loaded at 1 and 2 MiB, the second with a tail to be cleared. */
static void make_64(void)
{
	guest_elf(&g, true, EM_X86_64, ET_EXEC, KERNEL + 0x100010, 0x1400);
	guest_segment(&g, GUEST_TEXT, 0x800, 0x800, KERNEL + 0x100000, 0x100000);
	guest_segment(&g, 0xc01, 0x7ff, 0x12345, KERNEL + 0x200000, 0x200001);
}

static void make_32(unsigned int type, u32 entry_point, u32 paddr)
{
	guest_elf(&g, false, EM_386, type, entry_point, 0x800);
	guest_segment(&g, GUEST_TEXT, 0x400, 0x2000, 0x8000, paddr);
}

static void setup(void)
{
	CU_ASSERT_EQUAL_FATAL(ram_init(&ram, 4 * MiB, NULL), 0);
	memset(ram.host, 0xcc, ram.size);
}

static void test_load_64(void)
{
	const u8 *tail;

	setup();
	make_64();
	CU_ASSERT_EQUAL_FATAL(load(), 0);
	CU_ASSERT_EQUAL(entry.rip, 0x100010);
	CU_ASSERT_EQUAL(entry.efer, EFER_LME | EFER_LMA);
	CU_ASSERT_EQUAL(guest_walk(&ram, entry.cr3, 0x100010), 0x100010);
	CU_ASSERT_FALSE(memcmp(ram.host + 0x100000, g.data + GUEST_TEXT, 0x800));
	CU_ASSERT_EQUAL(ram.host[0x100800], 0xcc);
	CU_ASSERT_FALSE(memcmp(ram.host + 0x200001, g.data + 0xc01, 0x7ff));
	CU_ASSERT_EQUAL(ram.host[0x200000], 0xcc);
	tail = ram.host + 0x200001 + 0x7ff;
	CU_ASSERT_EQUAL(tail[0], 0);
	CU_ASSERT_FALSE(memcmp(tail, tail + 1, 0x12345 - 0x7ff - 1));
	CU_ASSERT_EQUAL(ram.host[0x200001 + 0x12345], 0xcc);
	ram_fini(&ram);
}

static void test_load_32(void)
{
	setup();
	make_32(ET_EXEC, 0x8004, 0x100000);
	CU_ASSERT_EQUAL_FATAL(load(), 0);
	CU_ASSERT_EQUAL(entry.rip, 0x100004);
	CU_ASSERT_EQUAL(entry.cr0, CR0_PE | CR0_ET);
	CU_ASSERT_EQUAL(entry.efer, 0);
	CU_ASSERT_FALSE(memcmp(ram.host + 0x100000, g.data + GUEST_TEXT, 0x400));
	/* An entry point that is physical already, as in Linux. */
	make_32(ET_EXEC, 0x100008, 0x100000);
	CU_ASSERT_EQUAL_FATAL(load(), 0);
	CU_ASSERT_EQUAL(entry.rip, 0x100008);
	/* A tail alone needs no bytes of the file, wherever it says that they would be. */
	guest_segment(&g, 0x100000, 0, 0x1000, 0x300000, 0x300000);
	CU_ASSERT_EQUAL(load(), 0);
	CU_ASSERT_EQUAL(ram.host[0x300fff], 0);
	ram_fini(&ram);
}

static void test_position_independent(void)
{
	setup();
	make_32(ET_DYN, 0x8004, 0);
	CU_ASSERT_EQUAL_FATAL(load(), 0);
	CU_ASSERT_EQUAL(entry.rip, 0x100004);
	guest_put(&g, sizeof(Elf32_Ehdr) + offsetof(Elf32_Phdr, p_align), 0x200000, 4);
	CU_ASSERT_EQUAL_FATAL(load(), 0);
	CU_ASSERT_EQUAL(entry.rip, 0x200004);
	guest_put(&g, sizeof(Elf32_Ehdr) + offsetof(Elf32_Phdr, p_align), 0x3000, 4);
	CU_ASSERT_EQUAL(load(), -ENOEXEC);
	make_32(ET_DYN, 0x8004, 0x100000);
	CU_ASSERT_EQUAL_FATAL(load(), 0);
	CU_ASSERT_EQUAL(entry.rip, 0x100004);
	make_32(ET_DYN, 0x8004, 0x300000);
	CU_ASSERT_EQUAL_FATAL(load(), 0);
	CU_ASSERT_EQUAL(entry.rip, 0x300004);
	make_64();
	guest_put(&g, offsetof(Elf64_Ehdr, e_type), ET_DYN, 2);
	guest_segment(&g, 0, 0, 16, 0, 0);
	guest_segment(&g, 0, 0, 1, 0, ~0ull - 1);
	CU_ASSERT_EQUAL(load(), -ENOEXEC);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "address space"));
	ram_fini(&ram);
}

#define EH(m)	 offsetof(Elf64_Ehdr, m)
#define PH(i, m) (sizeof(Elf64_Ehdr) + (i) * sizeof(Elf64_Phdr) + offsetof(Elf64_Phdr, m))

static void test_malformed(void)
{
	static const struct {
		u64 at, value;
		unsigned int len;
		const char *text;
	} cases[] = {
		{ 0, 0x7e, 1, "not in elf format" },
		{ EI_CLASS, 3, 1, "32- nor 64-bit" },
		{ EI_DATA, ELFDATA2MSB, 1, "little-endian" },
		{ EH(e_version), 2, 4, "version" },
		{ EH(e_machine), EM_ARM, 2, "not for x86" },
		{ EH(e_machine), EM_386, 2, "64-bit file" },
		{ EH(e_type), ET_REL, 2, "not an executable" },
		{ EH(e_type), ET_CORE, 2, "not an executable" },
		{ EH(e_phnum), 0, 2, "no program headers" },
		{ EH(e_phnum), 0xffff, 2, "program headers beyond" },
		{ EH(e_phentsize), 55, 2, "program headers beyond" },
		{ EH(e_phoff), ~0ull, 8, "program headers beyond" },
		{ EH(e_phoff), 0x13ff, 8, "program headers beyond" },
		{ EH(e_entry), KERNEL, 8, "in no loadable segment" },
		{ EH(e_entry), KERNEL + 0x100800, 8, "in no loadable segment" },
		{ PH(0, p_type), PT_INTERP, 4, "dynamic linker" },
		{ PH(0, p_offset), ~0ull, 8, "segment beyond the end of the file" },
		{ PH(0, p_offset), 0xc01, 8, "segment beyond the end of the file" },
		{ PH(0, p_filesz), 0x801, 8, "more bytes in the file" },
		{ PH(0, p_memsz), 0, 8, "more bytes in the file" },
		{ PH(0, p_memsz), 4 * MiB, 8, "segment 0: 0x400000 bytes at 0x100000" },
		{ PH(0, p_memsz), ~0ull, 8, "not all in guest RAM" },
		{ PH(0, p_memsz), 0x100002, 8, "segment 1: 0x200001..0x212345 overlaps" },
		{ PH(1, p_paddr), 0x1007ff, 8, "overlaps 0x100000..0x1007ff" },
		{ PH(1, p_paddr), ~0ull, 8, "not all in guest RAM" },
		{ PH(1, p_paddr), 3 * GiB, 8, "at 0xc0000000" },
	};

	setup();
	for (unsigned int i = 0; i < ARRAY_SIZE(cases); i++) {
		make_64();
		CU_ASSERT_EQUAL(load(), 0);
		guest_put(&g, cases[i].at, cases[i].value, cases[i].len);
		CU_ASSERT_EQUAL(load(), -ENOEXEC);
		if (!strstr(err.text, cases[i].text)) {
			CU_FAIL("another message than expected");
			printf("case %u: '%s'\n", i, err.text);
		}
		CU_ASSERT_PTR_NULL(strchr(err.text, '\n'));
		CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "folder/guest"));
	}
	make_64();
	guest_put(&g, PH(0, p_type), PT_NOTE, 4);
	guest_put(&g, PH(1, p_type), PT_NOTE, 4);
	CU_ASSERT_EQUAL(load(), -ENOEXEC);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "nothing in it"));
	ram_fini(&ram);
}

static void test_many_segments(void)
{
	/* All 16 program headers that fit before the contents, and one table that claims more. */
	setup();
	guest_elf(&g, true, EM_X86_64, ET_EXEC, 0x100000, sizeof(g.data));
	for (u64 i = 0; i < 16; i++)
		guest_segment(&g, GUEST_TEXT, 16, 16, 0x100000 + i * 32, 0x100000 + i * 32);
	CU_ASSERT_EQUAL(load(), 0);
	CU_ASSERT_FALSE(memcmp(ram.host + 0x100000 + 15 * 32, g.data + GUEST_TEXT, 16));
	guest_put(&g, EH(e_phoff), 0x800, 8);
	guest_put(&g, EH(e_phnum), ELF_SEGMENTS + 1, 2);
	for (u64 i = 0; i <= ELF_SEGMENTS; i++) {
		Elf64_Phdr p = { .p_type = PT_LOAD,
				 .p_memsz = 1,
				 .p_vaddr = 0x100000 + i,
				 .p_paddr = 0x100000 + i };

		memcpy(g.data + 0x800 + i * sizeof(p), &p, sizeof(p));
	}
	CU_ASSERT_EQUAL(load(), -ENOEXEC);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "128"));
	guest_put(&g, EH(e_phnum), ELF_SEGMENTS, 2);
	CU_ASSERT_EQUAL(load(), 0);
	ram_fini(&ram);
}

static void test_above_4_gib(void)
{
	CU_ASSERT_EQUAL_FATAL(ram_init(&ram, 4 * GiB, NULL), 0);
	make_64();
	guest_put(&g, PH(1, p_paddr), 4 * GiB + 0x1000, 8);
	CU_ASSERT_EQUAL(load(), 0);
	CU_ASSERT_FALSE(memcmp(ram_at(&ram, 4 * GiB + 0x1000, 0x7ff), g.data + 0xc01, 0x7ff));
	guest_put(&g, PH(0, p_paddr), 4 * GiB + 0x100000, 8);
	CU_ASSERT_EQUAL(load(), -ENOEXEC);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "not below 4 GiB"));
	ram_fini(&ram);
}

static void test_truncated(void)
{
	struct boot_params params = { .format = BOOT_ELF };

	setup();
	make_64();
	CU_ASSERT_EQUAL(guest_truncate(&g, &ram, &params), 0);
	make_32(ET_EXEC, 0x8004, 0x100000);
	CU_ASSERT_EQUAL(guest_truncate(&g, &ram, &params), 0);
	ram_fini(&ram);
}

CU_TestInfo tests_elf[] = {
	{ "64-bit: segments, tails, entry point", test_load_64 },
	{ "32-bit: physical entry point, tail without bytes", test_load_32 },
	{ "position-independent: moved above 1 MiB", test_position_independent },
	{ "malformed: a message for each", test_malformed },
	{ "number of segments", test_many_segments },
	{ "segments above 4 GiB", test_above_4_gib },
	{ "cut short at every length", test_truncated },
	CU_TEST_INFO_NULL,
};
