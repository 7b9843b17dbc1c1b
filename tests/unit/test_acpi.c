/* SPDX-License-Identifier: MIT */
#include "common/boot/acpi.h"
#include "common/boot/dsdt.h"
#include "common/dev/pci.h"
#include "common/dev/pm.h"

#include <CUnit/CUnit.h>
#include <string.h>

static struct ram ram;

static u64 get(u64 gpa, unsigned int len)
{
	u64 v = 0;

	CU_ASSERT_EQUAL_FATAL(ram_read(&ram, gpa, &v, len), 0);
	return v;
}

static u8 sum(u64 gpa, u64 len)
{
	u8 s = 0;

	for (u64 i = 0; i < len; i++)
		s += (u8)get(gpa + i, 1);
	return s;
}

static bool is(u64 gpa, const char *signature)
{
	return !memcmp(ram_at(&ram, gpa, 8), signature, strlen(signature));
}

/* The table with SIGNATURE that the XSDT lists, its checksum and place verified. */
static u64 table(const char *signature)
{
	u64 xsdt = get(ACPI_RSDP + 24, 8), nr = (get(xsdt + 4, 4) - 36) / 8;

	for (u64 i = 0; i < nr; i++) {
		u64 at = get(xsdt + 36 + i * 8, 8);

		if (!is(at, signature))
			continue;
		CU_ASSERT_EQUAL(sum(at, get(at + 4, 4)), 0);
		CU_ASSERT(at >= MEMMAP_BIOS && at + get(at + 4, 4) <= MEMMAP_HIGH);
		return at;
	}
	CU_FAIL_FATAL("not listed");
	return 0;
}

static void test_root(void)
{
	u64 xsdt;

	CU_ASSERT_EQUAL(ACPI_RSDP % 16, 0);
	CU_ASSERT(is(ACPI_RSDP, "RSD PTR "));
	CU_ASSERT_EQUAL(get(ACPI_RSDP + 15, 1), 2);
	CU_ASSERT_EQUAL(sum(ACPI_RSDP, 20), 0);
	CU_ASSERT_EQUAL(sum(ACPI_RSDP, 36), 0);
	xsdt = get(ACPI_RSDP + 24, 8);
	CU_ASSERT(is(xsdt, "XSDT"));
	CU_ASSERT_EQUAL(sum(xsdt, get(xsdt + 4, 4)), 0);
}

static void test_fixed(void)
{
	u64 fadt = table("FACP"), dsdt = get(fadt + 140, 8), facs = get(fadt + 132, 8);

	CU_ASSERT_EQUAL(get(fadt + 40, 4), dsdt);
	CU_ASSERT_EQUAL(get(fadt + 36, 4), facs);
	CU_ASSERT(is(facs, "FACS"));
	CU_ASSERT_EQUAL(facs % 64, 0);
	CU_ASSERT(is(dsdt, "DSDT"));
	CU_ASSERT_EQUAL(sum(dsdt, get(dsdt + 4, 4)), 0);
	CU_ASSERT(is(dsdt + 37, "_S5_"));
	CU_ASSERT_EQUAL(get(fadt + 46, 2), PM_SCI);
	CU_ASSERT_EQUAL(get(fadt + 48, 4), 0); /* no SMI command: ACPI mode already */
	CU_ASSERT_EQUAL(get(fadt + 56, 4), PM_BASE);
	CU_ASSERT_EQUAL(get(fadt + 64, 4), PM_CONTROL);
	CU_ASSERT_EQUAL(get(fadt + 76, 4), PM_TIMER);
	CU_ASSERT_EQUAL(get(fadt + 88, 1), 4);
	CU_ASSERT_EQUAL(get(fadt + 89, 1), 2);
	CU_ASSERT_EQUAL(get(fadt + 91, 1), 4);
	/* The reset register: one byte at an I/O port, and what to write there. */
	CU_ASSERT(get(fadt + 112, 4) & BIT(10));
	CU_ASSERT_EQUAL(get(fadt + 116, 4), 0x01000801);
	CU_ASSERT_EQUAL(get(fadt + 120, 8), 0xcf9);
	CU_ASSERT_EQUAL(get(fadt + 128, 1), 6);
}

