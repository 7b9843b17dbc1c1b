/* SPDX-License-Identifier: MIT */
/* Indirect jumps: a switch over the bytecode of a program that counts the Collatz steps of 1 to 19.
 */
#include "nano.h"

#define START 19
#define STEPS 189

enum opcode { PUSH, LOAD, STORE, ADD, MUL, SHIFT, AND, JUMP, JUMP_ZERO, HALT };
enum { I, X, COUNT, VARIABLES };

/* for (; i; i--) for (x = i; x != 1; count++) x = x & 1 ? 3 * x + 1 : x >> 1; */
/* clang-format off */
static const u8 program[] = {
	/*  0 */ LOAD, I, JUMP_ZERO, 57, LOAD, I, STORE, X,
	/*  8 */ LOAD, X, PUSH, 0xff, ADD, JUMP_ZERO, 48,
	/* 15 */ LOAD, COUNT, PUSH, 1, ADD, STORE, COUNT,
	/* 22 */ LOAD, X, PUSH, 1, AND, JUMP_ZERO, 41,
	/* 29 */ LOAD, X, PUSH, 3, MUL, PUSH, 1, ADD, STORE, X, JUMP, 8,
	/* 41 */ LOAD, X, SHIFT, STORE, X, JUMP, 8,
	/* 48 */ LOAD, I, PUSH, 0xff, ADD, STORE, I, JUMP, 0,
	/* 57 */ HALT,
};
/* clang-format on */

__attribute__((noinline)) static int interpret(const u8 *code, int *variable)
{
	int stack[8], *top = stack;

	for (const u8 *pc = code;;) {
		switch ((enum opcode) * pc++) {
		case PUSH:
			*++top = (signed char)*pc++;
			break;
		case LOAD:
			*++top = variable[*pc++];
			break;
		case STORE:
			variable[*pc++] = *top--;
			break;
		case ADD:
			top--;
			*top += top[1];
			break;
		case MUL:
			top--;
			*top *= top[1];
			break;
		case SHIFT:
			*top >>= 1;
			break;
		case AND:
			top--;
			*top &= top[1];
			break;
		case JUMP:
			pc = code + *pc;
			break;
		case JUMP_ZERO:
			pc = *top-- ? pc + 1 : code + *pc;
			break;
		case HALT:
			return variable[COUNT];
		}
	}
}

static void run(uword n)
{
	LOOP (n) {
		int variable[VARIABLES] = { [I] = START };

		sum += (u64)interpret(program, variable);
	}
}

static void check(uword n)
{
	expect("steps counted", sum, (u64)n * STEPS);
}

const struct nano nano = { .name = NANO_NAME, .run = run, .check = check };
