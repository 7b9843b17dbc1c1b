/* SPDX-License-Identifier: MIT */
/* fvbench selftest: an A/A run. Every variant takes part twice, and nothing may differ. */
#include "bench/aa.h"
#include "bench/commands.h"
#include "bench/meta.h"
#include "bench/metrics.h"
#include "bench/peer.h"
#include "bench/session.h"
#include "bench/table.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* A pair of variants for each of those that were asked for. */
static int make_twins(struct session *s, struct error *err)
{
	unsigned int n = s->run.variants;

	if (2 * n > VARIANTS_MAX)
		return fail(err, -EINVAL, "selftest takes up to %d backends", VARIANTS_MAX / 2);
	while (n--) {
		const struct variant one = s->variant[n];

		for (unsigned int i = 0; i < 2; i++) {
			struct variant *v = &s->variant[2 * n + i];

			*v = one;
			v->twin = (char)('A' + i);
			snprintf(v->label, sizeof(v->label), "%.310s %c", one.label, v->twin);
		}
	}
	s->run.variants *= 2;
	return 0;
}

static void put(FILE *f, const struct csv_key *key, const char *name, const char *unit, double v)
{
	char metric[80];

	snprintf(metric, sizeof(metric), "selftest.%s", name);
	if (isfinite(v))
		metrics_csv_row(f, key, metric, unit, v);
}

static void write_aa(const struct run *run, const struct result *a, const struct aa *aa)
{
	char options[CSV_OPTIONS], guest[RUN_GUEST];
	struct variant both = *a->variant;
	const struct csv_key key = {
		.run_id = run->run_id,
		.backend = both.backend->name,
		.engine = both.engine,
		.options = options,
		.host_kind = run->host_kind,
		.guest = guest,
		.bench = a->bench->name,
		.iterations = run_share(run, &both, a->bench, run_iterations(run, a->bench)),
	};
	FILE *f = run->samples.file;

	both.twin = '\0';
	run_options(run, &both, run_memory(run, a->bench), options, sizeof(options));
	run_guest(a->bench, guest, sizeof(guest));
	put(f, &key, "ratio", "ratio", aa->ratio.value);
	put(f, &key, "ratio_low", "ratio", aa->ratio.range.low);
	put(f, &key, "ratio_high", "ratio", aa->ratio.range.high);
	put(f, &key, "noise_floor", "share", aa->floor);
	put(f, &key, "smallest_difference", "share", aa->least);
	put(f, &key, "differs", "count", aa->differs);
	put(f, &key, "p", "share", aa->ratio.p);
}

static void write_sum(const struct run *run, const struct aa_sum *sum)
{
	const struct csv_key key = { .run_id = run->run_id,
				     .backend = "",
				     .engine = "",
				     .options = "",
				     .host_kind = run->host_kind,
				     .guest = "",
				     .bench = "",
				     .iterations = sum->known };
	FILE *f = run->samples.file;

	put(f, &key, "pairs", "count", (double)sum->known);
	put(f, &key, "false_differences", "count", (double)sum->differ);
	put(f, &key, "false_significances", "count", (double)sum->significant);
	put(f, &key, "false_rate", "share", sum->rate);
	put(f, &key, "false_rate_low", "share", sum->range.low);
	put(f, &key, "false_rate_high", "share", sum->range.high);
	put(f, &key, "chance", "share", sum->chance);
	put(f, &key, "smallest_difference_median", "share", sum->median);
	put(f, &key, "smallest_difference_worst", "share", sum->worst);
}

#define CELL 32

static void print_pair(const struct result *a, const struct aa *aa, int width)
{
	char ratio[CELL], low[CELL], high[CELL];

	/* Without the A. */
	printf("%-*s  %-20.*s", width, a->bench->name, (int)strlen(a->variant->label) - 2,
	       a->variant->label);
	if (!aa->known) {
		printf("  %s\n",
		       a->reason[0] ? a->reason : "no ratio: too few samples, or it costs nothing");
		return;
	}
	snprintf(ratio, sizeof(ratio), "%.4f", aa->ratio.value);
	snprintf(low, sizeof(low), "%.4f", aa->ratio.range.low);
	snprintf(high, sizeof(high), "%.4f", aa->ratio.range.high);
	printf("  %7s  %8s .. %-8s  %8.2f %%  %8.2f %%%s\n", ratio, low, high, 100 * aa->floor,
	       100 * aa->least, aa->differs ? "  DIFFERS" : "");
}

