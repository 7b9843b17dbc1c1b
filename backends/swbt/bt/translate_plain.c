/* SPDX-License-Identifier: MIT */
/*
 * Instructions that are themselves, with other registers and another memory operand.
 *
 * LOCK goes where the operand is RAM. The only vCPU cannot see another's access between the load
 * and the store of an instruction, and its own interrupts come between instructions; no thread of
 * ours touches guest RAM. Loads and stores stay in program order as x86 has it, save that a load
 * may pass an older store. Who needs that order writes MFENCE or LOCK OR/ADD of a constant to the
 * stack, which nobody shares: those stay as they are. Devices get their accesses through C, locked
 * or not. XCHG, locked by itself, becomes a load, a store and a move.
 */
#include "backends/swbt/bt/translate_rounds.h"
#include "backends/swbt/rewrite.h"

/* Which registers one instruction gets. */
struct plan {
	struct rewrite r;
	u32 moved;	 /* displaced guest registers that it names, */
	u8 host[2];	 /* and where they go */
	bool native_rcx; /* it needs the guest's RCX in RCX */
	bool high;	 /* AH to BH: no REX, so no R8 to R15 */
};

static bool has_high(const struct insn *i)
{
	for (unsigned int n = 0; n < i->nr_operands && n < ARRAY_SIZE(i->op); n++)
		if (i->op[n].type == OPERAND_GPR && i->op[n].high)
			return true;
	return false;
}

static void make_plan(struct plan *p, const struct insn *i)
{
	u32 named = insn_explicit_gprs(i), implicit = insn_implicit_gprs(i);

	static const struct plan same = {
		.r = { .gpr = { RAX, RCX, RDX, RBX, RSP, RBP, RSI, RDI, R8, R9, R10, R11, R12, R13,
				R14, R15 },
		       .base = REG_NONE,
		       .index = REG_NONE,
		       .scale = 1 },
	};

	*p = same;
	p->high = has_high(i);
	p->native_rcx = implicit & BIT(RCX) || (p->high && named & BIT(RCX));
	if (!p->native_rcx)
		p->r.gpr[RCX] = R14;
	p->moved = named & (BIT(R13) | BIT(R14) | BIT(R15));
}

/* Does I set all of GPR, whatever the flags and its sources? MOV, MOVZX, MOVSX, MOVSXD; XOR of it
 * and itself. */
static bool overwritten(const struct insn *i, u8 gpr)
{
	u8 opcode = i->raw[i->opcode_at];
	bool escaped = i->opcode_at && i->raw[i->opcode_at - 1] == 0x0f;

	if (!escaped && (opcode & 0xfd) == 0x31 && i->encoding == ENC_LEGACY && !i->has_mem)
		return i->op[0].reg == i->op[1].reg && i->op[0].size >= 4;
	if (i->gpr_read & BIT(gpr) || !(i->gpr_written & BIT(gpr)) || i->encoding != ENC_LEGACY)
		return false;
	if (escaped)
		return opcode == 0xb6 || opcode == 0xb7 || opcode == 0xbe || opcode == 0xbf;
	return opcode == 0x63 || opcode == 0x89 || opcode == 0x8b || opcode == 0xc7 ||
	       (opcode & 0xf8) == 0xb8;
}

/* FREE: scratch registers left, as BIT(RCX) | BIT(R13). False: too few. */
static bool load_moved(struct tr *t, struct plan *p, u32 free)
{
	for (u32 rest = p->moved; rest; rest &= rest - 1) {
		u8 gpr = (u8)__builtin_ctz(rest), host;

		if (!free)
			return false;
		host = free & BIT(R13) ? R13 : RCX;
		free &= ~BIT(host);
		p->r.gpr[gpr] = host;
		if (!overwritten(t->i, gpr))
			emit_load(&t->e, W64, host, GPR_AT(gpr));
	}
	return true;
}

static void store_moved(struct tr *t, const struct plan *p)
{
	for (u32 rest = p->moved & t->i->gpr_written; rest; rest &= rest - 1) {
		u8 gpr = (u8)__builtin_ctz(rest);

		emit_store(&t->e, W64, p->r.gpr[gpr], GPR_AT(gpr));
	}
	if (p->native_rcx && t->i->gpr_written & BIT(RCX))
		emit_mov(&t->e, W64, R14, RCX);
}

/* LOCK OR or ADD of a constant to the stack: what compilers and kernels use for MFENCE. */
static bool is_fence(const struct insn *i)
{
	u8 opcode = i->raw[i->opcode_at], group = i->raw[i->modrm_at] >> 3 & 7;

	return i->lock && i->mem_base == RSP &&
	       !(i->opcode_at && i->raw[i->opcode_at - 1] == 0x0f) && (opcode & 0xfc) == 0x80 &&
	       group < 2;
}

