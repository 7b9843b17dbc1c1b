/* SPDX-License-Identifier: MIT */
/* Pushes and pops in a row share a look-up (bt/translate_stack.c). */
#include "common/hostflags.h"
#include "tests/unit/pair_rig.h"

#include <CUnit/CUnit.h>
#include <signal.h>
#include <sys/time.h>

PAIR_ASM(function, 64,
	 "1: pushq %r15\n pushq %r14\n pushq %r13\n pushq %rcx\n pushq %rbp\n pushq %rbx\n"
	 "pushq %r12\n pushq %rax\n pushq %rdx\n pushq %rsi\n pushq %rsp\n pushq %rdi\n"
	 "addl $0x7fffffff, %eax\n"
	 "popq %rdi\n popq %rbx\n popq %rsi\n popq %rdx\n popq %rax\n popq %r12\n popq %r9\n"
	 "popq %rbp\n popq %rcx\n popq %r14\n popq %r13\n popq %r15\n"
	 "incq %r15\n leaq 3(%r13, %r15), %r13\n rolq $3, %r14\n adcq %r14, %rdx\n"
	 "pushq %r8\n pushq %r15\n popq %r10\n popq %r11\n"
	 "decl %r12d\n jnz 1b");
PAIR_ASM(returning, 64,
	 "jmp 3f\n"
	 "2: pushq %rbx\n pushq %rbp\n pushq %r13\n addq %rbx, %r13\n incq %rbp\n"
	 "popq %rbx\n popq %r13\n popq %rbp\n ret\n"
	 "3: call 2b\n adcq %r13, %rdx\n decl %r12d\n jnz 3b");
PAIR_ASM(pushes, 64, "pushq %rax\n pushq %rbx\n pushq %r13\n pushq %rdx");
PAIR_ASM(pops, 64, "popq %rax\n popq %rbx\n popq %r13\n popq %rdx\n popq %rsi");
PAIR_ASM(pop_rsp, 64, "pushq %rbx\n pushq %rbp\n popq %rax\n popq %rsp\n popq %rcx\n popq %rdx");
PAIR_ASM(returning32, 32,
	 "jmp 3f\n"
	 "2: pushl %ebx\n pushl %ebp\n pushl %edi\n addl %ebx, %edi\n"
	 "popl %ebx\n popl %edi\n popl %ebp\n ret\n"
	 "3: call 2b\n adcl %edi, %edx\n decl %ecx\n jnz 3b");
PAIR_ASM(function32, 32,
	 "1: pushl %edi\n pushl %esi\n pushl %ecx\n pushl %ebx\n pushl %esp\n pushl %eax\n"
	 "addl $0x7fffffff, %ebp\n"
	 "popl %edi\n popl %edx\n popl %ebx\n popl %ecx\n popl %eax\n popl %esi\n"
	 "decl %ecx\n jnz 1b");

PAIR_ASM(small_stack, 32,
	 "pushl %eax\n popl %ebx\n pushl %ecx\n pushl %edx\n popl %esi\n popl %edi\n"
	 "call 1f\n 1: pushf\n popf");

/* What takes most room: checks and look-ups of two operands, and operands on two pages. */
PAIR_ASM(large, 64,
	 "1: .rept 16\n addq $0x1234567, %fs:0x12345ffb(%r13, %r14, 8)\n .endr\n"
	 ".rept 47\n pushq %fs:0x12345678(%r13, %r14, 8)\n .endr\n"
	 "addq $376, %rsp\n decl %r12d\n jnz 1b");

static struct vcpu *kicked;

static void on_alarm(int signo, siginfo_t *info, void *context)
{
	host_flags_clean();
	(void)signo;
	(void)info;
	bt_kick(kicked, context);
}

static void alarms(bool on)
{
	struct sigaction sa = { .sa_sigaction = on_alarm,
				.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_RESTART };
	struct itimerval t = { { 0, on ? 50 : 0 }, { 0, on ? 50 : 0 } };

	sigaction(SIGALRM, &sa, NULL);
	setitimer(ITIMER_REAL, &t, NULL);
}

static void run_at(struct pair *p, u64 rsp, u64 times, const u8 *code, size_t len)
{
	pair_state(p);
	p->s.gpr[RSP] = rsp;
	p->s.gpr[p->wide ? R12 : RCX] = times;
	pair_run(p, code, len);
}
#define RUN_AT(p, rsp, times, name) run_at(p, rsp, times, name, (size_t)(name##_end - name))