static void print_sum(const struct aa_sum *sum, const struct result *result)
{
	const struct result *worst = &result[2 * sum->worst_index];

	if (!sum->known) {
		puts("\nNothing could be compared.");
		return;
	}
	printf("\nFalse differences: %" PRIu64 " of %" PRIu64
	       ", %.1f %% (95 %% interval %.1f to %.1f %%); 5 %% are to be expected.\n",
	       sum->differ, sum->known, 100 * sum->rate, 100 * sum->range.low,
	       100 * sum->range.high);
	printf("Significant by the test of fvbench compare, one by one: %" PRIu64 " of %" PRIu64
	       ".\n",
	       sum->significant, sum->known);
	printf("With so many samples this host can show differences of %.1f %% (median) to %.1f %% "
	       "(%s) and above.\n",
	       100 * sum->median, 100 * sum->worst, worst->bench->name);
	printf(aa_sound(sum)
		       ? "That is no more than chance explains (%.2g).\n"
		       : "That is more than chance explains (%.2g): intervals are too narrow here. "
			 "Pin, quieten the host, take more samples.\n",
	       sum->chance);
}

static void print_all(const struct run *run, const struct result *result, const struct aa *aa)
{
	unsigned int n = run->benches * run->variants / 2;
	int width = (int)strlen("benchmark");

	for (unsigned int i = 0; i < run->benches; i++)
		if ((int)strlen(run->bench[i]->name) > width)
			width = (int)strlen(run->bench[i]->name);
	printf("%-*s  %-20s  %7s  %20s  %10s  %10s\n", width, "benchmark", "backend", "A / B",
	       "95 % interval", "scatter", "shows from");
	for (unsigned int i = 0; i < n; i++)
		if (result[2 * i].taken)
			print_pair(&result[2 * i], &aa[i], width);
}

/* What the samples come to, on paper and in the file; the exit status. */
static int conclude(const struct run *run, const struct result *result, struct error *err)
{
	unsigned int n = run->benches * run->variants / 2;
	struct aa *aa = calloc(n + 1, sizeof(*aa));
	bool failed = false;
	struct aa_sum sum;

	if (!aa) {
		fail(err, -ENOMEM, "out of memory");
		return complain("selftest", err, EXIT_HOST);
	}
	for (unsigned int i = 0; i < n; i++) {
		const struct result *a = &result[2 * i];

		aa[i] = aa_of(a, a + 1);
		failed |= a[0].status == SAMPLE_FAIL || a[1].status == SAMPLE_FAIL;
		if (run->samples.file && aa[i].known)
			write_aa(run, a, &aa[i]);
	}
	sum = aa_sum(aa, n);
	print_all(run, result, aa);
	print_sum(&sum, result);
	if (run->samples.file)
		write_sum(run, &sum);
	free(aa);
	return failed || !aa_sound(&sum) ? EXIT_BENCH_FAILED : EXIT_FINE;
}

static int take_and_judge(struct session *s, struct error *err)
{
	struct result *result = run_results(&s->run);
	int signo = 0, status, ret;

	if (!result) {
		fail(err, -ENOMEM, "out of memory");
		return complain("selftest", err, EXIT_HOST);
	}
	ret = run_samples(&s->run, &s->runner, result, &signo, err);
	if (ret && ret != -EINTR)
		complain("selftest", err, EXIT_HOST);
	status = conclude(&s->run, result, err);
	run_results_free(&s->run, result);
	return ret == -EINTR ? 128 + signo : ret ? EXIT_HOST : status;
}

int cmd_selftest(int argc, char **argv)
{
	struct session s = { 0 };
	struct error err = { "" };
	int ret, status;

	options_selftest(&s.o, argc, argv);
	ret = session_init(&s, with_peers(backends), &err);
	if (!ret)
		ret = make_twins(&s, &err);
	s.run.samples.path = s.o.csv;
	s.run.uncounted = true;
	if (!s.o.reps)
		s.run.reps = 10;
	if (!ret)
		ret = record_open(&s.run.samples, metrics_csv_header, &err);
	if (!ret)
		ret = meta_write_file(s.o.meta, &s.run, s.guests, &err);
	if (ret) {
		session_fini(&s);
		return complain("selftest", &err, ret == -ENOSPC ? EXIT_HOST : EXIT_USAGE);
	}
	status = take_and_judge(&s, &err);
	if (record_close(&s.run.samples, &err) && !status)
		status = complain("selftest", &err, EXIT_HOST);
	session_fini(&s);
	return status;
}
