/* SPDX-License-Identifier: MIT */
/* Steps that change tables and system registers. */
#include "tests/kvmoracle/steps.h"

static void put64(struct as *a, u32 at, u64 value)
{
	as_put(a, at, (u32)value);
	as_put(a, at + 4, (u32)(value >> 32));
}

static u8 pick_vector(struct sequence *q)
{
	static const u8 often[] = { 0, 1, 3, 5, 6, 7, 8, 10, 11, 12, 13, 14, 17, 0x21 };

	return gen_one_in(q->g, 2) ? often[gen_below(q->g, ARRAY_SIZE(often))]
				   : (u8)(0x20 + gen_below(q->g, 32));
}

void step_idt(struct sequence *q)
{
	static const u8 types[] = { 14, 14, 14, 15, 15, 6, 7, 14 };
	u8 vector = pick_vector(q), type = types[gen_below(q->g, 8)];
	u32 handler = W_HANDLERS + vector * HANDLER_SIZE;
	u16 selector = q->lng ? SEL_CODE64 : SEL_CODE32;
	u64 gate;

	if (q->real) {
		as_put(&q->a, W_IVT + vector * 4u, handler | gen_below(q->g, 4) << 20);
		return;
	}
	if (gen_one_in(q->g, 16))
		type = (u8)gen_below(q->g, 16);
	if (gen_one_in(q->g, 4))
		selector = step_code_selector(q);
	gate = step_gate(q, type, selector, handler);
	put64(&q->a, W_IDT + vector * (q->lng ? 16u : 8u), gate);
	if (gen_one_in(q->g, 2))
		AS(&q->a, 0xcd, vector);
}

/* LAR EAX, without the bits that the manual leaves undefined. */
static void step_lar(struct sequence *q, enum gpr reg)
{
	as_wide(&q->a);
	AS(&q->a, 0x0f, 0x02, (u8)(0xc0 | reg));
	as_wide(&q->a);
	AS(&q->a, 0x25); /* AND EAX */
	as_imm(&q->a, 0xf0ff00, 4);
	step_result(q);
}

void step_gdt(struct sequence *q)
{
	u32 slot = gen_below(q->g, 19);
	bool local = gen_one_in(q->g, 3);
	u32 at = local ? W_LDT + slot * 8 : W_GDT + SEL_FREE + slot * 8;
	u64 descriptor = step_descriptor(q);

	put64(&q->a, at, descriptor);
	if (q->lng && gen_one_in(q->g, 4))
		put64(&q->a, at + 8, gen_one_in(q->g, 4) ? gen_u64(q->g) : 0);
	as_set(&q->a, RAX, local ? slot * 8 | 4 : SEL_FREE + slot * 8);
	switch (gen_below(q->g, 4)) {
	case 0:
		as_sreg(&q->a, SEG_ES, RAX);
		break;
	case 1:
		as_sreg(&q->a, SEG_GS, RAX);
		break;
	case 2:
		if (!q->lng)
			step_lar(q, RAX);
		break;
	default:
		break;
	}
}

/* Loads, stores and calls; what faults ends the step. */
static void access_page(struct sequence *q, u32 page)
{
	switch (gen_below(q->g, 3)) {
	case 0:
		as_load(&q->a, RAX, page + gen_below(q->g, 0xff0));
		step_result(q);
		break;
	case 1:
		as_store(&q->a, page + gen_below(q->g, 0xff0), RAX);
		break;
	default: /* RET there */
		as_put(&q->a, page + 0x7f0, 0xc3);
		as_set(&q->a, RAX, page + 0x7f0);
		AS(&q->a, 0xff, 0xd0);
		break;
	}
}

static void flush(struct sequence *q, u32 page, bool one)
{
	struct as *a = &q->a;

	if (one) {
		AS(a, 0x0f, 0x01); /* INVLPG */
		as_address(a, 7, page);
	} else {
		AS(a, 0x0f, 0x20, 0xd8, 0x0f, 0x22, 0xd8); /* MOV CR3 */
	}
}

