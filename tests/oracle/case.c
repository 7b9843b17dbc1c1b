/* SPDX-License-Identifier: MIT */
#include "tests/oracle/case.h"

#include "backends/swbt/emulate.h"

#include <asm/prctl.h>
#include <cpuid.h>
#include <errno.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define GUEST_COMPONENTS 0xe7ull /* x87, SSE, AVX, AVX-512 */

void world_init(struct world *w)
{
	u8 area[512] __attribute__((aligned(16)));
	u32 a, b, c, d;

	memset(w, 0, sizeof(*w));
	__asm__("xgetbv" : "=a"(a), "=d"(d) : "c"(0));
	w->xcr0 = a & GUEST_COMPONENTS;
	w->component[0].size = 160;
	w->component[1].offset = 160;
	w->component[1].size = 256;
	for (u32 n = 2; n < ARRAY_SIZE(w->component); n++) {
		if (!(w->xcr0 & BIT64(n)))
			continue;
		__cpuid_count(0xd, n, a, b, c, d);
		w->component[n].size = a;
		w->component[n].offset = b;
	}
	__asm__ volatile("fxsave64 %0" : "=m"(area));
	memcpy(&w->mxcsr_mask, area + 28, 4);
	syscall(SYS_arch_prctl, ARCH_GET_FS, &w->fs_base);
}

/* ---- which instructions --------------------------------------------------------------------- */

/* Routines whose instructions do at CPL 3 in a process what they do in the guest. */
static bool comparable_routine(u8 id)
{
	static const u8 list[] = {
		EMU_jmp,
		EMU_jcc,
		EMU_call,
		EMU_ret,
		EMU_loop,
		EMU_jcxz,
		EMU_push,
		EMU_pop,
		EMU_enter,
		EMU_leave,
		EMU_movs,
		EMU_stos,
		EMU_lods,
		EMU_scas,
		EMU_cmps,
		EMU_xlat,
		EMU_maskmov,
		EMU_gather,
		EMU_scatter,
		EMU_lahf,
		EMU_sahf,
		EMU_clzero,
		EMU_bit_string,
		EMU_movdir64b,
		/* Privileged: all of them fault. Not SYSEXIT: in long mode it is #UD on AMD's
		 * processors, but #GP under some of their hypervisors. */
		EMU_hlt,
		EMU_cli,
		EMU_sti,
		EMU_in,
		EMU_out,
		EMU_ins,
		EMU_outs,
		EMU_mov_cr,
		EMU_mov_dr,
		EMU_lgdt,
		EMU_lidt,
		EMU_lldt,
		EMU_ltr,
		EMU_lmsw,
		EMU_clts,
		EMU_invlpg,
		EMU_invpcid,
		EMU_wbinvd,
		EMU_rdmsr,
		EMU_wrmsr,
		EMU_xsetbv,
		EMU_swapgs,
		EMU_sysret,
		EMU_clac,
		EMU_stac,
	};

	for (size_t n = 0; n < ARRAY_SIZE(list); n++)
		if (list[n] == id)
			return true;
	return false;
}

static bool deterministic(const struct insn *i)
{
	const char *name = insn_mnemonic(i);

	return strcmp(name, "rdrand") && strcmp(name, "rdseed");
}

/* Natively, a jump back to the instruction would never end. */
static bool jumps_to_itself(const struct insn *i)
{
	u64 offset = i->length + i->op[0].imm;

	return i->op[0].type == OPERAND_IMM && offset < INSN_MAX;
}

/*
 * Where Intel and AMD differ, and no compiler goes: 66h before a near branch in 64-bit code (Intel
 * ignores it, AMD makes RIP 16 bits wide); F2h and F3h before LOOPcc (AMD lets them choose the
 * condition). swbt does as Intel.
 */
static bool vendors_differ(const struct insn *i)
{
	bool opsize = false, repeat = false;

	for (unsigned int n = 0; n < i->opcode_at; n++) {
		opsize |= i->raw[n] == 0x66;
		repeat |= i->raw[n] == 0xf2 || i->raw[n] == 0xf3;
	}
	switch (i->emulate) {
	case EMU_loop:
		return opsize || repeat;
	case EMU_jmp:
	case EMU_jcc:
	case EMU_call:
	case EMU_ret:
	case EMU_jcxz:
		return opsize;
	default:
		return false;
	}
}

