/* SPDX-License-Identifier: MIT */
#include "common/dev/marker.h"

static u64 marker_read(void *dev, u64 offset, unsigned int size)
{
	(void)dev, (void)offset, (void)size;
	return MARKER_ID;
}

static void marker_write(void *dev, u64 offset, u64 value, unsigned int size)
{
	const struct marker *marker = dev;

	(void)offset, (void)size;
	if (value == MARKER_BEGIN || value == MARKER_END)
		marker->mark(marker->arg, (unsigned int)value - MARKER_BEGIN);
}

static const struct bus_ops marker_ops = { marker_read, marker_write, true };

void marker_init(struct marker *marker, void (*mark)(void *arg, unsigned int i), void *arg)
{
	*marker = (struct marker){ mark, arg };
}

int marker_attach(struct marker *marker, struct bus *pio)
{
	return bus_add(pio,
		       &(struct bus_region){ "marker", MARKER_PORT, 1, 1, &marker_ops, marker });
}
