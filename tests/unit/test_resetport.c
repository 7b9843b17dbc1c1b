/* SPDX-License-Identifier: MIT */
#include "common/dev/resetport.h"
#include "tests/unit/devtest.h"

static void test_edge(void)
{
	struct bench b;
	struct resetport port;

	bench_init(&b);
	resetport_init(&port, count_call, &b);
	CU_ASSERT_EQUAL(resetport_attach(&port, &b.pio), 0);
	out8(&b, 0xcf9, 0x02);
	CU_ASSERT_EQUAL(b.calls, 0);
	CU_ASSERT_EQUAL(in8(&b, 0xcf9), 0x02);
	out8(&b, 0xcf9, 0x06);
	CU_ASSERT_EQUAL(b.calls, 1);
	out8(&b, 0xcf9, 0x06);
	CU_ASSERT_EQUAL(b.calls, 1);
	resetport_reset(&port);
	out8(&b, 0xcf9, 0xff);
	CU_ASSERT_EQUAL(b.calls, 2);
	CU_ASSERT_EQUAL(in8(&b, 0xcf9), 0x0e);
	bench_fini(&b);
}

/* The dword at 0xcf8 is PCI's: probing for PCI must not reset the machine. */
static void test_pci_probe(void)
{
	struct bench b;
	struct resetport port;

	bench_init(&b);
	resetport_init(&port, count_call, &b);
	resetport_attach(&port, &b.pio);
	out32(&b, 0xcf8, 0x80000400);
	CU_ASSERT_EQUAL(b.calls, 0);
	CU_ASSERT_EQUAL(in32(&b, 0xcf8), 0xffffffff);
	CU_ASSERT_EQUAL(in8(&b, 0xcf9), 0);
	bench_fini(&b);
}

CU_TestInfo tests_resetport[] = {
	{ "resets on a rising bit", test_edge },
	{ "is not part of PCI's dword", test_pci_probe },
	CU_TEST_INFO_NULL,
};