static bool wanted(const struct insn *i)
{
	if (i->class == INSN_EMULATE && (jumps_to_itself(i) || vendors_differ(i)))
		return false;
	if (i->class == INSN_EMULATE)
		return comparable_routine(i->emulate);
	return i->class == INSN_PLAIN && deterministic(i);
}

/* ---- addresses ------------------------------------------------------------------------------ */

/* An address for an operand of SIZE bytes: mostly good ones. */
static u64 pick_address(struct gen *g, u32 size, bool aligned)
{
	u32 page = gen_below(g, 2), room = size < 4096 ? 4096 - size : 0;
	u64 at;

	if (size == 0)
		size = 1;
	switch (gen_below(g, 16)) {
	case 0: /* writable to writable, read-only or nothing; nothing to writable */
	case 1:
	case 2: {
		static const u64 edges[] = { 1, 1, 2, 3, 4, 0 };

		at = DATA + edges[gen_below(g, ARRAY_SIZE(edges))] * 4096 - gen_below(g, size + 1);
		break;
	}
	case 3:
		at = DATA + READ_ONLY * 4096 + gen_below(g, room + 1);
		break;
	case 4:
		at = CODE + 0x1000 + gen_below(g, room + 1);
		break;
	default:
		at = DATA + page * 4096 + gen_below(g, room + 1);
		if (gen_one_in(g, 3))
			return at;
		break;
	}
	return aligned || gen_one_in(g, 2) ? at & ~(u64)((size & -size) - 1) : at;
}

static void set_low32(u64 *reg, u64 value, bool wide)
{
	*reg = wide ? value : (*reg & ~0xffffffffull) | (u32)value;
}

/* Make the memory operand's address be AT. False: it cannot be done. */
static bool aim(struct test_case *c, struct gen *g, u64 at, u64 base)
{
	struct insn *i = &c->insn;
	bool wide = i->addrsize == 8;
	u64 *gpr = c->before.gpr, need = at - base - (u64)i->mem_disp;

	if (base && (i->mem_seg == SEG_FS) && !wide)
		return false;
	if (i->mem_base == REG_PC || (i->mem_base == REG_NONE && i->mem_index == REG_NONE)) {
		u64 disp = at - base - (i->mem_base == REG_PC ? c->before.rip + i->length : 0);

		if (i->disp_len == 8 || (u64)(s64)(s32)disp == disp)
			memcpy(c->bytes + i->disp_at, &disp, i->disp_len);
		else
			return false;
		return !decode(i, c->bytes, INSN_MAX, MODE_LONG64);
	}
	if (i->mem_vsib) {
		if (i->mem_base == REG_NONE)
			return false;
		set_low32(&gpr[i->mem_base], need, wide);
		return true;
	}
	if (i->mem_index == REG_NONE) {
		set_low32(&gpr[i->mem_base], need, wide);
	} else if (i->mem_base == REG_NONE) {
		set_low32(&gpr[i->mem_index], need / i->mem_scale, wide);
	} else if (i->mem_base == i->mem_index) {
		set_low32(&gpr[i->mem_base], need / (1u + i->mem_scale), wide);
	} else {
		/* RSP must stay canonical: signals are returned from with it. */
		u64 index = i->mem_base == RSP ? gen_below(g, 1u << 20) : gen_value(g);

		set_low32(&gpr[i->mem_index], index, wide);
		set_low32(&gpr[i->mem_base], need - index * i->mem_scale, wide);
	}
	return true;
}

static u64 segment_base(const struct world *w, u8 seg)
{
	return seg == SEG_FS ? w->fs_base : seg == SEG_GS ? GS_BASE : 0;
}

