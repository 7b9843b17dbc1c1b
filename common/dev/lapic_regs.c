/* SPDX-License-Identifier: MIT */
/*
 * The local APIC's registers: one table, read through memory (register n at byte 16 * n) and
 * through MSRs (800h + n). SDM vol. 3A, tables "Local APIC Register Address Map" and "Local APIC
 * Register Address Map Supported by x2APIC".
 */
#include "common/dev/lapic_internal.h"

#include <errno.h>

#define VERSION_XAPIC	     0x14u
#define VERSION_SUPPRESS_EOI BIT(24)

#define REG_ISR 0x10
#define REG_TMR 0x18
#define REG_IRR 0x20
#define REG_ICR 0x30
#define REG_LVT 0x32
#define NR_REGS 0x40

#define ICR_KEPT 0x000ccfffu /* all that is defined, but for the delivery status */
#define ICR_BUSY BIT(12)

typedef u32 reg_read_fn(struct lapic *l, unsigned int n);
typedef void reg_write_fn(struct lapic *l, unsigned int n, u32 v);

/* Where a register can be read and written: memory-mapped, in x2APIC mode. */
enum { RM = 1, WM = 2, RX = 4, WX = 8, READ = RM | RX, BOTH = READ | WM | WX };

struct reg {
	u8 access;
	u32 kept;  /* bits that a write changes; others are ignored in memory */
	u32 legal; /* bits that WRMSR may set, on top of `kept` */
	reg_read_fn *read;
	reg_write_fn *write;
	u32 field; /* for read_field, write_field: where in struct lapic the value is */
};

static const struct reg regs[NR_REGS];

static inline u32 *reg_field(struct lapic *l, unsigned int n)
{
	return (u32 *)((char *)l + regs[n].field);
}

static u32 read_field(struct lapic *l, unsigned int n)
{
	return *reg_field(l, n);
}

static void write_field(struct lapic *l, unsigned int n, u32 v)
{
	*reg_field(l, n) = v;
}

static u32 read_id(struct lapic *l, unsigned int n)
{
	(void)n;
	return lapic_in_x2apic(l) ? l->id : l->id << 24;
}

static void write_id(struct lapic *l, unsigned int n, u32 v)
{
	(void)n;
	l->id = v >> 24;
}

static u32 read_version(struct lapic *l, unsigned int n)
{
	(void)l;
	(void)n;
	return VERSION_XAPIC | (NR_LVT - 1) << 16 | VERSION_SUPPRESS_EOI;
}

static void write_tpr(struct lapic *l, unsigned int n, u32 v)
{
	(void)n;
	if (v == l->tpr)
		return;
	l->tpr = v;
	lapic_refresh(l);
}

/* Arbitration priority (SDM, "Arbitration Priority Register"). */
static u32 read_apr(struct lapic *l, unsigned int n)
{
	u32 tpr = l->tpr & 0xf0;
	u32 irrv = l->irr_max < 0 ? 0 : (u32)l->irr_max & 0xf0;
	u32 isrv = l->isr_max < 0 ? 0 : (u32)l->isr_max & 0xf0;
	u32 shared = tpr & isrv;

	(void)n;
	if (tpr >= irrv && tpr > isrv)
		return l->tpr;
	return shared > irrv ? shared : irrv;
}

static u32 read_ppr(struct lapic *l, unsigned int n)
{
	(void)n;
	return lapic_ppr(l);
}

static void write_eoi(struct lapic *l, unsigned int n, u32 v)
{
	(void)n;
	(void)v;
	lapic_eoi(l);
}

static u32 read_zero(struct lapic *l, unsigned int n)
{
	(void)l;
	(void)n;
	return 0;
}

/* In x2APIC mode the logical id follows from the id. */
static u32 read_ldr(struct lapic *l, unsigned int n)
{
	(void)n;
	return lapic_in_x2apic(l) ? l->id >> 4 << 16 | BIT(l->id & 15) : l->ldr;
}

