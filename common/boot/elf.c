/* SPDX-License-Identifier: MIT */
#include "common/boot/elf.h"
#include "common/boot/entry.h"
#include "common/boot/memmap.h"

#include <elf.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static int malformed(const struct elf *elf, struct error *err, const char *what)
{
	return fail(err, -ENOEXEC, "%s: ELF file is malformed or cut short: %s",
		    image_label(elf->image->path), what);
}

static int unsuitable(const struct elf *elf, struct error *err, const char *what)
{
	return fail(err, -ENOEXEC, "%s: cannot run this ELF file: %s",
		    image_label(elf->image->path), what);
}

bool elf_probe(const struct image *image)
{
	return image->size >= SELFMAG && !memcmp(image->data, ELFMAG, SELFMAG);
}

/*
 * Both classes are read into the 64-bit structures; copied, because a file need not align them. The
 * 32-bit ones have the same members in another order and width.
 */
static bool read_ehdr(const struct elf *elf, Elf64_Ehdr *h)
{
	const void *p = image_at(elf->image, 0, elf->wide ? sizeof(*h) : sizeof(Elf32_Ehdr));
	Elf32_Ehdr n;

	if (!p)
		return false;
	if (elf->wide) {
		memcpy(h, p, sizeof(*h));
		return true;
	}
	memcpy(&n, p, sizeof(n));
	*h = (Elf64_Ehdr){
		.e_type = n.e_type,
		.e_machine = n.e_machine,
		.e_version = n.e_version,
		.e_entry = n.e_entry,
		.e_phoff = n.e_phoff,
		.e_shoff = n.e_shoff,
		.e_phentsize = n.e_phentsize,
		.e_phnum = n.e_phnum,
		.e_shentsize = n.e_shentsize,
		.e_shnum = n.e_shnum,
		.e_shstrndx = n.e_shstrndx,
	};
	return true;
}

static Elf64_Phdr read_phdr(const struct elf *elf, const void *p)
{
	Elf64_Phdr w;
	Elf32_Phdr n;

	if (elf->wide) {
		memcpy(&w, p, sizeof(w));
		return w;
	}
	memcpy(&n, p, sizeof(n));
	return (Elf64_Phdr){
		.p_type = n.p_type,
		.p_flags = n.p_flags,
		.p_offset = n.p_offset,
		.p_vaddr = n.p_vaddr,
		.p_paddr = n.p_paddr,
		.p_filesz = n.p_filesz,
		.p_memsz = n.p_memsz,
		.p_align = n.p_align,
	};
}

static int read_headers(struct elf *elf, Elf64_Ehdr *h, struct error *err)
{
	const u8 *ident = image_at(elf->image, 0, EI_NIDENT);

	if (!ident)
		return malformed(elf, err, "no room for its header");
	if (ident[EI_DATA] != ELFDATA2LSB)
		return unsuitable(elf, err, "not little-endian");
	if (ident[EI_CLASS] != ELFCLASS32 && ident[EI_CLASS] != ELFCLASS64)
		return malformed(elf, err, "neither 32- nor 64-bit");
	elf->wide = ident[EI_CLASS] == ELFCLASS64;
	if (!read_ehdr(elf, h))
		return malformed(elf, err, "no room for its header");
	if (h->e_version != EV_CURRENT)
		return malformed(elf, err, "unknown version");
	if (h->e_machine != EM_386 && h->e_machine != EM_X86_64)
		return unsuitable(elf, err, "not for x86");
	if (h->e_machine == EM_386 && elf->wide)
		return malformed(elf, err, "64-bit file for a 32-bit processor");
	if (h->e_type != ET_EXEC && h->e_type != ET_DYN)
		return unsuitable(elf, err, "not an executable; link it first");
	elf->x86_64 = h->e_machine == EM_X86_64;
	return 0;
}