/* Registers that string instructions and their like use as addresses or counts. */
static bool aim_implicit(struct test_case *c, const struct world *w, struct gen *g)
{
	struct insn *i = &c->insn;
	bool wide = i->addrsize == 8;
	u64 *gpr = c->before.gpr, base = segment_base(w, i->mem_seg);

	if (base && !wide)
		return false;
	switch (i->emulate) {
	case EMU_movs:
	case EMU_stos:
	case EMU_lods:
	case EMU_scas:
	case EMU_cmps:
		set_low32(&gpr[RSI], pick_address(g, i->opsize, false) - base, wide);
		set_low32(&gpr[RDI], pick_address(g, i->opsize, false), wide);
		set_low32(&gpr[RCX], gen_below(g, gen_one_in(g, 10) ? 5000 : 40), wide);
		return true;
	case EMU_xlat:
		set_low32(&gpr[RBX], pick_address(g, 256, false) - base, wide);
		return true;
	case EMU_maskmov:
		set_low32(&gpr[RDI], pick_address(g, 16, false) - base, wide);
		return true;
	case EMU_clzero:
		set_low32(&gpr[RAX], pick_address(g, 64, true) - base, wide);
		return true;
	case EMU_movdir64b:
		set_low32(&gpr[i->op[0].reg], pick_address(g, 64, !gen_one_in(g, 8)), wide);
		return i->op[0].reg != i->mem_base && i->op[0].reg != i->mem_index;
	case EMU_bit_string:
		gpr[i->op[1].reg] = gen_below(g, 20000) - 10000ull;
		return i->op[1].reg != i->mem_base && i->op[1].reg != i->mem_index;
	case EMU_enter:
	case EMU_leave:
		gpr[RBP] = pick_address(g, 8, false);
		return true;
	default:
		return true;
	}
}

/* ---- registers ------------------------------------------------------------------------------ */

static void random_vectors(struct gen *g, u8 *at, u32 size, bool indices)
{
	for (u32 n = 0; n < size; n += 8) {
		u64 value = gen_value(g);
		float f[2] = { (float)(s32)gen_u64(g) / 1024.0f, (float)gen_below(g, 1000) };
		double d = (double)(s64)gen_u64(g) / 65536.0;

		if (indices)
			value = gen_below(g, 64);
		else if (gen_one_in(g, 4))
			memcpy(&value, f, 8);
		else if (gen_one_in(g, 4))
			memcpy(&value, &d, 8);
		memcpy(at + n, &value, 8);
	}
}

static void random_x87(struct gen *g, u8 *x)
{
	u16 fcw = (u16)(0x40 | gen_below(g, 16) << 8 | (gen_one_in(g, 8) ? gen_below(g, 64) : 63));
	u16 fsw = (u16)(gen_u64(g) & 0x7f7f), pending = (u16)(fsw & ~fcw & 0x3f);

	/* An exception that waits, now and then; ES and B say so. */
	if (pending && !gen_one_in(g, 8)) {
		fsw &= ~pending;
		pending = 0;
	}
	if (pending)
		fsw |= 0x8080;
	memcpy(x, &fcw, 2);
	memcpy(x + 2, &fsw, 2);
	x[4] = gen_one_in(g, 2) ? (u8)gen_u64(g) : gen_one_in(g, 2) ? 0xff : 0;
	for (unsigned int n = 0; n < 8; n++) {
		u64 mantissa = gen_value(g) | (gen_one_in(g, 8) ? 0 : BIT64(63));
		u16 exponent =
			gen_one_in(g, 4) ? (u16)gen_value(g) : (u16)(0x3fe0 + gen_below(g, 64));

		if (gen_one_in(g, 4))
			exponent |= 0x8000;
		memcpy(x + 32 + n * 16, &mantissa, 8);
		memcpy(x + 40 + n * 16, &exponent, 2);
	}
}

static void random_fpu(struct gen *g, const struct world *w, u8 *x, bool indices)
{
	u32 mxcsr = (u32)gen_u64(g) & 0xe07f & w->mxcsr_mask;

	memset(x, 0, XSAVE_AREA);
	random_x87(g, x);
	mxcsr |= gen_one_in(g, 8) ? gen_below(g, 64) << 7 : 0x1f80;
	memcpy(x + 24, &mxcsr, 4);
	for (unsigned int n = 1; n < ARRAY_SIZE(w->component); n++)
		if (w->component[n].size)
			random_vectors(g, x + w->component[n].offset, w->component[n].size,
				       indices && n != 5); /* 5: the mask registers */
	memcpy(x + 512, &w->xcr0, 8);
}

static void random_registers(struct gen *g, const struct world *w, struct registers *r,
			     bool indices)
{
	for (unsigned int n = 0; n < NR_GPR; n++)
		r->gpr[n] = gen_value(g);
	r->gpr[RSP] = pick_address(g, 8, !gen_one_in(g, 4));
	r->rip = CODE + INSN_AT;
	r->rflags = (gen_u64(g) & RFLAGS_ARITH) | RFLAGS_FIXED | RFLAGS_IF;
	random_fpu(g, w, r->xsave, indices);
}

