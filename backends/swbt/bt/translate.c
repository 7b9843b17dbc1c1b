/* SPDX-License-Identifier: MIT */
/*
 * A block: instructions one after the other up to the first that goes elsewhere for certain, then
 * what is off the straight way. JRCXZ reaches 127 bytes; where it would not reach the end of the
 * block, an island of jumps is put between two instructions.
 */
#include "backends/swbt/bt/translate.h"

#include "backends/swbt/emulate.h"
#include "backends/swbt/fpu.h"

#include <errno.h>

#define JMP_SIZE 5

typedef enum gen gen_fn(struct tr *t);

/* What is not here is done by calling its C routine. */
static gen_fn *const routines[NR_EMULATE] = {
	[EMU_jmp] = gen_flow,	[EMU_jcc] = gen_flow,  [EMU_call] = gen_flow,
	[EMU_ret] = gen_flow,	[EMU_jcxz] = gen_flow, [EMU_loop] = gen_flow,
	[EMU_push] = gen_stack, [EMU_pop] = gen_stack, [EMU_leave] = gen_stack,
};

/* Sensitive ones. */
static gen_fn *const system_routines[NR_EMULATE] = {
	[EMU_rdtsc] = gen_system,     [EMU_rdtscp] = gen_system,   [EMU_rdpid] = gen_system,
	[EMU_swapgs] = gen_system,    [EMU_fsgsbase] = gen_system, [EMU_mov_cr] = gen_system,
	[EMU_mov_dr] = gen_system,    [EMU_smsw] = gen_system,	   [EMU_sldt] = gen_system,
	[EMU_str] = gen_system,	      [EMU_sgdt] = gen_table,	   [EMU_sidt] = gen_table,
	[EMU_lgdt] = gen_table,	      [EMU_lidt] = gen_table,	   [EMU_cpuid] = gen_predicted,
	[EMU_rdmsr] = gen_predicted,  [EMU_wrmsr] = gen_predicted, [EMU_cli] = gen_flags,
	[EMU_syscall] = gen_syscalls, [EMU_sysret] = gen_syscalls, [EMU_stac] = gen_smap,
	[EMU_clac] = gen_smap,	      [EMU_sti] = gen_flags,	   [EMU_pushf] = gen_flags,
	[EMU_popf] = gen_flags,
};

/* ---- exits ----------------------------------------------------------------------------------- */

/*
 * Is a page fault at the address that misses what the present instruction raises, for certain and
 * before anything else? Nothing that may suppress an access or wants it aligned, nothing with a
 * segment limit of its own.
 */
static bool faults_directly(const struct tr *t)
{
	const struct insn *i = t->i;

	if (i->fpu != FPU_NONE || i->mem_aligned || i->mem_size > 8 ||
	    (i->has_mem && !t->long64 && i->mem_seg >= SEG_FS))
		return false;
	if (i->class == INSN_PLAIN)
		return true;
	switch (i->emulate) {
	case EMU_jmp:
	case EMU_call:
	case EMU_ret:
	case EMU_push:
	case EMU_pop:
	case EMU_leave:
		return true;
	default:
		return false;
	}
}

struct cold *tr_cold(struct tr *t, enum exit_kind kind)
{
	struct cold *c = &t->cold[t->nr_cold++];

	*c = (struct cold){ .kind = (u8)kind, .insn = t->n, .ea = { .how = EA_R13 } };
	if (kind == EXIT_READ || kind == EXIT_WRITE) {
		c->direct = faults_directly(t);
		if (unlikely(t->adapt & ADAPT_MISS))
			tr_call(t, c);
	}
	return c;
}

bool tr_call(struct tr *t, struct cold *c)
{
	if (!t->nr_calls || t->caller[t->nr_calls - 1] != t->n) {
		if (t->nr_calls == BT_BLOCK_CALLS)
			return false;
		t->caller[t->nr_calls] = t->n;
		t->calls[t->nr_calls++] = *t->i;
	}
	c->calls = true;
	c->call = t->nr_calls - 1u;
	return true;
}

