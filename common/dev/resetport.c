/* SPDX-License-Identifier: MIT */
#include "common/dev/resetport.h"

#define RC_CPU	0x04 /* resets when it rises */
#define RC_MASK 0x0e /* full reset, CPU, system: what reads back */

static u64 resetport_read(void *dev, u64 offset, unsigned int size)
{
	const struct resetport *port = dev;

	(void)offset, (void)size;
	return port->value;
}

static void resetport_write(void *dev, u64 offset, u64 value, unsigned int size)
{
	struct resetport *port = dev;
	bool rises = value & ~port->value & RC_CPU;

	(void)offset, (void)size;
	port->value = value & RC_MASK;
	if (rises)
		port->reset(port->arg);
}

const struct bus_ops resetport_ops = { resetport_read, resetport_write, true };

void resetport_init(struct resetport *port, void (*reset)(void *arg), void *arg)
{
	*port = (struct resetport){ reset, arg, 0 };
}

int resetport_attach(struct resetport *port, struct bus *pio)
{
	return bus_add(pio,
		       &(struct bus_region){ "reset", RESET_PORT, 1, 1, &resetport_ops, port });
}

void resetport_reset(struct resetport *port)
{
	port->value = 0;
}
