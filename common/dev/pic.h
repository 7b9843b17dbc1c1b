/* SPDX-License-Identifier: MIT */
/*
 * The PC's pair of 8259A interrupt controllers: master at ports 20-21, slave at a0-a1 cascaded
 * into the master's IR2, edge/level control registers at 4d0-4d1. Intel 8259A datasheet (order
 * 231468); ELCR: Intel 82371AB datasheet, section 4.3.
 *
 * Reset leaves the pair as PC firmware does: vectors 08h and 70h, normal EOI; but every line
 * masked, because there is no firmware behind those vectors.
 */
#ifndef FVB_DEV_PIC_H
#define FVB_DEV_PIC_H

#include "common/bus.h"
#include "common/irq.h"
#include "common/types.h"

#define PIC_LINES 16

/* One 8259A. Bit n of each mask is input IRn. */
struct pic_chip {
	u8 line;  /* levels of the inputs */
	u8 latch; /* edge-triggered inputs that rose and are neither acknowledged nor low again */
	u8 isr;
	u8 imr;
	u8 elcr;       /* level-triggered inputs, by the ELCR */
	u8 elcr_fixed; /* inputs that the ELCR cannot make level-triggered */
	u8 base;       /* vector of IR0 */
	u8 lowest;     /* input of lowest priority, 7 unless rotated */
	u8 icw;	       /* which ICW the data port expects next: 2, 3, 4, or 0 for OCW1 */
	bool icw4;     /* ICW1 announced an ICW4 */
	bool single;   /* ICW1 SNGL: no ICW3, no cascade */
	bool ltim;     /* ICW1 LTIM: all inputs level-triggered */
	bool aeoi;
	bool rotate;   /* rotate in automatic EOI mode */
	bool sfnm;     /* special fully nested mode */
	bool smm;      /* special mask mode */
	bool poll;     /* the next read is an acknowledge cycle */
	bool read_isr; /* the command port reads ISR, not IRR */
};

struct pic {
	struct pic_chip chip[2]; /* master, slave */
	struct irq_line intr;
	bool pending; /* level of INTR */
};

/* Make a pair at reset whose INTR output drives INTR. */
void pic_init(struct pic *pic, struct irq_line intr);

/* Back to the reset state; the input lines keep their levels. */
void pic_reset(struct pic *pic);

/* As firmware leaves the ELCR: INPUTS, by bit, are level-triggered. */
void pic_set_elcr(struct pic *pic, u16 inputs);

/* Claim the six ports. 0 or what bus_add said. */
int pic_attach(struct pic *pic, struct bus *pio);

/*
 * Drive input IRQ (0-15; others, and 2, where the slave is soldered, are ignored). A rising edge
 * is latched unless the input is level-triggered; the latch drops when the line falls before it
 * is acknowledged, as the datasheet has it (QEMU and KVM keep it).
 */
void pic_set_irq(struct pic *pic, unsigned int irq, int level);

/* Level of INTR: an acknowledge cycle would find a request. */
static inline bool pic_pending(const struct pic *pic)
{
	return pic->pending;
}

/*
 * The INTA cycle: the vector of the most urgent request, which is in service from now on (not
 * with automatic EOI). A chip that finds no request any more answers with its IR7 and leaves ISR
 * alone: the spurious IRQ 7, or 15, in which case the master's IR2 is in service.
 */
int pic_ack(struct pic *pic);

#endif
