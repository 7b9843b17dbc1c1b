/* SPDX-License-Identifier: MIT */
/* The part that runs at each trap: no libc, general-purpose registers only. */
#include "common/traplog.h"

/* Where AT is in the table, or a free slot. Linear probing; never full (see place_of). */
static struct traplog_place *find(struct traplog *log, u64 rip, u8 cause)
{
	u64 hash = (rip ^ (u64)cause << 56) * 0x9e3779b97f4a7c15ull;

	for (u32 n = (u32)(hash >> 40);; n++) {
		struct traplog_place *p = &log->place[n % TRAPLOG_PLACES];

		if (!p->count || (p->rip == rip && p->cause == cause))
			return p;
	}
}

static struct traplog_place *place_of(struct traplog *log, const struct trap_event *e)
{
	struct traplog_place *rest = &log->rest[e->cause], *p;

	rest->cause = e->cause;
	if (!e->rip)
		return rest;
	p = find(log, e->rip, e->cause);
	if (p->count)
		return p;
	if (log->nr_places == TRAPLOG_PLACES / 4 * 3)
		return rest;
	log->nr_places++;
	p->rip = e->rip;
	p->cause = e->cause;
	p->known = true;
	return p;
}

static void count_distance(struct traplog *log, const struct trap_event *e)
{
	u64 left = log->left ? log->left : e->tsc, executed;

	/* What was left before the guest went on is a trap within a trap. */
	log->last.bucket = trap_bucket(left > log->resumed ? left - log->resumed : 0);
	log->apart[e->cause][log->last.bucket]++;
	log->last.bucket_insns = TRAP_BUCKETS;
	if (!log->instructions)
		return;
	executed = *log->instructions;
	log->last.bucket_insns = trap_bucket(executed - log->executed);
	log->apart_insns[e->cause][log->last.bucket_insns]++;
	log->executed = executed;
}

static u32 saturated(u64 cycles)
{
	return cycles > UINT32_MAX ? UINT32_MAX : (u32)cycles;
}

static void add(struct traplog *log, const struct trap_event *e)
{
	count_distance(log, e);
	log->last.place = place_of(log, e);
	log->last.place->count++;
	log->last.place->cycles += e->cycles;
	log->last.cycles = e->cycles;
	log->last.cause = e->cause;
	log->left = 0;
	traplog_resumed(log);
}

void traplog_add(struct traplog *log, const struct trap_event *e)
{
	if (log->trace)
		trap_trace_write(log->trace, e);
	if (log->places)
		add(log, e);
}

void traplog_write(struct traplog *log, enum trap_cause cause, u64 start, u64 rip)
{
	const struct trap_event e = {
		.tsc = start,
		.rip = rip,
		.cycles = saturated(__builtin_ia32_rdtsc() - start),
		.cause = (u8)cause,
	};

	if (log->places)
		add(log, &e);
}

void traplog_whole(struct traplog *log, enum trap_cause cause, u64 cycles)
{
	u32 whole = saturated(cycles);

	if (log->last.place && log->last.cause == cause && whole > log->last.cycles) {
		log->last.place->cycles += whole - log->last.cycles;
		log->last.cycles = whole;
	}
	log->left = 0;
	traplog_resumed(log);
}
