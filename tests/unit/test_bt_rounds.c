/* SPDX-License-Identifier: MIT */
/* Loops whose rounds share their look-ups (bt/translate_rounds.c). */
#include "tests/unit/pair_rig.h"

#include <CUnit/CUnit.h>
#include <string.h>

static const struct bt_stats *stats(const struct pair *p)
{
	return &bt_of(vm_vcpu(p->bt))->stats;
}

/* ---- loops as compilers make them ------------------------------------------------------------ */

/* RDI, RSI: places in data. R12: how many times. */
PAIR_ASM(words, 64, "1: movq (%rdi), %rax\n addq $8, %rdi\n addq %rax, %rbx\n decl %r12d\n jnz 1b");
PAIR_ASM(copying, 64,
	 "xorl %edx, %edx\n"
	 "1: movl %edx, %ecx\n movq 0x20000100(,%rcx,8), %rax\n addl $1, %edx\n"
	 "movq %rax, 0x20004100(,%rcx,8)\n cmpl %edx, %r12d\n jne 1b");
PAIR_ASM(three, 64,
	 "xorl %eax, %eax\n leal 1(%rax), %edx\n movl %r12d, %ecx\n jmp 2f\n"
	 "1: addl $1, %edx\n"
	 "2: movsd 0x20000140(,%rax,8), %xmm0\n mulsd %xmm1, %xmm0\n"
	 "addsd 0x20003140(,%rax,8), %xmm0\n movsd %xmm0, 0x20007140(,%rax,8)\n"
	 "movl %edx, %eax\n cmpl %ecx, %eax\n jne 1b");
PAIR_ASM(columns, 64,
	 "pxor %xmm0, %xmm0\n"
	 "1: movdqu (%rsi), %xmm1\n movdqu (%rcx), %xmm2\n paddq %xmm2, %xmm1\n addq $0xc0, %rcx\n "
	 "leaq 8(%rsi), %rsi\n"
	 "paddd %xmm1, %xmm0\n decl %r12d\n jnz 1b");
PAIR_ASM(downwards, 64,
	 "1: movb -1(%rdi), %al\n subq $1, %rdi\n movb %al, (%rsi)\n decq %rsi\n decl %r12d\n jnz "
	 "1b");
PAIR_ASM(fixed, 64,
	 "movl $0x100, %ecx\n movq %rdi, %r13\n movl $0, %r14d\n"
	 "1: movzwl (%rdi,%rcx), %eax\n addw %ax, (%rsi,%rcx,2)\n xorb %al, (%r13,%rcx)\n"
	 "movb %al, (%rdx,%r14,4)\n addl $2, %ecx\n decl %r12d\n jnz 1b");
PAIR_ASM(always, 64,
	 "1: cmpl $0, %r12d\n je 2f\n decl %r12d\n movl %r12d, (%rdi)\n incq %rdi\n jmp 1b\n 2: "
	 "nop");
PAIR_ASM(stack, 64,
	 "1: movq -0x800(%rsp), %rax\n addq %rax, (%rsi)\n leaq 8(%rsp), %rsp\n decl %r12d\n"
	 "jnz 1b\n xorl %ecx, %ecx\n movl $20, %r12d\n"
	 "1: addq %rax, -0x400(%rsp,%rcx,8)\n addq $1, %rcx\n decl %r12d\n jnz 1b");
PAIR_ASM(counts, 64,
	 "1: addl %r12d, 0x200000f0\n movq 0x1fc00ff1(%rip), %rax\n lock addq %rdx, 0x20006000\n"
	 "decl %r12d\n jnz 1b");
PAIR_ASM(found, 64, "1: cmpb %al, (%rdi)\n je 2f\n addq $1, %rdi\n decl %r12d\n jnz 1b\n 2: nop");

#define LOOP(name)                      \
	{                               \
#name, name, name##_end \
	}
static const struct {
	const char *name;
	const u8 *code, *end;
} loops[] = { LOOP(words), LOOP(copying), LOOP(three), LOOP(columns), LOOP(downwards),
	      LOOP(fixed), LOOP(always),  LOOP(stack), LOOP(counts),  LOOP(found) };

static void state(struct pair *p, u64 from, u64 to, u64 times)
{
	pair_state(p);
	p->s.gpr[RDI] = from;
	p->s.gpr[RSI] = to;
	p->s.gpr[RCX] = to + 0x200;
	p->s.gpr[RDX] = to + 0x300;
	p->s.gpr[R12] = times;
}