static void write_dfr(struct lapic *l, unsigned int n, u32 v)
{
	(void)n;
	l->dfr = v | 0x0fffffff;
}

static void write_svr(struct lapic *l, unsigned int n, u32 v)
{
	(void)n;
	lapic_timer_sync(l);
	l->svr = v;
	if (!(v & SVR_ENABLE))
		for (unsigned int i = 0; i < NR_LVT; i++)
			l->lvt[i] |= LVT_MASKED;
	lapic_timer_arm(l);
	lapic_refresh(l);
}

static u32 read_vectors(struct lapic *l, unsigned int n)
{
	const u32 *set = n >= REG_IRR ? l->irr : n >= REG_TMR ? l->tmr : l->isr;

	return set[n & 7];
}

static void write_esr(struct lapic *l, unsigned int n, u32 v)
{
	(void)n;
	(void)v;
	l->esr = l->esr_next;
	l->esr_next = 0;
}

static u32 read_icr(struct lapic *l, unsigned int n)
{
	(void)n;
	return (u32)l->icr;
}

static void write_icr(struct lapic *l, unsigned int n, u32 v)
{
	(void)n;
	l->icr = v;
	lapic_send_ipi(l, v, l->icr2 >> 24);
}

static void write_self_ipi(struct lapic *l, unsigned int n, u32 v)
{
	(void)n;
	lapic_self_ipi(l, (u8)v);
}

/* While the APIC is disabled by software, no entry can be unmasked. */
static inline u32 lvt_value(const struct lapic *l, u32 v)
{
	return l->svr & SVR_ENABLE ? v : v | LVT_MASKED;
}

static void write_lvt(struct lapic *l, unsigned int n, u32 v)
{
	u32 *lvt = &l->lvt[n - REG_LVT];

	*lvt = lvt_value(l, v) | (*lvt & LVT_REMOTE_IRR);
	if (n - REG_LVT == LVT_LINT0)
		lapic_check_lint0(l);
	lapic_refresh(l);
}

/* One-shot to periodic and back, a count goes on; into or out of TSC-deadline mode, it ends. */
static void write_lvt_timer(struct lapic *l, unsigned int n, u32 v)
{
	u32 *lvt = &l->lvt[LVT_TIMER];

	(void)n;
	lapic_timer_sync(l);
	if (((*lvt ^ v) & LVT_TIMER_MODE) &&
	    ((*lvt & LVT_TIMER_MODE) == LVT_TSCDEADLINE || (v & LVT_TIMER_MODE) == LVT_TSCDEADLINE))
		lapic_timer_stop(l);
	*lvt = lvt_value(l, v);
	lapic_timer_arm(l);
}

static void write_timer_initial(struct lapic *l, unsigned int n, u32 v)
{
	(void)n;
	lapic_timer_sync(l);
	lapic_timer_set_initial(l, v);
}

static u32 read_timer_current(struct lapic *l, unsigned int n)
{
	(void)n;
	lapic_timer_sync(l);
	return lapic_timer_current(l);
}

static void write_timer_divide(struct lapic *l, unsigned int n, u32 v)
{
	(void)n;
	lapic_timer_sync(l);
	lapic_timer_set_divide(l, v);
}

#define FIELD(name) offsetof(struct lapic, name)
#define LVT(which)  [REG_LVT + (which)]

