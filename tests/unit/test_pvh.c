/* SPDX-License-Identifier: MIT */
#include "common/boot/acpi.h"
#include "common/boot/entry.h"
#include "common/boot/memmap.h"
#include "common/boot/pvh.h"
#include "tests/unit/guest.h"

#include <CUnit/CUnit.h>
#include <elf.h>
#include <errno.h>
#include <string.h>

#define NOTES 0x700 /* file offset */

static struct ram ram;
static struct cpu_state entry;
static struct error err;
static struct guest g;

/* A note of another owner first, then ours with an entry point of LEN bytes. */
static void make(bool wide, u64 address, u32 len)
{
	static const u32 other[] = { 4, 6, 1, 0x00554e47, 1, 2 };
	const u32 ours[] = { 4, len, PVH_NOTE_TYPE, 0x006e6558 };
	u64 table = wide ? sizeof(Elf64_Ehdr) : sizeof(Elf32_Ehdr), size = 24 + 16 + len;

	guest_elf(&g, wide, wide ? EM_X86_64 : EM_386, ET_EXEC, 0x100010, 0x800);
	guest_segment(&g, GUEST_TEXT, 0x200, 0x2000, 0x100000, 0x100000);
	guest_segment(&g, NOTES, size, size, 0, 0);
	guest_put(&g, table + (wide ? sizeof(Elf64_Phdr) : sizeof(Elf32_Phdr)), PT_NOTE, 4);
	guest_put(&g,
		  table + (wide ? 2 * sizeof(Elf64_Phdr) : 2 * sizeof(Elf32_Phdr)) - (wide ? 8 : 4),
		  4, 4); /* p_align */
	memcpy(g.data + NOTES, other, sizeof(other));
	memcpy(g.data + NOTES + sizeof(other), ours, sizeof(ours));
	memcpy(g.data + NOTES + sizeof(other) + sizeof(ours), &address, len > 8 ? 8 : len);
}

static int load(const char *initrd, const char *append, enum boot_format format)
{
	struct boot_params params = { .initrd = initrd, .append = append, .format = format };
	struct image image = guest_image(&g);

	err.text[0] = '\0';
	return boot_load_image(&ram, &image, &params, &entry, &err);
}

static const struct pvh_info *info(void)
{
	return ram_at(&ram, entry.gpr[RBX], sizeof(struct pvh_info));
}

static void each(bool wide, u32 len)
{
	const struct pvh_memory *m;

	make(wide, 0x100020, len);
	CU_ASSERT_EQUAL_FATAL(load(NULL, "quiet x", BOOT_AUTO), 0);
	CU_ASSERT_EQUAL(entry.rip, 0x100020);
	CU_ASSERT_EQUAL(entry.cr0, CR0_PE | CR0_ET);
	CU_ASSERT_EQUAL(entry.cr4 | entry.efer, 0);
	CU_ASSERT_EQUAL(entry.seg[SEG_TR].limit, 0x67);
	CU_ASSERT_EQUAL(info()->magic, 0x336ec578);
	CU_ASSERT_EQUAL(info()->version, 1);
	CU_ASSERT_EQUAL(info()->rsdp, ACPI_RSDP);
	CU_ASSERT_EQUAL(info()->nr_modules, 0);
	CU_ASSERT_STRING_EQUAL(ram_at(&ram, info()->cmdline, 8), "quiet x");
	CU_ASSERT_EQUAL_FATAL(info()->memmap_entries, 5);
	m = ram_at(&ram, info()->memmap, 5 * sizeof(*m));
	CU_ASSERT_EQUAL(m[3].base, MiB);
	CU_ASSERT_EQUAL(m[3].size, 3 * MiB);
	CU_ASSERT_EQUAL(m[3].type, MEMMAP_RAM);
	CU_ASSERT_EQUAL(m[3].reserved, 0);
	/* As an ELF file it starts elsewhere, and only on request. */
	CU_ASSERT_EQUAL(load(NULL, NULL, BOOT_ELF), 0);
	CU_ASSERT_EQUAL(entry.rip, 0x100010);
}

static void test_entry(void)
{
	CU_ASSERT_EQUAL_FATAL(ram_init(&ram, 4 * MiB, NULL), 0);
	each(false, 4);
	each(true, 4);
	each(true, 8);
	ram_fini(&ram);
}

static void test_modules(void)
{
	char a[32], list[80];
	const struct pvh_module *m;

	CU_ASSERT_EQUAL_FATAL(ram_init(&ram, 4 * MiB, NULL), 0);
	make(true, 0x100020, 4);
	guest_file("module", 5000, a);
	snprintf(list, sizeof(list), "%s one two", a);
	CU_ASSERT_EQUAL_FATAL(load(list, NULL, BOOT_AUTO), 0);
	CU_ASSERT_EQUAL_FATAL(info()->nr_modules, 1);
	m = ram_at(&ram, info()->modules, sizeof(*m));
	CU_ASSERT_EQUAL(m->size, 5000);
	CU_ASSERT_STRING_EQUAL(ram_at(&ram, m->address, 8), "module");
	CU_ASSERT_STRING_EQUAL(ram_at(&ram, m->cmdline, 8), "one two");
	guest_close(a);
	ram_fini(&ram);
}

static void test_refused(void)
{
	CU_ASSERT_EQUAL_FATAL(ram_init(&ram, 4 * MiB, NULL), 0);
	make(true, 0x300000, 4);
	CU_ASSERT_EQUAL(load(NULL, NULL, BOOT_AUTO), -ENOEXEC);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "lies in no loadable segment"));
	/* Not an entry point, no such note, or one cut off: an ELF file like others. */
	make(true, 0x100020, 6);
	CU_ASSERT_EQUAL(load(NULL, NULL, BOOT_AUTO), 0);
	CU_ASSERT_EQUAL(entry.rip, 0x100010);
	CU_ASSERT_EQUAL(load(NULL, NULL, BOOT_PVH), -ENOEXEC);
	make(true, 0x100020, 4);
	guest_put(&g, NOTES + 24 + 8, 17, 4);
	CU_ASSERT_EQUAL(load(NULL, NULL, BOOT_AUTO), 0);
	CU_ASSERT_EQUAL(entry.rip, 0x100010);
	make(true, 0x100020, 4);
	guest_put(&g, NOTES + 24 + 4, ~0u, 4);
	CU_ASSERT_EQUAL(load(NULL, NULL, BOOT_AUTO), 0);
	CU_ASSERT_EQUAL(entry.rip, 0x100010);
	make(false, 0x100020, 4);
	CU_ASSERT_EQUAL(guest_truncate(&g, &ram, &(struct boot_params){ 0 }), 0);
	ram_fini(&ram);
}

CU_TestInfo tests_pvh[] = { { "entry, start info", test_entry },
			    { "modules", test_modules },
			    { "what is refused", test_refused },
			    CU_TEST_INFO_NULL };
