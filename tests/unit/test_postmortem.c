/* SPDX-License-Identifier: MIT */
/* What a post-mortem says of interrupt controllers and timers. */
#include "common/postmortem.h"
#include "tests/unit/fakevm.h"

#include <CUnit/CUnit.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char *tell(struct vm *vm)
{
	char *text = NULL;
	size_t len = 0;
	FILE *f = open_memstream(&text, &len);

	postmortem_interrupts(vm, f);
	fclose(f);
	return text;
}

static bool says(struct vm *vm, const char *what)
{
	char *text = tell(vm);
	bool found = strstr(text, what);

	if (!found)
		fprintf(stderr, "\nnot \"%s\":\n%s", what, text);
	free(text);
	return found;
}

static void test_interrupts(void)
{
	const struct vm_config config = { .backend = &fakevm_backend, .mem_size = 4 * MiB };
	struct error err;
	struct vm *vm;

	CU_ASSERT_EQUAL_FATAL(vm_create(&vm, &config, &err), 0);
	CU_ASSERT_TRUE(says(vm, "ioapic: all pins masked\n"));
	CU_ASSERT_TRUE(says(vm, "irr - isr - timer 10000 off"));
	CU_ASSERT_TRUE(says(vm, "rtc off\n"));
	/* Pin 4 level-triggered for vector 61h, asserted; pin 9 asserted, but masked. */
	vm->pc.ioapic.entry[4] = 0x8061;
	vm->pc.ioapic.line = BIT(4) | BIT(9);
	CU_ASSERT_TRUE(says(vm, "ioapic: pin 4 vector 61 level asserted; pin 9 vector 00 masked "
				"asserted\n"));
	vm->pc.lapic.irr[1] = BIT(0) | BIT(5);
	vm->pc.lapic.isr[7] = BIT(31);
	CU_ASSERT_TRUE(says(vm, " irr 20,25 isr ff timer"));
	vm->pc.pic.chip[1].imr = 0xef;
	vm->pc.intr = true;
	CU_ASSERT_TRUE(says(vm, "slave base 70 mask ef lines 00"));
	CU_ASSERT_TRUE(says(vm, "INTR high\n"));
	/* A PIT that ticks: mode 2, 100 Hz. */
	bus_write(&vm->pc.pio, 0x43, 0x34, 1);
	bus_write(&vm->pc.pio, 0x40, 11932 & 0xff, 1);
	bus_write(&vm->pc.pio, 0x40, 11932 >> 8, 1);
	CU_ASSERT_TRUE(says(vm, "timers: pit mode 2 count 11932, in "));
	vm_destroy(vm);
}

CU_TestInfo tests_postmortem[] = { { "interrupt controllers and timers", test_interrupts },
				   CU_TEST_INFO_NULL };
