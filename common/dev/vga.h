/* SPDX-License-Identifier: MIT */
/*
 * A VGA in its 80 by 25 colour text mode, as a BIOS leaves it: ports 3c0-3cf and 3d4-3da (IBM VGA
 * Technical Reference; FreeVGA). Registers are state that reads back. Only two things are looked
 * at: where the CRT controller begins to show, and where it has its cursor. The picture is guest
 * RAM at VGA_TEXT, which nobody traps: see common/screen.h for who looks at it. vCPU thread only.
 */
#ifndef FVB_VGA_H
#define FVB_VGA_H

#include "common/bus.h"
#include "common/types.h"

#define VGA_TEXT      0xb8000 /* guest-physical */
#define VGA_TEXT_SIZE 0x8000  /* bytes; the controller's addresses wrap here */
#define VGA_COLUMNS   80
#define VGA_ROWS      25

#define VGA_CRTC      25
#define VGA_SEQ	      5
#define VGA_GRAPHICS  9
#define VGA_ATTRIBUTE 21

struct vga {
	u8 crtc_index, seq_index, gfx_index, attr_index;
	bool attr_data; /* the next write to 3c0 is data, not an index */
	u8 misc, status, feature;
	u8 crtc[VGA_CRTC], seq[VGA_SEQ], gfx[VGA_GRAPHICS], attr[VGA_ATTRIBUTE];
	u8 dac[256 * 3], dac_mask, dac_state;
	u16 dac_read, dac_write; /* next byte of dac */
};

void vga_init(struct vga *vga);
int vga_attach(struct vga *vga, struct bus *pio);

/* First cell shown, counted in cells of two bytes from VGA_TEXT. */
unsigned int vga_start(const struct vga *vga);
/* The cursor's cell, counted as vga_start; -1: it is hidden. */
int vga_cursor(const struct vga *vga);
/* Does bit 7 of an attribute blink (else it is the background's brightness)? */
bool vga_blinks(const struct vga *vga);

#endif
