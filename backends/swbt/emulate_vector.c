/* SPDX-License-Identifier: MIT */
/*
 * Vector instructions whose memory operand is not one range: gathers, scatters, byte-masked stores.
 * Done element by element on the saved image. SDM vol. 2 VGATHERxxx, VPSCATTERxx, MASKMOVDQU.
 */
#include "backends/swbt/emulate.h"
#include "backends/swbt/fpu.h"
#include "backends/swbt/mem.h"

#define FSW_AT	  2
#define FTW_AT	  4
#define ST_AT	  32
#define XMM_AT	  160
#define HEADER	  512
#define VECTOR	  64 /* bytes of the widest register */
#define COMP_X87  BIT64(0)
#define COMP_SSE  BIT64(1)
#define COMP_AVX  2
#define COMP_MASK 5
#define COMP_ZMM  6
#define COMP_HIGH 7

static u32 component_at(struct vcpu *v, unsigned int n)
{
	struct cpuid_leaf *l = cpuid_find(&v->vm->cpuid, 0xd, n);

	return l ? l->ebx : 0;
}

/* The pieces of the image that make up vector register REG: where, and how many bytes. */
struct piece {
	u8 *at;
	unsigned int len;
};

static unsigned int pieces_of(struct vcpu *v, unsigned int reg, struct piece p[3])
{
	u8 *x = v->s.xsave;

	if (reg >= 16) {
		p[0] = (struct piece){ x + component_at(v, COMP_HIGH) + (reg - 16) * 64, 64 };
		return component_at(v, COMP_HIGH) ? 1 : 0;
	}
	p[0] = (struct piece){ x + XMM_AT + reg * 16, 16 };
	p[1] = (struct piece){ x + component_at(v, COMP_AVX) + reg * 16, 16 };
	p[2] = (struct piece){ x + component_at(v, COMP_ZMM) + reg * 32, 32 };
	return component_at(v, COMP_ZMM) ? 3 : component_at(v, COMP_AVX) ? 2 : 1;
}

static void move_vector(struct vcpu *v, unsigned int reg, u8 *value, bool store)
{
	struct piece p[3];
	unsigned int nr = pieces_of(v, reg, p);

	for (unsigned int n = 0; n < nr; n++)
		for (unsigned int b = 0; b < p[n].len; b++, value++) {
			if (store)
				p[n].at[b] = *value;
			else
				*value = p[n].at[b];
		}
}

static u64 element(const u8 *at, u8 size)
{
	u64 value = 0;

	for (unsigned int b = 0; b < size; b++)
		value |= (u64)at[b] << 8 * b;
	return value;
}

static void set_element(u8 *at, u8 size, u64 value)
{
	for (unsigned int b = 0; b < size; b++)
		at[b] = (u8)(value >> 8 * b);
}

/* What VEX or EVEX and ModRM say of a gather or scatter. */
struct vsib {
	unsigned int data, index, mask; /* register numbers; MASK is a k register with EVEX */
	u8 size, index_size;		/* bytes of an element and of an index */
	unsigned int length, nr;	/* vector bytes, elements */
	bool evex;
};

static void parse(const struct insn *i, struct vsib *g)
{
	const u8 *p = i->raw + i->opcode_at;
	u8 opcode = p[0], modrm = i->raw[i->modrm_at], sib = i->raw[i->modrm_at + 1];
	bool w, r, x;

	g->evex = i->encoding == ENC_EVEX;
	if (g->evex) {
		p -= 4;
		r = !(p[1] & 0x80);
		x = !(p[1] & 0x40);
		w = p[2] & 0x80;
		g->length = 16u << (p[3] >> 5 & 3);
		g->mask = p[3] & 7;
		g->data = (modrm >> 3 & 7) | r << 3 | (p[1] & 0x10 ? 0 : 16);
		g->index = (sib >> 3 & 7) | x << 3 | (p[3] & 8 ? 0 : 16);
	} else {
		p -= 3; /* these opcodes are in map 2: always the long form */
		r = !(p[1] & 0x80);
		x = !(p[1] & 0x40);
		w = p[2] & 0x80;
		g->length = p[2] & 4 ? 32 : 16;
		g->mask = ~p[2] >> 3 & 15;
		g->data = (modrm >> 3 & 7) | r << 3;
		g->index = (sib >> 3 & 7) | x << 3;
	}
	g->size = w ? 8 : 4;
	g->index_size = opcode & 1 ? 8 : 4;
	g->nr = g->length / (g->size > g->index_size ? g->size : g->index_size);
}

