/* SPDX-License-Identifier: MIT */
/* Loads and branches that depend on data: 256 random look-ups in a binary tree of 4096 nodes. */
#include "nano.h"

#define NODES	4096
#define LOOKUPS 256

struct node {
	struct node *child[2];
	u32 key, value;
};

static struct node node[NODES];
static struct node *root;
static u32 seed;

static u32 random(void)
{
	seed = seed * 1664525 + 1013904223;
	return seed >> 8;
}

static void insert(struct node *new)
{
	struct node **at = &root;

	while (*at)
		at = &(*at)->child[new->key > (*at)->key];
	*at = new;
}

static void setup(void)
{
	seed = 1;
	for (u32 i = 0; i < NODES; i++) {
		node[i].key = random();
		node[i].value = i;
		insert(&node[i]);
	}
}

/* The node of KEY, or NULL. */
static const struct node *search(u32 key)
{
	const struct node *at = root;

	while (at && at->key != key) {
		if (key > at->key)
			at = at->child[1];
		else
			at = at->child[0];
	}
	return at;
}

static void run(uword n)
{
	seed = 1;
	LOOP (n)
		for (u32 i = 0; i < LOOKUPS; i++) {
			const struct node *found = search(node[random() % NODES].key);

			sum += found && found == &node[found->value];
		}
}

static void check(uword n)
{
	expect("keys found", sum, (u64)n * LOOKUPS);
}

const struct nano nano = { .name = NANO_NAME, .setup = setup, .run = run, .check = check };