static void depths(struct pair *p)
{
	for (int at = -24; at < 24; at++) {
		RUN_AT(p, PAIR_STACK + at * 8, 12, function);
		RUN_AT(p, PAIR_STACK + at * 8 % 64, 12, returning);
		CU_ASSERT_EQUAL(p->end, EMU_HALT);
	}
	for (int at = -9; at < 9; at++)
		RUN_AT(p, PAIR_STACK + at * 11, 12, function);
}

static void test_long64(void)
{
	static const u32 lengths[] = { 64, 7, 2, 1 };
	struct pair p;

	for (size_t n = 0; n < ARRAY_SIZE(lengths); n++) {
		pair_up(&p, true);
		vm_vcpu(p.bt)->bt_config.block_insns = lengths[n];
		depths(&p);
		pair_down(&p);
	}
	pair_up(&p, true);
	vm_vcpu(p.bt)->bt_config.elide = false;
	depths(&p);
	RUN_AT(&p, PAIR_STACK, 1, pop_rsp);
	pair_down(&p);
}

static void test_prot32(void)
{
	struct pair p;

	pair_up(&p, false);
	for (int at = -60; at < 60; at++) {
		RUN_AT(&p, PAIR_STACK + at, 20, function32);
		RUN_AT(&p, PAIR_STACK + at / 2, 20, returning32);
	}
	pair_down(&p);
}

/* Missing pages below and above, one that is not to be written, code, a device, bad addresses. */
static void test_faults(void)
{
	static const u64 places[] = { PAIR_DATA,	 PAIR_DATA + PAIR_PAGES * PAGE_SIZE,
				      PAIR_RO,		 PAIR_RO + PAGE_SIZE,
				      PAIR_CODE + 0x800, PAIR_DEVICE + 0x20,
				      0x800000000000,	 0xffff800000000000 };
	struct pair p;

	pair_up(&p, true);
	for (size_t n = 0; n < ARRAY_SIZE(places); n++)
		for (int at = -5; at <= 5; at++) {
			RUN_AT(&p, places[n] + at * 8, 1, returning);
			RUN_AT(&p, places[n] + at * 8, 1, pushes);
			RUN_AT(&p, places[n] + at * 8, 1, pops);
		}
	pair_down(&p);
}

/* Signals while a run is half done. */
static void test_kicks(void)
{
	struct pair p;

	pair_up(&p, true);
	kicked = vm_vcpu(p.bt);
	alarms(true);
	for (unsigned int n = 0; n < 6; n++)
		RUN_AT(&p, PAIR_STACK + 2048, 30000, function);
	alarms(false);
	CU_ASSERT(bt_of(kicked)->stats.kicks > 0);
	pair_down(&p);
}

/* A stack that SP alone points into, for 32-bit code: at an address that is not mapped. */
static void test_small(void)
{
	struct pair p;

	pair_up(&p, false);
	pair_state(&p);
	p.s.seg[SEG_SS].attr &= ~ATTR_DB;
	PAIR_RUN(&p, small_stack);
	CU_ASSERT_EQUAL(p.end, EMU_FAULT);
	pair_down(&p);
}

/* No block is larger than the room that is made for it. */
static void test_large(void)
{
	const struct bt *bt;
	struct pair p;

	pair_up(&p, true);
	pair_state(&p);
	bt = bt_of(vm_vcpu(p.bt));
	vm_vcpu(p.bt)->bt_config.alignment = true;
	p.s.gpr[R12] = 20;
	p.s.gpr[R13] = PAIR_DATA + PAGE_SIZE - 0x12345000 - 16;
	p.s.gpr[R14] = 2;
	PAIR_RUN(&p, large);
	CU_ASSERT_EQUAL(p.end, EMU_HALT);
	CU_ASSERT(bt->stats.adapted > 4);
	for (u64 n = bt->oldest; n < bt->newest; n++)
		CU_ASSERT(block_nr(bt, n)->host_length <= BT_BLOCK_BYTES);
	pair_down(&p);
}

CU_TestInfo tests_bt_stack[] = { { "64-bit code", test_long64 },
				 { "32-bit code", test_prot32 },
				 { "faults", test_faults },
				 { "kicks", test_kicks },
				 { "a 16-bit stack", test_small },
				 { "large blocks", test_large },
				 CU_TEST_INFO_NULL };
