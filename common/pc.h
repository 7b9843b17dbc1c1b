/* SPDX-License-Identifier: MIT */
/*
 * The PC: which devices there are, at which addresses, on which interrupt lines. The same board
 * under every backend.
 *
 *   ports   20,a0 PIC  40 PIT  60,64 i8042  61 speaker  70 RTC  92 A20/reset  e9 debug console
 *           e0.. pc-testdev  f4 exit  3c0..3da VGA  3f8 COM1 (IRQ 4)  4d0 ELCR  510 fw_cfg  600
 * ACPI PM cf9 reset  cf8,cfc PCI (where asked for)  fb0 benchmark marker memory  e0000000 PCI
 * devices  fec00000 I/O APIC  fee00000 local APIC  ff000000 pc-testdev
 */
#ifndef FVB_PC_H
#define FVB_PC_H

#include "common/bus.h"
#include "common/clock.h"
#include "common/dev/debugport.h"
#include "common/dev/fwcfg.h"
#include "common/dev/i8042.h"
#include "common/dev/ioapic.h"
#include "common/dev/lapic.h"
#include "common/dev/marker.h"
#include "common/dev/pic.h"
#include "common/dev/pit.h"
#include "common/dev/pm.h"
#include "common/dev/resetport.h"
#include "common/dev/rtc.h"
#include "common/dev/testdev.h"
#include "common/dev/uart.h"
#include "common/dev/vga.h"
#include "common/error.h"

struct vm;
struct pc_pci;

#define PC_SAID 256u

struct pc {
	struct bus pio, mmio;

	/* Interrupt controllers; idle when the backend's own are in use. */
	struct pic pic;
	struct lapic_host lapic_host;
	struct lapic lapic;
	struct ioapic ioapic;
	bool intr; /* the CPU's INTR pin: an interrupt waits to be acknowledged */

	struct uart com1;
	struct pit pit;
	struct rtc rtc;
	struct i8042 i8042;
	struct vga vga;
	struct pm pm;
	struct resetport resetport;
	struct debugport debugport;
	struct fwcfg fwcfg;
	struct testdev testdev;
	struct marker marker;
	struct pc_pci *pci; /* NULL: the machine has no PCI bus */

	/* What the guest has printed and vm->config.console has not been told yet. */
	u8 said[PC_SAID];
	unsigned int nr_said;
	struct timer say;
};

/* Tell vm->config.console what the guest has printed since: at each newline, when it is much, after
 * some milliseconds, and at the end of a run. */
void pc_say(struct vm *vm);

/* Build the board inside VM, whose config, RAM and clock exist. */
int pc_init(struct vm *vm, struct error *err);
void pc_fini(struct vm *vm);

/* The INTA cycle: the vector of the interrupt that pc.intr announced, or -1 if it has gone.
 * User-space irqchip only. */
int pc_intr_ack(struct vm *vm);

/* The wire to global system interrupt GSI (0-23), for devices that are built elsewhere. */
struct irq_line pc_gsi(struct vm *vm, unsigned int gsi);

#endif
