/* SPDX-License-Identifier: MIT */
#include "common/boot/entry.h"
#include "common/boot/memmap.h"
#include "common/boot/multiboot.h"
#include "tests/unit/guest.h"

#include <CUnit/CUnit.h>
#include <elf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static struct ram ram;
static struct cpu_state entry;
static struct error err;
static struct guest g;

static int load(const char *initrd, const char *append)
{
	struct boot_params params = { .initrd = initrd, .append = append };
	struct image image = guest_image(&g);

	return boot_load_image(&ram, &image, &params, &entry, &err);
}

static const struct multiboot_info *info(void)
{
	return ram_at(&ram, entry.gpr[RBX], sizeof(struct multiboot_info));
}

static const char *text(u32 gpa)
{
	return ram_at(&ram, gpa, 64);
}

static void setup(u64 size)
{
	CU_ASSERT_EQUAL_FATAL(ram_init(&ram, size, NULL), 0);
	memset(ram.host, 0xcc, MiB);
}

static void make_32(u32 flags, u32 paddr)
{
	guest_elf(&g, false, EM_386, ET_EXEC, paddr + 0x10, 0x800);
	guest_segment(&g, GUEST_TEXT, 0x400, 0x2000, paddr, paddr);
	guest_multiboot(&g, GUEST_TEXT, flags, NULL);
}

static void test_entry(void)
{
	setup(4 * MiB);
	make_32(3, 0x100000);
	CU_ASSERT_EQUAL_FATAL(load(NULL, NULL), 0);
	CU_ASSERT_EQUAL(entry.gpr[RAX], 0x2badb002);
	CU_ASSERT_EQUAL(entry.rip, 0x100010);
	CU_ASSERT_EQUAL(entry.cr0, CR0_PE | CR0_ET);
	CU_ASSERT_EQUAL(entry.rflags, RFLAGS_FIXED);
	CU_ASSERT_EQUAL(entry.seg[SEG_CS].attr, 0xc09b);
	for (unsigned int i = SEG_ES; i <= SEG_GS; i++)
		CU_ASSERT_TRUE(guest_gdt_matches(&ram, &entry, i));
	CU_ASSERT_FALSE(memcmp(ram.host + 0x100000, g.data + GUEST_TEXT, 0x400));
	/* Bit 2, a wish for a video mode, is not granted but no reason to refuse. */
	make_32(7, 0x100000);
	CU_ASSERT_EQUAL(load(NULL, NULL), 0);
	/* A 64-bit file is a container like any other: it starts in 32-bit mode. */
	guest_elf(&g, true, EM_X86_64, ET_EXEC, 0xffffffff80000010, 0x800);
	guest_segment(&g, GUEST_TEXT, 0x400, 0x400, 0xffffffff80000000, 0x200000);
	guest_multiboot(&g, GUEST_TEXT + 8, 0, NULL);
	CU_ASSERT_EQUAL(load(NULL, NULL), 0);
	CU_ASSERT_EQUAL(entry.rip, 0x200010);
	CU_ASSERT_EQUAL(entry.efer, 0);
	ram_fini(&ram);
}

static void test_info(void)
{
	const struct multiboot_info *i;
	const struct multiboot_mmap *m;

	setup(4 * MiB);
	make_32(3, 0x100000);
	CU_ASSERT_EQUAL_FATAL(load(NULL, "iters=5 x=\"a b\""), 0);
	i = info();
	CU_ASSERT_PTR_NOT_NULL_FATAL(i);
	CU_ASSERT_EQUAL(i->flags, 0x12cf);
	CU_ASSERT_EQUAL(i->mem_lower, 639);
	CU_ASSERT_EQUAL(i->mem_upper, 3072);
	CU_ASSERT_STRING_EQUAL(text(i->cmdline), "guest iters=5 x=\"a b\"");
	CU_ASSERT_STRING_EQUAL(text(i->boot_loader_name), "fvm");
	CU_ASSERT_EQUAL(i->mods_count, 0);
	CU_ASSERT_NOT_EQUAL(i->mods_addr, 0);
	CU_ASSERT_EQUAL(i->boot_device, 0x8000ffff);
	CU_ASSERT_EQUAL(i->drives_length, 0);
	CU_ASSERT_EQUAL(i->config_table | i->apm_table | i->vbe_control_info | i->vbe_mode, 0);
	CU_ASSERT_EQUAL(i->framebuffer_addr, 0xb8000);
	CU_ASSERT_EQUAL(i->framebuffer_type, 2);
	CU_ASSERT_EQUAL(i->framebuffer_pitch, 160);
	m = ram_at(&ram, i->mmap_addr, i->mmap_length);
	CU_ASSERT_EQUAL_FATAL(i->mmap_length, 5 * sizeof(*m));
	CU_ASSERT_EQUAL(m[0].size, 20);
	CU_ASSERT_EQUAL(m[0].length, 0x9fc00);
	CU_ASSERT_EQUAL(m[0].type, MEMMAP_RAM);
	CU_ASSERT_EQUAL(m[3].base, MiB);
	CU_ASSERT_EQUAL(m[3].length, 3 * MiB);
	CU_ASSERT_EQUAL(m[4].type, MEMMAP_RESERVED);
	CU_ASSERT_EQUAL(load(NULL, ""), 0);
	CU_ASSERT_STRING_EQUAL(text(info()->cmdline), "guest");
	ram_fini(&ram);
}

