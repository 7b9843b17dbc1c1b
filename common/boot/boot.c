/* SPDX-License-Identifier: MIT */
#include "common/boot/boot.h"
#include "common/boot/acpi.h"
#include "common/boot/elf.h"
#include "common/boot/flat.h"
#include "common/boot/linux.h"
#include "common/boot/memmap.h"
#include "common/boot/multiboot.h"
#include "common/boot/pvh.h"

#include <errno.h>

struct loader {
	const char *name;
	bool takes_options;			  /* --initrd, --append */
	bool (*probe)(const struct image *image); /* NULL: no signature, only on request */
	int (*load)(struct ram *ram, const struct image *image, const struct boot_params *params,
		    struct cpu_state *entry, struct error *err);
};

/* In the order in which BOOT_AUTO asks them: Multiboot and PVH kernels are mostly ELF files too. */
static const struct loader loaders[] = {
	[BOOT_MULTIBOOT] = { "multiboot", true, multiboot_probe, multiboot_load },
	[BOOT_PVH] = { "pvh", true, pvh_probe, pvh_load },
	[BOOT_ELF] = { "elf", false, elf_probe, elf_load },
	[BOOT_LINUX] = { "linux", true, linux_probe, linux_load },
	[BOOT_FLAT] = { "flat", false, NULL, flat_load },
};

static const struct loader *find_loader(const struct image *image, enum boot_format format,
					struct error *err)
{
	const char *label = image_label(image->path);
	const struct loader *l = NULL;

	if (format == BOOT_AUTO) {
		for (l = &loaders[1]; l < loaders + ARRAY_SIZE(loaders); l++)
			if (l->probe && l->probe(image))
				return l;
		fail(err, -ENOEXEC,
		     "%s: neither Multiboot nor ELF nor a Linux bzImage; a raw binary needs "
		     "--format flat",
		     label);
		return NULL;
	}
	if ((unsigned int)format < ARRAY_SIZE(loaders))
		l = &loaders[format];
	if (!l || (l->probe && !l->probe(image))) {
		fail(err, -ENOEXEC, "%s: is not in %s format", label, l ? l->name : "any known");
		return NULL;
	}
	return l;
}

static bool given(const char *option)
{
	return option && *option;
}

/* The words that firmware leaves in low memory and that kernels read to learn what is theirs. */
static void leave_bios_data(struct ram *ram)
{
	static const struct {
		u16 at, value;
	} words[] = {
		{ 0x400, 0x3f8 },	     /* COM1 */
		{ 0x40e, MEMMAP_EBDA >> 4 }, /* segment of the EBDA */
		{ 0x413, MEMMAP_LOWER_KIB }, /* KiB of memory below it */
	};

	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		ram_write(ram, words[i].at, &words[i].value, sizeof(words[i].value));
}

int boot_load_image(struct ram *ram, const struct image *image, const struct boot_params *params,
		    struct cpu_state *entry, struct error *err)
{
	const struct loader *l = find_loader(image, params->format, err);

	if (!l)
		return -ENOEXEC;
	if (!l->takes_options && (given(params->initrd) || given(params->append)))
		return fail(err, -EINVAL,
			    "%s: is in %s format, which has no place for --initrd or --append",
			    image_label(image->path), l->name);
	/* Before the guest, which may have its own bytes or cleared memory there. */
	leave_bios_data(ram);
	acpi_build(ram, params->pci);
	return l->load(ram, image, params, entry, err);
}

int boot_load(struct ram *ram, const struct boot_params *params, struct cpu_state *entry,
	      struct error *err)
{
	struct image image;
	int code = image_open(&image, params->kernel, err);

	if (code)
		return code;
	code = boot_load_image(ram, &image, params, entry, err);
	image_close(&image);
	return code;
}
