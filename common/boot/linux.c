/* SPDX-License-Identifier: MIT */
#include "common/boot/linux.h"
#include "common/boot/acpi.h"
#include "common/boot/entry.h"
#include "common/boot/layout.h"
#include "common/boot/memmap.h"
#include "common/boot/modules.h"
#include "common/dev/vga.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#define PAGE		   4096
#define SECTOR		   512
#define HEADER_END_MAX	   0x290 /* struct boot_params goes on with other things there */
#define OLDEST		   0x202 /* before, the command line had to lie in the real-mode segment */
#define LOADER_UNDEFINED   0xff	 /* type_of_loader without an assigned number */
#define OLD_CMDLINE_MAX	   255
#define OLD_INITRD_MAX	   0x37ffffff
#define PARAGRAPH	   16
#define FIRST_WIDE_SYSSIZE 0x204
#define FIRST_RELOCATABLE  0x205
#define FIRST_CMDLINE_SIZE 0x206
#define FIRST_PREFERRED	   0x20a
#define FIRST_XLOADFLAGS   0x20c
#define FIRST_INITRD_MAX   0x203

/* A kernel file taken apart. */
struct kernel {
	const struct image *image;
	u8 params[LINUX_PARAMS_SIZE]; /* struct boot_params, with the file's header in it */
	u16 version;
	const u8 *code; /* protected-mode part */
	u64 code_size;
	u64 start;     /* where it goes */
	u64 init_size; /* memory it needs there; not less than code_size */
	u64 initrd_max;
	u64 cmdline_max;
	bool has_64;
};

static u64 get(const struct kernel *k, unsigned int at, unsigned int len)
{
	u64 v = 0;

	memcpy(&v, k->params + at, len);
	return v;
}

static void put(struct kernel *k, unsigned int at, u64 value, unsigned int len)
{
	memcpy(k->params + at, &value, len);
}

static int refuse(const struct kernel *k, struct error *err, const char *what)
{
	return fail(err, -ENOEXEC, "%s: cannot boot this Linux kernel file: %s",
		    image_label(k->image->path), what);
}

bool linux_probe(const struct image *image)
{
	static const u32 magic = LINUX_MAGIC_VALUE;
	const u8 *p = image_at(image, LINUX_MAGIC, sizeof(magic));

	return p && !memcmp(p, &magic, sizeof(magic));
}

/* The header ends where its first instruction jumps to. */
static int read_header(struct kernel *k, struct error *err)
{
	const struct image *image = k->image;
	u64 end = LINUX_MAGIC + image->data[LINUX_JUMP + 1];

	memset(k->params, 0, sizeof(k->params));
	if (end > HEADER_END_MAX)
		end = HEADER_END_MAX;
	if (end < LINUX_CMD_LINE_PTR + 4 || !image_at(image, 0, end))
		return refuse(k, err, "its setup header is cut short");
	memcpy(k->params + LINUX_SETUP_SECTS, image->data + LINUX_SETUP_SECTS,
	       end - LINUX_SETUP_SECTS);
	k->version = (u16)get(k, LINUX_VERSION, 2);
	if (get(k, LINUX_BOOT_FLAG, 2) != LINUX_BOOT_FLAG_VALUE)
		return refuse(k, err, "no boot sector signature");
	if (k->version < OLDEST)
		return refuse(k, err, "its boot protocol is older than 2.02");
	if (!(get(k, LINUX_LOADFLAGS, 1) & LINUX_LOADED_HIGH))
		return refuse(k, err, "a zImage, made for low memory; build a bzImage");
	return 0;
}

/* The kernel is all that follows the setup sectors; syssize, in paragraphs that the last one need
 * not fill, is the least. */
static int find_code(struct kernel *k, struct error *err)
{
	u64 sectors = get(k, LINUX_SETUP_SECTS, 1) ?: 4;
	u64 offset = (sectors + 1) * SECTOR;
	u64 paragraphs = k->version >= FIRST_WIDE_SYSSIZE ? get(k, LINUX_SYSSIZE, 4) : 0;
	u64 least = offset + (paragraphs ? paragraphs - 1 : 0) * PARAGRAPH + 1;

	if (k->image->size < least)
		return fail(err, -ENOEXEC,
			    "%s: cut short: has %" PRIu64 " bytes of %" PRIu64
			    " or more; get or build it again",
			    image_label(k->image->path), k->image->size, least);
	k->code = k->image->data + offset;
	k->code_size = k->image->size - offset;
	return 0;
}

/* What the header says, or what holds for versions that do not say it. */
static int read_wishes(struct kernel *k, struct error *err)
{
	bool relocatable = k->version >= FIRST_RELOCATABLE && get(k, LINUX_RELOCATABLE, 1);
	u64 preferred = 0, size = 0;

	if (k->version >= FIRST_PREFERRED) {
		preferred = get(k, LINUX_PREF_ADDRESS, 8);
		size = get(k, LINUX_INIT_SIZE, 4);
	}
	/* One that cannot be moved by a loader moves itself, and may be where it wants already. */
	k->start = relocatable && preferred >= MEMMAP_HIGH ? preferred : MEMMAP_HIGH;
	k->init_size = size > k->code_size ? size : k->code_size;
	k->initrd_max =
		k->version >= FIRST_INITRD_MAX ? get(k, LINUX_INITRD_ADDR_MAX, 4) : OLD_INITRD_MAX;
	k->cmdline_max =
		k->version >= FIRST_CMDLINE_SIZE ? get(k, LINUX_CMDLINE_SIZE, 4) : OLD_CMDLINE_MAX;
	k->has_64 = k->version >= FIRST_XLOADFLAGS && get(k, LINUX_XLOADFLAGS, 2) & LINUX_KERNEL_64;
	if (k->start >= RAM_HOLE_START)
		return refuse(k, err, "it wants to be loaded above 3 GiB");
	if (k->has_64 && k->code_size <= LINUX_ENTRY_64)
		return refuse(k, err, "it ends before its 64-bit entry point");
	return 0;
}