/* Everywhere on a page, on to the next one and beyond the last. */
static void test_loops(void)
{
	for (size_t k = 0; k < ARRAY_SIZE(loops); k++) {
		struct pair p;

		pair_up(&p, true);
		for (u64 n = 0; n < 24; n++) {
			state(&p, PAIR_DATA + 0x2000 + n * 0x158, PAIR_DATA + 0x6ff8 - n * 0x7a,
			      n * 9 + 1);
			pair_run(&p, loops[k].code, (size_t)(loops[k].end - loops[k].code));
		}
		CU_ASSERT(stats(&p)->rounds);
		if (!stats(&p)->rounds)
			printf("\n  %s: not in rounds", loops[k].name);
		pair_down(&p);
	}
}

/* Into pages that are not there, cannot be written, are no memory. */
static void test_ends(void)
{
	static const u64 ends[] = { PAIR_DATA + PAIR_PAGES * PAGE_SIZE - 0x103,
				    PAIR_DATA + PAIR_PAGES * PAGE_SIZE - 0x100,
				    PAIR_DATA + 0x107,
				    PAIR_RO - 0x80,
				    PAIR_RO + 0xf00,
				    PAIR_DEVICE - 8,
				    PAIR_DEVICE + 0xf80,
				    PAIR_DATA + (1ull << 44),
				    0x7fffffffff80,
				    0xffffffffffffffc0 };

	for (size_t k = 0; k < ARRAY_SIZE(loops); k++)
		for (size_t n = 0; n < 2 * ARRAY_SIZE(ends); n++) {
			const u64 data = PAIR_DATA + 0x3000, end = ends[n / 2];
			struct pair p;

			pair_up(&p, true);
			state(&p, data, data + 0x2000, 60);
			pair_run(&p, loops[k].code, (size_t)(loops[k].end - loops[k].code));
			state(&p, n & 1 ? data : end, n & 1 ? end : data, 60);
			pair_run(&p, loops[k].code, (size_t)(loops[k].end - loops[k].code));
			pair_down(&p);
		}
}

/* What is written is what comes next. */
PAIR_ASM(overwrite, 64,
	 "1: movb %al, (%rdi)\n addq $1, %rdi\n decl %r12d\n jnz 1b\n nop\n nop\n nop\n nop\n nop\n"
	 "incl %ebx\n nop\n nop\n nop");

static void test_overwrite(void)
{
	struct pair p;

	pair_up(&p, true);
	for (u64 n = 0; n < 40; n++) {
		state(&p, PAIR_DATA + 0x100, PAIR_DATA, 100);
		PAIR_RUN(&p, overwrite);
		/* The page is no other one, only seen elsewhere. */
		state(&p, PAIR_CODE - 40 + n, PAIR_DATA, 50);
		p.s.gpr[RDI] = PAIR_LARGE + PAIR_CODE_AT + n;
		p.s.gpr[RAX] = 0x90;
		PAIR_RUN(&p, overwrite);
		state(&p, PAIR_CODE + n, PAIR_DATA, 30);
		p.s.gpr[RAX] = 0xf4;
		PAIR_RUN(&p, overwrite);
	}
	pair_down(&p);
}

/* 32-bit counters that wrap around: at 2^32 the addresses begin anew. */
PAIR_ASM(wraps, 64,
	 "1: movl %ecx, %eax\n addl $3, (%rdi,%rax)\n addl $4, %ecx\n decl %r12d\n jnz 1b");
PAIR_ASM(wraps_down, 64,
	 "1: leal -4(%rcx), %ecx\n movl (%rdi,%rcx,4), %eax\n addl %eax, %ebx\n decl %r12d\n jnz "
	 "1b");

static void test_wraps(void)
{
	struct pair p;

	pair_up(&p, true);
	for (u64 n = 0; n < 200; n += 4) {
		state(&p, PAIR_DATA + 0x800ull - 0xffffff00, 0, 60);
		p.s.gpr[RCX] = 0xffffff00 + n;
		PAIR_RUN(&p, wraps);
		state(&p, PAIR_DATA + 0x800, 0, 60);
		p.s.gpr[RCX] = n + (n & 8 ? 1ull << 32 : 0);
		PAIR_RUN(&p, wraps_down);
	}
	CU_ASSERT(stats(&p)->rounds);
	/* Nothing was accessed that is not there, 4 GiB away from where the guest's memory is. */
	CU_ASSERT_EQUAL(stats(&p)->faults, 0);
	pair_down(&p);
}

/* ---- any loop -------------------------------------------------------------------------------- */

static u32 seed;

