/* SPDX-License-Identifier: MIT */
#include "common/dev/fwcfg.h"
#include "tests/unit/devtest.h"

#include <endian.h>
#include <errno.h>

#define SELECT 0x510
#define DATA   0x511
#define DMA    0x514

#define READ	0x02
#define SKIP	0x04
#define SELECTS 0x08
#define WRITE	0x10

struct fixture {
	struct bench b;
	struct ram ram;
	struct fwcfg fw;
};

static void setup(struct fixture *f, u64 size)
{
	memset(f, 0, sizeof(*f));
	bench_init(&f->b);
	CU_ASSERT_EQUAL_FATAL(ram_init(&f->ram, size, NULL), 0);
	fwcfg_init(&f->fw, &f->ram);
	CU_ASSERT_EQUAL_FATAL(fwcfg_attach(&f->fw, &f->b.pio), 0);
}

static void teardown(struct fixture *f)
{
	bench_fini(&f->b);
	ram_fini(&f->ram);
}

static u64 item(struct fixture *f, u16 key, int len)
{
	u64 value = 0;

	out16(&f->b, SELECT, key);
	for (int i = 0; i < len; i++)
		value |= (u64)in8(&f->b, DATA) << i * 8;
	return value;
}

/* The selector of file NAME found in the directory as a guest does, or 0. */
static u16 find(struct fixture *f, const char *name, u32 *size)
{
	struct fwcfg_file file;
	u32 count;

	out16(&f->b, SELECT, FWCFG_FILE_DIR);
	bus_read_rep(&f->b.pio, DATA, &count, 1, sizeof(count));
	for (u32 i = 0; i < be32toh(count); i++) {
		bus_read_rep(&f->b.pio, DATA, &file, 1, sizeof(file));
		if (!strcmp(file.name, name)) {
			*size = be32toh(file.size);
			return be16toh(file.select);
		}
	}
	return 0;
}

/* Run a DMA descriptor at guest address AT; returns its control word afterwards. */
static u32 dma(struct fixture *f, u64 at, u32 control, u32 length, u64 address)
{
	struct {
		u32 control, length;
		u64 address;
	} access = { htobe32(control), htobe32(length), htobe64(address) };

	ram_write(&f->ram, at, &access, sizeof(access));
	out32(&f->b, DMA, htobe32((u32)(at >> 32)));
	out32(&f->b, DMA + 4, htobe32((u32)at));
	ram_read(&f->ram, at, &access, sizeof(access));
	return be32toh(access.control);
}

static void test_items(void)
{
	struct fixture f;

	setup(&f, 4 * GiB);
	CU_ASSERT_EQUAL(item(&f, FWCFG_SIGNATURE, 4), 0x554d4551); /* "QEMU" */
	CU_ASSERT_EQUAL(item(&f, FWCFG_ID, 4), 3);
	CU_ASSERT_EQUAL(item(&f, FWCFG_RAM_SIZE, 8), 4 * GiB);
	CU_ASSERT_EQUAL(item(&f, FWCFG_NB_CPUS, 2), 1);
	CU_ASSERT_EQUAL(item(&f, FWCFG_MAX_CPUS, 2), 1);
	CU_ASSERT_EQUAL(item(&f, FWCFG_IRQ0_OVERRIDE, 4), 1);
	/* Behind the end, and where there is no item: zeros. */
	CU_ASSERT_EQUAL(item(&f, FWCFG_NB_CPUS, 8), 1);
	CU_ASSERT_EQUAL(item(&f, FWCFG_KERNEL_SIZE, 4), 0);
	CU_ASSERT_EQUAL(item(&f, FWCFG_KEYS, 4), 0);
	CU_ASSERT_EQUAL(item(&f, 0xffff, 4), 0);
	CU_ASSERT_EQUAL(item(&f, FWCFG_ARCH_LOCAL | 100, 4), 0);
	/* The write flag of old is ignored. */
	CU_ASSERT_EQUAL(item(&f, 0x4000 | FWCFG_ID, 4), 3);
	fwcfg_reset(&f.fw);
	CU_ASSERT_EQUAL(in8(&f.b, DATA), 'Q');
	teardown(&f);
}

