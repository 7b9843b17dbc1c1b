/* SPDX-License-Identifier: MIT */
/*
 * The local APIC of the one vCPU: xAPIC (memory-mapped) and x2APIC (MSRs). Intel SDM vol. 3A,
 * chapter "Advanced Programmable Interrupt Controller (APIC)"; AMD APM vol. 2 chapter 16.
 *
 * Version 14h with six LVT entries and suppressible EOI broadcasts. The other processors do not
 * exist: IPIs to them vanish, their delivery status is idle at once. SMI and start-up IPIs do
 * nothing. ExtINT messages do nothing either, the 8259 pair is soldered to LINT0 alone.
 */
#ifndef FVB_DEV_LAPIC_H
#define FVB_DEV_LAPIC_H

#include "common/bus.h"
#include "common/clock.h"
#include "common/types.h"

#define LAPIC_BASE 0xfee00000ull
#define LAPIC_SIZE 0x1000u

/* The timer's divider gets one pulse a nanosecond, as under KVM. Periodic interrupts nearer than
 * this are coalesced: no guest can start a storm. */
#define LAPIC_MIN_GAP_NS 20000u

#define MSR_APIC_BASE	 0x1b
#define MSR_TSC_DEADLINE 0x6e0
#define MSR_X2APIC_FIRST 0x800
#define MSR_X2APIC_LAST	 0x83f

enum lapic_mode {
	LAPIC_FIXED,
	LAPIC_LOWEST,
	LAPIC_SMI,
	LAPIC_NMI = 4,
	LAPIC_INIT,
	LAPIC_SIPI,
	LAPIC_EXTINT,
};

enum lapic_lvt {
	LVT_TIMER,
	LVT_THERMAL,
	LVT_PERF,
	LVT_LINT0,
	LVT_LINT1,
	LVT_ERROR,
	NR_LVT,
};

/* What the APIC asks of the machine around it; every function must be there. All are called on
 * the vCPU thread, in the middle of a lapic_* call; they may call back into the APIC. */
struct lapic_host {
	u64 (*guest_tsc)(void *opaque);	      /* the guest's TSC now */
	void (*nmi)(void *opaque);	      /* an NMI for the processor */
	void (*eoi)(void *opaque, u8 vector); /* EOI message of a level-triggered vector */
	void (*update)(void *opaque); /* lapic_pending or lapic_accepts_extint has changed */
	void (*init)(void *opaque);   /* INIT for the processor; the APIC itself is reset already */
	void *opaque;
};

struct lapic {
	u32 initial_id, id;
	u64 base;	 /* IA32_APIC_BASE */
	u8 phys_bits;	 /* bits from this one up are reserved in IA32_APIC_BASE */
	bool has_x2apic; /* or x2APIC mode cannot be entered */
	u32 tpr, ldr, dfr, svr, icr2;
	u64 icr;
	u32 esr, esr_next; /* what the guest reads, what it will read after its next write */
	u32 lvt[NR_LVT];
	u32 irr[8], isr[8], tmr[8]; /* vector n is bit n % 32 of word n / 32 */
	int irr_max, isr_max;	    /* highest vector, -1 for none */
	int pending;		    /* what lapic_ack would return */
	u8 output;		    /* what host->update was last called for */
	bool lint[2];		    /* levels of LINT0, LINT1 */

	u32 timer_initial, timer_divide; /* the two registers */
	s64 timer_start;		 /* ns: begin of the period that counts down */
	s64 timer_period; /* ns: initial count times divider; 0 when the timer stands still */
	u64 tsc_deadline; /* 0: not armed */

	struct clock *clock;
	struct timer timer;
	const struct lapic_host *host;
	struct bus *mmio;
	u64 claimed; /* address of our page on mmio; all ones: none */
};

/* Make an APIC at reset, with (x2)APIC id ID, enabled at LAPIC_BASE, on the boot processor. HOST
 * must outlive it; nothing of it is called yet. phys_bits is 52 and has_x2apic true: the board may
 * change both before the guest runs. */
void lapic_init(struct lapic *lapic, u32 id, struct clock *clock, const struct lapic_host *host);

/* State after RESET#, except that LINT0 is an unmasked ExtINT and thus the 8259 pair works, as
 * firmware leaves the boot processor. Lines keep their levels. */
void lapic_reset(struct lapic *lapic);

/*
 * Claim 4 KiB at LAPIC_BASE. 0 or what bus_add said. The page moves when the guest writes another
 * base to IA32_APIC_BASE (and answers nowhere if something else is there). Globally disabled or in
 * x2APIC mode it reads as ones and swallows writes.
 */
int lapic_attach(struct lapic *lapic, struct bus *mmio);

/* Is there an interrupt of higher priority than what runs: highest IRR above PPR, APIC enabled? */
static inline bool lapic_pending(const struct lapic *lapic)
{
	return lapic->pending >= 0;
}

/*
 * The processor takes the pending interrupt: its vector moves from IRR to ISR and is returned, or
 * -1 if there is none (any more). There are no spurious interrupts: the output falls in the same
 * moment as the priority rises.
 */
int lapic_ack(struct lapic *lapic);

/* Do interrupts of the 8259 pair reach the processor? Globally disabled, or LINT0 unmasked as
 * ExtINT. Priority does not matter to them. */
bool lapic_accepts_extint(const struct lapic *lapic);

/*
 * Drive LINT0 (PIN 0, the INTR of the 8259 pair) or LINT1 (PIN 1, NMI). Delivered as its LVT entry
 * says: Fixed (level-triggered on LINT0 only), NMI, INIT. ExtINT needs nothing: see
 * lapic_accepts_extint. A masked edge is lost.
 */
void lapic_lint(struct lapic *lapic, int pin, int level);

/*
 * An interrupt message arrives that lapic_match said is for us. MODE is enum lapic_mode; LEVEL
 * marks VECTOR as level-triggered: its EOI calls host->eoi (unless the guest suppressed that).
 * Dropped while the APIC is globally disabled; Fixed and Lowest also while disabled by software.
 */
void lapic_deliver(struct lapic *lapic, u8 vector, unsigned int mode, bool level);

/* Is a message of the I/O APIC or an MSI with destination DEST (8 bits; logical or physical) for
 * this APIC? False while it is globally disabled. */
bool lapic_match(const struct lapic *lapic, u32 dest, bool logical);

/*
 * RDMSR, WRMSR of IA32_APIC_BASE, IA32_TSC_DEADLINE and the x2APIC range. 0; -EINVAL: #GP for the
 * guest, nothing changed; -ENOENT: not one of our MSRs.
 */
int lapic_rdmsr(struct lapic *lapic, u32 msr, u64 *v);
int lapic_wrmsr(struct lapic *lapic, u32 msr, u64 v);

/* CR8 is TPR bits 7:4. Bits above 3 of V are ignored. */
u64 lapic_get_cr8(const struct lapic *lapic);
void lapic_set_cr8(struct lapic *lapic, u64 v);

#endif
