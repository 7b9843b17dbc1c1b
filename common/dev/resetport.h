/* SPDX-License-Identifier: MIT */
/*
 * Reset control register at port 0xcf9 (Intel PIIX3 datasheet, RC register). One byte wide, so that
 * it lives inside the PCI configuration address dword at 0xcf8. vCPU thread only.
 */
#ifndef FVB_RESETPORT_H
#define FVB_RESETPORT_H

#include "common/bus.h"
#include "common/types.h"

/* The port's answers, for whoever has it among its own ports (common/dev/pci.h). */
extern const struct bus_ops resetport_ops;

#define RESET_PORT  0xcf9
#define RESET_VALUE 0x06 /* what to write for a full reset */

struct resetport {
	void (*reset)(void *arg);
	void *arg;
	u8 value;
};

/* RESET is called when a write sets bit 2 that was clear. */
void resetport_init(struct resetport *port, void (*reset)(void *arg), void *arg);
int resetport_attach(struct resetport *port, struct bus *pio);
void resetport_reset(struct resetport *port);

#endif