static void test_widths(void)
{
	struct fixture f;

	setup(&f, MiB);
	/* Byte reads give data at either port; a word at the selector gives zero and takes none. */
	item(&f, FWCFG_SIGNATURE, 0);
	CU_ASSERT_EQUAL(in8(&f.b, SELECT), 'Q');
	CU_ASSERT_EQUAL(in16(&f.b, SELECT), 0);
	CU_ASSERT_EQUAL(in8(&f.b, DATA), 'E');
	/* A word at the data port is a byte of data and one from the empty port behind. */
	CU_ASSERT_EQUAL(in16(&f.b, DATA), 0xff00 | 'M');
	/* Byte writes select nothing. */
	out8(&f.b, SELECT, FWCFG_ID);
	CU_ASSERT_EQUAL(in8(&f.b, DATA), 'U');
	CU_ASSERT_EQUAL(in32(&f.b, DMA), 0x554d4551);	  /* "QEMU" */
	CU_ASSERT_EQUAL(in32(&f.b, DMA + 4), 0x47464320); /* " CFG" */
	CU_ASSERT_EQUAL(in8(&f.b, DMA + 7), 'G');
	teardown(&f);
}

static void test_files(void)
{
	struct fixture f;
	char name[FWCFG_NAME + 1];
	u32 size = 0;
	u16 key;
	int i;

	setup(&f, MiB);
	CU_ASSERT_EQUAL(fwcfg_add_file(&f.fw, "opt/test", "abcdef", 6), 0);
	key = find(&f, "opt/test", &size);
	CU_ASSERT_EQUAL(size, 6);
	CU_ASSERT_EQUAL(item(&f, key, 6), 0x666564636261);
	CU_ASSERT_EQUAL(fwcfg_add_file(&f.fw, "opt/test", "xy", 2), 0);
	CU_ASSERT_EQUAL(find(&f, "opt/test", &size), key);
	CU_ASSERT_EQUAL(size, 2);
	CU_ASSERT_EQUAL(item(&f, key, 3), 0x7978);
	CU_ASSERT_EQUAL(find(&f, "opt/none", &size), 0);
	memset(name, 'n', FWCFG_NAME);
	name[FWCFG_NAME] = 0;
	CU_ASSERT_EQUAL(fwcfg_add_file(&f.fw, name, "x", 1), -EINVAL);
	CU_ASSERT_EQUAL(fwcfg_add_file(&f.fw, "", "x", 1), -EINVAL);
	CU_ASSERT_EQUAL(fwcfg_add_file(&f.fw, "opt/empty", "x", 0), -EINVAL);
	for (i = 0; i < 100; i++) {
		snprintf(name, sizeof(name), "opt/%d", i);
		if (fwcfg_add_file(&f.fw, name, "z", 1))
			break;
	}
	CU_ASSERT_EQUAL(i, FWCFG_FILES - 2);
	CU_ASSERT_EQUAL(fwcfg_add_file(&f.fw, "opt/more", "z", 1), -ENOSPC);
	snprintf(name, sizeof(name), "opt/%d", i - 1);
	CU_ASSERT_EQUAL(item(&f, find(&f, name, &size), 2), 'z');
	teardown(&f);
}

static void test_e820(void)
{
	struct fixture f;
	struct fwcfg_e820 map[3];
	u32 size = 0;

	setup(&f, 5 * GiB);
	out16(&f.b, SELECT, find(&f, "etc/e820", &size));
	CU_ASSERT_EQUAL(size, 40);
	bus_read_rep(&f.b.pio, DATA, map, 1, sizeof(map));
	CU_ASSERT_EQUAL(map[0].addr, 0);
	CU_ASSERT_EQUAL(map[0].len, 3 * GiB);
	CU_ASSERT_EQUAL(map[0].type, 1);
	CU_ASSERT_EQUAL(map[1].addr, 4 * GiB);
	CU_ASSERT_EQUAL(map[1].len, 2 * GiB);
	CU_ASSERT_EQUAL(map[1].type, 1);
	teardown(&f);
	setup(&f, 16 * MiB);
	find(&f, "etc/e820", &size);
	CU_ASSERT_EQUAL(size, 20);
	teardown(&f);
}

static void test_boot_items(void)
{
	struct fixture f;

	setup(&f, MiB);
	CU_ASSERT_EQUAL(fwcfg_add_u32(&f.fw, FWCFG_CMDLINE_SIZE, 4), 0);
	CU_ASSERT_EQUAL(fwcfg_add(&f.fw, FWCFG_CMDLINE_DATA, "a=b", 4), 0);
	CU_ASSERT_EQUAL(item(&f, FWCFG_CMDLINE_SIZE, 4), 4);
	CU_ASSERT_EQUAL(item(&f, FWCFG_CMDLINE_DATA, 4), 0x623d61);
	CU_ASSERT_EQUAL(fwcfg_add(&f.fw, FWCFG_ID, "x", 1), -EINVAL);
	CU_ASSERT_EQUAL(fwcfg_add_u32(&f.fw, FWCFG_FILE_DIR, 0), -EINVAL);
	CU_ASSERT_EQUAL(fwcfg_add_u32(&f.fw, FWCFG_FILE_FIRST, 0), -EINVAL);
	teardown(&f);
}

