/* SPDX-License-Identifier: MIT */
#include "common/boot/boot.h"
#include "common/boot/layout.h"
#include "common/boot/memmap.h"
#include "tests/unit/guest.h"

#include <CUnit/CUnit.h>
#include <elf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static struct ram ram;
static struct error err;
static struct guest g;

static int load(const struct boot_params *params, struct cpu_state *entry)
{
	struct image image = guest_image(&g);

	return boot_load_image(&ram, &image, params, entry, &err);
}

static void make_elf(void)
{
	guest_elf(&g, false, EM_386, ET_EXEC, 0x100020, 0x800);
	guest_segment(&g, GUEST_TEXT, 0x400, 0x400, 0x100000, 0x100000);
}

static void test_detection(void)
{
	struct boot_params params = { .format = BOOT_AUTO };
	static struct cpu_state entry;

	CU_ASSERT_EQUAL_FATAL(ram_init(&ram, 4 * MiB, NULL), 0);
	make_elf();
	CU_ASSERT_EQUAL(load(&params, &entry), 0);
	CU_ASSERT_EQUAL(entry.gpr[RAX], 0);
	guest_multiboot(&g, GUEST_TEXT, 0, NULL);
	CU_ASSERT_EQUAL(load(&params, &entry), 0);
	CU_ASSERT_EQUAL(entry.gpr[RAX], 0x2badb002);
	params.format = BOOT_ELF;
	CU_ASSERT_EQUAL(load(&params, &entry), 0);
	CU_ASSERT_EQUAL(entry.gpr[RAX], 0);
	params.format = BOOT_FLAT;
	params.address = BOOT_ADDRESS_DEFAULT;
	CU_ASSERT_EQUAL(load(&params, &entry), 0);
	CU_ASSERT_EQUAL(entry.rip, 0x7c00);
	memset(&g, 0x90, sizeof(g));
	g.size = 512;
	params.format = BOOT_AUTO;
	CU_ASSERT_EQUAL(load(&params, &entry), -ENOEXEC);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "neither Multiboot nor ELF"));
	params.format = BOOT_MULTIBOOT;
	CU_ASSERT_EQUAL(load(&params, &entry), -ENOEXEC);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "not in multiboot format"));
	params.format = 99;
	CU_ASSERT_EQUAL(load(&params, &entry), -ENOEXEC);
	ram_fini(&ram);
}

static void test_options(void)
{
	struct boot_params params = { .format = BOOT_ELF, .append = "x" };
	static struct cpu_state entry;

	CU_ASSERT_EQUAL_FATAL(ram_init(&ram, 4 * MiB, NULL), 0);
	make_elf();
	CU_ASSERT_EQUAL(load(&params, &entry), -EINVAL);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "elf format, which has no place for"));
	params = (struct boot_params){ .format = BOOT_FLAT, .initrd = "/dev/null" };
	CU_ASSERT_EQUAL(load(&params, &entry), -EINVAL);
	params = (struct boot_params){ .format = BOOT_FLAT, .initrd = "", .append = "" };
	CU_ASSERT_EQUAL(load(&params, &entry), 0);
	ram_fini(&ram);
}

