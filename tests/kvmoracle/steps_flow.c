/* SPDX-License-Identifier: MIT */
/* Steps that load segments, transfer control and raise exceptions. */
#include "tests/kvmoracle/steps.h"

/* An access of EAX to ADDRESS through segment override PREFIX. */
static void access_through(struct sequence *q, u8 prefix, u32 address)
{
	AS(&q->a, prefix);
	if (gen_one_in(q->g, 2))
		as_store(&q->a, address, RAX);
	else
		as_load(&q->a, RAX, address);
}

void step_segment(struct sequence *q)
{
	static const u8 prefix[] = { 0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65 };
	static const u8 far_loads[] = { 0, 0, 0xb2, 0, 0xb4, 0xb5 };
	static const u8 segments[] = { SEG_ES, SEG_SS, SEG_DS, SEG_FS, SEG_GS, SEG_SS };
	u8 seg = segments[gen_below(q->g, 6)];
	u16 selector = q->real ? (u16)gen_below(q->g, 0x1000) : step_selector(q);
	struct as *a = &q->a;

	if (seg == SEG_SS && selector < 4)
		selector = 0; /* QEMU does not look at a null selector's RPL */

	if (far_loads[seg] && gen_one_in(q->g, 3)) { /* LSS, LFS, LGS */
		as_put(a, LOG_CELL, W_KSTACK + 0xc00);
		as_put(a, LOG_CELL + 4, selector);
		as_wide(a);
		AS(a, 0x0f, far_loads[seg]);
		as_address(a, RSP, LOG_CELL);
	} else if (seg >= SEG_FS && gen_one_in(q->g, 2)) {
		as_push(a, selector);
		as_wide(a);
		AS(a, 0x0f, seg == SEG_FS ? 0xa1 : 0xa9);
	} else if (a->bits != 64 && seg <= SEG_DS && gen_one_in(q->g, 3)) {
		as_push(a, selector);
		as_wide(a);
		AS(a, (u8)(7 | seg << 3)); /* POP ES, SS, DS */
	} else {
		as_set(a, RAX, selector);
		as_sreg(a, (enum seg)seg, RAX);
	}
	/* Others QEMU does not check, and in 64-bit code it adds bases that do not count there. */
	if ((q->real || (q->lng && seg >= SEG_FS) || selector == SEL_DATA ||
	     selector == (SEL_UDATA | 3)) &&
	    gen_one_in(q->g, 2))
		access_through(q, prefix[seg], step_address(q));
	if (gen_one_in(q->g, 4))
		as_push(a, gen_below(q->g, 0x10000));
}

/* JMP and CALL by pointer, in the code or in memory. */
void step_far(struct sequence *q)
{
	bool call = gen_one_in(q->g, 2);
	u16 selector = gen_one_in(q->g, 3) ? (u16)(SEL_GATES + gen_below(q->g, 10) * 8)
					   : step_code_selector(q);
	u32 offset = step_pad(q);
	struct as *a = &q->a;

	if (q->real) {
		selector = (u16)gen_below(q->g, 8);
		offset -= selector * 16u;
	}
	if (a->bits == 64 || gen_one_in(q->g, 2)) {
		as_put(a, LOG_CELL, offset);
		as_put(a, LOG_CELL + 4, selector);
		as_wide(a);
		AS(a, 0xff);
		as_address(a, call ? 3 : 5, LOG_CELL);
	} else {
		as_wide(a);
		AS(a, call ? 0x9a : 0xea);
		as_imm(a, offset, 4);
		as_imm(a, selector, 2);
	}
}

/* Where to: CS, SS, and flags' VM. */
static void target(struct sequence *q, u16 *cs, u16 *ss, bool *vm)
{
	*vm = false;
	*ss = SEL_UDATA | 3;
	switch (gen_below(q->g, 8)) {
	case 0:
		*cs = q->s->mode == MODE_LONG64	  ? SEL_CODE64
		      : q->s->mode == MODE_PROT16 ? SEL_CODE16
						  : SEL_CODE32;
		*ss = SEL_DATA;
		return;
	case 1:
	case 2:
		*cs = SEL_UCODE32 | 3;
		return;
	case 3:
		*cs = SEL_UCODE16 | 3;
		return;
	case 4:
	case 5:
		*cs = q->lng ? SEL_UCODE64 | 3 : PADS >> 4;
		*vm = !q->lng;
		return;
	case 6:
		*cs = step_code_selector(q);
		return;
	default:
		*cs = step_code_selector(q);
		*ss = step_selector(q);
	}
	if (q->lng && *ss < 4) /* QEMU lets it be null for all code of long mode, with any RPL */
		*ss = SEL_UDATA | 3;
}

void step_ret_far(struct sequence *q)
{
	u32 offset = step_pad(q);
	struct as *a = &q->a;
	u16 cs = 0, ss = 0;
	bool vm;

	if (!q->real)
		target(q, &cs, &ss, &vm);
	as_push(a, ss);
	as_push(a, W_USTACK + 0xc00);
	as_push(a, cs);
	as_push(a, offset);
	if (a->bits == 64 && !gen_one_in(q->g, 8))
		AS(a, 0x48);
	as_wide(a);
	if (gen_one_in(q->g, 4)) {
		AS(a, 0xca);
		as_imm(a, gen_below(q->g, 4) * (q->lng ? 8 : 4),
		       2); /* no odd halves, see target() */
	} else {
		AS(a, 0xcb);
	}
}

