/* SPDX-License-Identifier: MIT */
/*
 * What several result files say together: which benchmarks, which variants, and all values of
 * something for each pair of those.
 *
 * A variant is what ran the guest, as --backend has it: the backend, the engine after a colon, and
 * those options in which the files' variants of that engine differ ("swbt:bt",
 * "swbt:bt:bt-inline=off"). How much RAM a guest had tells variants apart only where one benchmark
 * had both. Results of emulated hosts are variants of their own, with "@emulated" at the end: their
 * counts are real, their times are not. Where there are results of both kinds of other hosts, they
 * are told apart, too
 * ("@nested", "@native").
 */
#ifndef FVB_BENCH_DATA_H
#define FVB_BENCH_DATA_H

#include "bench/read.h"
#include "common/csv.h"

#include <stdio.h>

struct data_variant {
	char label[CSV_OPTIONS + 96];
	const char *backend, *engine, *options, *host_kind; /* of the first row that is of it */
	bool emulated;
};

struct data {
	struct csv_file *file;
	unsigned int files;
	const char *
		*bench; /* names in the order in which they first come; "": a whole run of fvm's */
	unsigned int benches;
	struct data_variant *variant; /* in the same order */
	unsigned int variants;
	u32 **row_bench, **row_variant; /* of each file's each row */
};

/*
 * Read the N files at PATH into D, which is freed with data_free. 0, or a negative errno as
 * read_file has it. What was left out of a file is told on NOTES, a line each, after PREFIX and a
 * colon.
 */
int data_load(struct data *d, const char *const *path, unsigned int n, const char *prefix,
	      FILE *notes, struct error *err);
/* The same for FILE[0..N), which were read already and are D's from now on, also on failure. */
int data_index(struct data *d, struct csv_file *file, unsigned int n, struct error *err);
void data_free(struct data *d);

enum data_reps {
	DATA_TIMED,    /* samples that were timed, not the counting ones */
	DATA_COUNTING, /* those alone: their rep is blank */
	DATA_ALL
};

/* Which numbers: those in column VALUE of rows of files of KIND whose COLUMN says EQUALS. */
struct data_query {
	enum read_kind kind;
	const char *column, *equals; /* "metric", "cycles_per_op"; COLUMN NULL: every row */
	const char *value;
	enum data_reps reps;
	int file; /* -1: all */
};

/* All timed samples of METRIC. */
#define DATA_METRIC(metric)                                             \
	(struct data_query)                                             \
	{                                                               \
		READ_SAMPLES, "metric", metric, "value", DATA_TIMED, -1 \
	}

/* The numbers for one benchmark and variant, in the order of the rows. Blank fields are left out.
 */
struct series {
	size_t nr;
	double *value;
	struct data_at {
		const char *run_id;
		unsigned int rep; /* 0: blank */
		u32 file, row;	  /* row: an index for read_cell, not a line */
	} * at;			  /* where each is from */
};

/*
 * What Q asks for: (*S)[bench * d->variants + variant], freed with series_free. Series without
 * numbers have nr 0. 0 or -ENOMEM.
 */
int data_series(const struct data *d, const struct data_query *q, struct series **s,
		struct error *err);
void series_free(const struct data *d, struct series *s);

/* The first that is not "ok" of the status rows of each benchmark and variant ("skip: ...", "fail:
 * ..."), in the same order; NULL where there is none. Freed with free. NULL: no memory. */
const char **data_status(const struct data *d, int file);

/* The index of the variant that NAME names: its whole label, or a beginning up to a ':' or '@' that
 * fits one label alone. -EINVAL: none or several, ERR lists them. */
int data_find_variant(const struct data *d, const char *name, struct error *err);

/* Does BENCH match one of GLOB[0..GLOBS), or are there none? '*' matches '/', too. */
bool data_wants(const char *bench, const char *const *glob, unsigned int globs);

#endif
