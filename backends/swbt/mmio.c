/* SPDX-License-Identifier: MIT */
/*
 * Guest accesses to what is not RAM, cut as a processor and its memory controller would cut them,
 * and accounted: one trap for each access of up to 8 bytes.
 */
#include "backends/swbt/fpu.h"
#include "backends/swbt/mem.h"

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
	bool timed = vm->traps.timed & BIT(TRAP_MMIO) || vm->traps.trace;
	u64 start = timed ? __builtin_ia32_rdtsc() : 0, cycles = 0;
	struct trap_event *e;

	if (unlikely(!bus_quiet(&vm->pc.mmio, gpa, size) || vm->traps.trace))
		fpu_put(v);
	value = move(vm, gpa, value, size, write);
	if (timed)
		cycles = __builtin_ia32_rdtsc() - start;
	e = trap_event_next(&vm->traps);
	*e = (struct trap_event){
		.tsc = start,
		.addr = gpa,
		.value = value,
		.rip = v->s.rip,
		.cycles = cycles > UINT32_MAX ? UINT32_MAX : (u32)cycles,
		.cause = TRAP_MMIO,
		.size = (u8)size,
		.write = write,
	};
	if (timed)
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
