/* SPDX-License-Identifier: MIT */
/*
 * --bt-dump: each block as it was translated. Left the guest's code, right what was made of it: its
 * offset in the block, '*' where the instruction commits (bt.h, struct site), and in words where
 * a jump leads and what of the vCPU is accessed. Links that come later are not shown.
 */
#include "backends/swbt/bt/watch.h"

#include "backends/swbt/disasm.h"

#include <inttypes.h>
#include <stddef.h>
#include <string.h>

#define LEFT "%-48s | "
#define TEXT 160

struct dump {
	const struct bt *bt;
	const struct block *b;
	const u8 *code; /* the guest's */
	FILE *f;
	ZydisFormatter formatter;
	ZydisDecodedInstruction z;
	ZydisDecodedOperand op[ZYDIS_MAX_OPERAND_COUNT];
};

static u64 guest_rip(const struct block *b, u16 insn)
{
	return b->rip + b->site[insn].guest;
}

/* ---- what host instructions are about -------------------------------------------------------- */

static const struct exit *exit_at(const struct dump *d, const u8 *host)
{
	const struct exit *x = &d->bt->exits[d->b->first_exit];

	for (u32 n = 0; n < d->b->nr_exits; n++)
		if (exit_stub(&x[n]) == host)
			return &x[n];
	return NULL;
}

static u32 number(const struct dump *d, const struct exit *x)
{
	return (u32)(x - &d->bt->exits[d->b->first_exit]);
}

/* [r15 + rcx * 8 + OFFSET] */
static const char *table_name(s64 offset)
{
	if (offset >= (s64)SPACE_READ)
		return "entry for reading";
	return offset >= (s64)SPACE_TARGETS ? "targets" : "code page";
}

/* The same in GS. */
static const char *far_table_name(s64 offset)
{
	return offset < 0 ? "entry for reading" : "entry for writing";
}

/* [r15 + OFFSET] */
static void name_field(s64 offset, char *text, size_t size)
{
	static const char *const gpr[] = { "rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi",
					   "r8",  "r9",	 "r10", "r11", "r12", "r13", "r14", "r15" };
	const s64 first = offsetof(struct vcpu, s.gpr), frame = offsetof(struct vcpu, frame);

	if (offset >= first && offset < first + 16 * 8)
		snprintf(text, size, "guest's %s", gpr[(offset - first) / 8]);
	else if (offset >= frame && offset < frame + (s64)sizeof(struct bt_frame))
		snprintf(text, size, "frame");
	else if (offset >= 0 && offset < (s64)sizeof(struct vcpu))
		snprintf(text, size, "vCPU");
	else
		snprintf(text, size, "%s", table_name(offset));
}

static void explain(const struct dump *d, const u8 *host, char *text, size_t size)
{
	const ZydisDecodedOperand *op = d->op;
	const struct exit *x;
	const u8 *to;

	*text = '\0';
	if (op[0].type == ZYDIS_OPERAND_TYPE_IMMEDIATE && op[0].imm.is_relative) {
		to = host + d->z.length + op[0].imm.value.s;
		x = exit_at(d, to);
		if (x)
			snprintf(text, size, "exit %u", number(d, x));
		else if (to == d->bt->leave)
			snprintf(text, size, "leave");
		else if (to == d->bt->leave_call)
			snprintf(text, size, "leave, to call it");
		else if (to >= d->bt->across[0] && to < d->bt->across_end)
			snprintf(text, size, "across");
		else if (to < d->b->host || to >= d->b->host + d->b->host_length)
			snprintf(text, size, "elsewhere");
		return;
	}
	for (unsigned int n = 0; n < d->z.operand_count_visible; n++) {
		if (op[n].type != ZYDIS_OPERAND_TYPE_MEMORY || op[n].mem.base != ZYDIS_REGISTER_R15)
			continue;
		if (op[n].mem.segment == ZYDIS_REGISTER_GS)
			snprintf(text, size, "%s", far_table_name(op[n].mem.disp.value));
		else if (op[n].mem.index != ZYDIS_REGISTER_NONE)
			snprintf(text, size, "%s", table_name(op[n].mem.disp.value));
		else
			name_field(op[n].mem.disp.value, text, size);
	}
}

/* ---- lines ----------------------------------------------------------------------------------- */

