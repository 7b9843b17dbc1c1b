/* SPDX-License-Identifier: MIT */
#include "common/boot/layout.h"
#include "common/boot/memmap.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/mman.h>

#define HUGE (2 * MiB)

void layout_init(struct layout *layout, struct ram *ram)
{
	layout->ram = ram;
	layout->nr = 0;
}

/* Index of a range that START..END touches, or -1. */
static int overlap(const struct layout *layout, u64 start, u64 end)
{
	for (unsigned int i = 0; i < layout->nr; i++)
		if (start < layout->taken[i].end && layout->taken[i].start < end)
			return (int)i;
	return -1;
}

static void *take(struct layout *layout, u64 gpa, u64 size)
{
	layout->taken[layout->nr].start = gpa;
	layout->taken[layout->nr++].end = gpa + size;
	return ram_at(layout->ram, gpa, size);
}

void *layout_take(struct layout *layout, u64 gpa, u64 size, const char *what, struct error *err)
{
	const struct ram *ram = layout->ram;
	int other;

	if (!ram_at(ram, gpa, size)) {
		fail(err, -ENOEXEC,
		     "%s: %#" PRIx64 " bytes at %#" PRIx64 " are not all in guest RAM (%" PRIu64
		     " MiB, hole from 3 to 4 GiB); try a larger --mem",
		     what, size, gpa, (u64)(ram->size / MiB));
		return NULL;
	}
	other = overlap(layout, gpa, gpa + size);
	if (other >= 0) {
		fail(err, -ENOEXEC,
		     "%s: %#" PRIx64 "..%#" PRIx64 " overlaps %#" PRIx64 "..%#" PRIx64, what, gpa,
		     gpa + size - 1, layout->taken[other].start, layout->taken[other].end - 1);
		return NULL;
	}
	if (layout->nr == LAYOUT_MAX) {
		fail(err, -ENOEXEC, "%s: more than %u separate ranges of memory", what, LAYOUT_MAX);
		return NULL;
	}
	return take(layout, gpa, size);
}

void *layout_alloc(struct layout *layout, u64 size, u64 align, u64 min, u64 max, u64 *gpa)
{
	struct memmap_entry map[MEMMAP_MAX];
	unsigned int nr = memmap_build(layout->ram, map);

	if (layout->nr == LAYOUT_MAX)
		return NULL;
	for (unsigned int i = 0; i < nr; i++) {
		u64 start = map[i].base > min ? map[i].base : min;
		u64 end = map[i].base + map[i].size < max ? map[i].base + map[i].size : max;
		int other;

		if (map[i].type != MEMMAP_RAM || start >= end)
			continue;
		/* All addresses are far below 2^63: no sum here can wrap. */
		for (start = ALIGN_UP(start, align); start < end && size <= end - start;
		     start = ALIGN_UP(layout->taken[other].end, align)) {
			other = overlap(layout, start, start + size);
			if (other < 0) {
				*gpa = start;
				return take(layout, start, size);
			}
		}
	}
	return NULL;
}

void *layout_alloc_boot(struct layout *layout, u64 size, u64 align, u64 *gpa)
{
	/* The lowest 64 KiB are left alone: vectors, BIOS data, boot sectors, AP trampolines. */
	static const struct {
		u64 min, max;
	} areas[] = {
		{ LAYOUT_BOOT_START, MEMMAP_EBDA },
		{ MEMMAP_HIGH, RAM_HOLE_START },
	};

	for (unsigned int i = 0; i < ARRAY_SIZE(areas); i++) {
		void *p = layout_alloc(layout, size, align, areas[i].min, areas[i].max, gpa);

		if (p)
			return p;
	}
	return NULL;
}

u64 layout_end(const struct layout *layout)
{
	u64 end = 0;

	for (unsigned int i = 0; i < layout->nr; i++)
		if (layout->taken[i].end > end)
			end = layout->taken[i].end;
	return end;
}

void layout_zero(void *p, u64 len)
{
	u8 *start = p, *end = start + len;
	u8 *first = (u8 *)ALIGN_UP((uintptr_t)start, HUGE);
	u8 *last = (u8 *)ALIGN_DOWN((uintptr_t)end, HUGE);

	/* Give whole large pages back; they read as zeros when next touched. */
	if (first >= last || madvise(first, (size_t)(last - first), MADV_DONTNEED)) {
		memset(start, 0, len);
		return;
	}
	memset(start, 0, (size_t)(first - start));
	memset(last, 0, (size_t)(end - last));
}
