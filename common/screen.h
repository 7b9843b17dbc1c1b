/* SPDX-License-Identifier: MIT */
/*
 * What a guest shows on its VGA in text mode, for people: as what a terminal must be sent to show
 * it, or as plain lines. The picture is plain guest RAM, taken when somebody looks, so that no
 * write of the guest's costs it anything.
 */
#ifndef FVB_SCREEN_H
#define FVB_SCREEN_H

#include "common/dev/vga.h"
#include "common/ram.h"

struct screen {
	u16 cell[VGA_ROWS][VGA_COLUMNS]; /* attribute << 8 | character of code page 437 */
	int row, column;		 /* of the cursor; row -1: hidden or not on the screen */
	bool blinks;
};

/* Most bytes that screen_update and screen_text write. */
#define SCREEN_OUT (VGA_ROWS * (VGA_COLUMNS * 32 + 16) + 64)

/* What is shown now. */
void screen_take(struct screen *s, const struct ram *ram, const struct vga *vga);

/* Is there anything to see: a character other than a blank, in another colour than what is behind
 * it? */
bool screen_has_text(const struct screen *s);

/*
 * Into OUT, of SCREEN_OUT bytes: the UTF-8 and ECMA-48 sequences that make a terminal of ROWS by
 * COLUMNS which shows FROM show S; FROM NULL: whatever it shows. A terminal with fewer rows shows
 * those with the cursor, or else the first. Returns their length, 0 if nothing is to be done.
 */
size_t screen_update(const struct screen *s, const struct screen *from, unsigned int rows,
		     unsigned int columns, char *out);

/* Into OUT, of SCREEN_OUT bytes: the lines in UTF-8 without colours, without blanks at their ends
 * and without empty lines at the end. Returns their length. */
size_t screen_text(const struct screen *s, char *out);

#endif
