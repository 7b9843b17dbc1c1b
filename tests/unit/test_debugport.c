/* SPDX-License-Identifier: MIT */
#include "common/dev/debugport.h"
#include "tests/unit/devtest.h"

struct fixture {
	struct bench b;
	struct debugport port;
	char text[16];
	unsigned int nr, exits;
	int status;
};

static void record(void *arg, u8 byte)
{
	struct fixture *f = arg;

	f->text[f->nr++ % sizeof(f->text)] = (char)byte;
}

static void record_exit(void *arg, int status)
{
	struct fixture *f = arg;

	f->exits++;
	f->status = status;
}

static void setup(struct fixture *f)
{
	memset(f, 0, sizeof(*f));
	bench_init(&f->b);
	debugport_init(&f->port, record, f, record_exit, f);
	CU_ASSERT_EQUAL_FATAL(debugport_attach(&f->port, &f->b.pio), 0);
}

static void test_console(void)
{
	struct fixture f;

	setup(&f);
	CU_ASSERT_EQUAL(in8(&f.b, 0xe9), 0xe9);
	out8(&f.b, 0xe9, 'h');
	bus_write_rep(&f.b.pio, 0xe9, "ello", 1, 4);
	CU_ASSERT_STRING_EQUAL(f.text, "hello");
	out16(&f.b, 0xe9, '!' | 'x' << 8); /* the second byte goes to the next port */
	CU_ASSERT_STRING_EQUAL(f.text, "hello!");
	bench_fini(&f.b);
}

static void test_exit(void)
{
	static const struct {
		u32 value;
		unsigned int size;
		int status;
	} row[] = {
		{ 0, 1, 1 },	     { 0x10, 1, 33 },	     { 0x7f, 2, 255 },	   { 0x80, 1, 1 },
		{ 0x1234, 2, 0x69 }, { 0xffffffff, 4, 255 }, { 0x80000001, 4, 3 },
	};
	struct fixture f;

	setup(&f);
	for (unsigned int i = 0; i < ARRAY_SIZE(row); i++) {
		f.status = -1;
		bus_write(&f.b.pio, 0xf4, row[i].value, row[i].size);
		CU_ASSERT_EQUAL(f.status, row[i].status);
		CU_ASSERT_EQUAL(f.exits, i + 1); /* one call a write, however wide */
	}
	CU_ASSERT_EQUAL(in8(&f.b, 0xf4), 0);
	bench_fini(&f.b);
}

static void test_post(void)
{
	struct fixture f;

	setup(&f);
	out8(&f.b, 0x80, 0x42);
	CU_ASSERT_EQUAL(f.port.post, 0x42);
	CU_ASSERT_EQUAL(in8(&f.b, 0x80), 0x42);
	bench_fini(&f.b);
}

CU_TestInfo tests_debugport[] = {
	{ "debug console", test_console },
	{ "exit port: status of each width", test_exit },
	{ "POST code", test_post },
	CU_TEST_INFO_NULL,
};