void step_page(struct sequence *q)
{
	static const u32 pages[] = { W_DATA,	      W_DATA + 0x1000, W_DATA + 0x2000,
				     W_DATA + 0x3000, W_DATA + 0x4000, W_DATA };
	/* Not the user's stack: QEMU's far returns at CPL 3 access it as the kernel would. */
	u32 page = pages[gen_below(q->g, 6)], size = q->s->paging == 32 ? 4 : 8;
	u64 entry = page | 0x67;
	u32 at = (q->s->paging ? W_PT_SHOWN : W_PT) + (page >> 12) * size;
	bool directory = gen_one_in(q->g, 12);

	if (gen_one_in(q->g, 4))
		entry ^= BIT64(gen_below(q->g, 3));
	if (gen_one_in(q->g, 4))
		entry ^= gen_u64(q->g) & 0xe78; /* PWT, PCD, A, D, ignored ones */
	if (size == 8 && gen_one_in(q->g, 4))
		entry |= BIT64(63);
	if (size == 8 && gen_one_in(q->g, 16))
		entry |= BIT64(40 + gen_below(q->g, 20));
	if (directory) { /* the directory's: a table, or a large page of the same */
		at = q->s->paging == 32 ? W_PML4 : W_PD;
		entry = gen_one_in(q->g, 2) ? 0xe7 : W_PT | 0x67;
		entry ^= gen_one_in(q->g, 4) ? BIT64(1 + gen_below(q->g, 2)) : 0;
		entry ^= entry & 0x80 && gen_one_in(q->g, 8) ? BIT64(13) : 0;
	}
	as_put(&q->a, at, (u32)entry);
	if (size == 8)
		as_put(&q->a, at + 4, (u32)(entry >> 32));
	flush(q, page, !directory && gen_one_in(q->g, 2));
	access_page(q, page);
	if (gen_one_in(q->g, 2))
		access_page(q, page);
}

static u64 control_bits(struct sequence *q, unsigned int cr)
{
	static const u8 cr0[] = { 3, 3, 16, 16, 18, 1 };
	static const u8 cr4[] = { 2, 3, 8, 10, 7, 4, 5, 11, 12, 14, 16, 17, 22, 30 };
	/* PAE: loads PDPTEs, in which QEMU has set accessed bits, which KVM takes for reserved
	 * ones. */
	bool loads = q->s->paging == 36;
	static const u8 cr3[] = { 3, 4, 0, 11, 3, 4 };

	switch (cr) {
	case 0:
		return BIT64(cr0[gen_below(q->g, ARRAY_SIZE(cr0))]);
	case 4:
		if (loads)
			return BIT64(cr4[gen_below(q->g, 4)]);
		return BIT64(cr4[gen_below(q->g, gen_one_in(q->g, 4) ? ARRAY_SIZE(cr4) : 6)]);
	default:
		return BIT64(cr3[gen_below(q->g, ARRAY_SIZE(cr3))]);
	}
}

/* XOR RAX with BITS */
static void toggle(struct sequence *q, u64 bits)
{
	struct as *a = &q->a;

	if (q->lng) {
		as_set(a, RDX, bits);
		AS(a, 0x48, 0x31, 0xd0);
	} else {
		as_wide(a);
		AS(a, 0x35);
		as_imm(a, bits, 4);
	}
}

void step_control(struct sequence *q)
{
	static const u8 numbers[] = { 0, 0, 4, 4, 3, 2 };
	u8 cr = numbers[gen_below(q->g, 6)], modrm = (u8)(0xc0 | cr << 3);
	struct as *a = &q->a;

	switch (gen_below(q->g, 8)) {
	case 0:
		/* Not EM: with TS too, QEMU makes #NM of SSE where #UD comes first. */
		as_set(a, RAX, gen_below(q->g, 16) & ~(q->real ? 5u : 4u));
		AS(a, 0x0f, 0x01, 0xf0); /* LMSW */
		break;
	case 1:
		AS(a, 0x0f, 0x06); /* CLTS */
		break;
	case 2: /* no such register */
		AS(a, 0x0f, gen_one_in(q->g, 2) ? 0x20 : 0x22,
		   (u8)(0xc8 + 8 * (gen_below(q->g, 2) * 4)));
		break;
	default:
		AS(a, 0x0f, 0x20, modrm);
		toggle(q, control_bits(q, cr));
		AS(a, 0x0f, 0x22, modrm);
		if (gen_one_in(q->g, 2)) {
			AS(a, 0x0f, 0x20, modrm);
			toggle(q, control_bits(q, cr));
			AS(a, 0x0f, 0x22, modrm);
		}
		break;
	}
	AS(a, 0x0f, 0x20, modrm);
	step_result(q);
	if (gen_one_in(q->g, 2))
		as_store(a, step_address(q), RAX);
}

