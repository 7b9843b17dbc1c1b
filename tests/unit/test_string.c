/* SPDX-License-Identifier: MIT */
/*
 * String instructions with REP do in one go what they do one by one: the same registers, flags and
 * memory as from a loop of them, also where they end in a fault.
 */
#include "backends/swbt/string_pages.h"
#include "tests/unit/pair_rig.h"

#include <CUnit/CUnit.h>
#include <stdlib.h>
#include <string.h>

#define DATA_AT	 0x200000u /* of RAM, what is compared */
#define DATA_LEN 0x101000u

#define BOTH(name, rep, loop, insn)             \
	PAIR_ASM(rep_##name, 64, rep " " insn); \
	PAIR_ASM(loop_##name, 64, "1: " insn "\n" loop " 1b")

BOTH(movsb, "rep", "loop", "movsb");
BOTH(movsw, "rep", "loop", "movsw");
BOTH(movsl, "rep", "loop", "movsl");
BOTH(movsq, "rep", "loop", "movsq");
BOTH(stosb, "rep", "loop", "stosb");
BOTH(stosw, "rep", "loop", "stosw");
BOTH(stosl, "rep", "loop", "stosl");
BOTH(stosq, "rep", "loop", "stosq");
BOTH(repe_scasb, "repe", "loope", "scasb");
BOTH(repne_scasl, "repne", "loopne", "scasl");
BOTH(repne_scasb, "repne", "loopne", "scasb");
BOTH(repe_scasq, "repe", "loope", "scasq");
BOTH(repe_cmpsb, "repe", "loope", "cmpsb");
BOTH(repne_cmpsw, "repne", "loopne", "cmpsw");
BOTH(repe_cmpsq, "repe", "loope", "cmpsq");
BOTH(repe_cmpsl, "repe", "loope", "cmpsl");

#define ONE(name)                                                                   \
	{                                                                           \
#name, rep_##name, loop_##name, rep_##name##_end, loop_##name##_end \
	}

static const struct {
	const char *name;
	const u8 *rep, *loop, *rep_end, *loop_end;
} forms[] = { ONE(movsb),      ONE(movsw),	 ONE(movsl),	   ONE(movsq),
	      ONE(stosb),      ONE(stosw),	 ONE(stosl),	   ONE(stosq),
	      ONE(repe_scasb), ONE(repne_scasl), ONE(repne_scasb), ONE(repe_scasq),
	      ONE(repe_cmpsb), ONE(repne_cmpsw), ONE(repe_cmpsq),  ONE(repe_cmpsl) };

static u8 *saved;

struct place {
	u64 from, to, count;
	bool down;
};

/* Elements from FROM and TO on, and RAX such that searches go on for a while. */
static void begin(struct pair *p, const struct place *at)
{
	pair_state(p);
	p->s.gpr[RSI] = at->from;
	p->s.gpr[RDI] = at->to;
	p->s.gpr[RCX] = at->count;
	p->s.gpr[RAX] = 0x8877665544332211;
	if (at->down)
		p->s.rflags |= RFLAGS_DF;
}

static void check(struct pair *p, size_t form, const struct place *at)
{
	u8 *data = ram_at(&p->step->ram, DATA_AT, DATA_LEN);
	struct cpu_state s;
	enum emulate_result end;
	bool same;

	begin(p, at);
	pair_run(p, forms[form].loop, (size_t)(forms[form].loop_end - forms[form].loop));
	memcpy(saved, data, DATA_LEN);
	s = p->s;
	end = p->end;
	begin(p, at);
	pair_run(p, forms[form].rep, (size_t)(forms[form].rep_end - forms[form].rep));
	same = !memcmp(s.gpr, p->s.gpr, sizeof(s.gpr)) && s.rflags == p->s.rflags &&
	       end == p->end && !memcmp(saved, data, DATA_LEN);
	CU_ASSERT(same);
	if (!same)
		printf("\n  %s from %llx to %llx, %llu", forms[form].name,
		       (unsigned long long)at->from, (unsigned long long)at->to,
		       (unsigned long long)at->count);
}

static void check_all(const struct place *at, size_t nr)
{
	struct pair p;

	saved = malloc(DATA_LEN);
	CU_ASSERT_PTR_NOT_NULL_FATAL(saved);
	pair_up(&p, true);
	for (size_t form = 0; form < ARRAY_SIZE(forms); form++)
		for (size_t n = 0; n < nr; n++)
			check(&p, form, &at[n]);
	pair_down(&p);
	free(saved);
}

static void test_pages(void)
{
	static const struct place places[] = {
		{ PAIR_DATA + 64, PAIR_DATA + 0x5000, 900, false },
		{ PAIR_DATA + 0xff3, PAIR_DATA + 0x5ffe, 700, false },
		{ PAIR_DATA + 0x3ff8, PAIR_DATA + 0x6ff0, 600, true },
		{ PAIR_DATA + 0x3ffd, PAIR_DATA + 0x6003, 700, true },
		{ PAIR_DATA + 0x3f03, PAIR_DATA + 0x3f00, 300, true },
		{ PAIR_DATA + 0x3f00, PAIR_DATA + 0x3f08, 300, true },
		/* Every element reads what was written before. */
		{ PAIR_DATA + 0xf00, PAIR_DATA + 0xf03, 300, false },
		{ PAIR_DATA + 0xf10, PAIR_DATA + 0xf08, 100, false },
		{ PAIR_DATA + 0x100, PAIR_DATA + 0x100, 333, false },
	};

	check_all(places, ARRAY_SIZE(places));
}

/* Many pages at once, from one large page to the next, to what is not RAM. */
static void test_large_pages(void)
{
	static const struct place places[] = {
		{ PAIR_LARGE + 0x200040, PAIR_LARGE + 0x240000, 5000, false },
		{ PAIR_LARGE + 0x1ffff3, PAIR_LARGE + 0x27fffe, 3000, false },
		{ PAIR_LARGE + 0x210000, PAIR_LARGE + 0x1ff801, 3000, false },
		{ PAIR_LARGE + 0x3ff800, PAIR_LARGE + 0x210000, 600, false },
		{ PAIR_LARGE + 0x210003, PAIR_LARGE + 0x3ff803, 700, false },
		{ PAIR_DATA + 0x800, PAIR_LARGE + 0x210003, 2000, false },
		{ PAIR_LARGE + 0x210000, PAIR_LARGE + 0x20f801, 1200, true },
	};

	check_all(places, ARRAY_SIZE(places));
}

/* HLT over what comes next, in the middle of what is written. */
PAIR_ASM(overwrite, 64,
	 "movl $20, %ebx\n 1: movl $0x300fe000, %edi\n movl $0x1000, %ecx\n movb $0xf4, %al\n"
	 "rep stosb\n incl %edx\n decl %ebx\n jnz 1b\n"
	 "movl $0x300fe000, %edi\n movl $0x4000, %ecx\n rep stosb\n incl %edx\n incl %edx");

static void test_overwrite(void)
{
	struct pair p;

	pair_up(&p, true);
	for (unsigned int n = 0; n < 3; n++) {
		pair_state(&p);
		p.s.gpr[RDX] = 0;
		PAIR_RUN(&p, overwrite);
		CU_ASSERT_EQUAL(p.end, EMU_HALT);
		CU_ASSERT_EQUAL(p.s.gpr[RDX], 20);
	}
	pair_down(&p);
}

static void test_faults(void)
{
	static const struct place places[] = {
		{ PAIR_DATA, PAIR_DATA + 15 * PAGE_SIZE + 0xf01, 500, false },
		{ PAIR_DATA + 15 * PAGE_SIZE + 0xe01, PAIR_DATA, 900, false },
		{ PAIR_DATA, PAIR_RO - 0x10, 100, false },
		{ PAIR_RO, PAIR_DATA, 1000, false },
		{ PAIR_DATA, PAIR_DATA + 0x20, 20, true },
		{ PAIR_DATA + 0x40, PAIR_DATA + 0x3000, 100, true },
		{ PAIR_DATA + 0x3000, PAIR_DATA + 0x43, 100, true },
		{ PAIR_DATA + 0x800, PAIR_RO + 0x10, 100, true },
	};

	check_all(places, ARRAY_SIZE(places));
}

/* Elements that are equal for a while: zeroes are written first. */
PAIR_ASM(search, 64,
	 "movl $0x20000e00, %edi\n movl $700, %ecx\n xorl %eax, %eax\n rep stosb\n"
	 "movl $0x20000e00, %edi\n movl $1000, %ecx\n repe scasb\n lahf\n movl %eax, %ebx\n"
	 "movq %rdi, %r8\n movq %rcx, %r9\n"
	 "movl $0x20000e00, %edi\n movl $0x20000e02, %esi\n movl $500, %ecx\n xorl %eax, %eax\n"
	 "repe cmpsw\n setc %al\n movq %rdi, %r10\n movq %rcx, %r11\n"
	 "movl $0x20000000, %edi\n movl $0x2000, %ecx\n xorl %eax, %eax\n repne scasl\n"
	 "movq %rdi, %r12\n movq %rcx, %r14\n"
	 "xorl %ecx, %ecx\n addl $0x7fffffff, %eax\n repe cmpsb\n seto %r15b");

static void test_search(void)
{
	struct pair p;

	pair_up(&p, true);
	PAIR_RUN(&p, search);
	CU_ASSERT_EQUAL(p.end, EMU_HALT);
	CU_ASSERT_EQUAL(p.s.gpr[R8], 0x20000e00 + 701);
	CU_ASSERT_EQUAL(p.s.gpr[R9], 299);
	CU_ASSERT_EQUAL(p.s.gpr[R10], 0x20000e00 + 700);
	CU_ASSERT_EQUAL(p.s.gpr[R12], 0x20000e04);
	pair_down(&p);
}

/* What string_pages does of COUNT words from FROM to TO; registers and memory move with it. */
static u64 known(struct vcpu *v, const u8 *code, u64 from, u64 to, u64 count)
{
	struct insn i;
	u64 done;

	CU_ASSERT(!decode(&i, code, INSN_MAX, MODE_LONG64));
	v->s.gpr[RSI] = from;
	v->s.gpr[RDI] = to;
	v->s.gpr[RCX] = count;
	done = string_pages(v, &i, count);
	CU_ASSERT_EQUAL(v->s.gpr[RSI], from + (code == rep_movsq ? done * 8 : 0));
	CU_ASSERT_EQUAL(v->s.gpr[RDI], to + done * 8);
	CU_ASSERT_EQUAL(v->s.gpr[RCX], count);
	return done;
}

/* As far as the TLB goes, and no further. */
static void test_known(void)
{
	/* The code's page has the place in the TLB of the data's first. */
	const u64 page = 512, data = PAIR_DATA + PAGE_SIZE, all = (PAIR_PAGES - 1) * page;
	struct pair p;
	struct vcpu *v;

	pair_up(&p, true);
	/* All of it read and written, but for the last page. */
	begin(&p, &(struct place){ data, data + 8, all - page - 1, false });
	PAIR_RUN(&p, rep_movsq);
	v = vm_vcpu(p.step);
	CU_ASSERT_EQUAL(known(v, rep_movsq, data, data + 2 * PAGE_SIZE, 8 * page), 8 * page);
	CU_ASSERT_EQUAL(known(v, rep_stosq, 1, data + 24, 8 * page), 8 * page);
	CU_ASSERT_EQUAL(known(v, rep_movsq, data + 16, data + 2 * PAGE_SIZE, all), all - 3 * page);
	CU_ASSERT_EQUAL(known(v, rep_movsq, data, data + 3, all), page - 1);
	CU_ASSERT_EQUAL(known(v, rep_stosq, 1, data, 1), 0);
	CU_ASSERT_EQUAL(known(v, rep_stosq, 1, PAIR_RO, page), 0);
	CU_ASSERT_EQUAL(known(v, rep_stosq, 1, data ^ 1ull << 63, page), 0);
	v->s.rflags |= RFLAGS_DF;
	CU_ASSERT_EQUAL(known(v, rep_stosq, 1, data, page), 0);
	pair_down(&p);
}

CU_TestInfo tests_string[] = { { "REP and a loop", test_pages },
			       { "REP and a loop that fault", test_faults },
			       { "REP and a loop in large pages", test_large_pages },
			       { "REP over what comes next", test_overwrite },
			       { "in known pages", test_known },
			       { "searches", test_search },
			       CU_TEST_INFO_NULL };
