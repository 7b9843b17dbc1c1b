/* SPDX-License-Identifier: MIT */
/* The dispatcher: find or make the block at RIP, run it, and see why it came back. */
#include "backends/swbt/bt/bt.h"
#include "backends/swbt/bt/reenter.h"
#include "backends/swbt/bt/reports.h"
#include "backends/swbt/bt/tunables.h"
#include "backends/swbt/bt/watch.h"

#include "backends/swbt/fpu.h"
#include "backends/swbt/step.h"
#include "common/traplog.h"

#include <cpuid.h>
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

static const char *missing(void)
{
	u32 a, b, c, d;

	if (!__get_cpuid_count(7, 0, &a, &b, &c, &d) || !(b & bit_BMI2))
		return "BMI2 instructions";
	return NULL;
}

static int init(struct vcpu *v, int vcpu_fd, struct error *err)
{
	struct bt *bt = calloc(1, sizeof(*bt));
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	int r;

	(void)err;
	if (!bt)
		return -ENOMEM;
	bt->v = v;
	v->bt = bt;
	if (v->bt_config.block_insns < 1 || v->bt_config.block_insns > BT_BLOCK_INSNS)
		v->bt_config.block_insns = BT_BLOCK_INSNS;
	if (v->bt_config.cache_size < BT_CACHE_MIN)
		v->bt_config.cache_size = BT_CACHE_MIN;
	r = cache_init(&bt->cache, ALIGN_UP(v->bt_config.cache_size, page));
	if (!r)
		r = blocks_init(bt);
	if (!r)
		r = pagetable_init(&bt->pages, v, vcpu_fd, ALIGN_UP(sizeof(*v), page));
	if (r)
		return r;
	v->frame.mask_arith = RFLAGS_ARITH;
	/* DF among them: it is rare, and frame.may_df would have to know. */
	v->frame.mask_special = ~((RFLAGS_ARITH & ~RFLAGS_DF) | RFLAGS_IF);
	v->frame.mask_if = RFLAGS_IF;
	v->frame.mask_top = ~0ull << 48;
	v->frame.mask_not_zf = ~(RFLAGS_ZF << 8);
	bt_make_stubs(bt);
	v->frame.guesses = BT_GUESSES;
	v->frame.across = BT_ACROSS;
	/* No page is there, so that one that is not entered is not where it is guessed, either. */
	v->frame.guess[0] = 1;
	v->frame.guess[1] = 0 - v->frame.guess[0];
	for (u32 n = 0; n < ARRAY_SIZE(v->frame.place); n++)
		v->frame.place[n] = 1;
	v->frame.less[0] = 0 - v->frame.place[0];
	/* A host may run us with CR0.AM clear. */
	if (!bt_reports_moves())
		v->bt_config.alignment = true;
	bt->reports = bt_reports();
	bt->fast_pext = bt_fast_pext();
	for (u32 n = 0; n < ARRAY_SIZE(v->frame.page_mask); n++)
		v->frame.page_mask[n] = PAGE_MASK & ~(u64)(BIT(n) - 1);
	bt->guard.handle = bt_fault;
	return v->vm->config.count_blocks ? watch_count(bt) : 0;
}

static void fini(struct vcpu *v)
{
	struct bt *bt = bt_of(v);

	if (!bt)
		return;
	watch_free(bt);
	pagetable_fini(&bt->pages);
	blocks_fini(bt);
	cache_fini(&bt->cache);
	free(bt);
	v->bt = NULL;
}

static void flush(struct vcpu *v, bool global_too)
{
	bt_of(v)->remapped++;
	pagetable_flush(&bt_of(v)->pages, global_too);
	/* Nothing is left that another CR3 would make stale. */
	bt_of(v)->pages.cr3 = v->s.cr3;
}

static void flush_page(struct vcpu *v, u64 linear, unsigned int shift)
{
	/* Code that goes on behind the instruction lies in its page, or begins the next one. */
	if (shift > 12 || (linear >> 12) - (bt_linear(v) >> 12) < 2)
		bt_of(v)->remapped++;
	pagetable_flush_page(&bt_of(v)->pages, linear, shift);
}

/* ---- running --------------------------------------------------------------------------------- */

