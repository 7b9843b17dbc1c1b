/* SPDX-License-Identifier: MIT */
#include "common/boot/acpi.h"
#include "common/boot/entry.h"
#include "common/boot/linux.h"
#include "common/boot/memmap.h"
#include "tests/unit/guest.h"

#include <CUnit/CUnit.h>
#include <errno.h>
#include <string.h>

#define SETUP ((1 + 1) * 512) /* boot sector and one more */
#define START 0x200000u
#define NEEDS 0x80000u

static struct ram ram;
static struct cpu_state entry;
static struct error err;
static struct guest g;

/* A kernel file of today: protocol 2.15, 64-bit entry point. */
static void make(void)
{
	memset(&g, 0, sizeof(g));
	g.size = SETUP + 0x800;
	for (u64 i = SETUP; i < g.size; i++)
		g.data[i] = (u8)(i * 5 + 3);
	guest_put(&g, LINUX_SETUP_SECTS, 1, 1);
	guest_put(&g, LINUX_BOOT_FLAG, LINUX_BOOT_FLAG_VALUE, 2);
	guest_put(&g, LINUX_JUMP, 0x6aeb, 2);
	guest_put(&g, LINUX_MAGIC, LINUX_MAGIC_VALUE, 4);
	guest_put(&g, LINUX_VERSION, 0x20f, 2);
	guest_put(&g, LINUX_LOADFLAGS, LINUX_LOADED_HIGH, 1);
	guest_put(&g, LINUX_INITRD_ADDR_MAX, 0x7fffffff, 4);
	guest_put(&g, LINUX_RELOCATABLE, 1, 1);
	guest_put(&g, LINUX_XLOADFLAGS, LINUX_KERNEL_64, 2);
	guest_put(&g, LINUX_CMDLINE_SIZE, 100, 4);
	guest_put(&g, LINUX_PREF_ADDRESS, START, 8);
	guest_put(&g, LINUX_INIT_SIZE, NEEDS, 4);
}

static int load(const char *initrd, const char *append)
{
	struct boot_params params = { .initrd = initrd, .append = append };
	struct image image = guest_image(&g);

	err.text[0] = '\0';
	return boot_load_image(&ram, &image, &params, &entry, &err);
}

static u64 zero_page(unsigned int at, unsigned int len)
{
	u64 v = 0;

	CU_ASSERT_EQUAL_FATAL(ram_read(&ram, entry.gpr[RSI] + at, &v, len), 0);
	return v;
}

static const char *text(u64 gpa)
{
	return ram_at(&ram, gpa, 64);
}

static void setup(u64 size)
{
	CU_ASSERT_EQUAL_FATAL(ram_init(&ram, size, NULL), 0);
	memset(ram.host, 0xcc, MiB);
}

