/* SPDX-License-Identifier: MIT */
/*
 * What a loop accesses in several rounds. Registers move by constants, so all addresses are
 * expressed by registers where the rounds begin: a register plus an offset, or the low 32 bits of
 * that where the program counts in 32 bits, which must not wrap around in these rounds.
 */
#include "backends/swbt/bt/translate_rounds.h"
#include "backends/swbt/emulate.h"
#include "backends/swbt/rewrite.h"

/* Offsets within a round that are believed. */
#define FARTHEST (1 << 20)

/* ---- values ---------------------------------------------------------------------------------- */

static bool sum(struct sym *to, const struct sym *from, s64 by, u8 size)
{
	struct sym r = *from;

	if (size == 4) {
		by = (s32)by;
		r.kind = from->kind == SYM_FULL ? SYM_LOW : from->kind;
	} else if (size != 8 || (from->kind == SYM_LOW && by)) {
		return false;
	}
	r.off += by;
	if (r.kind == SYM_UNKNOWN || r.off > FARTHEST || r.off < -FARTHEST)
		return false;
	*to = r;
	return true;
}

/* TO becomes the result of I, which writes a general register. False: it is not known. */
static bool result_of(const struct insn *i, const struct sym *sym, struct sym *to)
{
	const u8 opcode = i->raw[i->opcode_at], group = i->raw[i->modrm_at] >> 3 & 7;
	const struct operand *dst = &i->op[0], *src = &i->op[1];

	if (i->encoding != ENC_LEGACY || i->rep || i->repne ||
	    (i->opcode_at && i->raw[i->opcode_at - 1] == 0x0f))
		return false;
	switch (opcode) {
	case 0x8d: /* LEA */
		return i->addrsize == 8 && i->mem_base < NR_GPR && i->mem_index == REG_NONE &&
		       sum(to, &sym[i->mem_base], i->mem_disp, dst->size);
	case 0x89: /* MOV */
	case 0x8b:
		return !i->has_mem && src->type == OPERAND_GPR &&
		       sum(to, &sym[src->reg], 0, dst->size);
	case 0x81: /* ADD, SUB */
	case 0x83:
		return !i->has_mem && (group == 0 || group == 5) &&
		       sum(to, &sym[dst->reg], group ? -(s64)src->imm : (s64)src->imm, dst->size);
	case 0x05:
	case 0x2d:
		return sum(to, &sym[RAX], opcode == 0x2d ? -(s64)src->imm : (s64)src->imm,
			   dst->size);
	case 0xff: /* INC, DEC */
		return !i->has_mem && group < 2 &&
		       sum(to, &sym[dst->reg], group ? -1 : 1, dst->size);
	default:
		return false;
	}
}

static void execute(const struct insn *i, struct sym *sym)
{
	struct sym r = { 0 };
	bool known = i->op[0].type == OPERAND_GPR && i->op[0].written && !i->op[0].high &&
		     i->gpr_written == BIT(i->op[0].reg) && result_of(i, sym, &r);

	for (u32 rest = i->gpr_written; rest; rest &= rest - 1)
		sym[__builtin_ctz(rest)].kind = SYM_UNKNOWN;
	if (known)
		sym[i->op[0].reg] = r;
}

/*
 * Registers where a round begins, of which at least one has come before: each itself, of which the
 * upper half may be known to be 0, or what the end of a round says that it is in terms of another.
 */
static void begin(const struct insn *body, u8 nr, struct sym *sym)
{
	struct sym end[NR_GPR];

	for (u8 n = 0; n < NR_GPR; n++)
		sym[n] = end[n] = (struct sym){ SYM_FULL, n, 0 };
	for (u8 n = 0; n < nr; n++)
		execute(&body[n], end);
	for (u8 n = 0; n < NR_GPR; n++) {
		const struct sym *is = &end[n], *of = &end[is->reg];

		if (is->kind == SYM_LOW && is->reg == n)
			sym[n].kind = SYM_LOW;
		if (is->kind == SYM_UNKNOWN || of->kind == SYM_UNKNOWN || is->reg == n ||
		    of->reg != is->reg || (of->kind == SYM_LOW && is->kind == SYM_FULL))
			continue;
		sym[n] = (struct sym){ is->kind, is->reg, is->off - of->off };
	}
}