static void format(struct dump *d, u64 address, char *text, size_t size)
{
	if (!ZYAN_SUCCESS(ZydisFormatterFormatInstruction(&d->formatter, &d->z, d->op,
							  d->z.operand_count_visible, text, size,
							  address, NULL)))
		snprintf(text, size, "?");
}

static void guest_text(struct dump *d, u16 insn, char *text)
{
	const struct site *s = &d->b->site[insn];
	enum cpu_mode mode = bt_mode(d->b->key);
	u64 rip = guest_rip(d->b, insn);
	int len = snprintf(text, TEXT, "%#" PRIx64 "  ", rip);

	if (!disasm(d->code + s->guest, (size_t)(d->b->length - s->guest), mode, false, &d->z, d->op))
		format(d, rip, text + len, TEXT - (size_t)len);
}

/* One host instruction, with LEFT beside it; returns where the next one is. */
static u32 host_line(struct dump *d, const char *left, u32 at, bool commit)
{
	const struct block *b = d->b;
	char text[TEXT], what[64];

	if (disasm(b->host + at, b->host_length - at, MODE_LONG64, false, &d->z, d->op)) {
		fprintf(d->f, LEFT "  %04x  ?\n", left, at);
		return at + 1;
	}
	format(d, at, text, sizeof(text));
	explain(d, b->host + at, what, sizeof(what));
	if (*what)
		fprintf(d->f, LEFT "%c %04x  %-44s ; %s\n", left, commit ? '*' : ' ', at, text,
			what);
	else
		fprintf(d->f, LEFT "%c %04x  %s\n", left, commit ? '*' : ' ', at, text);
	return at + d->z.length;
}

static void insns(struct dump *d)
{
	const struct block *b = d->b;
	char left[TEXT];
	u32 at = 0;

	for (; at < b->site[0].host;)
		at = host_line(d, "", at, false);
	for (u16 n = 0; n < b->nr; n++) {
		guest_text(d, n, left);
		if (at >= b->site[n + 1].host)
			fprintf(d->f, LEFT "\n", left);
		while (at < b->site[n + 1].host) {
			at = host_line(d, left, at, at == b->site[n].commit);
			*left = '\0';
		}
	}
	while (at < b->cold)
		at = host_line(d, "", at, false);
}

static void exit_head(struct dump *d, const struct exit *x)
{
	const struct link *l = exit_link_of(x);
	u64 about = l ? (u64)l->target : guest_rip(d->b, x->insn);

	fprintf(d->f, LEFT "exit %u: %s %#" PRIx64 "%s\n", "", number(d, x),
		exit_names[x->kind].text, about, l && l->site ? ", can be linked" : "");
}

static void exits(struct dump *d)
{
	const struct exit *x;

	for (u32 at = d->b->cold; at < d->b->host_length;) {
		x = exit_at(d, d->b->host + at);
		if (x)
			exit_head(d, x);
		at = host_line(d, "", at, false);
	}
}

void dump_block(const struct bt *bt, const struct block *b, const u8 *code, FILE *f)
{
	struct dump d = { .bt = bt, .b = b, .code = code, .f = f };
	char symbol[TEXT];
	const char *bits;

	ZydisFormatterInit(&d.formatter, ZYDIS_FORMATTER_STYLE_INTEL);
	ZydisFormatterSetProperty(&d.formatter, ZYDIS_FORMATTER_PROP_ADDR_PADDING_ABSOLUTE,
				  ZYDIS_PADDING_DISABLED);
	ZydisFormatterSetProperty(&d.formatter, ZYDIS_FORMATTER_PROP_HEX_UPPERCASE, ZYAN_FALSE);
	bits = b->key & KEY_LONG64 ? "64-bit" : b->key & KEY_CODE16 ? "16-bit" : "32-bit";
	symbols_name(&bt->watch->symbols, b->rip, symbol, sizeof(symbol));
	fprintf(f,
		"block %" PRIu64 ": rip %#" PRIx64 "%s%s, gpa %#" PRIx64
		", %s, %u instructions, %u bytes become %u\n",
		bt->stats.blocks, b->rip, *symbol ? " " : "", symbol, (u64)b->gpa, bits, b->nr,
		b->length, b->host_length);
	insns(&d);
	exits(&d);
	fputc('\n', f);
}
