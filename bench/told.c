/* SPDX-License-Identifier: MIT */
/* What a run of the story's kernel means, in words and numbers. */
#include "bench/story.h"

#include <inttypes.h>
#include <string.h>

u64 told_expected(const struct told *t)
{
	return t->cycles1 ? (u64)((double)t->ticks * (double)t->cycles2 / (double)t->cycles1) : 0;
}

enum moral told_moral(const struct told *t)
{
	bool stopped = t->ticks2 < told_expected(t) / 4;

	if (t->failed || !t->ticks)
		return MORAL_OTHER;
	if (!t->lost && !t->torn && !t->inside && !stopped)
		return MORAL_RIGHT;
	return t->lost && stopped ? MORAL_CORRUPTED : MORAL_OTHER;
}

static bool has_holes(const struct told *t)
{
	const char *colon = strchr(t->where, ':');

	return colon && !strcmp(colon, ":trap");
}

bool told_as_expected(const struct told *t)
{
	return t->stepped || told_moral(t) == (has_holes(t) ? MORAL_CORRUPTED : MORAL_RIGHT);
}

static void print_why1(FILE *f, const struct told *t)
{
	fprintf(f,
		"     Why: POPF at %#" PRIx64
		" was to load RFLAGS=2, that is, IF=0. It ran at CPL 3, where\n"
		"     the processor loads the other flags, leaves IF and IOPL as they are, and "
		"raises no\n"
		"     exception. Nothing trapped, so the monitor never heard of it: to the "
		"machine, interrupts\n"
		"     were on (the first that came in spite of it pushed RFLAGS=%" PRIx64
		", IF=1, at\n"
		"     RIP=%#" PRIx64 ", in the middle of an update).\n",
		t->popf, t->flags, t->at);
}

static void print_part1(FILE *f, const struct told *t)
{
	fprintf(f,
		"  1. interrupts off by POPF: %" PRIu64 " updates, %" PRIu64 " interrupts, %" PRIu64
		" of them within the critical section\n",
		t->iterations / 2, t->ticks, t->inside);
	if (!t->inside && !t->lost && !t->torn) {
		fprintf(f, "     Nothing lost, the checksum always right.\n");
		return;
	}
	fprintf(f,
		"     THE DATA ARE CORRUPT: %" PRIu64 " updates lost, the checksum wrong %" PRIu64
		" times.\n",
		t->lost, t->torn);
	print_why1(f, t);
}

static void print_part2(FILE *f, const struct told *t)
{
	u64 expected = told_expected(t);

	fprintf(f,
		"  2. PUSHF, CLI, ..., POPF: %" PRIu64 " updates, %" PRIu64
		" interrupts; in as much time "
		"part 1 had %" PRIu64 "\n",
		t->iterations / 2, t->ticks2, expected);
	if (t->ticks2 >= expected / 4)
		return;
	fprintf(f,
		"     THE CLOCK STOPS.\n"
		"     Why: CLI is privileged; it trapped, and the monitor cleared the machine's "
		"IF. POPF at\n"
		"     %#" PRIx64
		" should have set it again from what PUSHF had stored. It did nothing, and\n"
		"     did not trap. Interrupts stay off for good.\n",
		t->popf2);
}

void told_print(FILE *f, const struct told *t)
{
	fprintf(f, "%s, %u-bit kernel\n", t->where, t->bits);
	if (t->failed) {
		fprintf(f, "  The kernel did not get to its end: %s\n\n", t->reason);
		return;
	}
	if (t->stepped) {
		fprintf(f,
			"  Not told: %u-bit code does not run directly here, but one instruction "
			"at a "
			"time, under control.\n\n",
			t->bits);
		return;
	}
	print_part1(f, t);
	print_part2(f, t);
	if (!told_as_expected(t))
		fprintf(f, "  This is not how it should be.\n");
	fprintf(f, "\n");
}

static void print_causes(FILE *f, const struct told *t)
{
	for (unsigned int i = 0; i < TRAP_NR; i++) {
		const struct trap_counter *c = &t->traps.c[i];

		if (!(t->traps.counted & BIT(i)) || !c->count)
			continue;
		fprintf(f, "      %-18s %10" PRIu64, trap_name(i), c->count);
		if (t->traps.timed & BIT(i) && c->cycles)
			fprintf(f, " %12" PRIu64 "\n", c->cycles / c->count);
		else
			fprintf(f, " %12s\n", "-");
	}
}

void told_costs(FILE *f, const struct told *t, unsigned int n)
{
	fprintf(f,
		"What it cost (cycles: of the host's time stamp counter, mean; a trap that was not "
		"seen or timed: -)\n\n");
	for (unsigned int i = 0; i < n; i++) {
		if (t[i].failed || t[i].stepped)
			continue;
		fprintf(f,
			"  %s, %u bits: %.0f ms, %" PRIu64 " updates, %" PRIu64
			" interrupts, %" PRIu64 " lost\n      %-18s %10s %12s\n",
			t[i].where, t[i].bits, (double)t[i].run_ns / 1e6, t[i].iterations,
			t[i].ticks + t[i].ticks2, t[i].lost, "cause", "traps", "cycles each");
		print_causes(f, &t[i]);
	}
	fprintf(f, "\n");
}

static void csv_number(FILE *f, const struct told *t, const char *metric, const char *more,
		       u64 value)
{
	fprintf(f, "%u,%s,%s%s,%" PRIu64 "\n", t->bits, t->where, metric, more, value);
}

void told_csv(FILE *f, const struct told *t)
{
	const struct {
		const char *name;
		u64 value;
	} numbers[] = {
		{ "iterations", t->iterations },
		{ "interrupts1", t->ticks },
		{ "interrupts2", t->ticks2 },
		{ "expected2", told_expected(t) },
		{ "inside", t->inside },
		{ "lost", t->lost },
		{ "torn", t->torn },
		{ "cycles1", t->cycles1 },
		{ "cycles2", t->cycles2 },
		{ "run_ns", t->run_ns },
		{ "popf", t->popf },
		{ "popf2", t->popf2 },
		{ "first_rip", t->at },
		{ "first_rflags", t->flags },
		{ "moral", told_moral(t) },
		{ "stepped", t->stepped },
	};

	if (t->failed) {
		csv_number(f, t, "failed", "", 1);
		return;
	}
	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++)
		csv_number(f, t, numbers[i].name, "", numbers[i].value);
	for (unsigned int i = 0; i < TRAP_NR; i++) {
		if (!(t->traps.counted & BIT(i)))
			continue;
		csv_number(f, t, "traps.", trap_name(i), t->traps.c[i].count);
		if (t->traps.timed & BIT(i))
			csv_number(f, t, "trap_cycles.", trap_name(i), t->traps.c[i].cycles);
	}
}
