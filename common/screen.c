/* SPDX-License-Identifier: MIT */
#include "common/screen.h"

#include <stdio.h>
#include <string.h>

#define CELLS (VGA_TEXT_SIZE / 2)
#define GAP   6 /* bytes of a position, about */

/* Unicode of the characters of code page 437 that are not ASCII's, the controls as they look. */
static const u16 low_glyphs[32] = {
	0x0020, 0x263a, 0x263b, 0x2665, 0x2666, 0x2663, 0x2660, 0x2022, 0x25d8, 0x25cb, 0x25d9,
	0x2642, 0x2640, 0x266a, 0x266b, 0x263c, 0x25ba, 0x25c4, 0x2195, 0x203c, 0x00b6, 0x00a7,
	0x25ac, 0x21a8, 0x2191, 0x2193, 0x2192, 0x2190, 0x221f, 0x2194, 0x25b2, 0x25bc
};

static const u16 high_glyphs[129] = { /* from 0x7f */
				      0x2302, 0x00c7, 0x00fc, 0x00e9, 0x00e2, 0x00e4, 0x00e0,
				      0x00e5, 0x00e7, 0x00ea, 0x00eb, 0x00e8, 0x00ef, 0x00ee,
				      0x00ec, 0x00c4, 0x00c5, 0x00c9, 0x00e6, 0x00c6, 0x00f4,
				      0x00f6, 0x00f2, 0x00fb, 0x00f9, 0x00ff, 0x00d6, 0x00dc,
				      0x00a2, 0x00a3, 0x00a5, 0x20a7, 0x0192, 0x00e1, 0x00ed,
				      0x00f3, 0x00fa, 0x00f1, 0x00d1, 0x00aa, 0x00ba, 0x00bf,
				      0x2310, 0x00ac, 0x00bd, 0x00bc, 0x00a1, 0x00ab, 0x00bb,
				      0x2591, 0x2592, 0x2593, 0x2502, 0x2524, 0x2561, 0x2562,
				      0x2556, 0x2555, 0x2563, 0x2551, 0x2557, 0x255d, 0x255c,
				      0x255b, 0x2510, 0x2514, 0x2534, 0x252c, 0x251c, 0x2500,
				      0x253c, 0x255e, 0x255f, 0x255a, 0x2554, 0x2569, 0x2566,
				      0x2560, 0x2550, 0x256c, 0x2567, 0x2568, 0x2564, 0x2565,
				      0x2559, 0x2558, 0x2552, 0x2553, 0x256b, 0x256a, 0x2518,
				      0x250c, 0x2588, 0x2584, 0x258c, 0x2590, 0x2580, 0x03b1,
				      0x00df, 0x0393, 0x03c0, 0x03a3, 0x03c3, 0x00b5, 0x03c4,
				      0x03a6, 0x0398, 0x03a9, 0x03b4, 0x221e, 0x03c6, 0x03b5,
				      0x2229, 0x2261, 0x00b1, 0x2265, 0x2264, 0x2320, 0x2321,
				      0x00f7, 0x2248, 0x00b0, 0x2219, 0x00b7, 0x221a, 0x207f,
				      0x00b2, 0x25a0, 0x0020
};

/* VGA's blue, green, red, intensity to the terminal's red, green, blue. */
static const u8 ansi_colour[8] = { 0, 4, 2, 6, 1, 5, 3, 7 };

void screen_take(struct screen *s, const struct ram *ram, const struct vga *vga)
{
	const u16 *text = ram_at(ram, VGA_TEXT, VGA_TEXT_SIZE);
	unsigned int start = vga_start(vga);
	int cursor = vga_cursor(vga);

	memset(s, 0, sizeof(*s));
	s->row = -1;
	s->blinks = vga_blinks(vga);
	if (!text)
		return;
	for (unsigned int i = 0; i < VGA_ROWS * VGA_COLUMNS; i++)
		s->cell[i / VGA_COLUMNS][i % VGA_COLUMNS] = text[(start + i) % CELLS];
	if (cursor < 0)
		return;
	cursor = (cursor + CELLS - (int)start) % CELLS;
	if (cursor < VGA_ROWS * VGA_COLUMNS) {
		s->row = cursor / VGA_COLUMNS;
		s->column = cursor % VGA_COLUMNS;
	}
}

static unsigned int glyph(u16 cell)
{
	u8 c = (u8)cell;

	if (c < 0x20)
		return low_glyphs[c];
	return c < 0x7f ? c : high_glyphs[c - 0x7f];
}

