/* SPDX-License-Identifier: MIT */
#include "common/dev/vga.h"

#include <string.h>

#define ATTRIBUTE_PORT	0x3c0
#define CRTC_PORT	0x3d4
#define STATUS_PORT	0x3da
#define CELLS		(VGA_TEXT_SIZE / 2)
#define CURSOR_START	0x0a
#define CURSOR_END	0x0b
#define CURSOR_OFF	0x20
#define SCANLINES	0x1f
#define ATTRIBUTE_INDEX 0x1f
#define ATTRIBUTE_ON	0x20 /* the palette is the screen's, not the processor's */
#define MODE_CONTROL	0x10
#define MODE_BLINK	0x08
#define STATUS_BLANK	0x01
#define STATUS_RETRACE	0x08
#define DAC_READING	0x00
#define DAC_WRITING	0x03

/* Mode 3, as its BIOS sets it up. */
static const u8 mode3_crtc[VGA_CRTC] = { 0x5f, 0x4f, 0x50, 0x82, 0x55, 0x81, 0xbf, 0x1f, 0x00,
					 0x4f, 0x0d, 0x0e, 0x00, 0x00, 0x00, 0x00, 0x9c, 0x8e,
					 0x8f, 0x28, 0x1f, 0x96, 0xb9, 0xa3, 0xff };
static const u8 mode3_seq[VGA_SEQ] = { 0x03, 0x00, 0x03, 0x00, 0x02 };
static const u8 mode3_gfx[VGA_GRAPHICS] = { 0, 0, 0, 0, 0, 0x10, 0x0e, 0x0f, 0xff };
static const u8 mode3_attr[VGA_ATTRIBUTE] = { 0x00, 0x01, 0x02, 0x03, 0x04, 0x05, 0x14,
					      0x07, 0x38, 0x39, 0x3a, 0x3b, 0x3c, 0x3d,
					      0x3e, 0x3f, 0x0c, 0x00, 0x0f, 0x08, 0x00 };
#define MODE3_MISC 0x67

static u16 pair(const struct vga *v, unsigned int high)
{
	return (u16)(v->crtc[high] << 8 | v->crtc[high + 1]);
}

unsigned int vga_start(const struct vga *vga)
{
	return pair(vga, 0x0c) % CELLS;
}

int vga_cursor(const struct vga *vga)
{
	u8 start = vga->crtc[CURSOR_START];

	if (start & CURSOR_OFF || (start & SCANLINES) > (vga->crtc[CURSOR_END] & SCANLINES))
		return -1;
	return pair(vga, 0x0e) % CELLS;
}

bool vga_blinks(const struct vga *vga)
{
	return vga->attr[MODE_CONTROL] & MODE_BLINK;
}

static u8 indexed(const u8 *reg, unsigned int nr, u8 index)
{
	return index < nr ? reg[index] : 0;
}

static void set_indexed(u8 *reg, unsigned int nr, u8 index, u8 value)
{
	if (index < nr)
		reg[index] = value;
}

static u8 dac_next(struct vga *v)
{
	u8 value = v->dac[v->dac_read];

	v->dac_read = (v->dac_read + 1) % sizeof(v->dac);
	return value;
}

static u64 control_read(void *dev, u64 offset, unsigned int size)
{
	struct vga *v = dev;

	(void)size;
	switch (ATTRIBUTE_PORT + offset) {
	case 0x3c0:
		return v->attr_index;
	case 0x3c1:
		return indexed(v->attr, VGA_ATTRIBUTE, v->attr_index & ATTRIBUTE_INDEX);
	case 0x3c4:
		return v->seq_index;
	case 0x3c5:
		return indexed(v->seq, VGA_SEQ, v->seq_index);
	case 0x3c6:
		return v->dac_mask;
	case 0x3c7:
		return v->dac_state;
	case 0x3c8:
		return v->dac_write / 3;
	case 0x3c9:
		return dac_next(v);
	case 0x3ca:
		return v->feature;
	case 0x3cc:
		return v->misc;
	case 0x3ce:
		return v->gfx_index;
	case 0x3cf:
		return indexed(v->gfx, VGA_GRAPHICS, v->gfx_index);
	default: /* 3c2: input status 0, all quiet */
		return 0;
	}
}

