/* SPDX-License-Identifier: MIT */
/* A block: instructions one after the other up to the first that goes elsewhere for certain, then
 * what is off the straight way. */
#include "backends/swbt/bt/translate_rounds.h"

#include "backends/swbt/emulate.h"
#include "backends/swbt/fpu.h"
#include "common/traplog.h"

#include <errno.h>

typedef enum gen gen_fn(struct tr *t);

/* What is not here is done by calling its C routine. */
static gen_fn *const routines[NR_EMULATE] = {
	[EMU_jmp] = gen_flow,	 [EMU_jcc] = gen_flow,	  [EMU_call] = gen_flow,
	[EMU_ret] = gen_flow,	 [EMU_jcxz] = gen_flow,	  [EMU_loop] = gen_flow,
	[EMU_push] = gen_stack,	 [EMU_pop] = gen_stack,	  [EMU_leave] = gen_stack,
	[EMU_stos] = gen_string, [EMU_movs] = gen_string, [EMU_bit_string] = gen_string,
};

/* Sensitive ones. */
static gen_fn *const system_routines[NR_EMULATE] = {
	[EMU_rdtsc] = gen_system,     [EMU_rdtscp] = gen_system,       [EMU_rdpid] = gen_system,
	[EMU_swapgs] = gen_system,    [EMU_fsgsbase] = gen_system,     [EMU_mov_cr] = gen_system,
	[EMU_mov_dr] = gen_system,    [EMU_smsw] = gen_system,	       [EMU_sldt] = gen_system,
	[EMU_str] = gen_system,	      [EMU_mov_from_seg] = gen_system, [EMU_sgdt] = gen_table,
	[EMU_sidt] = gen_table,	      [EMU_lgdt] = gen_table,	       [EMU_lidt] = gen_table,
	[EMU_cpuid] = gen_predicted,  [EMU_lar] = gen_predicted,       [EMU_lsl] = gen_predicted,
	[EMU_verr] = gen_predicted,   [EMU_verw] = gen_predicted,      [EMU_ltr] = gen_predicted,
	[EMU_rdmsr] = gen_predicted,  [EMU_wrmsr] = gen_predicted,     [EMU_cli] = gen_flags,
	[EMU_syscall] = gen_syscalls, [EMU_sysret] = gen_syscalls,     [EMU_stac] = gen_smap,
	[EMU_clac] = gen_smap,	      [EMU_sti] = gen_flags,	       [EMU_pushf] = gen_flags,
	[EMU_popf] = gen_flags,	      [EMU_mov_to_seg] = gen_segment,  [EMU_push_seg] = gen_segment,
	[EMU_pop_seg] = gen_segment,  [EMU_iret] = gen_iret,
};

/* Those of them that mean the same in 16-bit code and in segments that are not flat. */
static const bool in_segments[NR_EMULATE] = {
	[EMU_rdtsc] = true,	   [EMU_rdtscp] = true,	 [EMU_mov_cr] = true,
	[EMU_mov_from_seg] = true, [EMU_cli] = true,	 [EMU_sti] = true,
	[EMU_pushf] = true,	   [EMU_popf] = true,	 [EMU_mov_to_seg] = true,
	[EMU_push_seg] = true,	   [EMU_pop_seg] = true,
};

/* The decoder's library is compiled like any other. */
int tr_decode(struct tr *t, struct insn *i, const u8 *bytes, u64 left)
{
	size_t n = left < INSN_MAX ? left : INSN_MAX;
	int r;

	if (likely(template_find(t->bt->templates, i, bytes, n, t->v->mode)))
		return 0;
	fpu_put(t->v);
	r = insncache_decode(t->bt->insns, i, bytes, n, t->v->mode);
	if (!r)
		template_learn(t->bt->templates, i, bytes, n);
	return r;
}

/* ---- instructions ---------------------------------------------------------------------------- */

/* Traces want to hear of every trap. */
static bool inlines(const struct tr *t)
{
	const struct traplog *log = t->v->vm->traps.log;

	return t->v->bt_config.inlined && !(log && log->trace);
}

static gen_fn *routine(const struct tr *t)
{
	if (routines[t->i->emulate])
		return routines[t->i->emulate];
	if (t->segmented && !in_segments[t->i->emulate])
		return NULL;
	return inlines(t) ? system_routines[t->i->emulate] : NULL;
}

static enum gen generate(struct tr *t)
{
	enum gen r = GEN_CALL;

	t->commit = t->e.p;
	if (unlikely(t->adapt & ADAPT_CALL) && !t->run.nr)
		return GEN_CALL;
	if (t->i->class == INSN_PLAIN)
		return gen_plain(t);
	if (t->i->class == INSN_EMULATE && routine(t))
		r = routine(t)(t);
	return r == GEN_STEP ? GEN_CALL : r;
}

