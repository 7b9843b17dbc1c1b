/* SPDX-License-Identifier: MIT */
#include "common/dev/virtio_blk.h"
#include "tests/unit/virtio_rig.h"

#include <linux/virtio_blk.h>
#include <linux/virtio_config.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#define SECTORS	 2048u
#define HEADER	 RIG_BUFFERS
#define DATA	 (RIG_BUFFERS + 0x1000)
#define STATUS	 (RIG_BUFFERS + 0x800)
#define FEATURES (BIT64(VIRTIO_BLK_F_FLUSH) | BIT64(VIRTIO_BLK_F_DISCARD))

struct fixture {
	struct virtio_rig r;
	struct disk *disk;
	struct virtio_blk *blk;
	int fd;
	u16 done;
};

static void no_notify(void *arg)
{
	(void)arg; /* the tests ask again and again */
}

static void setup(struct fixture *f, const char *suffix)
{
	struct error err = { "" };
	char path[64];

	memset(f, 0, sizeof(*f));
	rig_init(&f->r);
	f->fd = memfd_create("disk", MFD_CLOEXEC);
	for (u32 i = 0; i < SECTORS; i++) {
		u32 sector[128];

		for (u32 k = 0; k < 128; k++)
			sector[k] = i << 8 | k;
		CU_ASSERT_EQUAL_FATAL(pwrite(f->fd, sector, 512, i * 512), 512);
	}
	snprintf(path, sizeof(path), "/proc/self/fd/%d%s", f->fd, suffix);
	CU_ASSERT_EQUAL_FATAL(disk_open(&f->disk, path, &err), 0);
	CU_ASSERT_EQUAL_FATAL(virtio_blk_new(&f->blk, f->disk, 0, &f->r.ram, &f->r.services,
					     no_notify, NULL, &err),
			      0);
	rig_plug(&f->r, virtio_blk_device(f->blk));
	CU_ASSERT_EQUAL_FATAL(rig_start(&f->r, FEATURES & f->r.v->features), 0x0f);
}

static void teardown(struct fixture *f)
{
	virtio_blk_free(f->blk);
	disk_close(f->disk);
	close(f->fd);
	rig_fini(&f->r);
}

static void put_header(struct fixture *f, u32 type, u64 sector)
{
	const struct virtio_blk_outhdr h = { .type = type, .sector = sector };

	memcpy(rig_at(&f->r, HEADER), &h, sizeof(h));
	*rig_at(&f->r, STATUS) = 0xee;
}

/* A request with LEN bytes at DATA; its status. */
static u8 request(struct fixture *f, u32 type, u64 sector, u32 len)
{
	u16 flags = type == VIRTIO_BLK_T_IN || type == VIRTIO_BLK_T_GET_ID ? VRING_DESC_F_WRITE : 0;

	put_header(f, type, sector);
	rig_desc(&f->r, 0, 0, HEADER, 16, VRING_DESC_F_NEXT, len ? 1 : 2);
	rig_desc(&f->r, 0, 1, DATA, len, VRING_DESC_F_NEXT | flags, 2);
	rig_desc(&f->r, 0, 2, STATUS, 1, VRING_DESC_F_WRITE, 0);
	rig_offer(&f->r, 0, 0);
	rig_notify(&f->r, 0);
	CU_ASSERT(rig_wait(&f->r, 0, ++f->done));
	return *rig_at(&f->r, STATUS);
}

static u32 word_on_disk(struct fixture *f, u64 sector)
{
	u32 word = 0;

	CU_ASSERT_EQUAL(pread(f->fd, &word, 4, (off_t)sector * 512), 4);
	return word;
}

