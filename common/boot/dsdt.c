/* SPDX-License-Identifier: MIT */
#include "common/boot/dsdt.h"
#include "common/dev/pci.h"
#include "common/dev/pm.h"

#include <string.h>

/* Section 20.2. */
enum { ZERO = 0x00, NAME = 0x08, BYTE = 0x0a, DWORD = 0x0c, SCOPE = 0x10, BUFFER = 0x11 };
enum { PACKAGE = 0x12, EXTENDED = 0x5b, DEVICE = 0x82 };

/* Name (_S5, Package () { PM_S5_TYPE, PM_S5_TYPE, 0, 0 }) */
static const u8 s5[] = { NAME, '_',  'S',	 '5',  '_',	   PACKAGE, 0x08,
			 0x04, BYTE, PM_S5_TYPE, BYTE, PM_S5_TYPE, ZERO,    ZERO };

/* Name (_HID, EisaId ("PNP0A03")) */
static const u8 hid[] = { NAME, '_', 'H', 'I', 'D', DWORD, 0x41, 0xd0, 0x0a, 0x03 };
/* Name (_UID, 0) */
static const u8 uid[] = { NAME, '_', 'U', 'I', 'D', ZERO };

#define WORD_OF(x)  (u8)(x), (u8)((x) >> 8)
#define DWORD_OF(x) WORD_OF((x)&0xffff), WORD_OF((x) >> 16)

#define FIXED_RANGE 0x0c /* its ends do not move; produced, not consumed */

/* Name (_CRS, ResourceTemplate () { ... }): bus 0, the configuration ports, the memory window.
 * Section 6.4. No I/O window: no device here has an I/O BAR. */
static const u8 resources[] = {
	/* WordBusNumber: granularity, first, last, translation, number */
	0x88, WORD_OF(13), 2, FIXED_RANGE, 0, WORD_OF(0), WORD_OF(0), WORD_OF(0), WORD_OF(0),
	WORD_OF(1),
	/* IO, 16-bit decoding: first, last, alignment, number */
	0x47, 1, WORD_OF(PCI_ADDRESS), WORD_OF(PCI_ADDRESS), 1, 8,
	/* DWordMemory, writable, not cacheable: granularity, first, last, translation, number */
	0x87, WORD_OF(23), 0, FIXED_RANGE, 1, DWORD_OF(0), DWORD_OF(PCI_WINDOW),
	DWORD_OF(PCI_WINDOW_END - 1), DWORD_OF(0), DWORD_OF(PCI_WINDOW_END - PCI_WINDOW),
	/* end, without a checksum */
	0x79, 0
};

struct aml {
	u8 *p;
	unsigned int n;
};

static void put(struct aml *a, const void *data, unsigned int len)
{
	memcpy(a->p + a->n, data, len);
	a->n += len;
}

static void put_byte(struct aml *a, u8 byte)
{
	a->p[a->n++] = byte;
}

/* What has a length: aml_open, its contents, aml_close with what aml_open returned. Lengths are
 * always in two bytes (below 4096), so that they can be filled in later; section 20.2.4. */
static unsigned int aml_open(struct aml *a, u8 op)
{
	put_byte(a, op);
	a->n += 2;
	return a->n - 2;
}

static void aml_close(struct aml *a, unsigned int at)
{
	unsigned int len = a->n - at;

	a->p[at] = (u8)(0x40 | (len & 15));
	a->p[at + 1] = (u8)(len >> 4);
}

static void put_resources(struct aml *a)
{
	unsigned int buffer;

	put(a, (const u8[]){ NAME, '_', 'C', 'R', 'S' }, 5);
	buffer = aml_open(a, BUFFER);
	put(a, (const u8[]){ BYTE, sizeof(resources) }, 2);
	put(a, resources, sizeof(resources));
	aml_close(a, buffer);
}

/* Name (_PRT, Package () { Package () { slot and any function, INTA, no link device, interrupt } })
 * Section 6.2.13. The same in APIC and in PIC mode. */
static void put_routing(struct aml *a)
{
	unsigned int table, row;

	put(a, (const u8[]){ NAME, '_', 'P', 'R', 'T' }, 5);
	table = aml_open(a, PACKAGE);
	put_byte(a, PCI_SLOTS - 1);
	for (unsigned int slot = 1; slot < PCI_SLOTS; slot++) {
		const u32 address = slot << 16 | 0xffff;

		row = aml_open(a, PACKAGE);
		put(a, (const u8[]){ 4, DWORD }, 2);
		put(a, &address, sizeof(address));
		put(a, (const u8[]){ ZERO, ZERO, BYTE, (u8)pci_slot_gsi(slot) }, 4);
		aml_close(a, row);
	}
	aml_close(a, table);
}

/* Scope (\_SB) { Device (PCI0) { ... } } */
static void put_pci(struct aml *a)
{
	unsigned int scope, device;

	scope = aml_open(a, SCOPE);
	put(a, "\\_SB_", 5);
	put_byte(a, EXTENDED);
	device = aml_open(a, DEVICE);
	put(a, "PCI0", 4);
	put(a, hid, sizeof(hid));
	put(a, uid, sizeof(uid));
	put_resources(a);
	put_routing(a);
	aml_close(a, device);
	aml_close(a, scope);
}

unsigned int dsdt_build(u8 *aml, bool pci)
{
	struct aml a = { aml, 0 };

	put(&a, s5, sizeof(s5));
	if (pci)
		put_pci(&a);
	return a.n;
}
