/* SPDX-License-Identifier: MIT */
/* Jumps between code for which the host reports what is not aligned, and code that checks for
 * itself: they keep flags and RSP, stay in the code cache, and can be interrupted anywhere. */
#include "tests/unit/pair_rig.h"
#include "tests/unit/swbt_rig.h"

#include "backends/backends.h"
#include "backends/swbt/bt/tunables.h"
#include "backends/swbt/fpu.h"
#include "common/hostflags.h"

#include <CUnit/CUnit.h>
#include <signal.h>
#include <ucontext.h>

/* A function with an unaligned access, whose carry comes from and goes to its caller. */
#define CALLER(begin, call, end)                                  \
	begin "\n stc\n jmp 3f\n"                                 \
	      "2: mov 1(%esi), %eax\n adc %eax, %edx\n " end "\n" \
	      "3: " call "\n adc $0, %ebx\n lea -1(%ecx), %ecx\n jecxz 4f\n jmp 3b\n4:"

PAIR_ASM(returns, 64, CALLER("", "call 2b", "ret"));
PAIR_ASM(returns_pop, 64, CALLER("", "push %rdx\n push %rbx\n call 2b", "ret $16"));
PAIR_ASM(runs, 64, CALLER("", "call 2b", "push %rbx\n push %r13\n pop %r13\n pop %rbx\n ret"));
PAIR_ASM(jumps, 64, CALLER("", "call 2b", "pop %rdi\n jmp *%rdi"));
PAIR_ASM(calls, 64, CALLER("lea 2f(%rip), %rbp", "call *%rbp", "ret"));
/* A function that checks, and calls another that need not. */
PAIR_ASM(calls_on, 64,
	 "jmp 3f\n 1: adc $1, %edx\n ret\n 2: mov 1(%rsi), %eax\n call *%rbp\n ret\n"
	 "3: lea 1b(%rip), %rbp\n4: call 2b\n lea -1(%ecx), %ecx\n jecxz 5f\n jmp 4b\n5:");
PAIR_ASM(returns32, 32, CALLER("", "call 2b", "ret"));
PAIR_ASM(jumps32, 32, CALLER("", "call 2b", "pop %edi\n jmp *%edi"));

static const struct program {
	bool wide, indirect; /* the way there is not linked */
	const u8 *code, *end;
} programs[] = {
#define PROGRAM(name, wide, indirect)            \
	{                                        \
		wide, indirect, name, name##_end \
	}
	PROGRAM(returns, true, false),	  PROGRAM(returns_pop, true, false),
	PROGRAM(runs, true, false),	  PROGRAM(jumps, true, false),
	PROGRAM(calls, true, true),	  PROGRAM(calls_on, true, false),
	PROGRAM(returns32, false, false), PROGRAM(jumps32, false, false),
};

static struct cpu_state start; /* of the machine of bt */

/* Both ways, as the step engine has it; no block is linked yet. */
static void begin(struct pair *p, const struct program *q, u64 times)
{
	pair_up(p, q->wide);
	pair_state(p);
	p->s.gpr[RCX] = times;
	start = p->s;
	pair_run(p, q->code, (size_t)(q->end - q->code));
	CU_ASSERT_EQUAL(p->end, EMU_HALT);
}

/* Again, with links; the registers are to be the same. */
static void again(struct pair *p)
{
	struct vcpu *v = vm_vcpu(p->bt);
	struct error err;

	CU_ASSERT_EQUAL_FATAL(swbt_backend.set_state(p->bt, &start, &err), 0);
	CU_ASSERT_EQUAL(v->engine->run(v), RUN_HALTED);
	for (unsigned int n = 0; n < NR_GPR; n++)
		CU_ASSERT_EQUAL(v->s.gpr[n], p->s.gpr[n]);
	CU_ASSERT_EQUAL(v->s.rflags, p->s.rflags);
	CU_ASSERT_EQUAL(v->s.rip, p->s.rip);
}

static void test_in_cache(void)
{
	for (size_t n = 0; n < ARRAY_SIZE(programs); n++) {
		const struct program *q = &programs[n];
		const u64 times = 300;
		struct pair p;
		u64 enters;

		begin(&p, q, times);
		CU_ASSERT_TRUE(bt_of(vm_vcpu(p.bt))->stats.foreseen > 0);
		again(&p);
		enters = bt_of(vm_vcpu(p.bt))->stats.enters;
		again(&p);
		if (!q->indirect)
			CU_ASSERT_TRUE(bt_of(vm_vcpu(p.bt))->stats.enters - enters < 10);
		pair_down(&p);
	}
}

PAIR_ASM(known, 64, "inc %edx\n mov 1(%rsi, %rbx), %rax\n adc %rax, %rdx");
PAIR_ASM(known32, 32, "inc %edx\n mov 1(%esi), %eax\n adc %eax, %edx");
PAIR_ASM(changed, 64, "lea 1(%rsi), %rdi\n mov (%rdi), %rax\n adc %rax, %rdx");
PAIR_ASM(fixed, 64, "mov 0x20000001, %rdi\n add %rdi, %rdx");
PAIR_ASM(aligned, 64, "mov 1(%rsi), %al\n mov 8(%rsi), %rdx\n add %rdx, 16(%rsi)");

/* An operand whose address is known when its block is translated, and not aligned, takes no signal.
 */
