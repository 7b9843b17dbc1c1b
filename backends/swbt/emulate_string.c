/* SPDX-License-Identifier: MIT */
/*
 * String instructions. With REP they go as far as they can in one call, page after page at once
 * where memory is plain RAM, and come back (EMU_AGAIN) after a while so that interrupts are not
 * kept waiting. SDM vol. 1 section 7.3.9, vol. 2 REP.
 */
#include "backends/swbt/burst.h"
#include "backends/swbt/debug.h"
#include "backends/swbt/mem.h"

/* Elements per call, one by one. A core does as much between two interrupt windows of REP. */
#define BURST 4096

/* Elements of the COUNT - N that are left for this call: one where each may be followed by a trap
 * of TF or of a breakpoint (SDM vol. 3B 17.3.1.4). */
static u64 wanted(const struct vcpu *v, u64 count, u64 n)
{
	if (unlikely(v->s.rflags & RFLAGS_TF || v->s.dr7 & DR7_ON))
		return count && !n;
	return n < BURST ? count - n : 0;
}

static s64 step_of(const struct vcpu *v, const struct insn *i)
{
	return v->s.rflags & RFLAGS_DF ? -(s64)i->opsize : i->opsize;
}

static bool repeats(const struct insn *i)
{
	return i->rep || i->repne;
}

static u64 count_of(const struct vcpu *v, const struct insn *i)
{
	return repeats(i) ? gpr_get(v, RCX, i->addrsize, false) : 1;
}

/* After N elements were done: where does that leave the instruction? */
static enum emulate_result done(struct vcpu *v, const struct insn *i, u64 n)
{
	if (!repeats(i))
		return EMU_NEXT;
	gpr_set(v, RCX, i->addrsize, false, count_of(v, i) - n);
	return count_of(v, i) ? EMU_AGAIN : EMU_NEXT;
}

static enum emulate_result fault_after(struct vcpu *v, const struct insn *i, u64 n)
{
	/* Without an iteration done even the upper half of RCX stays. */
	if (repeats(i) && n)
		gpr_set(v, RCX, i->addrsize, false, count_of(v, i) - n);
	return EMU_FAULT;
}

enum emulate_result emu_movs(struct vcpu *v, const struct insn *i)
{
	u64 count = count_of(v, i), n = 0, left, burst, value;
	bool down = v->s.rflags & RFLAGS_DF;

	if (!count)
		return EMU_NEXT;
	while ((left = wanted(v, count, n))) {
		burst = down ? burst_movs_down(v, i, left) : burst_movs(v, i, left);
		n += burst;
		if (burst)
			continue;
		value = 0;
		if (mem_read(v, i->mem_seg, string_index(v, i, RSI), &value, i->opsize) ||
		    mem_write(v, SEG_ES, string_index(v, i, RDI), &value, i->opsize))
			return fault_after(v, i, n);
		string_advance(v, i, RSI, step_of(v, i));
		string_advance(v, i, RDI, step_of(v, i));
		n++;
	}
	return done(v, i, n);
}

enum emulate_result emu_stos(struct vcpu *v, const struct insn *i)
{
	u64 count = count_of(v, i), n = 0, left, burst;

	if (!count)
		return EMU_NEXT;
	while ((left = wanted(v, count, n))) {
		burst = left > 1 ? burst_stos(v, i, left) : 0;
		n += burst;
		if (burst)
			continue;
		if (mem_write(v, SEG_ES, string_index(v, i, RDI), &v->s.gpr[RAX], i->opsize))
			return fault_after(v, i, n);
		string_advance(v, i, RDI, step_of(v, i));
		n++;
	}
	return done(v, i, n);
}

enum emulate_result emu_lods(struct vcpu *v, const struct insn *i)
{
	u64 count = count_of(v, i), n = 0, value;

