/* SPDX-License-Identifier: MIT */
/*
 * IRET at CPL 0 of 64-bit mode, to CPL 0 and with the selectors that CS and SS have at translation:
 * how a kernel serializes, 100,000 times in a boot of Linux. The frame is looked at where it lies.
 * Anything else, other flags than the usual ones, and segments whose descriptors have changed, are
 * for the C routine. SDM vol. 2, IRET (operation); vol. 3A 6.14.
 *
 * From the commit point on all that can come in between is a kick, which single-steps until control
 * has arrived.
 */
#include "backends/swbt/bt/translate.h"
#include "backends/swbt/emulate.h"
#include "backends/swbt/mem.h"
#include "backends/swbt/segment.h"

/* The frame, by words of 8 bytes. */
enum { FRAME_RIP, FRAME_CS, FRAME_RFLAGS, FRAME_RSP, FRAME_SS, FRAME_WORDS };

#define SEG_AT(n, f) \
	at(R15, (s32)(offsetof(struct vcpu, s.seg[0].f) + (n) * sizeof(struct segment)))

/* RCX = where the host has word N of the frame. */
static struct emit_mem frame_word(struct tr *t, unsigned int n)
{
	emit_load(&t->e, W64, RCX, FRAME_AT(target));
	return at(RCX, (s32)n * 8);
}

static void expect_selector(struct tr *t, unsigned int word, u16 selector)
{
	emit_load16(&t->e, RCX, frame_word(t, word));
	tr_expect(t, selector);
}

/* What loading SELECTOR gives, if its descriptor is D. */
static void store_segment(struct tr *t, enum seg seg, u16 selector, u64 d)
{
	struct segment s =
		selector_null(selector) ? segment_null(selector, 0) : segment_from(selector, d);

	emit_store_imm(&t->e, W64, (s32)s.base, SEG_AT(seg, base));
	emit_store_imm(&t->e, W32, (s32)s.limit, SEG_AT(seg, limit));
	emit_store_imm(&t->e, W32, (s32)s.attr, SEG_AT(seg, attr));
	emit_const(&t->e, RCX, selector);
	emit_store16(&t->e, RCX, SEG_AT(seg, selector));
}

/* A descriptor of the GDT that is what it was at translation. */
struct known {
	u16 selector;
	u64 d;
	struct ea ea;
};

static bool is_code64(u64 d)
{
	return (DESC_TYPE(d) & 0x1d) == 0x19 && (d & (DESC_L | DESC_DB)) == DESC_L;
}

static bool find_known(struct tr *t, struct known *k, enum seg seg)
{
	k->selector = t->v->s.seg[seg].selector;
	k->d = 0;
	if (k->selector & 3)
		return false;
	if (seg == SEG_SS && selector_null(k->selector))
		return true;
	return tr_descriptor(t, k->selector, 8, &k->d, &k->ea) && k->d & DESC_P &&
	       !DESC_DPL(k->d) && (k->d >> 16 & 0xffffff) == 0 && !(k->d >> 56) &&
	       (seg == SEG_CS ? is_code64(k->d) : (DESC_TYPE(k->d) & 0x1b) == 0x13);
}

static bool expect_known(struct tr *t, const struct known *k)
{
	if (selector_null(k->selector))
		return true;
	if (!tr_lookup(t, &k->ea, 8, false, false))
		return false;
	emit_load(&t->e, W64, RCX, tr_operand(t, &k->ea));
	tr_expect(t, k->d);
	return true;
}

/* Word N is an address that is canonical. */
static void expect_canonical(struct tr *t, unsigned int n)
{
	emit_load(&t->e, W64, R13, frame_word(t, n));
	tr_canonical(t, R13);
	tr_unless_rcxz(t, tr_call_out(t));
}

static bool find_frame(struct tr *t)
{
	struct ea ea = tr_stack(t, 0, FRAME_WORDS * 8);

	tr_check_page(t, &ea, FRAME_WORDS * 8);
	/* There is no other way to translate it. */
	t->cold[t->nr_cold - 1].crossing = false;
	if (!tr_lookup(t, &ea, FRAME_WORDS * 8, false, false))
		return false;
	emit_lea(&t->e, W64, RCX, tr_operand(t, &ea));
	emit_store(&t->e, W64, RCX, FRAME_AT(target));
	return true;
}

enum gen gen_iret(struct tr *t)
{
	struct known cs, ss;

	if (t->i->opsize != 8 || !(t->key & KEY_FLAGS) || !find_known(t, &cs, SEG_CS) ||
	    !find_known(t, &ss, SEG_SS) || !find_frame(t))
		return GEN_STEP;
	expect_selector(t, FRAME_CS, cs.selector);
	expect_selector(t, FRAME_SS, ss.selector);
	tr_expect_gdt(t);
	if (!expect_known(t, &cs) || !expect_known(t, &ss))
		return GEN_STEP;
	/* It lets NMIs in again. */
	emit_load8(&t->e, RCX, at(R15, (s32)offsetof(struct vcpu, s.ev.nmi_masked)));
	tr_unless_rcxz(t, tr_call_out(t));
	expect_canonical(t, FRAME_RIP);
	expect_canonical(t, FRAME_RSP);
	emit_load(&t->e, W64, R13, frame_word(t, FRAME_RFLAGS));
	tr_check_flags(t);
	tr_commit(t);
	tr_set_if(t);
	tr_set_flags(t);
	store_segment(t, SEG_CS, cs.selector, cs.d);
	store_segment(t, SEG_SS, ss.selector, ss.d);
	tr_trap(t, TRAP_FAR);
	emit_load(&t->e, W64, R13, frame_word(t, FRAME_RIP));
	emit_load(&t->e, W64, RSP, frame_word(t, FRAME_RSP));
	tr_land(t);
	return GEN_END;
}
