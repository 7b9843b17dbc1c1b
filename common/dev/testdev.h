/* SPDX-License-Identifier: MIT */
/*
 * QEMU's pc-testdev, which kvm-unit-tests and others drive:
 *
 *   ports 0xe0-0xe3      a 32-bit latch, 1-, 2- and 4-byte access
 *   port  0xe4           "flush the page at this address", a 4-byte write
 *   ports 0xe8, 0xea-eb  the same latch byte by byte (0xe9 is the debug console)
 *   ports 0x2000-0x2017  write drives interrupt line port - 0x2000 high (not 0) or low (0)
 *   ff000000-ff00ffff    64 KiB of device memory, any access size
 *
 * vCPU thread only.
 */
#ifndef FVB_TESTDEV_H
#define FVB_TESTDEV_H

#include "common/bus.h"
#include "common/irq.h"
#include "common/types.h"

#define TESTDEV_IRQ_PORT 0x2000
#define TESTDEV_IRQS	 24
#define TESTDEV_MEM	 0xff000000ull
#define TESTDEV_MEM_SIZE 0x10000

struct testdev {
	struct irq_line irq; /* pin: that of port 0x2000; the others follow */
	u8 latch[4];
	u8 mem[TESTDEV_MEM_SIZE];
};

/* Line N is IRQ with its pin plus N, 0 <= N < TESTDEV_IRQS. */
void testdev_init(struct testdev *dev, struct irq_line irq);
int testdev_attach(struct testdev *dev, struct bus *pio, struct bus *mmio);

#endif
