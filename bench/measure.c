/* SPDX-License-Identifier: MIT */
/* fvbench run and traps: samples of every benchmark and variant, files, a table. */
#include "bench/commands.h"
#include "bench/costs.h"
#include "bench/meta.h"
#include "bench/metrics.h"
#include "bench/overhead.h"
#include "bench/peer.h"
#include "bench/goals_table.h"
#include "bench/session.h"
#include "bench/table.h"
#include "common/accountcsv.h"
#include "common/trapcsv.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Is there something to compare with, and something to compare? */
static bool has_peers(const struct session *s)
{
	bool peers = false;

	for (unsigned int i = 0; i < s->run.variants; i++)
		peers |= s->variant[i].backend == &peer_native ||
			 s->variant[i].backend == &peer_qemu_tcg;
	return peers && s->alike[0];
}

/* Against peers: a table of ratios, also into the file that was asked for. */
static int print_comparison(const struct session *s, const struct result *result, struct error *err)
{
	struct comparison *c = calloc(s->run.benches + 1, sizeof(*c));

	if (!c)
		return fail(err, -ENOMEM, "out of memory");
	for (unsigned int i = 0; i < s->run.benches; i++)
		c[i] = compare(&result[i * s->run.variants], s->run.variants);
	goals_print(stdout, false, s->alike[0]->name, c, s->run.benches);
	if (s->report.file)
		goals_print(s->report.file, true, s->alike[0]->name, c, s->run.benches);
	free(c);
	return 0;
}

/* It has a column for one of ours, native and TCG; of all others the usual table tells. */
static bool fits_comparison(const struct session *s)
{
	unsigned int ours = 0;

	for (unsigned int i = 0; i < s->run.variants; i++)
		ours += !is_peer(s->variant[i].backend) || s->variant[i].backend == &peer_qemu_kvm;
	return ours == 1;
}

static int print_results(const struct session *s, const struct result *result, struct error *err)
{
	if (s->costs) {
		costs_print(stdout, &s->run, result, false);
		if (s->report.file)
			costs_print(s->report.file, &s->run, result, true);
		return 0;
	}
	if (!has_peers(s) || !fits_comparison(s))
		table_print(stdout, result, s->run.benches, s->run.variants, s->run.host_kind);
	return has_peers(s) ? print_comparison(s, result, err) : 0;
}

/* Samples, table, and the exit status that they come to. */
static int run_and_print(struct session *s, struct error *err)
{
	size_t n = (size_t)s->run.benches * s->run.variants;
	struct result *result = run_results(&s->run);
	int signo = 0, status = EXIT_FINE, ret;

	if (!result) {
		fail(err, -ENOMEM, "out of memory");
		return complain("run", err, EXIT_HOST);
	}
	if (s->run.overhead.file)
		s->run.parts = overhead_new(s->run.benches, s->run.variants);
	ret = run_samples(&s->run, &s->runner, result, &signo, err);
	if (ret && ret != -EINTR)
		status = complain("run", err, EXIT_HOST);
	if (print_results(s, result, err))
		status = complain("run", err, EXIT_HOST);
	table_unsteady(stdout, result, (unsigned int)n);
	if (s->run.design.ci > 0)
		table_wide(stdout, result, (unsigned int)n, s->run.design.ci);
	overhead_print(stdout, &s->run);
	free(s->run.parts);
	countsum_print(stdout, &s->countsum);
	countsum_complain(stderr, &s->countsum, "fvbench run");
	for (size_t i = 0; i < n; i++)
		if (!status && result[i].status == SAMPLE_FAIL)
			status = EXIT_BENCH_FAILED;
	run_results_free(&s->run, result);
	return ret == -EINTR ? 128 + signo : status;
}

static void no_header(FILE *f)
{
	(void)f;
}

/* All files, so that one that cannot be written does not cost a run. */
static int open_files(struct session *s, struct error *err)
{
	int ret = 0;

	s->run.samples.path = s->o.csv;
	s->run.traps.path = s->o.traps;
	s->run.overhead.path = s->o.overhead;
	s->report.path = s->o.report;
	if (s->o.report && !has_peers(s) && !s->costs)
		ret = fail(err, -EINVAL,
			   "--report compares a backend with native or qemu-tcg: "
			   "--backend native,swbt,qemu-tcg");
	if (!ret)
		ret = record_open(&s->run.samples, metrics_csv_header, err);
	if (!ret)
		ret = record_open(&s->run.traps, trapcsv_header, err);
	if (!ret)
		ret = record_open(&s->run.overhead, accountcsv_header, err);
	if (!ret)
		ret = record_open(&s->report, no_header, err);
	if (!ret)
		ret = trapfiles_open(&s->single, &s->o.single, NULL, err);
	if (s->report.file && !s->costs)
		goals_head(s->report.file, &s->run);
	return ret ? ret : meta_write_file(s->o.meta, &s->run, s->guests, err);
}

/* What --events asks for and nobody can give, before the run is waited for. */
static void complain_of_events(const struct session *s)
{
	counters_complain(&s->counters, stderr, "fvbench run");
	for (unsigned int i = 0; s->run.counters && i < s->run.variants; i++)
		if (is_peer(s->variant[i].backend) && s->variant[i].backend != &peer_native)
			fprintf(stderr,
				"fvbench run: no events are counted of %s: nobody sees the marks "
				"of its guest\n",
				s->variant[i].label);
}

static int run_session(struct session *s, const char *command)
{
	struct error err = { "" };
	int ret = session_init(s, with_peers(backends), &err), status;

	if (!ret)
		ret = open_files(s, &err);
	if (ret) {
		session_fini(s);
		return complain(command, &err, ret == -ENOSPC ? EXIT_HOST : EXIT_USAGE);
	}
	complain_of_events(s);
	status = run_and_print(s, &err);
	if (record_close(&s->run.samples, &err) && !status)
		status = complain(command, &err, EXIT_HOST);
	if (record_close(&s->run.traps, &err) && !status)
		status = complain(command, &err, EXIT_HOST);
	if (trapfiles_close(&s->single, &err) && !status)
		status = complain(command, &err, EXIT_HOST);
	if (record_close(&s->run.overhead, &err) && !status)
		status = complain(command, &err, EXIT_HOST);
	if (record_close(&s->report, &err) && !status)
		status = complain(command, &err, EXIT_HOST);
	session_fini(s);
	return status;
}

int cmd_run(int argc, char **argv)
{
	struct session s = { 0 };

	options_run(&s.o, argc, argv);
	return run_session(&s, "run");
}

int cmd_traps(int argc, char **argv)
{
	struct session s = { .costs = true };

	options_traps(&s.o, argc, argv);
	costs_defaults(&s.o, s.costly, sizeof(s.costly));
	return run_session(&s, "traps");
}