void case_data(const struct test_case *c, u8 data[DATA_SIZE])
{
	struct gen g = { c->data_seed };

	for (u32 n = 0; n < DATA_SIZE; n += 8) {
		u64 value = gen_u64(&g);

		/* Now and then an address that a jump can go to. */
		if ((value & 0xf) == 0)
			value = CODE + (value >> 4) % INSN_AT;
		memcpy(data + n, &value, 8);
	}
}

static unsigned int prefixes(const u8 *bytes)
{
	static const u8 legacy[] = { 0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65,
				     0x66, 0x67, 0xf0, 0xf2, 0xf3 };
	unsigned int n = 0;

	while ((bytes[n] & 0xf0) == 0x40 || memchr(legacy, bytes[n], sizeof(legacy)))
		if (++n == INSN_MAX)
			break;
	return n;
}

/* What AMD's CPUs take and Intel's do not: LOCK MOV CR0, which means CR8 and which guests are not
 * shown; VPERMQ and VPERMPD (map 0F 3A, 00h and 01h) with W clear. And hypercalls (0F 01 C1, D9)
 * with prefixes that make them #UD: a hypervisor below this host may see to them nevertheless. */
static bool host_takes(const u8 *bytes)
{
	bool lock = false;

	if (prefixes(bytes) > 3)
		return true;
	for (unsigned int n = 0; n + 3 < INSN_MAX; n++) {
		lock |= bytes[n] == 0xf0;
		if (bytes[n] == 0x0f && bytes[n + 1] == 0x00)
			return lock;
		if (bytes[n] == 0x0f && bytes[n + 1] == 0x01)
			return bytes[n + 2] == 0xc1 || bytes[n + 2] == 0xd9;
		if (bytes[n] == 0x0f)
			return lock && (bytes[n + 1] == 0x20 || bytes[n + 1] == 0x22);
		if (bytes[n] == 0xc4)
			return (bytes[n + 1] & 0x1f) == 3 && !(bytes[n + 2] & 0x80) &&
			       bytes[n + 3] <= 1;
	}
	return false;
}

/* What the decoder does not know. */
static bool try_unknown(struct test_case *c, const struct world *w, struct gen *g)
{
	gen_bytes(g, MODE_LONG64, c->bytes);
	if (decode(&c->insn, c->bytes, INSN_MAX, MODE_LONG64) != -EINVAL || host_takes(c->bytes))
		return false;
	c->insn = (struct insn){ .length = INSN_MAX, .mode = MODE_LONG64 };
	random_registers(g, w, &c->before, false);
	return true;
}

static bool try_case(struct test_case *c, const struct world *w, struct gen *g)
{
	struct insn *i = &c->insn;

	gen_bytes(g, MODE_LONG64, c->bytes);
	if (decode(i, c->bytes, INSN_MAX, MODE_LONG64) || !wanted(i))
		return false;
	random_registers(g, w, &c->before, i->mem_vsib);
	if (i->class == INSN_EMULATE && !aim_implicit(c, w, g))
		return false;
	if (i->has_mem)
		return aim(c, g, pick_address(g, i->mem_size, i->mem_aligned),
			   segment_base(w, i->mem_seg));
	return true;
}

void case_registers(struct gen *g, const struct world *w, struct registers *r)
{
	random_registers(g, w, r, false);
}

u64 case_address(struct gen *g, u32 size, bool aligned, bool good)
{
	u64 at = pick_address(g, size, aligned);

	if (good && (at < DATA || at + size > DATA + READ_ONLY * 4096))
		at = DATA + (at & 0x1f00) / 2;
	return at;
}

void case_make(struct test_case *c, const struct world *w, u64 seed, u64 n)
{
	struct gen g;
	u32 kind;

	c->seed = seed;
	c->n = n;
	c->nr = c->length = 0;
	gen_seed(&g, seed, n);
	kind = gen_below(&g, 32);
	if (kind >= 24)
		sequence_make(c, w, &g);
	else
		while (!(kind == 0 ? try_unknown(c, w, &g) : try_case(c, w, &g)))
			;
	c->data_seed = gen_u64(&g);
	if (!c->nr)
		c->length = c->insn.length;
	/* HLT after it: a fault at CPL 3, by which both sides see that it ended. */
	memset(c->bytes + c->length, 0xf4, sizeof(c->bytes) - c->length);
}
