/* SPDX-License-Identifier: MIT */
#include "common/boot/memmap.h"

/* RAM from 1 MiB to the end of the first region: 0 for the smallest guest. */
static u64 upper_size(const struct ram *ram)
{
	return ram->region[0].size - MEMMAP_HIGH;
}

unsigned int memmap_build(const struct ram *ram, struct memmap_entry out[MEMMAP_MAX])
{
	unsigned int nr = 0;

	out[nr++] = (struct memmap_entry){ 0, MEMMAP_EBDA, MEMMAP_RAM };
	out[nr++] = (struct memmap_entry){ MEMMAP_EBDA, MEMMAP_VGA - MEMMAP_EBDA, MEMMAP_RESERVED };
	out[nr++] =
		(struct memmap_entry){ MEMMAP_BIOS, MEMMAP_HIGH - MEMMAP_BIOS, MEMMAP_RESERVED };
	if (upper_size(ram))
		out[nr++] = (struct memmap_entry){ MEMMAP_HIGH, upper_size(ram), MEMMAP_RAM };
	out[nr++] = (struct memmap_entry){ MEMMAP_DEVICES, RAM_HOLE_END - MEMMAP_DEVICES,
					   MEMMAP_RESERVED };
	if (ram->nr > 1)
		out[nr++] = (struct memmap_entry){ ram->region[1].gpa, ram->region[1].size,
						   MEMMAP_RAM };
	return nr;
}

u32 memmap_upper_kib(const struct ram *ram)
{
	return (u32)(upper_size(ram) / KiB);
}
