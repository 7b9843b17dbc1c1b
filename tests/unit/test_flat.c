/* SPDX-License-Identifier: MIT */
#include "common/boot/entry.h"
#include "common/boot/memmap.h"
#include "tests/unit/guest.h"

#include <CUnit/CUnit.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static struct ram ram;
static struct cpu_state entry;
static struct error err;

/* Load SIZE patterned bytes as a raw binary; the result of boot_load_image. */
static int load(u64 size, u64 address, enum flat_mode mode)
{
	struct boot_params params = { .format = BOOT_FLAT, .address = address, .mode = mode };
	u8 *data = malloc(size);
	struct image image = { data, size, "raw" };
	int code;

	for (u64 i = 0; i < size; i++)
		data[i] = (u8)(i * 5 + 3);
	code = boot_load_image(&ram, &image, &params, &entry, &err);
	/* Whatever else was put into RAM, the image must still be whole. */
	if (!code) {
		u64 gpa = mode == FLAT_REAL ? entry.seg[SEG_CS].base + entry.rip : entry.rip;
		const u8 *p = ram_at(&ram, gpa, size);

		CU_ASSERT_FATAL(p && !memcmp(p, data, size));
	}
	free(data);
	return code;
}

static void test_real(void)
{
	CU_ASSERT_EQUAL_FATAL(ram_init(&ram, 4 * MiB, NULL), 0);
	CU_ASSERT_EQUAL(load(512, 0x7c00, FLAT_REAL), 0);
	CU_ASSERT_EQUAL(entry.seg[SEG_CS].selector, 0);
	CU_ASSERT_EQUAL(entry.rip, 0x7c00);
	CU_ASSERT_EQUAL(entry.cr0 & (CR0_PE | CR0_CD | CR0_NW), 0);
	CU_ASSERT_EQUAL(entry.rflags, RFLAGS_FIXED);
	CU_ASSERT_EQUAL(load(512, BOOT_ADDRESS_DEFAULT, FLAT_REAL), 0);
	CU_ASSERT_EQUAL(entry.rip, 0x7c00);
	CU_ASSERT_EQUAL(load(512, 0x12345, FLAT_REAL), 0);
	CU_ASSERT_EQUAL(entry.seg[SEG_CS].selector, 0x1234);
	CU_ASSERT_EQUAL(entry.seg[SEG_DS].selector, 0x1234);
	CU_ASSERT_EQUAL(entry.rip, 5);
	CU_ASSERT_EQUAL(entry.seg[SEG_SS].base + 0x10000, LAYOUT_STACK);
	CU_ASSERT_EQUAL(load(16, 0xffff0, FLAT_REAL), 0);
	CU_ASSERT_EQUAL(load(16, 0x100000, FLAT_REAL), -EINVAL);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "real mode"));
	ram_fini(&ram);
}

static void test_protected(void)
{
	CU_ASSERT_EQUAL_FATAL(ram_init(&ram, 4 * MiB, NULL), 0);
	CU_ASSERT_EQUAL(load(5000, 0x200001, FLAT_PROTECTED), 0);
	CU_ASSERT_EQUAL(entry.rip, 0x200001);
	CU_ASSERT_EQUAL(entry.cr0, CR0_PE | CR0_ET);
	CU_ASSERT_EQUAL(entry.efer, 0);
	CU_ASSERT_EQUAL(entry.seg[SEG_CS].attr, 0xc09b);
	CU_ASSERT_EQUAL(entry.seg[SEG_SS].attr, 0xc093);
	CU_ASSERT_EQUAL(entry.seg[SEG_SS].limit, 0xffffffff);
	for (unsigned int i = SEG_ES; i <= SEG_GS; i++)
		CU_ASSERT_TRUE(guest_gdt_matches(&ram, &entry, i));
	CU_ASSERT_EQUAL(entry.gdt.limit, 4 * 8 - 1);
	CU_ASSERT_EQUAL(entry.idt.limit, 0);
	CU_ASSERT_EQUAL(load(16, BOOT_ADDRESS_DEFAULT, FLAT_PROTECTED), 0);
	CU_ASSERT_EQUAL(entry.rip, MEMMAP_HIGH);
	ram_fini(&ram);
}

