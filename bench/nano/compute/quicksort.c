/* SPDX-License-Identifier: MIT */
/* Branches that nobody predicts, recursion: quicksort of 1024 random numbers. */
#include "nano.h"

#define COUNT 1024

static u32 item[COUNT];
static u32 seed, total;

static void fill(void)
{
	total = 0;
	for (u32 i = 0; i < COUNT; i++) {
		seed = seed * 1664525 + 1013904223;
		item[i] = seed >> 8;
		total += item[i];
	}
}

/* Hoare's partition around the middle item. */
static void quicksort(u32 *low, u32 *high)
{
	u32 *i = low, *j = high, pivot = low[(high - low) / 2];

	while (i <= j) {
		u32 t;

		while (*i < pivot)
			i++;
		while (*j > pivot)
			j--;
		if (i > j)
			break;
		t = *i;
		*i++ = *j;
		*j-- = t;
	}
	if (low < j)
		quicksort(low, j);
	if (i < high)
		quicksort(i, high);
}

static bool sorted(void)
{
	u32 left = total - item[0];

	for (u32 i = 1; i < COUNT; i++) {
		if (item[i - 1] > item[i])
			return false;
		left -= item[i];
	}
	return left == 0;
}

static void prepare(uword n)
{
	seed = (u32)n;
}

static void run(uword n)
{
	LOOP (n) {
		fill();
		quicksort(item, item + COUNT - 1);
		sum += sorted();
	}
}

static void check(uword n)
{
	expect("arrays in order, with what was in them", sum, n);
}

const struct nano nano = { .name = NANO_NAME, .prepare = prepare, .run = run, .check = check };
