/* SPDX-License-Identifier: MIT */
/*
 * An interrupt wire: what a device holds of whatever it is soldered to. irq_line_set drives it;
 * level 0 is inactive. Devices call it on every change they compute, including no change.
 */
#ifndef FVB_IRQ_H
#define FVB_IRQ_H

struct irq_line {
	void (*set)(void *opaque, int pin, int level);
	void *opaque;
	int pin; /* in the receiver's numbering */
};

static inline void irq_line_set(const struct irq_line *line, int level)
{
	if (line->set)
		line->set(line->opaque, line->pin, level);
}

#endif
