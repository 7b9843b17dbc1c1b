/* SPDX-License-Identifier: MIT */
#include "tests/kvmoracle/case.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

void case_make(struct ko_case *c, enum part part, u64 seed, u64 n, unsigned int limit)
{
	struct gen g;

	memset(c, 0, sizeof(*c));
	c->seed = seed;
	c->n = n;
	c->part = part;
	c->limit = limit;
	gen_seed(&g, seed * 4 + part, n);
	if (part == PART_SINGLE)
		single_make(c, &g);
	else
		sequence_make(c, &g);
}

void case_print(const struct ko_case *c)
{
	char text[128];

	printf("part %d seed %" PRIu64 " case %" PRIu64 " %s:", c->part, c->seed, c->n, c->setup);
	for (unsigned int n = 0; n < c->nr_steps; n++)
		printf(" %s/%" PRIx64, c->step[n].name, c->step[n].value);
	if (c->part != PART_SINGLE)
		return;
	putchar(' ');
	for (unsigned int n = 0; n < c->insn.length; n++)
		printf("%02x", c->bytes[n]);
	insn_format(&c->insn, c->before.rip, text, sizeof(text));
	printf(" (%s)", text);
}