/* Does control never come to the next instruction, at least not by itself? */
static bool never_goes_on(const struct insn *i)
{
	switch (i->emulate) {
	case EMU_hlt:
	case EMU_jmp:
	case EMU_call:
	case EMU_ret:
	case EMU_jmp_far:
	case EMU_call_far:
	case EMU_ret_far:
	case EMU_int_n:
	case EMU_int3:
	case EMU_int1:
	case EMU_iret:
	case EMU_syscall:
	case EMU_sysret:
	case EMU_sysenter:
	case EMU_sysexit:
		return true;
	default:
		return i->class == INSN_UNDEFINED;
	}
}

static bool emulates(const struct tr *t, enum emulate_id id)
{
	return t->i->class == INSN_EMULATE && t->i->emulate == id;
}

/* The present instruction is done in C: one way or, as R says, the other. */
static enum gen leave_for(struct tr *t, enum gen r)
{
	bool cpl0 = t->key & KEY_CPL0,
	     invlpg = cpl0 && emulates(t, EMU_invlpg) && inlines(t) && !t->segmented;
	struct ea ea = { .how = EA_R13 };
	struct cold *c;

	invlpg = invlpg && tr_ea(t, &ea);
	c = tr_cold(t, EXIT_STEP);
	c->fix = emit_jmp32(&t->e);
	if (r == GEN_STEP || !tr_call(t, c))
		return GEN_END;
	c->kind = EXIT_CALL;
	if (r == GEN_CROSS) {
		c->crossing = c->cross = true;
		c->ea = t->crossing;
	}
	c->adapted = t->adapt & ADAPT_CALL;
	c->port = cpl0 && (emulates(t, EMU_in) || emulates(t, EMU_out));
	if (invlpg) {
		c->invlpg = true;
		c->ea = ea;
	}
	return never_goes_on(t->i) ? GEN_END : GEN_NEXT;
}

struct mark tr_mark(const struct tr *t)
{
	return (struct mark){ t->e.p,	 t->nr_cold, t->nr_pending, t->nr_calls,
			      t->shadow, t->run,     t->share };
}

void tr_back_to(struct tr *t, const struct mark *m)
{
	t->e.p = m->p;
	t->nr_cold = m->nr_cold;
	t->nr_pending = m->nr_pending;
	t->nr_calls = m->nr_calls;
	t->shadow = m->shadow;
	t->run = m->run;
	t->share = m->share;
}

static u16 offset(const struct tr *t, const u8 *p)
{
	return (u16)(p + t->e.delta - t->b->host);
}

static bool in_code(enum gen r)
{
	return r == GEN_NEXT || r == GEN_END;
}

enum gen tr_add_insn(struct tr *t)
{
	bool shadow = t->shadow;
	struct mark start;
	const u8 *host = t->e.p;
	bool left_over = shadow || t->share.left || t->run.nr || t->run.returns || t->rounds;
	enum gen r;

	t->inside = t->share.left;
	t->share.left -= t->inside;
	start = tr_mark(t);
	r = generate(t);

	if (in_code(r) && !tr_in_reach(t, JMP_SIZE)) {
		tr_back_to(t, &start);
		tr_island(t);
		start = tr_mark(t);
		host = t->e.p;
		r = generate(t);
		if (in_code(r) && !tr_in_reach(t, JMP_SIZE)) {
			tr_back_to(t, &start);
			t->far = true;
			r = generate(t);
			t->far = false;
		}
	}
	if (!in_code(r)) {
		tr_back_to(t, &start);
		if (!tr_in_reach(t, 2 * JMP_SIZE))
			tr_island(t);
		host = t->commit = t->e.p;
		t->share.left = 0;
		r = leave_for(t, r);
	}
	t->b->site[t->n] = (struct site){ .host = offset(t, host),
					  .commit = offset(t, t->commit),
					  .guest = (t->rip - t->b->rip) & 0x3fff,
					  .shadow = shadow,
					  .door = !left_over };
	/* The next one's is for STI to say, which does not come two times in a row. */
	t->shadow &= !shadow;
	return r;
}

/*
 * The first instruction goes on in the next page: then it is the only one, and the block begins
 * with a look at whether its RIP is among the targets. It is there as long as no mapping changed.
 */
static int decode_crossing(struct tr *t, struct insn *i)
{
	struct mmu_tlb_entry *e;
	u8 bytes[INSN_MAX];
	u32 n = mem_fetch(t->v, bytes, INSN_MAX);
	int r;

	fpu_put(t->v);
	r = decode(i, bytes, n, t->v->mode);
	/* Nothing is told of the first page when the last one's mapping changes. */
	if (r || !bt_next_page(t->key, t->next) ||
	    mmu_translate(t->v, bt_next_page(t->key, t->next), ACC_EXEC, &e) || !e->host || !e->gpa)
		return -ENODATA;
	t->b->gpa2 = e->gpa;
	tr_probe_self(t);
	return 0;
}