static const struct reg regs[NR_REGS] = {
	[0x02] = { READ | WM, 0xff000000, 0, read_id, write_id, 0 },
	[0x03] = { READ, 0, 0, read_version, NULL, 0 },
	[0x08] = { BOTH, 0xff, 0, read_field, write_tpr, FIELD(tpr) },
	[0x09] = { RM, 0, 0, read_apr, NULL, 0 },
	[0x0a] = { READ, 0, 0, read_ppr, NULL, 0 },
	[0x0b] = { WM | WX, 0, 0, NULL, write_eoi, 0 },
	[0x0c] = { RM, 0, 0, read_zero, NULL, 0 }, /* remote read: there is nobody */
	[0x0d] = { READ | WM, 0xff000000, 0, read_ldr, write_field, FIELD(ldr) },
	[0x0e] = { RM | WM, 0xf0000000, 0, read_field, write_dfr, FIELD(dfr) },
	[0x0f] = { BOTH, 0x13ff, 0, read_field, write_svr, FIELD(svr) },
	[REG_ISR... REG_IRR + 7] = { READ, 0, 0, read_vectors, NULL, 0 },
	[0x28] = { BOTH, 0, 0, read_field, write_esr, FIELD(esr) },
	[REG_ICR] = { BOTH, ICR_KEPT, ICR_BUSY, read_icr, write_icr, 0 },
	[0x31] = { RM | WM, 0xff000000, 0, read_field, write_field, FIELD(icr2) },
	LVT(LVT_TIMER) = { BOTH, 0x700ff, 0x1000, read_field, write_lvt_timer,
			   FIELD(lvt[LVT_TIMER]) },
	LVT(LVT_THERMAL) = { BOTH, 0x107ff, 0x1000, read_field, write_lvt,
			     FIELD(lvt[LVT_THERMAL]) },
	LVT(LVT_PERF) = { BOTH, 0x107ff, 0x1000, read_field, write_lvt, FIELD(lvt[LVT_PERF]) },
	LVT(LVT_LINT0) = { BOTH, 0x1a7ff, 0x5000, read_field, write_lvt, FIELD(lvt[LVT_LINT0]) },
	LVT(LVT_LINT1) = { BOTH, 0x1a7ff, 0x5000, read_field, write_lvt, FIELD(lvt[LVT_LINT1]) },
	LVT(LVT_ERROR) = { BOTH, 0x100ff, 0x1000, read_field, write_lvt, FIELD(lvt[LVT_ERROR]) },
	[0x38] = { BOTH, ~0u, 0, read_field, write_timer_initial, FIELD(timer_initial) },
	[0x39] = { READ, 0, 0, read_timer_current, NULL, 0 },
	[0x3e] = { BOTH, 0xb, 0, read_field, write_timer_divide, FIELD(timer_divide) },
	[0x3f] = { WX, 0xff, 0, NULL, write_self_ipi, 0 },
};

/* An address that is no register in xAPIC mode. */
static bool is_reserved(const struct reg *r)
{
	return !(r->access & (RM | WM));
}

/* Bytes of a register's own word; the rest of its 16 bytes reads as 0. */
static u64 mmio_read(void *dev, u64 offset, unsigned int size)
{
	struct lapic *l = dev;
	unsigned int n = (unsigned int)(offset / 16), byte = offset % 16;
	const struct reg *r;

	if ((l->base & APIC_BASE_MODE) != APIC_BASE_ENABLE)
		return ~0ull;
	if (n >= NR_REGS || byte + size > 4)
		return 0;
	r = &regs[n];
	if (is_reserved(r))
		lapic_error(l, ESR_ILLEGAL_REGISTER);
	return r->access & RM ? r->read(l, n) >> byte * 8 : 0;
}

/* Only whole words can be written (SDM: other accesses are undefined). */
static void mmio_write(void *dev, u64 offset, u64 value, unsigned int size)
{
	struct lapic *l = dev;
	unsigned int n = (unsigned int)(offset / 16);
	const struct reg *r;

	if ((l->base & APIC_BASE_MODE) != APIC_BASE_ENABLE || n >= NR_REGS || size != 4 ||
	    offset % 16)
		return;
	r = &regs[n];
	if (is_reserved(r))
		lapic_error(l, ESR_ILLEGAL_REGISTER);
	else if (r->access & WM)
		r->write(l, n, (u32)value & r->kept);
}

static const struct bus_ops lapic_ops = { mmio_read, mmio_write, true };

