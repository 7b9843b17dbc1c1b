/* SPDX-License-Identifier: MIT */
#include "common/dev/i8042.h"
#include "tests/unit/devtest.h"

#define DATA   0x60
#define STATUS 0x64

struct fixture {
	struct bench b;
	struct i8042 kbc;
};

static void setup(struct fixture *f)
{
	memset(f, 0, sizeof(*f));
	bench_init(&f->b);
	i8042_init(&f->kbc, wire_line(&f->b, 1), count_call, &f->b);
	CU_ASSERT_EQUAL_FATAL(i8042_attach(&f->kbc, &f->b.pio), 0);
}

/* Everything there is to read, as hexadecimal digits. */
static const char *drain(struct fixture *f)
{
	static char text[3 * I8042_QUEUE + 4];
	size_t n = 0;

	text[0] = 0;
	while (in8(&f->b, STATUS) & 1 && n + 4 < sizeof(text))
		n += (size_t)snprintf(text + n, sizeof(text) - n, "%s%02x", n ? " " : "",
				      in8(&f->b, DATA));
	return text;
}

static const char *command(struct fixture *f, u8 cmd)
{
	out8(&f->b, STATUS, cmd);
	return drain(f);
}

static const char *keyboard(struct fixture *f, u8 byte)
{
	out8(&f->b, DATA, byte);
	return drain(f);
}

static void test_controller(void)
{
	static const struct {
		u8 command;
		const char *answer;
	} row[] = {
		{ 0x20, "65" }, { 0xaa, "55" }, { 0xab, "00" }, { 0xa4, "f1" },
		{ 0xc0, "80" }, { 0xd0, "c3" }, { 0xe0, "00" }, { 0xff, "" },
	};
	struct fixture f;

	setup(&f);
	CU_ASSERT_EQUAL(in8(&f.b, STATUS), 0x14);
	for (unsigned int i = 0; i < ARRAY_SIZE(row); i++)
		CU_ASSERT_STRING_EQUAL(command(&f, row[i].command), row[i].answer);
	CU_ASSERT_EQUAL(in8(&f.b, STATUS), 0x1c);
	out8(&f.b, STATUS, 0x60);
	out8(&f.b, DATA, 0x74);
	CU_ASSERT_EQUAL(in8(&f.b, STATUS), 0x14);
	CU_ASSERT_STRING_EQUAL(command(&f, 0x20), "74");
	CU_ASSERT_STRING_EQUAL(command(&f, 0xae), "");
	CU_ASSERT_STRING_EQUAL(command(&f, 0x20), "64");
	CU_ASSERT_STRING_EQUAL(command(&f, 0xad), "");
	CU_ASSERT_STRING_EQUAL(command(&f, 0x20), "74");
	CU_ASSERT_STRING_EQUAL(command(&f, 0xa8), "");
	CU_ASSERT_STRING_EQUAL(command(&f, 0x20), "54");
	out8(&f.b, STATUS, 0x7f);
	out8(&f.b, DATA, 0x99);
	CU_ASSERT_STRING_EQUAL(command(&f, 0x3f), "99");
	CU_ASSERT_STRING_EQUAL(command(&f, 0x20), "54");
	bench_fini(&f.b);
}

static void test_keyboard(void)
{
	static const struct {
		u8 byte;
		const char *answer;
	} row[] = {
		{ 0xff, "fa aa" },    { 0xee, "ee" }, { 0xed, "fa" },	 { 0x02, "fa" },
		{ 0xf3, "fa" },	      { 0x20, "fa" }, { 0xf5, "fa" },	 { 0xf4, "fa" },
		{ 0xf2, "fa ab 41" }, { 0xf0, "fa" }, { 0x00, "fa 41" }, /* set 2, translated */
		{ 0xf0, "fa" },	      { 0x01, "fa" }, { 0xf0, "fa" },	 { 0x00, "fa 43" },
		{ 0xed, "fa" },	      { 0xee, "ee" }, /* a command instead of the parameter */
		{ 0x02, "fe" },	      { 0xfe, "fe" }, { 0xf6, "fa" },	 { 0xfe, "fa" },
	};
	struct fixture f;

	setup(&f);
	for (unsigned int i = 0; i < ARRAY_SIZE(row); i++)
		CU_ASSERT_STRING_EQUAL(keyboard(&f, row[i].byte), row[i].answer);
	/* Without translation the keyboard's own codes. */
	out8(&f.b, STATUS, 0x60);
	out8(&f.b, DATA, 0x05);
	CU_ASSERT_STRING_EQUAL(keyboard(&f, 0xf2), "fa ab 83");
	bench_fini(&f.b);
}