static void test_dma(void)
{
	struct fixture f;
	char got[9] = "";

	setup(&f, MiB);
	fwcfg_add(&f.fw, FWCFG_KERNEL_DATA, "0123456789", 10);
	CU_ASSERT_EQUAL(dma(&f, 0x1000, FWCFG_KERNEL_DATA << 16 | SELECTS | READ, 4, 0x2000), 0);
	CU_ASSERT_EQUAL(dma(&f, 0x1000, SKIP, 2, 0), 0);
	CU_ASSERT_EQUAL(dma(&f, 0x1000, READ, 2, 0x2004), 0);
	ram_read(&f.ram, 0x2000, got, 8);
	CU_ASSERT_STRING_EQUAL(got, "012367");
	/* The same place in the item for both interfaces. */
	CU_ASSERT_EQUAL(in8(&f.b, DATA), '8');
	/* Behind the end: zeros over what was there. */
	memset(f.ram.host + 0x2000, 0xff, 8);
	CU_ASSERT_EQUAL(dma(&f, 0x1000, READ, 4, 0x2000), 0);
	CU_ASSERT_EQUAL(*(u64 *)(f.ram.host + 0x2000), 0xffffffff00000039);
	/* Nothing asked: nothing happens. Writing is refused. */
	CU_ASSERT_EQUAL(dma(&f, 0x1000, 0, 4, 0x2000), 0);
	CU_ASSERT_EQUAL(dma(&f, 0x1000, FWCFG_KERNEL_DATA << 16 | SELECTS | WRITE, 4, 0x2000), 1);
	CU_ASSERT_EQUAL(in8(&f.b, DATA), '0');
	teardown(&f);
}

static void test_dma_bounds(void)
{
	static const struct {
		u64 address;
		u32 length, result;
	} row[] = {
		{ MiB - 4, 4, 0 },
		{ MiB - 4, 5, 1 },
		{ MiB, 1, 1 },
		{ 0, MiB + 1, 1 },
		{ 0x2000, 0xffffffff, 1 },
		{ ~0ull, 1, 1 },
		{ ~0ull - 2, 8, 1 },
		{ MiB, 0, 0 },
	};
	struct fixture f;

	setup(&f, MiB);
	for (unsigned int i = 0; i < ARRAY_SIZE(row); i++)
		CU_ASSERT_EQUAL(dma(&f, 0x1000, READ, row[i].length, row[i].address),
				row[i].result);
	/* A skip stops at the end, however long. */
	CU_ASSERT_EQUAL(dma(&f, 0x1000, FWCFG_SIGNATURE << 16 | SELECTS | SKIP, ~0u, 0), 0);
	CU_ASSERT_EQUAL(dma(&f, 0x1000, SKIP, ~0u, 0), 0);
	CU_ASSERT_EQUAL(in8(&f.b, DATA), 0);
	/* Descriptors outside RAM, or half of it: no crash, and an error where it fits. */
	dma(&f, ~0ull, READ, 1, 0);
	dma(&f, MiB, READ, 1, 0);
	dma(&f, MiB - 8, READ, 1, 0);
	CU_ASSERT_EQUAL(be32toh(*(u32 *)(f.ram.host + MiB - 8)), 1);
	/* Narrower writes to the address start nothing: the descriptor at 0 stays as it is. */
	*(u32 *)f.ram.host = htobe32(READ);
	out8(&f.b, DMA + 4, 0);
	out16(&f.b, DMA + 4, 0);
	out16(&f.b, DMA + 6, 0);
	CU_ASSERT_EQUAL(*(u32 *)f.ram.host, htobe32(READ));
	out32(&f.b, DMA + 4, 0);
	CU_ASSERT_EQUAL(*(u32 *)f.ram.host, 0);
	/* The upper half of the address counts once. */
	*(u32 *)f.ram.host = htobe32(READ);
	out32(&f.b, DMA, htobe32(1));
	out32(&f.b, DMA + 4, 0);
	CU_ASSERT_EQUAL(*(u32 *)f.ram.host, htobe32(READ));
	out32(&f.b, DMA + 4, 0);
	CU_ASSERT_EQUAL(*(u32 *)f.ram.host, 0);
	teardown(&f);
}

CU_TestInfo tests_fwcfg[] = {
	{ "items", test_items },
	{ "access widths", test_widths },
	{ "file directory", test_files },
	{ "memory map", test_e820 },
	{ "boot items", test_boot_items },
	{ "DMA", test_dma },
	{ "DMA stays in RAM", test_dma_bounds },
	CU_TEST_INFO_NULL,
};
