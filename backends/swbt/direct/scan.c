/* SPDX-License-Identifier: MIT */
#include "backends/swbt/direct/scan.h"
#include "backends/swbt/emulate.h"
#include "backends/swbt/sensitive.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

const char *const scan_why_names[NR_SCAN_WHY] = {
	[SCAN_OPEN] = "open",	     [SCAN_SENSITIVE] = "sensitive", [SCAN_UNDEFINED] = "undefined",
	[SCAN_FPU] = "fpu",	     [SCAN_PAGE_END] = "page-end",   [SCAN_INSIDE] = "inside",
	[SCAN_READS] = "reads-code",
};

/* ---- bytes ----------------------------------------------------------------------------------- */

static void set_bit(u64 *bits, u32 at)
{
	bits[at / 64] |= BIT64(at % 64);
}

/* The lowest, which is taken out; -1: there is none. */
static int take_bit(u64 *bits)
{
	for (u32 n = 0; n < PAGE_SIZE / 64; n++)
		if (bits[n]) {
			u32 bit = (u32)__builtin_ctzll(bits[n]);

			bits[n] &= bits[n] - 1;
			return (int)(n * 64 + bit);
		}
	return -1;
}

static u32 first_before(u32 at)
{
	return at < INSN_MAX - 1 ? 0 : at - (INSN_MAX - 1);
}

static u32 rest(u32 at)
{
	return PAGE_SIZE - at < INSN_MAX ? PAGE_SIZE - at : INSN_MAX;
}

/* Is the byte at AT one of an open instruction's? */
static bool is_shown(const struct scan *s, u32 at)
{
	for (u32 n = first_before(at); n <= at; n++)
		if (scan_is_open(s, n) && n + scan_length(s, n) > at)
			return true;
	return false;
}

/* Bytes FROM to TO of the copy change: so does what began before them and reached so far. */
static void unsettle(struct scan *s, u32 from, u32 to)
{
	for (u32 n = first_before(from); n < from; n++)
		if (n + s->reach[n] > from)
			set_bit(s->unsettled, n);
	for (u32 n = from; n < to; n++)
		set_bit(s->unsettled, n);
}

static void show(struct scan *s, u32 from, u32 to)
{
	for (u32 n = from; n < to; n++)
		s->copy[n] = s->code[n];
	unsettle(s, from, to);
}

static void hide(struct scan *s, u32 from, u32 to)
{
	for (u32 n = from; n < to; n++)
		if (!is_shown(s, n))
			s->copy[n] = SCAN_HLT;
	unsettle(s, from, to);
}

/* ---- instructions ---------------------------------------------------------------------------- */

/* Why I may not run natively, wherever it is. */
static enum scan_why forbids(const struct scan *s, const struct insn *i)
{
	if (i->fpu && s->fpu >> i->fpu & 1)
		return SCAN_FPU;
	if (sensitive_runs_natively(i))
		return SCAN_OPEN;
	return i->class == INSN_UNDEFINED || !i->sensitive ? SCAN_UNDEFINED : SCAN_SENSITIVE;
}

static u64 wrap(const struct scan *s, u64 linear)
{
	return s->mode == MODE_LONG64 ? linear : (u32)linear;
}

/* Where the operand of I is, if that stands in the instruction: relative to RIP, absolute, or the
 * array that a register is an index into. */
static bool reads_at(const struct scan *s, u32 at, const struct insn *i, u64 *linear)
{
	if (!i->has_mem || !i->mem_read || i->mem_write || !(s->flat & BIT(i->mem_seg)))
		return false;
	*linear = (u64)i->mem_disp;
	if (i->mem_base == REG_PC)
		*linear += s->linear + at + i->length;
	else if (i->disp_len < 4)
		return false;
	*linear = wrap(s, i->addrsize == 8 ? *linear : (u32)*linear);
	return true;
}

static enum scan_why judge(const struct scan *s, u32 at, const struct insn *i)
{
	const struct scan_client *c = s->client;
	enum scan_why why = forbids(s, i);
	u64 linear;

	if (!why && c && c->reads && reads_at(s, at, i, &linear) &&
	    !c->reads(c->arg, s, at, i, linear))
		return SCAN_READS;
	return why;
}

static void tell_closed(const struct scan *s, u32 at, u32 inner)
{
	if (s->client && s->client->closed)
		s->client->closed(s->client->arg, s, at, inner);
}

static void close_for(struct scan *s, u32 at, enum scan_why why, u32 inner)
{
	u32 length = scan_length(s, at);

	s->known[at] = (u8)(length | why << 4);
	hide(s, at, at + length);
	tell_closed(s, at, inner);
}

/* ---- along the control flow ------------------------------------------------------------------ */

enum flow { FLOW_ON, FLOW_BOTH, FLOW_TARGET, FLOW_END };

/* Where control goes from I: on behind it (which a called function comes back to), to its target.
 */
static enum flow flow_of(const struct insn *i)
{
	/* Not where IP is cut to 16 bits in wider code. */
	bool direct = i->op[0].type == OPERAND_IMM && (i->opsize > 2 || i->mode == MODE_PROT16);

	if (i->class == INSN_UNDEFINED)
		return FLOW_END;
	if (i->class != INSN_EMULATE)
		return FLOW_ON;
	switch (i->emulate) {
	case EMU_jmp:
		return direct ? FLOW_TARGET : FLOW_END;
	case EMU_jcc:
	case EMU_jcxz:
	case EMU_loop:
	case EMU_call:
		return direct ? FLOW_BOTH : FLOW_ON;
	case EMU_jmp_far:
	case EMU_ret:
	case EMU_ret_far:
	case EMU_iret:
	case EMU_sysret:
	case EMU_sysexit:
		return FLOW_END;
	default:
		return FLOW_ON;
	}
}