static void test_modules(void)
{
	char a[32], b[32], list[256];
	const struct multiboot_module *m;

	setup(4 * MiB);
	make_32(3, 0x100000);
	guest_file("first", 5000, a);
	guest_file("second", 6, b);
	snprintf(list, sizeof(list), "%s one=1,,2 /x,%s", a, b);
	CU_ASSERT_EQUAL_FATAL(load(list, NULL), 0);
	CU_ASSERT_EQUAL_FATAL(info()->mods_count, 2);
	m = ram_at(&ram, info()->mods_addr, 2 * sizeof(*m));
	CU_ASSERT_EQUAL(m[0].start, 0x102000);
	CU_ASSERT_EQUAL(m[0].end, 0x102000 + 5000);
	CU_ASSERT_EQUAL(m[1].start, 0x104000);
	CU_ASSERT_EQUAL(m[1].end, 0x104006);
	CU_ASSERT_STRING_EQUAL(text(m[0].start), "first");
	CU_ASSERT_FALSE(memcmp(text(m[1].start), "second", 6));
	CU_ASSERT_PTR_NOT_NULL(strstr(text(m[0].string), " one=1,2 /x"));
	CU_ASSERT_PTR_NULL(strstr(text(m[0].string), "proc"));
	CU_ASSERT_STRING_EQUAL(text(m[1].string), strrchr(b, '/') + 1);

	/* Room below the kernel is not for modules: it looks for its free memory behind them. */
	make_32(3, 0x200000);
	CU_ASSERT_EQUAL(load(b, NULL), 0);
	CU_ASSERT_EQUAL(*(const u32 *)ram_at(&ram, info()->mods_addr, 4), 0x202000);

	CU_ASSERT_EQUAL(load("/no/such file", NULL), -ENOENT);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "/no/such: "));
	snprintf(list, sizeof(list), "%s,", a);
	CU_ASSERT_EQUAL(load(list, NULL), -EINVAL);
	CU_ASSERT_EQUAL(load(" ", NULL), -EINVAL);
	guest_close(a);
	guest_close(b);
	ram_fini(&ram);
}

static void test_modules_room(void)
{
	char a[32], list[65 * 20];

	setup(4 * MiB);
	make_32(3, 0x100000);
	guest_file("x", 3 * MiB - 0x2000, a);
	CU_ASSERT_EQUAL(load(a, NULL), 0);
	guest_close(a);
	guest_file("x", 3 * MiB - 0x1fff, a);
	CU_ASSERT_EQUAL(load(a, NULL), -ENOMEM);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "--mem"));
	CU_ASSERT_PTR_NOT_NULL(strstr(err.text, a));
	guest_close(a);
	ram_fini(&ram);

	/* RAM above 4 GiB does not help a module: the kernel has 32 bits to find it. */
	setup(5 * GiB);
	guest_file("x", 3 * GiB, a);
	CU_ASSERT_EQUAL(load(a, NULL), -ENOMEM);
	guest_close(a);
	ram_fini(&ram);

	/* A guest of 1 MiB has its module in low memory. */
	setup(MiB);
	make_32(3, 0x20000);
	guest_file("low", 0x1001, a);
	CU_ASSERT_EQUAL_FATAL(load(a, NULL), 0);
	CU_ASSERT_STRING_EQUAL(text(*(const u32 *)ram_at(&ram, info()->mods_addr, 4)), "low");
	CU_ASSERT_EQUAL(info()->mem_upper, 0);
	list[0] = '\0';
	for (unsigned int i = 0; i < 65; i++)
		sprintf(list + strlen(list), "%s%s", i ? "," : "", a);
	CU_ASSERT_EQUAL(load(list, NULL), -E2BIG);
	guest_close(a);
	ram_fini(&ram);
}

