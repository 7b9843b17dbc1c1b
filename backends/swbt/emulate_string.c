/* SPDX-License-Identifier: MIT */
/*
 * String instructions. With REP they go as far as they can in one call, a page at a time where
 * memory is plain RAM, and come back (EMU_AGAIN) after a while so that interrupts are not kept
 * waiting. SDM vol. 1 section 7.3.9, vol. 2 REP.
 */
#include "backends/swbt/emulate.h"
#include "backends/swbt/fpu.h"
#include "backends/swbt/mem.h"

/* Elements per call; what a core does between two interrupt windows of REP. */
#define BURST 4096

static s64 step_of(const struct vcpu *v, const struct insn *i)
{
	return v->s.rflags & RFLAGS_DF ? -(s64)i->opsize : i->opsize;
}

static u64 index_of(const struct vcpu *v, const struct insn *i, u8 reg)
{
	return gpr_get(v, reg, i->addrsize, false);
}

static void advance(struct vcpu *v, const struct insn *i, u8 reg, s64 by)
{
	gpr_set(v, reg, i->addrsize, false, index_of(v, i, reg) + (u64)by);
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

static void copy_bytes(u8 *to, const u8 *from, u64 n)
{
	__asm__ volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(n) : : "memory");
}

/* Elements from OFFSET of register REG on, upwards, that stay in one page and below the address
 * wrap; at most N. */
static u64 in_page(const struct vcpu *v, const struct insn *i, u8 reg, u64 n)
{
	u64 room = (4096 - (index_of(v, i, reg) & 4095)) / i->opsize;

	return room < n ? room : n;
}

/*
 * MOVS of several elements at once, for ascending copies within a page on both sides that do not
 * overlap so that a byte written is read again. 0 if it is not that simple.
 */
static u64 movs_burst(struct vcpu *v, const struct insn *i, u64 n)
{
	u64 from, to;
	struct mmu_tlb_entry *e;
	const u8 *src;
	u8 *dst;
	u64 bytes;

	if (v->s.rflags & RFLAGS_DF)
		return 0;
	n = in_page(v, i, RSI, in_page(v, i, RDI, n));
	bytes = n * i->opsize;
	if (n < 2 || mem_linear(v, i->mem_seg, index_of(v, i, RSI), (u32)bytes, ACC_READ, &from) ||
	    mem_linear(v, SEG_ES, index_of(v, i, RDI), (u32)bytes, ACC_WRITE, &to))
		return 0;
	/* A segment base may have moved it across a page boundary after all. */
	if ((from & 4095) + bytes > 4096 || (to & 4095) + bytes > 4096)
		return 0;
	if (mmu_translate(v, from, ACC_READ, &e) || !e->host)
		return 0;
	src = e->host + (from & 4095);
	if (mmu_translate(v, to, ACC_WRITE, &e) || !e->host)
		return 0;
	dst = e->host + (to & 4095);
	if (dst > src && dst < src + bytes)
		return 0;
	mem_note_write(v, e->gpa + (to & 4095), (u32)bytes);
	copy_bytes(dst, src, bytes);
	advance(v, i, RSI, (s64)bytes);
	advance(v, i, RDI, (s64)bytes);
	return n;
}

enum emulate_result emu_movs(struct vcpu *v, const struct insn *i)
{
	u64 count = count_of(v, i), n = 0, burst, value;

	if (!count)
		return EMU_NEXT;
	while (n < count && n < BURST) {
		burst = count - n > 1 ? movs_burst(v, i, count - n) : 0;
		n += burst;
		if (burst)
			continue;
		value = 0;
		if (mem_read(v, i->mem_seg, index_of(v, i, RSI), &value, i->opsize) ||
		    mem_write(v, SEG_ES, index_of(v, i, RDI), &value, i->opsize))
			return fault_after(v, i, n);
		advance(v, i, RSI, step_of(v, i));
		advance(v, i, RDI, step_of(v, i));
		n++;
	}
	return done(v, i, n);
}

