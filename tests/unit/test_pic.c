/* SPDX-License-Identifier: MIT */
#include "common/dev/pic.h"

#include <CUnit/CUnit.h>

enum { M = 0x20, S = 0xa0 }; /* command ports; the data port follows */

struct rig {
	struct bus pio;
	struct pic pic;
	int intr, changes;
};

static void on_intr(void *opaque, int pin, int level)
{
	struct rig *r = opaque;

	CU_ASSERT_EQUAL(pin, 3);
	r->intr = level;
	r->changes++;
}

static void out(struct rig *r, u64 port, u64 v)
{
	bus_write(&r->pio, port, v, 1);
}

static u64 in(struct rig *r, u64 port)
{
	return bus_read(&r->pio, port, 1);
}

static void program_master(struct rig *r, u8 icw1, u8 icw4)
{
	out(r, M, icw1);
	out(r, M + 1, 0x20);
	out(r, M + 1, 4);
	out(r, M + 1, icw4);
}

static void program(struct rig *r, u8 icw1, u8 icw4)
{
	program_master(r, icw1, icw4);
	out(r, S, icw1);
	out(r, S + 1, 0x28);
	out(r, S + 1, 2);
	out(r, S + 1, 0x01);
}

/* As Linux leaves it: vectors 20h-2fh, nothing masked. */
static void setup(struct rig *r)
{
	r->intr = r->changes = 0;
	bus_init_pio(&r->pio);
	pic_init(&r->pic, (struct irq_line){ on_intr, r, 3 });
	CU_ASSERT_EQUAL_FATAL(pic_attach(&r->pic, &r->pio), 0);
	program(r, 0x11, 0x01);
}

static void pulse(struct rig *r, unsigned int irq)
{
	pic_set_irq(&r->pic, irq, 0);
	pic_set_irq(&r->pic, irq, 1);
}

static void test_reset(void)
{
	struct rig r;

	setup(&r);
	pic_set_irq(&r.pic, 4, 1);
	CU_ASSERT_EQUAL(r.intr, 1);
	pic_reset(&r.pic);
	CU_ASSERT_EQUAL(r.intr, 0);
	CU_ASSERT_EQUAL(in(&r, M + 1), 0xff);
	CU_ASSERT_EQUAL(in(&r, S + 1), 0xff);
	/* An input that is high through reset is no edge. */
	out(&r, M + 1, 0);
	CU_ASSERT_FALSE(pic_pending(&r.pic));
	pic_set_irq(&r.pic, 4, 1);
	CU_ASSERT_FALSE(pic_pending(&r.pic));
	pulse(&r, 4);
	CU_ASSERT_EQUAL(pic_ack(&r.pic), 0x0c);
	bus_fini(&r.pio);
}

static void test_order(void)
{
	struct rig r;

	setup(&r);
	pic_set_irq(&r.pic, 4, 1);
	pic_set_irq(&r.pic, 1, 1);
	CU_ASSERT_EQUAL(in(&r, M), BIT(4) | BIT(1));
	CU_ASSERT_EQUAL(pic_ack(&r.pic), 0x21);
	/* IRQ 1 in service holds IRQ 4 back, but not IRQ 0. */
	CU_ASSERT_EQUAL(r.intr, 0);
	pic_set_irq(&r.pic, 0, 1);
	CU_ASSERT_EQUAL(r.intr, 1);
	CU_ASSERT_EQUAL(pic_ack(&r.pic), 0x20);
	out(&r, M, 0x0b);
	CU_ASSERT_EQUAL(in(&r, M), BIT(1) | BIT(0));
	out(&r, M, 0x20); /* non-specific: the more urgent one */
	CU_ASSERT_EQUAL(in(&r, M), BIT(1));
	out(&r, M, 0x61); /* specific, level 1 */
	CU_ASSERT_EQUAL(in(&r, M), 0);
	CU_ASSERT_EQUAL(pic_ack(&r.pic), 0x24);
	/* Edges: the lines are still high, and nothing comes again. */
	out(&r, M, 0x20);
	CU_ASSERT_FALSE(pic_pending(&r.pic));
	/* The least urgent in service holds nobody back, not even the next but one. */
	pulse(&r, 7);
	CU_ASSERT_EQUAL(pic_ack(&r.pic), 0x27);
	pulse(&r, 6);
	CU_ASSERT_EQUAL(pic_ack(&r.pic), 0x26);
	pulse(&r, 7);
	CU_ASSERT_FALSE(pic_pending(&r.pic));
	bus_fini(&r.pio);
}

