/* SPDX-License-Identifier: MIT */
/*
 * Addresses and look-ups. A load becomes
 *
 *	lea	rcx, [address]		; or the register itself
 *	rorx	rcx, rcx, 12
 *	mov	ecx, ecx
 *	mov	rcx, [r15 + rcx * 8 + SPACE_READ]
 *	jrcxz	miss
 *	op	[rcx + address]
 *
 * and a store the same with gs:[r15 + rcx * 8 + SPACE_READ] (pagetable.h). No flag changes. An
 *address of several parts is put together in R13 first, and always in 32-bit mode, where it wraps
 *at 4 GiB.
 */
#include "backends/swbt/bt/translate.h"

u8 tr_gpr(struct tr *t, u8 gpr, u8 scratch)
{
	if (!displaced(gpr))
		return host_of(gpr);
	emit_load(&t->e, W64, scratch, GPR_AT(gpr));
	return scratch;
}

/* ---- addresses ------------------------------------------------------------------------------- */

static enum segment_class class_of(const struct tr *t, u8 seg)
{
	if (t->long64)
		return seg >= SEG_FS ? CLASS_BASED : CLASS_FLAT;
	/* Of CS, more is known in real mode: code_possible. Elsewhere it cannot be written. */
	if (seg == SEG_CS)
		return t->key & KEY_REAL ? CLASS_64K : CLASS_OTHER;
	return (enum segment_class)(t->key >> KEY_SEGMENT(seg) & 3);
}

static void add_base(struct tr *t, u8 seg)
{
	struct emit_mem sum = { .base = R13, .index = RCX, .scale = 1 };

	emit_load(&t->e, W64, RCX,
		  at(R15,
		     (s32)(offsetof(struct vcpu, s.seg[0].base) + seg * sizeof(struct segment))));
	emit_lea(&t->e, t->long64 ? W64 : W32, R13, sum);
}

/* ---- Segments -------------------------------------------------------------------------------- */

/*
 * Outside 64-bit mode the class of a segment is part of the key, and its base is added at run time.
 * In a segment of 64 KiB and more an operand must end below 64 KiB, or else the step engine sees
 * whether it may. That is asked before the page is looked up, which may set bits in page tables.
 */
void tr_below_64k(struct tr *t, s32 beyond)
{
	u8 reg = R13;

	if (beyond) {
		emit_lea(&t->e, W64, RCX, at(R13, beyond));
		reg = RCX;
	}
	emit_rorx(&t->e, W64, RCX, reg, 16);
	emit_mov(&t->e, W32, RCX, RCX);
	tr_unless_rcxz(t, tr_cold(t, EXIT_STEP));
}

/* R13, an offset of WIDTH bytes of an operand of SIZE, becomes an address in SEG. */
static void to_linear(struct tr *t, u8 seg, u8 width, u32 size)
{
	enum segment_class class = class_of(t, seg);

	if (width == 2)
		emit_movzx16(&t->e, R13, R13);
	if (class == CLASS_64K && (width != 2 || size > 1))
		tr_below_64k(t, size ? (s32)size - 1 : 0);
	if (class != CLASS_FLAT)
		add_base(t, seg);
}

bool tr_stack_usable(const struct tr *t)
{
	return class_of(t, SEG_SS) != CLASS_OTHER;
}

struct ea tr_stack_at(struct tr *t, u8 reg, s32 disp, u32 size)
{
	if (t->long64)
		return (struct ea){ .how = EA_DIRECT, .base = reg, .disp = disp };
	emit_lea(&t->e, W32, R13, at(reg, disp));
	to_linear(t, SEG_SS, t->key & KEY_STACK16 ? 2 : 4, size);
	return (struct ea){ .how = EA_R13 };
}

struct ea tr_stack(struct tr *t, s32 disp, u32 size)
{
	return tr_stack_at(t, RSP, disp, size);
}

void tr_move_rsp(struct tr *t, s32 by)
{
	if (t->key & KEY_STACK16)
		emit_byte(&t->e, 0x66);
	emit_lea(&t->e, t->long64 ? W64 : W32, RSP, at(RSP, by));
}

/* ---- operands -------------------------------------------------------------------------------- */

static bool constant_address(const struct tr *t, u64 *value)
{
	const struct insn *i = t->i;

	*value = (u64)i->mem_disp;
	if (i->mem_base == REG_PC)
		*value += t->next;
	else if (i->mem_base != REG_NONE)
		return false;
	if (i->addrsize == 4)
		*value = (u32)*value;
	else if (i->addrsize == 2)
		*value = (u16)*value;
	return i->mem_index == REG_NONE;
}