static void test_interrupts(void)
{
	struct fixture f;
	const u8 keys[] = { 0x1e, 0x9e, 0xe0 };

	setup(&f);
	i8042_key(&f.kbc, keys, 3);
	for (unsigned int i = 0; i < 3; i++) {
		/* An edge for each byte. */
		CU_ASSERT_EQUAL(f.b.wire.edges, i + 1);
		CU_ASSERT_EQUAL(f.b.wire.level, 1);
		CU_ASSERT_EQUAL(in8(&f.b, DATA), keys[i]);
	}
	CU_ASSERT_EQUAL(f.b.wire.level, 0);
	CU_ASSERT_EQUAL(f.b.wire.pin, 1);
	CU_ASSERT_EQUAL(in8(&f.b, DATA), 0xe0); /* the buffer keeps its last value */
	out8(&f.b, STATUS, 0x60);
	out8(&f.b, DATA, 0x44);
	i8042_key(&f.kbc, keys, 1);
	CU_ASSERT_EQUAL(f.b.wire.level, 0);
	CU_ASSERT_STRING_EQUAL(drain(&f), "1e");
	/* A disabled port keeps the keyboard waiting. */
	command(&f, 0xad);
	i8042_key(&f.kbc, keys, 2);
	CU_ASSERT_STRING_EQUAL(drain(&f), "");
	out8(&f.b, STATUS, 0xae);
	CU_ASSERT_STRING_EQUAL(drain(&f), "1e 9e");
	/* Sending to the keyboard enables it again. */
	command(&f, 0xad);
	CU_ASSERT_STRING_EQUAL(keyboard(&f, 0xee), "ee");
	/* With scanning off keys are lost. */
	keyboard(&f, 0xf5);
	i8042_key(&f.kbc, keys, 1);
	CU_ASSERT_STRING_EQUAL(drain(&f), "");
	bench_fini(&f.b);
}

/* More is asked for once, when all has been read. */
static void test_ready(void)
{
	static const u8 keys[] = { 0x1e, 0x9e };
	struct fixture f;

	setup(&f);
	f.kbc.rx_ready = count_call;
	f.kbc.rx_ready_arg = &f.b;
	i8042_key(&f.kbc, keys, 2);
	CU_ASSERT_EQUAL(i8042_room(&f.kbc), I8042_KEYS - 1); /* one is in the output buffer */
	in8(&f.b, DATA);
	CU_ASSERT_EQUAL(f.b.calls, 0);
	in8(&f.b, DATA);
	CU_ASSERT_EQUAL(f.b.calls, 1);
	CU_ASSERT_EQUAL(i8042_room(&f.kbc), I8042_KEYS);
	bench_fini(&f.b);
}

static void test_overflow(void)
{
	struct fixture f;
	u8 keys[I8042_QUEUE + 1] = { 0 };
	unsigned int n = 0;

	setup(&f);
	i8042_key(&f.kbc, keys, sizeof(keys));
	CU_ASSERT_EQUAL(in8(&f.b, STATUS) & 1, 0);
	for (int i = 0; i < 1000; i++)
		out8(&f.b, DATA, 0xf2);
	for (; in8(&f.b, STATUS) & 1 && n < 1000; n++)
		in8(&f.b, DATA);
	CU_ASSERT_EQUAL(n, I8042_QUEUE + 1);
	bench_fini(&f.b);
}