/* A file that is no ELF: 16 bytes before the header are not loaded, 16 are. */
static void make_kludge(u32 load_end, u32 bss_end, u32 entry_point)
{
	const u32 addresses[] = { 0x180010, 0x180000, load_end, bss_end, entry_point };

	guest_elf(&g, false, EM_386, ET_EXEC, 0, 0x1001);
	memset(g.data, 0x5a, 64);
	guest_multiboot(&g, 32, MULTIBOOT_AOUT_KLUDGE | 1, addresses);
}

static void test_addresses(void)
{
	static const struct {
		u32 load_end, bss_end, entry;
		const char *text;
	} bad[] = {
		{ 0x17ffff, 0, 0x180000, "load_end_addr" },
		{ 0x181000, 0, 0x180000, "load_end_addr" },
		{ 0x180100, 0x1800ff, 0x180000, "bss_end_addr" },
		{ 0, 0x180ff0, 0x180000, "bss_end_addr" },
		{ 0x180100, 0, 0x180100, "entry_addr" },
		{ 0, 0, 0x17ffff, "entry_addr" },
		{ 0, 0x400001, 0x180000, "not all in guest RAM" },
		{ 0x180000, 0, 0x180000, "entry_addr" },
	};

	setup(4 * MiB);
	memset(ram.host + 0x100000, 0xcc, 3 * MiB);
	make_kludge(0, 0, 0x180040);
	CU_ASSERT_EQUAL_FATAL(load(NULL, NULL), 0);
	CU_ASSERT_EQUAL(entry.rip, 0x180040);
	CU_ASSERT_FALSE(memcmp(ram.host + 0x180000, g.data + 16, 0x1001 - 16));
	CU_ASSERT_EQUAL(ram.host[0x180000 + 0x1001 - 16], 0xcc);
	CU_ASSERT_EQUAL(info()->flags & MULTIBOOT_INFO_ELF, 0);
	make_kludge(0x180100, 0x183000, 0x180040);
	CU_ASSERT_EQUAL_FATAL(load(NULL, NULL), 0);
	CU_ASSERT_EQUAL(ram.host[0x1800ff], g.data[0x10f]);
	CU_ASSERT_EQUAL(ram.host[0x180100], 0);
	CU_ASSERT_EQUAL(ram.host[0x182fff], 0);
	CU_ASSERT_EQUAL(ram.host[0x183000], 0xcc);
	for (unsigned int i = 0; i < ARRAY_SIZE(bad); i++) {
		make_kludge(bad[i].load_end, bad[i].bss_end, bad[i].entry);
		CU_ASSERT_EQUAL(load(NULL, NULL), -ENOEXEC);
		CU_ASSERT_PTR_NOT_NULL(strstr(err.text, bad[i].text));
	}
	/* More in front of the header than the file has, and a header in front of its image. */
	make_kludge(0, 0, 0x180040);
	guest_put(&g, 32 + 12, 0x180024, 4);
	CU_ASSERT_EQUAL(load(NULL, NULL), -ENOEXEC);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "header_addr"));
	guest_put(&g, 32 + 12, 0x17fff0, 4);
	CU_ASSERT_EQUAL(load(NULL, NULL), -ENOEXEC);
	make_kludge(0, 0, 0x180040);
	g.size = 60;
	CU_ASSERT_EQUAL(load(NULL, NULL), -ENOEXEC);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "cut short"));
	ram_fini(&ram);
}