/* Answer at the address that IA32_APIC_BASE names. */
static int claim_page(struct lapic *l)
{
	u64 address = l->base & APIC_BASE_ADDRESS;
	const struct bus_region region = { "lapic", address, LAPIC_SIZE, 4, &lapic_ops, l };
	int ret;

	if (!l->mmio || l->claimed == address)
		return 0;
	if (l->claimed != LAPIC_NOWHERE)
		bus_remove(l->mmio, l->claimed);
	ret = bus_add(l->mmio, &region);
	l->claimed = ret ? LAPIC_NOWHERE : address;
	return ret;
}

int lapic_attach(struct lapic *l, struct bus *mmio)
{
	l->mmio = mmio;
	return claim_page(l);
}

void lapic_reset(struct lapic *l)
{
	l->base = LAPIC_BASE | APIC_BASE_BSP | APIC_BASE_ENABLE;
	l->id = l->initial_id;
	lapic_reset_registers(l);
	l->lvt[LVT_LINT0] = LAPIC_EXTINT << LVT_MODE_SHIFT;
	claim_page(l);
	lapic_refresh(l);
}

/* Modes are bits 11:10 of the MSR: 0 disabled, 1 invalid, 2 xAPIC, 3 x2APIC (SDM, "x2APIC State
 * Transitions"). */
static int write_base(struct lapic *l, u64 v)
{
	static const bool legal[4][4] = {
		[0] = { [0] = true, [2] = true },
		[2] = { [0] = true, [2] = true, [3] = true },
		[3] = { [0] = true, [3] = true },
	};
	u64 writable = (APIC_BASE_ADDRESS & (BIT64(l->phys_bits) - 1)) | APIC_BASE_BSP |
		       APIC_BASE_ENABLE | (l->has_x2apic ? APIC_BASE_X2APIC : 0);
	unsigned int from = l->base >> 10 & 3, to = v >> 10 & 3;

	if ((v & ~writable) || !legal[from][to])
		return -EINVAL;
	l->base = v;
	if (from != to && to != 2)
		l->id = l->initial_id;
	if (from != to && to == 0)
		lapic_reset_registers(l);
	claim_page(l);
	lapic_refresh(l);
	return 0;
}

static int x2apic_read(struct lapic *l, unsigned int n, u64 *v)
{
	if (!lapic_in_x2apic(l) || !(regs[n].access & RX))
		return -EINVAL;
	*v = n == REG_ICR ? l->icr : regs[n].read(l, n);
	return 0;
}

static int x2apic_write(struct lapic *l, unsigned int n, u64 v)
{
	const struct reg *r = &regs[n];
	u64 legal = r->kept | r->legal | (n == REG_ICR ? ~0ull << 32 : 0);

	if (!lapic_in_x2apic(l) || !(r->access & WX) || (v & ~legal))
		return -EINVAL;
	if (n == REG_ICR) {
		l->icr = v & ~(u64)ICR_BUSY;
		lapic_send_ipi(l, (u32)l->icr, (u32)(v >> 32));
	} else {
		r->write(l, n, (u32)v & r->kept);
	}
	return 0;
}

int lapic_rdmsr(struct lapic *l, u32 msr, u64 *v)
{
	if (msr >= MSR_X2APIC_FIRST && msr <= MSR_X2APIC_LAST)
		return x2apic_read(l, msr - MSR_X2APIC_FIRST, v);
	switch (msr) {
	case MSR_APIC_BASE:
		*v = l->base;
		return 0;
	case MSR_TSC_DEADLINE:
		lapic_timer_sync(l);
		*v = l->tsc_deadline;
		return 0;
	default:
		return -ENOENT;
	}
}

int lapic_wrmsr(struct lapic *l, u32 msr, u64 v)
{
	if (msr >= MSR_X2APIC_FIRST && msr <= MSR_X2APIC_LAST)
		return x2apic_write(l, msr - MSR_X2APIC_FIRST, v);
	switch (msr) {
	case MSR_APIC_BASE:
		return write_base(l, v);
	case MSR_TSC_DEADLINE:
		lapic_timer_set_deadline(l, v);
		return 0;
	default:
		return -ENOENT;
	}
}
