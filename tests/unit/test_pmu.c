/* SPDX-License-Identifier: MIT */
/* Counters of the host: what is made of readings where events shared a counter, and who is counted.
 */
#include "bench/pmu.h"
#include "bench/eventname.h"

#include <CUnit/CUnit.h>
#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

/* Value, enabled, running: before, after; what comes out, and its share in thousandths. */
static const struct {
	struct pmu_reading before, after;
	u64 value;
	unsigned int share; /* 0: nothing is known */
} readings[] = {
	{ { 0, 0, 0 }, { 1000, 50, 50 }, 1000, 1000 },
	{ { 400, 10, 10 }, { 1000, 50, 50 }, 600, 1000 },
	/* Half of the time, a third of it. */
	{ { 0, 0, 0 }, { 1000, 100, 50 }, 2000, 500 },
	{ { 100, 60, 20 }, { 1100, 360, 120 }, 3000, 333 },
	/* What was missed before the first mark is no matter. */
	{ { 7, 1000, 1 }, { 17, 1100, 101 }, 10, 1000 },
	/* To nearest: 12.5, 12.7. */
	{ { 0, 0, 0 }, { 10, 5, 4 }, 13, 800 },
	{ { 0, 0, 0 }, { 10, 14, 11 }, 13, 786 },
	/* Nothing happened, but it was looked for. */
	{ { 5, 10, 5 }, { 5, 30, 15 }, 0, 500 },
	/* Products beyond 64 bits; and a result that is. */
	{ { 0, 0, 0 }, { 1ull << 60, 3ull << 40, 1ull << 40 }, 3ull << 60, 333 },
	{ { 0, 0, 0 }, { 1ull << 63, 4, 1 }, UINT64_MAX, 250 },
	/* Never got a counter; was not even enabled; readings that make no sense. */
	{ { 0, 0, 0 }, { 0, 100, 0 }, 0, 0 },
	{ { 9, 50, 20 }, { 9, 100, 20 }, 0, 0 },
	{ { 9, 50, 20 }, { 9, 50, 20 }, 0, 0 },
	{ { 9, 50, 20 }, { 8, 60, 30 }, 0, 0 },
	{ { 9, 50, 20 }, { 10, 40, 30 }, 0, 0 },
	{ { 9, 50, 20 }, { 10, 60, 40 }, 0, 0 },
};

static void test_scaling(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(readings); i++) {
		struct pmu_count count = { .value = 77 };
		int r = pmu_between(&readings[i].before, &readings[i].after, &count);

		if (!readings[i].share) {
			CU_ASSERT_EQUAL(r, -ENODATA);
			CU_ASSERT_EQUAL(count.value, 77);
			continue;
		}
		CU_ASSERT_EQUAL(r, 0);
		CU_ASSERT_EQUAL(count.value, readings[i].value);
		CU_ASSERT_EQUAL(count.raw, readings[i].after.value - readings[i].before.value);
		CU_ASSERT_DOUBLE_EQUAL(count.share, readings[i].share / 1000.0, 0.0005);
		CU_ASSERT_EQUAL(count.share < 1, readings[i].share < 1000);
	}
}

static void touch(unsigned int pages)
{
	char *p = mmap(NULL, pages * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
		       0);

	madvise(p, pages * 4096, MADV_NOHUGEPAGE);
	for (unsigned int i = 0; i < pages; i++)
		((volatile char *)p)[i * 4096] = 1;
	munmap(p, pages * 4096);
}

/* Do it in a child, from after START (if not negative) was enabled to its end. */
static void in_child(int start, unsigned int pages)
{
	pid_t pid = fork();

	if (!pid) {
		if (start >= 0)
			ioctl(start, PERF_EVENT_IOC_ENABLE, 0);
		touch(pages);
		if (start >= 0)
			ioctl(start, PERF_EVENT_IOC_DISABLE, 0);
		touch(pages);
		_exit(0);
	}
	waitpid(pid, NULL, 0);
}

/* A world of engine `trap`, a native program: what is forked after the event was opened counts,
 * also while it is switched on and off from there. */
static void test_children(void)
{
	struct pmu_reading before, after;
	struct pmu_event event;
	int fd;

	CU_ASSERT_EQUAL_FATAL(event_encode("page-faults", &event, NULL), 0);
	fd = pmu_open(&event, false);
	if (fd < 0)
		return; /* not permitted here */
	CU_ASSERT_EQUAL(pmu_read(fd, &before), 0);
	in_child(-1, 500);
	CU_ASSERT_EQUAL(pmu_read(fd, &after), 0);
	CU_ASSERT_TRUE(after.value - before.value >= 1000);
	CU_ASSERT_TRUE(after.value - before.value < 1400);
	close(fd);
	fd = pmu_open(&event, true);
	touch(100);
	CU_ASSERT_EQUAL(pmu_read(fd, &after), 0);
	CU_ASSERT_EQUAL(after.value, 0);
	in_child(fd, 500);
	CU_ASSERT_EQUAL(pmu_read(fd, &after), 0);
	CU_ASSERT_TRUE(after.value >= 500 && after.value < 900);
	close(fd);
	CU_ASSERT_TRUE(pmu_read(fd, &after) < 0);
}

static void test_reasons(void)
{
	struct pmu_event event = { .attr.type = PERF_TYPE_SOFTWARE };
	char text[320];

	pmu_reason(&event, -ENOENT, text, sizeof(text));
	CU_ASSERT_STRING_EQUAL(text, "this kernel does not count it");
	pmu_reason(&event, -EINVAL, text, sizeof(text));
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "modifiers"));
	pmu_reason(&event, -EACCES, text, sizeof(text));
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "not permitted"));
	pmu_reason(&event, -EMFILE, text, sizeof(text));
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "Too many open files"));
	event.attr.type = PERF_TYPE_HARDWARE;
	pmu_reason(&event, -ENOENT, text, sizeof(text));
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "PMU") ?: strstr(text, "this processor"));
}

CU_TestInfo tests_pmu[] = {
	{ "what shared a counter is scaled up", test_scaling },
	{ "children are counted", test_children },
	{ "why not", test_reasons },
	CU_TEST_INFO_NULL,
};
