/* SPDX-License-Identifier: MIT */
/* What steps share: selectors, descriptors, pieces of code for any mode. */
#include "tests/kvmoracle/steps.h"

const struct step steps[] = {
#define STEP(name, modes, weight) { #name, step_##name, modes, weight },
#include "tests/kvmoracle/steps.def"
#undef STEP
};
const unsigned int nr_steps = ARRAY_SIZE(steps);

/* The same bytes in 16-, 32- and 64-bit code; nothing that takes a host's values. */
static const struct {
	u8 n, bytes[5];
} fragments[] = {
	{ 1, { 0x90 } },
	{ 1, { 0x9c } }, /* PUSHF */
	{ 1, { 0x9d } },
	{ 1, { 0xfa } }, /* POPF, CLI */
	{ 1, { 0xf8 } },
	{ 2, { 0xcd, 0x21 } }, /* CLC, INT */
	{ 1, { 0xcc } },
	{ 1, { 0xce } }, /* INT3, INTO */
	{ 2, { 0xe4, 0xc4 } },
	{ 2, { 0xe6, 0xc5 } }, /* IN, OUT */
	{ 2, { 0x0f, 0x06 } },
	{ 3, { 0x0f, 0x01, 0xf8 } }, /* CLTS, SWAPGS */
	{ 3, { 0x0f, 0x00, 0xc0 } },
	{ 3, { 0x0f, 0x00, 0xc8 } }, /* SLDT, STR */
	{ 3, { 0x0f, 0x01, 0xe0 } },
	{ 2, { 0x0f, 0x05 } }, /* SMSW, SYSCALL */
	{ 1, { 0xcf } },       /* IRET; not SYSENTER, after which QEMU puts off a single step */
	{ 1, { 0xcb } },
	{ 1, { 0x9f } }, /* RETF, LAHF */
	{ 3, { 0x0f, 0x20, 0xc0 } },
	{ 3, { 0x0f, 0x21, 0xc0 } }, /* MOV CR0, DR0 */
	{ 2, { 0x8c, 0xd8 } },
	{ 2, { 0x8e, 0xc0 } }, /* MOV DS, MOV to ES */
	{ 3, { 0x0f, 0x01, 0xe1 } },
	{ 3, { 0x0f, 0x03, 0xc1 } }, /* LSL */
	{ 3, { 0x0f, 0x00, 0xe1 } },
	{ 3, { 0x0f, 0x00, 0xe9 } }, /* VERR, VERW */
	{ 1, { 0x06 } },
	{ 1, { 0x07 } }, /* PUSH ES, POP ES */
	{ 1, { 0x60 } },
	{ 1, { 0x61 } }, /* PUSHA, POPA */
	{ 2, { 0x0f, 0x0b } },
	{ 2, { 0xf7, 0xf1 } }, /* UD2, DIV */
	{ 2, { 0xd9, 0xe8 } },
	{ 3, { 0x0f, 0x57, 0xc0 } }, /* FLD1, XORPS */
	{ 1, { 0x9b } },
	{ 2, { 0xdb, 0xe3 } }, /* FWAIT, FNINIT */
	{ 1, { 0x9f } },
	{ 1, { 0xf4 } }, /* LAHF, HLT */
	{ 2, { 0x0f, 0xa1 } },
	{ 2, { 0x0f, 0xa8 } }, /* POP FS, PUSH GS */
	{ 1, { 0x98 } },
	{ 2, { 0x8e, 0xd0 } },			 /* CWDE, MOV to SS */
	{ 5, { 0x24, 0xfa, 0x0f, 0x01, 0xf0 } }, /* AND AL, ~(EM | PE); LMSW */
	{ 3, { 0x0f, 0x00, 0xd0 } },		 /* LLDT */
	{ 5, { 0xc8, 0x08, 0x00, 0x00, 0xc9 } },
	{ 4, { 0xc8, 0x08, 0x00, 0x01 } }, /* ENTER and LEAVE, ENTER */
	{ 1, { 0x99 } },
	{ 2, { 0x0f, 0x09 } }, /* CDQ, WBINVD */
};

void step_fragment(struct sequence *q, struct as *a)
{
	u32 n = gen_below(q->g, ARRAY_SIZE(fragments));

	/* HLT is the end. */
	if (fragments[n].bytes[0] == 0xf4 && !gen_one_in(q->g, 8))
		n = 0;
	/* IRET in long mode: QEMU heeds VM in the flags that it finds there. Nor does it look at
	 * the RPL of what is null in MOV to SS. */
	if (q->lng && (fragments[n].bytes[0] == 0xcf ||
		       (fragments[n].bytes[0] == 0x8e && fragments[n].bytes[1] == 0xd0)))
		n = 0;
	if (q->real && fragments[n].bytes[1] == 0x05) /* SYSCALL: who has it there, differs */
		n = 0;
	as_bytes(a, fragments[n].bytes, fragments[n].n);
}

u32 step_pad(struct sequence *q)
{
	struct as pad = { .w = q->a.w, .at = q->pads, .bits = q->a.bits };
	u32 at = q->pads;

	if (q->pads >= PADS_END - PAD_SIZE)
		return PADS;
	for (u32 n = gen_below(q->g, 4); n; n--)
		step_fragment(q, &pad);
	AS(&pad, 0xcd, (u8)(0x20 + gen_below(q->g, 32)));
	q->pads += PAD_SIZE;
	return at;
}