static void store_elements(u8 *to, u64 value, u64 n, u8 size)
{
	switch (size) {
	case 1:
		__asm__ volatile("rep stosb" : "+D"(to), "+c"(n) : "a"(value) : "memory");
		break;
	case 2:
		__asm__ volatile("rep stosw" : "+D"(to), "+c"(n) : "a"(value) : "memory");
		break;
	case 4:
		__asm__ volatile("rep stosl" : "+D"(to), "+c"(n) : "a"(value) : "memory");
		break;
	default:
		__asm__ volatile("rep stosq" : "+D"(to), "+c"(n) : "a"(value) : "memory");
	}
}

static u64 stos_burst(struct vcpu *v, const struct insn *i, u64 n)
{
	u64 to, bytes;
	struct mmu_tlb_entry *e;
	u8 *dst;

	if (v->s.rflags & RFLAGS_DF)
		return 0;
	n = in_page(v, i, RDI, n);
	bytes = n * i->opsize;
	if (n < 2 || mem_linear(v, SEG_ES, index_of(v, i, RDI), (u32)bytes, ACC_WRITE, &to) ||
	    (to & 4095) + bytes > 4096 || mmu_translate(v, to, ACC_WRITE, &e) || !e->host)
		return 0;
	dst = e->host + (to & 4095);
	mem_note_write(v, e->gpa + (to & 4095), (u32)bytes);
	if ((uintptr_t)dst & (i->opsize - 1u))
		fpu_unalign(v);
	store_elements(dst, v->s.gpr[RAX], n, i->opsize);
	advance(v, i, RDI, (s64)bytes);
	return n;
}

enum emulate_result emu_stos(struct vcpu *v, const struct insn *i)
{
	u64 count = count_of(v, i), n = 0, burst;

	if (!count)
		return EMU_NEXT;
	while (n < count && n < BURST) {
		burst = count - n > 1 ? stos_burst(v, i, count - n) : 0;
		n += burst;
		if (burst)
			continue;
		if (mem_write(v, SEG_ES, index_of(v, i, RDI), &v->s.gpr[RAX], i->opsize))
			return fault_after(v, i, n);
		advance(v, i, RDI, step_of(v, i));
		n++;
	}
	return done(v, i, n);
}

enum emulate_result emu_lods(struct vcpu *v, const struct insn *i)
{
	u64 count = count_of(v, i), n = 0, value;

	for (; n < count && n < BURST; n++) {
		value = 0;
		if (mem_read(v, i->mem_seg, index_of(v, i, RSI), &value, i->opsize))
			return fault_after(v, i, n);
		gpr_set(v, RAX, i->opsize, false, value);
		advance(v, i, RSI, step_of(v, i));
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

enum emulate_result emu_scas(struct vcpu *v, const struct insn *i)
{
	u64 count = count_of(v, i), n = 0, value;

	while (n < count && n < BURST) {
		value = 0;
		if (mem_read(v, SEG_ES, index_of(v, i, RDI), &value, i->opsize))
			return fault_after(v, i, n);
		compare(v, gpr_get(v, RAX, i->opsize, false), value, i->opsize);
		advance(v, i, RDI, step_of(v, i));
		n++;
		if (repeats(i) && ends(v, i)) {
			done(v, i, n);
			return EMU_NEXT;
		}
	}
	return count ? done(v, i, n) : EMU_NEXT;
}

enum emulate_result emu_cmps(struct vcpu *v, const struct insn *i)
{
	u64 count = count_of(v, i), n = 0, a, b;

	while (n < count && n < BURST) {
		a = b = 0;
		if (mem_read(v, i->mem_seg, index_of(v, i, RSI), &a, i->opsize) ||
		    mem_read(v, SEG_ES, index_of(v, i, RDI), &b, i->opsize))
			return fault_after(v, i, n);
		compare(v, a, b, i->opsize);
		advance(v, i, RSI, step_of(v, i));
		advance(v, i, RDI, step_of(v, i));
		n++;
		if (repeats(i) && ends(v, i)) {
			done(v, i, n);
			return EMU_NEXT;
		}
	}
	return count ? done(v, i, n) : EMU_NEXT;
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