	for (; wanted(v, count, n); n++) {
		value = 0;
		if (mem_read(v, i->mem_seg, string_index(v, i, RSI), &value, i->opsize))
			return fault_after(v, i, n);
		gpr_set(v, RAX, i->opsize, false, value);
		string_advance(v, i, RSI, step_of(v, i));
	}
	return count ? done(v, i, n) : EMU_NEXT;
}

/* Flags of A - B, by the host's own CMP. */
static void compare(struct vcpu *v, u64 a, u64 b, u8 size)
{
	unsigned int shift = 64 - size * 8u;
	u64 flags;

	/* At the top of the register every size's carry, sign and overflow are CMP's own; PF and AF
	 * are of the low byte, so take those from the operands where they are. */
	__asm__("cmp %2, %1\n\tpushf\n\tpop %0"
		: "=r"(flags)
		: "r"(a << shift), "r"(b << shift)
		: "cc");
	flags &= RFLAGS_CF | RFLAGS_ZF | RFLAGS_SF | RFLAGS_OF;
	flags |= __builtin_parity((u8)(a - b)) ? 0 : RFLAGS_PF;
	flags |= (a ^ b ^ (a - b)) & RFLAGS_AF;
	v->s.rflags = (v->s.rflags & ~(RFLAGS_ARITH & ~RFLAGS_DF)) | flags;
}

/* REPE goes on while equal, REPNE while different. */
static bool ends(const struct vcpu *v, const struct insn *i)
{
	return i->repne ? v->s.rflags & RFLAGS_ZF : !(v->s.rflags & RFLAGS_ZF);
}

/* One element, or as many as go together. *N counts. 0 or EXC. */
static int scas_some(struct vcpu *v, const struct insn *i, u64 left, u64 *n)
{
	u64 burst = repeats(i) ? burst_scas(v, i, left) : 0, value = 0;

	*n += burst;
	if (burst)
		return 0;
	if (mem_read(v, SEG_ES, string_index(v, i, RDI), &value, i->opsize))
		return EXC;
	compare(v, gpr_get(v, RAX, i->opsize, false), value, i->opsize);
	string_advance(v, i, RDI, step_of(v, i));
	++*n;
	return 0;
}

static int cmps_some(struct vcpu *v, const struct insn *i, u64 left, u64 *n)
{
	u64 burst = repeats(i) ? burst_cmps(v, i, left) : 0, a = 0, b = 0;

	*n += burst;
	if (burst)
		return 0;
	if (mem_read(v, i->mem_seg, string_index(v, i, RSI), &a, i->opsize) ||
	    mem_read(v, SEG_ES, string_index(v, i, RDI), &b, i->opsize))
		return EXC;
	compare(v, a, b, i->opsize);
	string_advance(v, i, RSI, step_of(v, i));
	string_advance(v, i, RDI, step_of(v, i));
	++*n;
	return 0;
}

static enum emulate_result search(struct vcpu *v, const struct insn *i,
				  int (*some)(struct vcpu *v, const struct insn *i, u64 left,
					      u64 *n))
{
	u64 count = count_of(v, i), n = 0, left;

	while ((left = wanted(v, count, n))) {
		if (some(v, i, left, &n))
			return fault_after(v, i, n);
		if (repeats(i) && ends(v, i)) {
			done(v, i, n);
			return EMU_NEXT;
		}
	}
	return count ? done(v, i, n) : EMU_NEXT;
}

enum emulate_result emu_scas(struct vcpu *v, const struct insn *i)
{
	return search(v, i, scas_some);
}

enum emulate_result emu_cmps(struct vcpu *v, const struct insn *i)
{
	return search(v, i, cmps_some);
}

enum emulate_result emu_xlat(struct vcpu *v, const struct insn *i)
{
	u64 at = v->s.gpr[RBX] + (u8)v->s.gpr[RAX], value = 0;

	if (i->addrsize < 8)
		at &= BIT64(i->addrsize * 8) - 1;
	if (mem_read(v, i->mem_seg, at, &value, 1))
		return EMU_FAULT;
	gpr_set(v, RAX, 1, false, value);
	return EMU_NEXT;
}
