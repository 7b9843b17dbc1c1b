/* SPDX-License-Identifier: MIT */
#include "common/dev/lapic_internal.h"

#include <string.h>

#define OUTPUT_PENDING 1u
#define OUTPUT_EXTINT  2u

#define BROADCAST_XAPIC	 0xffu
#define BROADCAST_X2APIC 0xffffffffu

#define ICR_LOGICAL	    BIT(11)
#define ICR_ASSERT	    BIT(14)
#define ICR_SHORTHAND_SHIFT 18

enum shorthand { TO_DEST, TO_SELF, TO_ALL, TO_OTHERS };

static inline bool test_vector(const u32 *set, int v)
{
	return set[v / 32] >> (v % 32) & 1;
}

static inline void set_vector(u32 *set, int v, bool on)
{
	if (on)
		set[v / 32] |= BIT(v % 32);
	else
		set[v / 32] &= ~BIT(v % 32);
}

static int highest_vector(const u32 *set)
{
	for (int i = 7; i >= 0; i--)
		if (set[i])
			return i * 32 + 31 - __builtin_clz(set[i]);
	return -1;
}

static inline u32 priority_class(int vector)
{
	return vector < 0 ? 0 : (u32)vector & 0xf0;
}

u32 lapic_ppr(const struct lapic *l)
{
	u32 in_service = priority_class(l->isr_max);

	return (l->tpr & 0xf0) >= in_service ? l->tpr : in_service;
}

static inline unsigned int lvt_mode(const struct lapic *l, enum lapic_lvt which)
{
	return l->lvt[which] >> LVT_MODE_SHIFT & 7;
}

bool lapic_accepts_extint(const struct lapic *l)
{
	return !lapic_enabled(l) ||
	       (!(l->lvt[LVT_LINT0] & LVT_MASKED) && lvt_mode(l, LVT_LINT0) == LAPIC_EXTINT);
}

void lapic_refresh(struct lapic *l)
{
	bool takes = lapic_enabled(l) && (l->svr & SVR_ENABLE) &&
		     priority_class(l->irr_max) > (lapic_ppr(l) & 0xf0);
	u8 output = (takes ? OUTPUT_PENDING : 0) | (lapic_accepts_extint(l) ? OUTPUT_EXTINT : 0);

	l->pending = takes ? l->irr_max : -1;
	if (likely(output == l->output))
		return;
	l->output = output;
	l->host->update(l->host->opaque);
}

/* A Fixed interrupt has come, from wherever. */
static void lapic_accept(struct lapic *l, u8 vector, bool level)
{
	if (!(l->svr & SVR_ENABLE))
		return;
	if (vector < FIRST_VECTOR) {
		lapic_error(l, ESR_RECEIVE_VECTOR);
		return;
	}
	set_vector(l->irr, vector, true);
	set_vector(l->tmr, vector, level);
	if (vector > l->irr_max)
		l->irr_max = vector;
	lapic_refresh(l);
}

int lapic_ack(struct lapic *l)
{
	int vector = l->pending;

	if (vector < 0)
		return -1;
	set_vector(l->irr, vector, false);
	set_vector(l->isr, vector, true);
	l->irr_max = highest_vector(l->irr);
	l->isr_max = vector; /* it was above PPR, hence above all in service */
	lapic_refresh(l);
	return vector;
}

void lapic_eoi(struct lapic *l)
{
	int vector = l->isr_max;

	if (vector < 0)
		return;
	set_vector(l->isr, vector, false);
	l->isr_max = highest_vector(l->isr);
	if (test_vector(l->tmr, vector)) {
		if ((l->lvt[LVT_LINT0] & 0xff) == (u32)vector) {
			l->lvt[LVT_LINT0] &= ~LVT_REMOTE_IRR;
			lapic_check_lint0(l);
		}
		if (!(l->svr & SVR_SUPPRESS_EOI))
			l->host->eoi(l->host->opaque, (u8)vector);
	}
	lapic_refresh(l);
}

void lapic_error(struct lapic *l, u32 errors)
{
	bool news = errors & ~l->esr_next;

	l->esr_next |= errors;
	if (news)
		lapic_local(l, LVT_ERROR);
}

/* INIT leaves the APIC as RESET# does, except for its id and its mode (SDM, "Local APIC State After
 * It Receives an INIT-Deassert/INIT IPI"). */
static void lapic_take_init(struct lapic *l)
{
	lapic_reset_registers(l);
	lapic_refresh(l);
	l->host->init(l->host->opaque);
}

void lapic_deliver(struct lapic *l, u8 vector, unsigned int mode, bool level)
{
	if (!lapic_enabled(l))
		return;
	switch (mode) {
	case LAPIC_FIXED:
	case LAPIC_LOWEST: /* we are the lowest: there is no other */
		lapic_accept(l, vector, level);
		break;
	case LAPIC_NMI:
		l->host->nmi(l->host->opaque);
		break;
	case LAPIC_INIT:
		lapic_take_init(l);
		break;
	}
}

void lapic_local(struct lapic *l, enum lapic_lvt which)
{
	if (l->lvt[which] & LVT_MASKED)
		return;
	/* Lowest priority is no mode of a local source. */
	if (lvt_mode(l, which) != LAPIC_LOWEST)
		lapic_deliver(l, (u8)l->lvt[which], lvt_mode(l, which), false);
}