/* ---- which accesses there are ---------------------------------------------------------------- */

bool sym_same(const struct sym *a, const struct sym *b)
{
	return a->kind == b->kind && (a->kind == SYM_ABSENT || a->reg == b->reg);
}

/* S, a part of an address, is going to be used. */
static bool use(struct rounds *p, const struct sym *s, bool fixed)
{
	u8 n = 0;

	if (s->kind == SYM_ABSENT)
		return true;
	if (s->kind == SYM_UNKNOWN || (displaced(s->reg) && !fixed))
		return false;
	if (s->kind == SYM_FULL)
		return true;
	while (n < p->nr_lows && p->low[n].reg != s->reg)
		n++;
	if (n == ARRAY_SIZE(p->low))
		return false;
	if (n == p->nr_lows)
		p->low[p->nr_lows++] = (struct low){ s->reg, (s32)s->off, (s32)s->off };
	if (s->off < p->low[n].from)
		p->low[n].from = (s32)s->off;
	if (s->off > p->low[n].to)
		p->low[n].to = (s32)s->off;
	return true;
}

/* The stream that A belongs to, maybe a new one, or -1. */
static int stream_for(struct rounds *p, const struct stream *a)
{
	for (u8 n = 0; n < p->nr_streams; n++) {
		struct stream *s = &p->stream[n];
		s64 from = a->from < s->from ? a->from : s->from,
		    to = a->to > s->to ? a->to : s->to;

		if (!sym_same(&s->base, &a->base) || !sym_same(&s->index, &a->index) ||
		    s->scale != a->scale || s->base_fixed != a->base_fixed ||
		    s->index_fixed != a->index_fixed || to - from > BT_ROUNDS_BYTES)
			continue;
		s->from = from;
		s->to = to;
		s->write |= a->write;
		return n;
	}
	if (p->nr_streams == ARRAY_SIZE(p->stream))
		return -1;
	p->stream[p->nr_streams] = *a;
	return p->nr_streams++;
}

/* The operand of I, behind which RIP is NEXT, with SYM in registers. */
static bool describe(const struct rounds *p, const struct insn *i, const struct sym *sym, u64 next,
		     struct stream *a)
{
	const struct sym absent = { .kind = SYM_ABSENT };
	bool counts = i->mem_base == REG_PC;

	*a = (struct stream){ .base = absent, .index = absent, .scale = 1, .from = i->mem_disp };
	a->write = i->mem_write;
	if (counts)
		a->from += (s64)next;
	else if (i->mem_base != REG_NONE)
		a->base = sym[i->mem_base];
	if (i->mem_index != REG_NONE) {
		a->index = sym[i->mem_index];
		a->scale = i->mem_scale;
	}
	a->base_fixed = a->base.kind != SYM_ABSENT && !(p->written & BIT(i->mem_base));
	a->index_fixed = a->index.kind != SYM_ABSENT && !(p->written & BIT(i->mem_index));
	a->from += a->base.off + a->index.off * a->scale;
	a->to = a->from + i->mem_size;
	if ((displaced(i->mem_base) && !a->base_fixed) ||
	    (displaced(i->mem_index) && !a->index_fixed))
		return false;
	/* No instruction has three registers. */
	if (a->base.kind != SYM_ABSENT && a->index.kind != SYM_ABSENT && !a->base_fixed &&
	    !a->index_fixed)
		return false;
	return a->from > INT32_MIN / 2 && a->to < INT32_MAX / 2;
}

