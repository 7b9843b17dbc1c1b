/* SPDX-License-Identifier: MIT */
/*
 * A switch between two tasks with a stack and an address space each: callee-saved registers, stack
 * pointer, CR3. One operation is one switch, there or back.
 */
#include "paging.h"

struct task {
	uword sp, cr3;
};

void switch_to(struct task *from, const struct task *to);
asm("switch_to:\n"
    "	push %rbx\n"
    "	push %rbp\n"
    "	push %r12\n"
    "	push %r13\n"
    "	push %r14\n"
    "	push %r15\n"
    "	mov %rsp, (%rdi)\n"
    "	mov 8(%rsi), %rax\n"
    "	mov (%rsi), %rsp\n"
    "	mov %rax, %cr3\n"
    "	pop %r15\n"
    "	pop %r14\n"
    "	pop %r13\n"
    "	pop %r12\n"
    "	pop %rbp\n"
    "	pop %rbx\n"
    "	ret\n");

static u8 frame[2][PAGE] __page_aligned;
static uword stack[512] __attribute__((aligned(16)));
static struct task task[2];

static void count_turn(void)
{
	store(WINDOW, load(WINDOW) + 1);
}

static void second_task(void)
{
	for (;;) {
		count_turn();
		switch_to(&task[1], &task[0]);
	}
}

static void setup(void)
{
	window_map(0, frame[0]);
	task[0].cr3 = read_cr3();
	task[1].cr3 = space_new(frame[1]);
	/* As if it had called switch_to() itself: six registers and where to return. */
	stack[510] = (uword)second_task;
	task[1].sp = (uword)&stack[504];
}

static void prepare(uword n)
{
	(void)n;
	store(frame[0], 0);
	store(frame[1], 0);
}

static void run(uword n)
{
	LOOP (n) {
		count_turn();
		switch_to(&task[0], &task[1]);
		n--;
	}
}

static void empty(uword n)
{
	LOOP (n)
		n--;
}

static void check(uword n)
{
	expect("turns of the first task", load(frame[0]), n / 2);
	expect("turns of the second task", load(frame[1]), n / 2);
}

const struct nano nano = {
	.name = NANO_NAME,
	.setup = setup,
	.prepare = prepare,
	.run = run,
	.empty = empty,
	.check = check,
	.granule = 2,
};