static void follow(struct scan *s, u32 at, const struct insn *i)
{
	enum flow flow = flow_of(i);
	u64 target = wrap(s, s->linear + at + i->length + i->op[0].imm);
	u32 next = at + i->length;

	if ((flow == FLOW_ON || flow == FLOW_BOTH) && next < PAGE_SIZE)
		set_bit(s->todo, next);
	if ((flow == FLOW_TARGET || flow == FLOW_BOTH) && target >> 12 == s->linear >> 12)
		set_bit(s->todo, target & PAGE_MASK);
}

/* Look at what is at AT. */
static void learn(struct scan *s, u32 at)
{
	struct insn i;
	enum scan_why why;
	int r = decode(&i, s->code + at, rest(at), s->mode);

	s->nr++;
	if (r) {
		/* Any of the bytes may be what makes it so. */
		why = r == -ENODATA ? SCAN_PAGE_END : SCAN_UNDEFINED;
		s->known[at] = (u8)(rest(at) | why << 4);
		set_bit(s->unsettled, at);
		tell_closed(s, at, at);
		return;
	}
	why = judge(s, at, &i);
	s->known[at] = (u8)(i.length | why << 4);
	if (why) {
		set_bit(s->unsettled, at);
		tell_closed(s, at, at);
	} else {
		show(s, at, at + i.length);
		s->reach[at] = i.length;
	}
	follow(s, at, &i);
}

/* ---- what else begins in the copy ------------------------------------------------------------ */

/* Would what begins at AT in the copy, in the middle of something open, fail silently? What is
 * known and closed has to trap in any case. */
static bool is_harmful(struct scan *s, u32 at)
{
	struct insn i;
	int r;

	if (s->known[at] || s->inside == INSIDE_ANYTHING)
		return s->known[at] && !scan_is_open(s, at);
	r = decode(&i, s->copy + at, rest(at), s->mode);
	s->reach[at] = r ? (u8)rest(at) : i.length;
	if (r)
		return r == -ENODATA;
	if (s->inside == INSIDE_FAR_TRANSFERS && sensitive_transfers_far(&i))
		return false;
	return forbids(s, &i) && !sensitive_enters_host(&i);
}

static void close_around(struct scan *s, u32 at)
{
	for (u32 n = first_before(at); n < at; n++)
		if (scan_is_open(s, n) && n + scan_length(s, n) > at)
			close_for(s, n, SCAN_INSIDE, at);
}

static void settle(struct scan *s)
{
	int at;

	while ((at = take_bit(s->unsettled)) >= 0)
		if (s->copy[at] != SCAN_HLT && is_harmful(s, (u32)at))
			close_around(s, (u32)at);
}

/* ---- the calls ------------------------------------------------------------------------------- */

void scan_init(struct scan *s)
{
	memset(s->known, 0, sizeof(s->known));
	memset(s->reach, INSN_MAX, sizeof(s->reach));
	memset(s->todo, 0, sizeof(s->todo));
	memset(s->unsettled, 0, sizeof(s->unsettled));
	memset(s->copy, SCAN_HLT, PAGE_SIZE);
	s->nr = 0;
}

void scan_from(struct scan *s, u32 at)
{
	int next = (int)at;

	do {
		if (!s->known[next])
			learn(s, (u32)next);
	} while ((next = take_bit(s->todo)) >= 0);
	settle(s);
}

u32 scan_void(struct scan *s, u32 from, u32 len)
{
	u32 voided = 0;

	for (u32 n = first_before(from); n < from + len; n++) {
		u32 length = scan_length(s, n);

		if (!length || n + length <= from)
			continue;
		s->known[n] = 0;
		hide(s, n, n + length);
		voided++;
	}
	settle(s);
	return voided;
}

void scan_close(struct scan *s, u32 at, enum scan_why why)
{
	close_for(s, at, why, at);
	settle(s);
}

static const char *note_of(const struct scan *s, u32 at)
{
	const struct sensitive_row *row;
	struct insn i;

	if (decode(&i, s->code + at, rest(at), s->mode))
		return "is no instruction";
	row = sensitive_row(&i);
	if (forbids(s, &i) == SCAN_FPU)
		return "#NM or #UD, as the guest has set CR0, CR4 and XCR0";
	return row ? row->note : "a feature that the guest is not shown";
}

void scan_note(const struct scan *s, u32 at, u32 inner, char *text, size_t size)
{
	char instruction[96];
	struct insn i;

	switch (scan_why(s, at)) {
	case SCAN_PAGE_END:
		snprintf(text, size, "goes on in another page");
		return;
	case SCAN_READS:
		snprintf(text, size, "reads a page of code");
		return;
	case SCAN_INSIDE:
		if (decode(&i, s->code + inner, rest(inner), s->mode)) {
			snprintf(text, size, "from byte %u on it goes on in another page",
				 inner - at);
			return;
		}
		insn_format(&i, s->linear + inner, instruction, sizeof(instruction));
		snprintf(text, size, "from byte %u on it is %s: %s", inner - at, instruction,
			 note_of(s, inner));
		return;
	default:
		snprintf(text, size, "%s", note_of(s, at));
		return;
	}
}
