/* SPDX-License-Identifier: MIT */
#include "common/trapfiles.h"
#include "common/args.h"

#include <errno.h>
#include <string.h>

#define INTERVAL (10 * NSEC_PER_MSEC)

enum { OPT_DISTANCES = 512, OPT_HOT, OPT_TIMELINE, OPT_INTERVAL, OPT_SYMBOLS };

static const struct argp_option options[] = {
	{ "distances", OPT_DISTANCES, "FILE", 0,
	  "Write how far traps lie apart to FILE: a distribution in cycles of the host and, where "
	  "they are counted, in the guest's instructions",
	  3 },
	{ "hot", OPT_HOT, "FILE", 0,
	  "Write the guest's addresses by number of traps to FILE; -: print the first 20", 3 },
	{ "timeline", OPT_TIMELINE, "FILE", 0, "Write the traps of each slice of time to FILE", 3 },
	{ "interval", OPT_INTERVAL, "TIME", 0,
	  "How long a slice of --timeline is, 100us to 1000s (default 10ms)", 3 },
	{ "symbols", OPT_SYMBOLS, "FILE", 0,
	  "Where the names of the guest's addresses are: an ELF file, System.map, or a copy of "
	  "/proc/kallsyms (default: the guest's own file)",
	  3 },
	{ 0 }
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct trapfiles_ask *ask = state->input;

	switch (key) {
	case OPT_DISTANCES:
		ask->distances = arg;
		break;
	case OPT_HOT:
		ask->hot = arg;
		break;
	case OPT_TIMELINE:
		ask->timeline = arg;
		break;
	case OPT_INTERVAL:
		if (args_time(arg, 100 * 1000, 1000 * NSEC_PER_SEC, &ask->interval))
			argp_failure(state, argp_err_exit_status, 0,
				     "--interval takes a time from 100us to 1000s such as 10ms; "
				     "not '%s'",
				     arg);
		break;
	case OPT_SYMBOLS:
		ask->symbols = arg;
		break;
	case ARGP_KEY_END:
		if (ask->interval && !ask->timeline)
			argp_failure(state, argp_err_exit_status, 0,
				     "--interval is for --timeline FILE");
		break;
	default:
		return ARGP_ERR_UNKNOWN;
	}
	return 0;
}

const struct argp *trapfiles_argp(void)
{
	static const struct argp argp = { options, parse, NULL, NULL, NULL, NULL, NULL };

	return &argp;
}

static int open_file(FILE **f, const char *path, void (*header)(FILE *f), struct error *err)
{
	int r;

	if (!path)
		return 0;
	*f = fopen(path, "we");
	if (!*f)
		return fail(err, -errno, "cannot write %s: %s", path, strerror(errno));
	header(*f);
	r = csv_flush(*f);
	return r ? fail(err, r, "cannot write %s: %s", path, strerror(-r)) : 0;
}

/* For a person, on standard output? */
static bool hot_printed(const struct trapfiles *t)
{
	return t->ask.hot && !strcmp(t->ask.hot, "-");
}

static int open_hot(struct trapfiles *t, struct error *err)
{
	if (!hot_printed(t))
		return open_file(&t->hot, t->ask.hot, hot_header, err);
	t->hot = stdout;
	return 0;
}

static int read_symbols(struct trapfiles *t, struct error *err)
{
	int r;

	if (!t->ask.symbols)
		return 0;
	r = symbols_load(&t->symbols, t->ask.symbols, err);
	if (r || t->symbols.nr)
		return r;
	return fail(err, -EINVAL,
		    "%s names no functions: it is neither an ELF file with a symbol table nor a "
		    "list like System.map, or all addresses in it are 0",
		    t->ask.symbols);
}

int trapfiles_open(struct trapfiles *t, const struct trapfiles_ask *ask, FILE *trace,
		   struct error *err)
{
	int r;

	*t = (struct trapfiles){ .ask = *ask };
	r = read_symbols(t, err);
	if (!r)
		r = open_file(&t->distances, ask->distances, distances_header, err);
	if (!r)
		r = open_hot(t, err);
	if (!r)
		r = open_file(&t->timeline, ask->timeline, timeline_header, err);
	if (r || !(t->distances || t->hot || t->timeline || trace))
		return r;
	t->log = traplog_new();
	if (!t->log)
		return fail(err, -ENOMEM, "no memory to log traps in");
	t->log->trace = trace;
	t->log->places = t->distances || t->hot;
	if (t->timeline)
		t->log->interval = ask->interval ? ask->interval : INTERVAL;
	return 0;
}

void trapfiles_guest(struct trapfiles *t, const char *path)
{
	struct error err;

	if (!t->hot || t->ask.symbols)
		return;
	symbols_free(&t->symbols);
	if (path)
		symbols_load(&t->symbols, path, &err);
}

static int check(int r, const char *path, struct error *err)
{
	return r ? fail(err, r, "cannot write %s: %s", path, strerror(-r)) : 0;
}

int trapfiles_write(struct trapfiles *t, const struct csv_key *key, struct error *err)
{
	int r = 0;

	if (t->distances)
		r = check(distances_write(t->distances, key, t->log), t->ask.distances, err);
	if (hot_printed(t) && !r)
		r = check(hot_print(t->hot, key, t->log, &t->symbols), "standard output", err);
	else if (t->hot && !r)
		r = check(hot_write(t->hot, key, t->log, &t->symbols), t->ask.hot, err);
	if (t->timeline && !r)
		r = check(timeline_write(t->timeline, key, t->log), t->ask.timeline, err);
	return r;
}

static int close_file(FILE **f, const char *path, struct error *err)
{
	int r = csv_close(*f);

	*f = NULL;
	return r ? fail(err, r, "%s is incomplete: %s", path, strerror(-r)) : 0;
}

int trapfiles_close(struct trapfiles *t, struct error *err)
{
	int r = close_file(&t->distances, t->ask.distances, err);

	if (!hot_printed(t))
		r = close_file(&t->hot, t->ask.hot, err) ?: r;
	r = close_file(&t->timeline, t->ask.timeline, err) ?: r;
	symbols_free(&t->symbols);
	traplog_free(t->log);
	t->log = NULL;
	return r;
}
