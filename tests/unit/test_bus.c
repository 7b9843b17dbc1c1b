/* SPDX-License-Identifier: MIT */
#include "common/bus.h"

#include <CUnit/CUnit.h>
#include <errno.h>

struct log {
	u64 offset[8], value[8];
	unsigned int size[8], nr;
};

static u64 log_read(void *dev, u64 offset, unsigned int size)
{
	struct log *log = dev;

	log->offset[log->nr] = offset;
	log->size[log->nr++] = size;
	return 0x1122334455667700ull + offset;
}

static void log_write(void *dev, u64 offset, u64 value, unsigned int size)
{
	struct log *log = dev;

	log->offset[log->nr] = offset;
	log->value[log->nr] = value;
	log->size[log->nr++] = size;
}

static const struct bus_ops log_ops = { log_read, log_write, false };

static struct bus_region region(struct log *log, u64 base, u64 len, unsigned int max_size)
{
	return (struct bus_region){ "log", base, len, max_size, &log_ops, log };
}

static void test_nobody(void)
{
	struct bus pio, mmio;

	bus_init_pio(&pio);
	bus_init_mmio(&mmio);
	CU_ASSERT_EQUAL(bus_read(&pio, 0x80, 1), 0xff);
	CU_ASSERT_EQUAL(bus_read(&pio, 0x80, 4), 0xffffffff);
	CU_ASSERT_EQUAL(bus_read(&mmio, 0xd0000000, 8), ~0ull);
	bus_write(&mmio, 0xd0000000, 1, 8);
	CU_ASSERT_PTR_NULL(bus_name(&pio, 0x80));
	bus_fini(&pio);
	bus_fini(&mmio);
}

static void test_claims(void)
{
	struct log log = { 0 };
	struct bus bus;
	struct bus_region r = region(&log, 0x3f8, 8, 1);

	bus_init_pio(&bus);
	CU_ASSERT_EQUAL(bus_add(&bus, &r), 0);
	r.base = 0x3ff;
	CU_ASSERT_EQUAL(bus_add(&bus, &r), -EEXIST);
	r.base = 0xfffe;
	CU_ASSERT_EQUAL(bus_add(&bus, &r), -EINVAL);
	r.base = 0x400;
	CU_ASSERT_EQUAL(bus_add(&bus, &r), 0);
	CU_ASSERT_EQUAL(bus_remove(&bus, 0x3f8), 0);
	CU_ASSERT_EQUAL(bus_remove(&bus, 0x3f8), -ENOENT);
	CU_ASSERT_PTR_NULL(bus_name(&bus, 0x3f8));
	CU_ASSERT_STRING_EQUAL(bus_name(&bus, 0x407), "log");
	bus_fini(&bus);
}

static void test_split(void)
{
	struct log log = { 0 };
	struct bus bus;
	struct bus_region r = region(&log, 0x100, 4, 1);

	bus_init_pio(&bus);
	bus_add(&bus, &r);
	/* A 4-byte access to a byte-wide device is four, lowest port first. */
	CU_ASSERT_EQUAL(bus_read(&bus, 0x100, 4), 0x03020100);
	CU_ASSERT_EQUAL(log.nr, 4);
	CU_ASSERT_EQUAL(log.offset[3], 3);
	log.nr = 0;
	bus_write(&bus, 0x100, 0xa1b2c3d4, 4);
	CU_ASSERT_EQUAL(log.nr, 4);
	CU_ASSERT_EQUAL(log.value[0], 0xd4);
	CU_ASSERT_EQUAL(log.value[3], 0xa1);
	/* One that runs off the region's end: the rest floats. */
	log.nr = 0;
	CU_ASSERT_EQUAL(bus_read(&bus, 0x103, 2), 0xff03);
	CU_ASSERT_EQUAL(log.nr, 1);
	bus_fini(&bus);
}

static void test_rep(void)
{
	struct log log = { 0 };
	struct bus bus;
	struct bus_region r = region(&log, 0x200, 2, 2);
	const u8 out[6] = { 1, 2, 3, 4, 5, 6 };
	u8 in[4];

	bus_init_pio(&bus);
	bus_add(&bus, &r);
	bus_write_rep(&bus, 0x200, out, 2, 3);
	CU_ASSERT_EQUAL(log.nr, 3);
	CU_ASSERT_EQUAL(log.value[2], 0x0605);
	bus_read_rep(&bus, 0x200, in, 2, 2);
	CU_ASSERT_EQUAL(in[0], 0x00);
	CU_ASSERT_EQUAL(in[3], 0x77);
	bus_fini(&bus);
}

CU_TestInfo tests_bus[] = {
	{ "an unclaimed address reads as ones", test_nobody },
	{ "claims do not overlap and can be given back", test_claims },
	{ "wide accesses are cut to the device's width", test_split },
	{ "string accesses repeat at one address", test_rep },
	CU_TEST_INFO_NULL,
};
