/* SPDX-License-Identifier: MIT */
#include "common/dev/pm.h"

/* Offsets in the event and control blocks. */
enum { STATUS = 0, ENABLE = 2, CONTROL = 4, EVENT_LEN = 6 };

#define TMR_STS	   BIT(0)
#define BM_STS	   BIT(4)
#define GBL_STS	   BIT(5)
#define PWRBTN_STS BIT(8)
#define SLPBTN_STS BIT(9)
#define RTC_STS	   BIT(10)
#define WAK_STS	   BIT(15)
#define STATUS_ALL (TMR_STS | BM_STS | GBL_STS | PWRBTN_STS | SLPBTN_STS | RTC_STS | WAK_STS)
#define ENABLE_ALL (TMR_STS | GBL_STS | PWRBTN_STS | SLPBTN_STS | RTC_STS)

#define SCI_EN	      BIT(0)
#define SLP_TYP_SHIFT 10
#define SLP_TYP	      (7u << SLP_TYP_SHIFT)
#define SLP_EN	      BIT(13)
#define CONTROL_KEPT  (BIT(1) | SLP_TYP) /* BM_RLD, SLP_TYP */

#define TICKS_PER_HALF BIT64(31) /* the top bit of the timer changes this often */

static u64 ticks(const struct pm *pm)
{
	return mul_div(clock_now(pm->clock), PM_TIMER_FREQ, NSEC_PER_SEC);
}

/* Bring TMR_STS up to date, arm for the next overflow, and drive the SCI. */
static void pm_update(struct pm *pm)
{
	u64 half = ticks(pm) / TICKS_PER_HALF;
	u64 next = CLOCK_NEVER;

	if ((u32)half != pm->half) {
		pm->half = (u32)half;
		pm->status |= TMR_STS;
	}
	if (pm->enable & TMR_STS && !(pm->status & TMR_STS))
		next = mul_div((half + 1) * TICKS_PER_HALF, NSEC_PER_SEC, PM_TIMER_FREQ) + 1;
	timer_set(pm->clock, &pm->timer, next);
	irq_line_set(&pm->sci, (pm->status & pm->enable) != 0);
}

static void on_overflow(void *opaque)
{
	pm_update(opaque);
}

static void control_write(struct pm *pm, u16 value)
{
	pm->control = (value & CONTROL_KEPT) | SCI_EN;
	if (value & SLP_EN && (value & SLP_TYP) >> SLP_TYP_SHIFT == PM_S5_TYPE)
		pm->poweroff(pm->arg);
}

static u64 event_read(void *dev, u64 offset, unsigned int size)
{
	struct pm *pm = dev;
	u16 value;

	pm_update(pm);
	value = offset >= CONTROL ? pm->control : offset >= ENABLE ? pm->enable : pm->status;
	(void)size; /* the bus cuts to it */
	return value >> (offset & 1) * 8;
}

static void event_write(void *dev, u64 offset, u64 value, unsigned int size)
{
	struct pm *pm = dev;
	unsigned int shift = (offset & 1) * 8;
	u16 mask = (u16)((size == 1 ? 0xffu : 0xffffu) << shift);
	u16 bits = (u16)(value << shift) & mask;

	pm_update(pm);
	switch (offset & ~1ull) {
	case STATUS:
		pm->status &= ~bits;
		break;
	case ENABLE:
		pm->enable = ((pm->enable & ~mask) | bits) & ENABLE_ALL;
		break;
	case CONTROL:
		control_write(pm, (pm->control & ~mask) | bits);
		break;
	}
	pm_update(pm);
}

static u64 timer_read(void *dev, u64 offset, unsigned int size)
{
	struct pm *pm = dev;

	(void)size;
	pm->read = clock_wait(pm->clock, pm->read + PM_READ_NS);
	return (u32)ticks(pm) >> offset * 8;
}

static u64 gpe_read(void *dev, u64 offset, unsigned int size)
{
	(void)dev, (void)offset, (void)size;
	return 0;
}

static const struct bus_ops event_ops = { event_read, event_write, true };
static const struct bus_ops timer_ops = { timer_read, NULL, true };
static const struct bus_ops gpe_ops = { gpe_read, NULL, true };

void pm_init(struct pm *pm, struct irq_line sci, struct clock *clock, void (*poweroff)(void *arg),
	     void *arg)
{
	*pm = (struct pm){ .clock = clock, .sci = sci, .poweroff = poweroff, .arg = arg };
	timer_init(clock, &pm->timer, on_overflow, pm);
	pm_reset(pm);
}

int pm_attach(struct pm *pm, struct bus *pio)
{
	const struct bus_region region[] = {
		{ "ACPI PM1", PM_BASE, EVENT_LEN, 2, &event_ops, pm },
		{ "ACPI timer", PM_TIMER, 4, 4, &timer_ops, pm },
		{ "ACPI GPE0", PM_GPE0, PM_GPE0_LEN, 4, &gpe_ops, pm },
	};

	return bus_add_all(pio, region, ARRAY_SIZE(region));
}

void pm_reset(struct pm *pm)
{
	pm->status = pm->enable = 0;
	pm->control = SCI_EN;
	pm->half = (u32)(ticks(pm) / TICKS_PER_HALF);
	pm_update(pm);
}

void pm_power_button(struct pm *pm)
{
	pm->status |= PWRBTN_STS;
	pm_update(pm);
}