static void test_read_write(void)
{
	struct fixture f;
	u32 *data;

	setup(&f, "");
	data = (u32 *)rig_at(&f.r, DATA);
	CU_ASSERT_EQUAL(rig_read(&f.r, 0x2000, 4), SECTORS);
	CU_ASSERT_EQUAL(request(&f, VIRTIO_BLK_T_IN, 7, 8192), 0);
	CU_ASSERT_EQUAL(data[0], 7 << 8);
	CU_ASSERT_EQUAL(data[2047], 22 << 8 | 127);
	CU_ASSERT_EQUAL(rig_used_len(&f.r, 0, 0), 8193);
	CU_ASSERT_EQUAL(f.r.b.wire.level, 1);
	CU_ASSERT_EQUAL(rig_read(&f.r, 0x1000, 1), 1);
	CU_ASSERT_EQUAL(f.r.b.wire.level, 0);
	CU_ASSERT_EQUAL(rig_read(&f.r, 0x1000, 1), 0);
	data[0] = 0x12345678;
	data[128] = 0x9abcdef0;
	CU_ASSERT_EQUAL(request(&f, VIRTIO_BLK_T_OUT, SECTORS - 2, 1024), 0);
	CU_ASSERT_EQUAL(word_on_disk(&f, SECTORS - 2), 0x12345678);
	CU_ASSERT_EQUAL(word_on_disk(&f, SECTORS - 1), 0x9abcdef0);
	CU_ASSERT_EQUAL(request(&f, VIRTIO_BLK_T_FLUSH, 0, 0), 0);
	CU_ASSERT_EQUAL(request(&f, VIRTIO_BLK_T_GET_ID, 0, 20), 0);
	CU_ASSERT_STRING_EQUAL((char *)data, "disk0");
	teardown(&f);
}

static void test_zeroes(void)
{
	struct virtio_blk_discard_write_zeroes range = { 16, 8, 0 };
	struct fixture f;

	setup(&f, "");
	memcpy(rig_at(&f.r, DATA), &range, sizeof(range));
	CU_ASSERT_EQUAL(request(&f, VIRTIO_BLK_T_WRITE_ZEROES, 0, sizeof(range)), 0);
	CU_ASSERT_EQUAL(word_on_disk(&f, 15), 15 << 8);
	CU_ASSERT_EQUAL(word_on_disk(&f, 16), 0);
	CU_ASSERT_EQUAL(word_on_disk(&f, 23), 0);
	CU_ASSERT_EQUAL(word_on_disk(&f, 24), 24 << 8);
	CU_ASSERT_EQUAL(request(&f, VIRTIO_BLK_T_DISCARD, 0, sizeof(range)), 0);
	range.num_sectors = SECTORS;
	memcpy(rig_at(&f.r, DATA), &range, sizeof(range));
	CU_ASSERT_EQUAL(request(&f, VIRTIO_BLK_T_DISCARD, 0, sizeof(range)), VIRTIO_BLK_S_IOERR);
	range = (struct virtio_blk_discard_write_zeroes){ ~0ull / 512, 8, 0 };
	memcpy(rig_at(&f.r, DATA), &range, sizeof(range));
	CU_ASSERT_EQUAL(request(&f, VIRTIO_BLK_T_WRITE_ZEROES, 0, 16), VIRTIO_BLK_S_IOERR);
	range = (struct virtio_blk_discard_write_zeroes){ 0, 8, 0x80 };
	memcpy(rig_at(&f.r, DATA), &range, sizeof(range));
	CU_ASSERT_EQUAL(request(&f, VIRTIO_BLK_T_WRITE_ZEROES, 0, 16), VIRTIO_BLK_S_UNSUPP);
	CU_ASSERT_EQUAL(request(&f, VIRTIO_BLK_T_WRITE_ZEROES, 0, 8), VIRTIO_BLK_S_IOERR);
	teardown(&f);
}

