/* SPDX-License-Identifier: MIT */
/*
 * Call-outs: instructions that a C routine does, without a way through the dispatcher. The block
 * goes on behind such an instruction; translated code is entered again there as long as nothing
 * has changed that its being there, or being right, rests on.
 */
#include "backends/swbt/bt/reenter.h"

#include "backends/swbt/step.h"
#include "common/traplog.h"

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

	if (bt->generation != b->generation || bt->remapped != b->remapped || bt_event_due(v))
		return false;
	if (is_quiet)
		return true;
	return bt_possible(v) && bt->pages.cr3 == v->s.cr3 && pagetable_space(&bt->pages, v) == s &&
	       !((bt_key(bt) ^ s->mode) & ~KEY_BASE); /* who goes on has not loaded CS */
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

/* X is a miss: done, if it is a move from or to a quiet device. */
static inline bool at_device(struct vcpu *v, const struct exit *x)
{
	if (x->kind == EXIT_CALL || !mmio_quick(v, exit_call(x), v->frame.linear))
		return false;
	v->tf_pending = false;
	v->instructions++;
	return true;
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
	bt->v->host_ac = false;
	if (bt->generation == b->generation)
		x->settle = true;
}

enum after bt_call_out(struct bt *bt, struct space *s, struct exit *x, struct next *next)
{
	const struct before before = note(bt);
	struct block *b = exit_block(x);
	const u8 *behind = b->host + b->site[x->insn + 1].host;
	const struct insn *i = exit_call(x);
	struct vcpu *v = bt->v;
	bool is_quiet = keeps_key(i);
	u8 length = i->length;
	bool adapted = x->adapted, crossing = x->crossing, write = i->mem_write;
	u32 size = i->mem_size;
	u64 key = b->key;

	if (unlikely(x->settle))
		fpu_unalign(v);
	next->result = at_device(v, x) ? EMU_NEXT : execute(v, i);
	note_unaligned(bt, x, &before);
	if (likely(next->result == EMU_NEXT || next->result == EMU_HALT))
		v->s.rip = (v->s.rip + length) & v->ip_mask;
	/* Nothing was translated if nothing went. */
	if (unlikely(adapted) && bt->generation == before.generation)
		adapt_called(bt, b, x->insn, next->result == EMU_FAULT);
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

/*
 * I, IN or OUT, with its trap's accounting, if the device is quiet and nobody wants to know how
 * long it takes. False: nothing has been done.
 */
static inline __attribute__((always_inline)) bool port_quick(struct vcpu *v, const struct insn *i)
{
	struct trap_stats *stats = &v->vm->traps;
	/* E4 to E7, EC to EF. */
	u8 opcode = i->raw[i->opcode_at], size = !(opcode & 1) ? 1 : i->opsize == 2 ? 2 : 4;
	bool out = opcode & 2;
	u16 port = opcode & 8 ? (u16)v->s.gpr[RDX] : (u8)i->op[!out].imm;
	enum trap_cause cause = out ? TRAP_PORT_OUT : TRAP_PORT_IN;
	struct bus_region *r = bus_port(&v->vm->pc.pio, port);
	u64 *rax = &v->s.gpr[RAX], mask = ~0ull >> (64 - 8 * size), value = *rax & mask;
	struct trap_event *e = trap_event_next(stats);

	if (unlikely(!r->ops->quiet || !bus_region_fits(r, port, size) ||
		     stats->timed >> cause & 1 || stats->log))
		return false;
	*e = (struct trap_event){ .addr = port,
				  .value = value,
				  .rip = v->s.rip,
				  .cause = (u8)cause,
				  .size = size,
				  .write = out };
	if (out) {
		bus_region_write(r, port, value, size);
	} else {
		e->value = value = bus_region_read(r, port, size);
		*rax = size == 4 ? value : (*rax & ~mask) | value;
	}
	stats->c[cause].count++;
	stats->nr_events++;
	return true;
}

/* An instruction that cannot fault, from a light stub. */
struct simple {
	struct before before;
	const u8 *behind;
	u64 next, key;
};

static inline struct simple begin_simple(struct bt *bt, const struct exit *x)
{
	const struct block *b = exit_block(x);
	struct vcpu *v = bt->v;
	struct simple s = { note(bt), b->host + b->site[x->insn + 1].host, 0, b->key };

	bt_go_to(v, b, x->insn);
	s.next = (v->s.rip + exit_call(x)->length) & v->ip_mask;
	bt_left(bt, x);
	v->instructions++;
	bt->stats.exits[EXIT_CALL]++;
	if (unlikely(x->settle))
		fpu_unalign(v);
	return s;
}

static inline int end_simple(struct bt *bt, struct exit *x, const struct simple *s)
{
	const u8 *host = s->behind;

	note_unaligned(bt, x, &s->before);
	bt->v->s.rip = s->next;
	bt->entered_shadow = false;
	if (unlikely(bt->generation != s->before.generation || bt->remapped != s->before.remapped ||
		     bt_event_due(bt->v)))
		host = bt->leave_kicked;
	else
		bt->stats.resumed++;
	return bt_reenter(bt, host, s->key);
}

/* At CPL 0, IN and OUT cannot fault, and with RAX and RDX they have all they work on. */
int bt_port(struct bt *bt, u32 exit)
{
	struct exit *x = &bt->exits[exit];
	struct simple s = begin_simple(bt, x);

	if (unlikely(!port_quick(bt->v, exit_call(x))))
		step_routine(bt->v, exit_call(x));
	return end_simple(bt, x, &s);
}

int bt_invlpg(struct bt *bt, u32 exit)
{
	struct exit *x = &bt->exits[exit];
	struct simple s = begin_simple(bt, x);
	struct vcpu *v = bt->v;
	struct trap_stats *stats = &v->vm->traps;
	u64 start = traplog_clock(stats);

	*trap_event_next(stats) = (struct trap_event){ .rip = v->s.rip, .cause = TRAP_CR };
	mmu_flush_page(v, v->frame.linear);
	stats->c[TRAP_CR].count++;
	stats->nr_events++;
	traplog_note(stats, TRAP_CR, start, v->s.rip);
	return end_simple(bt, x, &s);
}

enum after bt_jumped(struct bt *bt, struct space **s, struct next *next)
{
	const struct bt_config *config = &bt->v->bt_config;
	const struct vcpu *v = bt->v;

	if (!config->chain || config->flush_always || bt_event_due(v) || !bt_possible(v))
		return AFTER_KICK;
	*s = bt_space(bt, &next->key);
	next->host = targets_find(&(*s)->targets[bt_targets(next->key, false)],
				  bt_target(next->key, bt_linear(v)));
	if (!next->host)
		return AFTER_KICK;
	bt->stats.hits++;
	return AFTER_RESUME;
}
