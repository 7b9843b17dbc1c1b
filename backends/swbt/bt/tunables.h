/* SPDX-License-Identifier: MIT */
/* The translator's numbers, each with its reason. */
#ifndef FVB_SWBT_BT_TUNABLES_H
#define FVB_SWBT_BT_TUNABLES_H

/* Bytes of translated code. Debian's kernel to init translates about 10 MB; with 64 MiB a boot
 * never fills it. */
#define BT_CACHE_SIZE (64 * MiB)
#define BT_CACHE_MIN  (64 * KiB)
/* A branch reaches any place in it. */
#define BT_CACHE_MAX (1 * GiB)

/* What is evicted at once is one in so many of its bytes: links between old and new blocks are not
 * made while blocks go, and that should be rare. */
#define BT_CACHE_SHARES 16

/* Bytes of the code cache that are mapped at once: 200 blocks or so. */
#define BT_CACHE_MAP (64 * KiB)
/* Beyond so many it is large pages: 0.2 ms for one, both views; by small ones it is 1.9 ms. */
#define BT_CACHE_SMALL (256 * KiB)
#define BT_CACHE_LARGE (2 * MiB)

/* Guest instructions of a block. Blocks average 6 to 8; the bound matters for straight-line crypto
 * code, where longer blocks save nothing. */
#define BT_BLOCK_INSNS 64
/* The same where segments take more code for each. */
#define BT_SEGMENTED_INSNS 32

/* Most host bytes of a block: what 64 instructions take that each look up two operands with checks.
 * A block ends where another one might not fit. */
#define BT_BLOCK_BYTES (20 * KiB)
/* Most bytes of an exit and of a call-out's code for two pages; of the last instructions, since a
 * run of pushes is not broken off, and the end of a block. */
#define BT_EXIT_BYTES  96
#define BT_CROSS_BYTES 768
#define BT_LAST_BYTES  (3 * KiB)

/* Most exits of one block: CALL [memory] with checks has five; and the end. */
#define BT_BLOCK_EXITS (5 * BT_BLOCK_INSNS + 2)

/* Instructions of a block that are done in C. Code has few of them at a time; each takes as much
 * room as its decoded form does. */
#define BT_BLOCK_CALLS 16

/* Most pushes or pops that share a look-up: what a quick check is for. Each more makes it likelier
 * that they lie on two pages. */
#define BT_RUN 8

/* Writes to a page whose last block has gone, before it may be written freely again. To protect it
 * takes a look at every entry for writing; who rewrites a function runs it next. */
#define BT_CODE_WRITES 4u

/* Accesses off one register share a look-up if they lie within so many bytes (a quick check does
 * for them), are not further apart than so many instructions, and save at least so many look-ups:
 * the check takes three instructions, a look-up four or five. */
#define BT_SHARE_BYTES 256
#define BT_SHARE_APART 8
#define BT_SHARE_SAVED 2

/* A block goes on in one that begins at its next instruction only if that has so many: each such
 * way is a jump more, which a function of a few instructions (`fib`) takes 7 % longer for. */
#define BT_FALL_INSNS 10

/* Blocks of a page, the newest ones, that are asked whether a jump leads into them: each takes a
 * miss of the host's cache or two. */
#define BT_AROUND 10u

/* A conditional jump back by less than this closes a loop, most likely. */
#define BT_LOOP_BYTES 1024

/* With the rounds of a loop, which are short instructions, a block may be twice as long. */
#define BT_MOST_SITES(block_insns) (2 * (block_insns))

/* Loops: instructions of a round, and how many rounds share their look-ups, if they lie within so
 * many bytes in each of so many places. The further they reach, the more often they lie on two
 * pages, and the look-ups were in vain. */
#define BT_ROUNDS_INSNS 15
#define BT_ROUNDS	16
#define BT_ROUNDS_LEAST 3
#define BT_ROUNDS_BYTES 896
#define BT_STREAMS	4
/* Most bytes of such a look-up. */
#define BT_STREAM_BYTES 100

/* Instructions that are known to be better translated otherwise, or may turn out to be. */
#define BT_ADAPT_SITES 4096

/* After so many slow executions an instruction is translated as a call-out; and back after so many
 * of those, twice as many each time up to this many times. Translating a block takes some 10,000
 * cycles, a signal as many: so each costs a call-out ten cycles, at first. */
#define BT_ADAPT_AFTER 4
#define BT_ADAPT_CALLS 1024u
#define BT_ADAPT_TIMES 16

/* Wrong guesses between looks at how often they are: at one in 500 cycles they cost one in 20. */
#define BT_GUESSES	256
#define BT_GUESS_CYCLES 500

/* The same for what is none of the several places: each takes a way out and in again. */
#define BT_PLACE_MISSES 64u
#define BT_PLACE_CYCLES 2000
/* Bytes of code for an access at one of several places, beside those of its exit. */
#define BT_PLACES_BYTES 256

/* How far JRCXZ reaches. */
#define BT_ISLAND_REACH 127

/* Unaligned accesses by C code that did not expect AC to be set, each some microseconds for a
 * signal, before AC is cleared, some 140 cycles, whenever translated code is left. */
#define BT_SETTLE 1000

/* Ways from code that checks alignment to code that does not, between looks at how often they are.
 * Each and its way back take 180 cycles: if they come in less than this, what is there is better
 * run in code that checks, too. */
#define BT_ACROSS	 64
#define BT_ACROSS_CYCLES 600

/* Bytes of a block's last jump, the longest being a probe for a target beyond 2 GiB. */
#define BT_GOTO_BYTES 48

/* Regions of 2 MiB of guest memory whose entries are remembered for a flush. Beyond 32 GiB of them
 * everything is flushed. */
#define BT_REGIONS 16384

/* Indirect jump targets remembered one by one for a flush. */
#define BT_TARGETS 8192

/* Slots of the hash of blocks to begin with: 32 KiB. A kernel and its programs make some 50,000
 * blocks. */
#define BT_HASH_MIN 4096u

/* One block in so many says how much of translation is decoding. */
#define BT_TIMED 16

#endif
