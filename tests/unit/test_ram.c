/* SPDX-License-Identifier: MIT */
#include "common/ram.h"

#include <CUnit/CUnit.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static struct error err;

/* Bytes of this process in host memory. */
static u64 resident(void)
{
	unsigned long long total = 0, pages = 0;
	FILE *f = fopen("/proc/self/statm", "r");

	if (!f || fscanf(f, "%llu %llu", &total, &pages) != 2)
		pages = ~0ull >> 20;
	if (f)
		fclose(f);
	return pages * (u64)sysconf(_SC_PAGESIZE);
}

static void test_sizes(void)
{
	static const u64 good[] = { MiB, MiB + 4096, 3 * GiB, 3 * GiB + 4096, 64 * GiB };
	static const u64 bad[] = { 0,	    4096,	MiB - 4096,
				   MiB + 1, MiB + 2048, 64 * GiB + 4096,
				   ~0ull,   ~0ull << 12 };
	struct ram ram;

	for (unsigned int i = 0; i < ARRAY_SIZE(good); i++) {
		u64 sum = 0;

		CU_ASSERT_EQUAL_FATAL(ram_init(&ram, good[i], &err), 0);
		CU_ASSERT_EQUAL(ram.size, good[i]);
		CU_ASSERT_EQUAL((uintptr_t)ram.host % (2 * MiB), 0);
		for (unsigned int k = 0; k < ram.nr; k++)
			sum += ram.region[k].size;
		CU_ASSERT_EQUAL(sum, good[i]);
		/* The last byte is there, the one after it is not. */
		*(u8 *)(ram.host + ram.size - 1) = 1;
		ram_fini(&ram);
	}
	for (unsigned int i = 0; i < ARRAY_SIZE(bad); i++) {
		err.text[0] = '\0';
		CU_ASSERT_EQUAL(ram_init(&ram, bad[i], &err), -EINVAL);
		CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "--mem"));
	}
	CU_ASSERT_EQUAL(ram_init(&ram, 0, NULL), -EINVAL);
	ram_fini(&ram);
	ram_fini(&ram);
}

static void test_lazy(void)
{
	u64 before = resident(), after;
	struct ram ram;

	CU_ASSERT_EQUAL_FATAL(ram_init(&ram, RAM_MAX, &err), 0);
	after = resident();
	CU_ASSERT_TRUE(after < before + 4 * MiB);
	/* One byte costs at most one large page. */
	CU_ASSERT_EQUAL(ram_write(&ram, 40 * GiB, "x", 1), 0);
	CU_ASSERT_TRUE(resident() <= after + 3 * MiB);
	ram_fini(&ram);
}

static void test_hole(void)
{
	struct ram ram;

	CU_ASSERT_EQUAL_FATAL(ram_init(&ram, 4 * GiB, &err), 0);
	CU_ASSERT_EQUAL(ram.nr, 2);
	CU_ASSERT_PTR_EQUAL(ram_at(&ram, RAM_HOLE_START - 1, 1), ram.host + 3 * GiB - 1);
	CU_ASSERT_PTR_NULL(ram_at(&ram, RAM_HOLE_START - 1, 2));
	CU_ASSERT_PTR_NULL(ram_at(&ram, RAM_HOLE_START, 1));
	CU_ASSERT_PTR_NULL(ram_at(&ram, RAM_HOLE_END - 1, 1));
	CU_ASSERT_PTR_NULL(ram_at(&ram, RAM_HOLE_END - 1, 2));
	/* Bytes on either side of the hole are neighbours in host memory, and not in the guest's.
	 */
	CU_ASSERT_PTR_EQUAL(ram_at(&ram, RAM_HOLE_END, 1), ram.host + 3 * GiB);
	CU_ASSERT_PTR_NOT_NULL(ram_at(&ram, RAM_HOLE_END, GiB));
	CU_ASSERT_PTR_NULL(ram_at(&ram, RAM_HOLE_END, GiB + 1));
	CU_ASSERT_PTR_NULL(ram_at(&ram, 5 * GiB, 1));
	ram_fini(&ram);
	CU_ASSERT_EQUAL_FATAL(ram_init(&ram, 3 * GiB, &err), 0);
	CU_ASSERT_EQUAL(ram.nr, 1);
	CU_ASSERT_PTR_NULL(ram_at(&ram, RAM_HOLE_END, 1));
	ram_fini(&ram);
}

