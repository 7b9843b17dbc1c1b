/* SPDX-License-Identifier: MIT */
/*
 * Kicks before each host instruction of code whose guest instructions take many of them: nothing of
 * theirs is lost or done twice.
 */
#include "common/hostflags.h"
#include "tests/unit/pair_rig.h"
#include "tests/unit/swbt_rig.h"

#include <CUnit/CUnit.h>
#include <signal.h>
#include <ucontext.h>

#define MOST 2500 /* host instructions of one run */

PAIR_ASM(runs, 64,
	 "1: pushq %r15\n pushq %rcx\n pushq %rbx\n pushq %r12\n addl $0x7fffffff, %eax\n"
	 "popq %rdi\n popq %rsi\n popq %r13\n popq %rcx\n adcq %rsi, %rdi\n decl %r12d\n jnz 1b");
PAIR_ASM(crossing, 64,
	 "1: addl $0x7fffffff, %ebp\n adcq (%rdi), %rax\n addl %ebp, (%rdi)\n"
	 "movq %rax, (%rsi)\n xaddl %r13d, (%rsi)\n sbbw (%rdi), %r14w\n decl %r12d\n jnz 1b");
PAIR_ASM(exchanges, 64,
	 "1: xchgq %rax, (%rdi)\n xaddq %rax, 8(%rdi)\n xchgl %ecx, (%rdi, %rbx)\n"
	 "lock xaddw %cx, 4(%rdi)\n decl %r12d\n jnz 1b");

PAIR_ASM(shared, 64,
	 "1: movq (%rdi), %rax\n addq 8(%rdi), %rax\n adcl %eax, 16(%rdi)\n addq $8, %rdi\n"
	 "movq 0x18(%rdi), %rdx\n jz 2f\n xorq %rdx, (%rdi)\n subq 0x20(%rdi), %r8\n"
	 "2: movb %dl, 1(%rdi)\n movq (%rdi), %rdi\n decl %r12d\n jnz 1b");

PAIR_ASM(guesses, 64,
	 "movq %rdi, (%rdi)\n movq %rdi, 8(%rdi)\n movq %rdi, %r8\n"
	 "1: movq (%r8), %r8\n addl $0x7fffffff, %ebp\n movq 8(%rdi), %rdi\n"
	 "movzbl %r8b, %ecx\n adcl 0x20000000(,%rcx,4), %eax\n decl %r12d\n jnz 1b");

/* On two pages in turn. */
PAIR_ASM(wrong_guesses, 64,
	 "movq %rdi, (%rdi)\n movq %rsi, 1(%rsi)\n"
	 "1: movq (%rdi), %rdi\n movq 1(%rsi), %rsi\n decl %r12d\n jnz 1b\n movq (%rdi), %rdi");

/* The same in one instruction, which is translated with several guesses. */
PAIR_ASM(places, 64,
	 "movq %rdi, %rax\n leaq 0x3000(%rdi), %rdx\n movq %rdx, (%rax)\n movq %rax, (%rdx)\n"
	 "1: movl $4, %ecx\n"
	 "2: movq (%rax), %rax\n addl $0x7fffffff, %ebp\n adcq %rax, %r8\n loop 2b\n"
	 "decl %r12d\n jnz 1b");

/* Rounds of loops, which look up their pages together; over the end of one. */
PAIR_ASM(rounds, 64,
	 "1: movl $30, %ecx\n leaq -80(%rdi), %rbx\n xorl %edx, %edx\n addl $0x7fffffff, %ebp\n"
	 "2: movl %edx, %eax\n movl (%rbx), %r8d\n adcl %r8d, (%rsi,%rax,4)\n leaq 4(%rbx), %rbx\n"
	 "leal 1(%rdx), %edx\n decl %ecx\n jnz 2b\n"
	 "decl %r12d\n jnz 1b");

PAIR_ASM(strings, 64,
	 "1: movl $3, %ecx\n leaq 512(%rsi), %rsi\n rep stosq\n movl $2, %ecx\n rep movsq\n"
	 "movl $5, %ecx\n rep movsb\n btsq %r12, (%rdi)\n adcq %rdi, %rax\n decl %r12d\n jnz 1b");
/* Out by each stub and in again: a port, INVLPG and a miss, a device, with flags across. */
PAIR_ASM(ports, 64,
	 "movl $0x3ff, %edx\n"
	 "1: addl $0x7fffffff, %ebp\n outb %al, %dx\n adcl %ebp, %ebx\n seto %cl\n"
	 "std\n inb %dx, %al\n lodsb\n cld\n decl %r12d\n jnz 1b");
PAIR_ASM(misses, 64,
	 "1: addl $0x7fffffff, %ebp\n invlpg (%rdi)\n adcl (%rdi), %ebx\n seto %cl\n"
	 "std\n invlpg (%rsi)\n movb (%rsi), %al\n lodsb\n cld\n decl %r12d\n jnz 1b");
PAIR_ASM(device, 64,
	 "movl $0x20120000, %r8d\n"
	 "1: addl $0x7fffffff, %ebp\n movl $1, (%r8)\n adcl 16(%r8), %ebx\n seto %cl\n"
	 "decl %r12d\n jnz 1b");

PAIR_ASM(fixed, 64,
	 "1: movq 0x20003004, %rax\n addq %rax, 0x2000500c\n xchgq %r13, 0x20003014\n"
	 "decl %r12d\n jnz 1b");