static u32 below(u32 n)
{
	seed = seed * 1664525 + 1013904223;
	return (u32)((u64)seed * n >> 32);
}

struct writer {
	u8 code[256];
	size_t n;
};

static void bytes(struct writer *w, u64 value, unsigned int nr)
{
	memcpy(w->code + w->n, &value, nr);
	w->n += nr;
}

/* All but RSP and R12. */
static u8 any(void)
{
	static const u8 regs[] = { RAX, RCX, RDX, RBX, RBP, RSI, RDI, R8, R9, R10, R11, R13, R14 };

	return regs[below(below(4) ? 11 : ARRAY_SIZE(regs))];
}

static void modrm(struct writer *w, u8 opcode, bool wide, u8 reg, u8 rm)
{
	bytes(w, 0x40 | wide << 3 | reg >> 3 << 2 | rm >> 3, 1);
	bytes(w, opcode, 1);
	bytes(w, 0xc0 | (reg & 7) << 3 | (rm & 7), 1);
}

/* OPCODE REG, [base + index * scale + disp], or without index, or without base. */
static void memory(struct writer *w, u8 opcode, bool wide, u8 reg)
{
	u8 base = any(), index = any(), form = (u8)below(3);
	s32 disp = (s32)below(64) * 4;

	bytes(w,
	      0x40 | wide << 3 | reg >> 3 << 2 | (form != 1 ? index >> 3 << 1 : 0) |
		      (form != 2 ? base >> 3 : 0),
	      1);
	bytes(w, opcode, 1);
	bytes(w, (form == 2 ? 0x04 : 0x84) | (reg & 7) << 3, 1);
	bytes(w,
	      (form == 1 ? below(4) << 6 | 0x20 : below(4) << 6 | (index & 7) << 3) |
		      (form == 2 ? 5 : base & 7),
	      1);
	bytes(w, (u32)(form == 2 ? disp + (s32)PAIR_DATA : disp), 4);
}

/* One of the instructions that the translator follows, or does not. */
static void any_insn(struct writer *w)
{
	static const u8 accesses[] = { 0x8b, 0x8b, 0x89, 0x03, 0x01, 0x3b, 0x33, 0x63, 0x87 };
	bool wide = below(2);

	switch (below(8)) {
	case 0:
		modrm(w, 0x83, wide, below(2) * 5, any());
		bytes(w, below(24) - 4, 1);
		return;
	case 1:
		modrm(w, below(2) ? 0x89 : 0x8b, wide, any(), any());
		return;
	case 2:
		modrm(w, 0xff, wide, (u8)below(2), any());
		return;
	case 3:
		memory(w, 0x8d, wide, any());
		return;
	case 4:
		modrm(w, below(3) ? 0x31 : 0xd3, wide, 4, any()); /* XOR; SHL by CL */
		return;
	default:
		memory(w, accesses[below(ARRAY_SIZE(accesses))], wide, any());
	}
}

/* Counters, places in data, and mixtures of both. */
static u64 any_value(void)
{
	static const u64 near[] = { 0, PAIR_DATA, 0xffffff80, PAIR_DATA / 8, PAIR_DATA / 2 };

	return near[below(below(2) ? 2 : ARRAY_SIZE(near))] + below(0x40) * 4 +
	       (below(3) ? 0 : below(8) << 12);
}

static void test_any(void)
{
	struct pair p;
	u64 rounds = 0;

	seed = 1;
	for (unsigned int n = 0; n < 500; n++) {
		struct writer w = { .n = 0 };
		unsigned int insns = 1 + below(6);

		for (unsigned int k = 0; k < insns; k++)
			any_insn(&w);
		modrm(&w, 0xff, false, 1, R12);
		bytes(&w, 0x850f, 2);
		bytes(&w, (u32) - (s32)(w.n + 4), 4);
		bytes(&w, 0xf4, 1);
		pair_up(&p, true);
		for (unsigned int k = 0; k < 3; k++) {
			pair_state(&p);
			for (u8 r = 0; r < NR_GPR; r++)
				if (r != RSP)
					p.s.gpr[r] = any_value();
			p.s.gpr[R12] = 1 + below(80);
			pair_run(&p, w.code, w.n);
		}
		rounds += stats(&p)->rounds;
		pair_down(&p);
	}
	CU_ASSERT(rounds > 50);
}

CU_TestInfo tests_bt_rounds[] = { { "loops", test_loops },
				  { "ends of memory", test_ends },
				  { "loops over themselves", test_overwrite },
				  { "counters that wrap around", test_wraps },
				  { "any loop", test_any },
				  CU_TEST_INFO_NULL };