static void test_mask(void)
{
	struct rig r;

	setup(&r);
	out(&r, M + 1, 0x10);
	pic_set_irq(&r.pic, 4, 1);
	CU_ASSERT_EQUAL(r.intr, 0);
	CU_ASSERT_EQUAL(in(&r, M), 0x10); /* a masked edge is remembered */
	CU_ASSERT_EQUAL(in(&r, M + 1), 0x10);
	out(&r, M + 1, 0);
	CU_ASSERT_EQUAL(r.intr, 1);
	CU_ASSERT_EQUAL(pic_ack(&r.pic), 0x24);
	bus_fini(&r.pio);
}

static void test_cascade(void)
{
	struct rig r;

	setup(&r);
	pic_set_irq(&r.pic, 2, 1); /* no such pin */
	CU_ASSERT_EQUAL(r.intr, 0);
	pic_set_irq(&r.pic, 12, 1);
	pic_set_irq(&r.pic, 3, 1);
	CU_ASSERT_EQUAL(pic_ack(&r.pic), 0x2c);
	out(&r, M, 0x0b);
	out(&r, S, 0x0b);
	CU_ASSERT_EQUAL(in(&r, M), BIT(2));
	CU_ASSERT_EQUAL(in(&r, S), BIT(4));
	/* Fully nested: a more urgent slave request waits for the master's EOI. */
	pic_set_irq(&r.pic, 8, 1);
	CU_ASSERT_FALSE(pic_pending(&r.pic));
	out(&r, M, 0x62);
	CU_ASSERT_EQUAL(pic_ack(&r.pic), 0x28);
	out(&r, S, 0x20);
	out(&r, M, 0x20);
	CU_ASSERT_EQUAL(in(&r, S), BIT(4));
	CU_ASSERT_EQUAL(pic_ack(&r.pic), 0x23);
	bus_fini(&r.pio);
}

/* Two slave requests wait: the second must reach the master as an edge of its own. */
static void test_cascade_edge(void)
{
	struct rig r;

	setup(&r);
	pic_set_irq(&r.pic, 9, 1);
	pic_set_irq(&r.pic, 14, 1);
	CU_ASSERT_EQUAL(pic_ack(&r.pic), 0x29);
	CU_ASSERT_FALSE(pic_pending(&r.pic));
	out(&r, S, 0x20);
	CU_ASSERT_FALSE(pic_pending(&r.pic));
	out(&r, M, 0x20);
	CU_ASSERT_EQUAL(pic_ack(&r.pic), 0x2e);
	bus_fini(&r.pio);
}

static void test_special_nested(void)
{
	struct rig r;

	setup(&r);
	program(&r, 0x11, 0x11);
	pic_set_irq(&r.pic, 12, 1);
	CU_ASSERT_EQUAL(pic_ack(&r.pic), 0x2c);
	pic_set_irq(&r.pic, 8, 1);
	CU_ASSERT_TRUE(pic_pending(&r.pic));
	CU_ASSERT_EQUAL(pic_ack(&r.pic), 0x28);
	pic_set_irq(&r.pic, 14, 1); /* less urgent than both */
	CU_ASSERT_FALSE(pic_pending(&r.pic));
	bus_fini(&r.pio);
}