/* Index and data of the attribute controller take turns at one port. */
static void attribute_write(struct vga *v, u8 value)
{
	if (v->attr_data)
		set_indexed(v->attr, VGA_ATTRIBUTE, v->attr_index & ATTRIBUTE_INDEX, value);
	else
		v->attr_index = value & (ATTRIBUTE_INDEX | ATTRIBUTE_ON);
	v->attr_data = !v->attr_data;
}

static void control_write(void *dev, u64 offset, u64 value, unsigned int size)
{
	struct vga *v = dev;
	u8 byte = (u8)value;

	(void)size;
	switch (ATTRIBUTE_PORT + offset) {
	case 0x3c0:
		attribute_write(v, byte);
		break;
	case 0x3c2:
		v->misc = byte;
		break;
	case 0x3c4:
		v->seq_index = byte;
		break;
	case 0x3c5:
		set_indexed(v->seq, VGA_SEQ, v->seq_index, byte);
		break;
	case 0x3c6:
		v->dac_mask = byte;
		break;
	case 0x3c7:
		v->dac_read = byte * 3;
		v->dac_state = DAC_WRITING;
		break;
	case 0x3c8:
		v->dac_write = byte * 3;
		v->dac_state = DAC_READING;
		break;
	case 0x3c9:
		v->dac[v->dac_write] = byte & 0x3f;
		v->dac_write = (v->dac_write + 1) % sizeof(v->dac);
		break;
	case 0x3ce:
		v->gfx_index = byte;
		break;
	case 0x3cf:
		set_indexed(v->gfx, VGA_GRAPHICS, v->gfx_index, byte);
		break;
	}
}

static u64 crtc_read(void *dev, u64 offset, unsigned int size)
{
	const struct vga *v = dev;

	(void)size;
	return offset ? indexed(v->crtc, VGA_CRTC, v->crtc_index) : v->crtc_index;
}

static void crtc_write(void *dev, u64 offset, u64 value, unsigned int size)
{
	struct vga *v = dev;

	(void)size;
	if (offset)
		set_indexed(v->crtc, VGA_CRTC, v->crtc_index, (u8)value);
	else
		v->crtc_index = (u8)value;
}

/* Guests wait for the retrace to begin or to end: each look finds the other. */
static u64 status_read(void *dev, u64 offset, unsigned int size)
{
	struct vga *v = dev;

	(void)offset, (void)size;
	v->attr_data = false;
	v->status ^= STATUS_BLANK | STATUS_RETRACE;
	return v->status;
}

static void status_write(void *dev, u64 offset, u64 value, unsigned int size)
{
	struct vga *v = dev;

	(void)offset, (void)size;
	v->feature = (u8)value;
}

static const struct bus_ops control_ops = { control_read, control_write, true };
static const struct bus_ops crtc_ops = { crtc_read, crtc_write, true };
static const struct bus_ops status_ops = { status_read, status_write, true };

void vga_init(struct vga *vga)
{
	*vga = (struct vga){ .misc = MODE3_MISC, .dac_mask = 0xff, .attr_index = ATTRIBUTE_ON };
	memcpy(vga->crtc, mode3_crtc, sizeof(vga->crtc));
	memcpy(vga->seq, mode3_seq, sizeof(vga->seq));
	memcpy(vga->gfx, mode3_gfx, sizeof(vga->gfx));
	memcpy(vga->attr, mode3_attr, sizeof(vga->attr));
}

int vga_attach(struct vga *vga, struct bus *pio)
{
	const struct bus_region region[] = {
		{ "VGA", ATTRIBUTE_PORT, 16, 1, &control_ops, vga },
		{ "VGA CRTC", CRTC_PORT, 2, 1, &crtc_ops, vga },
		{ "VGA status", STATUS_PORT, 1, 1, &status_ops, vga },
	};

	return bus_add_all(pio, region, ARRAY_SIZE(region));
}