/* I is the present instruction, maybe in another form. */
static enum gen put_as(struct tr *t, struct plan *p, const struct insn *i)
{
	struct insn unlocked;
	u8 bytes[REWRITE_MAX];
	int len;

	if (p->native_rcx)
		emit_mov(&t->e, W64, RCX, R14);
	if (i->lock && !is_fence(i)) {
		insn_copy(&unlocked, i);
		unlocked.lock = false;
		i = &unlocked;
	}
	len = rewrite(i, &p->r, bytes);
	if (len < 0)
		return GEN_STEP;
	tr_commit(t);
	emit_bytes(&t->e, bytes, (size_t)len);
	store_moved(t, p);
	return GEN_NEXT;
}

static enum gen put(struct tr *t, struct plan *p)
{
	return put_as(t, p, t->i);
}

static void place(struct plan *p, struct emit_mem m)
{
	p->r.base = m.base;
	p->r.index = m.index;
	p->r.scale = m.scale;
	p->r.disp = m.disp;
}

/* The operand, once it is looked up, in such a form that the scratch registers that the instruction
 * itself needs are free: those are returned, negative when that cannot be. */
static int place_operand(struct tr *t, struct plan *p, struct emit_mem m)
{
	bool uses_r13 = m.base == R13 || m.index == R13;
	u32 free = uses_r13 ? 0 : BIT(R13);

	if (p->native_rcx) {
		if (p->moved || p->high)
			return -1;
		emit_lea(&t->e, W64, R13, m);
		m = at(R13, 0);
		free = 0;
	} else if (p->high || (p->moved && uses_r13)) {
		emit_lea(&t->e, W64, RCX, m);
		m = at(RCX, 0);
		free = BIT(R13);
	}
	place(p, m);
	return (int)free;
}

/* XCHG or XADD of memory and a register that has one of the host's. Bytes are rare enough. */
static bool is_exchange(const struct insn *i, const struct plan *p)
{
	bool escaped = i->opcode_at && i->raw[i->opcode_at - 1] == 0x0f;

	return i->raw[i->opcode_at] == (escaped ? 0xc1 : 0x87) && i->encoding == ENC_LEGACY &&
	       i->op[1].type == OPERAND_GPR && i->op[1].field == FIELD_REG && !p->moved;
}

/* A load, a store or ADD, a move: the second of them is the commit. XADD itself takes longer. */
static enum gen put_exchange(struct tr *t, struct emit_mem m)
{
	const struct operand *reg = &t->i->op[1];
	enum emit_width w = reg->size == 8 ? W64 : W32;
	bool add = t->i->raw[t->i->opcode_at] == 0xc1, word = reg->size == 2;
	u8 host = host_of(reg->reg);

	if (m.base == R13 || m.index == R13) {
		emit_lea(&t->e, W64, RCX, m);
		m = at(RCX, 0);
	}
	if (word)
		emit_byte(&t->e, 0x66);
	emit_load(&t->e, w, R13, m);
	tr_commit(t);
	if (word)
		emit_byte(&t->e, 0x66);
	(add ? emit_add_mem : emit_store)(&t->e, w, host, m);
	if (word)
		emit_byte(&t->e, 0x66);
	emit_mov(&t->e, w, host, R13);
	return GEN_NEXT;
}

/* The operand at EA, eight bytes, was not aligned. If so, it is read and written by aligned words,
 * as if it lay on two pages. False: no room for that. */
static bool split(struct tr *t, const struct ea *ea)
{
	struct cold *c = tr_cold(t, EXIT_STEP);

	if (!tr_call(t, c))
		return false;
	c->kind = EXIT_CALL;
	c->crossing = c->cross = true;
	c->ea = *ea;
	emit_const(&t->e, RCX, 7);
	emit_pext(&t->e, RCX, R13, RCX);
	tr_unless_rcxz(t, c);
	return true;
}

static enum gen gen_memory(struct tr *t, struct plan *p)
{
	const struct insn *i = t->i;
	struct ea ea;
	int free;
	bool check = tr_needs_check(t, i->mem_size), shared;