static void test_interrupts(void)
{
	u64 madt = table("APIC"), end = madt + get(madt + 4, 4), len;
	unsigned int seen = 0;

	CU_ASSERT_EQUAL(get(madt + 36, 4), 0xfee00000);
	for (u64 at = madt + 44; at < end; at += len) {
		len = get(at + 1, 1);
		CU_ASSERT_FATAL(len >= 2 && at + len <= end);
		switch (get(at, 1)) {
		case 0:
			CU_ASSERT_EQUAL(get(at + 4, 4), 1);
			seen |= BIT(0);
			break;
		case 1:
			CU_ASSERT_EQUAL(get(at + 4, 4), 0xfec00000);
			seen |= BIT(1);
			break;
		case 2: /* IRQ 0 is on pin 2; the SCI is level-triggered, active high */
			CU_ASSERT_EQUAL(get(at + 4, 4), get(at + 3, 1) ?: 2);
			CU_ASSERT_EQUAL(get(at + 8, 2), get(at + 3, 1) ? 0xd : 0);
			seen |= get(at + 3, 1) ? BIT(3) : BIT(2);
			break;
		}
	}
	CU_ASSERT_EQUAL(seen, 15);
}

/* The length of the package at AML (behind its opcode), which two bytes say. */
static unsigned int package(const u8 *aml)
{
	CU_ASSERT_EQUAL_FATAL(aml[0] & 0xf0, 0x40);
	return (aml[0] & 15) | (unsigned int)aml[1] << 4;
}

/* The value of name NAME, a segment of four letters. */
static const u8 *named(const u8 *aml, unsigned int len, const char *name)
{
	const u8 *p = memmem(aml, len, name, 4);

	CU_ASSERT_PTR_NOT_NULL_FATAL(p);
	return p + 4;
}

/* Scopes end where the block does; each slot but the bridge's has INTA on a level-triggered line.
 */
static void test_pci(void)
{
	u8 aml[DSDT_MAX];
	unsigned int without = dsdt_build(aml, false), len = dsdt_build(aml, true);
	const u8 *p, *end = aml + len;

	CU_ASSERT(without < len && len <= DSDT_MAX);
	CU_ASSERT_EQUAL(aml[without], 0x10);
	CU_ASSERT_PTR_EQUAL(aml + without + 1 + package(aml + without + 1), end);
	p = named(aml, len, "PCI0");
	CU_ASSERT_PTR_EQUAL(p - 6 + package(p - 6), end);
	p = named(aml, len, "_PRT");
	CU_ASSERT_EQUAL(p[0], 0x12);
	CU_ASSERT_PTR_EQUAL(p + 1 + package(p + 1), end);
	CU_ASSERT_EQUAL(p[3], PCI_SLOTS - 1);
	p += 4;
	for (unsigned int slot = 1; slot < PCI_SLOTS; slot++, p += 1 + package(p + 1)) {
		const u8 row[] = { 4, 0x0c, 0xff, 0xff, (u8)slot, 0, 0, 0, 0x0a };

		CU_ASSERT_EQUAL(p[0], 0x12);
		CU_ASSERT_EQUAL(memcmp(p + 3, row, sizeof(row)), 0);
		CU_ASSERT_EQUAL(p[3 + sizeof(row)], pci_slot_gsi(slot));
		CU_ASSERT(PCI_ELCR & BIT(p[3 + sizeof(row)]));
	}
	CU_ASSERT_PTR_EQUAL(p, end);
}

static void with_tables(void (*test)(void))
{
	CU_ASSERT_EQUAL_FATAL(ram_init(&ram, RAM_MIN, NULL), 0);
	memset(ram.host, 0xcc, RAM_MIN);
	acpi_build(&ram, false);
	test();
	ram_fini(&ram);
}

static void root(void)
{
	with_tables(test_root);
}
static void fixed(void)
{
	with_tables(test_fixed);
}
static void interrupts(void)
{
	with_tables(test_interrupts);
}

CU_TestInfo tests_acpi[] = { { "root pointer and list of tables", root },
			     { "fixed hardware, power-off, reset", fixed },
			     { "interrupt controllers and overrides", interrupts },
			     { "the PCI host bridge", test_pci },
			     CU_TEST_INFO_NULL };