static void test_header(void)
{
	struct image image = { g.data, sizeof(g.data), "guest" };

	memset(&g, 0, sizeof(g));
	CU_ASSERT_FALSE(multiboot_probe(&image));
	guest_multiboot(&g, 8192 - 12, 0, NULL);
	CU_ASSERT_TRUE(multiboot_probe(&image));
	image.size = 8191;
	CU_ASSERT_FALSE(multiboot_probe(&image));
	image.size = sizeof(g.data);
	guest_put(&g, 8192 - 4, 5, 1);
	CU_ASSERT_FALSE(multiboot_probe(&image));
	memset(&g, 0, sizeof(g));
	guest_multiboot(&g, 8192 - 8, 0, NULL);
	CU_ASSERT_FALSE(multiboot_probe(&image));
	guest_multiboot(&g, 2, 0, NULL);
	CU_ASSERT_FALSE(multiboot_probe(&image));
	/* A wrong one does not hide the right one behind it. */
	guest_put(&g, 16, MULTIBOOT_HEADER, 4);
	guest_multiboot(&g, 20, 0, NULL);
	CU_ASSERT_TRUE(multiboot_probe(&image));

	setup(4 * MiB);
	make_32(0x8003, 0x100000);
	CU_ASSERT_EQUAL(load(NULL, NULL), -ENOEXEC);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "0x8000"));
	make_32(0xfffe0003, 0x100000);
	CU_ASSERT_EQUAL(load(NULL, NULL), 0);
	make_32(3, 0x100000);
	g.data[0] = 0;
	CU_ASSERT_EQUAL(load(NULL, NULL), -ENOEXEC);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "not ELF"));
	ram_fini(&ram);
}

/* Sections: none, symbols, their names, a string table that is loaded, the sections' names. */
static void add_sections(bool wide)
{
	static const struct {
		u32 type, flags, addr, offset, size;
	} sections[] = {
		{ SHT_NULL, 0, 0, 0, 0 },
		{ SHT_SYMTAB, 0, 0, GUEST_TEXT + 0x100, 48 },
		{ SHT_STRTAB, 0, 0, GUEST_TEXT + 0x200, 33 },
		{ SHT_STRTAB, SHF_ALLOC, 0x100040, GUEST_TEXT + 0x40, 16 },
		{ SHT_STRTAB, 0, 0, GUEST_TEXT + 0x300, 7 },
	};
	const u64 at = 0x600, size = wide ? sizeof(Elf64_Shdr) : sizeof(Elf32_Shdr);

	for (unsigned int i = 0; i < ARRAY_SIZE(sections); i++) {
		Elf64_Shdr w = { .sh_type = sections[i].type,
				 .sh_flags = sections[i].flags,
				 .sh_addr = sections[i].addr,
				 .sh_offset = sections[i].offset,
				 .sh_size = sections[i].size };
		Elf32_Shdr n = { .sh_type = sections[i].type,
				 .sh_flags = sections[i].flags,
				 .sh_addr = sections[i].addr,
				 .sh_offset = sections[i].offset,
				 .sh_size = sections[i].size };

		memcpy(g.data + at + i * size, wide ? (void *)&w : (void *)&n, size);
	}
	guest_put(&g, wide ? offsetof(Elf64_Ehdr, e_shoff) : offsetof(Elf32_Ehdr, e_shoff), at, 4);
	guest_put(&g, wide ? offsetof(Elf64_Ehdr, e_shentsize) : offsetof(Elf32_Ehdr, e_shentsize),
		  size, 2);
	guest_put(&g, wide ? offsetof(Elf64_Ehdr, e_shnum) : offsetof(Elf32_Ehdr, e_shnum), 5, 2);
	guest_put(&g, wide ? offsetof(Elf64_Ehdr, e_shstrndx) : offsetof(Elf32_Ehdr, e_shstrndx), 4,
		  2);
}

static u64 section_addr(unsigned int i)
{
	u64 at = info()->shdr_addr + i * info()->shdr_size;

	if (info()->shdr_size == sizeof(Elf64_Shdr))
		return ((const Elf64_Shdr *)ram_at(&ram, at, sizeof(Elf64_Shdr)))->sh_addr;
	return ((const Elf32_Shdr *)ram_at(&ram, at, sizeof(Elf32_Shdr)))->sh_addr;
}

