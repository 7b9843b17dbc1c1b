/* SPDX-License-Identifier: MIT */
#include "common/dev/vga.h"
#include "tests/unit/devtest.h"

static struct bench b;
static struct vga vga;

static void begin(void)
{
	bench_init(&b);
	vga_init(&vga);
	CU_ASSERT_EQUAL_FATAL(vga_attach(&vga, &b.pio), 0);
}

static void test_crtc(void)
{
	begin();
	CU_ASSERT_EQUAL(vga_start(&vga), 0);
	CU_ASSERT_EQUAL(vga_cursor(&vga), 0);
	out16(&b, 0x3d4, 0x120e); /* index and data at once */
	out8(&b, 0x3d4, 0x0f);
	out8(&b, 0x3d5, 0x34);
	CU_ASSERT_EQUAL(vga_cursor(&vga), 0x1234);
	CU_ASSERT_EQUAL(in8(&b, 0x3d5), 0x34);
	CU_ASSERT_EQUAL(in8(&b, 0x3d4), 0x0f);
	out16(&b, 0x3d4, 0x010c);
	out16(&b, 0x3d4, 0xa00d);
	CU_ASSERT_EQUAL(vga_start(&vga), 0x1a0);
	out16(&b, 0x3d4, 0xff0c);
	CU_ASSERT_EQUAL(vga_start(&vga), 0x3fa0); /* wraps at 32 KiB */
	out16(&b, 0x3d4, 0x200a);
	CU_ASSERT_EQUAL(vga_cursor(&vga), -1);
	out16(&b, 0x3d4, 0x0f0a); /* begins below its end */
	CU_ASSERT_EQUAL(vga_cursor(&vga), -1);
	out16(&b, 0x3d4, 0xff80); /* no such register */
	CU_ASSERT_EQUAL(in8(&b, 0x3d5), 0);
	bench_fini(&b);
}

static void test_attribute(void)
{
	begin();
	CU_ASSERT_TRUE(vga_blinks(&vga));
	in8(&b, 0x3da); /* what follows is an index */
	out8(&b, 0x3c0, 0x30);
	out8(&b, 0x3c0, 0x04);
	CU_ASSERT_FALSE(vga_blinks(&vga));
	CU_ASSERT_EQUAL(in8(&b, 0x3c1), 0x04);
	out8(&b, 0x3c0, 0x3f); /* an index without register */
	out8(&b, 0x3c0, 0xff);
	CU_ASSERT_EQUAL(in8(&b, 0x3c1), 0);
	bench_fini(&b);
}

/* Who waits for the retrace sees it come and go. */
static void test_status(void)
{
	u8 first;

	begin();
	first = in8(&b, 0x3da);
	CU_ASSERT_EQUAL(first ^ in8(&b, 0x3da), 0x09);
	bench_fini(&b);
}

static void test_dac(void)
{
	begin();
	out8(&b, 0x3c8, 255);
	for (u8 i = 1; i <= 6; i++) /* wraps to colour 0 */
		out8(&b, 0x3c9, i);
	out8(&b, 0x3c7, 255);
	for (u8 i = 1; i <= 6; i++)
		CU_ASSERT_EQUAL(in8(&b, 0x3c9), i);
	bench_fini(&b);
}

CU_TestInfo tests_vga[] = {
	{ "start and cursor", test_crtc },
	{ "attribute controller", test_attribute },
	{ "retrace", test_status },
	{ "palette", test_dac },
	CU_TEST_INFO_NULL,
};