/* Requests that are well-formed and wrong get a status; the device goes on. */
static void test_refused(void)
{
	struct fixture f;

	setup(&f, "");
	CU_ASSERT_EQUAL(request(&f, VIRTIO_BLK_T_IN, SECTORS, 512), VIRTIO_BLK_S_IOERR);
	CU_ASSERT_EQUAL(request(&f, VIRTIO_BLK_T_IN, SECTORS - 1, 1024), VIRTIO_BLK_S_IOERR);
	CU_ASSERT_EQUAL(request(&f, VIRTIO_BLK_T_OUT, ~0ull, 512), VIRTIO_BLK_S_IOERR);
	CU_ASSERT_EQUAL(request(&f, VIRTIO_BLK_T_OUT, BIT64(55), 512), VIRTIO_BLK_S_IOERR);
	CU_ASSERT_EQUAL(request(&f, VIRTIO_BLK_T_IN, 0, 513), VIRTIO_BLK_S_IOERR);
	CU_ASSERT_EQUAL(request(&f, VIRTIO_BLK_T_IN, 0, 8 << 20), VIRTIO_BLK_S_IOERR);
	CU_ASSERT_EQUAL(request(&f, 77, 0, 512), VIRTIO_BLK_S_UNSUPP);
	CU_ASSERT_EQUAL(request(&f, VIRTIO_BLK_T_IN, 3, 512), 0);
	CU_ASSERT_EQUAL(rig_status(&f.r), 0x0f);
	teardown(&f);
}

/* Without a place for the answer there is nothing to do but to give up. */
static void test_no_status(void)
{
	struct fixture f;

	setup(&f, "");
	put_header(&f, VIRTIO_BLK_T_OUT, 0);
	rig_desc(&f.r, 0, 0, HEADER, 16, 0, 0);
	rig_offer(&f.r, 0, 0);
	rig_notify(&f.r, 0);
	CU_ASSERT_EQUAL(rig_status(&f.r), 0x4f);
	CU_ASSERT_EQUAL(f.r.complaints, 1);
	CU_ASSERT_EQUAL(rig_start(&f.r, FEATURES), 0x0f);
	f.done = 0;
	CU_ASSERT_EQUAL(request(&f, VIRTIO_BLK_T_IN, 3, 512), 0);
	rig_desc(&f.r, 0, 0, HEADER, 15, VRING_DESC_F_NEXT, 2);
	rig_offer(&f.r, 0, 0);
	rig_notify(&f.r, 0);
	CU_ASSERT_EQUAL(rig_status(&f.r), 0x4f);
	CU_ASSERT_EQUAL(f.r.complaints, 1);
	teardown(&f);
}

static void test_read_only(void)
{
	const struct virtio_blk_discard_write_zeroes range = { 9, 1, 0 };
	struct fixture f;

	setup(&f, ",ro");
	CU_ASSERT(f.r.v->features & BIT64(VIRTIO_BLK_F_RO));
	CU_ASSERT_EQUAL(request(&f, VIRTIO_BLK_T_IN, 9, 512), 0);
	CU_ASSERT_EQUAL(request(&f, VIRTIO_BLK_T_OUT, 9, 512), VIRTIO_BLK_S_IOERR);
	memcpy(rig_at(&f.r, DATA), &range, sizeof(range));
	CU_ASSERT_EQUAL(request(&f, VIRTIO_BLK_T_DISCARD, 0, 16), VIRTIO_BLK_S_IOERR);
	CU_ASSERT_EQUAL(word_on_disk(&f, 9), 9 << 8);
	teardown(&f);
}

static void test_snapshot(void)
{
	struct virtio_blk_discard_write_zeroes range = { 100, 1, 0 };
	struct fixture f;
	u32 *data;

	setup(&f, ",snapshot");
	data = (u32 *)rig_at(&f.r, DATA);
	memset(data, 0x55, 1024);
	CU_ASSERT_EQUAL(request(&f, VIRTIO_BLK_T_OUT, 9, 1024), 0);
	CU_ASSERT_EQUAL(request(&f, VIRTIO_BLK_T_FLUSH, 0, 0), 0);
	memcpy(data, &range, sizeof(range));
	CU_ASSERT_EQUAL(request(&f, VIRTIO_BLK_T_WRITE_ZEROES, 0, sizeof(range)), 0);
	CU_ASSERT_EQUAL(word_on_disk(&f, 9), 9 << 8);
	CU_ASSERT_EQUAL(word_on_disk(&f, 100), 100 << 8);
	/* Before, in, behind what was written, in one read. */
	CU_ASSERT_EQUAL(request(&f, VIRTIO_BLK_T_IN, 8, 2048), 0);
	CU_ASSERT_EQUAL(data[127], 8 << 8 | 127);
	CU_ASSERT_EQUAL(data[128], 0x55555555);
	CU_ASSERT_EQUAL(data[383], 0x55555555);
	CU_ASSERT_EQUAL(data[384], 11 << 8);
	CU_ASSERT_EQUAL(request(&f, VIRTIO_BLK_T_IN, 99, 1536), 0);
	CU_ASSERT_EQUAL(data[0], 99 << 8);
	CU_ASSERT_EQUAL(data[128], 0);
	CU_ASSERT_EQUAL(data[256], 101 << 8);
	teardown(&f);
}

