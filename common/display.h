/* SPDX-License-Identifier: MIT */
/*
 * A guest's screen and keyboard on the program's terminal, and who has that: they or COM1.
 *
 * On a terminal the picture is drawn on its alternate screen as it changes, and its last state is
 * printed when it goes; into a pipe or file only that last state is. A timer looks for changes, so
 * that the guest's own writes cost nothing. vCPU thread only.
 */
#ifndef FVB_DISPLAY_H
#define FVB_DISPLAY_H

#include "common/console.h"
#include "common/screen.h"
#include "common/vm.h"

enum display_mode {
	DISPLAY_AUTO,	/* the screen, when there is text on it and nothing has come from COM1 */
	DISPLAY_SERIAL, /* COM1; nobody looks at the screen */
	DISPLAY_TEXT	/* the screen; on a terminal nobody sees COM1 */
};

struct display {
	enum display_mode mode; /* DISPLAY_SERIAL once that is decided */
	struct console *console;
	struct vm *vm;
	struct timer timer;
	bool shown;		    /* the screen has the console */
	bool promising;		    /* there was text at the last look, too */
	unsigned int stops;	    /* console_stops() when it was drawn */
	unsigned int rows, columns; /* of the terminal, then */
	bool drawn;		    /* SCREEN is on the terminal */
	struct screen screen;
	char out[SCREEN_OUT];
};

/* CONSOLE must be open, and outlive D. */
void display_open(struct display *d, enum display_mode mode, struct console *console,
		  struct vm *vm);
/* Give the console back; print what was last on the screen, if it had it. Harmless twice and
 * without display_open. */
void display_close(struct display *d);

/* The guest is about to print on COM1: may it be seen? */
bool display_serial(struct display *d);
/* Is what is typed for the keyboard, not for COM1? */
static inline bool display_takes_keys(const struct display *d)
{
	return d->shown;
}

#endif
