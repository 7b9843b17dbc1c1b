/* SPDX-License-Identifier: MIT */
/*
 * Guest RAM: anonymous memory, mapped once, 2 MiB-aligned so that the host can back it with large
 * pages: fewer faults, and nested page tables stay short. Reserved, not touched: a 64 GiB guest
 * costs what it uses. Guest-physical layout, as on a PC:
 *
 *   0 .. min(size, 3 GiB)          RAM, at the start of it
 *   3 GiB .. 4 GiB                 the hole: devices, APICs
 *   4 GiB .. 4 GiB + size - 3 GiB  the rest of RAM
 */
#ifndef FVB_RAM_H
#define FVB_RAM_H

#include "common/error.h"
#include "common/types.h"

#define RAM_HOLE_START (3 * GiB)
#define RAM_HOLE_END   (4 * GiB)
#define RAM_MIN	       (1 * MiB)
#define RAM_MAX	       (64 * GiB)

struct ram_region {
	u64 gpa, size, offset; /* guest-physical, bytes, from the start, bytes */
};

struct ram {
	u64 size; /* bytes of RAM, a multiple of 4 KiB */
	u8 *host; /* all of it */
	int fd;	  /* of the memory file that it is; -1: it is none */
	unsigned int nr;
	struct ram_region region[2]; /* ascending */

	/* Who must know before a device writes to guest memory: code translated from there goes.
	 * NULL: nobody. */
	void (*before_write)(void *arg, u64 gpa, u64 len);
	void *before_write_arg;
};

/* RAM_MIN <= SIZE <= RAM_MAX, a multiple of 4096. 0 or negative errno with ERR filled. */
int ram_init(struct ram *ram, u64 size, struct error *err);
/* The same as a memory file, which other processes can map, too. */
int ram_init_file(struct ram *ram, u64 size, struct error *err);
void ram_fini(struct ram *ram);

/*
 * The one checked way from guest-physical to host: a pointer to LEN contiguous bytes of RAM at
 * GPA, or NULL if any of them is not RAM. Valid until ram_fini.
 */
static inline void *ram_at(const struct ram *ram, u64 gpa, u64 len)
{
	for (unsigned int i = 0; i < ram->nr; i++) {
		const struct ram_region *r = &ram->region[i];

		if (gpa >= r->gpa && gpa - r->gpa < r->size && len <= r->size - (gpa - r->gpa))
			return ram->host + r->offset + (gpa - r->gpa);
	}
	return NULL;
}

/* The same, for a device that is about to write all of it. */
static inline void *ram_at_to_write(struct ram *ram, u64 gpa, u64 len)
{
	void *p = ram_at(ram, gpa, len);

	if (p && len && ram->before_write)
		ram->before_write(ram->before_write_arg, gpa, len);
	return p;
}

/* Copy in or out, as a device. 0, or -EFAULT with nothing copied. */
int ram_write(struct ram *ram, u64 gpa, const void *data, u64 len);
int ram_read(const struct ram *ram, u64 gpa, void *data, u64 len);

#endif
