/* SPDX-License-Identifier: MIT */
#include "common/disk.h"

#include <CUnit/CUnit.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SIZE (64 * KiB)

static char dir[] = "/tmp/disk-test.XXXXXX", file[64];

static void make_file(u64 size)
{
	int fd;

	strcpy(dir + strlen(dir) - 6, "XXXXXX");
	CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(dir));
	snprintf(file, sizeof(file), "%s/disk,x", dir);
	fd = open(file, O_CREAT | O_RDWR, 0600);
	CU_ASSERT_FATAL(fd >= 0);
	CU_ASSERT_EQUAL(ftruncate(fd, (off_t)size), 0);
	for (u64 at = 0; at + 512 <= size; at += 512)
		CU_ASSERT_EQUAL(pwrite(fd, &at, 8, (off_t)at), 8);
	close(fd);
}

static void remove_file(void)
{
	unlink(file);
	rmdir(dir);
}

static int open_as(struct disk **d, const char *suffix, struct error *err)
{
	char spec[80];

	snprintf(spec, sizeof(spec), "%s%s", file, suffix);
	return disk_open(d, spec, err);
}

static u64 word(struct disk *d, u64 offset)
{
	u64 buf[64] = { 0 };

	CU_ASSERT_EQUAL(disk_read(d, offset, buf, sizeof(buf)), 0);
	return buf[0];
}

static int put(struct disk *d, u64 offset, u64 value)
{
	u64 a[32] = { value }, b[160] = { 0 };
	struct iovec iov[] = { { a, sizeof(a) }, { b, sizeof(b) } };

	return disk_write(d, offset, iov, 2, sizeof(a) + sizeof(b));
}

static void test_modes(void)
{
	struct disk *d;

	make_file(SIZE);
	CU_ASSERT_EQUAL_FATAL(open_as(&d, "", NULL), 0);
	CU_ASSERT(disk_size(d) == SIZE && !disk_read_only(d));
	CU_ASSERT_EQUAL(put(d, 1024, 77), 0);
	CU_ASSERT_EQUAL(disk_flush(d), 0);
	disk_close(d);
	CU_ASSERT_EQUAL_FATAL(open_as(&d, ",ro", NULL), 0);
	CU_ASSERT(disk_read_only(d));
	CU_ASSERT_EQUAL(put(d, 1024, 78), -EROFS);
	CU_ASSERT_EQUAL(disk_zero(d, 1024, 512), -EROFS);
	CU_ASSERT_EQUAL(disk_discard(d, 1024, 512), -EROFS);
	CU_ASSERT_EQUAL(word(d, 1024), 77);
	disk_close(d);
	CU_ASSERT_EQUAL_FATAL(open_as(&d, ",snapshot", NULL), 0);
	CU_ASSERT_EQUAL(put(d, 2048, 79), 0);
	CU_ASSERT_EQUAL(disk_zero(d, 4096, 1024), 0);
	CU_ASSERT_EQUAL(word(d, 2048), 79);
	CU_ASSERT_EQUAL(word(d, 4096), 0);
	CU_ASSERT_EQUAL(word(d, 5120), 5120);
	disk_close(d);
	CU_ASSERT_EQUAL_FATAL(open_as(&d, ",ro", NULL), 0);
	CU_ASSERT_EQUAL(word(d, 2048), 0); /* what the first write put there */
	CU_ASSERT_EQUAL(word(d, 4096), 4096);
	disk_close(d);
	remove_file();
}

/* What was just written is in the host's memory, if the file system can tell; a read of two files
 * is not tried. */
static void test_cached(void)
{
	u64 buf[128] = { 0 };
	struct disk *d;
	int r;

	make_file(SIZE);
	CU_ASSERT_EQUAL_FATAL(open_as(&d, ",snapshot", NULL), 0);
	r = disk_read_cached(d, 1024, buf, sizeof(buf));
	CU_ASSERT(r == -EAGAIN || (!r && buf[0] == 1024 && buf[64] == 1536));
	CU_ASSERT_EQUAL(put(d, 1536, 5), 0);
	CU_ASSERT_EQUAL(disk_read_cached(d, 1024, buf, sizeof(buf)), -EAGAIN);
	buf[0] = 0;
	r = disk_read_cached(d, 1536, buf, sizeof(buf));
	CU_ASSERT(r == -EAGAIN || (!r && buf[0] == 5));
	/* No more than there is. */
	CU_ASSERT_EQUAL(truncate(file, 4096), 0);
	CU_ASSERT_EQUAL(disk_read_cached(d, 8192, buf, 512), -EAGAIN);
	disk_close(d);
	remove_file();
}