/* QEMU does not check these. */
static bool is_address(u32 msr)
{
	return msr < 0x200 || (msr >= 0xc0000082 && msr <= 0xc0000102 && msr != 0xc0000084);
}

void step_msr(struct sequence *q)
{
	static const u32 known[] = { 0x174,	 0x175,	     0x176,	 0xc0000080, 0xc0000080,
				     0xc0000081, 0xc0000082, 0xc0000083, 0xc0000084, 0xc0000100,
				     0xc0000101, 0xc0000102, 0x277,	 0xc0000103 };
	/* LME without paging makes the rig hang. */
	static const u8 efer[] = { 0, 11, 0, 11, 8, 10, 1, 14, 31, 12 };
	u32 msr = known[gen_below(q->g, ARRAY_SIZE(known))], low = (u32)gen_value(q->g);
	struct as *a = &q->a;

	if (msr == 0xc0000084)
		low |= RFLAGS_ARITH; /* QEMU's SYSCALL loses them all */
	if (msr == 0x174)
		low &= 0xfffc; /* QEMU has no more, and takes 1 to 3 for code segments */
	if (msr == 0xc0000080)
		low = BIT(efer[gen_below(q->g, q->s->paging ? ARRAY_SIZE(efer) : 4)]);
	as_set(a, RCX, msr);
	AS(a, 0x0f, 0x32);
	as_wide(a);
	AS(a, msr == 0xc0000084 ? 0x0d : 0x35); /* OR or XOR EAX, low */
	as_imm(a, low, 4);
	if (gen_one_in(q->g, 4) && !is_address(msr))
		as_set(a, RDX, (u32)gen_value(q->g));
	AS(a, 0x0f, 0x30, 0x0f, 0x32);
	step_result(q);
	if (gen_one_in(q->g, 2) && msr >= 0xc0000100 && q->lng) {
		AS(a, 0x0f, 0x01, 0xf8); /* SWAPGS */
		AS(a, 0x65);
		as_load(a, RAX, step_address(q));
	}
}

/* SGDT, SIDT, and their loads, mostly of what is there already. */
void step_table(struct sequence *q)
{
	bool idt = gen_one_in(q->g, 2), odd = gen_one_in(q->g, 8);
	u32 base = !idt ? W_GDT : q->real ? W_IVT : W_IDT;
	u32 limit = !idt ? SEL_END - 1 : q->real ? 0x3ff : q->lng ? 0xfff : 0x7ff;
	struct as *a = &q->a;

	if (odd && !idt) /* the rig hangs when events have no gate */
		limit = gen_below(q->g, limit);
	as_put(a, LOG_CELL + 2, base);
	as_put(a, LOG_CELL + 6, 0);
	as_wide(a);
	AS(a, 0xc7); /* the limit last: 16 bits of it are in front of the base */
	as_address(a, 0, LOG_CELL);
	as_imm(a, limit | base << 16, 4);
	as_wide(a);
	AS(a, 0x0f, 0x01);
	as_address(a, idt ? 3 : 2, LOG_CELL);
	AS(a, 0x0f, 0x01);
	as_address(a, gen_below(q->g, 2), LOG_CELL);
	as_load(a, RAX, LOG_CELL + gen_below(q->g, 4));
	step_result(q);
}

