/* SPDX-License-Identifier: MIT */
#include "common/account.h"
#include "common/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

const char *account_name(unsigned int part)
{
	static const char *const name[] = {
#define PART(id, name) name,
#include "common/account.def"
#undef PART
		"accounting"
	};

	return name[part];
}

const char *account_phase_name(enum account_phase phase)
{
	static const char *const name[] = { "cold", "warm", "all" };

	return name[phase];
}

#define ROUNDS	50
#define CHANGES 1000

/*
 * Cycles that a change adds. In a row, with nothing else to do meanwhile, they take the most (24
 * here); between pieces of other work that is as long, they take nothing. Runs with and without
 * an account differ by 11 to 21 for each: half of the most is off by no more than that.
 */
static double measure(void)
{
	struct account trial;
	u64 least = ~0ull;

	memset(&trial, 0, sizeof(trial));
	for (unsigned int round = 0; round < ROUNDS; round++) {
		u64 start = host_tsc(), cycles;

		for (unsigned int n = 0; n < CHANGES; n++) {
			account_change(&trial, ACCOUNT_DISPATCH + (n & 1));
			__asm__ volatile("" ::: "memory");
		}
		cycles = host_tsc() - start;
		if (cycles < least)
			least = cycles;
	}
	return (double)least / CHANGES / 2;
}

struct account *account_new(void)
{
	struct account *a = calloc(1, sizeof(*a));

	if (a)
		a->waits = open("/proc/thread-self/schedstat", O_RDONLY | O_CLOEXEC);
	return a;
}

void account_free(struct account *a)
{
	if (a && a->waits >= 0)
		close(a->waits);
	free(a);
}

/* The second number is the time on a run queue. proc_pid_schedstat(5). */
static u64 waited(const struct account *a)
{
	char text[80], *end = text;
	ssize_t n = a->waits < 0 ? -1 : pread(a->waits, text, sizeof(text) - 1, 0);

	if (n <= 0)
		return 0;
	text[n] = '\0';
	strtoull(text, &end, 10);
	return strtoull(end, NULL, 10);
}

void account_start(struct account *a)
{
	const u32 parts = a->parts;
	const int waits = a->waits;
	struct clock_look look;

	memset(a, 0, sizeof(*a));
	a->parts = parts;
	a->waits = waits;
	a->cost = measure();
	a->now = ACCOUNT_OTHER;
	look = host_look();
	a->since = look.tsc;
	account_point(a, &a->start);
}

void account_point(struct account *a, struct account_point *point)
{
	const u64 waits = waited(a);
	const struct clock_look look = host_look();

	/* The present part so far; it goes on. */
	a->cycles[a->now] += look.tsc - a->since;
	a->since = look.tsc;
	point->tsc = look.tsc;
	point->wall_ns = look.ns;
	point->waited_ns = waits;
	memcpy(point->cycles, a->cycles, sizeof(point->cycles));
	memcpy(point->changes, a->changes, sizeof(point->changes));
}

static const struct account_point *first(const struct account *a, enum account_phase phase)
{
	return phase == ACCOUNT_WARM ? &a->mark[0] : &a->start;
}

static const struct account_point *last(const struct account *a, enum account_phase phase)
{
	return phase == ACCOUNT_ALL ? &a->end : &a->mark[phase];
}

int account_times(const struct account *a, enum account_phase phase, struct account_times *times)
{
	const struct account_point *from = first(a, phase), *to = last(a, phase);
	double ns = 1e6 / (double)host_tsc_khz(), accounting = 0;

	if (!from->wall_ns || !to->wall_ns)
		return -ENODATA;
	times->wall = (double)(to->wall_ns - from->wall_ns);
	times->waited = a->waits < 0 ? NAN : (double)(to->waited_ns - from->waited_ns);
	for (unsigned int i = 0; i < ACCOUNT_NR; i++) {
		double cycles = (double)(to->cycles[i] - from->cycles[i]);
		double cost = (double)(to->changes[i] - from->changes[i]) * a->cost;

		/* Reading the clock overlaps with what comes before and after. */
		if (cost > cycles)
			cost = cycles;
		accounting += cost;
		times->part[i] = a->parts & BIT(i) ? (cycles - cost) * ns : -1;
	}
	times->part[ACCOUNT_NR] = accounting * ns;
	return 0;
}

double account_share(const struct account_times *times, unsigned int part)
{
	double all = 0;

	for (unsigned int i = 0; i < ACCOUNT_NR; i++)
		if (times->part[i] > 0)
			all += times->part[i];
	return all > 0 ? times->part[part] / all : 0;
}