static void test_spurious(void)
{
	struct rig r;

	setup(&r);
	pic_set_irq(&r.pic, 3, 1);
	pic_set_irq(&r.pic, 3, 0); /* gone before it was acknowledged */
	CU_ASSERT_EQUAL(r.intr, 0);
	CU_ASSERT_EQUAL(pic_ack(&r.pic), 0x27);
	out(&r, M, 0x0b);
	CU_ASSERT_EQUAL(in(&r, M), 0);
	/* The slave's request goes between the two pulses of the cycle: IRQ 15, for which the
	 * master alone needs an EOI. */
	pic_set_irq(&r.pic, 10, 1);
	r.pic.chip[1].latch = 0;
	CU_ASSERT_EQUAL(pic_ack(&r.pic), 0x2f);
	out(&r, S, 0x0b);
	CU_ASSERT_EQUAL(in(&r, M), BIT(2));
	CU_ASSERT_EQUAL(in(&r, S), 0);
	bus_fini(&r.pio);
}

static void test_level(void)
{
	struct rig r;

	setup(&r);
	out(&r, 0x4d0, 0xff);
	out(&r, 0x4d1, 0xff);
	CU_ASSERT_EQUAL(in(&r, 0x4d0), 0xf8);
	CU_ASSERT_EQUAL(in(&r, 0x4d1), 0xde);
	pic_set_irq(&r.pic, 11, 1);
	CU_ASSERT_EQUAL(pic_ack(&r.pic), 0x2b);
	CU_ASSERT_FALSE(pic_pending(&r.pic));
	out(&r, S, 0x20);
	out(&r, M, 0x20);
	CU_ASSERT_EQUAL(pic_ack(&r.pic), 0x2b); /* still asserted */
	pic_set_irq(&r.pic, 11, 0);
	out(&r, S, 0x20);
	out(&r, M, 0x20);
	CU_ASSERT_FALSE(pic_pending(&r.pic));
	/* An input becomes level-triggered while it is high. */
	pulse(&r, 11);
	out(&r, 0x4d1, 0);
	CU_ASSERT_EQUAL(pic_ack(&r.pic), 0x27);
	out(&r, 0x4d1, 0x08);
	CU_ASSERT_EQUAL(pic_ack(&r.pic), 0x2b);
	/* LTIM makes all of a chip's inputs level-triggered. */
	program(&r, 0x19, 0x01);
	pic_set_irq(&r.pic, 1, 1);
	CU_ASSERT_EQUAL(pic_ack(&r.pic), 0x21);
	out(&r, M, 0x20);
	CU_ASSERT_EQUAL(pic_ack(&r.pic), 0x21);
	bus_fini(&r.pio);
}

static void test_auto_eoi(void)
{
	struct rig r;

	setup(&r);
	program(&r, 0x11, 0x03);
	pic_set_irq(&r.pic, 5, 1);
	pic_set_irq(&r.pic, 6, 1);
	CU_ASSERT_EQUAL(pic_ack(&r.pic), 0x25);
	out(&r, M, 0x0b);
	CU_ASSERT_EQUAL(in(&r, M), 0);
	CU_ASSERT_EQUAL(pic_ack(&r.pic), 0x26);
	/* Rotating: who was served last is the least urgent. */
	out(&r, M, 0x80);
	pulse(&r, 5);
	CU_ASSERT_EQUAL(pic_ack(&r.pic), 0x25);
	pulse(&r, 5);
	pulse(&r, 6);
	CU_ASSERT_EQUAL(pic_ack(&r.pic), 0x26);
	out(&r, M, 0x00);
	CU_ASSERT_EQUAL(pic_ack(&r.pic), 0x25);
	pulse(&r, 5);
	pulse(&r, 7);
	CU_ASSERT_EQUAL(pic_ack(&r.pic), 0x27); /* 6 is the lowest still */
	/* A slave that forgets at once still gives the master one edge a request. */
	out(&r, S, 0x11);
	out(&r, S + 1, 0x28);
	out(&r, S + 1, 2);
	out(&r, S + 1, 0x03);
	program_master(&r, 0x11, 0x01);
	pulse(&r, 9);
	pulse(&r, 10);
	CU_ASSERT_EQUAL(pic_ack(&r.pic), 0x29);
	out(&r, M, 0x20);
	CU_ASSERT_EQUAL(pic_ack(&r.pic), 0x2a);
	bus_fini(&r.pio);
}