static void test_long(void)
{
	static const u64 mapped[] = { 0, 0x1fffff, 0x200000, 3 * GiB + 5, 0xfee00000, 4 * GiB - 1 };

	CU_ASSERT_EQUAL_FATAL(ram_init(&ram, 4 * MiB, NULL), 0);
	CU_ASSERT_EQUAL(load(5000, BOOT_ADDRESS_DEFAULT, FLAT_LONG), 0);
	CU_ASSERT_EQUAL(entry.rip, MEMMAP_HIGH);
	CU_ASSERT_EQUAL(entry.efer, EFER_LME | EFER_LMA);
	CU_ASSERT_EQUAL(entry.cr0 & (CR0_PE | CR0_PG), CR0_PE | CR0_PG);
	CU_ASSERT_TRUE(entry.cr4 & CR4_PAE);
	CU_ASSERT_EQUAL(entry.seg[SEG_CS].attr, 0xa09b);
	for (unsigned int i = SEG_ES; i <= SEG_GS; i++)
		CU_ASSERT_TRUE(guest_gdt_matches(&ram, &entry, i));
	for (unsigned int i = 0; i < ARRAY_SIZE(mapped); i++)
		CU_ASSERT_EQUAL(guest_walk(&ram, entry.cr3, mapped[i]), mapped[i]);
	CU_ASSERT_EQUAL(guest_walk(&ram, entry.cr3, 4 * GiB), ~0ull);
	CU_ASSERT_EQUAL(guest_walk(&ram, entry.cr3, 1ull << 47), ~0ull);
	ram_fini(&ram);
}

/* Tables must not lie in the image, wherever that is. load() checks that the image is whole. */
static void test_collision(void)
{
	static const u64 places[] = { 0,       0x1000,	0x7c00,	 0x10000, 0x80000,
				      0x8ffff, 0x90000, 0x91001, 0x9f000, 0xa0000 };

	CU_ASSERT_EQUAL_FATAL(ram_init(&ram, 4 * MiB, NULL), 0);
	for (unsigned int i = 0; i < ARRAY_SIZE(places); i++)
		for (u64 size = 1; size <= 2 * MiB; size *= 8) {
			CU_ASSERT_EQUAL(load(size, places[i], FLAT_LONG), 0);
			CU_ASSERT_EQUAL(guest_walk(&ram, entry.cr3, 0xfee00000), 0xfee00000);
			CU_ASSERT_TRUE(guest_gdt_matches(&ram, &entry, SEG_CS));
		}
	ram_fini(&ram);
	CU_ASSERT_EQUAL_FATAL(ram_init(&ram, MiB, NULL), 0);
	CU_ASSERT_EQUAL(load(MiB, 0, FLAT_REAL), 0);
	CU_ASSERT_EQUAL(load(MiB, 0, FLAT_PROTECTED), -ENOMEM);
	CU_ASSERT_EQUAL(load(MiB, 0, FLAT_LONG), -ENOMEM);
	ram_fini(&ram);
}

static void test_outside(void)
{
	CU_ASSERT_EQUAL_FATAL(ram_init(&ram, 4 * MiB, NULL), 0);
	CU_ASSERT_EQUAL(load(4096, 4 * MiB - 4096, FLAT_PROTECTED), 0);
	CU_ASSERT_EQUAL(load(4097, 4 * MiB - 4096, FLAT_PROTECTED), -ENOEXEC);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "0x3ff000"));
	CU_ASSERT_EQUAL(load(1, 4 * MiB, FLAT_PROTECTED), -ENOEXEC);
	CU_ASSERT_EQUAL(load(1, 4 * GiB - 1, FLAT_LONG), -ENOEXEC);
	CU_ASSERT_EQUAL(load(1, 4 * GiB, FLAT_LONG), -EINVAL);
	CU_ASSERT_EQUAL(load(1, ~0ull - 1, FLAT_LONG), -EINVAL);
	CU_ASSERT_EQUAL(load(1, 0, 3), -EINVAL);
	ram_fini(&ram);
}

CU_TestInfo tests_flat[] = {
	{ "real mode: segment and offset", test_real },
	{ "protected mode: flat segments that match the GDT", test_protected },
	{ "long mode: 4 GiB mapped to themselves", test_long },
	{ "GDT and page tables avoid the image", test_collision },
	{ "addresses outside of RAM or of the mode", test_outside },
	CU_TEST_INFO_NULL,
};