static int add_segment(struct elf *elf, const Elf64_Phdr *p, struct error *err)
{
	if (p->p_filesz > p->p_memsz)
		return malformed(elf, err, "segment with more bytes in the file than in memory");
	/* One that is all zeros may claim to start beyond the end of the file. */
	if (p->p_filesz && !image_at(elf->image, p->p_offset, p->p_filesz))
		return malformed(elf, err, "segment beyond the end of the file");
	if (!p->p_memsz)
		return 0;
	if (elf->nr == ELF_SEGMENTS)
		return unsuitable(elf, err, "more than 128 loadable segments");
	elf->seg[elf->nr++] = (struct elf_segment){
		.offset = p->p_offset,
		.filesz = p->p_filesz,
		.vaddr = p->p_vaddr,
		.memsz = p->p_memsz,
		.paddr = p->p_paddr,
	};
	return 0;
}

static int read_segments(struct elf *elf, const Elf64_Ehdr *h, u64 *align, struct error *err)
{
	u64 min = elf->wide ? sizeof(Elf64_Phdr) : sizeof(Elf32_Phdr);
	const u8 *table = image_at(elf->image, h->e_phoff, (u64)h->e_phnum * h->e_phentsize);

	if (!h->e_phnum)
		return unsuitable(elf, err, "no program headers; link it as an executable");
	if (h->e_phentsize < min || !table)
		return malformed(elf, err, "program headers beyond the end of the file");
	elf->phoff = h->e_phoff;
	elf->phnum = h->e_phnum;
	elf->phentsize = h->e_phentsize;
	for (u32 i = 0; i < h->e_phnum; i++, table += h->e_phentsize) {
		Elf64_Phdr p = read_phdr(elf, table);
		int code;

		if (p.p_type == PT_INTERP)
			return unsuitable(elf, err,
					  "it needs a dynamic linker; link it statically");
		if (p.p_type != PT_LOAD)
			continue;
		code = add_segment(elf, &p, err);
		if (code)
			return code;
		if (p.p_align > *align)
			*align = p.p_align;
	}
	return elf->nr ? 0 : unsuitable(elf, err, "nothing in it is to be loaded");
}

/* Move a position-independent file that was linked at 0 out of low memory. */
static int move_up(struct elf *elf, u64 align, struct error *err)
{
	u64 low = ~0ull, base;

	for (unsigned int i = 0; i < elf->nr; i++)
		if (elf->seg[i].paddr < low)
			low = elf->seg[i].paddr;
	if (low >= MEMMAP_HIGH)
		return 0;
	if (align & (align - 1) || align > 1 * GiB)
		return malformed(elf, err, "alignment is not a power of two up to 1 GiB");
	base = elf->moved = ALIGN_UP(MEMMAP_HIGH, align);
	for (unsigned int i = 0; i < elf->nr; i++)
		if (__builtin_add_overflow(elf->seg[i].paddr, base, &elf->seg[i].paddr))
			return malformed(elf, err, "segment beyond the end of the address space");
	return 0;
}

/* The entry point is virtual; where no segment holds that address it is physical (Linux). */
static int find_entry(struct elf *elf, u64 entry, struct error *err)
{
	for (unsigned int i = 0; i < elf->nr; i++) {
		const struct elf_segment *s = &elf->seg[i];

		if (entry >= s->vaddr && entry - s->vaddr < s->memsz) {
			elf->entry = s->paddr + (entry - s->vaddr);
			return 0;
		}
	}
	for (unsigned int i = 0; i < elf->nr; i++) {
		const struct elf_segment *s = &elf->seg[i];

		if (entry >= s->paddr && entry - s->paddr < s->memsz) {
			elf->entry = entry;
			return 0;
		}
	}
	return fail(err, -ENOEXEC, "%s: ELF entry point %#" PRIx64 " lies in no loadable segment",
		    image_label(elf->image->path), entry);
}

