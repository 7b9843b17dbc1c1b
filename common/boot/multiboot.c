/* SPDX-License-Identifier: MIT */
#include "common/boot/multiboot.h"
#include "common/boot/entry.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

/* Section 3.1.1; what follows are the wishes for a video mode, which we do not grant. */
struct header {
	u32 magic, flags, checksum;
	u32 header_addr, load_addr, load_end_addr, bss_end_addr, entry_addr; /* AOUT_KLUDGE */
};

#define HEADER_SHORT 12	    /* without the addresses */
#define REQUIRED     0xffff /* flags that a loader must understand */

/* The file offset of the header, or -1. Its addresses may be cut off: zeros in H then. */
static int find_header(const struct image *image, struct header *h)
{
	u64 end = image->size < MULTIBOOT_SEARCH ? image->size : MULTIBOOT_SEARCH;

	for (u64 at = 0; at + HEADER_SHORT <= end; at += 4) {
		u64 len = end - at < sizeof(*h) ? end - at : sizeof(*h);

		memset(h, 0, sizeof(*h));
		memcpy(h, image->data + at, len);
		if (h->magic == MULTIBOOT_HEADER && h->magic + h->flags + h->checksum == 0)
			return (int)at;
	}
	return -1;
}

bool multiboot_probe(const struct image *image)
{
	struct header h;

	return find_header(image, &h) >= 0;
}

/* Load by the header's addresses; section 3.1.3. */
static int load_addresses(struct layout *layout, const struct image *image, const struct header *h,
			  u64 at, u64 *entry, struct error *err)
{
	const char *label = image_label(image->path);
	u64 before = (u64)h->header_addr - h->load_addr; /* bytes loaded ahead of the header */
	u64 offset = at - before, size, memsz;
	u8 *p;

	if (at + sizeof(*h) > image->size || at + sizeof(*h) > MULTIBOOT_SEARCH)
		return fail(err, -ENOEXEC, "%s: Multiboot header is cut short", label);
	if (h->header_addr < h->load_addr || before > at)
		return fail(err, -ENOEXEC,
			    "%s: Multiboot header_addr %#x and load_addr %#x do not fit the file",
			    label, h->header_addr, h->load_addr);
	/* 0 means to the end of the file; an end below the start wraps to more than any file. */
	size = h->load_end_addr ? (u64)h->load_end_addr - h->load_addr : image->size - offset;
	if (!image_at(image, offset, size))
		return fail(err, -ENOEXEC,
			    "%s: Multiboot load_end_addr %#x does not fit the file; cut short?",
			    label, h->load_end_addr);
	memsz = h->bss_end_addr ? (u64)h->bss_end_addr - h->load_addr : size;
	if (h->bss_end_addr && h->load_addr + size > h->bss_end_addr)
		return fail(err, -ENOEXEC, "%s: Multiboot bss_end_addr %#x lies inside the image",
			    label, h->bss_end_addr);
	if (h->entry_addr < h->load_addr || h->entry_addr - h->load_addr >= memsz)
		return fail(err, -ENOEXEC, "%s: Multiboot entry_addr %#x lies outside of the image",
			    label, h->entry_addr);
	p = layout_take(layout, h->load_addr, memsz, label, err);
	if (!p)
		return -ENOEXEC;
	memcpy(p, image->data + offset, size);
	layout_zero(p + size, memsz - size);
	*entry = h->entry_addr;
	return 0;
}

static int load_elf(struct layout *layout, const struct image *image, struct elf *elf, u64 *entry,
		    struct error *err)
{
	int code;

	if (!elf_probe(image))
		return fail(err, -ENOEXEC,
			    "%s: Multiboot header without addresses in a file that is not ELF",
			    image_label(image->path));
	code = elf_parse(elf, image, err);
	if (code)
		return code;
	if (elf->entry >= 4 * GiB)
		return fail(err, -ENOEXEC, "%s: ELF entry point %#" PRIx64 " is not below 4 GiB",
			    image_label(image->path), elf->entry);
	*entry = elf->entry;
	return elf_place(elf, layout, err);
}

int multiboot_load(struct ram *ram, const struct image *image, const struct boot_params *params,
		   struct cpu_state *entry, struct error *err)
{
	const u32 known = MULTIBOOT_PAGE_ALIGN | MULTIBOOT_MEMORY_INFO | MULTIBOOT_VIDEO_MODE;
	struct layout layout;
	struct header h;
	struct elf elf;
	bool kludge;
	u64 start = 0;
	u32 info = 0;
	int at = find_header(image, &h), code;

	if (at < 0)
		return fail(err, -ENOEXEC, "%s: no Multiboot header in the first 8 KiB",
			    image_label(image->path));
	if (h.flags & REQUIRED & ~known)
		return fail(err, -ENOEXEC,
			    "%s: requires Multiboot features %#x, which fvm does not know",
			    image_label(image->path), h.flags & REQUIRED & ~known);
	kludge = h.flags & MULTIBOOT_AOUT_KLUDGE;
	layout_init(&layout, ram);
	code = kludge ? load_addresses(&layout, image, &h, (u64)at, &start, err)
		      : load_elf(&layout, image, &elf, &start, err);
	if (code)
		return code;
	code = multiboot_info_build(&layout, image, kludge ? NULL : &elf, params, &info, err);
	if (!code)
		code = entry_protected(entry, &layout, (u32)start, err);
	entry->gpr[RAX] = MULTIBOOT_LOADER;
	entry->gpr[RBX] = info;
	return code;
}