void step_iret(struct sequence *q)
{
	u32 offset = step_pad(q), flags = step_flags(q);
	struct as *a = &q->a;
	u16 cs = 0, ss = 0;
	bool vm = false;

	if (!q->real)
		target(q, &cs, &ss, &vm);
	if (vm) {
		flags |= RFLAGS_VM;
		offset -= PADS;
		for (unsigned int n = 0; n < 4; n++)
			as_push(a, gen_below(q->g, 0x1000)); /* GS, FS, DS, ES */
		ss = W_USTACK >> 4;
	}
	as_push(a, ss);
	as_push(a, vm ? 0xc00 : W_USTACK + 0xc00);
	as_push(a, flags);
	as_push(a, cs);
	as_push(a, offset);
	if (a->bits == 64 && !gen_one_in(q->g, 8))
		AS(a, 0x48);
	as_wide(a);
	AS(a, 0xcf);
}

void step_interrupt(struct sequence *q)
{
	switch (gen_below(q->g, 6)) {
	case 0:
		AS(&q->a, 0xcc);
		break;
	case 1:
		AS(&q->a, 0x0f, 0x0b);
		break;
	default:
		AS(&q->a, 0xcd, (u8)gen_below(q->g, gen_one_in(q->g, 4) ? 256 : 72));
		break;
	}
}

void step_fragments(struct sequence *q)
{
	as_set(&q->a, RAX, gen_one_in(q->g, 2) ? step_selector(q) : (u32)gen_value(q->g));
	as_set(&q->a, RCX, step_selector(q));
	as_set(&q->a, RSI, step_address(q));
	as_set(&q->a, RDI, step_address(q));
	for (u32 n = 1 + gen_below(q->g, 4); n; n--)
		step_fragment(q, &q->a);
}

/* PUSHF, OR with BITS, POPF */
static void or_flags(struct sequence *q, u32 bits)
{
	struct as *a = &q->a;

	as_wide(a);
	AS(a, 0x9c);
	as_wide(a);
	AS(a, 0x58);
	as_wide(a);
	AS(a, 0x0d);
	as_imm(a, bits, 4);
	as_wide(a);
	AS(a, 0x50);
	as_wide(a);
	AS(a, 0x9d);
}

void step_flags_register(struct sequence *q)
{
	or_flags(q, step_flags(q) & ~(u32)RFLAGS_TF);
	if (gen_one_in(q->g, 2))
		AS(&q->a, 0xfa); /* not STI: on QEMU it puts off a single step */
	as_wide(&q->a);
	AS(&q->a, 0x9c);
	as_wide(&q->a);
	AS(&q->a, 0x58);
	step_result(q);
}

void step_single_step(struct sequence *q)
{
	or_flags(q, RFLAGS_TF);
	for (u32 n = 1 + gen_below(q->g, 3); n; n--)
		step_fragment(q, &q->a);
}

/* A store into code that comes next. */
void step_modify_code(struct sequence *q)
{
	struct as *a = &q->a;
	u32 length = a->bits == 16 ? 9 : a->bits == 32 ? 10 : 11;

	/* JMP to it: without one QEMU does not see what was written. */
	as_put(a, a->at + length + 2 + (a->bits == 16) + 1, (u32)gen_u64(q->g));
	AS(a, 0xeb, 0x00);
	as_set(a, RAX, 0);
	step_result(q);
}

/* A stack on which nothing can be put, and something that wants to. */
void step_bad_stack(struct sequence *q)
{
	static const u64 where[] = { W_DATA_END + 0x10, 4,
				     W_DATA + 0x2800,	W_DATA + 0x3800,
				     0x800000000000ull, 0xfffffff0,
				     W_DATA + 0x2ffc,	0 };
	u64 at = where[gen_below(q->g, ARRAY_SIZE(where))];

	if (!q->s->paging && at > W_END) /* KVM emulates little that is not RAM */
		at = 4;
	if (gen_one_in(q->g, 2))
		as_set(&q->a, RSP, q->lng ? at : (u32)at);
	if (gen_one_in(q->g, 2))
		as_push(&q->a, 1);
	else
		step_interrupt(q);
}

/* Device not available, unmasked x87 and SSE exceptions. */
void step_fpu(struct sequence *q)
{
	struct as *a = &q->a;

	if (gen_one_in(q->g, 2)) { /* CR0.TS */
		AS(a, 0x0f, 0x20, 0xc0, 0x0c, 0x08, 0x0f, 0x22, 0xc0);
		step_fragment(q, a);
	}
	switch (gen_below(q->g, 4)) {
	case 0:
		as_put(a, LOG_CELL, 0x300 | gen_below(q->g, 64));
		AS(a, 0xdb, 0xe3, 0xd9); /* FNINIT, FLDCW */
		as_address(a, 5, LOG_CELL);
		AS(a, 0xd9, 0xe8, 0xd9, 0xee, 0xde, 0xf9); /* FLD1, FLDZ, FDIVP */
		AS(a, gen_one_in(q->g, 2) ? 0x9b : 0x90);
		AS(a, 0xd9, 0xe8);
		break;
	case 1:
		as_put(a, LOG_CELL, gen_below(q->g, 0x80) << 7);
		AS(a, 0x0f, 0xae);
		as_address(a, 2, LOG_CELL);
		AS(a, 0x0f, 0x5e, 0xc1); /* DIVPS */
		break;
	case 2:
		AS(a, 0xd9, 0xe8, 0x9b);
		break;
	default:
		AS(a, 0x0f, 0x06, 0x0f, 0x57, 0xc1); /* CLTS, XORPS */
		break;
	}
}