/* One writer, or any number of readers. */
static void test_lock(void)
{
	struct error err = { "" };
	struct disk *a, *b;

	make_file(SIZE);
	CU_ASSERT_EQUAL_FATAL(open_as(&a, "", NULL), 0);
	CU_ASSERT_EQUAL(open_as(&b, "", &err), -EBUSY);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "in use"));
	CU_ASSERT_EQUAL(open_as(&b, ",ro", NULL), -EBUSY);
	CU_ASSERT_EQUAL(open_as(&b, ",snapshot", NULL), -EBUSY);
	disk_close(a);
	CU_ASSERT_EQUAL_FATAL(open_as(&a, ",ro", NULL), 0);
	CU_ASSERT_EQUAL(open_as(&b, ",snapshot", NULL), 0);
	disk_close(b);
	CU_ASSERT_EQUAL(open_as(&b, "", NULL), -EBUSY);
	disk_close(a);
	CU_ASSERT_EQUAL(open_as(&b, "", NULL), 0);
	disk_close(b);
	remove_file();
}

static void test_refused(void)
{
	struct error err = { "" };
	struct disk *d;
	char fifo[80];

	make_file(1000);
	CU_ASSERT_EQUAL(open_as(&d, "", &err), -EINVAL);
	CU_ASSERT_PTR_NULL(d);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "1000 bytes"));
	CU_ASSERT_EQUAL(open_as(&d, "y", &err), -ENOENT);
	CU_ASSERT_EQUAL(disk_open(&d, dir, &err), -EISDIR);
	/* One that nobody writes to would block. */
	snprintf(fifo, sizeof(fifo), "%s/fifo", dir);
	CU_ASSERT_EQUAL(mkfifo(fifo, 0600), 0);
	CU_ASSERT_EQUAL(disk_open(&d, fifo, &err), -EINVAL);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "neither a file nor a block device"));
	CU_ASSERT_PTR_NULL(strchr(err.text, '\n'));
	unlink(fifo);
	remove_file();
}

/* The file shrinks under us: an error, not an endless loop or a crash. */
static void test_shrunk(void)
{
	struct disk *d;
	u64 buf[64];

	make_file(SIZE);
	CU_ASSERT_EQUAL_FATAL(open_as(&d, "", NULL), 0);
	CU_ASSERT_EQUAL(truncate(file, 4096), 0);
	CU_ASSERT_EQUAL(disk_read(d, 8192, buf, sizeof(buf)), -EIO);
	CU_ASSERT_EQUAL(word(d, 3584), 3584);
	disk_close(d);
	remove_file();
}

/* Zeroes a disk where the host makes no holes. */
static void *zero(void *arg)
{
	scmp_filter_ctx no_holes = seccomp_init(SCMP_ACT_ALLOW);
	struct disk *d = arg;
	long r;

	if (!no_holes ||
	    seccomp_rule_add(no_holes, SCMP_ACT_ERRNO(EOPNOTSUPP), SCMP_SYS(fallocate), 0) ||
	    seccomp_load(no_holes))
		return (void *)1L;
	seccomp_release(no_holes);
	r = disk_zero(d, 0, disk_size(d));
	return (void *)r;
}

static void test_hurry(void)
{
	struct disk *d;
	pthread_t thread;
	void *result;
	int tries = 0;

	make_file(SIZE);
	CU_ASSERT_EQUAL(truncate(file, GiB), 0);
	CU_ASSERT_EQUAL_FATAL(open_as(&d, "", NULL), 0);
	CU_ASSERT_EQUAL_FATAL(pthread_create(&thread, NULL, zero, d), 0);
	while (word(d, 512) && tries++ < 5000)
		usleep(1000);
	CU_ASSERT_EQUAL(word(d, 512), 0);
	disk_hurry(d);
	pthread_join(thread, &result);
	CU_ASSERT_EQUAL((long)result, -ECANCELED);
	CU_ASSERT_EQUAL(put(d, 1024, 5), 0);
	CU_ASSERT_EQUAL(disk_discard(d, 1024, 512), 0);
	CU_ASSERT_EQUAL(disk_zero(d, 1024, 512), -ECANCELED);
	CU_ASSERT_EQUAL(word(d, 1024), 5);
	CU_ASSERT_EQUAL(disk_flush(d), 0);
	disk_close(d);
	remove_file();
}

CU_TestInfo tests_disk[] = {
	{ "to change, read-only, snapshot", test_modes },
	{ "what is in memory", test_cached },
	{ "locks", test_lock },
	{ "what is no image", test_refused },
	{ "an image that becomes shorter", test_shrunk },
	{ "no time for zeroes", test_hurry },
	CU_TEST_INFO_NULL,
};