/* More reads than there are buffers, too long to be done at once, all offered at once, all
 * answered; then a reset in the middle of such a heap, after which nothing comes. */
static void test_many(void)
{
	struct fixture f;

	setup(&f, "");
	put_header(&f, VIRTIO_BLK_T_IN, 5);
	rig_desc(&f.r, 0, 0, HEADER, 16, VRING_DESC_F_NEXT, 1);
	rig_desc(&f.r, 0, 1, DATA, 0x20000, VRING_DESC_F_NEXT | VRING_DESC_F_WRITE, 2);
	rig_desc(&f.r, 0, 2, STATUS, 1, VRING_DESC_F_WRITE, 0);
	for (int i = 0; i < 16; i++)
		rig_offer(&f.r, 0, 0);
	rig_notify(&f.r, 0);
	CU_ASSERT(rig_wait(&f.r, 0, 16));
	CU_ASSERT_EQUAL(*rig_at(&f.r, STATUS), 0);
	for (int i = 0; i < 16; i++)
		rig_offer(&f.r, 0, 0);
	rig_notify(&f.r, 0);
	rig_write(&f.r, 20, 0, 1);
	memset(rig_at(&f.r, DATA), 0x77, 0x20000);
	for (int i = 0; i < 10000 && rig_status(&f.r); i++) {
		usleep(1000);
		virtio_poll(f.r.v);
	}
	CU_ASSERT_EQUAL(rig_status(&f.r), 0);
	CU_ASSERT_EQUAL(*rig_at(&f.r, DATA + 0x1ffff), 0x77);
	CU_ASSERT_EQUAL(rig_start(&f.r, FEATURES), 0x0f);
	CU_ASSERT_EQUAL(request(&f, VIRTIO_BLK_T_IN, 3, 512), 0);
	teardown(&f);
}

/* The image has become shorter: the guest gets an error, the user a reason, once. */
static void test_host_errors(void)
{
	struct fixture f;

	setup(&f, "");
	CU_ASSERT_EQUAL(ftruncate(f.fd, 512), 0);
	CU_ASSERT_EQUAL(request(&f, VIRTIO_BLK_T_IN, 0, 512), VIRTIO_BLK_S_OK);
	CU_ASSERT_EQUAL(f.r.complaints, 0);
	CU_ASSERT_EQUAL(request(&f, VIRTIO_BLK_T_IN, 7, 512), VIRTIO_BLK_S_IOERR);
	CU_ASSERT_EQUAL(request(&f, VIRTIO_BLK_T_IN, 8, 512), VIRTIO_BLK_S_IOERR);
	CU_ASSERT_EQUAL(f.r.complaints, 1);
	CU_ASSERT_PTR_NOT_NULL(strstr(f.r.said, "cannot be read: Input/output error"));
	/* The driver's own mistakes are not the host's. */
	CU_ASSERT_EQUAL(request(&f, VIRTIO_BLK_T_IN, SECTORS, 512), VIRTIO_BLK_S_IOERR);
	CU_ASSERT_EQUAL(f.r.complaints, 1);
	teardown(&f);
}

CU_TestInfo tests_virtio_blk[] = {
	{ "read, write, flush, identifier", test_read_write },
	{ "write zeroes, discard", test_zeroes },
	{ "the host's errors", test_host_errors },
	{ "requests that are refused", test_refused },
	{ "requests without an end or a beginning", test_no_status },
	{ "a read-only disk", test_read_only },
	{ "a snapshot", test_snapshot },
	{ "many requests, reset among them", test_many },
	CU_TEST_INFO_NULL,
};
