/* SPDX-License-Identifier: MIT */
/*
 * Guest accesses to what is not RAM, cut as a processor and its memory controller would cut them,
 * and accounted: one trap for each access of up to 8 bytes.
 */
#include "backends/swbt/emulate.h"
#include "backends/swbt/fpu.h"
#include "backends/swbt/mmu.h"

#define WIDEST 8u

/* What the bus takes, and what a device hears: a power of two, at its natural place when the access
 * has another size (the parts of one that crosses a page). */
static u32 piece(u64 gpa, u32 left, bool odd)
{
	u32 size = WIDEST;

	while (size > left || (odd && gpa % size))
		size /= 2;
	return size;
}

static u64 move(struct vm *vm, u64 gpa, u64 value, u32 size, bool write)
{
	bool odd = size & (size - 1);
	u64 seen = 0;

	for (u32 at = 0, n; at < size; at += n) {
		n = piece(gpa + at, size - at, odd);
		if (write)
			bus_write(&vm->pc.mmio, gpa + at, value >> at * 8, n);
		else
			seen |= bus_read(&vm->pc.mmio, gpa + at, n) << at * 8;
	}
	return write ? value : seen;
}

/* One trap. SIZE is 1 to 8. The value read. */
static u64 mmio(struct vcpu *v, u64 gpa, u64 value, u32 size, bool write)
{
	struct vm *vm = v->vm;
	bool add = vm->traps.timed & BIT(TRAP_MMIO) && !v->times_traps;
	bool timed = add || vm->traps.log;
	u64 start = timed ? __builtin_ia32_rdtsc() : 0, cycles = 0;
	struct trap_event *e;

	if (unlikely(!bus_quiet(&vm->pc.mmio, gpa, size) || vm->traps.log))
		fpu_put(v);
	value = move(vm, gpa, value, size, write);
	if (timed)
		cycles = __builtin_ia32_rdtsc() - start;
	e = trap_event_next(&vm->traps);
	e->tsc = start;
	e->addr = gpa;
	e->value = value;
	e->rip = v->s.rip;
	e->cycles = cycles > UINT32_MAX ? UINT32_MAX : (u32)cycles;
	e->cause = TRAP_MMIO;
	e->size = (u8)size;
	e->write = write;
	if (add)
		trap_add(&vm->traps, TRAP_MMIO, cycles);
	else
		vm->traps.c[TRAP_MMIO].count++;
	trap_event_done(&vm->traps);
	return value;
}

void mmio_read(struct vcpu *v, u64 gpa, void *data, u32 size)
{
	u8 *p = data;

	for (u32 n; size; size -= n, gpa += n) {
		u64 value;

		n = size < WIDEST ? size : WIDEST;
		value = mmio(v, gpa, 0, n, false);
		for (u32 i = 0; i < n; i++, value >>= 8)
			*p++ = (u8)value;
	}
}

void mmio_write(struct vcpu *v, u64 gpa, const void *data, u32 size)
{
	const u8 *p = data;

	for (u32 n; size; size -= n, gpa += n) {
		u64 value = 0;

		n = size < WIDEST ? size : WIDEST;
		for (u32 i = 0; i < n; i++)
			value |= (u64)*p++ << i * 8;
		mmio(v, gpa, value, n, true);
	}
}

/* ---- moves ---------------------------------------------------------------------------------- */

/* What MOV, or MOVZX, I is: ACC_READ into a register, ACC_WRITE from one or an immediate; or 0. */
static u32 move_access(const struct insn *i)
{
	u8 at = i->opcode_at, opcode = i->raw[at];

	if (!i->has_mem || i->encoding != ENC_LEGACY)
		return 0;
	if (at && i->raw[at - 1] == 0x0f)
		return (opcode & 0xfe) == 0xb6 ? ACC_READ : 0;
	switch (opcode) {
	case 0x8a:
	case 0x8b:
		return ACC_READ;
	case 0x88:
	case 0x89:
	case 0xc6:
	case 0xc7:
		return ACC_WRITE;
	default:
		return 0;
	}
}

/* Where in the device I's operand is, if that takes nothing but adding. */
static bool device_at(struct vcpu *v, const struct insn *i, u32 access, u64 *gpa)
{
	u64 linear = insn_ea(i, v, v->s.rip);
	const struct mmu_tlb_entry *e;

	if (!(v->flat_segs >> i->mem_seg & 1)) {
		if (v->mode != MODE_LONG64)
			return false;
		linear += v->s.seg[i->mem_seg].base;
	}
	e = mmu_hit(v, linear, mmu_right_quick(v), access);
	if (!e || e->host || (linear & PAGE_MASK) + i->mem_size > PAGE_SIZE)
		return false;
	*gpa = e->gpa + (linear & PAGE_MASK);
	return true;
}

bool mmio_quick(struct vcpu *v, const struct insn *i, u64 linear)
{
	struct trap_stats *stats = &v->vm->traps;
	u32 access = move_access(i), size = i->mem_size;
	const struct mmu_tlb_entry *e;
	struct bus_region *r;
	u64 value = 0, gpa;

	if (!access || stats->timed & BIT(TRAP_MMIO) || stats->log)
		return false;
	e = mmu_hit(v, linear, mmu_right_quick(v), access);
	if (!e || e->host || (linear & PAGE_MASK) + size > PAGE_SIZE)
		return false;
	gpa = e->gpa + (linear & PAGE_MASK);
	r = bus_last(&v->vm->pc.mmio, gpa);
	if (!r || !r->ops->quiet || !bus_region_fits(r, gpa, size) ||
	    (access == ACC_WRITE && operand_get(v, i, 1, &value)))
		return false;
	value &= ~0ull >> (64 - 8 * size);
	if (access == ACC_WRITE)
		bus_region_write(r, gpa, value, size);
	else
		value = bus_region_read(r, gpa, size);
	*trap_event_next(stats) = (struct trap_event){ .addr = gpa,
						       .value = value,
						       .rip = v->s.rip,
						       .cause = TRAP_MMIO,
						       .size = (u8)size,
						       .write = access == ACC_WRITE };
	stats->c[TRAP_MMIO].count++;
	stats->nr_events++;
	if (access == ACC_READ)
		gpr_set(v, i->op[0].reg, i->op[0].size, i->op[0].high, value);
	return true;
}

bool mmio_move(struct vcpu *v, const struct insn *i)
{
	u32 access = move_access(i), size = i->mem_size;
	u64 value = 0, gpa;

	if (!access || !device_at(v, i, access, &gpa))
		return false;
	if (access == ACC_READ) {
		value = mmio(v, gpa, 0, size, false);
		gpr_set(v, i->op[0].reg, i->op[0].size, i->op[0].high, value);
		return true;
	}
	if (operand_get(v, i, 1, &value))
		return false;
	mmio(v, gpa, size < 8 ? value & (BIT64(size * 8) - 1) : value, size, true);
	return true;
}
