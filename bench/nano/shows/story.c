/* SPDX-License-Identifier: MIT */
/*
 * A kernel that shares data with its timer interrupt, and keeps the interrupt out with POPF.
 * `fvbench story` tells what becomes of it where POPF neither works nor traps.
 *
 * Part 1 switches interrupts off by POPF, with IF clear in what it pops. Part 2 does as kernels do:
 * PUSHF, CLI, and POPF to have them as they were. One operation is one update of the ledger.
 *
 * Prints ticks= and ticks2= (interrupts taken in each part), cycles1= and cycles2=, inside=
 * (interrupts within the critical section of part 1), lost= (updates by the interrupt that were
 * overwritten) torn= (interrupts that found a wrong checksum), popf= popf2= (addresses of the
 * instructions), at= flags= (RIP and RFLAGS pushed by the first interrupt that should not have
 * come).
 */
#include "cpu.h"
#include "pit.h"

#define VECTOR_TIMER 0x20
#define PERIOD	     1193 /* 1 ms */
#define FROM_TICK    1000 /* what the interrupt adds; the kernel adds 1 */
#define WORK	     100000

static volatile struct {
	uword value, sum;
} ledger;

static volatile uword inside, torn, first_at, first_flags;
static uword ticks1, ticks2, lost;
static u64 cycles1, cycles2;
extern const char story_popf[], story_popf2[], story_section[], story_end[];

static uword checksum(uword value)
{
	return value * (uword)2654435761u ^ 0x5a5a;
}

__interrupt void on_tick(struct frame *f)
{
	events = events + 1;
	torn = torn + (ledger.sum != checksum(ledger.value));
	if (f->ip > (uword)story_section && f->ip <= (uword)story_end) {
		if (!inside) {
			first_at = f->ip;
			first_flags = f->flags;
		}
		inside = inside + 1;
	}
	ledger.value = ledger.value + FROM_TICK;
	ledger.sum = checksum(ledger.value);
	pic_end();
}

static inline void work(void)
{
	for (uword i = WORK; i; i = opaque(i) - 1)
		;
}

/* Read, think, write, think, sign: whoever comes between loses. */
static inline __attribute__((always_inline)) void update(void)
{
	uword value = ledger.value;

	work();
	ledger.value = value + 1;
	work();
	ledger.sum = checksum(value + 1);
}

static __attribute__((noinline)) void part1(uword n)
{
	LOOP (n) {
		asm volatile("push $2\n"
			     "story_popf: popf\n"
			     "story_section:" ::
				     : "memory", "cc");
		update();
		asm volatile("story_end:" ::: "memory");
		sti();
		work();
	}
}

static __attribute__((noinline)) void part2(uword n)
{
	LOOP (n) {
		uword flags;

		asm volatile("pushf; pop %0; cli" : "=r"(flags) : : "memory");
		update();
		asm volatile("push %0\n"
			     "story_popf2: popf" ::"r"(flags)
			     : "memory", "cc");
		work();
	}
}

static void setup(void)
{
	gate_set(VECTOR_TIMER, on_tick);
	pic_init(VECTOR_TIMER);
}

static void prepare(uword n)
{
	(void)n;
	ledger.value = 0;
	ledger.sum = checksum(0);
	inside = torn = 0;
	pit_every(PERIOD);
}

static void run(uword n)
{
	u64 start = tsc(), middle;

	sti();
	part1(n / 2);
	cli();
	middle = tsc();
	ticks1 = events;
	lost = (n / 2 + ticks1 * FROM_TICK - ledger.value) / FROM_TICK;
	sti();
	part2(n / 2);
	cli();
	cycles1 = middle - start;
	cycles2 = tsc() - middle;
	ticks2 = events - ticks1;
}

static void empty(uword n)
{
	(void)n;
}

static void check(uword n)
{
	(void)n;
	metric("ticks", ticks1);
	metric("ticks2", ticks2);
	metric("cycles1", cycles1);
	metric("cycles2", cycles2);
	metric("inside", inside);
	metric("lost", lost);
	metric("torn", torn);
	metric("popf", (uword)story_popf);
	metric("popf2", (uword)story_popf2);
	metric("at", first_at);
	metric("flags", first_flags);
}

const struct nano nano = { .name = NANO_NAME,
			   .setup = setup,
			   .prepare = prepare,
			   .run = run,
			   .empty = empty,
			   .check = check,
			   .granule = 2 };