/* Registers as the instruction works on them. */
struct lanes {
	u8 data[VECTOR], index[VECTOR], mask[VECTOR];
	u64 k;
};

static bool selected(const struct vsib *g, const struct lanes *l, unsigned int n)
{
	return g->evex ? l->k >> n & 1 : l->mask[n * g->size + g->size - 1u] & 0x80;
}

static void finished(const struct vsib *g, struct lanes *l, unsigned int n)
{
	if (g->evex)
		l->k &= ~BIT64(n);
	else
		set_element(l->mask + n * g->size, g->size, 0);
}

static u64 address(const struct vcpu *v, const struct insn *i, const struct vsib *g,
		   const struct lanes *l, unsigned int n)
{
	unsigned int shift = 64 - g->index_size * 8u;
	s64 index = (s64)(element(l->index + n * g->index_size, g->index_size) << shift) >> shift;
	u64 ea = (u64)i->mem_disp + (u64)(index * i->mem_scale);

	if (i->mem_base != REG_NONE)
		ea += v->s.gpr[i->mem_base];
	return i->addrsize == 8 ? ea : (u32)ea;
}

static u8 *k_register(struct vcpu *v, unsigned int n)
{
	return v->s.xsave + component_at(v, COMP_MASK) + n * 8;
}

static void load_lanes(struct vcpu *v, const struct vsib *g, struct lanes *l)
{
	fpu_get(v);
	fpu_put(v);
	for (unsigned int b = 0; b < VECTOR; b++)
		l->data[b] = l->index[b] = l->mask[b] = 0;
	move_vector(v, g->data, l->data, false);
	move_vector(v, g->index, l->index, false);
	if (g->evex)
		l->k = element(k_register(v, g->mask), 8);
	else
		move_vector(v, g->mask, l->mask, false);
}

/* Put back what changed; DONE: the instruction completed, so what it does not cover is zeroed. */
static void store_lanes(struct vcpu *v, const struct vsib *g, struct lanes *l, bool gather,
			bool done)
{
	unsigned int used = g->nr * g->size;
	u64 in_use = BIT64(1) | BIT64(COMP_AVX);

	if (done)
		for (unsigned int b = used; b < VECTOR; b++)
			l->data[b] = 0;
	if (done && g->evex)
		l->k = 0;
	if (done)
		for (unsigned int b = 0; b < VECTOR; b++)
			l->mask[b] = 0;
	if (gather)
		move_vector(v, g->data, l->data, true);
	if (g->evex) {
		set_element(k_register(v, g->mask), 8, l->k);
		in_use |= BIT64(COMP_MASK) | BIT64(COMP_ZMM) | BIT64(COMP_HIGH);
	} else {
		move_vector(v, g->mask, l->mask, true);
	}
	in_use &= v->fpu_mask;
	set_element(v->s.xsave + HEADER, 8, element(v->s.xsave + HEADER, 8) | in_use);
}

static enum emulate_result vsib(struct vcpu *v, const struct insn *i, bool gather)
{
	struct lanes l;
	struct vsib g;
	u64 value;
	int r = 0;