/* Somebody types more than the guest takes: a command is answered all the same. */
static void test_busy(void)
{
	const u8 keys[] = { 0x1e, 0x9e };
	struct fixture f;
	const char *all;

	setup(&f);
	while (i8042_room(&f.kbc) >= sizeof(keys))
		i8042_key(&f.kbc, keys, sizeof(keys));
	i8042_key(&f.kbc, keys, sizeof(keys));
	CU_ASSERT(i8042_room(&f.kbc) < sizeof(keys));
	all = keyboard(&f, 0xf2);
	CU_ASSERT_STRING_EQUAL(all + strlen(all) - 8, "fa ab 41");
	CU_ASSERT_EQUAL(i8042_room(&f.kbc), I8042_KEYS);
	bench_fini(&f.b);
}

/* What Linux asks to find out whether there is a mouse port, and how it must end. */
static void test_no_mouse(void)
{
	struct fixture f;

	setup(&f);
	out8(&f.b, STATUS, 0xd3);
	out8(&f.b, DATA, 0x5a);
	CU_ASSERT_EQUAL(in8(&f.b, STATUS) & 0x21, 0x01); /* an answer, not from a mouse */
	drain(&f);
	CU_ASSERT_STRING_EQUAL(command(&f, 0xa9), "01");
	/* Sending to it anyway: time-out. */
	out8(&f.b, STATUS, 0xd4);
	out8(&f.b, DATA, 0xf4);
	CU_ASSERT_EQUAL(in8(&f.b, STATUS) & 0x61, 0x61);
	CU_ASSERT_EQUAL(f.b.wire.level, 0);
	CU_ASSERT_STRING_EQUAL(drain(&f), "fe");
	CU_ASSERT_EQUAL(in8(&f.b, STATUS) & 0x61, 0);
	bench_fini(&f.b);
}

static void test_a20(void)
{
	struct fixture f;

	setup(&f);
	CU_ASSERT_TRUE(i8042_a20(&f.kbc));
	CU_ASSERT_EQUAL(in8(&f.b, 0x92), 0x02);
	command(&f, 0xdd);
	CU_ASSERT_FALSE(i8042_a20(&f.kbc));
	CU_ASSERT_EQUAL(in8(&f.b, 0x92), 0x00);
	command(&f, 0xdf);
	CU_ASSERT_TRUE(i8042_a20(&f.kbc));
	out8(&f.b, STATUS, 0xd1);
	out8(&f.b, DATA, 0xdd);
	CU_ASSERT_FALSE(i8042_a20(&f.kbc));
	CU_ASSERT_STRING_EQUAL(command(&f, 0xd0), "c1");
	out8(&f.b, 0x92, 0x02);
	CU_ASSERT_TRUE(i8042_a20(&f.kbc));
	out8(&f.b, 0x92, 0x00);
	CU_ASSERT_FALSE(i8042_a20(&f.kbc));
	i8042_reset(&f.kbc);
	CU_ASSERT_TRUE(i8042_a20(&f.kbc));
	CU_ASSERT_EQUAL(f.b.calls, 0);
	bench_fini(&f.b);
}

static void test_reset(void)
{
	struct fixture f;

	setup(&f);
	command(&f, 0xfe);
	CU_ASSERT_EQUAL(f.b.calls, 1);
	command(&f, 0xf1);
	CU_ASSERT_EQUAL(f.b.calls, 1);
	out8(&f.b, STATUS, 0xd1);
	out8(&f.b, DATA, 0x02);
	CU_ASSERT_EQUAL(f.b.calls, 2);
	out8(&f.b, 0x92, 0x03);
	CU_ASSERT_EQUAL(f.b.calls, 3);
	out8(&f.b, 0x92, 0x03); /* only a rising bit resets */
	CU_ASSERT_EQUAL(f.b.calls, 3);
	bench_fini(&f.b);
}

CU_TestInfo tests_i8042[] = {
	{ "controller commands", test_controller },
	{ "keyboard commands", test_keyboard },
	{ "scan codes and interrupts", test_interrupts },
	{ "asks for more", test_ready },
	{ "the queue does not overflow", test_overflow },
	{ "a command behind many keys", test_busy },
	{ "there is no mouse", test_no_mouse },
	{ "A20 through three doors", test_a20 },
	{ "reset through three doors", test_reset },
	CU_TEST_INFO_NULL,
};
