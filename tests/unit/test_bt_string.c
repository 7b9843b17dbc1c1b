/* SPDX-License-Identifier: MIT */
/* Short REP STOS and REP MOVS, and strings of bits (bt/translate_string.c). */
#include "tests/unit/pair_rig.h"

#include <CUnit/CUnit.h>

/* RBP times, each time as far behind RDI and RSI as R8 says. */
#define LOOP(name, text)                                                                      \
	PAIR_ASM(name, 64,                                                                    \
		 "1: movq %r12, %rcx\n addl $0x7fffffff, %r10d\n" text "\n adcq %rcx, %r11\n" \
		 "addq %r8, %rdi\n addq %r8, %rsi\n decl %ebp\n jnz 1b")

LOOP(stos1, "rep stosb");
LOOP(stos2, "rep stosw");
LOOP(stos4, "rep stosl");
LOOP(stos8, "rep stosq");
LOOP(movs1, "rep movsb");
LOOP(movs2, "rep movsw");
LOOP(movs4, "rep movsl");
LOOP(movs8, "rep movsq");
LOOP(down1, "std\n rep stosb\n rep movsb\n cld");
LOOP(down8, "std\n rep stosq\n movq %r12, %rcx\n rep movsq\n cld");

#define CODE(name)               \
	{                        \
		name, name##_end \
	}
static const struct {
	const u8 *code, *end;
} strings[] = { CODE(stos1), CODE(stos2), CODE(stos4), CODE(stos8), CODE(movs1),
		CODE(movs2), CODE(movs4), CODE(movs8), CODE(down1), CODE(down8) };

static void string(struct pair *p, unsigned int n, u64 to, u64 from, u64 count)
{
	pair_state(p);
	p->s.gpr[RDI] = to;
	p->s.gpr[RSI] = from;
	p->s.gpr[R12] = count;
	p->s.gpr[R8] = 24;
	p->s.gpr[RBP] = 3;
	pair_run(p, strings[n].code, (size_t)(strings[n].end - strings[n].code));
}

#define HERE  (PAIR_DATA + 3 * PAGE_SIZE)
#define THERE (PAIR_DATA + 6 * PAGE_SIZE)

static void all_counts(bool alignment)
{
	static const u64 counts[] = { 0, 1, 2, 7, 9, 31, 255, 256, 400 };
	struct pair p;

	pair_up(&p, true);
	vm_vcpu(p.bt)->bt_config.alignment = alignment;
	for (unsigned int n = 0; n < ARRAY_SIZE(strings); n++)
		for (unsigned int k = 0; k < ARRAY_SIZE(counts); k++) {
			string(&p, n, HERE + 8, THERE + 16, counts[k]);
			CU_ASSERT(p.end == EMU_HALT || n >= 8); /* those leave what is mapped */
			string(&p, n, HERE + 5, THERE + 19, counts[k]);
			string(&p, n, HERE + 24, HERE + 8, counts[k]);
			string(&p, n, HERE + 8, HERE + 9, counts[k]);
			string(&p, n, HERE - 40, THERE - 16, counts[k]);
			string(&p, n, HERE - 3, THERE - 7, counts[k]);
		}
	pair_down(&p);
}

static void test_counts(void)
{
	all_counts(false);
	all_counts(true);
}

/* Begin or end where nothing can be, or only be read, where a device is, or the code itself. */
static void test_places(void)
{
	static const u64 places[] = { PAIR_DATA + PAIR_PAGES * PAGE_SIZE,
				      PAIR_DATA,
				      PAIR_RO,
				      PAIR_RO + PAGE_SIZE,
				      PAIR_DEVICE,
				      PAIR_CODE + 0x800,
				      BIT64(44) + HERE,
				      BIT64(46) + HERE,
				      0x800000000000,
				      0xffff800000000000 };
	static const s64 before[] = { 0, 8, 40, -8 };
	struct pair p;

	for (unsigned int n = 0; n < ARRAY_SIZE(strings); n++) {
		pair_up(&p, true);
		for (unsigned int k = 0; k < ARRAY_SIZE(places); k++)
			for (unsigned int d = 0; d < ARRAY_SIZE(before); d++) {
				u64 at = places[k] - (u64)before[d];

				string(&p, n, HERE, THERE, 9);
				string(&p, n, at, THERE, 9);
				string(&p, n, HERE, at, 9);
				string(&p, n, at, THERE, 0);
				string(&p, n, at, THERE, BIT64(63) + 9);
			}
		pair_down(&p);
	}
}

