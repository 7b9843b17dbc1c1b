/* SPDX-License-Identifier: MIT */
#include "common/ram.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#define HUGE (2 * MiB)

static void add_region(struct ram *ram, u64 gpa, u64 size, u64 offset)
{
	if (size)
		ram->region[ram->nr++] = (struct ram_region){ gpa, size, offset };
}

/* Map SIZE bytes at a 2 MiB boundary: reserve more, and give back what is around. */
static void *map_aligned(u64 size)
{
	u64 room = ALIGN_UP(size, HUGE) + HUGE;
	u8 *area, *host;

	area = mmap(NULL, room, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
		    -1, 0);
	if (area == MAP_FAILED)
		return NULL;
	host = (u8 *)ALIGN_UP((uintptr_t)area, HUGE);
	if (host > area)
		munmap(area, (size_t)(host - area));
	munmap(host + size, (size_t)(area + room - host) - size);
	return host;
}

int ram_init(struct ram *ram, u64 size, struct error *err)
{
	u64 low = size < RAM_HOLE_START ? size : RAM_HOLE_START;
	int code;

	memset(ram, 0, sizeof(*ram));
	if (size < RAM_MIN || size > RAM_MAX || size % 4096)
		return fail(err, -EINVAL,
			    "guest RAM must be 1 MiB to 64 GiB in whole 4 KiB pages; use --mem");
	ram->host = map_aligned(size);
	if (!ram->host) {
		code = -errno;
		return fail(err, code,
			    "cannot reserve %llu MiB of guest RAM: %s; use a smaller --mem",
			    (unsigned long long)(size / MiB), strerror(-code));
	}
	/* Advice only. */
	madvise(ram->host, size, MADV_HUGEPAGE);
	madvise(ram->host, size, MADV_DONTDUMP);
	ram->size = size;
	add_region(ram, 0, low, 0);
	add_region(ram, RAM_HOLE_END, size - low, low);
	return 0;
}

void ram_fini(struct ram *ram)
{
	if (ram->host)
		munmap(ram->host, ram->size);
	memset(ram, 0, sizeof(*ram));
}

int ram_write(struct ram *ram, u64 gpa, const void *data, u64 len)
{
	void *p = ram_at_to_write(ram, gpa, len);

	if (!p)
		return -EFAULT;
	memcpy(p, data, len);
	return 0;
}

int ram_read(const struct ram *ram, u64 gpa, void *data, u64 len)
{
	const void *p = ram_at(ram, gpa, len);

	if (!p)
		return -EFAULT;
	memcpy(data, p, len);
	return 0;
}