/* No field of the state is what was there before, in any format and mode. */
static void test_complete(void)
{
	static const struct boot_params params[] = {
		{ .format = BOOT_ELF },
		{ .format = BOOT_MULTIBOOT },
		{ .format = BOOT_FLAT, .mode = FLAT_REAL, .address = 0x7c00 },
		{ .format = BOOT_FLAT, .mode = FLAT_PROTECTED, .address = 0x100000 },
		{ .format = BOOT_FLAT, .mode = FLAT_LONG, .address = 0x100000 },
	};
	struct cpu_state *a = malloc(sizeof(*a)), *b = malloc(sizeof(*b));

	CU_ASSERT_EQUAL_FATAL(ram_init(&ram, 4 * MiB, NULL), 0);
	make_elf();
	guest_multiboot(&g, GUEST_TEXT, 0, NULL);
	for (unsigned int i = 0; i < ARRAY_SIZE(params); i++) {
		memset(a, 0x55, sizeof(*a));
		memset(b, 0xaa, sizeof(*b));
		CU_ASSERT_EQUAL(load(&params[i], a), 0);
		CU_ASSERT_EQUAL(load(&params[i], b), 0);
		CU_ASSERT_PTR_NULL(cpu_state_differs(a, b));
		CU_ASSERT_FALSE(memcmp(a->seg, b->seg, sizeof(a->seg)));
		CU_ASSERT_FALSE(memcmp(&a->msr, &b->msr, sizeof(a->msr)));
		CU_ASSERT_FALSE(memcmp(a->xsave, b->xsave, sizeof(a->xsave)));
		CU_ASSERT_EQUAL(a->xsave_size, b->xsave_size);
	}
	free(a);
	free(b);
	ram_fini(&ram);
}

static int load_path(const char *path)
{
	struct boot_params params = { .kernel = path };
	static struct cpu_state entry;
	int code;

	err.text[0] = '\0';
	code = boot_load(&ram, &params, &entry, &err);
	CU_ASSERT_TRUE(code == 0 || err.text[0]);
	return code;
}

static void test_files(void)
{
	char path[32], folder[] = "/tmp/fvb-test-XXXXXX", fifo[64], deep[4000];

	CU_ASSERT_EQUAL_FATAL(ram_init(&ram, 4 * MiB, NULL), 0);
	CU_ASSERT_EQUAL(load_path("/no/such/file"), -ENOENT);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "/no/such/file: cannot open: No such file"));
	CU_ASSERT_EQUAL(load_path("/"), -EISDIR);
	CU_ASSERT_EQUAL(load_path("/dev/null"), -EINVAL);
	CU_ASSERT_EQUAL(load_path(guest_file("", 0, path)), -EINVAL);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "empty"));
	guest_close(path);
	/* Nobody writes to it: opening it must not wait. */
	CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(folder));
	snprintf(fifo, sizeof(fifo), "%s/fifo", folder);
	CU_ASSERT_EQUAL_FATAL(mkfifo(fifo, 0600), 0);
	CU_ASSERT_EQUAL(load_path(fifo), -EINVAL);
	unlink(fifo);
	rmdir(folder);
	/* The reason must survive a long name. */
	memset(deep, 'd', sizeof(deep));
	strcpy(deep + sizeof(deep) - 6, "/last");
	for (unsigned int i = 0; i < sizeof(deep) - 6; i += 100)
		deep[i] = '/';
	CU_ASSERT_EQUAL(load_path(deep), -ENOENT);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "/last: cannot open: No such file"));
	/* More than guest RAM, and nothing that is a kernel. */
	CU_ASSERT_EQUAL(load_path(guest_file("x", 8 * GiB, path)), -ENOEXEC);
	guest_close(path);
	make_elf();
	guest_file("", g.size, path);
	CU_ASSERT_EQUAL_FATAL(pwrite(atoi(strrchr(path, '/') + 1), g.data, g.size, 0),
			      (ssize_t)g.size);
	CU_ASSERT_EQUAL(load_path(path), 0);
	guest_close(path);
	ram_fini(&ram);
}