/* A plan for P->nr rounds of BODY, where registers are FIRST at the beginning. */
static bool make_plan(const struct tr *t, struct rounds *p, const struct insn *body,
		      const struct sym *first)
{
	struct sym sym[NR_GPR];
	unsigned int accesses = 0;

	p->nr_streams = p->nr_lows = 0;
	for (u8 n = 0; n < NR_GPR; n++)
		sym[n] = first[n];
	for (u8 round = 0; round < p->nr; round++) {
		u64 next = t->b->rip;

		for (u8 n = 0; n < p->insns; n++) {
			const struct insn *i = &body[n];
			struct stream a;
			int s;

			next += i->length;
			if (i->has_mem && !i->mem_address_only) {
				if (!describe(p, i, sym, next, &a) ||
				    !use(p, &a.base, a.base_fixed) ||
				    !use(p, &a.index, a.index_fixed))
					return false;
				s = stream_for(p, &a);
				if (s < 0)
					return false;
				p->stream_of[round][n] = (u8)s;
				accesses++;
			}
			execute(i, sym);
		}
	}
	p->accesses = (u16)accesses;
	return true;
}

/* ---- what a body may consist of -------------------------------------------------------------- */

static bool may_be_inside(const struct tr *t, const struct insn *i)
{
	if (i->class == INSN_EMULATE)
		return i->emulate == EMU_jcc;
	if (i->class != INSN_PLAIN || !tr_spares_rcx(t, i) || i->flags_written == RFLAGS_DF)
		return false;
	if (!i->has_mem)
		return true;
	if (i->addrsize != 8)
		return false;
	if (i->mem_address_only)
		return i->opsize != 2 && !displaced(i->mem_base) && !displaced(i->mem_index);
	return i->mem_size && i->mem_size <= 64 && !i->mem_vsib && i->mem_seg < SEG_FS &&
	       !tr_exchanges(i);
}

/* The instructions from the block's beginning to T->next. False: not such a loop. */
static bool read_body(struct tr *t, struct rounds *p, struct insn *body)
{
	u64 at = t->b->rip;

	p->insns = (u8)(t->n + 1);
	p->written = 0;
	for (u8 n = 0; n < p->insns; n++, at += body[n - 1].length) {
		struct insn *i = &body[n];

		if (adapt_how(t->bt, at, t->b->gpa + (at - t->b->rip)) ||
		    tr_decode(t, i, t->page + (at & PAGE_MASK), PAGE_SIZE - (at & PAGE_MASK)) ||
		    (n < t->n && !may_be_inside(t, i)))
			return false;
		p->written |= i->gpr_written;
	}
	return at == t->next;
}

bool tr_loops_back(const struct tr *t)
{
	const struct insn *i = t->i;

	return i->class == INSN_EMULATE && (i->emulate == EMU_jcc || i->emulate == EMU_jmp) &&
	       i->op[0].type == OPERAND_IMM && t->long64 && i->opsize == 8 &&
	       t->next + i->op[0].imm == t->b->rip && t->n && t->n < BT_ROUNDS_INSNS;
}

static bool possible(const struct tr *t)
{
	/* Executions are counted where blocks begin. */
	return t->v->bt_config.elide && t->v->bt_config.chain && t->bt->fast_pext && !t->b->gpa2 &&
	       !t->shadow && !t->run.nr && !watch_counts(t->bt);
}

/* As many rounds as there is room for, or fewer, if those take fewer streams. */
bool tr_plan_rounds(struct tr *t, struct rounds *p)
{
	const u32 most = BT_MOST_SITES(t->v->bt_config.block_insns);
	struct insn body[BT_ROUNDS_INSNS];
	struct sym first[NR_GPR];
	u8 least;

	if (!possible(t) || !read_body(t, p, body))
		return false;
	begin(body, p->insns, first);
	p->nr = BT_ROUNDS_LEAST;
	if (!make_plan(t, p, body, first))
		return false;
	least = p->nr_streams;
	p->nr = (u8)(most / p->insns > BT_ROUNDS ? BT_ROUNDS : most / p->insns - 1);
	while (p->nr >= BT_ROUNDS_LEAST && (!make_plan(t, p, body, first) || p->nr_streams > least))
		p->nr--;
	/* A stream is looked up by some 12 instructions, an access by four. */
	return p->nr >= BT_ROUNDS_LEAST && p->accesses > 3u * p->nr_streams;
}
