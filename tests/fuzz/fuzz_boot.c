/* SPDX-License-Identifier: MIT */
/*
 * Any bytes as a guest file: the loaders must load them or refuse them with one line, and what they
 * load must start inside RAM. The first byte chooses format and options, the rest is the file.
 */
#include "common/boot/boot.h"
#include "common/boot/entry.h"
#include "common/boot/memmap.h"
#include "tests/fuzz/fuzz.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define RAM_SIZE (4 * MiB)

#define OPT_FORMAT(b)  (formats[(b)&3])
#define OPT_MODE(b)    ((b) >> 2 & 3) /* 3: a mode that does not exist */
#define OPT_APPEND(b)  ((b) >> 4 & 1)
#define OPT_INITRD(b)  ((b) >> 5 & 1)
#define OPT_ADDRESS(b) ((b) >> 6 & 3)

static const enum boot_format formats[] = { BOOT_AUTO, BOOT_MULTIBOOT, BOOT_ELF, BOOT_FLAT };
static const u64 addresses[] = { BOOT_ADDRESS_DEFAULT, 0x7ff00, 0x90000, RAM_SIZE - 64 };

static struct ram ram;
static char initrd[64], initrd_list[160];

static void broken(const char *what, const struct error *err)
{
	fprintf(stderr, "fuzz_boot: %s (message '%s')\n", what, err->text);
	abort();
}

static void setup(void)
{
	struct error err = { "" };
	int fd = memfd_create("module", MFD_CLOEXEC);

	if (fd < 0 || write(fd, "module", 6) != 6 || ram_init(&ram, RAM_SIZE, &err))
		broken("cannot set up", &err);
	snprintf(initrd, sizeof(initrd), "/proc/self/fd/%d", fd);
	snprintf(initrd_list, sizeof(initrd_list), "%s a,%s b", initrd, initrd);
}

/* What every started guest may count on. */
static void check_entry(const struct cpu_state *s, const struct error *err)
{
	const struct segment *cs = &s->seg[SEG_CS];
	bool real = !(s->cr0 & CR0_PE);

	if (!ram_at(&ram, (real ? cs->base : 0) + s->rip, 1))
		broken("starts outside of RAM", err);
	if (s->rflags != RFLAGS_FIXED)
		broken("starts with flags set", err);
	if (!real && (cs->selector != ENTRY_CODE || !ram_at(&ram, s->gdt.base, s->gdt.limit + 1u)))
		broken("starts without a GDT", err);
	if ((s->cr0 & CR0_PG) && !ram_at(&ram, s->cr3, 6 * 4096))
		broken("starts without page tables", err);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	static struct cpu_state entry;
	struct error err = { "" };
	struct boot_params params;
	struct image image;
	int code;

	if (!ram.host)
		setup();
	if (size < 2)
		return 0;
	params = (struct boot_params){
		.format = OPT_FORMAT(data[0]),
		.mode = (enum flat_mode)OPT_MODE(data[0]),
		.append = OPT_APPEND(data[0]) ? "some words" : NULL,
		.initrd = !OPT_INITRD(data[0])	      ? NULL
			  : OPT_ADDRESS(data[0]) == 1 ? initrd
						      : initrd_list,
		.address = addresses[OPT_ADDRESS(data[0])],
	};
	image = (struct image){ data + 1, size - 1, "fuzz" };
	code = boot_load_image(&ram, &image, &params, &entry, &err);
	if (code > 0 || (code < 0 && (!err.text[0] || strchr(err.text, '\n'))))
		broken("refused without one line of reason", &err);
	if (!code)
		check_entry(&entry, &err);
	return 0;
}
