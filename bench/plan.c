/* SPDX-License-Identifier: MIT */
#include "bench/plan.h"

unsigned int plan_length(unsigned int variants, unsigned int reps)
{
	return variants * (reps + 1);
}

struct plan_step plan_step(unsigned int variants, unsigned int i)
{
	unsigned int rep = i / variants, turn = i % variants;

	return (struct plan_step){ rep % 2 ? variants - 1 - turn : turn, rep };
}
