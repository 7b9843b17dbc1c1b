/* SPDX-License-Identifier: MIT */
/*
 * Call-outs: instructions that a C routine does, without a way through the dispatcher. The block
 * goes on behind such an instruction; translated code is entered again there as long as nothing
 * has changed that its being there, or being right, rests on.
 */
#include "backends/swbt/bt/bt.h"

#include "backends/swbt/fpu.h"
#include "backends/swbt/step.h"

/* Is there an interrupt to take, or nothing to run at all? */
static bool event_due(const struct vcpu *v)
{
	const struct vm *vm = v->vm;

	return (vm->pc.intr && v->s.rflags & RFLAGS_IF) || (vm->nmi && !v->s.ev.nmi_masked) ||
	       v->s.ev.halted;
}

/* What the block before the call rests on. */
struct before {
	u64 generation, remapped;
};

static struct before note(const struct bt *bt)
{
	return (struct before){ bt->generation, bt->remapped };
}

/* Routines that change registers and memory only: nothing that a key or a space is made of. */
static const bool quiet[NR_EMULATE] = {
	[EMU_in] = true,     [EMU_out] = true,	  [EMU_ins] = true,	   [EMU_outs] = true,
	[EMU_cpuid] = true,  [EMU_rdtsc] = true,  [EMU_rdtscp] = true,	   [EMU_rdmsr] = true,
	[EMU_sgdt] = true,   [EMU_sidt] = true,	  [EMU_sldt] = true,	   [EMU_str] = true,
	[EMU_smsw] = true,   [EMU_lar] = true,	  [EMU_lsl] = true,	   [EMU_verr] = true,
	[EMU_verw] = true,   [EMU_lgdt] = true,	  [EMU_lidt] = true,	   [EMU_ltr] = true,
	[EMU_lldt] = true,   [EMU_xgetbv] = true, [EMU_movs] = true,	   [EMU_stos] = true,
	[EMU_lods] = true,   [EMU_scas] = true,	  [EMU_cmps] = true,	   [EMU_xlat] = true,
	[EMU_fxsave] = true, [EMU_xsave] = true,  [EMU_bit_string] = true, [EMU_swapgs] = true,
};

/* A plain one could still make RSP what translated code cannot have. */
static bool keeps_key(const struct insn *i)
{
	if (i->class == INSN_PLAIN)
		return !(i->gpr_written & BIT(RSP));
	return i->class == INSN_EMULATE && quiet[i->emulate];
}

static bool may_go_on(struct bt *bt, const struct space *s, const struct before *b, bool is_quiet)
{
	struct vcpu *v = bt->v;

	if (bt->generation != b->generation || bt->remapped != b->remapped || event_due(v))
		return false;
	if (is_quiet)
		return true;
	return bt_possible(v) && bt->pages.cr3 == v->s.cr3 && pagetable_space(&bt->pages, v) == s &&
	       bt_key(bt) == s->mode;
}

/* As step_execute does it, short of moving RIP: TF and debug registers are off here. */
static enum emulate_result execute(struct vcpu *v, const struct insn *i)
{
	v->tf_pending = false;
	v->instructions++;
	if (unlikely(i->class == INSN_UNDEFINED)) {
		raise_exc(v, UD);
		return EMU_FAULT;
	}
	if (i->fpu != FPU_NONE && fpu_check(v, i))
		return EMU_FAULT;
	return i->class == INSN_PLAIN ? step_plain(v, i) : step_routine(v, i);
}

/* Both pages of an operand, so that the code for it can do without us. */
static void enter_pages(struct bt *bt, struct space *s, u32 size, bool write)
{
	u32 access = write ? ACC_WRITE : ACC_READ;
	struct vcpu *v = bt->v;
	u64 linear = v->frame.linear, last = linear + size - 1;

	if (v->mode != MODE_LONG64)
		last = (u32)last;
	if (!pagetable_fill(&bt->pages, s, v, linear, access))
		pagetable_fill(&bt->pages, s, v, last, access);
}

/* The routine called for X has run; what X points to may no longer be there. */
static void note_unaligned(struct bt *bt, struct exit *x, const struct before *b)
{
	if (likely(hostfault_unaligned == bt->unaligned_seen))
		return;
	bt->unaligned_seen = hostfault_unaligned;
	if (bt->generation == b->generation)
		x->settle = true;
}

enum after bt_call_out(struct bt *bt, struct space *s, struct exit *x, struct next *next)
{
	const struct before before = note(bt);
	const struct block *b = x->from;
	const u8 *behind = b->host + b->site[x->insn + 1].host;
	const struct insn *i = x->call;
	struct vcpu *v = bt->v;
	bool is_quiet = keeps_key(i);
	u8 length = i->length;
	bool adapted = x->adapted, crossing = x->crossing, write = i->mem_write;
	u32 size = i->mem_size;
	u64 key = b->key;

	if (unlikely(x->settle))
		fpu_unalign(v);
	next->result = execute(v, i);
	note_unaligned(bt, x, &before);
	if (likely(next->result == EMU_NEXT || next->result == EMU_HALT))
		v->s.rip = (v->s.rip + length) & v->ip_mask;
	/* Nothing was translated if nothing went. */
	if (unlikely(adapted) && bt->generation == before.generation)
		adapt_called(bt, x->from, x->insn, next->result == EMU_FAULT);
	if (next->result != EMU_NEXT || !may_go_on(bt, s, &before, is_quiet)) {
		if (next->result == EMU_NEXT)
			next->result = EMU_JUMPED;
		return AFTER_DONE;
	}
	if (unlikely(crossing)) {
		enter_pages(bt, s, size, write);
		if (bt->generation != before.generation)
			return AFTER_KICK;
	}
	bt->stats.resumed++;
	next->shadow = false;
	next->host = behind;
	next->key = key;
	return AFTER_RESUME;
}

/* At CPL 0, IN and OUT cannot fault, and with RAX and RDX they have all they work on. */
void bt_port(struct bt *bt)
{
	struct exit *x = &bt->exits[bt->v->frame.exit];
	const struct before before = note(bt);
	const struct block *b = x->from;
	const u8 *behind = b->host + b->site[x->insn + 1].host;
	struct vcpu *v = bt->v;
	u8 length = x->call->length;

	v->s.rip = bt_rip(b->key, b->rip + b->site[x->insn].guest);
	v->host_ac = true; /* if it is */
	v->instructions++;
	bt->stats.exits[EXIT_CALL]++;
	if (unlikely(x->settle))
		fpu_unalign(v);
	step_routine(v, x->call);
	note_unaligned(bt, x, &before);
	v->host_ac = true;
	v->s.rip = (v->s.rip + length) & v->ip_mask;
	bt->entered_shadow = false;
	bt->stats.resumed++;
	if (unlikely(!may_go_on(bt, NULL, &before, true)))
		behind = bt->leave_kicked;
	bt_reenter(bt, behind);
}

enum after bt_jumped(struct bt *bt, struct space **s, struct next *next)
{
	const struct bt_config *config = &bt->v->bt_config;
	const struct vcpu *v = bt->v;

	if (!config->chain || config->flush_always || event_due(v) || !bt_possible(v))
		return AFTER_KICK;
	*s = bt_space(bt, &next->key);
	next->host = targets_find(&(*s)->targets[bt_targets(next->key, false)], bt_linear(v));
	if (!next->host)
		return AFTER_KICK;
	bt->stats.hits++;
	return AFTER_RESUME;
}
