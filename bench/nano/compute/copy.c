/* SPDX-License-Identifier: MIT */
/* Memory stream: 64 KiB copied by words, within two buffers of 512 KiB. */
#include "nano.h"

#define WORDS 65536
#define SLICE 8192

static u64 from[WORDS], to[WORDS];

static void setup(void)
{
	for (u32 i = 0; i < WORDS; i++)
		from[i] = i;
}

static void prepare(uword n)
{
	(void)n;
	for (u32 i = 0; i < WORDS; i++)
		to[i] = 0;
}

static void run(uword n)
{
	u32 at = 0;

	LOOP (n) {
		/* Opaque, or it would become a call of memcpy. */
		for (u32 i = at; i < at + SLICE; i++)
			to[i] = opaque(from[i]);
		at = (at + SLICE) % WORDS;
	}
}

static void check(uword n)
{
	u64 wrong = 0;

	for (u32 i = 0; i < WORDS; i++)
		wrong += to[i] != (i / SLICE < n ? i : 0);
	expect("wrong words", wrong, 0);
}

const struct nano nano = {
	.name = NANO_NAME, .setup = setup, .prepare = prepare, .run = run, .check = check
};