/*
 * An element of an array that begins where a page does: the number of its page is that of the index
 * times the scale plus a constant, which goes into the displacement of the look-up. The tables have
 * room behind them for what would have to wrap there, which is looked for again (tr_look_again).
 */
static bool page_array(const struct tr *t)
{
	const struct insn *i = t->i;

	return t->v->bt_config.elide && t->long64 && i->addrsize == 8 && i->mem_base == REG_NONE &&
	       i->mem_disp >= 0 && !(i->mem_disp & PAGE_MASK) && !tr_needs_check(t, i->mem_size);
}

bool tr_ea(struct tr *t, struct ea *ea)
{
	const struct insn *i = t->i;
	enum emit_width w = i->addrsize == 8 ? W64 : W32;
	enum segment_class class = class_of(t, i->mem_seg);
	struct emit_mem m = { .base = REG_NONE, .index = REG_NONE, .scale = i->mem_scale };

	if (i->mem_vsib || class == CLASS_OTHER)
		return false;
	*ea = (struct ea){ .how = EA_R13 };
	if (constant_address(t, &ea->value)) {
		if (class == CLASS_64K && ea->value + i->mem_size > 0x10000)
			return false;
		ea->how = EA_CONST;
		if (class == CLASS_FLAT)
			return true;
		ea->how = EA_R13;
		emit_const(&t->e, R13, ea->value);
		add_base(t, i->mem_seg);
		return true;
	}
	m.disp = (s32)i->mem_disp;
	if (t->long64 && w == W64 && class == CLASS_FLAT && i->mem_index == REG_NONE) {
		ea->how = EA_DIRECT;
		ea->base = tr_gpr(t, i->mem_base, R13);
		ea->disp = m.disp;
		return true;
	}
	if (i->mem_base != REG_NONE)
		m.base = tr_gpr(t, i->mem_base, R13);
	if (class == CLASS_FLAT && page_array(t)) {
		ea->how = EA_INDEX;
		ea->base = tr_gpr(t, i->mem_index, R13);
		ea->scale = i->mem_scale;
		ea->disp = m.disp;
		return true;
	}
	if (i->mem_index != REG_NONE)
		m.index = tr_gpr(t, i->mem_index, RCX);
	emit_lea(&t->e, w, R13, m);
	to_linear(t, i->mem_seg, i->addrsize, i->mem_size);
	return true;
}

/* ---- look-ups -------------------------------------------------------------------------------- */

/* A register with EA, not EA_CONST. */
static u8 address_register(struct tr *t, const struct ea *ea)
{
	if (ea->how == EA_R13)
		return R13;
	if (!ea->disp)
		return ea->base;
	emit_lea(&t->e, W64, RCX, at(ea->base, ea->disp));
	return RCX;
}

/* Offset * 16 plus the address's top four bits makes 16 bits, to which adding (SIZE - 1) * 16
 * carries if the bytes lie on two pages. */
void tr_same_page(struct tr *t, const struct ea *ea, u32 size)
{
	emit_rorx(&t->e, W64, RCX, address_register(t, ea), 60);
	emit_movzx16(&t->e, RCX, RCX);
	emit_lea(&t->e, W32, RCX, at(RCX, (s32)(size - 1) * 16));
	emit_rorx(&t->e, W32, RCX, RCX, 16);
	emit_movzx16(&t->e, RCX, RCX);
	emit_lea(&t->e, W32, RCX, at(RCX, -1));
}

/* The last of SIZE bytes is among the first of a page, rounded up to a power of two. */
bool tr_near_start(struct tr *t, const struct ea *ea, u32 size)
{
	u32 log = size > 1 ? 32 - (u32)__builtin_clz(size - 1) : 0;
	s64 disp = ea->how == EA_DIRECT ? ea->disp : 0;

	if (log >= ARRAY_SIZE(t->v->frame.page_mask) || !t->bt->fast_pext ||
	    disp + size > INT32_MAX)
		return false;
	emit_lea(&t->e, W64, RCX,
		 at(ea->how == EA_DIRECT ? ea->base : R13, (s32)(disp + size - 1)));
	emit_pext_mem(&t->e, RCX, RCX, FRAME_AT(page_mask[log]));
	return true;
}

/* Leave unless SIZE bytes lie on one page. Where it takes less than to see that, see only whether
 * they may not, and the rest out of the way. */
