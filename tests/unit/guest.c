/* SPDX-License-Identifier: MIT */
#include "tests/unit/guest.h"
#include "common/boot/multiboot.h"

#include <elf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

void guest_put(struct guest *g, u64 at, u64 value, unsigned int len)
{
	memcpy(g->data + at, &value, len);
}

void guest_elf(struct guest *g, bool wide, unsigned int machine, unsigned int type, u64 entry,
	       u64 size)
{
	memset(g, 0, sizeof(*g));
	g->wide = wide;
	g->size = size;
	for (u64 i = GUEST_TEXT; i < size; i++)
		g->data[i] = (u8)(i * 7 + (i >> 8) + 1);
	if (wide) {
		Elf64_Ehdr h = { .e_type = (Elf64_Half)type,
				 .e_machine = (Elf64_Half)machine,
				 .e_version = EV_CURRENT,
				 .e_entry = entry,
				 .e_phoff = sizeof(h),
				 .e_ehsize = sizeof(h),
				 .e_phentsize = sizeof(Elf64_Phdr) };

		memcpy(g->data, &h, sizeof(h));
	} else {
		Elf32_Ehdr h = { .e_type = (Elf32_Half)type,
				 .e_machine = (Elf32_Half)machine,
				 .e_version = EV_CURRENT,
				 .e_entry = (Elf32_Addr)entry,
				 .e_phoff = sizeof(h),
				 .e_ehsize = sizeof(h),
				 .e_phentsize = sizeof(Elf32_Phdr) };

		memcpy(g->data, &h, sizeof(h));
	}
	memcpy(g->data, ELFMAG, SELFMAG);
	g->data[EI_CLASS] = wide ? ELFCLASS64 : ELFCLASS32;
	g->data[EI_DATA] = ELFDATA2LSB;
	g->data[EI_VERSION] = EV_CURRENT;
}

void guest_segment(struct guest *g, u64 offset, u64 filesz, u64 memsz, u64 vaddr, u64 paddr)
{
	Elf64_Phdr w = { .p_type = PT_LOAD,
			 .p_flags = PF_R | PF_W | PF_X,
			 .p_offset = offset,
			 .p_filesz = filesz,
			 .p_memsz = memsz,
			 .p_vaddr = vaddr,
			 .p_paddr = paddr,
			 .p_align = 4096 };
	Elf32_Phdr n = { .p_type = PT_LOAD,
			 .p_flags = PF_R | PF_W | PF_X,
			 .p_offset = (Elf32_Off)offset,
			 .p_filesz = (Elf32_Word)filesz,
			 .p_memsz = (Elf32_Word)memsz,
			 .p_vaddr = (Elf32_Addr)vaddr,
			 .p_paddr = (Elf32_Addr)paddr,
			 .p_align = 4096 };

	if (g->wide)
		memcpy(g->data + sizeof(Elf64_Ehdr) + g->nr * sizeof(w), &w, sizeof(w));
	else
		memcpy(g->data + sizeof(Elf32_Ehdr) + g->nr * sizeof(n), &n, sizeof(n));
	g->nr++;
	guest_put(g, g->wide ? offsetof(Elf64_Ehdr, e_phnum) : offsetof(Elf32_Ehdr, e_phnum), g->nr,
		  2);
}

void guest_multiboot(struct guest *g, u64 at, u32 flags, const u32 addresses[5])
{
	u32 h[8] = { MULTIBOOT_HEADER, flags, 0u - MULTIBOOT_HEADER - flags };

	if (addresses)
		memcpy(h + 3, addresses, 5 * sizeof(h[0]));
	memcpy(g->data + at, h, addresses ? sizeof(h) : 12);
}

struct image guest_image(const struct guest *g)
{
	return (struct image){ g->data, g->size, "folder/guest" };
}

u64 guest_truncate(const struct guest *g, struct ram *ram, const struct boot_params *params)
{
	struct cpu_state *entry = malloc(sizeof(*entry));
	struct error err;
	u64 bad = 0;
	int code;

	for (u64 size = 1; size <= g->size && !bad; size++) {
		/* On the heap and exactly so long: a sanitizer sees a read beyond the end. */
		u8 *copy = malloc(size);
		struct image image = { copy, size, "guest" };

		memcpy(copy, g->data, size);
		err.text[0] = '\0';
		code = boot_load_image(ram, &image, params, entry, &err);
		if (code > 0 || (code < 0 && !err.text[0]) || (code && size == g->size))
			bad = size;
		free(copy);
	}
	free(entry);
	return bad;
}

u64 guest_walk(const struct ram *ram, u64 cr3, u64 gva)
{
	u64 table = cr3;

	for (int shift = 39; shift >= 21; shift -= 9) {
		const u64 *p = ram_at(ram, table + (gva >> shift & 511) * 8, 8);

		if (!p || (*p & 3) != 3)
			return ~0ull;
		table = *p & ~0xfffull;
		if (*p & 0x80)
			return shift == 21 ? table + (gva & (2 * MiB - 1)) : ~0ull;
	}
	return ~0ull;
}

bool guest_gdt_matches(const struct ram *ram, const struct cpu_state *s, enum seg seg)
{
	const struct segment *g = &s->seg[seg];
	const u64 *d = ram_at(ram, s->gdt.base + g->selector, 8);
	u32 limit;

	if (!d || g->selector + 7u > s->gdt.limit || g->selector % 8)
		return false;
	limit = (u32)(*d & 0xffff) | (u32)(*d >> 32 & 0xf0000);
	if (*d >> 55 & 1)
		limit = limit << 12 | 0xfff;
	return limit == g->limit && (*d >> 40 & 0xf0ff) == g->attr &&
	       ((*d >> 16 & 0xffffff) | (*d >> 32 & 0xff000000)) == g->base;
}

const char *guest_file(const char *text, u64 size, char path[32])
{
	int fd = memfd_create("guest-file", 0);

	if (fd < 0 || ftruncate(fd, (off_t)size) ||
	    pwrite(fd, text, strlen(text), 0) != (ssize_t)strlen(text))
		abort();
	snprintf(path, 32, "/proc/self/fd/%d", fd);
	return path;
}

void guest_close(const char *path)
{
	close(atoi(path + strlen("/proc/self/fd/")));
}