static int place_code(struct kernel *k, struct layout *layout, struct error *err)
{
	u8 *p = layout_take(layout, k->start, k->init_size, image_label(k->image->path), err);

	if (!p)
		return -ENOEXEC;
	memcpy(p, k->code, k->code_size);
	put(k, LINUX_CODE32_START, k->start, 4);
	return 0;
}

static int place_cmdline(struct kernel *k, struct layout *layout, const char *append,
			 struct error *err)
{
	size_t len = append ? strlen(append) : 0;
	u64 gpa;
	char *p;

	if (len > k->cmdline_max)
		return fail(err, -EINVAL, "%s: takes a command line of at most %" PRIu64 " bytes",
			    image_label(k->image->path), k->cmdline_max);
	p = layout_alloc_boot(layout, len + 1, 16, &gpa);
	if (!p)
		return fail(err, -ENOMEM, "%s: no room for its command line; use a larger --mem",
			    image_label(k->image->path));
	memcpy(p, append ? append : "", len + 1);
	put(k, LINUX_CMD_LINE_PTR, gpa, 4);
	return 0;
}

/* Above the kernel, below what it says it can reach. */
static int place_initrd(struct kernel *k, struct layout *layout, const struct modules *mods,
			struct error *err)
{
	u64 max = k->initrd_max + 1, gpa;
	const struct image *file;
	void *p;

	if (!mods->nr)
		return 0;
	file = &mods->m[0].image;
	if (mods->nr > 1)
		return fail(err, -EINVAL,
			    "%s: takes one --initrd; concatenate archives into one file",
			    image_label(k->image->path));
	if (max > RAM_HOLE_START)
		max = RAM_HOLE_START;
	p = layout_alloc(layout, file->size, PAGE, k->start, max, &gpa);
	if (!p)
		return fail(err, -ENOMEM,
			    "%s: no room for its %llu KiB above the kernel, below %#" PRIx64
			    ", in %llu MiB of RAM; use a larger --mem",
			    image_label(file->path), ALIGN_UP(file->size, KiB) / KiB, max,
			    layout->ram->size / MiB);
	memcpy(p, file->data, file->size);
	put(k, LINUX_RAMDISK_IMAGE, gpa, 4);
	put(k, LINUX_RAMDISK_SIZE, file->size, 4);
	return 0;
}

static void describe_memory(struct kernel *k, const struct ram *ram)
{
	struct memmap_entry map[MEMMAP_MAX];
	unsigned int nr = memmap_build(ram, map), at = LINUX_PARAMS_E820;

	for (unsigned int i = 0; i < nr; i++, at += 20) {
		put(k, at, map[i].base, 8);
		put(k, at + 8, map[i].size, 8);
		put(k, at + 16, map[i].type, 4);
	}
	put(k, LINUX_PARAMS_E820_NR, nr, 1);
	put(k, LINUX_PARAMS_RSDP, ACPI_RSDP, 8);
}

/* A VGA with 256 KiB in mode 3, the cursor at the top left. */
static void describe_screen(struct kernel *k)
{
	put(k, LINUX_PARAMS_MODE, 3, 1);
	put(k, LINUX_PARAMS_COLUMNS, VGA_COLUMNS, 1);
	put(k, LINUX_PARAMS_EGA_BX, 3, 2);
	put(k, LINUX_PARAMS_ROWS, VGA_ROWS, 1);
	put(k, LINUX_PARAMS_IS_VGA, 1, 1);
	put(k, LINUX_PARAMS_POINTS, 16, 2);
}

static int place_params(struct kernel *k, struct layout *layout, u64 *gpa, struct error *err)
{
	void *p = layout_alloc_boot(layout, LINUX_PARAMS_SIZE, PAGE, gpa);

	if (!p)
		return fail(err, -ENOMEM, "%s: no room for its parameters; use a larger --mem",
			    image_label(k->image->path));
	put(k, LINUX_TYPE_OF_LOADER, LOADER_UNDEFINED, 1);
	describe_memory(k, layout->ram);
	describe_screen(k);
	memcpy(p, k->params, LINUX_PARAMS_SIZE);
	return 0;
}

static int place(struct kernel *k, struct ram *ram, const struct boot_params *params,
		 const struct modules *mods, struct cpu_state *entry, struct error *err)
{
	struct layout layout;
	u64 zero_page = 0;
	int code;

	layout_init(&layout, ram);
	code = place_code(k, &layout, err);
	code = code ?: place_initrd(k, &layout, mods, err);
	code = code ?: place_cmdline(k, &layout, params->append, err);
	code = code ?: place_params(k, &layout, &zero_page, err);
	if (code)
		return code;
	code = k->has_64 ? entry_long(entry, &layout, k->start + LINUX_ENTRY_64, err)
			 : entry_protected(entry, &layout, (u32)k->start, err);
	entry->gpr[RSI] = zero_page;
	return code;
}

int linux_load(struct ram *ram, const struct image *image, const struct boot_params *params,
	       struct cpu_state *entry, struct error *err)
{
	struct kernel k = { .image = image };
	struct modules mods;
	int code = read_header(&k, err);

	code = code ?: find_code(&k, err);
	code = code ?: read_wishes(&k, err);
	code = code ?: modules_open(&mods, params->initrd, err);
	if (code)
		return code;
	code = place(&k, ram, params, &mods, entry, err);
	modules_close(&mods);
	return code;
}