/* An instruction whose translation depends on registers comes first in its block: then they are
 * what they will be when it is run for the first time. */
static bool predicted_later(const struct tr *t)
{
	return t->n && !t->shadow && t->i->class == INSN_EMULATE && routine(t) == gen_predicted;
}

/* How many instructions a block may have. */
static u32 most_insns(const struct tr *t)
{
	u32 limit = t->v->bt_config.block_insns;

	return t->segmented && limit > BT_SEGMENTED_INSNS ? BT_SEGMENTED_INSNS : limit;
}

/* Is I, the instruction at T->NEXT, one of the last, behind which RIP wraps? */
static bool wraps(const struct tr *t, const struct insn *i)
{
	return t->key & KEY_CODE16 && bt_rip(t->key, t->next) + i->length > 0xffff;
}

bool tr_goes_on(struct tr *t)
{
	u64 left = PAGE_SIZE - (t->next & PAGE_MASK);
	struct insn next;

	return t->n + 1u < most_insns(t) && !((t->next ^ t->b->rip) >> 12) && !t->b->gpa2 &&
	       !tr_decode(t, &next, t->page + (t->next & PAGE_MASK), left) && !wraps(t, &next);
}

/* Two looks at the clock for each instruction would be seen, so only some blocks are timed. */
static bool timed(const struct bt *bt)
{
	return !(bt->stats.blocks % BT_TIMED);
}

static u64 begin_decode(const struct tr *t)
{
	return timed(t->bt) ? __builtin_ia32_rdtsc() : 0;
}

static void end_decode(struct tr *t, u64 start)
{
	if (timed(t->bt))
		t->bt->stats.timed_decode += __builtin_ia32_rdtsc() - start;
}

/* Might another instruction be too much? Never between those that belong together. */
static bool full(const struct tr *t)
{
	size_t bytes = (size_t)offset(t, t->e.p) + t->nr_cold * BT_EXIT_BYTES +
		       t->nr_calls * BT_CROSS_BYTES + t->nr_places * BT_PLACES_BYTES;

	return t->n && !t->shadow && !t->run.nr && !t->run.returns &&
	       bytes > BT_BLOCK_BYTES - BT_LAST_BYTES;
}

/* I is at T->next. */
static void make_present(struct tr *t, const struct insn *i)
{
	t->rip = t->next;
	t->next = t->long64 ? t->rip + i->length : (u32)(t->rip + i->length);
	t->adapt = adapt_how(t->bt, t->rip, t->b->gpa + (t->rip - t->b->rip));
}

int tr_next_insn(struct tr *t, struct insn *i)
{
	int r = full(t) ? -ENOSPC : 0;

	if (!r)
		r = tr_decode(t, i, t->page + (t->next & PAGE_MASK),
			      PAGE_SIZE - (t->next & PAGE_MASK));
	if (!r)
		make_present(t, i);
	return r;
}

/* Do blocks go on in others without a look at what they are? */
static bool links(const struct bt *bt)
{
	return bt->v->bt_config.chain && !bt->v->bt_config.flush_always && !bt->single;
}

/* Is there code for what comes next already, and enough of it to go on there? */
static bool is_there(const struct tr *t)
{
	const struct block *b;

	if (!t->n || t->shadow || t->run.nr || t->run.returns || t->share.left || !links(t->bt))
		return false;
	b = block_find(t->bt, t->next, t->b->gpa + (t->next - t->b->rip), t->key);
	return b && b->nr >= BT_FALL_INSNS && !b->gpa2 && !b->unaligned;
}

/* Instructions up to the end of the block. Returns false if the last of them goes on to the next.
 */
static bool add_insns(struct tr *t, const u8 *page, struct insn *i)
{
	enum gen r = GEN_NEXT;
	u32 limit = most_insns(t);

	while (r == GEN_NEXT && t->n < limit) {
		u64 left = PAGE_SIZE - (t->next & PAGE_MASK), start = begin_decode(t);
		int rc;

		if (full(t) || is_there(t) || (t->n && (t->b->gpa2 || (t->next ^ t->b->rip) >> 12)))
			break;
		rc = tr_decode(t, i, page + (t->next & PAGE_MASK), left);
		end_decode(t, start);
		if (rc == -ENODATA && !t->n)
			rc = decode_crossing(t, i);
		if (rc || predicted_later(t) || wraps(t, i))
			break;
		make_present(t, i);
		t->b->unaligned = tr_foresees_unaligned(t);
		if (!t->b->unaligned && tr_loops_back(t) && tr_rounds(t, i, &r))
			break;
		r = tr_add_insn(t);
		tr_note_loads(t);
		t->changed |= i->gpr_written;
		t->n++;
		if (unlikely(t->b->unaligned)) /* nobody runs it */
			break;
	}
	return r != GEN_NEXT;
}