static int check_sections(struct elf *elf, const Elf64_Ehdr *h, struct error *err)
{
	u64 min = elf->wide ? sizeof(Elf64_Shdr) : sizeof(Elf32_Shdr);

	if (!h->e_shoff || !h->e_shnum)
		return 0;
	if (h->e_shentsize < min ||
	    !image_at(elf->image, h->e_shoff, (u64)h->e_shnum * h->e_shentsize))
		return malformed(elf, err, "section headers beyond the end of the file");
	elf->shoff = h->e_shoff;
	elf->shnum = h->e_shnum;
	elf->shentsize = h->e_shentsize;
	elf->shstrndx = h->e_shstrndx;
	return 0;
}

int elf_parse(struct elf *elf, const struct image *image, struct error *err)
{
	Elf64_Ehdr h;
	u64 align = 1;
	int code;

	*elf = (struct elf){ .image = image };
	code = read_headers(elf, &h, err);
	if (!code)
		code = read_segments(elf, &h, &align, err);
	if (!code && h.e_type == ET_DYN)
		code = move_up(elf, align, err);
	if (!code)
		code = find_entry(elf, h.e_entry, err);
	return code ? code : check_sections(elf, &h, err);
}

/* Look through one PT_NOTE segment; both classes use the 32-bit header. */
static const void *find_note(const struct image *image, const Elf64_Phdr *p, const char *name,
			     u32 type, u32 *len)
{
	u64 align = p->p_align == 8 ? 8 : 4, at = 0, name_len = strlen(name) + 1;
	const u8 *notes = image_at(image, p->p_offset, p->p_filesz);
	Elf64_Nhdr n;

	while (notes && at <= p->p_filesz && p->p_filesz - at >= sizeof(n)) {
		u64 desc, end;

		memcpy(&n, notes + at, sizeof(n));
		desc = ALIGN_UP(at + sizeof(n) + n.n_namesz, align);
		end = desc + n.n_descsz;
		if (end > p->p_filesz)
			return NULL;
		if (n.n_type == type && n.n_namesz == name_len &&
		    !memcmp(notes + at + sizeof(n), name, name_len)) {
			*len = n.n_descsz;
			return notes + desc;
		}
		at = ALIGN_UP(end, align);
	}
	return NULL;
}

const void *elf_note(const struct elf *elf, const char *name, u32 type, u32 *len)
{
	const u8 *table = elf->image->data + elf->phoff;
	const void *found = NULL;

	for (u32 i = 0; i < elf->phnum && !found; i++, table += elf->phentsize) {
		Elf64_Phdr p = read_phdr(elf, table);

		if (p.p_type == PT_NOTE)
			found = find_note(elf->image, &p, name, type, len);
	}
	return found;
}

int elf_place(const struct elf *elf, struct layout *layout, struct error *err)
{
	for (unsigned int i = 0; i < elf->nr; i++) {
		const struct elf_segment *s = &elf->seg[i];
		char what[256];
		u8 *p;

		snprintf(what, sizeof(what), "%s: segment %u", image_label(elf->image->path), i);
		p = layout_take(layout, s->paddr, s->memsz, what, err);
		if (!p)
			return -ENOEXEC;
		if (s->filesz)
			memcpy(p, elf->image->data + s->offset, s->filesz);
		layout_zero(p + s->filesz, s->memsz - s->filesz);
	}
	return 0;
}

int elf_load(struct ram *ram, const struct image *image, const struct boot_params *params,
	     struct cpu_state *entry, struct error *err)
{
	struct layout layout;
	struct elf elf;
	int code;

	(void)params;
	code = elf_parse(&elf, image, err);
	if (code)
		return code;
	if (elf.entry >= 4 * GiB)
		return fail(err, -ENOEXEC, "%s: ELF entry point %#" PRIx64 " is not below 4 GiB",
			    image_label(image->path), elf.entry);
	layout_init(&layout, ram);
	code = elf_place(&elf, &layout, err);
	if (code)
		return code;
	return elf.x86_64 ? entry_long(entry, &layout, elf.entry, err)
			  : entry_protected(entry, &layout, (u32)elf.entry, err);
}