u16 step_code_selector(struct sequence *q)
{
	static const u16 code[] = { SEL_CODE32, SEL_CODE16, SEL_UCODE32 | 3, SEL_UCODE16 | 3 };
	static const u16 wide[] = { SEL_CODE64, SEL_UCODE64 | 3 };

	if (q->real)
		return (u16)gen_below(q->g, 3);
	if (gen_one_in(q->g, 4))
		return step_selector(q);
	if (q->lng && gen_one_in(q->g, 2))
		return wide[gen_below(q->g, 2)];
	return code[gen_below(q->g, 4)];
}

u16 step_selector(struct sequence *q)
{
	static const u16 known[] = { SEL_CODE32, SEL_DATA,     SEL_UCODE32 | 3, SEL_UDATA | 3,
				     SEL_TSS,	 SEL_LDT,      SEL_CODE16,	SEL_CODE64,
				     SEL_TSS2,	 SEL_TSS16,    SEL_TASK_GATE,	SEL_UCODE64 | 3,
				     SEL_UDATA,	 SEL_DATA | 3, SEL_UDATA | 3,	SEL_DATA };
	u16 rpl = gen_one_in(q->g, 2) ? (u16)gen_below(q->g, 4) : 0;

	switch (gen_below(q->g, 8)) {
	case 0:
		return rpl;
	case 1:
	case 2:
		return (u16)(SEL_FREE + gen_below(q->g, 19) * 8) | rpl;
	case 3:
		return (u16)(gen_below(q->g, 33) * 8) | 4 | rpl;
	case 4:
		return (u16)(SEL_GATES + gen_below(q->g, 11) * 8) | rpl;
	default:
		return known[gen_below(q->g, ARRAY_SIZE(known))];
	}
}

/* Types: 4, 6, 7, 12, 14, 15. */
u64 step_gate(struct sequence *q, u8 type, u16 selector, u32 offset)
{
	u64 rights = 0x80;

	if (gen_one_in(q->g, 16))
		rights = 0;
	if (gen_one_in(q->g, 2))
		rights |= gen_below(q->g, 4) << 5;
	return (offset & 0xffff) | (u64)selector << 16 | (rights | type) << 40 |
	       (u64)(offset >> 16) << 48;
}

u64 step_descriptor(struct sequence *q)
{
	static const u8 gates[] = { 4, 12, 5, 12 };
	u32 type = gen_below(q->g, 16), attr = type | ATTR_S;

	if (gen_one_in(q->g, 8)) {
		type = gates[gen_below(q->g, 4)];
		if (type == 5)
			return step_gate(q, 5, SEL_TSS2, 0);
		return step_gate(q, (u8)type, step_code_selector(q), step_pad(q)) |
		       (u64)(gen_one_in(q->g, 4) ? gen_below(q->g, 4) : 0) << 32;
	}
	if (gen_one_in(q->g, 16))
		attr = type; /* system: what it is, makes no sense */
	if (!q->lng && (attr & (ATTR_S | 8)) == ATTR_S)
		attr &= ~4u; /* QEMU checks no limits: none that expand down */
	attr |= gen_below(q->g, 4) << ATTR_DPL_SHIFT;
	if (!gen_one_in(q->g, 8))
		attr |= ATTR_P;
	if (gen_one_in(q->g, 2))
		attr |= ATTR_DB;
	if (q->lng && gen_one_in(q->g, 2)) /* L with D: QEMU's far returns take it */
		attr = (attr & ~(u32)ATTR_DB) | ATTR_L;
	/* Code begins at 0, or what was written for it would not be there. */
	return world_descriptor(type & 8 || gen_one_in(q->g, 2) ? 0 : gen_below(q->g, 0x100) << 8,
				0xffffffff, attr | ATTR_G);
}

void step_result(struct sequence *q)
{
	if (q->results + 4 <= W_LOG + 0x1000)
		as_store(&q->a, q->results, RAX);
	q->results += 4;
}

u32 step_flags(struct sequence *q)
{
	u32 flags =
		(u32)(RFLAGS_FIXED | (gen_u64(q->g) & (RFLAGS_ARITH | RFLAGS_IF | RFLAGS_IOPL)));

	if (gen_one_in(q->g, 8))
		flags |= RFLAGS_TF;
	if (gen_one_in(q->g, 12))
		flags |= RFLAGS_NT;
	if (gen_one_in(q->g, 8))
		flags |= RFLAGS_RF;
	if (gen_one_in(q->g, 4))
		flags |= gen_u64(q->g) & (RFLAGS_AC | RFLAGS_ID);
	return flags;
}

u32 step_address(struct sequence *q)
{
	if (q->a.bits == 16) /* QEMU checks no limits */
		return gen_below(q->g, 0x200) * 16 + W_CODE + CODE_SIZE;
	if (gen_one_in(q->g, 4))
		return W_DATA + gen_below(q->g, 5) * 0x1000 - gen_below(q->g, 8);
	return W_DATA + gen_below(q->g, 0x4ff) * 16;
}