/* Run from where NEXT says; v->frame.exit says why it came back. */
static void enter(struct bt *bt, struct space *s, const struct next *next)
{
	struct vcpu *v = bt->v;

	bt->entered_shadow = next->shadow;
	bt_prepare(bt, next->host, next->key);
	bt->enter(s->base);
	hostfault_guard(NULL);
	/* By way of bt_called, that knows. */
	if (v->frame.exit != CALLED_ID)
		v->host_ac = !!(v->frame.flags & RFLAGS_AC);
	if (unlikely(bt->settle > BT_SETTLE))
		fpu_unalign(v);
	v->s.rflags |= v->frame.flags & RFLAGS_ARITH;
}

/* The instruction at RIP comes behind an STI. */
static void in_shadow(struct vcpu *v)
{
	if (!(v->frame.sti_before & RFLAGS_IF >> 8))
		v->no_interrupts_once = v->s.ev.sti_shadow = true;
}

/* A fault of the host, or a kick. */
static enum after handle_stopped(struct bt *bt)
{
	const struct stopped *st = &bt->stopped;

	bt_go_to(bt->v, st->block, st->insn);
	if (st->trap == KICKED) {
		bt->stats.kicks++;
		if (st->block->site[st->insn].shadow)
			in_shadow(bt->v);
		return AFTER_KICK;
	}
	bt->stats.faults++;
	if (st->trap == AC && !(st->block->key & KEY_ALIGNMENT)) {
		bt->stats.unaligned++;
		if (adapt_unaligned(bt, st->block, st->insn))
			return AFTER_STEP;
		st->block->unaligned = true;
		block_unlink(bt, st->block);
	} else {
		adapt_faulted(bt, st->block, st->insn);
	}
	return AFTER_STEP;
}

/* The target in frame.linear is not known here: a jump or a return is done at once. */
static enum after target_of(struct vcpu *v, const struct exit *x, struct next *next)
{
	/* Calls do not look for code that treats alignment otherwise: there is to be some. */
	next->alignment = next->both = x->pop == BT_PUSHES && exit_block(x)->key & KEY_ALIGNMENT;
	/* In other modes the base of CS is above the address (bt_target). */
	if (x->pop == BT_PUSHES || (exit_block(x)->key & KEY_LONG64 && !canonical(v->frame.linear)))
		return AFTER_STEP;
	set_rsp(v, v->s.gpr[RSP] + x->pop);
	v->s.rip = bt_rip(exit_block(x)->key, v->frame.linear);
	next->returns = x->pop && v->bt_config.return_cache;
	return AFTER_JUMP;
}

static enum after handle_indirect(struct vcpu *v, const struct exit *x, struct next *next)
{
	u64 start = traplog_clock(&v->vm->traps), rip = v->s.rip;
	enum after after = target_of(v, x, next);

	v->vm->traps.c[TRAP_INDIRECT].count++;
	traplog_note(&v->vm->traps, TRAP_INDIRECT, start, rip);
	return after;
}

/* On the way from code that checks alignment to such as does not, after BT_ACROSS of those. If they
 * come thick, the code that is next is found as code that checks from now on, and so is what
 * follows it: a loop that calls a function which checks stays on that side. */
static enum after handle_across(struct bt *bt, struct next *next)
{
	const struct block *b = block_at(bt, (const u8 *)(uintptr_t)bt->v->frame.target);
	u64 now = __builtin_ia32_rdtsc();

	next->alignment =
		bt->v->bt_config.adaptive && now - bt->crossing < BT_ACROSS * BT_ACROSS_CYCLES;
	next->both = next->alignment;
	bt->crossing = now;
	bt->v->frame.across = BT_ACROSS;
	bt->v->s.rip = bt_rip(b->key, b->rip);
	return AFTER_JUMP;
}

static enum after handle_exit(struct bt *bt, struct space *s, struct next *next)
{
	struct vcpu *v = bt->v;
	struct exit *x;

	*next = (struct next){ 0 };
	if (v->frame.exit == STOPPED_ID)
		return handle_stopped(bt);
	if (v->frame.exit == KICKED_ID) {
		if (bt->entered_shadow)
			in_shadow(v);
		return AFTER_KICK;
	}
	if (v->frame.exit == ACROSS_ID)
		return handle_across(bt, next);
	if (v->frame.exit == CALLED_ID) {
		*next = bt->called;
		return bt->called_after;
	}
	x = &bt->exits[v->frame.exit];
	bt->stats.exits[x->kind]++;
	if (x->kind == EXIT_JUMP) {
		v->s.rip = bt_rip(exit_block(x)->key, (u64)exit_link_of(x)->target);
		next->link = x;
		next->alignment = exit_block(x)->key & KEY_ALIGNMENT;
		return AFTER_JUMP;
	}
	if (x->kind == EXIT_LANDED) {
		v->s.rip = bt_rip(exit_block(x)->key, v->frame.linear);
		return AFTER_JUMP;
	}
	bt_go_to(v, exit_block(x), x->insn);
	switch (x->kind) {
	case EXIT_CALL:
		return bt_call_out(bt, s, x, next);
	case EXIT_INDIRECT:
		return handle_indirect(v, x, next);
	case EXIT_STEP:
		if (x->crossing)
			adapt_crossing(bt, exit_block(x), x->insn);
		return AFTER_STEP;
	default:
		return bt_handle_miss(bt, s, x, next);
	}
}