void tr_branch_rcxz(struct tr *t, struct cold *c)
{
	u8 *taken = emit_jrcxz(&t->e), *not ;

	if (!t->far) {
		t->pending[t->nr_pending++] =
			(struct pending){ .fix = taken, .cold = (u16)(c - t->cold) };
		return;
	}
	not = emit_jmp8(&t->e);
	emit_land8(&t->e, taken);
	c->fix = emit_jmp32(&t->e);
	emit_land8(&t->e, not );
}

void tr_unless_rcxz(struct tr *t, struct cold *c)
{
	u8 *zero = emit_jrcxz(&t->e);

	c->fix = emit_jmp32(&t->e);
	emit_land8(&t->e, zero);
}

/* Would the waiting branches reach an island MORE bytes from here? */
static bool in_reach(const struct tr *t, unsigned int more)
{
	const u8 *p = t->e.p + more;

	for (unsigned int n = 0; n < t->nr_pending; n++, p += JMP_SIZE)
		if (p - (t->pending[n].fix + 1) > BT_ISLAND_REACH)
			return false;
	return true;
}

static void land_pending(struct tr *t)
{
	for (unsigned int n = 0; n < t->nr_pending; n++) {
		emit_land8(&t->e, t->pending[n].fix);
		t->cold[t->pending[n].cold].fix = emit_jmp32(&t->e);
	}
	t->nr_pending = 0;
}

static void island(struct tr *t)
{
	u8 *over;

	if (!t->nr_pending)
		return;
	over = emit_jmp32(&t->e);
	land_pending(t);
	emit_land32(&t->e, over);
}

static void put_address(struct tr *t, const struct ea *ea)
{
	if (ea->how == EA_DIRECT)
		emit_lea(&t->e, W64, R13, at(ea->base, ea->disp));
	else if (ea->how == EA_CONST)
		emit_const(&t->e, R13, ea->value);
}

/* The way out comes first, for the branches behind it. */
static void put_crossing(struct tr *t, const struct cold *c, struct exit *x, u32 id)
{
	const struct site *behind = &t->b->site[c->insn + 1];
	u8 *over = emit_jmp8(&t->e), *out = t->e.p, *start;

	emit_load(&t->e, W64, R13, FRAME_AT(linear));
	emit_const(&t->e, RCX, id);
	emit_jmp_to(&t->e, t->bt->leave);
	emit_land8(&t->e, over);
	start = t->e.p;
	t->i = &t->calls[c->call];
	if (tr_cross(t, out, t->b->host + behind->host))
		x->commit = (u16)(t->commit + t->e.delta - x->stub);
	else
		t->e.p = start;
}

static void put_exact_check(struct tr *t, const struct cold *c)
{
	u8 *crosses;

	tr_same_page(t, &c->ea, c->size);
	crosses = emit_jrcxz(&t->e);
	emit_fix32(emit_jmp32(&t->e), c->back);
	emit_land8(&t->e, crosses);
}

static void put_cold(struct tr *t, struct cold *c, u32 id)
{
	struct exit *x = &t->bt->exits[id];
	u8 *second = NULL;

	*x = (struct exit){ .from = t->b,
			    .insn = c->insn,
			    .kind = c->kind,
			    .direct = c->direct,
			    .adapted = c->adapted,
			    .crossing = c->crossing };
	if (c->calls)
		x->call = &block_calls(t->b)[c->call];
	else
		x->target = c->target;
	if (c->fix)
		emit_land32(&t->e, c->fix);
	x->stub = t->e.p + t->e.delta;
	if (c->guarded)
		tr_guarded(t, c);
	x->site = c->site;
	x->guard = c->guard;
	if (c->size)
		put_exact_check(t, c);
	put_address(t, &c->ea);
	if (c->cross)
		put_crossing(t, c, x, id);
	if (c->again)
		second = tr_second_probe(t, c);
	emit_const(&t->e, RCX, id);
	emit_jmp_to(&t->e, c->kind == EXIT_CALL ? t->bt->leave_call : t->bt->leave);
	if (c->again) {
		emit_land8(&t->e, second);
		tr_second_hit(t, c);
	}
}

