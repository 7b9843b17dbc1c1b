/* SPDX-License-Identifier: MIT */
#include "bench/design.h"
#include "bench/options.h"
#include "bench/stats.h"
#include "common/args.h"

#include <string.h>

enum {
	OPT_PIN = 512,
	OPT_CI,
	OPT_MAX_REPS,
	OPT_MAX_TIME,
	OPT_WARMUP,
};

static void bad(struct argp_state *state, const char *option, const char *wants, const char *arg)
{
	argp_failure(state, EXIT_USAGE, 0, "%s takes %s; not '%s'", option, wants, arg);
}

/* "2%", or "2": a percentage either way. */
static void parse_ci(struct design *d, const char *arg, struct argp_state *state)
{
	char number[32];
	size_t len = strlen(arg);
	double percent = 0;

	len -= len && arg[len - 1] == '%';
	snprintf(number, sizeof(number), "%.*s", (int)len, arg);
	if (len >= sizeof(number) || args_real(number, 0, 100, &percent))
		bad(state, "--ci", "a percentage above 0 such as 2%", arg);
	d->ci = percent / 100;
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct design *d = state->input;
	double seconds;

	switch (key) {
	case OPT_PIN:
		d->pin = arg;
		break;
	case OPT_CI:
		parse_ci(d, arg, state);
		break;
	case OPT_MAX_REPS:
		if (args_number(arg, STATS_LEAST, 10000, &d->max_reps))
			bad(state, "--max-reps",
			    "a number from 6 (fewer samples have no 95 % interval) to 10000", arg);
		break;
	case OPT_MAX_TIME:
		if (args_real(arg, 0, 1e6, &seconds))
			bad(state, "--max-time", "seconds above 0, up to 1000000", arg);
		d->max_time_ns = (u64)(seconds * NSEC_PER_SEC);
		break;
	case OPT_WARMUP:
		d->chunks = 40;
		if (arg && args_number(arg, DESIGN_CHUNKS_LEAST, DESIGN_CHUNKS, &d->chunks))
			bad(state, "--warmup", "a number from 8 to 200", arg);
		break;
	case ARGP_KEY_END:
		if (d->ci <= 0 && (d->max_reps || d->max_time_ns))
			argp_failure(state, EXIT_USAGE, 0,
				     "--max-reps and --max-time are limits of --ci");
		break;
	default:
		return ARGP_ERR_UNKNOWN;
	}
	return 0;
}

static const struct argp_option options[] = {
	{ "cpu-pin", OPT_PIN, "LIST", 0,
	  "Pin the vCPU thread to the first processor of LIST (3 or 3,0-1) and all other threads "
	  "to "
	  "the rest of it; auto: to one that does nothing else",
	  2 },
	{ "ci", OPT_CI, "P%", 0,
	  "Go on beyond --reps until the 95 % interval of the median is no wider than P % of it to "
	  "each side, as in --ci 2%; what does not get there is said",
	  2 },
	{ "max-reps", OPT_MAX_REPS, "N", 0, "With --ci: at most N timed samples (default 50)", 2 },
	{ "max-time", OPT_MAX_TIME, "SEC", 0,
	  "With --ci: begin no sample beyond --reps when a benchmark has taken SEC seconds", 2 },
	{ "warmup", OPT_WARMUP, "K", OPTION_ARG_OPTIONAL,
	  "Begin every sample (but those of linux/*) with all its operations in K pieces (default "
	  "40) and say when a steady state is reached; takes twice the time",
	  2 },
	{ 0 }
};

const struct argp design_argp = { options, parse, NULL, NULL, NULL, NULL, NULL };

unsigned int design_least(const struct design *design, unsigned int reps)
{
	return design->ci > 0 && reps < STATS_LEAST ? STATS_LEAST : reps;
}

unsigned int design_most(const struct design *design, unsigned int reps)
{
	u64 most = design->max_reps ? design->max_reps : DESIGN_MAX_REPS;

	return design->ci > 0 && most > reps ? (unsigned int)most : reps;
}

bool design_done(const struct design *design, unsigned int reps, unsigned int nr, double relative,
		 u64 spent_ns)
{
	if (nr < reps)
		return false;
	if (design->ci <= 0 || relative <= design->ci)
		return true;
	return nr >= design_most(design, reps) ||
	       (design->max_time_ns && spent_ns >= design->max_time_ns);
}
