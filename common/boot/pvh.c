/* SPDX-License-Identifier: MIT */
#include "common/boot/pvh.h"
#include "common/boot/acpi.h"
#include "common/boot/elf.h"
#include "common/boot/entry.h"
#include "common/boot/layout.h"
#include "common/boot/modules.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define TSS_LIMIT 0x67

/* The entry point that the note names: 4 bytes, or 8 in 64-bit Linux. */
static bool find_entry(const struct elf *elf, u64 *entry)
{
	u32 len = 0;
	const void *desc = elf_note(elf, PVH_NOTE_NAME, PVH_NOTE_TYPE, &len);

	*entry = 0;
	if (!desc || (len != 4 && len != 8))
		return false;
	memcpy(entry, desc, len);
	return true;
}

bool pvh_probe(const struct image *image)
{
	struct error ignored;
	struct elf elf;
	u64 entry;

	return elf_probe(image) && !elf_parse(&elf, image, &ignored) && find_entry(&elf, &entry);
}

/* One block: start info, memory map, modules, strings. Sizes first, then the same walk to fill. */
struct block {
	u8 *host;
	u64 gpa, used;
};

static u64 put(struct block *b, const void *data, u64 len)
{
	u64 at = b->used;

	if (b->host)
		memcpy(b->host + at, data, len);
	b->used = ALIGN_UP(at + len, 8);
	return b->gpa + at;
}

static u64 put_memory(struct block *b, const struct ram *ram, u32 *entries)
{
	struct memmap_entry map[MEMMAP_MAX];
	struct pvh_memory told[MEMMAP_MAX];
	unsigned int nr = memmap_build(ram, map);

	for (unsigned int i = 0; i < nr; i++)
		told[i] = (struct pvh_memory){ map[i].base, map[i].size, map[i].type, 0 };
	*entries = nr;
	return put(b, told, nr * sizeof(told[0]));
}

static u64 put_modules(struct block *b, const struct modules *mods)
{
	struct pvh_module told[MODULES_MAX];

	for (unsigned int i = 0; i < mods->nr; i++) {
		const struct module *m = &mods->m[i];
		const char *arguments = strchr(m->string, ' ');

		arguments = arguments ? arguments + 1 : "";
		told[i] = (struct pvh_module){ m->gpa, m->image.size,
					       put(b, arguments, strlen(arguments) + 1), 0 };
	}
	return put(b, told, mods->nr * sizeof(told[0]));
}

static void fill(struct block *b, const struct ram *ram, const struct modules *mods,
		 const char *append)
{
	struct pvh_info info = { .magic = PVH_MAGIC, .version = PVH_VERSION, .rsdp = ACPI_RSDP };

	put(b, &info, sizeof(info));
	info.nr_modules = mods->nr;
	info.modules = put_modules(b, mods);
	info.cmdline = put(b, append, strlen(append) + 1);
	info.memmap = put_memory(b, ram, &info.memmap_entries);
	if (b->host)
		memcpy(b->host, &info, sizeof(info));
}

static int place(struct layout *layout, const struct elf *elf, const struct boot_params *params,
		 struct modules *mods, u64 *info, struct error *err)
{
	const char *append = params->append ? params->append : "";
	struct block size = { 0 }, b = { 0 };
	int code = elf_place(elf, layout, err);

	if (code)
		return code;
	code = modules_place(mods, layout, layout_end(layout), err);
	if (code)
		return code;
	fill(&size, layout->ram, mods, append);
	b.host = layout_alloc_boot(layout, size.used, 16, &b.gpa);
	if (!b.host)
		return fail(err, -ENOMEM,
			    "%s: no room for its command line and memory map; use a larger --mem",
			    image_label(elf->image->path));
	fill(&b, layout->ram, mods, append);
	*info = b.gpa;
	return 0;
}

static int check_entry(const struct elf *elf, u64 entry, struct error *err)
{
	for (unsigned int i = 0; i < elf->nr; i++)
		if (entry >= elf->seg[i].paddr && entry - elf->seg[i].paddr < elf->seg[i].memsz &&
		    entry < 4 * GiB)
			return 0;
	return fail(err, -ENOEXEC, "%s: PVH entry point %#" PRIx64 " lies in no loadable segment",
		    image_label(elf->image->path), entry);
}

int pvh_load(struct ram *ram, const struct image *image, const struct boot_params *params,
	     struct cpu_state *entry, struct error *err)
{
	struct modules mods;
	struct layout layout;
	struct elf elf;
	u64 address, info = 0;
	int code = elf_parse(&elf, image, err);

	if (!code && !find_entry(&elf, &address))
		code = fail(err, -ENOEXEC, "%s: has no PVH entry point", image_label(image->path));
	code = code ?: check_entry(&elf, address, err);
	code = code ?: modules_open(&mods, params->initrd, err);
	if (code)
		return code;
	layout_init(&layout, ram);
	code = place(&layout, &elf, params, &mods, &info, err);
	modules_close(&mods);
	if (code)
		return code;
	code = entry_protected(entry, &layout, (u32)address, err);
	entry->gpr[RBX] = info;
	entry->seg[SEG_TR].limit = TSS_LIMIT;
	return code;
}