/* ---- instructions ---------------------------------------------------------------------------- */

/* Traces want to hear of every trap. */
static gen_fn *routine(const struct tr *t)
{
	if (routines[t->i->emulate])
		return routines[t->i->emulate];
	if (!t->v->bt_config.system || t->v->vm->traps.trace)
		return NULL;
	return system_routines[t->i->emulate];
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

struct cold *tr_call_out(struct tr *t)
{
	struct cold *c = tr_cold(t, EXIT_STEP);

	if (tr_call(t, c))
		c->kind = EXIT_CALL;
	return c;
}

/* The present instruction is done in C: one way or, as R says, the other. */
static enum gen leave_for(struct tr *t, enum gen r)
{
	struct cold *c = tr_cold(t, EXIT_STEP);

	c->fix = emit_jmp32(&t->e);
	if (r == GEN_STEP || !tr_call(t, c))
		return GEN_END;
	c->kind = EXIT_CALL;
	if (r == GEN_CROSS) {
		c->crossing = c->cross = true;
		c->ea = t->crossing;
	}
	c->adapted = t->adapt & ADAPT_CALL;
	return never_goes_on(t->i) ? GEN_END : GEN_NEXT;
}

static struct mark mark(const struct tr *t)
{
	return (struct mark){ t->e.p, t->nr_cold, t->nr_pending, t->nr_calls, t->shadow, t->run };
}

static void back_to(struct tr *t, const struct mark *m)
{
	t->e.p = m->p;
	t->nr_cold = m->nr_cold;
	t->nr_pending = m->nr_pending;
	t->nr_calls = m->nr_calls;
	t->shadow = m->shadow;
	t->run = m->run;
}

static u16 offset(const struct tr *t, const u8 *p)
{
	return (u16)(p + t->e.delta - t->b->host);
}

static bool in_code(enum gen r)
{
	return r == GEN_NEXT || r == GEN_END;
}

static enum gen add_insn(struct tr *t)
{
	bool shadow = t->shadow;
	struct mark start = mark(t);
	const u8 *host = t->e.p;
	enum gen r = generate(t);

	if (in_code(r) && !in_reach(t, JMP_SIZE)) {
		back_to(t, &start);
		island(t);
		start = mark(t);
		host = t->e.p;
		r = generate(t);
		if (in_code(r) && !in_reach(t, JMP_SIZE)) {
			back_to(t, &start);
			t->far = true;
			r = generate(t);
			t->far = false;
		}
	}
	if (!in_code(r)) {
		back_to(t, &start);
		if (!in_reach(t, 2 * JMP_SIZE))
			island(t);
		host = t->commit = t->e.p;
		r = leave_for(t, r);
	}
	t->b->site[t->n] = (struct site){ .host = offset(t, host),
					  .commit = offset(t, t->commit),
					  .guest = (t->rip - t->b->rip) & 0x7fff,
					  .shadow = shadow };
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
	int r = decode(i, bytes, n, t->v->mode);

	if (r || mmu_translate(t->v, (t->next | PAGE_MASK) + 1, ACC_EXEC, &e) || !e->host ||
	    !e->gpa)
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

bool tr_goes_on(struct tr *t)
{
	u64 left = PAGE_SIZE - (t->next & PAGE_MASK);
	struct insn next;

	return t->n + 1u < t->v->bt_config.block_insns && !((t->next ^ t->b->rip) >> 12) &&
	       !t->b->gpa2 &&
	       !insncache_decode(t->bt->insns, &next, t->page + (t->next & PAGE_MASK),
				 left < INSN_MAX ? left : INSN_MAX, t->v->mode);
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

/* Instructions up to the end of the block. Returns false if the last of them goes on to the next.
 */
static bool add_insns(struct tr *t, const u8 *page, struct insn *i)
{
	enum gen r = GEN_NEXT;
	u32 limit = t->v->bt_config.block_insns;

	while (r == GEN_NEXT && t->n < limit) {
		u64 left = PAGE_SIZE - (t->next & PAGE_MASK), start = begin_decode(t);
		int rc;

		if (t->n && (t->b->gpa2 || (t->next ^ t->b->rip) >> 12))
			break;
		rc = insncache_decode(t->bt->insns, i, page + (t->next & PAGE_MASK),
				      left < INSN_MAX ? left : INSN_MAX, t->v->mode);
		end_decode(t, start);
		if (rc == -ENODATA && !t->n)
			rc = decode_crossing(t, i);
		if (rc || predicted_later(t))
			break;
		t->rip = t->next;
		t->next = (t->rip + i->length) & t->v->ip_mask;
		t->adapt = adapt_how(t->bt, t->rip, t->b->gpa + (t->rip - t->b->rip));
		r = add_insn(t);
		t->n++;
	}
	return r != GEN_NEXT;
}

static void finish(struct tr *t)
{
	struct block *b = t->b;

	b->nr = t->n;
	b->nr_calls = (u8)t->nr_calls;
	for (u16 n = 0; n < t->nr_calls; n++)
		block_calls(b)[n] = t->calls[n];
	b->cold = offset(t, t->e.p);
	land_pending(t);
	for (u16 n = 0; n < t->nr_cold; n++)
		put_cold(t, &t->cold[n], t->bt->nr_exits++);
	b->nr_exits = t->nr_cold;
	b->host_length = offset(t, t->e.p);
	cache_take(&t->bt->cache, b->host_length);
}

/* CYCLES went into B. */
static void count(struct bt *bt, const struct block *b, u64 cycles)
{
	trap_add(&bt->v->vm->traps, TRAP_TRANSLATE, cycles);
	bt->stats.translate_cycles += cycles;
	if (timed(bt))
		bt->stats.timed_cycles += cycles;
	bt->stats.blocks++;
	bt->stats.insns += b->nr;
	bt->stats.guest_bytes += b->length;
	bt->stats.host_bytes += b->host_length;
}

static void start_block(struct tr *t, struct bt *bt, u64 gpa, u32 key)
{
	t->b = block_new(bt, bt->v->bt_config.block_insns);
	t->bt = bt;
	t->v = bt->v;
	t->key = key;
	t->long64 = key & KEY_LONG64;
	t->far = t->shadow = false;
	t->run = (struct run){ 0 };
	t->n = t->nr_cold = t->nr_pending = t->nr_calls = 0;
	t->next = t->v->s.rip;
	t->e.p = cache_room(&bt->cache, BT_BLOCK_BYTES);
	t->e.delta = bt->cache.exec - bt->cache.write;
	t->b->rip = t->v->s.rip;
	t->b->gpa = gpa;
	t->b->key = key;
	t->b->host = t->e.p + t->e.delta;
	if (unlikely(watch_counts(bt))) {
		emit_const(&t->e, R13, (uintptr_t)watch_counter(bt, t->b));
		tr_watch(t, at(R13, 0));
	}
}

struct block *bt_translate(struct bt *bt, const u8 *host, u64 gpa, u32 key)
{
	u64 start = __builtin_ia32_rdtsc();
	struct vcpu *v = bt->v;
	struct tr t; /* too big to clear */
	struct insn i;
	bool ended;

	start_block(&t, bt, gpa, key);
	fpu_put(v); /* the decoder's library is compiled like any other */
	t.i = &i;
	t.page = host;
	ended = add_insns(&t, host, &i);
	if (!t.n)
		return NULL;
	t.b->length = (u16)(t.next - t.b->rip);
	if (!ended && !in_reach(&t, BT_GOTO_BYTES))
		island(&t);
	t.rip = t.next;
	t.b->site[t.n] = (struct site){ .host = offset(&t, t.e.p),
					.commit = offset(&t, t.e.p),
					.guest = t.b->length };
	if (!ended)
		tr_goto(&t, t.next);
	finish(&t);
	block_publish(bt, t.b);
	count(bt, t.b, __builtin_ia32_rdtsc() - start);
	watch_block(bt, t.b, host);
	return t.b;
}
