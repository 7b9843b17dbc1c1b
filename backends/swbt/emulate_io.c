/* SPDX-License-Identifier: MIT */
/* IN, OUT, INS, OUTS. SDM vol. 1 ch. 19. */
#include "backends/swbt/emulate.h"
#include "backends/swbt/fpu.h"
#include "backends/swbt/mem.h"

/* Elements of a REP INS/OUTS per call: devices may raise interrupts in between. */
#define BURST 256

#define TSS_IO_MAP 102

/* I/O permission: CPL <= IOPL, or the TSS bitmap. 0 or EXC. SDM vol. 1 19.5. */
static int io_allowed(struct vcpu *v, u16 port, u8 size)
{
	const struct segment *tr = &v->s.seg[SEG_TR];
	u16 map = 0, bits = 0;

	if (!protected_mode(v) || (v->mode != MODE_VM86 && v->cpl <= (v->s.rflags >> 12 & 3)))
		return 0;
	/* Only a 32-bit or 64-bit TSS has a map; the bits of the access may lie in two bytes. */
	if (tr->attr & ATTR_UNUSABLE || !(tr->attr & 8) || tr->limit < TSS_IO_MAP + 1)
		return raise_err(v, GP, 0);
	if (lin_read(v, tr->base + TSS_IO_MAP, &map, 2, ACC_READ | ACC_SYSTEM))
		return EXC;
	if (map + port / 8u + 1u > tr->limit)
		return raise_err(v, GP, 0);
	if (lin_read(v, tr->base + map + port / 8u, &bits, 2, ACC_READ | ACC_SYSTEM))
		return EXC;
	return bits >> (port & 7) & (BIT(size) - 1) ? raise_err(v, GP, 0) : 0;
}

static void note(struct vcpu *v, u16 port, u64 value, u8 size, bool write)
{
	struct trap_event *e = trap_event_next(&v->vm->traps);

	e->addr = port;
	e->value = value;
	e->size = size;
	e->write = write;
}

/* Port operand N: an immediate byte or DX. */
static u16 port_of(const struct vcpu *v, const struct insn *i, unsigned int n)
{
	return i->op[n].type == OPERAND_IMM ? (u8)i->op[n].imm : (u16)v->s.gpr[RDX];
}

/* One-byte IN and OUT have opcodes with bit 0 clear; there is no 8-byte form. */
static u8 size_of(const struct insn *i)
{
	return !(i->raw[i->opcode_at] & 1) ? 1 : i->opsize == 2 ? 2 : 4;
}

static void ready_for(struct vcpu *v, u16 port, u8 size)
{
	if (!bus_quiet(&v->vm->pc.pio, port, size))
		fpu_put(v);
}

enum emulate_result emu_in(struct vcpu *v, const struct insn *i)
{
	u16 port = port_of(v, i, 1);
	u8 size = size_of(i);
	u64 value;

	if (io_allowed(v, port, size))
		return EMU_FAULT;
	ready_for(v, port, size);
	value = bus_read(&v->vm->pc.pio, port, size);
	gpr_set(v, RAX, size, false, value);
	note(v, port, value, size, false);
	return EMU_NEXT;
}

enum emulate_result emu_out(struct vcpu *v, const struct insn *i)
{
	u16 port = port_of(v, i, 0);
	u8 size = size_of(i);
	u64 value = gpr_get(v, RAX, size, false);

	if (io_allowed(v, port, size))
		return EMU_FAULT;
	ready_for(v, port, size);
	note(v, port, value, size, true);
	bus_write(&v->vm->pc.pio, port, value, size);
	return EMU_NEXT;
}

/* May SIZE bytes be written there? 0 or EXC. */
static int writable(struct vcpu *v, enum seg seg, u64 ea, u8 size)
{
	struct mmu_tlb_entry *e;
	u64 linear;

	return mem_linear(v, seg, ea, size, ACC_WRITE, &linear) ||
	       mmu_translate(v, linear, ACC_WRITE, &e) ||
	       ((linear & 4095) + size > 4096 &&
		mmu_translate(v, linear + size - 1, ACC_WRITE, &e));
}

/* INS to ES:rDI, OUTS from seg:rSI. */
static enum emulate_result string_io(struct vcpu *v, const struct insn *i, bool out)
{
	u8 size = size_of(i), index = out ? RSI : RDI;
	s64 step = v->s.rflags & RFLAGS_DF ? -(s64)size : size;
	bool rep = i->rep || i->repne;
	u64 count = rep ? gpr_get(v, RCX, i->addrsize, false) : 1;
	/* A single-step trap follows each element. */
	u64 burst = v->s.rflags & RFLAGS_TF ? 1 : BURST, value = 0, n, at;
	u16 port = (u16)v->s.gpr[RDX];
	enum seg seg = out ? (enum seg)i->mem_seg : SEG_ES;

	if (io_allowed(v, port, size)) /* even for no iterations */
		return EMU_FAULT;
	for (n = 0; n < count && n < burst; n++) {
		at = gpr_get(v, index, i->addrsize, false);
		if (out) {
			if (mem_read(v, seg, at, &value, size))
				break;
			ready_for(v, port, size);
			bus_write(&v->vm->pc.pio, port, value, size);
		} else {
			/* The destination must be good before the device is asked. */
			if (writable(v, seg, at, size))
				break;
			ready_for(v, port, size);
			value = bus_read(&v->vm->pc.pio, port, size);
			if (mem_write(v, seg, at, &value, size))
				break;
		}
		gpr_set(v, index, i->addrsize, false, at + (u64)step);
	}
	note(v, port, value, size, out);
	if (rep)
		gpr_set(v, RCX, i->addrsize, false, count - n);
	if (n < count && n < burst)
		return EMU_FAULT;
	return n < count ? EMU_AGAIN : EMU_NEXT;
}

enum emulate_result emu_ins(struct vcpu *v, const struct insn *i)
{
	return string_io(v, i, false);
}

enum emulate_result emu_outs(struct vcpu *v, const struct insn *i)
{
	return string_io(v, i, true);
}