static u64 calls(const struct pair *p)
{
	return bt_of(vm_vcpu(p->bt))->stats.exits[EXIT_CALL];
}

/* Without leaving. */
static void test_stays(void)
{
	struct pair p;
	u64 before;

	pair_up(&p, true);
	for (unsigned int n = 0; n < 8; n++) {
		string(&p, n, HERE + 8, THERE + 8, 11);
		before = calls(&p);
		string(&p, n, HERE + 8, THERE + 8, 11);
		CU_ASSERT(calls(&p) - before < 3); /* the HLT is one */
	}
	pair_down(&p);
}

PAIR_ASM(bits64, 64,
	 "1: btq %rax, (%rdi)\n adcq %r11, %r11\n btsq %rbx, 16(%rdi)\n adcq %r11, %r11\n"
	 "lock btrq %rcx, (%rsi)\n adcq %r11, %r11\n btcq %rdx, 0x20003000\n adcq %r11, %r11\n"
	 "btl %eax, (%rdi)\n adcq %r11, %r11\n lock btsl %ebx, -4(%rdi)\n adcq %r11, %r11\n"
	 "btrl %ecx, 0x20003000\n adcq %r11, %r11\n btcl %edx, (%rsi)\n adcq %r11, %r11\n"
	 "btq %r13, (%rdi)\n btsw %cx, (%rsi)\n btcq %rcx, (%r13)\n btsq %rax, (%rdi, %r8)\n"
	 "adcq %r11, %r11\n subq $77, %rax\n addq $129, %rbx\n addl $0xfffffff1, %ecx\n"
	 "incq %rdx\n decl %ebp\n jnz 1b");
PAIR_ASM(bits32, 32,
	 "1: btl %eax, (%edi)\n adcl %eax, %edx\n btsl %ebx, 4(%edi)\n adcl %eax, %edx\n"
	 "btrl %ecx, (%esi)\n btcl %eax, 0x20003000\n btsw %cx, (%edi)\n adcl %eax, %edx\n"
	 "subl $77, %eax\n addl $129, %ebx\n addl $0xfffffff1, %ecx\n decl %ebp\n jnz 1b");

static void bits(struct pair *p, u64 at, u64 first)
{
	pair_state(p);
	p->s.gpr[RDI] = at;
	p->s.gpr[RSI] = THERE + 64;
	p->s.gpr[R13] = THERE + 128;
	p->s.gpr[R8] = 8;
	p->s.gpr[RAX] = first;
	p->s.gpr[RBX] = first / 2;
	p->s.gpr[RCX] = first & 511;
	p->s.gpr[RDX] = 100;
	p->s.gpr[RBP] = 20;
	if (p->wide)
		PAIR_RUN(p, bits64);
	else
		PAIR_RUN(p, bits32);
}

static void test_bits(void)
{
	static const u64 places[] = { HERE,
				      HERE + 100,
				      HERE + 4,
				      HERE + PAGE_SIZE - 8,
				      PAIR_RO,
				      PAIR_DEVICE,
				      PAIR_CODE + 0x800,
				      PAIR_DATA + PAIR_PAGES * PAGE_SIZE - 8,
				      BIT64(44) + HERE };
	static const u64 first[] = {
		0, 5, 200, 40000, ~0ull, ~0ull - 3000, 0x80000000, 1ull << 62
	};
	struct pair p;

	for (unsigned int wide = 0; wide < 2; wide++)
		for (unsigned int k = 0; k < ARRAY_SIZE(places); k++) {
			pair_up(&p, wide);
			for (unsigned int n = 0; n < ARRAY_SIZE(first); n++)
				bits(&p, wide ? places[k] : (u32)places[k],
				     wide ? first[n] : (u32)first[n]);
			pair_down(&p);
		}
}

CU_TestInfo tests_bt_string[] = { { "REP of any length", test_counts },
				  { "REP at any place", test_places },
				  { "REP without leaving", test_stays },
				  { "strings of bits", test_bits },
				  CU_TEST_INFO_NULL };
