/* SPDX-License-Identifier: MIT */
/* What a Multiboot kernel is told: section 3.3 of the specification. */
#include "common/boot/memmap.h"
#include "common/boot/modules.h"
#include "common/boot/multiboot.h"

#include <elf.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#define BOOT_DEVICE	0x8000ffff /* first hard disk, first partition: what QEMU says */
#define FRAMEBUFFER_EGA 2	   /* text */

/*
 * One block holds everything but modules and symbols, so that a kernel has one range to keep. It is
 * built by putting one thing behind the other; what is put has an address below 4 GiB.
 */
struct block {
	u8 *host;
	u64 gpa, used;
};

#define BLOCK_ALIGN 8

static u32 put(struct block *b, const void *data, u64 len)
{
	u64 at = b->used;

	memcpy(b->host + at, data, len);
	b->used += ALIGN_UP(len, BLOCK_ALIGN);
	return (u32)(b->gpa + at);
}

static u32 put_string(struct block *b, const char *s)
{
	return put(b, s, strlen(s) + 1);
}

static u64 string_size(const char *s)
{
	return ALIGN_UP(strlen(s) + 1, BLOCK_ALIGN);
}

static u64 cmdline_size(const struct image *image, const struct boot_params *params)
{
	u64 append = params->append ? strlen(params->append) : 0;

	return ALIGN_UP(strlen(image_name(image)) + 1 + append + 1, BLOCK_ALIGN);
}

/* The file's name, then what --append says. */
static u32 put_cmdline(struct block *b, const struct image *image, const struct boot_params *params)
{
	const char *append = params->append ? params->append : "";
	u64 room = cmdline_size(image, params), at = b->used;

	snprintf((char *)b->host + at, room, "%s%s%s", image_name(image), *append ? " " : "",
		 append);
	b->used += room;
	return (u32)(b->gpa + at);
}

static u64 block_size(const struct image *image, const struct boot_params *params,
		      const struct modules *mods)
{
	u64 size = ALIGN_UP(sizeof(struct multiboot_info), BLOCK_ALIGN) +
		   MEMMAP_MAX * sizeof(struct multiboot_mmap) + cmdline_size(image, params) +
		   string_size(MULTIBOOT_LOADER_NAME);

	for (unsigned int i = 0; i < mods->nr; i++)
		size += sizeof(struct multiboot_module) + string_size(mods->m[i].string);
	return size;
}

static void put_memory(struct block *b, const struct ram *ram, struct multiboot_info *info)
{
	struct memmap_entry map[MEMMAP_MAX];
	struct multiboot_mmap told[MEMMAP_MAX];
	unsigned int nr = memmap_build(ram, map);

	for (unsigned int i = 0; i < nr; i++)
		told[i] = (struct multiboot_mmap){ sizeof(told[i]) - sizeof(told[i].size),
						   map[i].base, map[i].size, map[i].type };
	info->mem_lower = MEMMAP_LOWER_KIB;
	info->mem_upper = memmap_upper_kib(ram);
	info->mmap_length = nr * (u32)sizeof(told[0]);
	info->mmap_addr = put(b, told, info->mmap_length);
	info->flags |= MULTIBOOT_INFO_MEMORY | MULTIBOOT_INFO_MMAP;
}

static void put_modules(struct block *b, const struct modules *mods, struct multiboot_info *info)
{
	struct multiboot_module told[MODULES_MAX];

	for (unsigned int i = 0; i < mods->nr; i++) {
		const struct module *m = &mods->m[i];

		told[i] = (struct multiboot_module){
			.start = (u32)m->gpa,
			.end = (u32)(m->gpa + m->image.size),
			.string = put_string(b, m->string),
		};
	}
	info->mods_count = mods->nr;
	info->mods_addr = put(b, told, mods->nr * sizeof(told[0]));
	info->flags |= MULTIBOOT_INFO_MODS;
}

/* A section whose contents a kernel's own symbolizer wants and that no segment brings along. */
struct section {
	u64 offset, size;
	bool wanted;
};

static struct section read_section(const struct elf *elf, const u8 *header)
{
	Elf32_Shdr n;
	Elf64_Shdr w;

	if (elf->wide) {
		memcpy(&w, header, sizeof(w));
	} else {
		memcpy(&n, header, sizeof(n));
		w = (Elf64_Shdr){ .sh_type = n.sh_type,
				  .sh_flags = n.sh_flags,
				  .sh_offset = n.sh_offset,
				  .sh_size = n.sh_size };
	}
	return (struct section){ w.sh_offset, w.sh_size,
				 (w.sh_type == SHT_SYMTAB || w.sh_type == SHT_STRTAB) &&
					 !(w.sh_flags & SHF_ALLOC) };
}