void lapic_check_lint0(struct lapic *l)
{
	u32 *lvt = &l->lvt[LVT_LINT0];

	if (!(*lvt & LVT_LEVEL) || lvt_mode(l, LVT_LINT0) != LAPIC_FIXED) {
		*lvt &= ~LVT_REMOTE_IRR;
		return;
	}
	if (!l->lint[0] || (*lvt & (LVT_MASKED | LVT_REMOTE_IRR)) || !lapic_enabled(l))
		return;
	*lvt |= LVT_REMOTE_IRR;
	lapic_accept(l, (u8)*lvt, true);
}

void lapic_lint(struct lapic *l, int pin, int level)
{
	static const enum lapic_lvt entry[] = { LVT_LINT0, LVT_LINT1 };
	bool rose;

	if (pin != 0 && pin != 1)
		return;
	rose = level && !l->lint[pin];
	l->lint[pin] = level;
	if (!lapic_enabled(l)) { /* the pins are INTR and NMI then */
		if (pin == 1 && rose)
			l->host->nmi(l->host->opaque);
	} else if (pin == 0 && (l->lvt[LVT_LINT0] & LVT_LEVEL) &&
		   lvt_mode(l, LVT_LINT0) == LAPIC_FIXED) {
		lapic_check_lint0(l);
	} else if (rose) {
		lapic_local(l, entry[pin]);
	}
}

/* The logical destination in the format of the present mode (SDM, "Determining IPI Destination").
 */
static bool match_logical(const struct lapic *l, u32 dest)
{
	u32 ldr = l->ldr >> 24;

	if (lapic_in_x2apic(l)) {
		ldr = l->id >> 4 << 16 | BIT(l->id & 15);
		return ldr >> 16 == dest >> 16 && (ldr & dest & 0xffff);
	}
	if (l->dfr >> 28 == 0xf) /* flat */
		return ldr & dest;
	return ldr >> 4 == dest >> 4 && (ldr & dest & 0xf);
}

static bool match(const struct lapic *l, u32 dest, bool logical, u32 broadcast)
{
	if (!lapic_enabled(l))
		return false;
	return dest == broadcast || (logical ? match_logical(l, dest) : dest == l->id);
}

bool lapic_match(const struct lapic *l, u32 dest, bool logical)
{
	return match(l, dest, logical, BROADCAST_XAPIC);
}

void lapic_self_ipi(struct lapic *l, u8 vector)
{
	if (vector < FIRST_VECTOR)
		lapic_error(l, ESR_SEND_VECTOR);
	else
		lapic_accept(l, vector, false);
}

void lapic_send_ipi(struct lapic *l, u32 icr, u32 dest)
{
	enum shorthand to = icr >> ICR_SHORTHAND_SHIFT & 3;
	unsigned int mode = icr >> LVT_MODE_SHIFT & 7;
	bool fixed = mode == LAPIC_FIXED || mode == LAPIC_LOWEST;
	u32 broadcast = lapic_in_x2apic(l) ? BROADCAST_X2APIC : BROADCAST_XAPIC;

	if (fixed && (icr & 0xff) < FIRST_VECTOR) {
		lapic_error(l, ESR_SEND_VECTOR);
		return;
	}
	if (to == TO_OTHERS || (to == TO_DEST && !match(l, dest, icr & ICR_LOGICAL, broadcast)))
		return;
	/* INIT reaches us by destination only, and its deassert means nothing since the Pentium 4.
	 */
	if (mode == LAPIC_INIT && (to != TO_DEST || !(icr & ICR_ASSERT)))
		return;
	lapic_deliver(l, (u8)icr, mode, false);
}

u64 lapic_get_cr8(const struct lapic *l)
{
	return l->tpr >> 4;
}

void lapic_set_cr8(struct lapic *l, u64 v)
{
	u32 tpr = (u32)(v & 15) << 4;

	if (tpr == l->tpr)
		return;
	l->tpr = tpr;
	lapic_refresh(l);
}

void lapic_reset_registers(struct lapic *l)
{
	lapic_timer_stop(l);
	l->timer_divide = 0;
	l->tpr = 0;
	l->ldr = 0;
	l->dfr = ~0u;
	l->svr = 0xff;
	l->icr = 0;
	l->icr2 = 0;
	l->esr = 0;
	l->esr_next = 0;
	for (unsigned int i = 0; i < NR_LVT; i++)
		l->lvt[i] = LVT_MASKED;
	memset(l->irr, 0, sizeof(l->irr));
	memset(l->isr, 0, sizeof(l->isr));
	memset(l->tmr, 0, sizeof(l->tmr));
	l->irr_max = -1;
	l->isr_max = -1;
}

void lapic_init(struct lapic *l, u32 id, struct clock *clock, const struct lapic_host *host)
{
	memset(l, 0, sizeof(*l));
	l->initial_id = id;
	l->phys_bits = 52;
	l->has_x2apic = true;
	l->clock = clock;
	l->host = host;
	l->claimed = LAPIC_NOWHERE;
	l->output = OUTPUT_EXTINT; /* what reset makes it: no change to tell of */
	lapic_timer_init(l);
	lapic_reset(l);
}
