/* SPDX-License-Identifier: MIT */
#include "common/dev/pic.h"

#include <string.h>

#define CASCADE 2 /* master's input that the slave drives */

#define ICW1_MARK    0x10
#define ICW1_IC4     0x01
#define ICW1_SNGL    0x02
#define ICW1_LTIM    0x08
#define ICW4_AEOI    0x02
#define ICW4_SFNM    0x10
#define OCW3_MARK    0x08
#define OCW3_READ    0x02 /* bit 0 selects what to read */
#define OCW3_POLL    0x04
#define OCW3_SMM     0x20
#define OCW3_SET_SMM 0x40
#define POLL_FOUND   0x80

static inline bool is_master(const struct pic *pic, const struct pic_chip *c)
{
	return c == &pic->chip[0];
}

static inline u8 level_inputs(const struct pic_chip *c)
{
	return c->ltim ? 0xff : c->elcr;
}

static inline u8 requests(const struct pic_chip *c)
{
	return c->latch | (c->line & level_inputs(c));
}

/* The input of highest priority in MASK, or -1. */
static int most_urgent(const struct pic_chip *c, u8 mask)
{
	unsigned int first = (c->lowest + 1u) & 7;
	unsigned int turned = (u32)mask >> first | (u32)mask << (8 - first);

	return turned & 0xff ? (int)((first + (unsigned int)__builtin_ctz(turned)) & 7) : -1;
}

/* Position of IRQ in the present order, 0 the most urgent. */
static inline unsigned int rank(const struct pic_chip *c, int irq)
{
	return ((unsigned int)irq - c->lowest - 1) & 7;
}

/* The request that an acknowledge cycle would take, or -1. */
static int chip_pending(const struct pic *pic, const struct pic_chip *c)
{
	int irq = most_urgent(c, requests(c) & (u8)~c->imr);
	u8 blocking = c->isr;
	int served;

	if (irq < 0)
		return -1;
	if (c->smm)
		blocking &= (u8)~c->imr;
	if (c->sfnm && is_master(pic, c))
		blocking &= (u8)~BIT(CASCADE);
	served = most_urgent(c, blocking);
	return served < 0 || rank(c, irq) < rank(c, served) ? irq : -1;
}

static void chip_set_line(struct pic_chip *c, unsigned int irq, int level)
{
	u8 bit = (u8)BIT(irq);

	if (!level) {
		c->line &= (u8)~bit;
		c->latch &= (u8)~bit;
	} else if (!(c->line & bit)) {
		c->line |= bit;
		c->latch |= bit & (u8)~level_inputs(c);
	}
}

/* Carry every change through: slave to master to INTR. */
static void pic_update(struct pic *pic)
{
	bool pending;

	chip_set_line(&pic->chip[0], CASCADE, chip_pending(pic, &pic->chip[1]) >= 0);
	pending = chip_pending(pic, &pic->chip[0]) >= 0;
	if (pending == pic->pending)
		return;
	pic->pending = pending;
	irq_line_set(&pic->intr, pending);
}

/* Both INTA pulses as this chip sees them: the input it answers with. */
static int chip_ack(struct pic *pic, struct pic_chip *c)
{
	int irq = chip_pending(pic, c);

	if (irq < 0)
		return 7;
	c->latch &= (u8)~BIT(irq);
	if (!c->aeoi)
		c->isr |= (u8)BIT(irq);
	else if (c->rotate)
		c->lowest = (u8)irq;
	/* The slave's INT falls with the acknowledge, so that its next request is an edge. */
	if (!is_master(pic, c))
		chip_set_line(&pic->chip[0], CASCADE, 0);
	return irq;
}

int pic_ack(struct pic *pic)
{
	struct pic_chip *master = &pic->chip[0], *slave = &pic->chip[1];
	int irq = chip_ack(pic, master);
	int vector = master->base + irq;

	if (irq == CASCADE && !master->single)
		vector = slave->base + chip_ack(pic, slave);
	pic_update(pic);
	return vector;
}

void pic_set_irq(struct pic *pic, unsigned int irq, int level)
{
	if (irq >= PIC_LINES || irq == CASCADE)
		return;
	chip_set_line(&pic->chip[irq / 8], irq % 8, level);
	pic_update(pic);
}

/* The edge detectors start anew: an input that is high already has to fall first. */
static void chip_icw1(struct pic_chip *c, u8 v)
{
	c->latch = 0;
	c->isr = 0;
	c->imr = 0;
	c->lowest = 7;
	c->smm = false;
	c->read_isr = false;
	c->poll = false;
	c->rotate = false;
	c->ltim = v & ICW1_LTIM;
	c->single = v & ICW1_SNGL;
	c->icw4 = v & ICW1_IC4;
	c->aeoi = false;
	c->sfnm = false;
	c->icw = 2;
}

static void chip_eoi(struct pic_chip *c, int irq, bool rotate)
{
	if (irq < 0)
		return;
	c->isr &= (u8)~BIT(irq);
	if (rotate)
		c->lowest = (u8)irq;
}

/* What a non-specific EOI ends. Special mask mode hides what is masked from it. */
static int in_service(const struct pic_chip *c)
{
	return most_urgent(c, c->smm ? c->isr & (u8)~c->imr : c->isr);
}