static void check_foreseen(bool wide, const u8 *code, size_t len, u64 faults, u64 foreseen)
{
	struct bt_stats *stats;
	struct pair p;

	pair_up(&p, wide);
	stats = &bt_of(vm_vcpu(p.bt))->stats;
	for (unsigned int n = 0; n < 2; n++) {
		pair_state(&p);
		p.s.gpr[RSI] = PAIR_DATA + 64;
		p.s.gpr[RBX] = 0x100;
		pair_run(&p, code, len);
		CU_ASSERT_EQUAL(p.end, EMU_HALT);
		CU_ASSERT_EQUAL(stats->faults, faults);
		CU_ASSERT_EQUAL(stats->foreseen, foreseen);
	}
	pair_down(&p);
}

#define FORESEEN(wide, name, ...) \
	check_foreseen(wide, name, (size_t)(name##_end - name), __VA_ARGS__)

static void test_foreseen(void)
{
	FORESEEN(true, known, 0, 1);
	FORESEEN(false, known32, 0, 1);
	FORESEEN(true, changed, 1, 0);
	FORESEEN(true, fixed, 0, 0);
	FORESEEN(true, aligned, 0, 0);
}

/* How often 5000 calls come to C, which looks at every BT_ACROSSth way back. */
static u64 looks(const struct program *q, bool adaptive)
{
	struct pair p;
	u64 enters;

	begin(&p, q, 5000);
	vm_vcpu(p.bt)->bt_config.adaptive = adaptive;
	again(&p);
	enters = bt_of(vm_vcpu(p.bt))->stats.enters;
	again(&p);
	enters = bt_of(vm_vcpu(p.bt))->stats.enters - enters;
	pair_down(&p);
	return enters;
}

/* A loop that calls a function which checks alignment is translated to check, too. */
static void test_stays(void)
{
	for (size_t n = 0; n < ARRAY_SIZE(programs); n++) {
#ifdef __SANITIZE_ADDRESS__
		/* What is thick is a matter of time (BT_ACROSS_CYCLES), and with sanitizers C takes
		 * longer than that for each call by a register. */
		if (programs[n].indirect)
			continue;
#endif
		CU_ASSERT(looks(&programs[n], true) < 5000 / BT_ACROSS * 2);
		CU_ASSERT(looks(&programs[n], false) >= 5000 / BT_ACROSS);
	}
}

/* The function goes, with the links to it, and comes back. */
static void test_dropped(void)
{
	for (size_t n = 0; n < ARRAY_SIZE(programs); n++) {
		struct pair p;

		begin(&p, &programs[n], 20);
		again(&p);
		for (unsigned int k = 0; k < 3; k++) {
			mem_note_write(vm_vcpu(p.bt), PAIR_CODE_AT, PAGE_SIZE / (k + 1) / 64);
			again(&p);
			again(&p);
		}
		pair_down(&p);
	}
}

/* ---- kicks ----------------------------------------------------------------------------------- */

/* Translated code is single-stepped, from each entry to what leaves, and kicked before instruction
 * LEFT. */
static struct {
	struct vcpu *v;
	void (*enter)(u8 *base);
	struct sigaction before;
	unsigned int left;
	bool on, kicked;
} tick;

static void on_trap(int signo, siginfo_t *info, void *context)
{
	greg_t *regs = ((ucontext_t *)context)->uc_mcontext.gregs;
	const struct bt *bt = bt_of(tick.v);
	const u8 *pc = (const u8 *)(uintptr_t)regs[REG_RIP];

	host_flags_clean();
	if (!tick.on) {
		tick.before.sa_sigaction(signo, info, context);
		return;
	}
	regs[REG_EFL] |= (greg_t)RFLAGS_TF;
	if (pc < bt->across[0] || !cache_holds(&bt->cache, pc)) {
		tick.on = pc < bt->leave_kicked || !cache_holds(&bt->cache, pc);
	} else if (!tick.left--) {
		tick.on = false;
		tick.kicked = true;
	}
	if (!tick.on)
		regs[REG_EFL] &= ~(greg_t)RFLAGS_TF;
	if (tick.kicked && !tick.on)
		bt_kick(tick.v, context);
}

static void stepping(u8 *base)
{
	tick.on = !tick.kicked;
	if (!tick.on) {
		tick.enter(base);
		return;
	}
	rig_single_step(tick.enter, base);
}

static void kicked(struct pair *p, unsigned int at)
{
	struct bt *bt = bt_of(vm_vcpu(p->bt));

	tick.v = bt->v;
	tick.left = at;
	tick.kicked = false;
	tick.enter = bt->enter;
	bt->enter = stepping;
	again(p);
	bt->enter = tick.enter;
	tick.on = false;
}

static void test_kicks(void)
{
	struct sigaction sa = { .sa_sigaction = on_trap, .sa_flags = SA_SIGINFO | SA_ONSTACK };
	struct pair p;

	for (size_t n = 0; n < ARRAY_SIZE(programs); n++) {
		unsigned int at = 0;

		begin(&p, &programs[n], 3);
		again(&p);
		again(&p);
		sigaction(SIGTRAP, &sa, &tick.before);
		do
			kicked(&p, at++);
		while (tick.kicked && at < 600);
		sigaction(SIGTRAP, &tick.before, NULL);
		CU_ASSERT_FALSE(tick.kicked);
		CU_ASSERT_TRUE(programs[n].indirect || at > 100);
		pair_down(&p);
	}
}

CU_TestInfo tests_bt_across[] = { { "an unaligned operand is foreseen", test_foreseen },
				  { "in the code cache", test_in_cache },
				  { "loops stay on one side", test_stays },
				  { "dropped code", test_dropped },
				  { "kicks at every instruction", test_kicks },
				  CU_TEST_INFO_NULL };