static void test_rotation(void)
{
	struct rig r;

	setup(&r);
	out(&r, M, 0xc0 | 4); /* 4 lowest: 5 6 7 0 1 2 3 4 */
	pulse(&r, 1);
	pulse(&r, 6);
	CU_ASSERT_EQUAL(pic_ack(&r.pic), 0x26);
	out(&r, M, 0xa0); /* rotate on non-specific EOI: 7 0 1 .. 6 */
	pulse(&r, 6);
	pulse(&r, 7);
	CU_ASSERT_EQUAL(pic_ack(&r.pic), 0x27);
	out(&r, M, 0xe7); /* rotate on specific EOI: 0 1 .. 7 */
	CU_ASSERT_EQUAL(pic_ack(&r.pic), 0x21);
	out(&r, M, 0x40); /* no operation */
	out(&r, M, 0x0b);
	CU_ASSERT_EQUAL(in(&r, M), BIT(1));
	CU_ASSERT_EQUAL(r.pic.chip[0].lowest, 7);
	out(&r, M, 0x20);
	out(&r, M, 0xa0); /* nothing in service: nothing rotates */
	CU_ASSERT_EQUAL(r.pic.chip[0].lowest, 7);
	bus_fini(&r.pio);
}

static void test_special_mask(void)
{
	struct rig r;

	setup(&r);
	pulse(&r, 1);
	CU_ASSERT_EQUAL(pic_ack(&r.pic), 0x21);
	pulse(&r, 4);
	CU_ASSERT_FALSE(pic_pending(&r.pic));
	out(&r, M + 1, BIT(1));
	CU_ASSERT_FALSE(pic_pending(&r.pic));
	out(&r, M, 0x68); /* special mask on: the masked IRQ 1 holds nobody back */
	CU_ASSERT_EQUAL(pic_ack(&r.pic), 0x24);
	out(&r, M, 0x20); /* ends 4: 1 is masked and hidden */
	out(&r, M, 0x0b);
	CU_ASSERT_EQUAL(in(&r, M), BIT(1));
	out(&r, M, 0x08); /* OCW3 without ESMM changes nothing */
	pulse(&r, 5);
	CU_ASSERT_TRUE(pic_pending(&r.pic));
	out(&r, M, 0x48);
	CU_ASSERT_FALSE(pic_pending(&r.pic));
	bus_fini(&r.pio);
}

static void test_poll(void)
{
	struct rig r;

	setup(&r);
	out(&r, M, 0x0c);
	CU_ASSERT_EQUAL(in(&r, M), 0);
	pic_set_irq(&r.pic, 13, 1);
	out(&r, M, 0x0c);
	CU_ASSERT_EQUAL(in(&r, M + 1), 0x82); /* at either port */
	out(&r, S, 0x0c);
	CU_ASSERT_EQUAL(in(&r, S), 0x85);
	CU_ASSERT_EQUAL(r.intr, 0);
	out(&r, S, 0x0b);
	CU_ASSERT_EQUAL(in(&r, S), BIT(5));
	CU_ASSERT_EQUAL(in(&r, M + 1), 0); /* one read, then OCW1 again */
	pulse(&r, 0);
	out(&r, M, 0x0c);
	CU_ASSERT_EQUAL(in(&r, M), 0x80);
	bus_fini(&r.pio);
}

static void test_init_sequence(void)
{
	struct rig r;

	setup(&r);
	out(&r, M + 1, 0xa5);
	out(&r, M, 0x12); /* single, no ICW4 */
	CU_ASSERT_EQUAL(in(&r, M + 1), 0);
	out(&r, M + 1, 0x47); /* low bits of the vector do not exist */
	out(&r, M + 1, 0xf0); /* OCW1 already */
	CU_ASSERT_EQUAL(in(&r, M + 1), 0xf0);
	pulse(&r, 3);
	CU_ASSERT_EQUAL(pic_ack(&r.pic), 0x43);
	/* Without a slave IR2 is an input like any other. */
	out(&r, M, 0x20);
	pulse(&r, 8);
	CU_ASSERT_EQUAL(pic_ack(&r.pic), 0x42);
	bus_fini(&r.pio);
}