	if (t->rounds && t->round != ROUND_NONE) {
		place(p, tr_round_operand(t));
		return put(t, p);
	}
	if (!check && !p->moved && !p->native_rcx && tr_looks_up_table(t, &ea)) {
		place(p, tr_guess(t, &ea));
		return put(t, p);
	}
	/* Which fault comes first, and what it leaves of accessed and dirty bits, is known to C. */
	if (t->segmented && i->mem_aligned)
		return GEN_STEP;
	if (!i->mem_size || i->mem_size > 64 || !tr_ea(t, &ea))
		return GEN_STEP;
	if (ea.how == EA_CONST && (ea.value & PAGE_MASK) + i->mem_size > PAGE_SIZE) {
		t->crossing = ea;
		return tr_may_cross(t) ? GEN_CROSS : GEN_STEP;
	}
	/* What is known may be of another instruction that was here. */
	if (unlikely(t->adapt & ADAPT_SPLIT) && ea.how != EA_DIRECT && i->mem_size == 8 &&
	    !(t->key & KEY_ALIGNMENT) && tr_may_cross(t)) {
		if (ea.how == EA_CONST)
			emit_const(&t->e, R13, ea.value);
		ea.how = EA_R13;
		if (!split(t, &ea))
			return GEN_STEP;
	}
	/* Those fault by themselves when they are not aligned, save on AMD with MXCSR.MM, where the
	 * host reports them like the others. */
	if (i->mem_aligned && !(t->key & KEY_ALIGNMENT))
		check = false;
	shared = !check && tr_share(t, &ea);
	if (!check && !shared && tr_chases(t, &ea)) {
		place(p, tr_guess(t, &ea));
		return put(t, p);
	}
	if (!shared && !tr_lookup(t, &ea, i->mem_size, i->mem_write, check))
		return GEN_STEP;
	if (is_exchange(i, p))
		return put_exchange(t, tr_operand(t, &ea));
	free = place_operand(t, p, tr_operand(t, &ea));
	if (free < 0 || !load_moved(t, p, (u32)free))
		return GEN_STEP;
	return put(t, p);
}

enum gen tr_plain_at(struct tr *t, struct emit_mem m)
{
	struct plan p;

	make_plan(&p, t->i);
	p.r.base = m.base;
	p.r.disp = m.disp;
	if (!load_moved(t, &p, p.native_rcx ? BIT(R13) : BIT(R13) | BIT(RCX)))
		return GEN_STEP;
	return put(t, &p);
}

/* R13's low 16 bits are the result of an LEA. */
static enum gen lea_to_word(struct tr *t)
{
	u8 dst = t->i->op[0].reg;

	if (displaced(dst))
		return GEN_STEP;
	tr_commit(t);
	emit_byte(&t->e, 0x66);
	emit_mov(&t->e, W32, host_of(dst), R13);
	return GEN_NEXT;
}

static enum gen lea_constant(struct tr *t, u64 value)
{
	const struct operand *dst = &t->i->op[0];
	bool moved = displaced(dst->reg);
	u8 host = moved ? R13 : host_of(dst->reg);

	if (dst->size == 2) {
		emit_const(&t->e, R13, (u16)value);
		return lea_to_word(t);
	}
	if (dst->size == 4)
		value = (u32)value;
	tr_commit(t);
	emit_const(&t->e, host, value);
	if (!moved)
		return GEN_NEXT;
	tr_commit(t);
	emit_store(&t->e, W64, host, GPR_AT(dst->reg));
	return GEN_NEXT;
}

/* LEA: no segment, no access. */
static enum gen gen_lea(struct tr *t)
{
	const struct insn *i = t->i;
	const struct operand *dst = &i->op[0];
	enum emit_width w = dst->size == 8 && i->addrsize == 8 ? W64 : W32;
	struct emit_mem m = {
		.base = REG_NONE, .index = REG_NONE, .scale = i->mem_scale, .disp = (s32)i->mem_disp
	};
	bool moved = displaced(dst->reg);

	if (i->mem_base == REG_PC || (i->mem_base == REG_NONE && i->mem_index == REG_NONE)) {
		u64 value = (u64)i->mem_disp + (i->mem_base == REG_PC ? t->next : 0);

		return lea_constant(t, i->addrsize == 8	  ? value
				       : i->addrsize == 4 ? (u32)value
							  : (u16)value);
	}
	if (i->mem_base != REG_NONE)
		m.base = tr_gpr(t, i->mem_base, R13);
	if (i->mem_index != REG_NONE)
		m.index = tr_gpr(t, i->mem_index, RCX);
	if (i->addrsize == 2 || dst->size == 2) {
		emit_lea(&t->e, W32, R13, m);
		if (dst->size == 2)
			return lea_to_word(t);
		tr_commit(t);
		emit_movzx16(&t->e, host_of(dst->reg), R13);
		return GEN_NEXT;
	}
	tr_commit(t);
	emit_lea(&t->e, w, moved ? R13 : host_of(dst->reg), m);
	if (moved) {
		tr_commit(t);
		emit_store(&t->e, W64, R13, GPR_AT(dst->reg));
	}
	return GEN_NEXT;
}