/* OCW2: rotate, specific, EOI in bits 7, 6, 5; level in bits 2:0. */
static void chip_ocw2(struct pic_chip *c, u8 v)
{
	enum { ROTATE = 0x80, SPECIFIC = 0x40, EOI = 0x20 };
	int level = v & 7;

	switch (v & (ROTATE | SPECIFIC | EOI)) {
	case EOI:
	case ROTATE | EOI:
		chip_eoi(c, in_service(c), v & ROTATE);
		break;
	case SPECIFIC | EOI:
	case ROTATE | SPECIFIC | EOI:
		chip_eoi(c, level, v & ROTATE);
		break;
	case ROTATE | SPECIFIC:
		c->lowest = (u8)level;
		break;
	case ROTATE:
	case 0:
		c->rotate = v & ROTATE;
		break;
	}
}

static void chip_ocw3(struct pic_chip *c, u8 v)
{
	if (v & OCW3_SET_SMM)
		c->smm = v & OCW3_SMM;
	if (v & OCW3_POLL)
		c->poll = true;
	else if (v & OCW3_READ)
		c->read_isr = v & 1;
}

static void chip_command(struct pic_chip *c, u8 v)
{
	if (v & ICW1_MARK)
		chip_icw1(c, v);
	else if (v & OCW3_MARK)
		chip_ocw3(c, v);
	else
		chip_ocw2(c, v);
}

static void chip_data(struct pic_chip *c, u8 v)
{
	switch (c->icw) {
	case 0:
		c->imr = v;
		break;
	case 2:
		c->base = v & 0xf8;
		c->icw = !c->single ? 3 : c->icw4 ? 4 : 0;
		break;
	case 3: /* the wiring is what it is: slave on IR2 */
		c->icw = c->icw4 ? 4 : 0;
		break;
	case 4:
		c->aeoi = v & ICW4_AEOI;
		c->sfnm = v & ICW4_SFNM;
		c->icw = 0;
		break;
	}
}

static u64 chip_poll(struct pic *pic, struct pic_chip *c)
{
	u64 v = 0;

	c->poll = false;
	if (chip_pending(pic, c) >= 0)
		v = POLL_FOUND | (u64)chip_ack(pic, c);
	pic_update(pic);
	return v;
}

static u64 chip_read(struct pic *pic, struct pic_chip *c, u64 offset)
{
	if (c->poll)
		return chip_poll(pic, c);
	if (offset)
		return c->imr;
	return c->read_isr ? c->isr : requests(c);
}

static void chip_write(struct pic *pic, struct pic_chip *c, u64 offset, u8 v)
{
	if (offset)
		chip_data(c, v);
	else
		chip_command(c, v);
	pic_update(pic);
}

static u64 master_read(void *dev, u64 offset, unsigned int size)
{
	struct pic *pic = dev;

	(void)size;
	return chip_read(pic, &pic->chip[0], offset);
}

static u64 slave_read(void *dev, u64 offset, unsigned int size)
{
	struct pic *pic = dev;

	(void)size;
	return chip_read(pic, &pic->chip[1], offset);
}

static void master_write(void *dev, u64 offset, u64 value, unsigned int size)
{
	struct pic *pic = dev;

	(void)size;
	chip_write(pic, &pic->chip[0], offset, (u8)value);
}

static void slave_write(void *dev, u64 offset, u64 value, unsigned int size)
{
	struct pic *pic = dev;

	(void)size;
	chip_write(pic, &pic->chip[1], offset, (u8)value);
}

static u64 elcr_read(void *dev, u64 offset, unsigned int size)
{
	struct pic *pic = dev;

	(void)size;
	return pic->chip[offset].elcr;
}

static void elcr_write(void *dev, u64 offset, u64 value, unsigned int size)
{
	struct pic *pic = dev;
	struct pic_chip *c = &pic->chip[offset];

	(void)size;
	c->elcr = (u8)value & (u8)~c->elcr_fixed;
	pic_update(pic);
}

static const struct bus_ops master_ops = { master_read, master_write, true };
static const struct bus_ops slave_ops = { slave_read, slave_write, true };
static const struct bus_ops elcr_ops = { elcr_read, elcr_write, true };

int pic_attach(struct pic *pic, struct bus *pio)
{
	const struct bus_region regions[] = {
		{ "pic-master", 0x20, 2, 1, &master_ops, pic },
		{ "pic-slave", 0xa0, 2, 1, &slave_ops, pic },
		{ "pic-elcr", 0x4d0, 2, 1, &elcr_ops, pic },
	};
	int ret = 0;

	for (unsigned int i = 0; i < ARRAY_SIZE(regions) && !ret; i++)
		ret = bus_add(pio, &regions[i]);
	return ret;
}

/* IRQ 0 (timer), 1 (keyboard), 2 (cascade), 8 (RTC) and 13 (FPU) are edge-triggered on any PC. */
static const struct pic_chip chip_at_reset[2] = {
	{ .elcr_fixed = 0x07, .base = 0x08, .lowest = 7, .imr = 0xff },
	{ .elcr_fixed = 0x21, .base = 0x70, .lowest = 7, .imr = 0xff },
};

void pic_set_elcr(struct pic *pic, u16 inputs)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(pic->chip); i++)
		elcr_write(pic, i, inputs >> i * 8 & 0xff, 1);
}

void pic_reset(struct pic *pic)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(pic->chip); i++) {
		u8 line = pic->chip[i].line;

		pic->chip[i] = chip_at_reset[i];
		pic->chip[i].line = line;
	}
	pic_update(pic);
}

void pic_init(struct pic *pic, struct irq_line intr)
{
	memset(pic, 0, sizeof(*pic));
	pic->intr = intr;
	pic_reset(pic);
}
