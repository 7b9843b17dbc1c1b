/* SPDX-License-Identifier: MIT */
/*
 * Latency of dependent loads: NODES nodes of a cache line each, linked to a ring in random order;
 * one operation is STEPS steps along it.
 */
#include "nano.h"

#define STEPS 1024

struct node {
	struct node *next;
	u32 place; /* in the ring */
	u8 rest[52];
};

static struct node node[NODES] __attribute__((aligned(64)));
static struct node *at;

static void setup(void)
{
	static u32 order[NODES];
	u32 seed = 1;

	for (u32 i = 0; i < NODES; i++)
		order[i] = i;
	for (u32 i = NODES - 1; i; i--) {
		u32 j;
		u32 t = order[i];

		seed = seed * 1664525 + 1013904223;
		j = (u32)((u64)seed * (i + 1) >> 32);
		order[i] = order[j];
		order[j] = t;
	}
	for (u32 i = 0; i < NODES; i++) {
		node[order[i]].next = &node[order[(i + 1) % NODES]];
		node[order[i]].place = i;
		if (!i)
			at = &node[order[i]];
	}
}

static void prepare(uword n)
{
	(void)n;
	while (at->place)
		at = at->next;
}

static void run(uword n)
{
	struct node *p = at;

	LOOP (n)
		for (u32 i = 0; i < STEPS; i++)
			p = p->next;
	at = p;
}

static void check(uword n)
{
	expect("place in the ring", at->place, (u64)n * STEPS % NODES);
}

const struct nano nano = {
	.name = NANO_NAME, .setup = setup, .prepare = prepare, .run = run, .check = check
};