static void test_quiet(void)
{
	struct rig r;
	int before;

	setup(&r);
	pulse(&r, 6);
	before = r.changes;
	pulse(&r, 7);
	pic_set_irq(&r.pic, 20, 1);
	out(&r, M + 1, 0x80);
	CU_ASSERT_EQUAL(r.changes, before);
	bus_fini(&r.pio);
}

static void test_icw1_clears(void)
{
	struct rig r;

	setup(&r);
	program(&r, 0x11, 0x13); /* special fully nested, automatic EOI */
	out(&r, M, 0x80);	 /* rotating */
	program(&r, 0x11, 0x11);
	pulse(&r, 3);
	pulse(&r, 5);
	CU_ASSERT_EQUAL(pic_ack(&r.pic), 0x23);
	out(&r, M, 0x6b); /* special mask mode, read ISR */
	CU_ASSERT_EQUAL(in(&r, M), BIT(3));
	out(&r, M, 0x0c);
	out(&r, M, 0xc3);
	program(&r, 0x10, 0x01); /* with no ICW4: the fourth word is OCW1 */
	CU_ASSERT_EQUAL(in(&r, M + 1), 0x01);
	CU_ASSERT_EQUAL(in(&r, M), 0);
	out(&r, M, 0x0b);
	CU_ASSERT_EQUAL(in(&r, M), 0);
	out(&r, M + 1, 0);
	pulse(&r, 5);
	pulse(&r, 3);
	CU_ASSERT_EQUAL(pic_ack(&r.pic), 0x23);
	CU_ASSERT_EQUAL(in(&r, M), BIT(3)); /* normal EOI */
	out(&r, M + 1, BIT(3));
	CU_ASSERT_FALSE(pic_pending(&r.pic)); /* no special mask */
	out(&r, M, 0x20);
	out(&r, M, 0x63);
	pulse(&r, 12);
	CU_ASSERT_EQUAL(pic_ack(&r.pic), 0x2c);
	pulse(&r, 8);
	CU_ASSERT_FALSE(pic_pending(&r.pic)); /* fully nested */
	/* Once more, out of rotating automatic EOI with ISR selected. */
	program_master(&r, 0x11, 0x03);
	out(&r, M, 0x80);
	out(&r, M, 0x0b);
	program_master(&r, 0x10, 0);
	pulse(&r, 4);
	CU_ASSERT_EQUAL(in(&r, M), BIT(4));
	CU_ASSERT_EQUAL(pic_ack(&r.pic), 0x24);
	out(&r, M, 0x0b);
	CU_ASSERT_EQUAL(in(&r, M), BIT(4));
	program_master(&r, 0x11, 0x03);
	pulse(&r, 4);
	CU_ASSERT_EQUAL(pic_ack(&r.pic), 0x24);
	CU_ASSERT_EQUAL(r.pic.chip[0].lowest, 7);
	bus_fini(&r.pio);
}

CU_TestInfo tests_pic[] = {
	{ "reset masks all and forgets requests", test_reset },
	{ "priority, nesting and EOI", test_order },
	{ "masked requests wait", test_mask },
	{ "a slave request takes both chips", test_cascade },
	{ "each slave request is an edge to the master", test_cascade_edge },
	{ "special fully nested mode", test_special_nested },
	{ "spurious IRQ 7 and IRQ 15", test_spurious },
	{ "level-triggered inputs by ELCR and LTIM", test_level },
	{ "automatic EOI, also rotating", test_auto_eoi },
	{ "rotation commands", test_rotation },
	{ "special mask mode", test_special_mask },
	{ "poll command", test_poll },
	{ "initialization words", test_init_sequence },
	{ "INTR is driven only when it changes", test_quiet },
	{ "ICW1 clears the chip", test_icw1_clears },
	CU_TEST_INFO_NULL,
};