/* The rest of an instruction whose routine went elsewhere or faulted, if that is all there is to
 * do: as AFTER says, or AFTER_RESUME at the place where control is now. */
static enum after go_there(struct bt *bt, struct space **s, struct next *next)
{
	if (bt->single || (next->result != EMU_JUMPED && next->result != EMU_FAULT))
		return AFTER_DONE;
	if (step_finish(bt->v, next->result) >= 0) {
		next->result = EMU_STOP;
		return AFTER_DONE;
	}
	next->result = EMU_JUMPED;
	return bt_jumped(bt, s, next) == AFTER_RESUME ? AFTER_RESUME : AFTER_DONE;
}

/* Translated code was left for C, which has done its part, as AFTER says: on in the space that is
 * returned, or back to the dispatcher. */
static u8 *go_on(struct bt *bt, struct space *s, enum after after, struct next *next)
{
	struct vcpu *v = bt->v;

	if (after == AFTER_DONE)
		after = go_there(bt, &s, next);
	if (likely(after == AFTER_RESUME)) {
		bt->entered_shadow = next->shadow;
		bt_prepare(bt, next->host, next->key);
		return s->base;
	}
	bt->called = *next;
	bt->called_after = after;
	v->frame.exit = CALLED_ID;
	v->frame.flags = 0; /* they are where they belong */
	return NULL;
}

u8 *bt_called(struct bt *bt)
{
	struct vcpu *v = bt->v;
	struct exit *x = &bt->exits[v->frame.exit];
	struct next next = { 0 };
	struct space *s;

	bt_left(bt, x);
	v->s.rflags |= v->frame.flags & RFLAGS_ARITH;
	s = pagetable_space(&bt->pages, v);
	bt->stats.exits[x->kind]++;
	bt_go_to(v, exit_block(x), x->insn);
	if (likely(x->kind == EXIT_CALL || bt_at_device(v, x)))
		return go_on(bt, s, bt_call_out(bt, s, x, &next), &next);
	return go_on(bt, s, bt_handle_miss(bt, s, x, &next), &next);
}

u8 *bt_missed(struct bt *bt)
{
	struct vcpu *v = bt->v;
	struct space *s = pagetable_space(&bt->pages, v);
	struct next next = { 0 };

	v->s.rflags |= v->frame.flags & RFLAGS_ARITH;
	return go_on(bt, s, bt_after_miss(bt, s, &bt->exits[v->frame.exit], &next), &next);
}

/* An instruction in C, or the rest of it; as step_once. */
static int finish(struct bt *bt, enum after after, const struct next *next)
{
	enum account_part before = account_enter(bt->v->account, ACCOUNT_EMULATION);
	int r;

	if (after == AFTER_DONE) {
		r = step_finish(bt->v, next->result);
	} else {
		bt->stats.steps++;
		fpu_unalign(bt->v);
		r = step_once(bt->v);
	}
	account_leave(bt->v->account, before);
	return r;
}

static int dispatch(struct bt *bt)
{
	enum after after = AFTER_KICK;
	struct vcpu *v = bt->v;
	struct next next;
	struct space *s;
	int r;

	for (;;) {
		if (after != AFTER_RESUME) {
			r = step_events(v);
			if (r >= 0)
				return r;
			if (after != AFTER_JUMP)
				next = (struct next){ 0 };
			after = bt_look_up(bt, &s, &next) ? AFTER_RESUME : AFTER_STEP;
		}
		if (after == AFTER_RESUME) {
			enter(bt, s, &next);
			s = pagetable_space(&bt->pages, v);
			after = handle_exit(bt, s, &next);
		}
		if (after == AFTER_STEP || after == AFTER_DONE) {
			r = finish(bt, after, &next);
			if (r >= 0)
				return r;
			if (next.alignment && bt_linear(v) == v->frame.linear)
				after = AFTER_JUMP;
			else
				after = bt_jumped(bt, &s, &next);
		}
	}
}

