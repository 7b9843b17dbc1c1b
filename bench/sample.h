/* SPDX-License-Identifier: MIT */
/*
 * One sample: one benchmark, run once, in a fresh VM in a fresh process. Whatever happens to that
 * process (a crash, a hang, a guest that prints nonsense) is a failed sample with a reason, and
 * the program that asked for it goes on.
 */
#ifndef FVB_BENCH_SAMPLE_H
#define FVB_BENCH_SAMPLE_H

#include "bench/counters.h"
#include "bench/hoststate.h"
#include "bench/suite.h"
#include "bench/variant.h"
#include "bench/verdict.h"
#include "bench/warmup.h"
#include "common/account.h"
#include "common/cpu_state.h"
#include "common/trap.h"

#include <signal.h>

struct sample_request {
	const struct bench *bench;
	const struct variant *variant;
	u64 iterations;	    /* asked of the guest */
	const char *args;   /* more of its command line, or NULL */
	u64 mem_size;	    /* bytes */
	const char *kernel; /* of Linux guests */
	const char *cpu;
	const struct backend *const *alike; /* as in struct vm_config */
	u64 timeout_ns;			    /* wall time of the guest; 0: none */
	const struct pin *pin;		    /* or NULL */
	bool count_blocks;		    /* also how often blocks of translated code run */
	bool account;			    /* for where the time goes (common/account.h) */
	struct traplog *log;		    /* cleared; of the traps between the marks, or NULL */
	bool count; /* open every counter there is, whatever it does to the cycles */
	const struct counters *counters; /* events to count, too; or NULL */
};

#define SAMPLE_CONSOLE	(64 * KiB)
#define SAMPLE_COUNTERS 256

struct sample_counter {
	char name[64];
	u64 value; /* between the guest's marks */
};

/* What the child hands over, in memory that both share. No bool among the fields that are read
 * after a crash: they may hold anything then. */
struct sample_raw {
	struct error error;	 /* why there is nothing more, or "" */
	u32 ended;		 /* 1: the machine stopped by itself and all below is filled */
	char stop[200];		 /* how, for a person; "" when through the exit port */
	int exit_status;	 /* of the exit port, or -1 */
	u64 start_ns;		 /* making the VM and loading the guest */
	u64 wall_ns;		 /* running it */
	u32 have_traps;		 /* 0 or 1 */
	struct trap_stats traps; /* between the marks */
	u32 have_account;	 /* 0 or 1 */
	struct account account;
	u32 nr_counters;
	struct sample_counter counter[SAMPLE_COUNTERS];
	struct counted counted[COUNTERS_MAX]; /* of the request's counters */
	u64 begin;		/* host's TSC just before the sample's process was made */
	u64 init_ticks;		/* from there to init's first line; 0: none came */
	struct cpu_state state; /* at the end */
	size_t console_len;	/* bytes printed on COM1; those beyond SAMPLE_CONSOLE are lost */
	char console[SAMPLE_CONSOLE];
};

/* The guest printed DATA[0..LEN): onto the console, as far as there is room. */
void sample_print(struct sample_raw *raw, const void *data, size_t len);

/* In the guest's stead: it cannot be run, for REASON. */
void sample_skip(struct sample_raw *raw, const struct bench *bench, const char *reason);

enum sample_status {
	SAMPLE_OK = VERDICT_OK,
	SAMPLE_FAIL = VERDICT_FAIL,
	SAMPLE_SKIP = VERDICT_SKIP,
};

struct sample {
	enum sample_status status;
	char reason[320];	/* of SKIP and FAIL, one line; "" with OK */
	struct verdict verdict; /* valid unless the reason says otherwise; always with OK */
	struct host_span host;	/* meanwhile */
	struct chunks chunks;	/* of a guest that was asked for its warm-up; else N is 0 */
	struct warmup warmup;	/* what that came to */
	const struct counters *counters; /* the request's */
	struct sample_raw *raw;		 /* always there; filled as far as the child got */
};

/*
 * Who does the work. BODY runs in the child and fills RAW; it may return, exit, crash or never
 * come back. Tests put their own here.
 */
struct sample_runner {
	void (*body)(void *arg, const struct sample_request *request, struct sample_raw *raw);
	void *arg;
	u64 grace_ns; /* after the time-out, before the child is killed */
};

/*
 * Take one sample. MASK is the signal mask to wait with (what it does not block can end the wait).
 * 0 with SAMPLE filled, to be freed with sample_free; -EINTR when a signal came: the child was
 * killed and nothing is left; another negative errno when no child could be made.
 */
int sample_take(const struct sample_runner *runner, const struct sample_request *request,
		const sigset_t *mask, struct sample *sample, struct error *err);
void sample_free(struct sample *sample);

/* Did an engine that runs guest code directly step all of it between the marks, for want of a host
 * that could? As its counters say, which only a sample taken with COUNT has. */
bool sample_stepped(const struct sample_raw *raw);

const char *sample_status_name(enum sample_status status);

#endif
