/* SPDX-License-Identifier: MIT */
#include "apic.h"

#define APIC_BASE_ENABLE (1u << 11)
#define APIC_BASE_X2	 (1u << 10)
#define LAPIC		 0xfee00000ul

#define LAPIC_TPR	  0x080
#define LAPIC_SVR	  0x0f0
#define LAPIC_ICR	  0x300
#define LAPIC_LVT_TIMER	  0x320
#define LAPIC_LVT_LINT0	  0x350
#define LAPIC_LVT_LINT1	  0x360
#define LAPIC_TIMER_START 0x380
#define LAPIC_TIMER_NOW	  0x390
#define LAPIC_TIMER_DIV	  0x3e0

#define SVR_ENABLE	 0x100
#define LVT_MASKED	 0x10000
#define LVT_TSC_DEADLINE 0x40000
#define DIVIDE_BY_1	 0xb
#define ICR_SELF	 0x40000 /* shorthand: this CPU; fixed delivery */
#define SPURIOUS_VECTOR	 0xff

#define CALIBRATION_CYCLES 10000000ull

static bool x2apic, deadline_mode;
static u64 tsc_cycles, timer_ticks; /* as many of one as of the other pass in a time */

u32 lapic_read(u32 reg)
{
	return x2apic ? (u32)rdmsr(MSR_X2APIC + reg / 16) : mmio_read(LAPIC + reg);
}

void lapic_write(u32 reg, u32 value)
{
	if (x2apic)
		wrmsr(MSR_X2APIC + reg / 16, value);
	else
		mmio_write(LAPIC + reg, value);
}

__interrupt void on_spurious(struct frame *f)
{
	(void)f;
}

void lapic_init(void)
{
	u64 base;

	if (!(cpuid(1, 0).d & 1u << 9))
		skip("no local APIC");
	base = rdmsr(MSR_APIC_BASE);
	if (!(base & APIC_BASE_ENABLE))
		wrmsr(MSR_APIC_BASE, base | APIC_BASE_ENABLE);
	x2apic = base & APIC_BASE_X2;
	gate_set(SPURIOUS_VECTOR, on_spurious);
	lapic_write(LAPIC_SVR, SVR_ENABLE | SPURIOUS_VECTOR);
	lapic_write(LAPIC_TPR, 0);
	lapic_write(LAPIC_LVT_LINT0, LVT_MASKED);
	lapic_write(LAPIC_LVT_LINT1, LVT_MASKED);
	lapic_write(LAPIC_LVT_TIMER, LVT_MASKED);
}

void lapic_self_ipi(u8 vector)
{
	lapic_write(LAPIC_ICR, ICR_SELF | vector);
}

static void calibrate(void)
{
	u64 start, now;

	lapic_write(LAPIC_TIMER_DIV, DIVIDE_BY_1);
	lapic_write(LAPIC_TIMER_START, UINT32_MAX);
	start = tsc();
	do
		now = tsc();
	while (now - start < CALIBRATION_CYCLES);
	timer_ticks = UINT32_MAX - lapic_read(LAPIC_TIMER_NOW);
	tsc_cycles = now - start;
	lapic_write(LAPIC_TIMER_START, 0);
	if (timer_ticks == 0)
		fail("the local APIC timer does not count");
}

bool timer_init(u8 vector)
{
	deadline_mode = cpuid(1, 0).c & 1u << 24;
	if (!deadline_mode)
		calibrate();
	lapic_write(LAPIC_LVT_TIMER, vector | (deadline_mode ? LVT_TSC_DEADLINE : 0));
	/* A store to the APIC and a WRMSR of the deadline are not ordered by themselves. */
	asm volatile("mfence" : : : "memory");
	return deadline_mode;
}

void timer_arm(u64 deadline)
{
	u64 now, ticks;

	if (deadline_mode) {
		wrmsr(MSR_TSC_DEADLINE, deadline);
		return;
	}
	now = tsc();
	ticks = deadline > now ? (deadline - now) * timer_ticks / tsc_cycles : 0;
	lapic_write(LAPIC_TIMER_START, ticks ? (u32)ticks : 1);
}