static void test_long(void)
{
	setup(8 * MiB);
	make();
	CU_ASSERT_EQUAL_FATAL(load(NULL, "console=ttyS0"), 0);
	CU_ASSERT_EQUAL(entry.rip, START + 0x200);
	CU_ASSERT(entry.efer & EFER_LMA);
	CU_ASSERT_EQUAL(entry.rflags, RFLAGS_FIXED);
	CU_ASSERT_EQUAL(entry.seg[SEG_CS].selector, 0x10);
	CU_ASSERT_EQUAL(entry.seg[SEG_DS].selector, 0x18);
	for (unsigned int i = SEG_ES; i <= SEG_DS; i++)
		CU_ASSERT_TRUE(guest_gdt_matches(&ram, &entry, i));
	CU_ASSERT_EQUAL(guest_walk(&ram, entry.cr3, START + NEEDS), START + NEEDS);
	CU_ASSERT_FALSE(memcmp(ram_at(&ram, START, 0x800), g.data + SETUP, 0x800));
	CU_ASSERT_STRING_EQUAL(text(zero_page(LINUX_CMD_LINE_PTR, 4)), "console=ttyS0");
	CU_ASSERT_EQUAL(zero_page(LINUX_CODE32_START, 4), START);
	CU_ASSERT_EQUAL(zero_page(LINUX_TYPE_OF_LOADER, 1), 0xff);
	CU_ASSERT_EQUAL(zero_page(LINUX_RAMDISK_SIZE, 4), 0);
	CU_ASSERT_EQUAL(zero_page(LINUX_PARAMS_MODE, 2), 80 << 8 | 3);
	CU_ASSERT_EQUAL(zero_page(LINUX_PARAMS_ROWS, 2), 1 << 8 | 25);
	CU_ASSERT_EQUAL(zero_page(LINUX_PARAMS_RSDP, 8), ACPI_RSDP);
	CU_ASSERT_FALSE(memcmp(ram_at(&ram, ACPI_RSDP, 8), "RSD PTR ", 8));
	/* The header came along, what lies around it in the file did not. */
	CU_ASSERT_EQUAL(zero_page(LINUX_INIT_SIZE, 4), NEEDS);
	g.data[0x1ef] = 0xff;
	CU_ASSERT_EQUAL(load(NULL, NULL), 0);
	CU_ASSERT_EQUAL(zero_page(0x1ef, 1), 0);
	CU_ASSERT_STRING_EQUAL(text(zero_page(LINUX_CMD_LINE_PTR, 4)), "");
	ram_fini(&ram);
}

static void test_memory(void)
{
	setup(8 * MiB);
	make();
	CU_ASSERT_EQUAL_FATAL(load(NULL, NULL), 0);
	CU_ASSERT_EQUAL(zero_page(LINUX_PARAMS_E820_NR, 1), 5);
	CU_ASSERT_EQUAL(zero_page(LINUX_PARAMS_E820, 8), 0);
	CU_ASSERT_EQUAL(zero_page(LINUX_PARAMS_E820 + 8, 8), MEMMAP_EBDA);
	CU_ASSERT_EQUAL(zero_page(LINUX_PARAMS_E820 + 16, 4), MEMMAP_RAM);
	CU_ASSERT_EQUAL(zero_page(LINUX_PARAMS_E820 + 3 * 20, 8), MiB);
	CU_ASSERT_EQUAL(zero_page(LINUX_PARAMS_E820 + 3 * 20 + 8, 8), 7 * MiB);
	CU_ASSERT_EQUAL(zero_page(LINUX_PARAMS_E820 + 4 * 20 + 16, 4), MEMMAP_RESERVED);
	ram_fini(&ram);
}

static void test_protected(void)
{
	setup(8 * MiB);
	make();
	guest_put(&g, LINUX_XLOADFLAGS, 0, 2);
	CU_ASSERT_EQUAL_FATAL(load(NULL, NULL), 0);
	CU_ASSERT_EQUAL(entry.rip, START);
	CU_ASSERT_EQUAL(entry.cr0, CR0_PE | CR0_ET);
	CU_ASSERT_EQUAL(entry.gpr[RBX] | entry.gpr[RBP] | entry.gpr[RDI], 0);
	CU_ASSERT_EQUAL(entry.seg[SEG_CS].selector, 0x10);
	/* One that cannot be moved by us, and protocols that do not know of it, go to 1 MiB. */
	guest_put(&g, LINUX_RELOCATABLE, 0, 1);
	CU_ASSERT_EQUAL(load(NULL, NULL), 0);
	CU_ASSERT_EQUAL(entry.rip, MiB);
	make();
	guest_put(&g, LINUX_VERSION, 0x204, 2);
	CU_ASSERT_EQUAL(load(NULL, NULL), 0);
	CU_ASSERT_EQUAL(entry.rip, MiB);
	CU_ASSERT_EQUAL(entry.efer, 0);
	/* No setup sectors means four. */
	make();
	guest_put(&g, LINUX_SETUP_SECTS, 0, 1);
	CU_ASSERT_EQUAL(load(NULL, NULL), -ENOEXEC);
	g.size = 5 * 512 + 0x300;
	CU_ASSERT_EQUAL(load(NULL, NULL), 0);
	ram_fini(&ram);
}

