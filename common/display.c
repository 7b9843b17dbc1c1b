/* SPDX-License-Identifier: MIT */
#include "common/display.h"

#include <sys/ioctl.h>
#include <unistd.h>

/* Between two looks at a screen that is shown, and at one that may yet be. */
#define FRAME_NS 40000000ull
#define WATCH_NS 250000000ull

static void look_again(struct display *d, u64 ns)
{
	timer_set(&d->vm->clock, &d->timer, clock_now(&d->vm->clock) + ns);
}

static bool on_terminal(const struct display *d)
{
	return console_has_screen(d->console);
}

/* Has the terminal another size, or been somebody else's meanwhile? */
static bool must_redraw(struct display *d)
{
	struct winsize size = { 0 };
	unsigned int rows, columns, stops = console_stops();
	bool same;

	/* A terminal that does not know its size says 0. */
	ioctl(d->console->out, TIOCGWINSZ, &size);
	rows = size.ws_row ? size.ws_row : VGA_ROWS;
	columns = size.ws_col ? size.ws_col : VGA_COLUMNS;
	same = d->drawn && d->rows == rows && d->columns == columns && d->stops == stops;
	d->rows = rows;
	d->columns = columns;
	d->stops = stops;
	return !same;
}

static void draw(struct display *d)
{
	bool whole = must_redraw(d);
	struct screen now;
	size_t len;

	screen_take(&now, &d->vm->ram, &d->vm->pc.vga);
	len = screen_update(&now, whole ? NULL : &d->screen, d->rows, d->columns, d->out);
	d->screen = now;
	d->drawn = true;
	if (len) {
		console_write(d->console, d->out, len);
		console_flush(d->console);
	}
}

static void show(struct display *d)
{
	d->shown = true;
	console_screen(d->console, true);
}

/* Undecided: a screen that keeps its text for a while, without a word on COM1, is what people want
 * to see. */
static void watch(struct display *d)
{
	bool text;

	screen_take(&d->screen, &d->vm->ram, &d->vm->pc.vga);
	text = screen_has_text(&d->screen);
	if (text && d->promising)
		show(d);
	d->promising = text;
}

static void on_timer(void *arg)
{
	struct display *d = arg;

	if (!d->shown)
		watch(d);
	if (d->shown && on_terminal(d))
		draw(d);
	if (!d->shown)
		look_again(d, WATCH_NS);
	else if (on_terminal(d))
		look_again(d, FRAME_NS);
}

void display_open(struct display *d, enum display_mode mode, struct console *console, struct vm *vm)
{
	d->mode = mode;
	d->console = console;
	d->vm = vm;
	timer_init(&vm->clock, &d->timer, on_timer, d);
	if (mode == DISPLAY_TEXT)
		show(d);
	if (mode != DISPLAY_SERIAL)
		look_again(d, d->shown ? 0 : WATCH_NS);
}

static void print_last(struct display *d)
{
	screen_take(&d->screen, &d->vm->ram, &d->vm->pc.vga);
	if (d->shown || screen_has_text(&d->screen))
		console_write(d->console, d->out, screen_text(&d->screen, d->out));
}

/* From now on it is COM1's. */
static void leave(struct display *d)
{
	console_screen(d->console, false);
	d->shown = d->drawn = false;
	d->mode = DISPLAY_SERIAL;
	timer_set(&d->vm->clock, &d->timer, CLOCK_NEVER);
}

bool display_serial(struct display *d)
{
	if (d->mode == DISPLAY_AUTO)
		leave(d);
	return d->mode == DISPLAY_SERIAL || !on_terminal(d);
}

void display_close(struct display *d)
{
	if (!d->vm)
		return;
	if (d->mode != DISPLAY_SERIAL) {
		console_screen(d->console, false);
		print_last(d);
	}
	leave(d);
	d->vm = NULL;
}
