/* SPDX-License-Identifier: MIT */
#include "common/dev/testdev.h"

#include <string.h>

#define LATCH_PORT 0xe0
#define FLUSH_PORT 0xe4
#define BYTE_PORT  0xe8 /* its second port belongs to the debug console */

/* Byte by byte: SIZE is not a constant, and memcpy() uses vector registers (bus.h). */
static u64 get(const u8 *from, unsigned int size)
{
	u64 value = 0;

	while (size--)
		value = value << 8 | from[size];
	return value;
}

static void put(u8 *to, u64 value, unsigned int size)
{
	for (unsigned int i = 0; i < size; i++)
		to[i] = (u8)(value >> 8 * i);
}

static u64 latch_read(void *dev, u64 offset, unsigned int size)
{
	const struct testdev *t = dev;

	return get(&t->latch[offset], size);
}

static void latch_write(void *dev, u64 offset, u64 value, unsigned int size)
{
	struct testdev *t = dev;

	put(&t->latch[offset], value, size);
}

static u64 latch_read_high(void *dev, u64 offset, unsigned int size)
{
	return latch_read(dev, offset + 2, size);
}

static void latch_write_high(void *dev, u64 offset, u64 value, unsigned int size)
{
	latch_write(dev, offset + 2, value, size);
}

static u64 zero_read(void *dev, u64 offset, unsigned int size)
{
	(void)dev, (void)offset, (void)size;
	return 0;
}

static void irq_write(void *dev, u64 offset, u64 value, unsigned int size)
{
	const struct testdev *t = dev;
	struct irq_line line = t->irq;

	(void)size;
	line.pin += (int)offset;
	irq_line_set(&line, value != 0);
}

static u64 mem_read(void *dev, u64 offset, unsigned int size)
{
	const struct testdev *t = dev;

	return get(&t->mem[offset], size);
}

static void mem_write(void *dev, u64 offset, u64 value, unsigned int size)
{
	struct testdev *t = dev;

	put(&t->mem[offset], value, size);
}

static const struct bus_ops latch_ops = { latch_read, latch_write, true };
static const struct bus_ops latch_high_ops = { latch_read_high, latch_write_high, true };
/* QEMU drops the host's mapping of the page and makes a new one, so that the next access faults in
 * the host. The guest cannot see a difference, so there is nothing to do. */
static const struct bus_ops flush_ops = { zero_read, NULL, true };
static const struct bus_ops irq_ops = { zero_read, irq_write, true };
static const struct bus_ops mem_ops = { mem_read, mem_write, true };

void testdev_init(struct testdev *dev, struct irq_line irq)
{
	memset(dev, 0, sizeof(*dev));
	dev->irq = irq;
}

int testdev_attach(struct testdev *dev, struct bus *pio, struct bus *mmio)
{
	const struct bus_region region[] = {
		{ "testdev latch", LATCH_PORT, 4, 4, &latch_ops, dev },
		{ "testdev flush", FLUSH_PORT, 4, 4, &flush_ops, dev },
		{ "testdev latch", BYTE_PORT, 1, 1, &latch_ops, dev },
		{ "testdev latch", BYTE_PORT + 2, 2, 1, &latch_high_ops, dev },
		{ "testdev irq", TESTDEV_IRQ_PORT, TESTDEV_IRQS, 1, &irq_ops, dev },
	};
	const struct bus_region mem = { "testdev memory", TESTDEV_MEM, TESTDEV_MEM_SIZE, 8,
					&mem_ops,	  dev };
	int ret = bus_add_all(pio, region, ARRAY_SIZE(region));

	return ret ? ret : bus_add(mmio, &mem);
}