static void test_memmap(void)
{
	static const struct {
		u64 size, usable;
		u32 upper;
		unsigned int nr;
	} cases[] = {
		{ MiB, 0x9fc00, 0, 4 },
		{ MiB + 4096, 0x9fc00 + 4096, 4, 5 },
		{ 64 * MiB, 0x9fc00 + 63 * MiB, 63 * 1024, 5 },
		{ 3 * GiB, 0x9fc00 + 3 * GiB - MiB, 3071 * 1024, 5 },
		{ 3 * GiB + 4096, 0x9fc00 + 3 * GiB - MiB + 4096, 3071 * 1024, 6 },
		{ 64 * GiB, 0x9fc00 + 64 * GiB - MiB, 3071 * 1024, 6 },
	};

	for (unsigned int i = 0; i < ARRAY_SIZE(cases); i++) {
		struct memmap_entry map[MEMMAP_MAX];
		u64 usable = 0, end = 0;
		unsigned int nr;

		CU_ASSERT_EQUAL_FATAL(ram_init(&ram, cases[i].size, NULL), 0);
		nr = memmap_build(&ram, map);
		CU_ASSERT_EQUAL(nr, cases[i].nr);
		for (unsigned int k = 0; k < nr; k++) {
			CU_ASSERT_TRUE(map[k].base >= end && map[k].size);
			end = map[k].base + map[k].size;
			if (map[k].type != MEMMAP_RAM)
				continue;
			usable += map[k].size;
			CU_ASSERT_PTR_NOT_NULL(ram_at(&ram, map[k].base, map[k].size));
		}
		CU_ASSERT_EQUAL(usable, cases[i].usable);
		CU_ASSERT_EQUAL(memmap_upper_kib(&ram), cases[i].upper);
		ram_fini(&ram);
	}
}

static void test_layout(void)
{
	struct layout l;
	u64 gpa;

	CU_ASSERT_EQUAL_FATAL(ram_init(&ram, 4 * MiB, NULL), 0);
	layout_init(&l, &ram);
	CU_ASSERT_EQUAL(layout_end(&l), 0);
	CU_ASSERT_PTR_EQUAL(layout_take(&l, 0x101000, 0x1000, "a", &err), ram.host + 0x101000);
	CU_ASSERT_PTR_NULL(layout_take(&l, 0x101fff, 1, "b", &err));
	CU_ASSERT_STRING_EQUAL(err.text, "b: 0x101fff..0x101fff overlaps 0x101000..0x101fff");
	CU_ASSERT_PTR_NOT_NULL(layout_take(&l, 0x102000, 1, "c", &err));
	/* First fit: the gap, then behind what is taken. */
	CU_ASSERT_PTR_NOT_NULL(layout_alloc(&l, 0x1000, 1, MEMMAP_HIGH, ~0ull, &gpa));
	CU_ASSERT_EQUAL(gpa, 0x100000);
	CU_ASSERT_PTR_NOT_NULL(layout_alloc(&l, 1, 0x1000, MEMMAP_HIGH, ~0ull, &gpa));
	CU_ASSERT_EQUAL(gpa, 0x103000);
	CU_ASSERT_EQUAL(layout_end(&l), 0x103001);
	/* Reserved memory is not given out, and no range reaches into it. */
	CU_ASSERT_PTR_NULL(layout_alloc(&l, 1, 1, MEMMAP_EBDA, MEMMAP_HIGH, &gpa));
	CU_ASSERT_PTR_NULL(layout_alloc(&l, MEMMAP_EBDA + 1, 1, 0, MEMMAP_HIGH, &gpa));
	CU_ASSERT_PTR_NOT_NULL(layout_alloc(&l, MEMMAP_EBDA, 1, 0, MEMMAP_HIGH, &gpa));
	CU_ASSERT_EQUAL(gpa, 0);
	CU_ASSERT_PTR_NULL(layout_alloc(&l, ~0ull, 4096, 0, ~0ull, &gpa));
	while (l.nr < LAYOUT_MAX)
		CU_ASSERT_PTR_NOT_NULL_FATAL(layout_alloc(&l, 1, 1, 0, ~0ull, &gpa));
	CU_ASSERT_PTR_NULL(layout_alloc(&l, 1, 1, 0, ~0ull, &gpa));
	CU_ASSERT_PTR_NULL(layout_take(&l, 0x300000, 1, "d", &err));
	ram_fini(&ram);
}