static void test_bounds(void)
{
	static const struct {
		u64 gpa, len;
	} outside[] = {
		{ MiB, 1 },	    { MiB - 1, 2 },	{ 0, MiB + 1 },	      { 0, ~0ull },
		{ 1, ~0ull },	    { MiB - 1, ~0ull }, { ~0ull, 1 },	      { ~0ull, ~0ull },
		{ ~0ull - 10, 20 }, { 1ull << 63, 1 },	{ MiB, ~0ull - MiB }, { 2, ~0ull - 1 },
	};
	struct ram ram;
	u8 buf[8] = { 0 };

	CU_ASSERT_EQUAL_FATAL(ram_init(&ram, MiB, &err), 0);
	for (unsigned int i = 0; i < ARRAY_SIZE(outside); i++)
		CU_ASSERT_PTR_NULL(ram_at(&ram, outside[i].gpa, outside[i].len));
	CU_ASSERT_PTR_EQUAL(ram_at(&ram, 0, MiB), ram.host);
	CU_ASSERT_PTR_EQUAL(ram_at(&ram, MiB - 1, 1), ram.host + MiB - 1);
	CU_ASSERT_PTR_EQUAL(ram_at(&ram, 5, 0), ram.host + 5);

	CU_ASSERT_EQUAL(ram_write(&ram, MiB - 4, "abcd", 4), 0);
	CU_ASSERT_EQUAL(ram_write(&ram, MiB - 3, "wxyz", 4), -EFAULT);
	CU_ASSERT_EQUAL(ram_read(&ram, MiB - 4, buf, 4), 0);
	CU_ASSERT_STRING_EQUAL((char *)buf, "abcd");
	CU_ASSERT_EQUAL(ram_read(&ram, MiB - 3, buf, 4), -EFAULT);
	CU_ASSERT_STRING_EQUAL((char *)buf, "abcd");
	CU_ASSERT_EQUAL(ram_read(&ram, ~0ull, buf, 2), -EFAULT);
	ram_fini(&ram);
}

/* Somebody who has the descriptor sees the same bytes, and it goes with the memory. */
static void test_file(void)
{
	struct ram ram;
	u8 *other;
	int fd;

	CU_ASSERT_EQUAL(ram_init_file(&ram, 4096, &err), -EINVAL);
	CU_ASSERT_EQUAL_FATAL(ram_init_file(&ram, 3 * GiB + MiB, &err), 0);
	CU_ASSERT_EQUAL((uintptr_t)ram.host % (2 * MiB), 0);
	fd = ram.fd;
	CU_ASSERT(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	CU_ASSERT_EQUAL(ram_write(&ram, RAM_HOLE_END + 5, "far", 4), 0);
	other = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, (off_t)(3 * GiB));
	CU_ASSERT_FATAL(other != MAP_FAILED);
	CU_ASSERT_STRING_EQUAL((char *)other + 5, "far");
	munmap(other, 4096);
	ram_fini(&ram);
	CU_ASSERT_EQUAL(fcntl(fd, F_GETFD), -1);
	CU_ASSERT_EQUAL_FATAL(ram_init(&ram, MiB, &err), 0);
	CU_ASSERT_EQUAL(ram.fd, -1);
	ram_fini(&ram);
}

CU_TestInfo tests_ram[] = {
	{ "sizes from 1 MiB to 64 GiB, aligned for large pages", test_sizes },
	{ "memory costs what is used of it", test_lazy },
	{ "the hole below 4 GiB", test_hole },
	{ "ranges beyond the end and around it", test_bounds },
	{ "a memory file", test_file },
	CU_TEST_INFO_NULL,
};
