/* SPDX-License-Identifier: MIT */
/*
 * A thunk is a function u64 thunk(struct vcpu *v, void *mem, u64 flags):
 *
 *	push    callee-saved registers that it uses
 *	push    rdx; popfq                      ; only if it reads or writes flags
 *	mov     v's and mem's registers, where the guest's instruction needs RDI or RSI itself
 *	mov     r, [v + 8 * r]                  ; each register that it mentions
 *	<the guest's instruction>
 *	mov     [v + 8 * r], r                  ; each that it writes
 *	pushfq; pop rax; cld                    ; or mov eax, 2
 *	pop     ...; ret
 *  exit:	xor     eax, eax                ; here goes a fault: v->s has not been touched
 *	pop     ...; ret
 *
 * The guest's RSP is renamed; all others are themselves, so that implicit uses need no care.
 */
#include "backends/swbt/thunk.h"
#include "backends/swbt/fpu.h"
#include "backends/swbt/hostfault.h"
#include "backends/swbt/rewrite.h"
#include "backends/swbt/views.h"

#include <errno.h>
#include <stdlib.h>

#define WAYS 4
#define SETS 2048 /* 8192 thunks: the hot part of a kernel's boot */
#define SLOT 256  /* bytes of code; the longest possible thunk takes less than 200 */

#define CALLEE_SAVED (BIT(RBX) | BIT(RBP) | BIT(R12) | BIT(R13) | BIT(R14) | BIT(R15))
/* R12 would need a SIB byte as base. */
#define BASES (0xffffu & ~(BIT(RSP) | BIT(R12)))

typedef u64 thunk_fn(struct vcpu *v, void *mem, u64 flags);

struct thunk {
	u64 key[2]; /* the bytes, zero beyond their end, and length and mode on top; 0: free */
	thunk_fn *code;
	u16 len, exit; /* of the code */
	bool flags, fpu;
};

struct thunks {
	u8 *write, *exec; /* the two views */
	void *stack;
	unsigned int victim;
	unsigned int used; /* slots, from the first on: those of thunks never made cost no memory */
	struct hostfault_guard guard;
	struct thunk t[SETS][WAYS];
};

_Static_assert(offsetof(struct vcpu, s.gpr) == 0, "thunks address registers with one byte");

/* ---- the cache ------------------------------------------------------------------------------ */

int thunks_init(struct vcpu *v)
{
	const size_t size = (size_t)SETS * WAYS * SLOT;
	struct thunks *ts = calloc(1, sizeof(*ts));
	int r;

	if (!ts)
		return -ENOMEM;
	v->thunks = ts;
	r = hostfault_init(&ts->stack);
	if (!r)
		r = views_map("swbt-thunks", size, &ts->write, &ts->exec);
	if (r)
		thunks_fini(v);
	return r;
}

void thunks_fini(struct vcpu *v)
{
	const size_t size = (size_t)SETS * WAYS * SLOT;
	struct thunks *ts = v->thunks;

	if (!ts)
		return;
	views_unmap(ts->write, ts->exec, size);
	hostfault_fini(ts->stack);
	free(ts);
	v->thunks = NULL;
}

/* ---- making one ----------------------------------------------------------------------------- */

struct plan {
	struct rewrite r;
	u32 explicit;	 /* guest registers named, and */
	u32 load, store; /* those that go in and out */
	u32 used;	 /* host registers */
	u8 vcpu;	 /* the one that points at the vCPU; r.base is the memory operand */
};

static int take(struct plan *p, u32 from)
{
	from &= ~p->used;
	if (!from)
		return -ENOTSUP;
	/* Those that need no saving first. */
	if (from & ~CALLEE_SAVED)
		from &= ~CALLEE_SAVED;
	p->used |= from & -from;
	return __builtin_ctz(from);
}

