/* SPDX-License-Identifier: MIT */
/* Memory stream (McCalpin's triad): a = b + 3 c, 8192 doubles at a time of 512 KiB in each array.
 */
#include "nano.h"

#define COUNT 65536
#define SLICE 8192

static double a[COUNT], b[COUNT], c[COUNT];

static void setup(void)
{
	for (u32 i = 0; i < COUNT; i++) {
		b[i] = i;
		c[i] = i % 7;
	}
}

static void prepare(uword n)
{
	(void)n;
	for (u32 i = 0; i < COUNT; i++)
		a[i] = -1;
}

static void run(uword n)
{
	u32 at = 0;

	LOOP (n) {
		for (u32 i = at; i < at + SLICE; i++)
			a[i] = b[i] + 3 * c[i];
		at = (at + SLICE) % COUNT;
	}
}

static void check(uword n)
{
	u64 wrong = 0;

	for (u32 i = 0; i < COUNT; i++)
		wrong += a[i] != (i / SLICE < n ? (double)(i + 3 * (i % 7)) : -1);
	expect("wrong elements", wrong, 0);
}

const struct nano nano = {
	.name = NANO_NAME, .setup = setup, .prepare = prepare, .run = run, .check = check
};