/* LLDT, LTR, and what asks about descriptors. */
void step_system_segment(struct sequence *q)
{
	static const u8 ask[][2] = { { 0x02, 0xc1 }, { 0x03, 0xc1 }, { 0x00, 0xe1 }, { 0x00, 0xe9 },
				     { 0x00, 0xc0 }, { 0x00, 0xc8 }, { 0x01, 0xe0 } };
	static const u16 good[] = { SEL_LDT, SEL_TSS2, SEL_TSS2, SEL_TSS };
	u16 selector = gen_one_in(q->g, 2) ? good[gen_below(q->g, 4)] : step_selector(q);
	/* QEMU's LAR takes types in long mode that are none there. */
	u32 n = gen_below(q->g, ARRAY_SIZE(ask) - q->lng) + q->lng;
	struct as *a = &q->a;

	if (gen_one_in(q->g, 3)) {
		bool task = gen_one_in(q->g, 2) && selector >= 4; /* QEMU lets it be null */

		as_set(a, RAX, selector);
		AS(a, 0x0f, 0x00, task ? 0xd8 : 0xd0);
		return;
	}
	as_set(a, RCX, step_selector(q));
	as_set(a, RAX, 0x12345678);
	as_wide(a);
	if (n == 0) {
		step_lar(q, RCX);
	} else {
		AS(a, 0x0f, ask[n][0], ask[n][1]);
		step_result(q);
	}
	as_wide(a);
	AS(a, 0x9c); /* PUSHF: ZF */
	as_wide(a);
	AS(a, 0x58);
	step_result(q);
}

void step_debug(struct sequence *q)
{
	u32 address = gen_one_in(q->g, 2) ? step_address(q) : q->a.at + 16 + gen_below(q->g, 16);
	u8 n = (u8)gen_below(q->g, 4);
	u64 control = gen_u64(q->g) & (3u << 2 * n | 15u << (16 + 4 * n));
	struct as *a = &q->a;

	if (gen_one_in(q->g, 8))
		control |= gen_u64(q->g) & 0xf300;
	as_set(a, RAX, address);
	AS(a, 0x0f, 0x23, (u8)(0xc0 | n << 3));
	as_set(a, RAX, control);
	AS(a, 0x0f, 0x23, gen_one_in(q->g, 8) ? 0xe8 : 0xf8); /* DR7, or DR5 */
	switch (gen_below(q->g, 3)) {
	case 0:
		as_store(a, address, RAX);
		break;
	case 1:
		as_load(a, RAX, address);
		break;
	default:
		AS(a, 0x0f, 0x21, (u8)(0xf0 | n << 3)); /* MOV from DR6, DR7 */
		step_result(q);
		break;
	}
}

void step_fast_call(struct sequence *q)
{
	u32 to = step_pad(q);
	struct as *a = &q->a;

	as_set(a, RCX, to);
	as_set(a, RDX, to);
	if (a->bits == 64) {
		AS(a, 0x41, 0xbb); /* MOV R11D */
		as_imm(a, step_flags(q), 4);
	}
	if (gen_one_in(q->g, 2) && a->bits == 64)
		AS(a, 0x48);
	/* QEMU has SYSENTER and SYSEXIT in long mode, where AMD's processors do not. */
	switch (q->real ? 1 + gen_below(q->g, 3) : gen_below(q->g, q->lng ? 2 : 4)) {
	case 0:
		AS(a, 0x0f, 0x05);
		break;
	case 1:
		AS(a, 0x0f, 0x07);
		break;
	case 2:
		AS(a, 0x0f, 0x34);
		break;
	default:
		AS(a, 0x0f, 0x35);
		break;
	}
}

/* JMP or CALL to a TSS or a task gate. */
void step_task(struct sequence *q)
{
	static const u16 tasks[] = { SEL_TSS2, SEL_TSS2, SEL_TASK_GATE, SEL_TSS2, SEL_TASK_GATE };
	u16 selector = tasks[gen_below(q->g, 5)] | (gen_one_in(q->g, 8) ? 3 : 0);
	struct as *a = &q->a;

	/* PUSHF, POPF: of flags that it has not computed yet, QEMU's switch loses the new ones. */
	as_wide(a);
	AS(a, 0x9c);
	as_wide(a);
	AS(a, 0x9d);
	as_wide(a);
	AS(a, gen_one_in(q->g, 2) ? 0x9a : 0xea);
	as_imm(a, 0, 4);
	as_imm(a, selector, 2);
}