static void test_symbols(void)
{
	setup(4 * MiB);
	for (int wide = 0; wide < 2; wide++) {
		guest_elf(&g, wide, wide ? EM_X86_64 : EM_386, ET_EXEC, 0x100000, 0x800);
		guest_segment(&g, GUEST_TEXT, 0x400, 0x400, 0x100000, 0x100000);
		guest_multiboot(&g, GUEST_TEXT, 3, NULL);
		add_sections(wide);
		CU_ASSERT_EQUAL_FATAL(load(NULL, NULL), 0);
		CU_ASSERT_TRUE_FATAL(info()->flags & MULTIBOOT_INFO_ELF);
		CU_ASSERT_EQUAL(info()->shdr_num, 5);
		CU_ASSERT_EQUAL(info()->shdr_shndx, 4);
		CU_ASSERT_FALSE(
			memcmp(text((u32)section_addr(1)), g.data + GUEST_TEXT + 0x100, 48));
		CU_ASSERT_FALSE(
			memcmp(text((u32)section_addr(2)), g.data + GUEST_TEXT + 0x200, 33));
		CU_ASSERT_EQUAL(section_addr(3), 0x100040);
		CU_ASSERT_FALSE(memcmp(text((u32)section_addr(4)), g.data + GUEST_TEXT + 0x300, 7));
		/* Names beyond the end of the file: it was cut short. */
		guest_put(&g,
			  0x600 + (wide ? 4 * sizeof(Elf64_Shdr) + offsetof(Elf64_Shdr, sh_size)
					: 4 * sizeof(Elf32_Shdr) + offsetof(Elf32_Shdr, sh_size)),
			  0x101, 4);
		CU_ASSERT_EQUAL(load(NULL, NULL), -ENOEXEC);
		CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "section 4"));
	}
	ram_fini(&ram);
}

/* Wherever the kernel is, nothing that we add lies in it. */
static void test_collision(void)
{
	static const u32 places[] = { 0, 0x1000, 0x10000, 0x8f000, 0x90000, 0x9f000, 0x100000 };
	char a[32];

	setup(4 * MiB);
	guest_file("module", 9000, a);
	for (unsigned int i = 0; i < ARRAY_SIZE(places); i++) {
		make_32(3, places[i]);
		/* Everything from there to 1.5 MiB. */
		guest_put(&g, sizeof(Elf32_Ehdr) + offsetof(Elf32_Phdr, p_memsz),
			  0x180000 - places[i], 4);
		add_sections(false);
		CU_ASSERT_EQUAL_FATAL(load(a, "words"), 0);
		CU_ASSERT_FALSE(memcmp(ram.host + places[i], g.data + GUEST_TEXT, 0x400));
		for (u32 at = places[i] + 0x400; at < 0x180000; at++)
			if (ram.host[at]) {
				CU_FAIL("the kernel's cleared memory was written to");
				break;
			}
		CU_ASSERT_STRING_EQUAL(text(info()->cmdline), "guest words");
		CU_ASSERT_TRUE(guest_gdt_matches(&ram, &entry, SEG_CS));
	}
	guest_close(a);
	ram_fini(&ram);
}

static void test_long_append(void)
{
	char *append = malloc(100001);

	memset(append, 'a', 100000);
	append[100000] = '\0';
	setup(4 * MiB);
	make_32(3, 0x100000);
	CU_ASSERT_EQUAL_FATAL(load(NULL, append), 0);
	CU_ASSERT_EQUAL(strlen(text(info()->cmdline)), 100006);
	ram_fini(&ram);
	setup(MiB);
	make_32(3, 0x8000);
	guest_put(&g, sizeof(Elf32_Ehdr) + offsetof(Elf32_Phdr, p_memsz), 0x90000, 4);
	CU_ASSERT_EQUAL(load(NULL, append), -ENOMEM);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "command line"));
	ram_fini(&ram);
	free(append);
}

static void test_truncated(void)
{
	struct boot_params params = { .format = BOOT_MULTIBOOT, .append = "x" };

	setup(4 * MiB);
	make_32(3, 0x100000);
	add_sections(false);
	CU_ASSERT_EQUAL(guest_truncate(&g, &ram, &params), 0);
	make_kludge(0, 0, 0x180000);
	CU_ASSERT_EQUAL(guest_truncate(&g, &ram, &params), 0);
	ram_fini(&ram);
}

CU_TestInfo tests_multiboot[] = {
	{ "state at entry; 32- and 64-bit files", test_entry },
	{ "every field of the information", test_info },
	{ "modules: order, strings, commas, missing files", test_modules },
	{ "modules: room above, below, none", test_modules_room },
	{ "header addresses instead of ELF", test_addresses },
	{ "finding the header; features we do not know", test_header },
	{ "section headers and symbols", test_symbols },
	{ "what is added avoids the kernel", test_collision },
	{ "a long command line", test_long_append },
	{ "cut short at every length", test_truncated },
	CU_TEST_INFO_NULL,
};
