/* SPDX-License-Identifier: MIT */
#include "common/boot/acpi.h"
#include "common/boot/dsdt.h"
#include "common/dev/ioapic.h"
#include "common/dev/lapic.h"
#include "common/dev/pm.h"
#include "common/dev/resetport.h"

#include <string.h>

#define TABLES (ACPI_RSDP + 64)
#define ALIGN  64 /* the FACS wants it */

/* Every table but RSDP and FACS starts with this; section 5.2.6. */
struct header {
	char signature[4];
	u32 length;
	u8 revision, checksum;
	char oem[6], oem_table[8];
	u32 oem_revision;
	char creator[4];
	u32 creator_revision;
} __attribute__((packed));

/* Generic Address Structure; section 5.2.3.2. */
struct address {
	u8 space, bits, offset, access;
	u64 address;
} __attribute__((packed));

#define SPACE_IO 1

/* Section 5.2.5.3. */
struct rsdp {
	char signature[8];
	u8 checksum; /* of the first 20 bytes */
	char oem[6];
	u8 revision;
	u32 rsdt, length;
	u64 xsdt;
	u8 extended_checksum, reserved[3];
} __attribute__((packed));
_Static_assert(sizeof(struct rsdp) == 36, "section 5.2.5.3");

/* Section 5.2.10. No waking vector and no global lock: there is no firmware to share it with. */
struct facs {
	char signature[4];
	u32 length, hardware_signature, waking_vector, global_lock, flags;
	u64 x_waking_vector;
	u8 version, reserved[31];
} __attribute__((packed));
_Static_assert(sizeof(struct facs) == 64, "section 5.2.10");

/* Section 5.2.9. */
struct fadt {
	struct header header;
	u32 facs, dsdt;
	u8 reserved1, profile;
	u16 sci;
	u32 smi_command;
	u8 acpi_enable, acpi_disable, s4bios, pstate;
	u32 pm1a_event, pm1b_event, pm1a_control, pm1b_control, pm2_control, pm_timer, gpe0, gpe1;
	u8 pm1_event_length, pm1_control_length, pm2_control_length, pm_timer_length, gpe0_length,
		gpe1_length, gpe1_base, cst;
	u16 c2_latency, c3_latency, flush_size, flush_stride;
	u8 duty_offset, duty_width, day_alarm, month_alarm, century;
	u16 boot_architecture;
	u8 reserved2;
	u32 flags;
	struct address reset;
	u8 reset_value;
	u16 arm_boot;
	u8 minor_revision;
	u64 x_facs, x_dsdt;
	struct address x_pm1a_event, x_pm1b_event, x_pm1a_control, x_pm1b_control, x_pm2_control,
		x_pm_timer, x_gpe0, x_gpe1, sleep_control, sleep_status;
} __attribute__((packed));
_Static_assert(sizeof(struct fadt) == 268, "section 5.2.9, revision 5");

#define PROFILE_DESKTOP	     1
#define C2_NOT_SUPPORTED     101
#define C3_NOT_SUPPORTED     1001
#define CENTURY		     0x32   /* in CMOS */
#define BOOT_LEGACY_DEVICES  BIT(0) /* COM1 and others that no table names */
#define BOOT_8042	     BIT(1)
#define BOOT_NO_MSI	     BIT(3)
#define FLAG_WBINVD	     BIT(0)
#define FLAG_C1		     BIT(2)
#define FLAG_NO_SLEEP_BUTTON BIT(5)
#define FLAG_NO_RTC_WAKE     BIT(6)
#define FLAG_TIMER_32	     BIT(8)
#define FLAG_RESET	     BIT(10)

/* Section 5.2.12. */
struct madt {
	struct header header;
	u32 lapic, flags;
	struct {
		u8 type, length, processor, apic;
		u32 flags;
	} __attribute__((packed)) cpu;
	struct {
		u8 type, length, id, reserved;
		u32 address, first_gsi;
	} __attribute__((packed)) ioapic;
	struct {
		u8 type, length, bus, irq;
		u32 gsi;
		u16 flags;
	} __attribute__((packed)) irq[2];
	struct {
		u8 type, length, processor;
		u16 flags;
		u8 lint;
	} __attribute__((packed)) nmi;
} __attribute__((packed));

enum { MADT_CPU = 0, MADT_IOAPIC = 1, MADT_IRQ = 2, MADT_NMI = 4 };
#define MADT_PCAT	BIT(0) /* there is an 8259 pair, too */
#define MADT_ENABLED	BIT(0)
#define MADT_AS_THE_BUS 0
#define MADT_LEVEL_HIGH 0xd
#define MADT_EVERY_CPU	0xff

struct xsdt {
	struct header header;
	u64 table[2];
} __attribute__((packed));

struct dsdt {
	struct header header;
	u8 aml[DSDT_MAX];
} __attribute__((packed));

struct tables {
	u64 next;
	struct ram *ram;
};

static u8 checksum(const void *data, size_t len)
{
	const u8 *p = data;
	u8 sum = 0;

	while (len--)
		sum += *p++;
	return (u8)-sum;
}