/* Bytes that the section headers and all wanted sections take, or -ENOEXEC. */
static s64 symbols_size(const struct elf *elf, struct error *err)
{
	const u8 *header = elf->image->data + elf->shoff;
	u64 size = ALIGN_UP((u64)elf->shnum * elf->shentsize, 16);

	for (u32 i = 0; i < elf->shnum; i++, header += elf->shentsize) {
		struct section s = read_section(elf, header);

		if (!s.wanted)
			continue;
		if (!image_at(elf->image, s.offset, s.size))
			return fail(
				err, -ENOEXEC,
				"%s: ELF section %u lies beyond the end of the file; cut short?",
				image_label(elf->image->path), i);
		size += ALIGN_UP(s.size, 16);
	}
	return (s64)size;
}

/* Copy the section headers, behind them the sections, and point the headers at those. */
static void copy_symbols(const struct elf *elf, u8 *host, u64 gpa)
{
	u64 table = (u64)elf->shnum * elf->shentsize, at = ALIGN_UP(table, 16);
	u8 *header = host;

	memcpy(host, elf->image->data + elf->shoff, table);
	for (u32 i = 0; i < elf->shnum; i++, header += elf->shentsize) {
		struct section s = read_section(elf, header);
		u64 addr = gpa + at;

		if (!s.wanted)
			continue;
		memcpy(host + at, elf->image->data + s.offset, s.size);
		if (elf->wide)
			memcpy(header + offsetof(Elf64_Shdr, sh_addr), &addr, sizeof(Elf64_Addr));
		else
			memcpy(header + offsetof(Elf32_Shdr, sh_addr), &addr, sizeof(Elf32_Addr));
		at += ALIGN_UP(s.size, 16);
	}
}

/* Symbols are a gift, flag 5 says whether it came: a guest too small for them goes without. */
static int put_symbols(struct layout *layout, const struct elf *elf, struct multiboot_info *info,
		       struct error *err)
{
	s64 size = symbols_size(elf, err);
	u64 gpa;
	u8 *host;

	if (size < 0)
		return (int)size;
	host = size ? layout_alloc_boot(layout, (u64)size, 16, &gpa) : NULL;
	if (!host)
		return 0;
	copy_symbols(elf, host, gpa);
	info->shdr_num = elf->shnum;
	info->shdr_size = elf->shentsize;
	info->shdr_addr = (u32)gpa;
	info->shdr_shndx = elf->shstrndx;
	info->flags |= MULTIBOOT_INFO_ELF;
	return 0;
}

/* What does not depend on the guest. APM, VBE, configuration table: addresses of nothing. */
static const struct multiboot_info template = {
	.flags = MULTIBOOT_INFO_BOOT_DEVICE | MULTIBOOT_INFO_CMDLINE | MULTIBOOT_INFO_DRIVES |
		 MULTIBOOT_INFO_LOADER | MULTIBOOT_INFO_FRAMEBUFFER,
	.boot_device = BOOT_DEVICE,
	.framebuffer_addr = 0xb8000,
	.framebuffer_pitch = 160,
	.framebuffer_width = 80,
	.framebuffer_height = 25,
	.framebuffer_bpp = 16,
	.framebuffer_type = FRAMEBUFFER_EGA,
};

static int build(struct layout *layout, const struct image *image, const struct elf *elf,
		 const struct boot_params *params, struct modules *mods, u32 *where,
		 struct error *err)
{
	u64 kernel_end = layout_end(layout);
	struct multiboot_info info = template;
	struct block b = { .used = 0 };
	int code;

	b.host = layout_alloc_boot(layout, block_size(image, params, mods), 16, &b.gpa);
	if (!b.host)
		return fail(err, -ENOMEM,
			    "%s: no room for its command line and memory map; use a larger --mem",
			    image_label(image->path));
	code = elf ? put_symbols(layout, elf, &info, err) : 0;
	if (!code)
		code = modules_place(mods, layout, kernel_end, err);
	if (code)
		return code;
	*where = put(&b, &info, sizeof(info));
	put_memory(&b, layout->ram, &info);
	put_modules(&b, mods, &info);
	info.cmdline = put_cmdline(&b, image, params);
	info.boot_loader_name = put_string(&b, MULTIBOOT_LOADER_NAME);
	info.drives_addr = info.mmap_addr; /* length 0 */
	memcpy(b.host, &info, sizeof(info));
	return 0;
}

int multiboot_info_build(struct layout *layout, const struct image *image, const struct elf *elf,
			 const struct boot_params *params, u32 *info, struct error *err)
{
	struct modules mods;
	int code = modules_open(&mods, params->initrd, err);

	if (code)
		return code;
	code = build(layout, image, elf, params, &mods, info, err);
	modules_close(&mods);
	return code;
}
