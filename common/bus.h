/* SPDX-License-Identifier: MIT */
/*
 * Buses: who answers at an I/O port or at a guest-physical address that is not RAM.
 *
 * One bus is 64 Ki ports (struct bus made by bus_init_pio), the other is the physical address
 * space (bus_init_mmio). Regions never overlap. An address nobody claims reads as all ones, and
 * writes to it vanish, as on a PC. Only the vCPU thread uses a bus: no locks.
 */
#ifndef FVB_BUS_H
#define FVB_BUS_H

#include "common/account.h"
#include "common/types.h"

#define BUS_MAX_REGIONS 128

/*
 * A device's side of a region. OFFSET counts from the region's base; SIZE is 1, 2, 4 or 8 bytes
 * and never more than the region's max_size: the bus cuts wider accesses up, lowest address first.
 * A read returns its value zero-extended; bits above SIZE are dropped by the bus. Either may be
 * NULL: reads then give all ones, writes vanish.
 *
 * QUIET: neither uses a vector register without vectors_take() (vectors.h). That is a promise about
 * how the device is compiled, too (the Makefile).
 */
struct bus_ops {
	u64 (*read)(void *dev, u64 offset, unsigned int size);
	void (*write)(void *dev, u64 offset, u64 value, unsigned int size);
	bool quiet;
};

struct bus_region {
	const char *name;	   /* for traces and messages; must outlive the bus */
	u64 base, len;		   /* ports, or guest-physical addresses; len > 0 */
	unsigned int max_size;	   /* widest access the device takes: 1, 2, 4 or 8 */
	const struct bus_ops *ops; /* must outlive the bus */
	void *dev;
};

struct bus {
	struct bus_region region[BUS_MAX_REGIONS]; /* [0] is "nobody"; sorted only by arrival */
	unsigned int nr;
	unsigned int last;	 /* region of the last MMIO hit: accesses come in runs */
	u8 *port_map;		 /* port -> region index, NULL on an MMIO bus */
	u64 size;		 /* addresses on this bus */
	struct account *account; /* or NULL */
};

/* Make an empty bus. 0 or -ENOMEM. bus_fini frees what init allocated, not the devices. */
int bus_init_pio(struct bus *bus);
int bus_init_mmio(struct bus *bus);
void bus_fini(struct bus *bus);

/* Claim [base, base + len). 0, -EINVAL (empty, beyond the bus, bad max_size), -EEXIST (overlap)
 * or -ENOSPC. The struct is copied. */
int bus_add(struct bus *bus, const struct bus_region *region);
/* The same for NR regions; stops at the first that fails, and those before it stay. */
int bus_add_all(struct bus *bus, const struct bus_region *region, size_t nr);

/* Give the region that starts at BASE back. 0 or -ENOENT. */
int bus_remove(struct bus *bus, u64 base);

/* One guest access of SIZE (1, 2, 4, 8) bytes at ADDR. */
u64 bus_read(struct bus *bus, u64 addr, unsigned int size);
void bus_write(struct bus *bus, u64 addr, u64 value, unsigned int size);

/* Is whoever answers such an access quiet? */
bool bus_quiet(struct bus *bus, u64 addr, unsigned int size);

/* ---- for who does the same step by step, because it is quicker ------------------------------- */

/* Who answers at PORT of a bus of ports. */
static inline struct bus_region *bus_port(struct bus *bus, u16 port)
{
	return &bus->region[bus->port_map[port]];
}

/* Who was asked last on a bus of addresses, if that is who answers at ADDR; or NULL. */
static inline struct bus_region *bus_last(struct bus *bus, u64 addr)
{
	struct bus_region *r = &bus->region[bus->last];

	return addr - r->base < r->len ? r : NULL;
}

/* Does one call to R's device answer all SIZE bytes at ADDR? */
static inline bool bus_region_fits(const struct bus_region *r, u64 addr, unsigned int size)
{
	return size <= r->max_size && (r->len == 0 || addr - r->base + size <= r->len);
}

/* That call. */
static inline u64 bus_region_read(struct bus_region *r, u64 addr, unsigned int size)
{
	return (r->ops->read ? r->ops->read(r->dev, addr - r->base, size) : ~0ull) &
	       ~0ull >> (64 - 8 * size);
}

static inline void bus_region_write(struct bus_region *r, u64 addr, u64 value, unsigned int size)
{
	if (r->ops->write)
		r->ops->write(r->dev, addr - r->base, value & ~0ull >> (64 - 8 * size), size);
}

/* COUNT accesses of SIZE bytes at the same ADDR (INS/OUTS), memory side at DATA, packed. */
void bus_read_rep(struct bus *bus, u64 addr, void *data, unsigned int size, u64 count);
void bus_write_rep(struct bus *bus, u64 addr, const void *data, unsigned int size, u64 count);

/* The region's name at ADDR, or NULL where nobody answers. */
const char *bus_name(struct bus *bus, u64 addr);

#endif