static u64 put(struct tables *t, const void *data, size_t len)
{
	u64 at = t->next;

	ram_write(t->ram, at, data, len);
	t->next = ALIGN_UP(at + len, ALIGN);
	return at;
}

static u64 put_table(struct tables *t, struct header *h, const char *signature, u8 revision,
		     u32 length)
{
	memcpy(h->signature, signature, sizeof(h->signature));
	h->length = length;
	h->revision = revision;
	memcpy(h->oem, "FVBNCH", sizeof(h->oem));
	memcpy(h->oem_table, "FVBENCH ", sizeof(h->oem_table));
	h->oem_revision = 1;
	memcpy(h->creator, "FVB ", sizeof(h->creator));
	h->creator_revision = 1;
	h->checksum = 0;
	h->checksum = checksum(h, length);
	return put(t, h, length);
}

/* The root pointer's checksum is in two parts, for readers of ACPI 1.0 and of 2.0. */
static void put_rsdp(struct ram *ram, u64 xsdt)
{
	struct rsdp r = {
		.signature = "RSD PTR ",
		.oem = "FVBNCH",
		.revision = 2,
		.length = sizeof(r),
		.xsdt = xsdt,
	};

	r.checksum = checksum(&r, offsetof(struct rsdp, length));
	r.extended_checksum = checksum(&r, sizeof(r));
	ram_write(ram, ACPI_RSDP, &r, sizeof(r));
}

static u64 put_facs(struct tables *t)
{
	const struct facs facs = { .signature = "FACS", .length = sizeof(facs), .version = 2 };

	return put(t, &facs, sizeof(facs));
}

static u64 put_dsdt(struct tables *t, bool pci)
{
	struct dsdt dsdt;
	u32 len = sizeof(dsdt.header) + dsdt_build(dsdt.aml, pci);

	return put_table(t, &dsdt.header, "DSDT", 2, len);
}

static struct address port(u16 number, u8 bytes)
{
	return (struct address){ SPACE_IO, (u8)(bytes * 8), 0, (u8)__builtin_ffs(bytes), number };
}

/* No SMI command: the machine is in ACPI mode from the start. Blocks: common/dev/pm.h. */
static u64 put_fadt(struct tables *t, u64 facs, u64 dsdt)
{
	struct fadt f = {
		.facs = (u32)facs,
		.x_facs = facs,
		.dsdt = (u32)dsdt,
		.x_dsdt = dsdt,
		.profile = PROFILE_DESKTOP,
		.sci = PM_SCI,
		.pm1a_event = PM_BASE,
		.x_pm1a_event = port(PM_BASE, 4),
		.pm1_event_length = 4,
		.pm1a_control = PM_CONTROL,
		.x_pm1a_control = port(PM_CONTROL, 2),
		.pm1_control_length = 2,
		.pm_timer = PM_TIMER,
		.x_pm_timer = port(PM_TIMER, 4),
		.pm_timer_length = 4,
		.gpe0 = PM_GPE0,
		.x_gpe0 = port(PM_GPE0, PM_GPE0_LEN),
		.gpe0_length = PM_GPE0_LEN,
		.c2_latency = C2_NOT_SUPPORTED,
		.c3_latency = C3_NOT_SUPPORTED,
		.century = CENTURY,
		.boot_architecture = BOOT_LEGACY_DEVICES | BOOT_8042 | BOOT_NO_MSI,
		.flags = FLAG_WBINVD | FLAG_C1 | FLAG_NO_SLEEP_BUTTON | FLAG_NO_RTC_WAKE |
			 FLAG_TIMER_32 | FLAG_RESET,
		.reset = port(RESET_PORT, 1),
		.reset_value = RESET_VALUE,
	};

	return put_table(t, &f.header, "FACP", 5, sizeof(f));
}

/* ISA IRQ 0 is wired to pin 2, and the SCI is shared with nobody but level-triggered. */
static u64 put_madt(struct tables *t)
{
	struct madt m = {
		.lapic = LAPIC_BASE,
		.flags = MADT_PCAT,
		.cpu = { MADT_CPU, sizeof(m.cpu), 0, 0, MADT_ENABLED },
		.ioapic = { MADT_IOAPIC, sizeof(m.ioapic), 0, 0, IOAPIC_BASE, 0 },
		.irq = { { MADT_IRQ, sizeof(m.irq[0]), 0, 0, 2, MADT_AS_THE_BUS },
			 { MADT_IRQ, sizeof(m.irq[0]), 0, PM_SCI, PM_SCI, MADT_LEVEL_HIGH } },
		.nmi = { MADT_NMI, sizeof(m.nmi), MADT_EVERY_CPU, MADT_AS_THE_BUS, 1 },
	};

	return put_table(t, &m.header, "APIC", 3, sizeof(m));
}

void acpi_build(struct ram *ram, bool pci)
{
	struct tables t = { TABLES, ram };
	u64 facs = put_facs(&t), dsdt = put_dsdt(&t, pci);
	struct xsdt xsdt;

	xsdt.table[0] = put_fadt(&t, facs, dsdt);
	xsdt.table[1] = put_madt(&t);
	put_rsdp(ram, put_table(&t, &xsdt.header, "XSDT", 1, sizeof(xsdt)));
}
