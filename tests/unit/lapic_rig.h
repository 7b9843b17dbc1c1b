/* SPDX-License-Identifier: MIT */
/* A local APIC on a manual clock with a host that counts, for the test_lapic*.c suites. */
#ifndef FVB_TESTS_LAPIC_RIG_H
#define FVB_TESTS_LAPIC_RIG_H

#include "common/dev/lapic.h"

#include <CUnit/CUnit.h>
#include <errno.h>
#include <string.h>

#define X2(reg) (MSR_X2APIC_FIRST + (reg) / 16)
#define EN	0x800u
#define EXTD	0x400u
#define BSP	0x100u

enum {
	ID = 0x20,
	VERSION = 0x30,
	TPR = 0x80,
	APR = 0x90,
	PPR = 0xa0,
	EOI = 0xb0,
	LDR = 0xd0,
	DFR = 0xe0,
	SVR = 0xf0,
	ISR = 0x100,
	TMR = 0x180,
	IRR = 0x200,
	ESR = 0x280,
	ICR = 0x300,
	ICR2 = 0x310,
	LVTT = 0x320,
	LINT0 = 0x350,
	LINT1 = 0x360,
	LVTERR = 0x370,
	TMICT = 0x380,
	TMCCT = 0x390,
	TDCR = 0x3e0,
	SELF = 0x3f0,
	MASK = 0x10000,
	PERIODIC = 0x20000,
	TSCDEADLINE = 0x40000,
};

struct rig {
	struct bus mmio;
	struct clock clock;
	struct lapic lapic;
	struct lapic_host host;
	int nmis, inits, updates, eois, tsc_reads;
	int tsc_late; /* the guest's TSC lags so much behind the clock */
	u8 eoi_vector;
};

/* The manual clock's TSC runs at 1 GHz: one cycle a nanosecond. */
static inline u64 on_tsc(void *opaque)
{
	struct rig *r = opaque;

	r->tsc_reads++;
	return 1000000 + clock_now(&r->clock) - (u64)r->tsc_late;
}

static inline void on_nmi(void *opaque)
{
	((struct rig *)opaque)->nmis++;
}

static inline void on_eoi(void *opaque, u8 vector)
{
	struct rig *r = opaque;

	r->eois++;
	r->eoi_vector = vector;
}

static inline void on_update(void *opaque)
{
	((struct rig *)opaque)->updates++;
}

static inline void on_init(void *opaque)
{
	((struct rig *)opaque)->inits++;
}

static inline void put(struct rig *r, u64 reg, u32 v)
{
	bus_write(&r->mmio, LAPIC_BASE + reg, v, 4);
}

static inline u32 get(struct rig *r, u64 reg)
{
	return (u32)bus_read(&r->mmio, LAPIC_BASE + reg, 4);
}

static inline int wrmsr(struct rig *r, u32 msr, u64 v)
{
	return lapic_wrmsr(&r->lapic, msr, v);
}

static inline u64 rdmsr(struct rig *r, u32 msr)
{
	u64 v = 0;

	CU_ASSERT_EQUAL(lapic_rdmsr(&r->lapic, msr, &v), 0);
	return v;
}

static inline int rdmsr_error(struct rig *r, u32 msr)
{
	u64 v;

	return lapic_rdmsr(&r->lapic, msr, &v);
}

/* At reset. */
static inline void setup_raw(struct rig *r, u32 id)
{
	memset(r, 0, sizeof(*r));
	clock_init_manual(&r->clock);
	bus_init_mmio(&r->mmio);
	r->host = (struct lapic_host){ on_tsc, on_nmi, on_eoi, on_update, on_init, r };
	lapic_init(&r->lapic, id, &r->clock, &r->host);
	CU_ASSERT_EQUAL_FATAL(lapic_attach(&r->lapic, &r->mmio), 0);
}

/* Enabled by software. */
static inline void setup(struct rig *r)
{
	setup_raw(r, 0);
	put(r, SVR, 0x1ff);
}

static inline void setup_x2apic(struct rig *r, u32 id)
{
	setup_raw(r, id);
	put(r, SVR, 0x1ff);
	CU_ASSERT_EQUAL(wrmsr(r, MSR_APIC_BASE, LAPIC_BASE | BSP | EN | EXTD), 0);
}

static inline void fixed(struct rig *r, u8 vector)
{
	lapic_deliver(&r->lapic, vector, LAPIC_FIXED, false);
}

/* Take what is pending and end it. */
static inline int take(struct rig *r)
{
	int vector = lapic_ack(&r->lapic);

	if (vector >= 0)
		put(r, EOI, 0);
	return vector;
}

#endif
