/* SPDX-License-Identifier: MIT */
/* What the three parts of the local APIC share: lapic.c (priorities and messages), lapic_regs.c
 * (the registers as the guest sees them), lapic_timer.c. */
#ifndef FVB_DEV_LAPIC_INTERNAL_H
#define FVB_DEV_LAPIC_INTERNAL_H

#include "common/cpu_state.h"
#include "common/dev/lapic.h"

#define APIC_BASE_MODE	  (APIC_BASE_X2APIC | APIC_BASE_ENABLE)
#define APIC_BASE_ADDRESS (~0xfffull)
#define LAPIC_NOWHERE	  (~0ull) /* struct lapic.claimed */

#define SVR_ENABLE	 BIT(8)
#define SVR_SUPPRESS_EOI BIT(12)

#define LVT_MODE_SHIFT	8
#define LVT_REMOTE_IRR	BIT(14)
#define LVT_LEVEL	BIT(15)
#define LVT_MASKED	BIT(16)
#define LVT_TIMER_MODE	(3u << 17)
#define LVT_ONESHOT	(0u << 17)
#define LVT_PERIODIC	(1u << 17)
#define LVT_TSCDEADLINE (2u << 17)

#define ESR_SEND_VECTOR	     BIT(5)
#define ESR_RECEIVE_VECTOR   BIT(6)
#define ESR_ILLEGAL_REGISTER BIT(7)

/* Vectors below this are exceptions: no interrupt may have them. */
#define FIRST_VECTOR 16

static inline bool lapic_enabled(const struct lapic *l)
{
	return l->base & APIC_BASE_ENABLE;
}

static inline bool lapic_in_x2apic(const struct lapic *l)
{
	return (l->base & APIC_BASE_MODE) == APIC_BASE_MODE;
}

/* lapic.c: recompute the output after any change of priorities; tell the host if it changed. */
void lapic_refresh(struct lapic *l);
/* Registers as after RESET# or INIT; id and base stay. */
void lapic_reset_registers(struct lapic *l);
u32 lapic_ppr(const struct lapic *l);
void lapic_eoi(struct lapic *l);
/* Send what ICR says; DEST in the format of the present mode. */
void lapic_send_ipi(struct lapic *l, u32 icr, u32 dest);
void lapic_self_ipi(struct lapic *l, u8 vector);
/* Note ERRORS (ESR_*), and interrupt if they are news. */
void lapic_error(struct lapic *l, u32 errors);
/* An event of local source WHICH: deliver as its entry says. */
void lapic_local(struct lapic *l, enum lapic_lvt which);
/* LINT0 Fixed and level-triggered: deliver if it is asserted, not masked and not in service. */
void lapic_check_lint0(struct lapic *l);

/*
 * lapic_timer.c. lapic_timer_sync delivers what is due by now; call it before the guest sees or
 * changes anything that the timer depends on, and lapic_timer_arm after a change.
 */
void lapic_timer_init(struct lapic *l);
void lapic_timer_stop(struct lapic *l);
void lapic_timer_sync(struct lapic *l);
void lapic_timer_arm(struct lapic *l);
void lapic_timer_set_initial(struct lapic *l, u32 count);
void lapic_timer_set_divide(struct lapic *l, u32 v);
void lapic_timer_set_deadline(struct lapic *l, u64 tsc);
u32 lapic_timer_current(struct lapic *l);

#endif