static int make_plan(struct plan *p, const struct insn *i)
{
	u32 candidates = BASES;
	int reg;

	p->explicit = insn_explicit_gprs(i);
	p->load = p->explicit | insn_implicit_gprs(i);
	p->store = p->load & i->gpr_written;
	p->used = (p->load & ~BIT(RSP)) | BIT(RSP);
	p->r = (struct rewrite){ .base = REG_NONE, .index = REG_NONE, .scale = 1 };
	for (u8 n = 0; n < NR_GPR; n++)
		p->r.gpr[n] = n;
	for (unsigned int n = 0; n < i->nr_operands && n < ARRAY_SIZE(i->op); n++)
		if (i->op[n].type == OPERAND_GPR && i->op[n].high)
			candidates &= 0xff; /* no REX */

	/* RDI and RSI are where the arguments are; the moves to others must not cross. */
	p->used |= BIT(RSI);
	reg = p->load & BIT(RDI) ? take(p, BASES) : RDI;
	if (reg < 0)
		return reg;
	p->vcpu = (u8)reg;
	p->used |= BIT(p->vcpu);
	if (i->has_mem) {
		reg = p->load & BIT(RSI) ? take(p, candidates) : RSI;
		if (reg < 0)
			return reg;
		p->r.base = (u8)reg;
	}
	if (p->load & BIT(RSP)) {
		reg = take(p, candidates);
		if (reg < 0)
			return reg;
		p->r.gpr[RSP] = (u8)reg;
	}
	return 0;
}

struct out {
	u8 *p;
};

static void put1(struct out *o, unsigned int byte)
{
	*o->p++ = (u8)byte;
}

/* mov DST, SRC */
static void put_mov(struct out *o, unsigned int dst, unsigned int src)
{
	put1(o, 0x48 | (src >> 3) << 2 | dst >> 3);
	put1(o, 0x89);
	put1(o, 0xc0 | (src & 7) << 3 | (dst & 7));
}

/* mov REG, [vcpu + GUEST * 8] or the reverse. */
static void put_guest(struct out *o, const struct plan *p, unsigned int guest, bool store)
{
	unsigned int reg = p->r.gpr[guest];

	put1(o, 0x48 | (reg >> 3) << 2 | p->vcpu >> 3);
	put1(o, store ? 0x89 : 0x8b);
	put1(o, 0x40 | (reg & 7) << 3 | (p->vcpu & 7));
	put1(o, guest * 8);
}

static void put_guests(struct out *o, const struct plan *p, u32 which, bool store)
{
	for (; which; which &= which - 1)
		put_guest(o, p, (unsigned int)__builtin_ctz(which), store);
}

static void put_push(struct out *o, unsigned int reg)
{
	if (reg & 8)
		put1(o, 0x41);
	put1(o, 0x50 | (reg & 7));
}

static void put_return(struct out *o, u32 saved)
{
	for (; saved; saved &= ~BIT(31 - __builtin_clz(saved))) {
		unsigned int reg = 31u - (unsigned int)__builtin_clz(saved);

		if (reg & 8)
			put1(o, 0x41);
		put1(o, 0x58 | (reg & 7));
	}
	put1(o, 0xc3);
}

/* Code for I at O. 0 or -ENOTSUP. */
static int generate(struct thunk *t, const struct insn *i, struct out *o)
{
	const u8 *start = o->p;
	struct plan p;
	u32 saved;
	int len = make_plan(&p, i);

	if (len)
		return len;
	t->flags = i->flags_read | i->flags_written;
	saved = p.used & CALLEE_SAVED;
	for (u32 rest = saved; rest; rest &= rest - 1)
		put_push(o, (unsigned int)__builtin_ctz(rest));
	if (t->flags) {
		put_push(o, RDX);
		put1(o, 0x9d); /* popfq */
	}
	if (p.vcpu != RDI)
		put_mov(o, p.vcpu, RDI);
	if (i->has_mem && p.r.base != RSI)
		put_mov(o, p.r.base, RSI);
	put_guests(o, &p, p.load, false);
	len = rewrite(i, &p.r, o->p);
	if (len < 0)
		return len;
	o->p += len;
	put_guests(o, &p, p.store, true);
	if (t->flags) {
		put1(o, 0x9c); /* pushfq */
		put1(o, 0x58); /* pop rax */
		put1(o, 0xfc); /* cld */
	} else {
		__builtin_memcpy(o->p, "\xb8\2\0\0", 5); /* mov eax, 2 */
		o->p += 5;
	}
	put_return(o, saved);
	t->exit = (u16)(o->p - start);
	put1(o, 0x31); /* xor eax, eax */
	put1(o, 0xc0);
	put_return(o, saved);
	t->len = (u16)(o->p - start);
	return 0;
}

