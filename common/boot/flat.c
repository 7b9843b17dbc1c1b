/* SPDX-License-Identifier: MIT */
#include "common/boot/flat.h"
#include "common/boot/entry.h"
#include "common/boot/memmap.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

static const struct {
	u64 address; /* where a file goes by default */
	u64 limit;   /* first address that the mode cannot start at */
	const char *name;
} modes[] = {
	[FLAT_REAL] = { 0x7c00, MEMMAP_HIGH, "real" },
	[FLAT_PROTECTED] = { MEMMAP_HIGH, 4 * GiB, "protected" },
	[FLAT_LONG] = { MEMMAP_HIGH, 4 * GiB, "long" },
};

int flat_load(struct ram *ram, const struct image *image, const struct boot_params *params,
	      struct cpu_state *entry, struct error *err)
{
	u64 address = params->address;
	struct layout layout;
	void *p;

	if ((unsigned int)params->mode >= ARRAY_SIZE(modes))
		return fail(err, -EINVAL, "%s: flat mode %d does not exist",
			    image_label(image->path), params->mode);
	if (address == BOOT_ADDRESS_DEFAULT)
		address = modes[params->mode].address;
	if (address >= modes[params->mode].limit)
		return fail(err, -EINVAL,
			    "%s: cannot start at %#" PRIx64
			    " in %s mode; use an address below %#" PRIx64,
			    image_label(image->path), address, modes[params->mode].name,
			    modes[params->mode].limit);
	layout_init(&layout, ram);
	p = layout_take(&layout, address, image->size, image_label(image->path), err);
	if (!p)
		return -ENOEXEC;
	memcpy(p, image->data, image->size);
	if (params->mode == FLAT_REAL)
		entry_real(entry, (u32)address);
	else if (params->mode == FLAT_PROTECTED)
		return entry_protected(entry, &layout, (u32)address, err);
	else
		return entry_long(entry, &layout, address, err);
	return 0;
}
