/* SPDX-License-Identifier: MIT */
#include "common/dev/testdev.h"
#include "tests/unit/devtest.h"

static struct testdev dev; /* 64 KiB: not on the stack */

static void setup(struct bench *b)
{
	bench_init(b);
	testdev_init(&dev, wire_line(b, 0));
	CU_ASSERT_EQUAL_FATAL(testdev_attach(&dev, &b->pio, &b->mmio), 0);
}

static void test_latch(void)
{
	struct bench b;

	setup(&b);
	out32(&b, 0xe0, 0x12345678);
	CU_ASSERT_EQUAL(in32(&b, 0xe0), 0x12345678);
	out8(&b, 0xe1, 0xaa);
	out16(&b, 0xe2, 0xbbcc);
	CU_ASSERT_EQUAL(in32(&b, 0xe0), 0xbbccaa78);
	CU_ASSERT_EQUAL(in16(&b, 0xe1), 0xccaa);
	/* The byte-wide view of the same latch. */
	CU_ASSERT_EQUAL(in8(&b, 0xe8), 0x78);
	CU_ASSERT_EQUAL(in16(&b, 0xea), 0xbbcc);
	out16(&b, 0xea, 0x1122);
	CU_ASSERT_EQUAL(in32(&b, 0xe0), 0x1122aa78);
	CU_ASSERT_EQUAL(in8(&b, 0xe9), 0xff); /* left to the debug console */
	out32(&b, 0xe4, 0x1000);
	CU_ASSERT_EQUAL(in32(&b, 0xe0), 0x1122aa78);
	bench_fini(&b);
}

static void test_irqs(void)
{
	struct bench b;

	setup(&b);
	for (int i = 0; i < TESTDEV_IRQS; i++) {
		out8(&b, (u16)(0x2000 + i), 0x40);
		CU_ASSERT_EQUAL(b.wire.pin, i);
		CU_ASSERT_EQUAL(b.wire.level, 1);
		out8(&b, (u16)(0x2000 + i), 0);
		CU_ASSERT_EQUAL(b.wire.level, 0);
	}
	b.wire.pin = -1;
	out8(&b, 0x2018, 1);
	CU_ASSERT_EQUAL(b.wire.pin, -1);
	bench_fini(&b);
}

static void test_memory(void)
{
	struct bench b;

	setup(&b);
	bus_write(&b.mmio, 0xff000000, 0x1122334455667788, 8);
	CU_ASSERT_EQUAL(bus_read(&b.mmio, 0xff000000, 8), 0x1122334455667788);
	CU_ASSERT_EQUAL(bus_read(&b.mmio, 0xff000003, 2), 0x4455);
	bus_write(&b.mmio, 0xff00ffff, 0xee, 1);
	CU_ASSERT_EQUAL(bus_read(&b.mmio, 0xff00fffc, 4), 0xee000000);
	/* Off the end: the last byte answers, the rest floats. */
	CU_ASSERT_EQUAL(bus_read(&b.mmio, 0xff00ffff, 4), 0xffffffee);
	bench_fini(&b);
}

CU_TestInfo tests_testdev[] = {
	{ "latch in both views", test_latch },
	{ "interrupt lines", test_irqs },
	{ "device memory", test_memory },
	CU_TEST_INFO_NULL,
};
