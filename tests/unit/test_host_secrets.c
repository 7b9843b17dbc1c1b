/* SPDX-License-Identifier: MIT */
/* What the host's processor knows about this process and would tell a guest that asks. */
#include "backends/swbt/fpu.h"
#include "tests/unit/pair_rig.h"

#include <CUnit/CUnit.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

/* A division by zero that stays pending, so that AMD's processors, too, store where it was. */
#define DIVIDE                                    \
	"movl $0x20000000, %ebx\n"                \
	"movw $0x37b, (%rbx); movq $0, 8(%rbx)\n" \
	"fninit; fldcw (%rbx); fld1; fdivl 8(%rbx)\n"

PAIR_ASM(fxsave_code, 64,
	 DIVIDE "fxsave64 0x100(%rbx); fxsave 0x300(%rbx)\n"
		"movq 0x108(%rbx), %rax; movq 0x110(%rbx), %rcx\n"
		"movq 0x308(%rbx), %rdx; movq 0x310(%rbx), %rsi");
PAIR_ASM(fnstenv_code, 64,
	 DIVIDE "fnstenv 0x100(%rbx); fnsave 0x200(%rbx)\n"
		"movl 0x10c(%rbx), %eax; movl 0x114(%rbx), %ecx\n"
		"movl 0x20c(%rbx), %edx; movl 0x214(%rbx), %esi");
PAIR_ASM(fnstenv16_code, 64,
	 DIVIDE "data16 fnstenv 0x100(%rbx); fninit; fld1; data16 fnsave 0x200(%rbx)\n"
		"movq 0x106(%rbx), %rax; movzwl 0x206(%rbx), %ecx\n"
		"movl 0x20a(%rbx), %edx; xorl %esi, %esi");

static void check(const u8 *code, size_t len)
{
	struct pair p;

	pair_up(&p, true);
	pair_state(&p);
	pair_run(&p, code, len);
	CU_ASSERT_EQUAL(p.s.gpr[RAX], 0);
	CU_ASSERT_EQUAL(p.s.gpr[RCX], 0);
	CU_ASSERT_EQUAL(p.s.gpr[RDX], 0);
	CU_ASSERT_EQUAL(p.s.gpr[RSI], 0);
	pair_down(&p);
}

/* FIP and FDP are addresses of the code cache and of guest RAM in the host. */
static void test_x87_pointers(void)
{
	check(fxsave_code, (size_t)(fxsave_code_end - fxsave_code));
	check(fnstenv_code, (size_t)(fnstenv_code_end - fnstenv_code));
	check(fnstenv16_code, (size_t)(fnstenv16_code_end - fnstenv16_code));
}

/* The same over and over, with zeros before the first: offset 8 or 12 of the image. Both parts of
 * it are in use. */
#define AGAIN(insn)                                                                   \
	DIVIDE "movq $0, 0x108(%rbx); movl $0, 0x110(%rbx)\n"                         \
	       "movq %rbx, %xmm0; movl $3, %eax; movl $0, %edx; movl $200000, %ecx\n" \
	       "1: " insn " 0x100(%rbx); decl %ecx; jnz 1b"

PAIR_ASM(fxsave_again, 64, AGAIN("fxsave64"));
PAIR_ASM(xsave_again, 64, AGAIN("xsave64"));
PAIR_ASM(fnstenv_again, 64, AGAIN("fnstenv"));

/* Looks at guest memory meanwhile, as a disk's thread might. */
struct spy {
	const u32 *memory[2]; /* of each machine */
	atomic_bool ready, end;
	unsigned int seen;
};

static void *look(void *arg)
{
	struct spy *spy = arg;
	u32 first[2] = { *(volatile const u32 *)spy->memory[0],
			 *(volatile const u32 *)spy->memory[1] };

	atomic_store(&spy->ready, true);
	while (!atomic_load_explicit(&spy->end, memory_order_relaxed))
		for (unsigned int n = 0; n < 2; n++) {
			u32 now = *(volatile const u32 *)spy->memory[n];

			if (now == first[n])
				continue;
			spy->seen += now != 0;
		}
	return NULL;
}

/* OFFSET: of the pointer in the image. */
static void spy_on(const u8 *code, size_t len, u32 offset)
{
	/* What pair_run puts there first. */
	const u64 at = 0x200100 + offset, before = (at & ~7ull) * 0x9e3779b97f4a7c15ull;
	struct spy spy = { 0 };
	pthread_t thread;
	struct pair p;

	pair_up(&p, true);
	pair_state(&p);
	for (unsigned int n = 0; n < 2; n++) {
		u8 *host = ram_at(&(n ? p.bt : p.step)->ram, at, 4);

		memcpy(host, (const u8 *)&before + (at & 7), 4);
		spy.memory[n] = (const u32 *)(const void *)host;
	}
	CU_ASSERT_EQUAL_FATAL(pthread_create(&thread, NULL, look, &spy), 0);
	while (!atomic_load(&spy.ready))
		;
	pair_run(&p, code, len);
	atomic_store(&spy.end, true);
	pthread_join(thread, NULL);
	CU_ASSERT_EQUAL(spy.seen, 0);
	pair_down(&p);
}
#define SPY_ON(name, offset) spy_on(name, (size_t)(name##_end - name), offset)

/* Not for a moment, either. */
static void test_never_in_memory(void)
{
	SPY_ON(fxsave_again, 8);
	if (fpu_host_components() > 3)
		SPY_ON(xsave_again, 8);
	SPY_ON(fnstenv_again, 12);
}

/* RDSSP is a NOP to guests, and never reaches the host. */
static void test_shadow_stack(void)
{
	static const u8 rdssp[INSN_MAX] = { 0xf3, 0x48, 0x0f, 0x1e, 0xc8 }; /* RDSSPQ RAX */
	static const u8 endbr[INSN_MAX] = { 0xf3, 0x0f, 0x1e, 0xfa };
	static const u8 imul[INSN_MAX] = { 0x0f, 0xaf, 0xc8 };
	struct insn i;

	CU_ASSERT_EQUAL_FATAL(decode(&i, rdssp, INSN_MAX, MODE_LONG64), 0);
	CU_ASSERT_EQUAL(i.class, INSN_PLAIN);
	CU_ASSERT_TRUE(insn_is_hint(&i));
	CU_ASSERT_EQUAL_FATAL(decode(&i, endbr, INSN_MAX, MODE_LONG64), 0);
	CU_ASSERT_TRUE(insn_is_hint(&i));
	CU_ASSERT_EQUAL_FATAL(decode(&i, imul, INSN_MAX, MODE_LONG64), 0);
	CU_ASSERT_FALSE(insn_is_hint(&i));
}

CU_TestInfo tests_host_secrets[] = { { "x87 pointers", test_x87_pointers },
				     { "x87 pointers, never in memory", test_never_in_memory },
				     { "shadow stack pointer", test_shadow_stack },
				     CU_TEST_INFO_NULL };