static void test_initrd(void)
{
	char a[32], list[80];
	u64 at;

	setup(8 * MiB);
	make();
	guest_file("archive", 5000, a);
	CU_ASSERT_EQUAL_FATAL(load(a, NULL), 0);
	at = zero_page(LINUX_RAMDISK_IMAGE, 4);
	CU_ASSERT_EQUAL(zero_page(LINUX_RAMDISK_SIZE, 4), 5000);
	CU_ASSERT(at >= START + NEEDS && at % 4096 == 0);
	CU_ASSERT_STRING_EQUAL(text(at), "archive");
	/* The last byte that it may have, and one below that. */
	guest_put(&g, LINUX_INITRD_ADDR_MAX, at + 4999, 4);
	CU_ASSERT_EQUAL(load(a, NULL), 0);
	guest_put(&g, LINUX_INITRD_ADDR_MAX, at + 4998, 4);
	CU_ASSERT_EQUAL(load(a, NULL), -ENOMEM);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "use a larger --mem"));
	snprintf(list, sizeof(list), "%s,%s", a, a);
	CU_ASSERT_EQUAL(load(list, NULL), -EINVAL);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "takes one --initrd"));
	CU_ASSERT_EQUAL(load("/nonexistent", NULL), -ENOENT);
	guest_close(a);
	ram_fini(&ram);
}

static void refused(const char *why)
{
	CU_ASSERT_EQUAL(load(NULL, NULL), -ENOEXEC);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.text, why));
	make();
}

static void test_refused(void)
{
	char longest[102];

	setup(8 * MiB);
	make();
	guest_put(&g, LINUX_BOOT_FLAG, 0, 2);
	refused("no boot sector signature");
	guest_put(&g, LINUX_VERSION, 0x201, 2);
	refused("older than 2.02");
	guest_put(&g, LINUX_LOADFLAGS, 0, 1);
	refused("zImage");
	guest_put(&g, LINUX_JUMP, 0x10eb, 2);
	refused("header is cut short");
	g.size = LINUX_MAGIC + 4;
	refused("header is cut short");
	g.size = SETUP;
	refused("cut short: has");
	/* Its last paragraph need not be full. */
	guest_put(&g, LINUX_SYSSIZE, (g.size - SETUP) / 16 + 1, 4);
	refused("cut short: has");
	guest_put(&g, LINUX_SYSSIZE, (g.size - SETUP) / 16 + 1, 4);
	g.size++;
	CU_ASSERT_EQUAL(load(NULL, NULL), 0);
	make();
	/* In old protocols it means little. */
	guest_put(&g, LINUX_VERSION, 0x203, 2);
	guest_put(&g, LINUX_SYSSIZE, 0xffff, 4);
	CU_ASSERT_EQUAL(load(NULL, NULL), 0);
	make();
	g.size = SETUP + 0x200;
	refused("64-bit entry point");
	guest_put(&g, LINUX_PREF_ADDRESS, 3 * GiB, 8);
	refused("above 3 GiB");
	guest_put(&g, LINUX_INIT_SIZE, 7 * MiB, 4);
	refused("not all in guest RAM");
	memset(longest, 'x', 101);
	longest[101] = '\0';
	CU_ASSERT_EQUAL(load(NULL, longest), -EINVAL);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "at most 100 bytes"));
	CU_ASSERT_EQUAL(load(NULL, longest + 1), 0);
	CU_ASSERT_EQUAL(guest_truncate(&g, &ram, &(struct boot_params){ .append = "x" }), 0);
	ram_fini(&ram);
}

CU_TestInfo tests_linux[] = { { "64-bit entry, parameters, command line", test_long },
			      { "memory map", test_memory },
			      { "32-bit entry, old protocols", test_protected },
			      { "initrd", test_initrd },
			      { "what is refused", test_refused },
			      CU_TEST_INFO_NULL };
