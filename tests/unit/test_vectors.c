/* SPDX-License-Identifier: MIT */
/* Who puts a guest's vector registers away: whatever leaves a quiet device, and nobody else. */
#include "common/dev/testdev.h"
#include "common/vectors.h"
#include "common/vm.h"
#include "tests/unit/swbt_rig.h"

#include <CUnit/CUnit.h>

#define UART_THR     0x3f8
#define UART_SCRATCH 0x3ff
#define TPR	     0x80
#define TIMER_COUNT  0x380

static unsigned int taken;

static void take(void *arg)
{
	CU_ASSERT_PTR_EQUAL(arg, &taken);
	taken++;
}

static unsigned int reads(struct bus *bus, u64 addr, unsigned int size)
{
	CU_ASSERT_TRUE(bus_quiet(bus, addr, size));
	taken = 0;
	bus_read(bus, addr, size);
	return taken;
}

static unsigned int writes(struct bus *bus, u64 addr, u64 value, unsigned int size)
{
	taken = 0;
	bus_write(bus, addr, value, size);
	return taken;
}

static void listen(void *arg, const void *data, size_t len)
{
	(void)arg, (void)data, (void)len;
}

static void test_taken(void)
{
	struct vm *vm = rig_vm(NULL, 8 * MiB);
	struct bus *pio = &vm->pc.pio, *mmio = &vm->pc.mmio;

	vm->config.console = listen;
	vectors_lend(take, &taken);
	CU_ASSERT_EQUAL(reads(pio, UART_SCRATCH, 1), 0);
	CU_ASSERT_EQUAL(writes(pio, UART_SCRATCH, 1, 1), 0);
	CU_ASSERT_EQUAL(reads(mmio, TESTDEV_MEM, 8), 0);
	CU_ASSERT_EQUAL(writes(mmio, LAPIC_BASE + TPR, 0x20, 4), 0);
	CU_ASSERT_EQUAL(reads(pio, 0x1234, 2), 0); /* nobody */
	writes(pio, UART_THR, 'x', 1);
	CU_ASSERT_EQUAL(writes(pio, UART_THR, 'y', 1), 0);
	CU_ASSERT_NOT_EQUAL(writes(pio, UART_THR, '\n', 1), 0);
	/* The time is asked for outside, unless the TSC tells it. */
	vm->clock.tsc = false;
	vm->clock.rate = 0;
	CU_ASSERT_NOT_EQUAL(reads(pio, PM_TIMER, 4), 0);
	CU_ASSERT_NOT_EQUAL(writes(mmio, LAPIC_BASE + TIMER_COUNT, 1000, 4), 0);
	vm->clock.latest.tsc = __builtin_ia32_rdtsc();
	vm->clock.rate = BIT64(30);
	CU_ASSERT_EQUAL(reads(pio, PM_TIMER, 4), 0);
	vectors_lend(NULL, NULL);
	CU_ASSERT_EQUAL(writes(pio, UART_THR, 'x', 1), 0);
	vm_destroy(vm);
}

static u64 read_one(void *dev, u64 offset, unsigned int size)
{
	(void)dev, (void)offset, (void)size;
	return 1;
}

/* An access that is cut up has more than one device to answer for. */
static void test_quiet(void)
{
	static const struct bus_ops loud = { read_one, NULL, false },
				    quiet = { read_one, NULL, true };
	struct bus bus;

	CU_ASSERT_EQUAL_FATAL(bus_init_mmio(&bus), 0);
	CU_ASSERT_EQUAL(bus_add(&bus, &(struct bus_region){ "q", 0x1000, 4, 4, &quiet, NULL }), 0);
	CU_ASSERT_EQUAL(bus_add(&bus, &(struct bus_region){ "l", 0x1004, 4, 4, &loud, NULL }), 0);
	CU_ASSERT_TRUE(bus_quiet(&bus, 0x1000, 4));
	CU_ASSERT_FALSE(bus_quiet(&bus, 0x1000, 8));
	CU_ASSERT_FALSE(bus_quiet(&bus, 0x1004, 1));
	CU_ASSERT_TRUE(bus_quiet(&bus, 0x2000, 8));
	bus_fini(&bus);
}

CU_TestInfo tests_vectors[] = {
	{ "vector registers are taken where code leaves the devices", test_taken },
	{ "which accesses are quiet", test_quiet },
	CU_TEST_INFO_NULL,
};