	parse(i, &g);
	if ((g.evex && (!g.mask || (gather && g.data == g.index))) ||
	    (!g.evex && (g.data == g.index || g.data == g.mask || g.mask == g.index))) {
		raise_exc(v, UD);
		return EMU_FAULT;
	}
	load_lanes(v, &g, &l);
	for (unsigned int n = 0; !r && n < g.nr; n++) {
		u8 *at = l.data + n * g.size;

		if (!selected(&g, &l, n))
			continue;
		value = gather ? 0 : element(at, g.size);
		r = gather ? mem_read(v, i->mem_seg, address(v, i, &g, &l, n), &value, g.size)
			   : mem_write(v, i->mem_seg, address(v, i, &g, &l, n), &value, g.size);
		if (r)
			break;
		if (gather)
			set_element(at, g.size, value);
		finished(&g, &l, n);
	}
	store_lanes(v, &g, &l, gather, !r);
	return r ? EMU_FAULT : EMU_NEXT;
}

enum emulate_result emu_gather(struct vcpu *v, const struct insn *i)
{
	return vsib(v, i, true);
}

enum emulate_result emu_scatter(struct vcpu *v, const struct insn *i)
{
	return vsib(v, i, false);
}

/*
 * MMX registers are the physical x87 ones, while the image is in stack order: put it into the order
 * of an MMX instruction, which leaves TOP zero and every register valid.
 */
static void enter_mmx(struct vcpu *v)
{
	u8 *x = v->s.xsave, old[8][16];
	unsigned int top = element(x + FSW_AT, 2) >> 11 & 7;

	for (unsigned int n = 0; n < 8; n++)
		for (unsigned int b = 0; b < 16; b++)
			old[(n + top) & 7][b] = x[ST_AT + n * 16 + b];
	for (unsigned int n = 0; n < 8; n++)
		for (unsigned int b = 0; b < 16; b++)
			x[ST_AT + n * 16 + b] = old[n][b];
	set_element(x + FSW_AT, 2, element(x + FSW_AT, 2) & ~0x3800ull);
	x[FTW_AT] = 0xff;
	set_element(x + HEADER, 8, element(x + HEADER, 8) | COMP_X87);
}

/* The bytes of DATA that MASK selects, to EA: all or none. The whole operand must be writable:
 * whether bytes that are not selected can fault is left to the CPU, and AMD's do. */
static enum emulate_result store_bytes(struct vcpu *v, const struct insn *i, u64 ea, const u8 *data,
				       const u8 *mask, unsigned int len)
{
	struct mem_op op;

	if (mem_prepare(v, i->mem_seg, ea, len, ACC_READ | ACC_WRITE, &op))
		return EMU_FAULT;
	for (unsigned int b = 0; b < len; b++)
		if (mask[b] & 0x80)
			op.data[b] = data[b];
	mem_commit(v, &op);
	return EMU_NEXT;
}

enum emulate_result emu_maskmov(struct vcpu *v, const struct insn *i)
{
	u8 modrm = i->raw[i->modrm_at], data[VECTOR] = { 0 }, mask[VECTOR] = { 0 };
	unsigned int reg = modrm >> 3 & 7, rm = modrm & 7, len = i->fpu == FPU_MMX ? 8 : 16;
	u64 at = gpr_get(v, RDI, i->addrsize, false);

	if (fpu_pending(v, i)) {
		raise_exc(v, MF);
		return EMU_FAULT;
	}
	fpu_get(v);
	fpu_put(v);
	if (i->encoding == ENC_VEX) {
		/* C5: only R is there; C4: R and B. */
		const u8 *p = i->raw + i->opcode_at;

		reg |= (p[-2] == 0xc5 ? !(p[-1] & 0x80) : !(p[-2] & 0x80)) << 3;
		rm |= (p[-2] == 0xc5 ? 0 : !(p[-2] & 0x20)) << 3;
	} else {
		reg |= (i->rex & 4) << 1;
		rm |= (i->rex & 1) << 3;
	}
	if (len == 8) {
		enter_mmx(v);
		set_element(data, 8, element(v->s.xsave + ST_AT + (reg & 7) * 16, 8));
		set_element(mask, 8, element(v->s.xsave + ST_AT + (rm & 7) * 16, 8));
	} else {
		move_vector(v, reg, data, false);
		move_vector(v, rm, mask, false);
	}
	return store_bytes(v, i, at, data, mask, len);
}