void tr_check_page(struct tr *t, const struct ea *ea, u32 size)
{
	struct cold *c = tr_cold(t, EXIT_STEP);

	c->crossing = true;
	c->ea = *ea;
	if (t->adapt & ADAPT_CROSS && tr_may_cross(t) && tr_call(t, c)) {
		c->kind = EXIT_CALL;
		c->cross = true;
	}
	if (tr_near_start(t, ea, size))
		c->size = (u16)size;
	else
		tr_same_page(t, ea, size);
	tr_branch_rcxz(t, c);
	c->back = t->e.p;
}

void tr_load_entry(struct tr *t, struct emit_mem m, bool write)
{
	if (write)
		emit_load_gs(&t->e, RCX, m);
	else
		emit_load(&t->e, W64, RCX, m);
}

/* RCX = the number of the page of the address REG * SCALE. */
static void number_of(struct tr *t, u8 reg, u8 scale)
{
	emit_rorx(&t->e, W64, RCX, reg, (u8)(12 - __builtin_ctz(scale)));
	emit_mov(&t->e, W32, RCX, RCX);
}

/* RCX = the entry of that page, or of PAGES further on. */
static void entry_of(struct tr *t, u8 reg, u8 scale, s32 pages, bool write)
{
	struct emit_mem m = { R15, RCX, 8, SPACE_READ + pages * 8 };

	number_of(t, reg, scale);
	tr_load_entry(t, m, write);
}

/* RCX = the entry for a constant address. Displacements reach those of the first TiB, and for
 * reading, from the other table, of the last. */
static void constant_entry(struct tr *t, u64 address, bool write)
{
	struct emit_mem m = { .base = R15, .index = RCX, .scale = 8, .disp = SPACE_READ };
	u64 page = (u32)(address >> 12);
	s64 disp = (s64)(page * 8) + SPACE_READ, other = disp - (s64)SPACE_GS;

	if (disp == (s32)disp) {
		tr_load_entry(t, at(R15, (s32)disp), write);
	} else if (!write && other == (s32)other) {
		tr_load_entry(t, at(R15, (s32)other), true);
	} else {
		emit_const(&t->e, RCX, page);
		tr_load_entry(t, m, write);
	}
}

void tr_entry(struct tr *t, u8 reg, bool write)
{
	entry_of(t, reg, 1, 0, write);
}

void tr_look_again(struct tr *t, const struct cold *c)
{
	u8 *missing;

	emit_lea(&t->e, W64, RCX, tr_indexed(&c->ea));
	tr_entry(t, RCX, c->kind == EXIT_WRITE);
	missing = emit_jrcxz(&t->e);
	emit_fix32(emit_jmp32(&t->e), c->back);
	emit_land8(&t->e, missing);
}

bool tr_needs_check_of(const struct tr *t, const struct insn *i, u32 size)
{
	if (size == 1)
		return false;
	if (t->key & KEY_ALIGNMENT)
		return true;
	if (size != 2 && size != 4 && size != 8)
		return true;
	/* The host reports what is not aligned: general-purpose operands for certain. */
	return (i->fpu != FPU_NONE || i->encoding != ENC_LEGACY) && !(t->bt->reports & BIT(i->fpu));
}

bool tr_needs_check(const struct tr *t, u32 size)
{
	return tr_needs_check_of(t, t->i, size);
}

bool tr_lookup(struct tr *t, const struct ea *ea, u32 size, bool write, bool check)
{
	struct cold *c;

	if (ea->how == EA_CONST &&
	    ((ea->value & PAGE_MASK) + size > PAGE_SIZE || !canonical(ea->value)))
		return false;
	if (check && ea->how != EA_CONST)
		tr_check_page(t, ea, size);
	if (ea->how == EA_CONST)
		constant_entry(t, ea->value, write);
	else if (ea->how == EA_INDEX)
		entry_of(t, ea->base, ea->scale, ea->disp >> 12, write);
	else
		tr_entry(t, address_register(t, ea), write);
	c = tr_cold(t, write ? EXIT_WRITE : EXIT_READ);
	c->ea = *ea;
	c->array = ea->how == EA_INDEX;
	tr_branch_rcxz(t, c);
	c->back = t->e.p;
	return true;
}

struct emit_mem tr_operand(struct tr *t, const struct ea *ea)
{
	struct emit_mem m = { .base = RCX, .index = R13, .scale = 1 };

	switch (ea->how) {
	case EA_DIRECT:
		m.base = ea->base;
		m.index = RCX;
		m.disp = ea->disp;
		return m;
	case EA_INDEX:
		return (struct emit_mem){ RCX, ea->base, ea->scale, ea->disp };
	case EA_CONST:
		if (ea->value == (u64)(s64)(s32)ea->value)
			return at(RCX, (s32)ea->value);
		emit_const(&t->e, R13, ea->value);
		return m;
	default:
		return m;
	}
}
