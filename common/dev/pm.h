/* SPDX-License-Identifier: MIT */
/*
 * ACPI fixed hardware (ACPI 6.4 section 4.8) at the ports of QEMU's PIIX4:
 *
 *   PM_BASE + 0   PM1a status (2), enable (2)
 *   PM_BASE + 4   PM1a control (2): SLP_TYP PM_S5_TYPE with SLP_EN powers off
 *   PM_BASE + 8   PM timer (4): 3.579545 MHz, 32 bits, so the FADT says TMR_VAL_EXT
 *   PM_GPE0       GPE0 block (4): no events
 *
 * Reads of the timer are PM_READ_NS apart at least. A real one takes a microsecond to read, and
 * guests trust in that: memtest86+ waits for 50 ms, but for a million reads at most, and with reads
 * of 20 ns it took its processor for one of 950 MHz.
 *
 * The machine is ACPI-only: no SMI_CMD, SCI_EN is always set. vCPU thread only.
 */
#ifndef FVB_PM_H
#define FVB_PM_H

#include "common/bus.h"
#include "common/clock.h"
#include "common/irq.h"
#include "common/types.h"

#define PM_BASE	      0x600
#define PM_CONTROL    (PM_BASE + 4)
#define PM_TIMER      (PM_BASE + 8)
#define PM_GPE0	      0x620
#define PM_GPE0_LEN   4
#define PM_SCI	      9
#define PM_S5_TYPE    0 /* first element of \_S5 */
#define PM_TIMER_FREQ 3579545
#define PM_READ_NS    100

struct pm {
	struct clock *clock;
	struct timer timer; /* next change of the PM timer's top bit, while its interrupt is on */
	struct irq_line sci;
	void (*poweroff)(void *arg);
	void *arg;
	u64 read; /* ns: when the timer was read last */
	u16 status, enable, control;
	u32 half; /* how often the top bit had changed (mod 2^32) when STATUS was last right */
};

/* SCI is level-triggered, active high. POWEROFF is called on the vCPU thread at S5. */
void pm_init(struct pm *pm, struct irq_line sci, struct clock *clock, void (*poweroff)(void *arg),
	     void *arg);
int pm_attach(struct pm *pm, struct bus *pio);
void pm_reset(struct pm *pm);

/* The user pressed the power button: PWRBTN_STS, and an SCI if the guest wants it. */
void pm_power_button(struct pm *pm);

#endif
