/* SPDX-License-Identifier: MIT */
/*
 * Traps one by one, for whoever asked: a trace, how far they lie apart, where in the guest they
 * come from, and how many there were in each slice of time. With nobody asking, a machine has no
 * log, and that is one pointer to test for each trap.
 *
 * Distance is what Agesen, Mattson, Rugina and Sheldon ask about ("Software Techniques for Avoiding
 * Hardware Virtualization Exits", USENIX ATC 2012): host TSC ticks from when the monitor had done a
 * trap and was about to give the guest the processor, to the moment the guest was left with the
 * next one; it belongs to that next trap's cause. Time that the monitor spends between the two for
 * other reasons (timers, sleep after HLT) is taken out where the backend says so
 * (traplog_resumed). In instructions, where the engine counts them: those executed since the trap
 * before, the one that traps included; back to back is 1.
 *
 * A log lies in memory that a child shares: fvbench reads what a sample's process wrote.
 */
#ifndef FVB_TRAPLOG_H
#define FVB_TRAPLOG_H

#include "common/clock.h"
#include "common/trap.h"

struct vm;

#define TRAPLOG_PLACES 131072 /* guest addresses by cause; a power of two */
#define TRAPLOG_SLICES (1u << 20)

struct traplog_place {
	u64 rip, count, cycles;
	u8 cause;
	bool known; /* RIP is; else this stands for all without, or without room */
};

struct traplog_slice {
	u64 start; /* ns from the beginning */
	u64 count, cycles;
	u32 cause;
};

struct traplog {
	FILE *trace;  /* where each event goes as CSV, or NULL; not owned */
	bool places;  /* count distances and places: what follows, up to the slices */
	u64 resumed;  /* TSC when the guest went on; 0: nothing before the first trap */
	u64 left;     /* TSC when it was left, where engines say so: before the event's; or 0 */
	u64 executed; /* instructions at the last trap */
	const u64 *instructions; /* where they are counted, or NULL: unknown */
	u64 apart[TRAP_NR][TRAP_BUCKETS], apart_insns[TRAP_NR][TRAP_BUCKETS];
	struct traplog_place place[TRAPLOG_PLACES], rest[TRAP_NR];
	u32 nr_places;
	struct {
		struct traplog_place *place;
		u32 cycles, bucket, bucket_insns; /* TRAP_BUCKETS: none */
		u8 cause;
	} last; /* what the last trap added, for traplog_stop */

	u64 interval; /* ns, or 0: no slices */
	u64 begin;    /* vm->clock */
	u64 slice_start;
	struct timer timer;
	u64 seen_count[TRAP_NR], seen_cycles[TRAP_NR];
	u32 timed; /* as in struct trap_stats: these causes' cycles are real */
	u32 nr_slices;
	struct vm *vm; /* between start and stop */
	bool full;     /* slices were lost: what came later is in the last one of its cause */
	struct traplog_slice slice[TRAPLOG_SLICES];
};

/* One in zeroed shared memory, most of which is never touched; NULL: none left. */
struct traplog *traplog_new(void);
void traplog_free(struct traplog *log);
/* As new. The trace and what was asked for (places, interval) stay. */
void traplog_clear(struct traplog *log);

/*
 * From here on VM's traps are logged. Distances begin here, slices are of vm->clock from now on.
 * vCPU thread. LOG outlives VM, which knows a timer in it, if it has an interval.
 */
void traplog_start(struct traplog *log, struct vm *vm);
/* And no more. TAKE_BACK: without the last trap, which was the mark of the end; its count and its
 * cycles vm_mark left in vm->traps. Slices sum to vm->traps' change. */
void traplog_stop(struct traplog *log, bool take_back);

/* One trap. General-purpose registers only and no libc, unless there is a trace, for which the
 * caller has put the vector registers away. */
void traplog_add(struct traplog *log, const struct trap_event *e);

/* The guest goes on now, after something that is no trap of the log's. */
static inline void traplog_resumed(struct traplog *log)
{
	log->resumed = __builtin_ia32_rdtsc();
}

/* For traps that are no struct trap_event. The clock, if there is a log; and a trap of CAUSE at RIP
 * from START, what the clock was, until now. In no trace. */
static inline u64 traplog_clock(const struct trap_stats *s)
{
	return unlikely(s->log != NULL) ? __builtin_ia32_rdtsc() : 0;
}
void traplog_write(struct traplog *log, enum trap_cause cause, u64 start, u64 rip);
static inline void traplog_note(const struct trap_stats *s, enum trap_cause cause, u64 start,
				u64 rip)
{
	if (unlikely(s->log != NULL))
		traplog_write(s->log, cause, start, rip);
}

/* The last trap, if it was of CAUSE, took CYCLES as a whole, and the guest goes on now. */
void traplog_whole(struct traplog *log, enum trap_cause cause, u64 cycles);

#endif