static void make_key(u64 key[2], const struct insn *i)
{
	unsigned int n = i->length;

	__builtin_memcpy(&key[0], i->raw, 8);
	__builtin_memcpy(&key[1], i->raw + 8, 8);
	if (n < 8)
		key[0] &= BIT64(n * 8) - 1;
	key[1] &= n < 8 ? 0 : BIT64(n * 8 - 64) - 1;
	key[1] |= (u64)(i->mode << 4 | n) << 56;
}

const struct thunk *thunk_get(struct vcpu *v, const struct insn *i)
{
	struct thunks *ts = v->thunks;
	unsigned int set, way;
	struct thunk *t;
	struct out o;
	u64 key[2];

	make_key(key, i);
	set = (key[0] * 0x9e3779b97f4a7c15ull ^ key[1] * 0xc2b2ae3d27d4eb4full) >> 32 & (SETS - 1);
	for (way = 0; way < WAYS; way++) {
		t = &ts->t[set][way];
		if (t->key[0] == key[0] && t->key[1] == key[1])
			return t;
	}
	way = ts->victim++ % WAYS;
	t = &ts->t[set][way];
	t->key[1] = 0;
	if (!t->code)
		t->code = (thunk_fn *)(void *)(ts->exec + (size_t)ts->used++ * SLOT);
	o.p = ts->write + ((const u8 *)(void *)t->code - ts->exec);
	t->fpu = i->fpu != FPU_NONE;
	if (generate(t, i, &o))
		return NULL;
	t->key[0] = key[0];
	t->key[1] = key[1];
	return t;
}

/* ---- running one ---------------------------------------------------------------------------- */

static int raise_host_fault(struct vcpu *v, const struct hostfault_guard *g)
{
	switch (g->trap) {
	case DE:
	case UD:
	case MF:
	case XM:
		return raise_exc(v, (enum vector)g->trap);
	case GP:
		return raise_err(v, GP, 0);
	default:
		abort();
	}
}

static int run(struct vcpu *v, const struct thunk *t, void *mem)
{
	struct thunks *ts = v->thunks;
	u64 flags;

	if (t->fpu)
		fpu_get(v);
	ts->guard.code = (const u8 *)(void *)t->code;
	ts->guard.len = t->len;
	ts->guard.exit = ts->guard.code + t->exit;
	hostfault_guard(&ts->guard);
	flags = (v->s.rflags & RFLAGS_ARITH) | RFLAGS_FIXED;
	/* It stays as it is: host_ac might not know yet that it is clear. */
	if (t->flags && v->host_ac)
		flags |= __builtin_ia32_readeflags_u64() & RFLAGS_AC;
	flags = t->code(v, mem, flags);
	hostfault_guard(NULL);
	if (unlikely(!flags)) {
		v->host_ac = false; /* hostfault.c */
		return EXC;
	}
	if (t->flags)
		v->s.rflags = (v->s.rflags & ~(u64)RFLAGS_ARITH) | (flags & RFLAGS_ARITH);
	return 0;
}

int thunk_run(struct vcpu *v, const struct thunk *t, void *mem)
{
	struct thunks *ts = v->thunks;

	ts->guard.catch_page_faults = false;
	if (likely(!run(v, t, mem)))
		return 0;
	return raise_host_fault(v, &ts->guard);
}

int thunk_try(struct vcpu *v, const struct thunk *t, void *mem, u64 *fault)
{
	struct thunks *ts = v->thunks;

	ts->guard.catch_page_faults = true;
	if (!run(v, t, mem))
		return 0;
	if (ts->guard.trap != PF)
		return raise_host_fault(v, &ts->guard);
	*fault = ts->guard.addr;
	return -EFAULT;
}