static bool is_visible(u16 cell)
{
	u8 foreground = cell >> 8 & 15, background = cell >> 12 & 7;

	return glyph(cell) != ' ' && foreground != background;
}

bool screen_has_text(const struct screen *s)
{
	for (unsigned int row = 0; row < VGA_ROWS; row++)
		for (unsigned int column = 0; column < VGA_COLUMNS; column++)
			if (is_visible(s->cell[row][column]))
				return true;
	return false;
}

static char *put_glyph(char *out, u16 cell)
{
	unsigned int c = glyph(cell);

	if (c < 0x80) {
		*out++ = (char)c;
	} else if (c < 0x800) {
		*out++ = (char)(0xc0 | c >> 6);
		*out++ = (char)(0x80 | (c & 0x3f));
	} else {
		*out++ = (char)(0xe0 | c >> 12);
		*out++ = (char)(0x80 | (c >> 6 & 0x3f));
		*out++ = (char)(0x80 | (c & 0x3f));
	}
	return out;
}

static char *put_colours(char *out, u8 attribute, bool blinks)
{
	unsigned int fg = attribute & 15, bg = attribute >> 4;
	bool blink = blinks && bg & 8;

	if (blinks)
		bg &= 7;
	return out + sprintf(out, "\033[0;%s%u;%um", blink ? "5;" : "",
			     (fg & 8 ? 90 : 30) + ansi_colour[fg & 7],
			     (bg & 8 ? 100 : 40) + ansi_colour[bg & 7]);
}

static char *put_position(char *out, int row, int column)
{
	return out + sprintf(out, "\033[%d;%dH", row + 1, column + 1);
}

/* The first row that a terminal of ROWS shows. */
static int top(const struct screen *s, unsigned int rows)
{
	return s->row >= (int)rows ? s->row - (int)rows + 1 : 0;
}

struct pen {
	char *out;
	int attribute; /* -1: unknown */
	int column;    /* where it stands in the row that is drawn; -1: elsewhere */
	bool blinks;
};

static void draw_cell(struct pen *pen, u16 cell, int row, int column)
{
	if (pen->column != column)
		pen->out = put_position(pen->out, row, column);
	if (pen->attribute != cell >> 8)
		pen->out = put_colours(pen->out, (u8)(cell >> 8), pen->blinks);
	pen->attribute = cell >> 8;
	pen->out = put_glyph(pen->out, cell);
	pen->column = column + 1;
}

/* CELL of ROW, where OLD, if there is one, has others. */
static void draw_row(struct pen *pen, const u16 *cell, const u16 *old, int row, int columns)
{
	pen->column = -1;
	for (int column = 0; column < columns; column++) {
		if (old && old[column] == cell[column])
			continue;
		/* To draw a few again is shorter than to step over them. */
		if (pen->column >= 0 && column - pen->column <= GAP)
			while (pen->column < column)
				draw_cell(pen, cell[pen->column], row, pen->column);
		draw_cell(pen, cell[column], row, column);
	}
}

size_t screen_update(const struct screen *s, const struct screen *from, unsigned int rows,
		     unsigned int columns, char *out)
{
	struct pen pen = { .out = out, .attribute = -1, .blinks = s->blinks };
	int first = top(s, rows);

	if (from && (top(from, rows) != first || from->blinks != s->blinks))
		from = NULL;
	if (from && !memcmp(s, from, sizeof(*s)))
		return 0;
	pen.out += sprintf(pen.out, "\033[?25l%s", from ? "" : "\033[0m\033[2J");
	rows = rows < VGA_ROWS ? rows : VGA_ROWS;
	columns = columns < VGA_COLUMNS ? columns : VGA_COLUMNS;
	for (unsigned int row = 0; row < rows; row++)
		draw_row(&pen, s->cell[first + row], from ? from->cell[first + row] : NULL,
			 (int)row, (int)columns);
	if (s->row >= 0 && s->column < (int)columns) {
		pen.out = put_position(pen.out, s->row - first, s->column);
		pen.out += sprintf(pen.out, "\033[?25h");
	}
	return (size_t)(pen.out - out);
}

size_t screen_text(const struct screen *s, char *out)
{
	char *p = out, *end = out;

	for (unsigned int row = 0; row < VGA_ROWS; row++) {
		char *line = p;

		for (unsigned int column = 0; column < VGA_COLUMNS; column++)
			p = put_glyph(p, s->cell[row][column]);
		while (p > line && p[-1] == ' ')
			p--;
		if (p > line)
			end = p + 1;
		*p++ = '\n';
	}
	return (size_t)(end - out);
}
