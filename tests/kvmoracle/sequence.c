/* SPDX-License-Identifier: MIT */
/* Part 2: privileged instructions in a row, faults among them. */
#include "tests/kvmoracle/setup.h"

void sequence_make(struct ko_case *c, struct gen *g)
{
	single_make(c, g);
}