/* ---- displaced registers where they are ------------------------------------------------------ */

/* What an opcode can do with an operand in memory in place of the register that ModRM.rm names. */
enum form {
	FORM_RM = 1,   /* the same */
	FORM_SWAP = 2, /* and what ModRM.reg names can be the one in memory: opcode ^ 2 does that */
	FORM_EITHER = 4, /* the same without another opcode */
};

static u8 form_of(const struct insn *i)
{
	static const u8 map0[256] = {
		[0x01] = 3, [0x03] = 3, [0x09] = 3, [0x0b] = 3, [0x11] = 3, [0x13] = 3, [0x19] = 3,
		[0x1b] = 3, [0x21] = 3, [0x23] = 3, [0x29] = 3, [0x2b] = 3, [0x31] = 3, [0x33] = 3,
		[0x39] = 3, [0x3b] = 3, [0x63] = 1, [0x69] = 1, [0x6b] = 1, [0x81] = 1, [0x83] = 1,
		[0x85] = 5, [0x89] = 3, [0x8b] = 3, [0xc1] = 1, [0xc7] = 1, [0xd1] = 1, [0xff] = 1,
	};
	u8 opcode = i->raw[i->opcode_at];

	if (i->encoding != ENC_LEGACY || !i->modrm_at)
		return 0;
	if (!i->opcode_at || i->raw[i->opcode_at - 1] != 0x0f)
		return map0[opcode];
	return (opcode & 0xf0) == 0x40 || opcode == 0xaf || (opcode & 0xf6) == 0xb6 ? FORM_RM : 0;
}

/* The number of the operand that ModRM.reg or .rm names, or -1. */
static int named_by(const struct insn *i, u8 field)
{
	for (int n = 0; n < i->nr_operands; n++)
		if (i->op[n].type == OPERAND_GPR && i->op[n].field == field)
			return n;
	return -1;
}

/* May operand N be where its register is? What writes four bytes of that would leave the rest. */
static bool may_stay(const struct insn *i, int n)
{
	return n >= 0 && displaced(i->op[n].reg) && (!i->op[n].written || i->op[n].size == 8);
}

/* I becomes the same with a displaced register as an operand in memory. Returns which one that is,
 * or -1. */
static int stays(struct insn *i)
{
	int rm = named_by(i, FIELD_RM), reg = named_by(i, FIELD_REG);
	u8 form = form_of(i);

	if (!form || rm < 0 || (reg >= 0 && i->op[rm].reg == i->op[reg].reg))
		return -1;
	i->has_mem = true;
	if (may_stay(i, rm))
		return i->op[rm].reg;
	if (!(form & (FORM_SWAP | FORM_EITHER)) || !may_stay(i, reg))
		return -1;
	i->op[rm].field = FIELD_REG;
	i->op[reg].field = FIELD_RM;
	if (form & FORM_SWAP)
		i->raw[i->opcode_at] ^= 2;
	return i->op[reg].reg;
}

/* Of one or two instructions less than with the register loaded, changed and stored. False: none.
 */
static bool put_staying(struct tr *t, struct plan *p, enum gen *r)
{
	struct insn i;
	int gpr;

	insn_copy(&i, t->i);
	gpr = stays(&i);
	if (gpr < 0)
		return false;
	p->moved &= ~BIT(gpr);
	place(p, GPR_AT(gpr));
	*r = load_moved(t, p, BIT(R13)) ? put_as(t, p, &i) : GEN_STEP;
	return true;
}

static bool is_lea(const struct insn *i)
{
	return i->op[0].type == OPERAND_GPR && i->op[0].written;
}

enum gen gen_plain(struct tr *t)
{
	const struct insn *i = t->i;
	struct plan p;
	enum gen r;

	if (i->fpu != FPU_NONE && !(t->key >> KEY_FPU_SHIFT & BIT(i->fpu)))
		return GEN_STEP;
	if (i->has_mem && i->mem_address_only)
		return is_lea(i) ? gen_lea(t) : GEN_NEXT; /* prefetches and NOPs do nothing */
	if (insn_is_hint(i))
		return GEN_NEXT;
	if (insn_stores_x87_pointers(i))
		return GEN_STEP;
	if (i->flags_written == RFLAGS_DF)
		return tr_direction(t);
	make_plan(&p, i);
	if (i->has_mem)
		return gen_memory(t, &p);
	if (p.moved && !p.high && !p.native_rcx && put_staying(t, &p, &r))
		return r;
	if (!load_moved(t, &p, p.native_rcx ? BIT(R13) : BIT(R13) | BIT(RCX)) ||
	    (p.high && p.moved))
		return GEN_STEP;
	return put(t, &p);
}
