/* SPDX-License-Identifier: MIT */
#include "common/screen.h"

#include <CUnit/CUnit.h>
#include <string.h>

static struct ram ram;
static struct vga vga;
static struct screen screen;
static char out[SCREEN_OUT + 1];
static struct error err;

static void begin(void)
{
	CU_ASSERT_EQUAL_FATAL(ram_init(&ram, MiB, &err), 0);
	vga_init(&vga);
}

static void put_at(unsigned int cell, u8 attribute, const char *text)
{
	u16 *p = ram_at(&ram, VGA_TEXT, VGA_TEXT_SIZE);

	for (; *text; text++)
		p[cell++ % (VGA_TEXT_SIZE / 2)] = (u16)(attribute << 8 | (u8)*text);
}

static const char *take_text(void)
{
	screen_take(&screen, &ram, &vga);
	out[screen_text(&screen, out)] = 0;
	return out;
}

static const char *update(const struct screen *from, unsigned int rows, unsigned int columns)
{
	screen_take(&screen, &ram, &vga);
	out[screen_update(&screen, from, rows, columns, out)] = 0;
	return out;
}

static void test_text(void)
{
	begin();
	CU_ASSERT_STRING_EQUAL(take_text(), "");
	CU_ASSERT_FALSE(screen_has_text(&screen));
	put_at(0, 0x77, "grey on grey");
	screen_take(&screen, &ram, &vga);
	CU_ASSERT_FALSE(screen_has_text(&screen));
	put_at(0, 0x07, "a \xc4\x01 b            ");
	put_at(2 * VGA_COLUMNS + 1, 0x07, "\xe1");
	CU_ASSERT_STRING_EQUAL(take_text(), "a ─☺ b\n\n ß\n");
	CU_ASSERT_TRUE(screen_has_text(&screen));
	ram_fini(&ram);
}

/* A guest that scrolls by moving the start, past the end of the memory. */
static void test_start(void)
{
	begin();
	vga.crtc[0x0c] = 0x3f;
	vga.crtc[0x0d] = 0xff;
	vga.crtc[0x0e] = 0;
	vga.crtc[0x0f] = 1;
	put_at(0x3fff, 0x07, "xyz");
	CU_ASSERT_STRING_EQUAL(take_text(), "xyz\n");
	CU_ASSERT_EQUAL(screen.row, 0);
	CU_ASSERT_EQUAL(screen.column, 2);
	vga.crtc[0x0e] = 0x3f; /* above the start */
	vga.crtc[0x0f] = 0;
	take_text();
	CU_ASSERT_EQUAL(screen.row, -1);
	ram_fini(&ram);
}

static void test_update(void)
{
	struct screen before;

	begin();
	vga.crtc[0x0a] = 0x20;
	put_at(0, 0x1e, "A"); /* yellow on blue */
	CU_ASSERT_PTR_NOT_NULL(strstr(update(NULL, 25, 80), "\033[2J\033[1;1H\033[0;93;44mA"));
	before = screen;
	CU_ASSERT_STRING_EQUAL(update(&before, 25, 80), "");
	put_at(81, 0x1e, "BC");
	put_at(1999, 0x9f, "D"); /* blinking */
	CU_ASSERT_STRING_EQUAL(update(&before, 25, 80),
			       "\033[?25l\033[2;2H\033[0;93;44mBC\033[25;80H\033[0;5;97;44mD");
	/* What does not fit is left out. */
	CU_ASSERT_STRING_EQUAL(update(&before, 2, 2), "\033[?25l\033[2;2H\033[0;93;44mB");
	vga.crtc[0x0a] = 0x0d;
	vga.crtc[0x0f] = 3;
	before = screen;
	CU_ASSERT_STRING_EQUAL(update(&before, 25, 80), "\033[?25l\033[1;4H\033[?25h");
	ram_fini(&ram);
}

/* A terminal of 24 rows follows the cursor to the 25th. */
static void test_low_terminal(void)
{
	begin();
	put_at(80, 0x07, "second");
	put_at(1920, 0x07, "last");
	vga.crtc[0x0e] = 1924 >> 8;
	vga.crtc[0x0f] = 1924 & 0xff;
	update(NULL, 24, 80);
	CU_ASSERT_PTR_NOT_NULL(strstr(out, "\033[1;1H\033[0;37;40msecond"));
	CU_ASSERT_PTR_NOT_NULL(strstr(out, "\033[0;37;40mlast"));
	CU_ASSERT_PTR_NOT_NULL(strstr(out, "\033[24;5H\033[?25h"));
	ram_fini(&ram);
}

/* Every cell another colour than the one before: the most there can be. */
static void test_most(void)
{
	u16 *p;

	begin();
	p = ram_at(&ram, VGA_TEXT, VGA_TEXT_SIZE);
	for (unsigned int i = 0; i < 2000; i++)
		p[i] = (u16)((0x9f + i % 2) << 8 | 0xdb);
	screen_take(&screen, &ram, &vga);
	CU_ASSERT_TRUE(screen_update(&screen, NULL, 25, 80, out) < SCREEN_OUT);
	CU_ASSERT_TRUE(screen_text(&screen, out) < SCREEN_OUT);
	ram_fini(&ram);
}

CU_TestInfo tests_screen[] = {
	{ "text", test_text },
	{ "the start moves", test_start },
	{ "what a terminal is sent", test_update },
	{ "a terminal with fewer rows", test_low_terminal },
	{ "the most that is sent", test_most },
	CU_TEST_INFO_NULL,
};
