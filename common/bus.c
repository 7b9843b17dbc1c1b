/* SPDX-License-Identifier: MIT */
#include "common/bus.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define NR_PORTS 65536u

static const struct bus_ops nobody_ops = { .quiet = true };

static int bus_init(struct bus *bus, u64 size)
{
	memset(bus, 0, sizeof(*bus));
	bus->size = size;
	bus->region[0] = (struct bus_region){ .max_size = 8, .ops = &nobody_ops };
	bus->nr = 1;
	return 0;
}

int bus_init_pio(struct bus *bus)
{
	bus_init(bus, NR_PORTS);
	bus->port_map = calloc(NR_PORTS, 1);
	return bus->port_map ? 0 : -ENOMEM;
}

int bus_init_mmio(struct bus *bus)
{
	return bus_init(bus, BIT64(52));
}

void bus_fini(struct bus *bus)
{
	free(bus->port_map);
	memset(bus, 0, sizeof(*bus));
}

int bus_add(struct bus *bus, const struct bus_region *region)
{
	u64 base = region->base, len = region->len;

	if (!len || base >= bus->size || len > bus->size - base)
		return -EINVAL;
	if (region->max_size != 1 && region->max_size != 2 && region->max_size != 4 &&
	    region->max_size != 8)
		return -EINVAL;
	for (unsigned int i = 1; i < bus->nr; i++) {
		const struct bus_region *r = &bus->region[i];

		if (base < r->base + r->len && r->base < base + len)
			return -EEXIST;
	}
	if (bus->nr == BUS_MAX_REGIONS)
		return -ENOSPC;
	bus->region[bus->nr] = *region;
	if (bus->port_map)
		memset(bus->port_map + base, (int)bus->nr, len);
	bus->nr++;
	return 0;
}

int bus_add_all(struct bus *bus, const struct bus_region *region, size_t nr)
{
	int ret = 0;

	for (size_t i = 0; i < nr && !ret; i++)
		ret = bus_add(bus, &region[i]);
	return ret;
}

int bus_remove(struct bus *bus, u64 base)
{
	for (unsigned int i = 1; i < bus->nr; i++) {
		struct bus_region *r = &bus->region[i];

		if (r->base != base)
			continue;
		if (bus->port_map)
			memset(bus->port_map + base, 0, r->len);
		/* The last region moves into the hole, so the port map follows it. */
		bus->nr--;
		if (i != bus->nr) {
			*r = bus->region[bus->nr];
			if (bus->port_map)
				memset(bus->port_map + r->base, (int)i, r->len);
		}
		bus->last = 0;
		return 0;
	}
	return -ENOENT;
}

static inline bool region_has(const struct bus_region *r, u64 addr)
{
	return addr - r->base < r->len;
}

static struct bus_region *bus_find(struct bus *bus, u64 addr)
{
	if (bus->port_map)
		return &bus->region[bus->port_map[addr & (NR_PORTS - 1)]];
	if (likely(region_has(&bus->region[bus->last], addr)))
		return &bus->region[bus->last];
	for (unsigned int i = 1; i < bus->nr; i++) {
		if (region_has(&bus->region[i], addr)) {
			bus->last = i;
			return &bus->region[i];
		}
	}
	return &bus->region[0];
}

u64 bus_read(struct bus *bus, u64 addr, unsigned int size)
{
	struct bus_region *r = bus_find(bus, addr);
	u64 value;

	if (likely(bus_region_fits(r, addr, size))) {
		enum account_part before = account_enter(bus->account, ACCOUNT_DEVICES);

		value = bus_region_read(r, addr, size);
		account_leave(bus->account, before);
		return value;
	}
	size /= 2;
	value = bus_read(bus, addr, size);
	return value | bus_read(bus, addr + size, size) << (size * 8);
}

void bus_write(struct bus *bus, u64 addr, u64 value, unsigned int size)
{
	struct bus_region *r = bus_find(bus, addr);

	if (likely(bus_region_fits(r, addr, size))) {
		enum account_part before = account_enter(bus->account, ACCOUNT_DEVICES);

		bus_region_write(r, addr, value, size);
		account_leave(bus->account, before);
		return;
	}
	size /= 2;
	bus_write(bus, addr, value, size);
	bus_write(bus, addr + size, value >> (size * 8), size);
}

bool bus_quiet(struct bus *bus, u64 addr, unsigned int size)
{
	const struct bus_region *r = bus_find(bus, addr);

	return r->ops->quiet && bus_region_fits(r, addr, size);
}

void bus_read_rep(struct bus *bus, u64 addr, void *data, unsigned int size, u64 count)
{
	u8 *p = data;

	for (; count; count--, p += size) {
		u64 value = bus_read(bus, addr, size);

		memcpy(p, &value, size);
	}
}

void bus_write_rep(struct bus *bus, u64 addr, const void *data, unsigned int size, u64 count)
{
	const u8 *p = data;

	for (; count; count--, p += size) {
		u64 value = 0;

		memcpy(&value, p, size);
		bus_write(bus, addr, value, size);
	}
}

const char *bus_name(struct bus *bus, u64 addr)
{
	return bus_find(bus, addr)->name;
}
