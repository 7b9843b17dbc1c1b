/* SPDX-License-Identifier: MIT */
#include "common/dev/virtio_console.h"
#include "tests/unit/virtio_rig.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

#define RX 0
#define TX 1

struct fixture {
	struct virtio_rig r;
	struct virtio_console *console;
	const char *input;
	u8 *output;
	atomic_size_t printed;
	atomic_bool stuck; /* whoever reads the output does not */
};

static size_t read_input(void *arg, u8 *buf, size_t max)
{
	struct fixture *f = arg;
	size_t n = strnlen(f->input, max);

	memcpy(buf, f->input, n);
	f->input += n;
	return n;
}

static void write_output(void *arg, const u8 *data, size_t len)
{
	struct fixture *f = arg;

	while (atomic_load(&f->stuck))
		usleep(1000);
	memcpy(f->output + atomic_load(&f->printed), data, len);
	atomic_fetch_add(&f->printed, len);
}

static void no_notify(void *arg)
{
	(void)arg;
}

static void setup(struct fixture *f)
{
	const struct virtio_console_io io = { read_input, write_output, f };

	memset(f, 0, sizeof(*f));
	f->input = "";
	f->output = malloc(1 << 20);
	rig_init(&f->r);
	CU_ASSERT_EQUAL_FATAL(virtio_console_new(&f->console, &io, &f->r.ram, &f->r.services,
						 no_notify, NULL, NULL),
			      0);
	rig_plug(&f->r, virtio_console_device(f->console));
	CU_ASSERT_EQUAL(rig_start(&f->r, 0), 0x0f);
}

static void teardown(struct fixture *f)
{
	virtio_console_free(f->console);
	free(f->output);
	rig_fini(&f->r);
}

static void offer_output(struct fixture *f, u32 len)
{
	rig_desc(&f->r, TX, 0, RIG_BUFFERS, len, 0, 0);
	rig_offer(&f->r, TX, 0);
	rig_notify(&f->r, TX);
}

static void test_output(void)
{
	struct fixture f;

	setup(&f);
	memcpy(rig_at(&f.r, RIG_BUFFERS), "hello\n", 6);
	offer_output(&f, 6);
	CU_ASSERT(rig_wait(&f.r, TX, 1));
	CU_ASSERT(f.r.b.wire.level);
	offer_output(&f, 6);
	virtio_console_stop(f.console);
	CU_ASSERT_EQUAL(atomic_load(&f.printed), 12);
	CU_ASSERT_EQUAL(memcmp(f.output, "hello\nhello\n", 12), 0);
	teardown(&f);
}

/* The guest waits only when the ring is full, and then no byte is lost. */
static void test_slow_reader(void)
{
	struct fixture f;

	setup(&f);
	for (u32 i = 0; i < 300000; i++)
		*rig_at(&f.r, RIG_BUFFERS + i) = (u8)(i * 7 + i / 1000);
	atomic_store(&f.stuck, true);
	offer_output(&f, 1000);
	CU_ASSERT(rig_wait(&f.r, TX, 1));
	offer_output(&f, 300000);
	for (int i = 0; i < 20; i++) {
		usleep(1000);
		virtio_poll(f.r.v);
	}
	CU_ASSERT_EQUAL(*rig_at(&f.r, RIG_USED(TX) + 2), 1);
	atomic_store(&f.stuck, false);
	CU_ASSERT(rig_wait(&f.r, TX, 2));
	virtio_console_stop(f.console);
	CU_ASSERT_EQUAL(atomic_load(&f.printed), 301000);
	CU_ASSERT_EQUAL(memcmp(f.output + 1000, rig_at(&f.r, RIG_BUFFERS), 300000), 0);
	teardown(&f);
}

static void test_input(void)
{
	struct fixture f;

	setup(&f);
	rig_desc(&f.r, RX, 0, RIG_BUFFERS, 4, VRING_DESC_F_WRITE, 0);
	rig_desc(&f.r, RX, 1, RIG_BUFFERS + 16, 16, VRING_DESC_F_WRITE, 0);
	rig_offer(&f.r, RX, 0);
	rig_offer(&f.r, RX, 1);
	rig_notify(&f.r, RX);
	CU_ASSERT_EQUAL(*rig_at(&f.r, RIG_USED(RX) + 2), 0);
	f.input = "typed\n";
	virtio_poll(f.r.v);
	CU_ASSERT_EQUAL(*rig_at(&f.r, RIG_USED(RX) + 2), 2);
	CU_ASSERT_EQUAL(rig_used_len(&f.r, RX, 0), 4);
	CU_ASSERT_EQUAL(rig_used_len(&f.r, RX, 1), 2);
	CU_ASSERT_EQUAL(memcmp(rig_at(&f.r, RIG_BUFFERS), "type", 4), 0);
	CU_ASSERT_EQUAL(memcmp(rig_at(&f.r, RIG_BUFFERS + 16), "d\n", 2), 0);
	CU_ASSERT(f.r.b.wire.level);
	/* Without a buffer nothing is taken. */
	f.input = "more";
	virtio_poll(f.r.v);
	CU_ASSERT_STRING_EQUAL(f.input, "more");
	/* A buffer from before a reset is not used after it. */
	f.input = "";
	rig_offer(&f.r, RX, 0);
	rig_notify(&f.r, RX);
	rig_start(&f.r, 0);
	f.input = "late";
	virtio_poll(f.r.v);
	CU_ASSERT_STRING_EQUAL(f.input, "late");
	teardown(&f);
}

CU_TestInfo tests_virtio_console[] = {
	{ "output", test_output },
	{ "output to a slow reader", test_slow_reader },
	{ "input", test_input },
	CU_TEST_INFO_NULL,
};
