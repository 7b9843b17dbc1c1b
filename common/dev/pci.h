/* SPDX-License-Identifier: MIT */
/*
 * The PCI bus: a host bridge with configuration mechanism 1 (ports cf8, cfc; PCI 3.0, section
 * 3.2.2.3.2), one bus, devices of one function with one memory BAR and INTA.
 *
 * The host plays firmware: BARs have addresses in the window and the interrupt line register says
 * which ISA interrupt INTA is wired to when the guest starts. The command register is 0; drivers
 * set it.
 */
#ifndef FVB_PCI_H
#define FVB_PCI_H

#include "common/bus.h"
#include "common/irq.h"
#include "common/types.h"

#define PCI_ADDRESS 0xcf8 /* and the reset control register in its second byte, cf9 */
#define PCI_DATA    0xcfc
#define PCI_SLOTS   16 /* with the bridge, which is slot 0 */

/* Where memory BARs may go. */
#define PCI_WINDOW     0xe0000000u
#define PCI_WINDOW_END 0xfe000000u

#define PCI_CONFIG_SIZE 256

/* The interrupts that INTA of the slots is wired to in turn, on the I/O APIC and the 8259 pair
 * alike: those that no ISA device here uses. Level-triggered. */
#define PCI_WIRES 3
static const u8 pci_wire_gsi[PCI_WIRES] = { 10, 11, 5 };
#define PCI_ELCR (BIT(10) | BIT(11) | BIT(5))

static inline unsigned int pci_slot_gsi(unsigned int slot)
{
	return pci_wire_gsi[slot % PCI_WIRES];
}

struct pci_host;

struct pci_device {
	const char *name; /* for traces and messages; outlives the bus */
	struct pci_host *host;
	unsigned int slot;
	u8 config[PCI_CONFIG_SIZE];
	u8 writable[PCI_CONFIG_SIZE]; /* bits that a guest can change */
	bool intx;		      /* the device asserts INTA */

	/* BAR 0: memory of `bar_size` bytes, a power of two from 16 to 1 MiB; 0: it has none. */
	u32 bar_size;
	const struct bus_ops *bar_ops;
	unsigned int bar_access; /* widest, in bytes */
	u64 bar_at;		 /* where it answers now; 0: nowhere */

	/* Optional: called before bytes AT.. of the configuration space are read, and after they
	 * were written. Must be quiet (bus.h). */
	void (*config_read)(struct pci_device *d, unsigned int at);
	void (*config_written)(struct pci_device *d, unsigned int at);
};

struct pci_host {
	struct bus *mmio;
	struct irq_line line[PCI_WIRES];
	u32 asserted[PCI_WIRES]; /* by slot: wires are shared */
	u32 address;		 /* the configuration address register */
	u32 next_bar;
	unsigned int nr;
	struct pci_device *slot[PCI_SLOTS];
	struct pci_device bridge;
	/* Who answers at port cf9. */
	const struct bus_ops *cf9_ops;
	void *cf9;
};

struct pci_id {
	u16 vendor, device, subsystem_vendor, subsystem;
	u32 class_code; /* base class, subclass, interface */
	u8 revision;
};

/* An empty bus but for its bridge. LINE: the wires of pci_wire_gsi. CF9_OPS and CF9: the device at
 * port cf9, in the middle of the host's own; NULL: nobody. */
void pci_host_init(struct pci_host *host, struct bus *mmio, const struct irq_line line[PCI_WIRES],
		   const struct bus_ops *cf9_ops, void *cf9);
/* Claim the host's ports. 0 or what bus_add says. */
int pci_host_attach(struct pci_host *host, struct bus *pio);

/* D's header, from scratch. */
void pci_device_init(struct pci_device *d, const char *name, const struct pci_id *id);
/* Append a capability of ID and the LEN bytes of BODY after its two-byte header; returns its
 * place. The guest can change nothing of it. Before pci_add. */
unsigned int pci_add_capability(struct pci_device *d, u8 id, const void *body, unsigned int len);
/* Put D, whose bar_size, bar_ops and bar_access are set, into the next free slot. 0 or -ENOSPC. */
int pci_add(struct pci_host *host, struct pci_device *d);

/* D's INTA, as the device means it; the command register may still disable it. */
void pci_set_intx(struct pci_device *d, bool level);

/* One access of SIZE bytes (1, 2, 4) inside one aligned doubleword of the configuration space. */
u32 pci_config_read(struct pci_device *d, unsigned int at, unsigned int size);
void pci_config_write(struct pci_device *d, unsigned int at, u32 value, unsigned int size);

#endif