enum emulate_result bt_execute(struct vcpu *v)
{
	struct next next = { 0 };
	struct bt *bt = bt_of(v);
	enum after after = AFTER_STEP;
	struct space *s;

	bt->single = true;
	if (bt_look_up(bt, &s, &next)) {
		do {
			enter(bt, s, &next);
			s = pagetable_space(&bt->pages, v);
			after = handle_exit(bt, s, &next);
		} while (after == AFTER_RESUME);
	}
	bt->single = false;
	if (after == AFTER_DONE)
		return next.result;
	fpu_unalign(v);
	return after == AFTER_STEP ? step_execute(v) : EMU_JUMPED;
}

static int run(struct vcpu *v)
{
	enum account_part before = account_enter(v->account, ACCOUNT_DISPATCH);
	int r;

	step_begin(v);
	r = dispatch(bt_of(v));
	fpu_put(v);
	account_leave(v->account, before);
	return r;
}

static void counters(const struct vcpu *v, void (*fn)(void *arg, const char *name, u64 value),
		     void *arg)
{
	const struct bt *bt = bt_of(v);
	const struct bt_stats *st = &bt->stats;

	fn(arg, "swbt.bt.blocks", st->blocks);
	fn(arg, "swbt.bt.instructions", st->insns);
	fn(arg, "swbt.bt.guest_bytes", st->guest_bytes);
	fn(arg, "swbt.bt.host_bytes", st->host_bytes);
	fn(arg, "swbt.bt.translate_cycles", st->translate_cycles);
	fn(arg, "swbt.bt.decode_cycles", bt_decode_cycles(st));
	fn(arg, "swbt.bt.emit_cycles", st->translate_cycles - bt_decode_cycles(st));
	fn(arg, "swbt.bt.enters", st->enters);
	fn(arg, "swbt.bt.exits_jump", st->exits[EXIT_JUMP]);
	fn(arg, "swbt.bt.exits_step", st->exits[EXIT_STEP]);
	fn(arg, "swbt.bt.exits_read", st->exits[EXIT_READ]);
	fn(arg, "swbt.bt.exits_write", st->exits[EXIT_WRITE]);
	fn(arg, "swbt.bt.exits_call", st->exits[EXIT_CALL]);
	fn(arg, "swbt.bt.exits_indirect", st->exits[EXIT_INDIRECT]);
	fn(arg, "swbt.bt.calls_resumed", st->resumed);
	fn(arg, "swbt.bt.target_hits", st->hits);
	fn(arg, "swbt.bt.steps", st->steps);
	fn(arg, "swbt.bt.faults", st->faults);
	fn(arg, "swbt.bt.kicks", st->kicks);
	fn(arg, "swbt.bt.unaligned", st->unaligned);
	fn(arg, "swbt.bt.foreseen", st->foreseen);
	fn(arg, "swbt.bt.unaligned_c", hostfault_unaligned);
	fn(arg, "swbt.bt.adapted", st->adapted);
	fn(arg, "swbt.bt.adapted_back", st->adapted_back);
	fn(arg, "swbt.bt.links", st->links);
	fn(arg, "swbt.bt.fills", bt->pages.fills);
	fn(arg, "swbt.bt.flushes", bt->pages.flushes);
	fn(arg, "swbt.bt.cache_flushes", st->cache_flushes);
	fn(arg, "swbt.bt.evictions", st->evictions);
	fn(arg, "swbt.bt.evicted_blocks", st->evicted_blocks);
	fn(arg, "swbt.bt.evicted_bytes", st->evicted_bytes);
	fn(arg, "swbt.bt.invalidations", st->invalidations);
	expansion_counters(bt_of(v), fn, arg);
}

const struct engine bt_engine = {
	.name = "bt",
	.parts = ACCOUNT_COMMON | BIT(ACCOUNT_TRANSLATED) | BIT(ACCOUNT_TRANSLATION) |
		 BIT(ACCOUNT_DISPATCH) | BIT(ACCOUNT_FILL) | BIT(ACCOUNT_EMULATION),
	.missing = missing,
	.init = init,
	.fini = fini,
	.run = run,
	.kick = bt_kick,
	.flush = flush,
	.flush_page = flush_page,
	.code_written = bt_code_written,
	.counters = counters,
	.open_records = watch_open,
	.close_records = watch_close,
};