/* Boot data: above the lowest 64 KiB and below the EBDA, else above 1 MiB. */
static void test_boot_data(void)
{
	struct layout l;
	u64 gpa;

	CU_ASSERT_EQUAL_FATAL(ram_init(&ram, 4 * MiB, NULL), 0);
	layout_init(&l, &ram);
	CU_ASSERT_PTR_NOT_NULL(layout_alloc_boot(&l, 0x8fc00, 16, &gpa));
	CU_ASSERT_EQUAL(gpa, LAYOUT_BOOT_START);
	CU_ASSERT_PTR_NOT_NULL(layout_alloc_boot(&l, 1, 16, &gpa));
	CU_ASSERT_EQUAL(gpa, MEMMAP_HIGH);
	CU_ASSERT_PTR_NULL(layout_alloc_boot(&l, 3 * MiB, 16, &gpa));
	ram_fini(&ram);
}

static void test_zero(void)
{
	static const u64 lengths[] = { 0, 1, 4095, 4096, 4097, 20000, MiB, 5 * MiB };

	CU_ASSERT_EQUAL_FATAL(ram_init(&ram, 8 * MiB, NULL), 0);
	for (unsigned int i = 0; i < ARRAY_SIZE(lengths); i++)
		for (u64 start = 4095; start <= 4097; start++) {
			u64 end = start + lengths[i];

			memset(ram.host, 0xcc, 8 * MiB);
			layout_zero(ram.host + start, lengths[i]);
			CU_ASSERT_EQUAL(ram.host[start - 1], 0xcc);
			CU_ASSERT_EQUAL(ram.host[end], 0xcc);
			if (lengths[i]) {
				CU_ASSERT_EQUAL(ram.host[start], 0);
				CU_ASSERT_FALSE(memcmp(ram.host + start, ram.host + start + 1,
						       lengths[i] - 1));
			}
		}
	ram_fini(&ram);
}

/* The BIOS data area: there for kernels that read it, but never over the guest's own bytes. */
static void test_bios_data(void)
{
	static const u8 code[0x20] = { [0x0e] = 0xcc, [0x13] = 0xee };
	struct image image = { code, sizeof(code), "guest" };
	struct boot_params params = { .format = BOOT_FLAT, .mode = FLAT_REAL, .address = 0x1000 };
	struct cpu_state entry;

	CU_ASSERT_EQUAL_FATAL(ram_init(&ram, MiB, NULL), 0);
	CU_ASSERT_EQUAL(boot_load_image(&ram, &image, &params, &entry, NULL), 0);
	CU_ASSERT_EQUAL(ram.host[0x400] | ram.host[0x401] << 8, 0x3f8);
	CU_ASSERT_EQUAL((ram.host[0x40e] | ram.host[0x40f] << 8) << 4, MEMMAP_EBDA);
	CU_ASSERT_EQUAL(ram.host[0x413] | ram.host[0x414] << 8, 639);
	ram_fini(&ram);
	CU_ASSERT_EQUAL_FATAL(ram_init(&ram, MiB, NULL), 0);
	params.address = 0x400;
	CU_ASSERT_EQUAL(boot_load_image(&ram, &image, &params, &entry, NULL), 0);
	CU_ASSERT_EQUAL(ram.host[0x40e], 0xcc);
	CU_ASSERT_EQUAL(ram.host[0x413], 0xee);
	ram_fini(&ram);
}

CU_TestInfo tests_boot[] = {
	{ "format: detected, asked for, unknown", test_detection },
	{ "options that a format cannot pass on", test_options },
	{ "the state at entry is complete", test_complete },
	{ "files that cannot be read", test_files },
	{ "memory map of small and large guests", test_memmap },
	{ "layout: take, first fit, limits", test_layout },
	{ "layout: boot data", test_boot_data },
	{ "clearing guest memory", test_zero },
	{ "low memory holds what firmware leaves there", test_bios_data },
	CU_TEST_INFO_NULL,
};