static void finish(struct tr *t)
{
	struct block *b = t->b;

	b->nr = t->n;
	b->nr_calls = (u8)t->nr_calls;
	for (u16 n = 0; n < t->nr_calls; n++)
		insn_copy(&block_calls(b)[n], &t->calls[n]);
	b->cold = offset(t, t->e.p);
	tr_land_pending(t);
	for (u16 n = 0; n < t->nr_cold; n++)
		tr_put_cold(t, &t->cold[n], t->bt->nr_exits++);
	b->nr_exits = t->nr_cold;
	b->host_length = offset(t, t->e.p);
	cache_take(&t->bt->cache, b->host_length);
}

/* CYCLES went into B. */
static void count(struct bt *bt, const struct block *b, u64 cycles)
{
	trap_add(&bt->v->vm->traps, TRAP_TRANSLATE, cycles);
	traplog_note(&bt->v->vm->traps, TRAP_TRANSLATE, __builtin_ia32_rdtsc() - cycles, b->rip);
	bt->stats.translate_cycles += cycles;
	if (timed(bt))
		bt->stats.timed_cycles += cycles;
	bt->stats.blocks++;
	bt->stats.insns += b->nr;
	bt->stats.guest_bytes += b->length;
	bt->stats.host_bytes += b->host_length;
}

static void start_block(struct tr *t, struct bt *bt, u64 gpa, u64 key)
{
	t->b = block_new(bt, BT_MOST_SITES(bt->v->bt_config.block_insns));
	t->bt = bt;
	t->v = bt->v;
	t->key = key;
	t->long64 = key & KEY_LONG64;
	t->segmented = tr_segmented(key);
	t->far = t->shadow = false;
	t->run = (struct run){ 0 };
	t->share = (struct share){ 0 };
	t->rounds = NULL;
	t->loaded = t->changed = 0;
	t->n = t->nr_cold = t->nr_pending = t->nr_calls = t->nr_places = 0;
	t->next = bt_linear(t->v);
	t->e.p = cache_room(&bt->cache, BT_BLOCK_BYTES);
	t->e.delta = bt->cache.exec - bt->cache.write;
	t->b->rip = t->next;
	t->b->gpa = gpa;
	t->b->key = key;
	t->b->host = t->e.p + t->e.delta;
	if (unlikely(watch_counts(bt))) {
		emit_const(&t->e, R13, (uintptr_t)watch_counter(bt, t->b));
		tr_watch(t, true, at(R13, 0));
	}
}

/* Room for what every block needs. The system calls that this takes now and then are libc's. */
static void prepare(struct bt *bt)
{
	bool tight = blockhash_tight(&bt->hash);

	if (unlikely(bt->watch || tight) || !cache_mapped(&bt->cache, BT_BLOCK_BYTES))
		fpu_put(bt->v);
	else
		fpu_unalign(bt->v);
	if (tight)
		blockhash_grow(&bt->hash);
}

struct block *bt_translate(struct bt *bt, const u8 *host, u64 gpa, u64 key)
{
	u64 start = __builtin_ia32_rdtsc();
	struct tr t; /* too big to clear */
	struct insn i;
	bool ended;

	prepare(bt);
	start_block(&t, bt, gpa, key);
	if (!cache_mapped(&bt->cache, BT_BLOCK_BYTES))
		cache_map(&bt->cache, BT_BLOCK_BYTES);
	t.i = &i;
	t.page = host;
	ended = add_insns(&t, host, &i);
	if (!t.n)
		return NULL;
	t.b->length = (u16)(t.next - t.b->rip);
	if (!ended && !tr_in_reach(&t, BT_GOTO_BYTES))
		tr_island(&t);
	t.rip = t.next;
	t.b->site[t.n] = (struct site){ .host = offset(&t, t.e.p),
					.commit = offset(&t, t.e.p),
					.guest = t.b->length & 0x3fff };
	if (!ended)
		tr_goto(&t, t.next);
	finish(&t);
	block_publish(bt, t.b);
	if (links(bt) && !t.b->gpa2 && !t.b->unaligned)
		block_link_known(bt, t.b, !watch_counts(bt));
	count(bt, t.b, __builtin_ia32_rdtsc() - start);
	watch_block(bt, t.b, host);
	return t.b;
}