static struct {
	struct vcpu *v;
	void (*enter)(u8 *base);
	struct sigaction before;
	unsigned int ticks, on_the_way; /* the kick was heeded on the way in */
	bool on, kicked;
	bool stubs;  /* there, too */
	u32 adapted; /* run until so many instructions are translated otherwise */
	volatile bool left;
} tick;

static bool translated(const greg_t *regs)
{
	const struct bt *bt = tick.v->bt;
	const u8 *pc = (const u8 *)(uintptr_t)regs[REG_RIP];

	return cache_holds(&bt->cache, pc) && (tick.stubs || pc >= bt->cache.exec + bt->stubs);
}

static void on_trap(int signo, siginfo_t *info, void *context)
{
	greg_t *regs = ((ucontext_t *)context)->uc_mcontext.gregs;

	host_flags_clean();
	if (!tick.on) {
		tick.before.sa_sigaction(signo, info, context);
		return;
	}
	if (tick.left) {
		regs[REG_EFL] &= ~(greg_t)RFLAGS_TF;
		return;
	}
	regs[REG_EFL] |= (greg_t)RFLAGS_TF;
	if (!translated(regs) || tick.ticks--)
		return;
	tick.on = false;
	tick.kicked = true;
	regs[REG_EFL] &= ~(greg_t)RFLAGS_TF;
	/* As vm_kick does it, for C code that decides where to go in. */
	tick.v->vm->attention = tick.stubs;
	bt_kick(tick.v, context);
}

/* Single-stepped. */
static void stepping(u8 *base)
{
	if (!tick.on) {
		tick.enter(base);
		tick.v->vm->attention = 0;
		return;
	}
	tick.left = false;
	rig_single_step(tick.enter, base);
	tick.left = true;
	tick.on_the_way += tick.kicked && tick.v->frame.exit == KICKED_ID;
	tick.v->vm->attention = 0;
}

static void state(struct pair *p, u64 times, bool aligned)
{
	pair_state(p);
	p->s.gpr[RDI] = PAIR_DATA + 3 * PAGE_SIZE - (aligned ? 0 : 3);
	p->s.gpr[RSI] = PAIR_DATA + 6 * PAGE_SIZE - 1;
	p->s.gpr[RBX] = 0x20;
	p->s.gpr[R12] = times;
}

static void kick_everywhere(const u8 *code, size_t len, bool aligned)
{
	struct pair p;
	struct bt *bt;
	unsigned int n = 0, kicks = 0;

	pair_up(&p, true);
	bt = bt_of(vm_vcpu(p.bt));
	state(&p, 30, aligned); /* known to cross pages, if it does */
	pair_run(&p, code, len);
	for (unsigned int k = 0; k < 50 && bt->stats.adapted < tick.adapted; k++) {
		state(&p, 5000, aligned);
		pair_run(&p, code, len);
	}
	CU_ASSERT(bt->stats.adapted >= tick.adapted);
	tick.v = vm_vcpu(p.bt);
	tick.enter = bt->enter;
	tick.on_the_way = 0;
	bt->enter = stepping;
	do {
		state(&p, 1, aligned);
		tick.kicked = false;
		tick.ticks = n;
		/* Most of the time goes into stepping through C code. */
		n += tick.stubs ? 7 : 1;
		kicks++;
		tick.on = true;
		pair_run(&p, code, len);
		tick.on = false;
	} while (tick.kicked && n < MOST);
	CU_ASSERT(n > 20 && n < MOST);
	if (tick.stubs)
		CU_ASSERT(tick.on_the_way > kicks / 2);
	bt->enter = tick.enter;
	pair_down(&p);
}

static void with_traps(const u8 *code, size_t len, bool aligned)
{
	struct sigaction sa = { .sa_sigaction = on_trap, .sa_flags = SA_SIGINFO | SA_ONSTACK };
	struct pair p;

	pair_up(&p, true); /* whose creation catches signals */
	sigaction(SIGTRAP, &sa, &tick.before);
	kick_everywhere(code, len, aligned);
	sigaction(SIGTRAP, &tick.before, NULL);
	pair_down(&p);
}
#define KICK(name, aligned) with_traps(name, (size_t)(name##_end - name), aligned)

static void test_runs(void)
{
	KICK(runs, false);
}

static void test_crossing(void)
{
	KICK(crossing, false);
	KICK(fixed, true);
}

static void test_shared(void)
{
	KICK(shared, true);
}

static void test_exchanges(void)
{
	KICK(exchanges, true);
}

static void test_guesses(void)
{
	KICK(guesses, true);
	KICK(wrong_guesses, true);
	tick.adapted = 1;
	KICK(places, true);
	tick.adapted = 0;
}

static void test_rounds(void)
{
	KICK(rounds, true);
}

static void test_strings(void)
{
	KICK(strings, true);
}

static void test_stubs(void)
{
	tick.stubs = true;
	KICK(ports, true);
	KICK(misses, true);
	KICK(device, true);
	tick.stubs = false;
}

CU_TestInfo tests_bt_kick[] = { { "pushes and pops in a row", test_runs },
				{ "operands on two pages", test_crossing },
				{ "XCHG and XADD", test_exchanges },
				{ "at shared look-ups", test_shared },
				{ "guesses", test_guesses },
				{ "rounds of a loop", test_rounds },
				{ "strings", test_strings },
				{ "ways out and in again", test_stubs },
				CU_TEST_INFO_NULL };
